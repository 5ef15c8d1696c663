"""The app as one tool: from an image to all about it and back, links that open the same, the tour."""

import re

from playwright.sync_api import expect

STORY = {
    "Take the tour": {"preset": "quick", "run": "quick", "tour": 1},
    "Next: Open shirt against T-shirt": {"run": "quick", "split": "test", "true": 6, "pred": 0, "tour": 2},
    "Next: See them on the map": {"run": "quick", "split": "test", "selected": "t6p0", "tour": 3},
    "Next: Try a photo": {"run": "photo", "tour": 4},
    "Next: Compare with a paper": {"system": "codered-final", "tour": 5},
    "Next: Change one thing": {"preset": "quick", "run": "quick", "tour": 6},
}


def test_from_an_image_to_its_place_and_a_neighbour_each_a_step_that_back_takes_again(tab):
    opened = tab().open("/confusions?run=quick&split=test")
    opened.cell("Shirt", "Coat").click()
    opened.at(run="quick", split="test", true=6, pred=4).settle()
    opened.main.get_by_role("button", name=re.compile("a shirt: taken for Coat")).first.click()
    expect(opened.page).to_have_url(re.compile("image="))
    card = opened.query
    opened.main.get_by_role("link", name="On the map").click()
    opened.on("Embeddings").at(run="quick", split="test", image=card["image"])
    opened.page.go_back()
    opened.on("Confusions").at(**card)
    opened.main.get_by_role("button", name=re.compile("^Training image")).first.click()
    opened.on("Data").sees(re.compile("^Nearest training images"))
    assert opened.query["split"] == "train"
    opened.main.get_by_role("link", name="In the confusion matrix").click()
    opened.on("Confusions")
    assert opened.query["split"] == "train"
    opened.page.go_back()
    opened.on("Data").sees(re.compile("^Nearest training images")).page.go_back()
    opened.on("Confusions").at(**card)
    expect(opened.main.get_by_role("link", name="On the map")).to_be_visible()
    opened.page.go_forward()
    opened.on("Data")


def test_two_steps_back_at_once_leave_the_steps_forward(tab):
    opened = tab().open("/confusions?run=solid").on("Confusions")
    pages = opened.page.get_by_role("navigation", name="App pages")
    for name in ("Embeddings", "Data"):
        pages.get_by_role("link", name=name).click()
        opened.on(name)
    steps = opened.page.evaluate("history.length")
    opened.page.evaluate("history.back(); setTimeout(() => history.back(), 5)")
    opened.on("Confusions").at(run="solid")
    assert opened.page.evaluate("history.length") == steps
    for name in ("Embeddings", "Data"):
        opened.page.go_forward()
        opened.on(name)
    assert f"/{name.lower()}?" in opened.page.url


def test_a_page_opened_from_the_sidebar_goes_on_with_the_chosen_run(tab):
    opened = tab().open("/confusions?run=solid")
    navigation = opened.page.get_by_role("navigation", name="App pages")
    navigation.get_by_role("link", name="Embeddings").click()
    expect(opened.page).to_have_url(re.compile(r"/embeddings\?run=solid$"))
    opened.page.go_back()
    expect(opened.page).to_have_url(re.compile(r"/confusions\?run=solid$"))


def test_a_copied_link_opens_the_same_in_a_fresh_browser(tab):
    opened = tab(permissions=["clipboard-read", "clipboard-write"]).open("/embeddings?run=quick&method=pca")
    opened.main.get_by_label("Colour by").select_option("right")
    opened.button("Settings").click()
    field = opened.page.get_by_role("spinbutton", name="Sample")  # a popover is not in the main part
    field.fill("2000")
    field.press("Enter")
    opened.sees(re.compile("of 2,000 images are misclassified")).settle()
    opened.page.keyboard.press("Escape")
    opened.page.get_by_role("button", name="Copy link").click()
    expect(opened.page.get_by_test_id("stSidebar").get_by_text("Copied")).to_be_visible()
    fresh = tab()
    fresh.page.goto(opened.page.evaluate("navigator.clipboard.readText()"))
    expect(fresh.main.get_by_label("Colour by")).to_have_value("right")
    fresh.button("Settings").click()
    expect(fresh.page.get_by_role("spinbutton", name="Sample")).to_have_value("2000")

    opened.open("/confusions?run=quick&true=6&pred=0")
    opened.main.get_by_role("combobox", name="Order of images").click()
    opened.page.get_by_role("option", name="by number").click()
    expect(opened.images.first).to_have_attribute("aria-label", re.compile("^Test image 40,"))
    opened.settle().page.get_by_role("button", name="Copy link").click()
    expect(opened.page.get_by_test_id("stSidebar").get_by_text("Copied")).to_be_visible()
    assert "images_order" in opened.page.evaluate("navigator.clipboard.readText()")


def test_without_https_the_link_is_copied_too(tab):
    opened = tab().open("/data?class=6")
    opened.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    opened.page.get_by_role("button", name="Copy link").click()
    expect(opened.page.get_by_test_id("stSidebar").get_by_text("Copied")).to_be_visible()


def test_the_tour_goes_through_its_story_and_a_new_visit_goes_on(tab):
    opened = tab().open("/")
    for words, place in STORY.items():
        opened.main.get_by_role("link", name=words).click()
        opened.at(**place)
        opened.sees(re.compile(rf"^Tour, {place['tour']} of 6"))
        opened.settle()
    opened.page.go_back()
    opened.sees(re.compile("^Tour, 5 of 6"))
    assert opened.violations() == []
    opened.page.goto(opened.server.url)
    opened.main.get_by_role("link", name="Go on with the tour: Compare with a paper").click()
    opened.sees(re.compile("^Tour, 5 of 6"))
    opened.press("End the tour").at(system="codered-final")
    expect(opened.main.get_by_text(re.compile("^Tour, "))).to_have_count(0)


def test_the_neighbours_of_a_photo_lead_to_their_cards_and_the_photo_stays(tab):
    opened = tab().open("/predict")
    opened.main.get_by_role("button", name="Sample: Ankle boot").click()
    opened.main.get_by_role("radio", name="Where it looks").click()
    opened.main.get_by_role("button", name=re.compile("^Training image")).first.click()
    expect(opened.page).to_have_url(re.compile(r"/data\?run=photo&split=train"))
    opened.page.go_back()
    opened.sees("Sample Ankle boot")
