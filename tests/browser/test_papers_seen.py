"""The Papers page on the shipped reproductions: open a card, read its verdicts, train it, check a claim."""

import re

import pytest
from playwright.sync_api import expect

VIEWS = ("claims", "peeking", "remedies", "networks", "check")


def row(opened, system: str):
    return opened.main.get_by_role("button", name=re.compile(f"^{system}: "))


def claim(opened, about: str) -> list[str]:
    """The cells of a claim's row."""
    cell = opened.page.get_by_role("cell", name=about, exact=True)
    expect(opened.main.locator(".verdicts").get_by_role("cell", name=about, exact=True)).to_be_visible()
    cells = opened.main.locator(".verdicts tr", has=cell).locator("td").all_inner_texts()
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in cells]


def test_a_pressed_system_shows_its_claims_with_verdicts_and_back_returns(tab):
    opened = tab().open("/papers")
    row(opened, "codered-final").click()
    opened.at(system="codered-final")
    expect(opened.main.get_by_role("heading", name=re.compile("^codered-final: "))).to_be_visible()
    assert claim(opened, "A max-pool after every convolution")[3] == "contradicts itself"
    assert claim(opened, "Test accuracy")[1] == "91.68 %"
    opened.page.go_back()
    expect(opened.main.get_by_role("heading", name=re.compile("^codered-base: "))).to_be_visible()


def test_a_system_that_was_trained_again_says_how_it_came_out(tab):
    opened = tab().open("/papers?system=patel-basic")
    expect(opened.main.get_by_role("heading", name=re.compile("^patel-basic: "))).to_be_visible()
    _, printed, here, verdict, why = claim(opened, "Test accuracy")
    assert (printed, verdict) == ("88 %", "holds")
    assert re.fullmatch(r"88\.\d\d ± 0\.\d\d % \(3 seeds\)", here)
    assert "points of our mean" in why


def test_systems_are_chosen_by_keyboard(tab):
    opened = tab().open("/papers")
    row(opened, "codered-base").focus()
    opened.keys("ArrowDown", "ArrowDown", "Enter").at(system="team4-cnn").focus("team4-cnn")
    expect(row(opened, "team4-cnn")).to_have_attribute("aria-current", "true")


def test_the_printed_matrix_stands_beside_ours_cell_by_cell(tab):
    opened = tab().open("/papers?system=codered-final")
    opened.main.get_by_role("radio", name="Matrix").click()
    found = []
    for matrix in ("as printed", "here", "here minus printed, mean of 3"):
        opened.main.get_by_role("radio", name=matrix, exact=True).click()
        # The matrix before may still stand there for a moment.
        shown = opened.main.get_by_role("table", name=f"Confusion matrix, {matrix}", exact=True)
        cell = shown.get_by_role("button", name="true Shirt, predicted T-shirt/top: ")
        found.append(int(cell.inner_text().replace("−", "-")))
    assert found[0] == 87
    assert found[2] == found[1] - found[0]


def test_a_short_run_starts_from_the_card(tab):
    opened = tab().open("/papers?system=patel-basic")
    opened.main.get_by_role("button", name=re.compile("^Train this network now")).click()
    expect(opened.page).to_have_url(re.compile(r"/train\?run="))
    (run,) = opened.server.runs()
    assert run.config.preset == "patel-basic"
    expect(opened.chart).to_be_visible()
    opened.press("Stop training").state("stopped")


def test_a_pasted_text_is_checked_and_another_one_refused(tab):
    opened = tab().open("/papers?view=check")
    field = opened.main.get_by_role("textbox", name=re.compile("^A Keras or torchinfo summary"))
    field.fill("precision recall f1-score support\ncoat 0.67 1.00 0.80 10\nshirt 1.00 0.50 0.76 10")
    opened.press("Check the text")
    opened.sees(re.compile("shirt: precision 1.00 and recall 0.50 give an F1 of 0.66 to 0.67, not 0.76"))
    expect(opened.main.locator(".marked .bad")).to_contain_text("shirt 1.00 0.50 0.76 10")
    expect(opened.main.locator(".marked .good")).to_contain_text("coat")
    field.fill("Nothing of the kind.")
    opened.press("Check the text").sees(re.compile("^Nothing to check was found"))
    expect(field).to_have_value("Nothing of the kind.")
    opened.page.go_back()
    expect(field).to_have_value(re.compile("shirt"))


@pytest.mark.parametrize("view", VIEWS)
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, view):
    opened = tab().open(f"/papers?view={view}" if view != "claims" else "/papers")
    opened.main.get_by_role("heading").first.wait_for()
    assert opened.faults() == {}
