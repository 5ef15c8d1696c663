"""The Confusions and the Data page with the shipped run: what is pressed is what is shown, with mouse and keyboard."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from fmexplore.data.fashion_mnist import CLASS_NAMES, SplitConfig
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.settings import SHIPPED
from fmexplore.ui import formatting

PAGE = 200
# Pages and views, and a text that is there once they are.
PLACES = {
    "/confusions?run=quick&split=validation&true=6": "the finished network",
    "/confusions?run=quick&true=6&pred=0&image=18": "Evidence for",
    "/confusions?run=quick&view=pair": "Most typical shirts",
    "/confusions?run=quick&view=figures": "Coverage at 99",
    "/confusions?run=quick&view=runs&other=solid&split=test": "They disagree on",
    "/confusions?run=quick&view=suspects": "labels are likely errors",
    "/data": "6,000 of each",
    "/data?split=test&class=6": "All 1,000 shirts",
    "/data?split=test&class=6&image=18": "Evidence for",
}


@pytest.fixture
def quick() -> Run:
    return Run(SHIPPED / "quick", shipped=True)


@pytest.fixture
def predictions(quick, real, server) -> Predictions:
    """Those that are shipped, of the test images."""
    found = Derived(quick, server.store.settings).read_predictions("test", real)
    assert found
    return found


def in_cell(found: Predictions, true: int, said: int) -> set[int]:
    return set(np.flatnonzero((found.labels == true) & (found.predicted == said)).tolist())


def number_of(label: str) -> int:
    """Of the image that a gallery calls so."""
    return int(re.search(r" image ([\d,]+),", label)[1].replace(",", ""))


# --- the matrix and its images ---


def test_a_cell_shows_exactly_its_images(tab, predictions):
    opened = tab().open("/confusions?run=quick")
    count, wanted = opened.count("Shirt", "T-shirt/top"), in_cell(predictions, 6, 0)
    assert count == len(wanted)
    opened.cell("Shirt", "T-shirt/top").click()
    opened.sees(f"{count} of 1,000 shirts are taken for {formatting.plural(0)}").at(run="quick", true=6, pred=0)
    expect(opened.images).to_have_count(count)
    labels = opened.labels
    assert all(re.match(r"Test image [\d,]+, a shirt: taken for T-shirt/top, \d+\s% sure$", label) for label in labels)
    assert {number_of(label) for label in labels} == wanted
    assert opened.images.all_inner_texts() == sorted(opened.images.all_inner_texts(), reverse=True), "most sure first"
    expect(opened.cell("Shirt", "T-shirt/top")).to_have_attribute("aria-pressed", "true")


def test_ctrl_click_marks_several_cells(tab, predictions):
    opened = tab().open("/confusions?run=quick&true=6&pred=0")
    opened.cell("T-shirt/top", "Shirt").click(modifiers=["Control"])
    opened.at(run="quick", true="6,0", pred="0,6")
    both = in_cell(predictions, 6, 0) | in_cell(predictions, 0, 6)
    expect(opened.images).to_have_count(len(both))
    assert {number_of(label) for label in opened.labels} == both
    for cell in (("Shirt", "T-shirt/top"), ("T-shirt/top", "Shirt")):
        expect(opened.cell(*cell)).to_have_attribute("aria-pressed", "true")


def test_it_is_all_done_by_keyboard(tab, predictions):
    opened = tab().open("/confusions?run=quick")
    opened.sees("images are misclassified")
    opened.tab_to("true T-shirt/top, predicted T-shirt/top").keys(*["ArrowDown"] * 6, "ArrowRight", "ArrowLeft")
    opened.focus("true Shirt, predicted T-shirt/top").keys("Enter").at(run="quick", true=6, pred=0)
    expect(opened.images).to_have_count(opened.count("Shirt", "T-shirt/top"))
    opened.focus("true Shirt, predicted T-shirt/top")  # it can go on from where it was
    opened.tab_to(r"Test image [\d,]+, a shirt: taken for T-shirt/top")
    labels = opened.labels
    opened.focus(re.escape(labels[0])).keys("ArrowRight", "ArrowRight", "ArrowLeft").focus(re.escape(labels[1]))
    opened.keys("Enter").at(run="quick", true=6, pred=0, image=number_of(labels[1]))
    expect(opened.card.get_by_text(f"2 of {len(labels)}", exact=True)).to_be_visible()
    opened.keys("ArrowRight").at(run="quick", true=6, pred=0, image=number_of(labels[2]))
    expect(opened.card.get_by_text(f"3 of {len(labels)}", exact=True)).to_be_visible()
    opened.keys("ArrowLeft").at(run="quick", true=6, pred=0, image=number_of(labels[1]))
    expect(opened.card.get_by_text(f"2 of {len(labels)}", exact=True)).to_be_visible()
    opened.keys("Escape").at(run="quick", true=6, pred=0)
    expect(opened.images).to_have_count(len(labels))
    opened.focus(re.escape(labels[1]))
    opened.keys("ArrowRight").focus(re.escape(labels[2]))


def test_a_link_shows_the_same_to_someone_else(tab):
    mine, theirs = tab().open("/confusions?run=quick"), tab()
    mine.cell("Coat", "Pullover").click()
    expect(mine.images).to_have_count(mine.count("Coat", "Pullover"))
    labels = mine.labels
    theirs.page.goto(mine.page.url)
    expect(theirs.images).to_have_count(len(labels))
    assert theirs.labels == labels
    mine.images.nth(4).click()
    mine.at(run="quick", true=4, pred=2, image=number_of(labels[4]))
    theirs.page.goto(mine.page.url)
    for opened in (mine, theirs):
        title = f"Test image {number_of(labels[4]):,}, a coat: taken for Pullover"
        expect(opened.main.get_by_role("heading", name=title)).to_be_visible()
        expect(opened.card.get_by_text(f"5 of {len(labels)}", exact=True)).to_be_visible()
    shares = [opened.card.locator(".number").all_inner_texts() for opened in (mine, theirs)]
    assert shares[0] == shares[1] != []


def test_back_and_forward_walk_through_what_was_looked_at(tab):
    opened = tab().open("/confusions?run=quick")
    opened.sees("images are misclassified")
    opened.cell("Sneaker", "Ankle boot").click()
    count = opened.count("Sneaker", "Ankle boot")
    cell = {"run": "quick", "true": 7, "pred": 9}
    opened.at(**cell)
    expect(opened.images).to_have_count(count)
    number = number_of(opened.labels[1])
    opened.images.nth(1).click()
    opened.at(**cell, image=number)
    expect(opened.card).to_be_visible()

    opened.page.go_back()
    opened.at(**cell)
    expect(opened.card).to_have_count(0)
    expect(opened.images).to_have_count(count)
    opened.page.go_back()
    opened.at(run="quick").sees("images are misclassified")
    expect(opened.cell("Sneaker", "Ankle boot")).to_have_attribute("aria-pressed", "false")
    opened.page.go_forward()
    opened.at(**cell)
    expect(opened.images).to_have_count(count)
    expect(opened.cell("Sneaker", "Ankle boot")).to_have_attribute("aria-pressed", "true")
    opened.page.go_forward()
    opened.at(**cell, image=number)
    expect(opened.card).to_be_visible()


def test_a_press_on_an_image_that_is_gone_when_it_arrives_changes_nothing(tab):
    opened = tab().open("/confusions?run=quick&split=test")
    held = opened.images.first.element_handle()
    opened.cell("Bag", "Bag").click()
    cell = {"run": "quick", "split": "test", "true": 8, "pred": 8}
    opened.at(**cell).sees(re.compile("bags are recognised")).settle()
    held.evaluate("(button) => button.click()")
    opened.page.wait_for_timeout(500)  # nothing is to happen
    opened.settle().at(**cell).sees(re.compile("bags are recognised"))


def test_the_views_are_steps_in_the_history_too(tab):
    opened = tab().open("/confusions?run=quick")
    opened.main.get_by_role("radio", name="Metrics").click()
    opened.at(run="quick", view="figures").sees("Coverage at 99")
    opened.page.go_back()
    opened.at(run="quick").sees("images are misclassified")
    expect(opened.main.get_by_role("radio", name="Matrix")).to_be_checked()


def test_the_card_has_probabilities_neighbours_and_where_it_looks(tab, predictions, real):
    number = 18
    opened = tab().open(f"/confusions?run=quick&image={number}")
    said = CLASS_NAMES[predictions.predicted[number]]
    verdict = "recognised" if predictions.right[number] else f"taken for {said}"
    opened.sees(re.compile(f"^{formatting.image_name('test', number, real.test.labels[number])}: {verdict}"))
    expect(opened.card.locator(".number")).to_have_count(10)
    shares = [float(text.split()[0]) for text in opened.card.locator(".number").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.5)  # each is rounded
    assert shares == pytest.approx(100 * predictions.probabilities[number], abs=0.06)

    nearest = opened.main.get_by_role("group", name="Nearest training images").get_by_role("button")
    expect(nearest).to_have_count(8)
    for name in nearest.evaluate_all("all => all.map((each) => each.ariaLabel)"):
        which = number_of(name)
        named = formatting.image_name("train", which, real.train.labels[which])
        assert re.fullmatch(rf"{named}, distance [\d.]+", name)
    expect(opened.main.get_by_role("group", name="Grad-CAM").get_by_role("img")).to_have_count(2)
    opened.sees("Evidence for")


def test_a_list_beside_the_card_stays_where_it_was(tab):
    opened = tab().open("/confusions?run=quick&view=suspects").sees("labels are likely errors")
    expect(opened.images).not_to_have_count(0)
    label = opened.labels[60]
    opened.images.nth(60).click()
    expect(opened.card.get_by_text(re.compile("^61 of "))).to_be_visible()
    opened.sees("Evidence for").settle().focus(re.escape(label))
    assert opened.main.locator(".gallery.bounded").evaluate("list => list.scrollTop") > 0


# --- how it came about ---

# Remembers each caption below the matrix, and where the slider stands then.
FOLLOW = """(output) => {
  const slider = output.parentElement.querySelector("input");
  const look = () => (window.seen ??= []).push([Number(slider.value), output.textContent]);
  new MutationObserver(look).observe(output, {childList: true, characterData: true, subtree: true});
}"""


def test_play_goes_through_the_snapshots_to_the_finished_network(tab, quick):
    opened = tab().open(f"/confusions?run=quick&split=validation&snapshot={quick.snapshot_steps()[0]}")
    caption, play = opened.main.locator("output"), opened.main.get_by_role("button", name="Play", exact=True)
    expect(caption).to_contain_text("before training")
    caption.evaluate(FOLLOW)
    play.click()
    opened.cell("Bag", "Bag").click()  # the page is drawn again meanwhile
    expect(caption).to_contain_text("the finished network")
    expect(play).to_be_visible()
    opened.at(run="quick", split="validation", true=8, pred=8).sees(re.compile("bags are recognised"))
    frames = list(dict.fromkeys(frame for frame, _ in opened.page.evaluate("window.seen")))
    last = int(opened.main.get_by_role("slider", name="Moment of the training").get_attribute("max"))
    assert frames == list(range(frames[0], last + 1)), "none is left out"
    assert frames[0] <= 1


def test_the_slider_is_moved_by_keyboard(tab, quick, eventually):
    opened = tab().open("/confusions?run=quick&split=validation&true=6&pred=0")
    caption = opened.main.locator("output")
    expect(caption).to_contain_text("the finished network")
    end = opened.count("Shirt", "T-shirt/top")
    opened.main.get_by_role("slider", name="Moment of the training").focus()
    opened.keys("ArrowLeft")
    steps = quick.snapshot_steps()
    expect(caption).to_contain_text("epoch 1.")
    expect(opened.page).to_have_url(re.compile(r"snapshot=\d+"))
    now = int(opened.query["snapshot"])
    assert now in steps[-2:]
    labels = quick.read_snapshot(now)[0]
    count = int(((labels["labels"] == 6) & (labels["logits"].argmax(1) == 0)).sum())
    expect(opened.images).to_have_count(count)
    eventually(lambda: opened.count("Shirt", "T-shirt/top") == count)
    assert count != end
    opened.keys("Home")
    opened.at(run="quick", split="validation", true=6, pred=0, snapshot=steps[0])
    opened.focus("Moment of the training").keys("End")
    opened.at(run="quick", split="validation", true=6, pred=0)
    eventually(lambda: opened.count("Shirt", "T-shirt/top") == end)


# --- many images ---


def test_the_54000_training_images_are_paged(tab, quick, real):
    opened = tab().open("/confusions?run=quick&split=train")
    shirts = int((real.select("train", SplitConfig("share", 0.1)).labels == 6).sum())
    opened.main.get_by_role("button", name="all of class Shirt").click()
    opened.at(run="quick", split="train", true=6).sees(f"All {shirts:,} shirts")
    expect(opened.images).to_have_count(PAGE)
    first = opened.labels
    pages = -(-shirts // PAGE)
    opened.main.get_by_role("button", name=f"Page {pages}", exact=True).click()
    expect(opened.images).to_have_count(shirts - PAGE * (pages - 1))
    assert all(re.match(r"Training image [\d,]+, a shirt", label) for label in opened.labels)
    assert not set(first) & set(opened.labels)


def test_all_images_of_a_class_can_be_reached_on_the_data_page(tab, real):
    opened = tab().open("/data?run=quick")
    opened.press("Shirt: 6,000").at(run="quick", **{"class": 6}).sees("All 6,000 shirts among the training images")
    numbers = np.flatnonzero(real.train.labels == 6)
    expect(opened.images).to_have_count(PAGE)
    assert opened.images.all_inner_texts() == [f"{number:,}" for number in numbers[:PAGE]]
    opened.main.get_by_role("button", name="Page 30", exact=True).click()
    expect(opened.images.last).to_have_text(f"{numbers[-1]:,}")
    assert opened.images.all_inner_texts() == [f"{number:,}" for number in numbers[-PAGE:]]


def test_on_the_data_page_an_image_is_opened_and_closed_by_keyboard(tab, real):
    opened = tab().open("/data?split=test&class=6")
    numbers = np.flatnonzero(real.test.labels == 6).tolist()
    expect(opened.images).to_have_count(PAGE)
    opened.tab_to(f"{formatting.image_name('test', numbers[0], 6)}$").keys("ArrowRight", "Enter")
    opened.at(split="test", **{"class": 6}, image=numbers[1])
    expect(opened.card.get_by_text("2 of 1,000", exact=True)).to_be_visible()
    opened.keys("Escape").at(split="test", **{"class": 6})
    expect(opened.card).to_have_count(0)
    opened.focus(f"{formatting.image_name('test', numbers[1], 6)}$")


def test_any_image_is_found_by_its_number(tab, real):
    opened = tab().open("/data?run=quick").enter("Image number", 59999)
    name = formatting.image_name("train", 59999, real.train.labels[59999]).partition(" ")[2]
    opened.at(run="quick", image=59999).sees(re.compile(f"(Training|Validation) {name}: "))
    expect(opened.card.get_by_role("img")).to_be_visible()


# --- several people, other pages, other screens ---


def test_two_browsers_look_at_different_things(tab):
    one, two = tab().open("/confusions?run=quick"), tab().open("/confusions?run=quick&split=validation")
    counts = [one.count("Pullover", "Coat"), two.count("Dress", "Shirt")]
    one.cell("Pullover", "Coat").click()
    two.cell("Dress", "Shirt").click()
    for opened, count, name in ((one, counts[0], "pullover"), (two, counts[1], "dress")):
        expect(opened.images).to_have_count(count)
        assert all(f", a {name}: " in label for label in opened.labels)
    number = number_of(two.labels[0])
    two.images.first.click()
    expect(two.card).to_be_visible()
    one.press("All mistakes").sees("images are misclassified")
    two.at(run="quick", split="validation", true=3, pred=6, image=number)
    expect(two.card).to_be_visible()
    expect(one.card).to_have_count(0)
    one.at(run="quick")


def test_of_two_matrices_more_mistakes_are_worse_and_more_on_the_diagonal_is_better(tab):
    opened = tab().open("/confusions?run=quick&view=runs&other=solid&split=test")
    cells = opened.main.locator("td button")
    expect(cells).to_have_count(100)
    found = cells.evaluate_all("all => all.map((each) => [each.ariaLabel, each.style.background])")
    tones = {"better": "--st-blue-color", "worse": "--st-orange-color"}
    for label, background in found:
        true, said, more, tone = re.fullmatch(
            r"true (.*), predicted (.*): (?:as many images|\d+ images (more|fewer), (\w+))", label
        ).groups()
        if tone:
            assert tone == ("better" if (more == "more") == (true == said) else "worse"), label
            assert tones[tone] in background, label
    assert {label.rpartition(", ")[2] for label, _ in found} >= {*tones}
    opened.sees("better: more right, or fewer mistakes")


def test_the_confusion_so_far_leads_to_the_images_of_a_cell(tab):
    opened = tab().open("/train?run=quick").view("Confusion so far")
    count = opened.count("Shirt", "Coat")
    opened.cell("Shirt", "Coat").click()
    expect(opened.page).to_have_url(re.compile("/confusions"))
    opened.at(run="quick", split="validation", true=6, pred=4)
    expect(opened.images).to_have_count(count)
    assert count == opened.count("Shirt", "Coat")
    expect(opened.cell("Shirt", "Coat")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("place", PLACES)
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, place):
    assert tab().open(place).sees(PLACES[place]).settle().faults() == {}


def test_the_last_image_of_a_page_leads_to_the_first_of_the_next_where_escape_stays(tab, predictions):
    mistakes = int((~predictions.right).sum())
    opened = tab().open("/confusions?run=quick")
    expect(opened.images).to_have_count(PAGE)
    opened.images.last.click()
    expect(opened.card.get_by_text(f"{PAGE} of {mistakes}", exact=True)).to_be_visible()
    opened.keys("ArrowRight")
    expect(opened.card.get_by_text(f"{PAGE + 1} of {mistakes}", exact=True)).to_be_visible()
    number = int(opened.query["image"])
    opened.keys("Escape")
    expect(opened.images).to_have_count(PAGE)
    opened.focus(re.escape(formatting.image_name("test", number, predictions.labels[number])))
