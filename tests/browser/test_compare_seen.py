"""The Compare page with the shipped runs: by link, by keyboard, from run to images and back, while a run trains."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from fmexplore.evaluation.predictions import Predictions
from fmexplore.evaluation.significance import compare_accuracies
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.settings import SHIPPED

BOTH = "/compare?runs=quick,best"
# Links, and a text that is there once the page is.
PLACES = {
    BOTH: re.compile("^In brackets: the 95"),
    "/compare?runs=quick,solid,best,photo": re.compile("^In brackets: the 95"),
    "/compare?runs=quick,gone": "What should quick be compared to",
}


@pytest.fixture
def shipped(real, server) -> dict[str, Predictions]:
    """Predictions of the test images."""
    runs = {name: Run(SHIPPED / name, shipped=True) for name in ("quick", "best")}
    found = {name: Derived(run, server.store.settings).read_predictions("test", real) for name, run in runs.items()}
    return {name: predictions for name, predictions in found.items() if predictions}


def test_two_runs_are_compared_by_link(tab, shipped):
    opened = tab().open(BOTH)
    (verdict,) = compare_accuracies(shipped["quick"].labels, shipped["quick"].predicted, [shipped["best"].predicted])
    opened.sees(
        f"best is better than quick, by {100 * verdict.gain:.1f} points: statistically significant (p < 0.0001)"
    )
    opened.sees("The difference is statistically significant (p < 0.0001): best is better.")
    expect(opened.main.locator("canvas")).to_have_count(1)  # the curves
    expect(opened.main.locator(".js-plotly-plot")).to_have_count(1)  # the intervals
    settings, figures = opened.main.locator(".runs-table").all()
    expect(settings.get_by_role("row", name="Epochs 1.7 3")).to_be_visible()
    expect(figures.get_by_role("row", name=re.compile("^Parameters 157,008 1,971,568"))).to_be_visible()
    opened.at(runs="quick,best")


def test_a_count_leads_to_exactly_its_images_and_back_to_the_comparison(tab, shipped):
    opened = tab().open(BOTH)
    only_best = np.flatnonzero(~shipped["quick"].right & shipped["best"].right)
    opened.main.get_by_role("link", name=f"See {len(only_best):,} images that only best gets right").click()
    opened.sees(f"{len(only_best):,} images; below each").settle()
    opened.at(run="quick", view="runs", split="test", other="best", right="second")
    numbers = {int(re.search(r" image ([\d,]+),", label)[1].replace(",", "")) for label in opened.labels}
    assert numbers <= set(only_best.tolist())
    assert len(numbers) == 200
    opened.main.get_by_role("link", name="Compare their curves").click()
    opened.sees("best is better than quick").at(runs="quick,best")


def test_runs_are_chosen_by_keyboard(tab):
    opened = tab().open("/compare").sees("Choose two to six runs above")
    box = opened.main.get_by_role("combobox", name="Runs to compare")
    for name in ("solid", "best"):
        box.focus()
        opened.page.keyboard.type(name)
        opened.page.keyboard.press("Enter")
        opened.settle()
    opened.sees("best is better than solid").at(runs="solid,best")
    opened.page.go_back()
    opened.sees("What should solid be compared to").at(runs="solid")


def test_times_are_measured_here_and_kept_for_the_next_visit(tab):
    opened = tab().open("/compare?runs=quick,solid").press("Measure times and gap here")
    opened.sees(re.compile("^Times were measured on this machine"))
    row = opened.main.locator(".runs-table").nth(1).get_by_role("row", name="Time for one image")
    expect(row).to_have_text(re.compile(r"one image[\d.]+ m?s \([\d.]+ to [\d.]+\)[\d.]+ m?s"))
    other = tab().open("/compare?runs=solid,quick").sees(re.compile("^Times were measured on this machine"))
    expect(other.button("Measure times and gap here")).to_have_count(0)


def test_a_run_is_compared_while_it_trains_and_tested_when_it_has_ended(tab):
    opened = tab().open("/train?preset=quick")
    run = opened.start(0.1)
    other = tab().open(f"/compare?runs={run.id},quick").sees("The runs are tested when two of them have ended")
    other.sees(re.compile("quick is better than quick, .* statistically significant"))
    other.sees(re.compile("Only one thing differs: epochs|They differ in"))


@pytest.mark.parametrize("place", PLACES)
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, place):
    assert tab().open(place).sees(PLACES[place]).settle().faults() == {}
