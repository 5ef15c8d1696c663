"""The Inside page with the shipped run: from a cell to its images and a card, and back, with mouse and keyboard."""

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
    opened = tab().open("/inside?run=quick").sees(re.compile("^quick recognises 92.% of unchanged images"))
    cell(opened, "mirror", 1).click()
    opened.at(run="quick", change="mirror", severity=1).sees(re.compile(f"^Mirrored, {lost:,} images are lost"))
    expect(cell(opened, "mirror", 1)).to_have_attribute("aria-pressed", "true")
    opened.settle()
    opened.main.get_by_role("button", name=re.compile("changed, it is taken for")).first.click()
    expect(opened.page).to_have_url(re.compile("image="))
    opened.sees(re.compile(r"^Test image [\d,]+, an? "))
    opened.page.go_back()
    opened.at(run="quick", change="mirror", severity=1).sees(re.compile("^Mirrored, "))
    opened.settle()
    cell(opened, "mirror", 1).focus()
    for key in ("ArrowUp", "ArrowRight", "Enter"):
        opened.page.keyboard.press(key)
    opened.at(run="quick", change="texture", severity=2).sees(re.compile("^With stripes 0.3 darker"))
    expect(cell(opened, "texture", 2)).to_be_focused()
    opened.page.go_back()
    opened.at(run="quick", change="mirror", severity=1)
    opened.page.go_back()
    opened.at(run="quick")


@pytest.mark.parametrize("place", ["/inside?run=quick&change=noise&severity=4&class=9"])
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, place):
    opened = tab().open(place).sees(re.compile("^With noise of 0.18, "))
    assert opened.faults() == {}
