"""The frame that stands around every page, whatever link a server is asked for first."""

import shutil

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner

from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT, SHIPPED
from fmexplore.ui import preferences, shared
from fmexplore.ui.session import CONFUSIONS_PAGE, DATA_PAGE, HOME_PAGE, PREDICT_PAGE, TRAIN_PAGE
from tests.pages.conftest import PATHS


def sidebar(page) -> list[str]:
    return [each.type for each in page.at.sidebar]


@pytest.fixture(params=sorted(path.stem for path in PROJECT.glob("pages/*.py")))
def expect_whole(app, trained, request):
    """Opens a page as a server that knows its pages does; gives what compares another opening to that."""
    link, query = f"pages/{request.param}.py", {"run": trained().id, "kept": "yes"}
    warm = app().open(link, **query)

    def compare() -> None:
        opened = app().open(link, **query)
        assert sidebar(opened) == sidebar(warm) != []
        assert opened.text == warm.text
        assert opened.query == query

    return compare


def test_the_first_link_of_a_server_is_drawn_in_the_frame(expect_whole, cold):
    cold(True)
    expect_whole()


def test_so_is_one_that_another_session_overtook(expect_whole, cold, monkeypatch):
    """Its page runs alone, and meanwhile the other one has called st.navigation."""
    run_alone = script_runner._mpa_v1

    def overtaken(main_script_path: str) -> None:
        PagesManager.uses_pages_directory = False
        run_alone(main_script_path)

    monkeypatch.setattr(script_runner, "_mpa_v1", overtaken)
    cold(True)
    expect_whole()


def test_a_queue_that_cannot_go_on_is_said_above_every_page_until_it_can(app):
    page = app().open(TRAIN_PAGE)
    assert not page.errors
    shared.dispatcher().problem = "The disk is full, so nothing was saved: free some space."
    for path in PATHS.values():
        assert any("The disk is full" in error for error in page.open(path).errors), path
    shared.dispatcher().problem = ""
    assert not page.run().errors


@pytest.mark.parametrize("page_path", [TRAIN_PAGE, HOME_PAGE])
def test_a_label_that_has_changed_on_its_way_chooses_no_other_run(app, trained, page_path):
    run = trained()
    page = app().open(page_path, run=run.id)
    states = page.at._tree.get_widget_states()
    (state,) = (each for each in states.widgets if each.id == page.at.get_by_key("picked_run").proto.id)
    state.string_value = "mine · 6.8 % · running"
    page.at._run(states)
    assert page.whole().link == run.id
    assert not page.errors


# --- the default run ---


def test_a_page_opened_without_a_run_shows_the_best_that_has_finished_and_not_the_newest(app, make_run, monkeypatch):
    def made(accuracy, **options):
        result = {"validation_accuracy": accuracy, "test_accuracy": 0.5, "epoch": 3, "seconds": 3}
        return make_run(result=result, **options)

    best = made(0.85)
    made(0.9, weights="")  # nothing to ask
    made(0.9, diverged=True)
    made(0.9, state="stopped")
    made(0.3)
    page = app().open(CONFUSIONS_PAGE)
    assert page.at.get_by_key("picked_run").value == best.id
    poor = made(0.2)
    page.open(TRAIN_PAGE, run=poor.id).open(CONFUSIONS_PAGE)
    assert page.at.get_by_key("picked_run").value == poor.id, "the one chosen last"
    kept = page.given(f"{preferences.COOKIE}_component")["place"]
    monkeypatch.setattr(ContextProxy, "cookies", {preferences.COOKIE: kept})
    for opened in (CONFUSIONS_PAGE, TRAIN_PAGE):
        assert app().open(opened).at.get_by_key("picked_run").value == poor.id, "in the next visit too"
    photo = Run(SHIPPED / "photo", shipped=True)
    with monkeypatch.context() as patched:
        patched.setattr(RunStore, "shipped_runs", lambda self: [photo])
        assert app().open(PREDICT_PAGE).at.get_by_key("picked_run").value == photo.id, "which knows photos"
    write_status(poor.path, poor.status.replace(state="failed", diverged=True))
    assert app().open(CONFUSIONS_PAGE).at.get_by_key("picked_run").value == best.id, "it cannot be shown any more"
    page = app().open(CONFUSIONS_PAGE, run=best.id).set("picked_run", None)
    assert page.given(f"{preferences.COOKIE}_component")["place"] == ""
    shutil.rmtree(poor.path)
    assert app().open(CONFUSIONS_PAGE).at.get_by_key("picked_run").value == best.id, "it was deleted"


# --- trainings, on every page ---


@pytest.fixture
def tab_titles(monkeypatch) -> list[str]:
    """What the browser's tab was called, in order."""
    titles = []

    def configure(page_title=None, **_) -> None:
        titles.extend([page_title] if page_title else [])

    monkeypatch.setattr(st, "set_page_config", configure)
    return titles


def test_the_tab_is_named_after_the_page_and_its_run(app, trained, tab_titles):
    app().open(TRAIN_PAGE, run=trained("mine").id)
    assert tab_titles[-1] == "Train · mine · fmexplore"


def test_every_page_shows_how_far_a_training_is_and_says_when_it_has_ended(app, make_run, tab_titles):
    run = make_run("running", started=4e9, ended=None, name="a *name*", losses=(0.6, 0.5))
    run.append_metrics({"kind": "report", "step": 42, "steps": 100, "epoch": 2.1, "seconds": 3.0})
    page = app().open(DATA_PAGE, run=make_run(name="another").id)
    assert r"a \*name\*: 42 %" in page.text
    assert tab_titles[-1] == "42\N{NO-BREAK SPACE}% · Data · fmexplore"
    assert page.given("desktop_notice") == {"ended": None}
    write_status(run.path, run.status.replace(state="finished", ended=2e9))
    told = "a *name* has finished: 79.0 % of the test images and 80.0 % of the validation images are right."
    assert told.replace("*", r"\*").replace("finished:", r"finished\:") in page.run().text
    ended = page.given("desktop_notice")["ended"]
    assert (ended["id"], ended["text"].replace("\N{NO-BREAK SPACE}", " ")) == (run.id, told)
    assert tab_titles[-1] == "Finished: a *name* · Data · fmexplore"
    page.click("Open it")
    assert page.link == run.id
    assert "has finished" not in page.text


def test_a_training_that_somebody_stopped_or_that_ends_before_ones_eyes_is_not_reported(app, make_run):
    stopped, seen = (make_run("running", started=4e9, ended=None, name=name) for name in ("stopped", "seen"))
    page = app().open(TRAIN_PAGE, run=seen.id)
    for run, state in ((stopped, "stopped"), (seen, "finished")):
        write_status(run.path, run.status.replace(state=state, ended=2e9))
    text = page.run().text
    assert "has finished" not in text
    assert "has stopped" not in text
    assert page.given("desktop_notice")["ended"]["id"] == seen.id, "who looks elsewhere is told by the desktop"
