"""The guided tour, in AppTest."""

from urllib.parse import parse_qsl

import pytest

from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT
from fmexplore.ui import tour
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import HOME_PAGE as HOME
from fmexplore.ui.session import PAPERS_PAGE as PAPERS
from fmexplore.ui.session import TRAIN_PAGE as TRAIN

QUICK = PROJECT / "checkpoints" / "quick"


@pytest.fixture
def shipped(monkeypatch):
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [Run(QUICK, shipped=True)])


def ways(page) -> dict[str, dict[str, str]]:
    """The links of the page by their words."""
    return {link.label: dict(parse_qsl(link.proto.query_string)) for link in page.at.page_link}


def test_the_first_step_is_a_link_on_the_home_page(app, shipped):
    page = app().open(HOME)
    assert ways(page)["Take the tour"] == {"preset": "quick", "run": "quick", "tour": "1"}
    assert "Tour, " not in page.text


def test_each_step_names_the_next_and_the_one_before(app, shipped):
    page = app().open(CONFUSIONS, run="quick", split="test", true="6", pred="0", tour="2")
    assert "**Tour, 2 of 6: Open shirt against T-shirt.**" in page.text
    found = ways(page)
    assert found["Next: See them on the map"] == {"run": "quick", "split": "test", "selected": "t6p0", "tour": "3"}
    assert found["One step back"]["tour"] == "1"
    assert "Show me" not in found


def test_on_another_page_the_tour_waits_and_leads_back(app, shipped):
    page = app().open(CONFUSIONS, run="quick", tour="2").open(PAPERS)
    assert "**Tour, 2 of 6" in page.text
    assert ways(page)["Show me"]["tour"] == "2"


def test_a_tour_that_was_ended_is_gone_from_link_and_page(app, shipped):
    page = app().open(PAPERS, system="codered-final", tour="5").click("End the tour")
    assert page.query == {"system": "codered-final"}
    assert "Tour, " not in page.text
    assert ways(page.open(HOME)).keys() & {"Take the tour"}


def test_home_goes_on_where_the_tour_was_left(app, shipped):
    page = app().open(PAPERS, system="codered-final", tour="5").open(HOME)
    assert ways(page)["Go on with the tour: Compare with a paper"]["tour"] == "5"


@pytest.mark.parametrize("number", ["0", "7", "-1", "two", "²", "11"])
def test_a_step_that_there_is_not_is_no_tour(app, shipped, number):
    assert "Tour, " not in app().open(TRAIN, tour=number).text


def test_the_last_step_compares_two_runs_once_something_was_changed(app, shipped, make_run):
    quick = Run(QUICK, shipped=True).config
    page = app().open(TRAIN, tour="6")
    assert "Halve the epochs" in page.text
    same = make_run(config=quick)
    assert "Halve the epochs" in page.open(TRAIN, run=same.id, tour="6").text
    other = make_run(config=quick.replace(training=quick.training.replace(epochs=0.5)), created=9e9)
    page.open(TRAIN, tour="6")
    assert "Both runs side by side" in page.text
    assert set(ways(page)["Show me"]["runs"].split(",")) == {other.id, same.id}


def test_every_step_leads_to_a_page_that_there_is(shipped):
    runs = [Run(QUICK, shipped=True)]
    for step in tour.STEPS:
        assert (PROJECT / step.page(runs)).is_file()
        assert step.text(runs).endswith((".", "?"))


def test_while_ones_own_run_trains_the_tour_begins_with_that_run_and_asks_for_no_other(app, shipped, make_run):
    make_run(config=Run(QUICK, shipped=True).config)
    run = make_run("running", started=4e9, ended=None, name="mine")
    page = app().open(HOME)
    assert ways(page)["Take the tour"] == {"run": run.id, "tour": "1"}
    text = page.open(TRAIN, run=run.id, tour="1").text
    assert "Your run *mine* is training: watch the loss fall." in text
    assert "Click *Start training*" not in text


def test_once_ones_own_run_has_ended_the_first_step_names_it_as_what_the_tour_goes_on_with(app, shipped, make_run):
    run = make_run(config=Run(QUICK, shipped=True).config, name="mine")
    page = app().open(TRAIN, preset="quick", tour="1")
    assert "Your run *mine* has ended" in page.text
    assert "comes with the app" not in page.text
    assert ways(page)["Next: Open shirt against T-shirt"]["run"] == run.id


def test_the_last_step_ends_with_three_things_to_try_which_home_goes_on_offering(app, shipped):
    page = app().open(TRAIN, tour="6")
    assert "End the tour" not in page.buttons
    page.click("Finish the tour")
    three = {"Train it with other settings", "Look for wrong labels", "Check a paper's figures"}
    assert three <= ways(page).keys()
    assert three <= ways(page.open(HOME)).keys()
    assert ways(page)["Take the tour again"]["tour"] == "1"
    page.open(TRAIN).click("Close")
    assert not three & ways(page).keys()
    assert three <= ways(page.open(HOME)).keys()
    assert "Tour, 1 of 6" in page.open(TRAIN, tour="1").text
