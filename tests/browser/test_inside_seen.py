"""The Inside page with the shipped run: from a card to a value and its sum, to channels and their patches, to the
images that a change costs, and back."""

import re

import pytest
from playwright.sync_api import expect

from fmexplore.robustness.sheet import Row
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.settings import SHIPPED


def cell(opened, change: str, severity: int):
    return opened.main.get_by_role("button", name=re.compile(f"^{change}, severity {severity}: "))


def test_a_cell_leads_to_the_images_it_costs_and_to_a_card_each_a_step_that_back_takes_again(tab, real, server):
    sheet = Derived(Run(SHIPPED / "quick", shipped=True), server.store.settings).read_sheet("test", real)
    lost = len(sheet.flipped(Row("mirror", 1)))
    opened = tab().open("/inside?run=quick&view=robustness").sees(re.compile("^quick recognises 92.% of unchanged"))
    cell(opened, "mirror", 1).click()
    opened.at(run="quick", view="robustness", change="mirror", severity=1).sees(
        re.compile(f"^Mirrored, {lost:,} images are lost")
    )
    expect(cell(opened, "mirror", 1)).to_have_attribute("aria-pressed", "true")
    opened.settle()
    opened.main.get_by_role("button", name=re.compile("changed, it is taken for")).first.click()
    expect(opened.page).to_have_url(re.compile("image="))
    opened.sees(re.compile(r"^Test image [\d,]+, an? "))
    opened.page.go_back()
    opened.at(run="quick", view="robustness", change="mirror", severity=1).sees(re.compile("^Mirrored, "))
    opened.settle()
    cell(opened, "mirror", 1).focus()
    for key in ("ArrowUp", "ArrowRight", "Enter"):
        opened.page.keyboard.press(key)
    opened.at(run="quick", view="robustness", change="texture", severity=2).sees(re.compile("^With stripes 0.3 darker"))
    expect(cell(opened, "texture", 2)).to_be_focused()
    opened.page.go_back()
    opened.at(run="quick", view="robustness", change="mirror", severity=1)
    opened.page.go_back()
    opened.at(run="quick", view="robustness")


def test_from_a_card_to_the_way_of_its_image_to_a_value_and_its_sum_and_back(tab):
    opened = tab().open("/confusions?run=quick&image=12").sees(re.compile("^Test image 12, a sneaker"))
    opened.main.get_by_role("link", name="Inside").click()
    image = {"run": "quick", "split": "test", "image": 12}
    opened.at(**image).sees(re.compile("^Test image 12, a sneaker")).settle()
    opened.main.get_by_role("group", name="Layers").get_by_role("button", name=re.compile("max pool 2")).first.click()
    opened.at(**image, layer=2).sees(re.compile("^Layer 2, channel "))
    opened.main.get_by_role("group", name="Maps").get_by_role("button", name=re.compile("^Channel 3: ")).click()
    opened.at(**image, layer=2, channel=3)
    field = opened.main.get_by_role("button", name=re.compile("^Channel 3, 14 x 14 values"))
    side = field.bounding_box()["width"]
    field.click(position={"x": side * 5.5 / 14, "y": side * 9.5 / 14})
    opened.at(**image, layer=2, channel=3, at="9,5").sees(re.compile("^Layer 2, channel 3, row 9, column 5: "))
    opened.sees("Its receptive field, outlined: rows 17 to 20, columns 9 to 12.").settle()
    field.focus()
    opened.keys("ArrowUp", "ArrowRight", "Enter").at(**image, layer=2, channel=3, at="8,6")
    opened.sees(re.compile("^Layer 2, channel 3, row 8, column 6: ")).settle()
    opened.main.get_by_role("button", name=re.compile(r"^layer 1, .*\(won\)")).click()
    opened.sees(re.compile("^Layer 1, channel 3, row 1[67], column 1[23]: ")).settle()
    opened.page.go_back()
    opened.at(**image, layer=2, channel=3, at="8,6").sees(re.compile("^Layer 2, channel 3, row 8, column 6: "))
    opened.page.go_back()
    opened.at(**image, layer=2, channel=3, at="9,5").sees(re.compile("^Layer 2, channel 3, row 9, column 5: "))


