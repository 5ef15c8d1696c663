"""The frame that stands around every page, whatever link a server is asked for first."""

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner

from fmexplore.settings import PROJECT
from fmexplore.ui import shared
from fmexplore.ui.session import HOME_PAGE, TRAIN_PAGE
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