def test_from_a_card_to_the_channels_to_a_patch_and_its_card_and_back_also_by_keyboard_and_on_a_phone(tab):
    opened = tab().open("/confusions?run=quick&image=12").sees(re.compile("^Test image 12, a sneaker"))
    opened.main.get_by_role("link", name="Inside").click()
    opened.at(run="quick", split="test", image=12).sees(re.compile("^Test image 12, a sneaker")).settle()
    opened.main.get_by_role("radio", name="Channels").click()
    opened.at(run="quick", split="test", view="channels").sees(re.compile(r"^Channel \d+ of layer 1 responds")).settle()
    grid, patches = (opened.main.get_by_role("group", name=name) for name in ("Channels", "Patches"))
    grid.get_by_role("button", name=re.compile("^Channel 6: ")).click()
    channel = {"run": "quick", "split": "test", "view": "channels", "layer": 1, "channel": 6}
    opened.at(**channel).sees(re.compile("^Channel 6 of layer 1 ")).settle()
    expect(grid.get_by_role("button", name=re.compile("^Channel 6: "))).to_have_attribute("aria-current", "true")
    expect(patches.get_by_role("button")).to_have_count(9)
    third = patches.get_by_role("button").nth(2)
    named = third.get_attribute("aria-label") or ""
    third.click()
    opened.sees(re.compile(f"^{re.escape(named.partition(':')[0])}: ")).sees("3 of 9")
    opened.page.go_back()
    opened.at(**channel).sees(re.compile("^Channel 6 of layer 1 ")).settle()
    opened.page.go_back()
    opened.at(run="quick", split="test", view="channels").sees(re.compile(r"^Channel \d+ of layer 1 responds")).settle()
    grid.get_by_role("button", name=re.compile("^Channel 1: ")).focus()
    opened.keys("ArrowRight", "Enter").at(**{**channel, "channel": 2}).sees(
        re.compile("^Channel 2 of layer 1 ")
    ).settle()
    patches.get_by_role("button").first.focus()
    opened.keys("ArrowRight", "Enter").sees("2 of 9").settle()
    opened.main.get_by_role("link", name="Channel 2 on this image").click()
    opened.sees(re.compile("^Layer 1, channel 2, row ")).settle()
    opened.main.get_by_role("link", name="What excites channel 2 of layer 1").click()
    opened.sees(re.compile("^What excites it most among")).settle()
    phone = tab(phone=True, has_touch=True, is_mobile=True).open("/inside?run=quick&view=channels&channel=6")
    phone.sees(re.compile("^Channel 6 of layer 1 ")).settle()
    assert phone.page.get_by_test_id("stMain").evaluate("main => main.scrollTop") == 0, "the marked one scrolls its own"
    phone.main.get_by_role("group", name="Patches").get_by_role("button").nth(2).tap()
    phone.sees(re.compile(f"^{re.escape(named.partition(':')[0])}: "))


def test_from_a_card_to_where_the_network_looks_against_another_class_and_back(tab):
    opened = tab().open("/confusions?run=quick&image=40").sees(re.compile("^Test image 40, a shirt"))
    opened.main.get_by_role("link", name="Where it looks").click()
    image = {"run": "quick", "split": "test", "image": 40, "view": "looks"}
    opened.at(**image).sees(re.compile("^The margin of T.shirt/top over Shirt is .* where a patch covers the "))
    trained = opened.main.get_by_role("button", name=re.compile("^trained, 28 x 28 values"))
    expect(trained).to_have_count(4)
    trained.first.focus()
    opened.keys("ArrowUp").sees(re.compile("^Row 13, column 14: trained "))
    opened.main.get_by_role("combobox", name="Against").click()
    opened.page.get_by_role("option", name="Coat").click()
    opened.at(**image, **{"class": 0, "against": 4}).sees(re.compile("^The margin of T.shirt/top over Coat is "))
    opened.page.go_back()
    opened.at(**image).sees(re.compile("^The margin of T.shirt/top over Shirt is "))
    opened.settle()
    opened.main.get_by_role("radio", name="The way of one image").click()
    opened.at(run="quick", split="test", image=40).sees(re.compile("^Test image 40, a shirt"))


@pytest.mark.parametrize(
    ("place", "seen"),
    [
        ("/inside?run=quick&view=robustness&change=noise&severity=4&class=9", "^With noise of 0.18, "),
        ("/inside?run=quick&image=12", "^Test image 12, a sneaker"),
        ("/inside?run=quick&view=channels&channel=6", "^Channel 6 of layer 1 "),
        ("/inside?run=quick&image=40&view=looks", "^Deletion curve: .* in 19 orders"),
    ],
)
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, place, seen):
    opened = tab().open(place).sees(re.compile(seen))
    assert opened.faults() == {}
