"""Messages of a page: errors without a traceback, warnings about a link, the result of the last action."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st
from streamlit.logger import get_logger

from fmexplore.errors import FMExploreError, NoAnswers
from fmexplore.ui import formatting, session, shared, url

UNDO_KEYS = "Mod+Alt+Z"


@contextmanager
def boundary() -> Iterator[None]:
    """Show an error inside as its message; never a traceback."""
    try:
        yield
    except FMExploreError as error:
        show_error(error)
    except Exception:
        get_logger(__name__).exception("page failed")
        st.error("Something went wrong on this page. Reload it; the server's log has the details.")


def show_error(error: object) -> None:
    """Show an error, or its message; where a run has no answers, with the way to its training."""
    st.error(formatting.unlinked(str(error)))
    if isinstance(error, NoAnswers):
        st.page_link(session.TRAIN_PAGE, label="Open its training", query_params={"run": error.run_id})


def warn(problems: Iterable[str]) -> None:
    """Show warnings about invalid values in a link."""
    for problem in problems:
        st.warning(formatting.unlinked(problem))


def act(action: Callable[[], str | None]) -> None:
    """Run an action in a callback and report the result: its returned message, or its error."""
    try:
        if message := action():
            session.notify(message)
        elif (notice := session.notice()) and notice["wrong"]:
            session.dismiss()
    except FMExploreError as error:
        session.notify(str(error), wrong=True)


def show_notice() -> None:
    """The message of the last action, over the page wherever it is scrolled to; with *Undo* after a deletion."""
    notice = session.notice()
    if not notice:
        return
    # It stands before the page, so that the keyboard reaches it there, and by the shortcut from everywhere.
    with st.container(horizontal=True, vertical_alignment="center", key="notice"):
        (st.error if notice["wrong"] else st.info)(formatting.unlinked(notice["message"]))
        if notice["undo"]:
            st.button("Undo", on_click=act, args=(lambda: _restore(notice["undo"]),), shortcut=UNDO_KEYS)
        if notice["run"]:
            go = {"on_click": _open, "args": (notice["run"],)}
            st.button("Open it", key="open_notice", **go)
        st.button("Dismiss", key="dismiss_notice", on_click=session.dismiss, type="tertiary")


def _open(run_id: str) -> None:
    session.dismiss()
    url.open_page(session.TRAIN_PAGE, run=run_id)


def _restore(run_ids: Sequence[str]) -> str:
    titles = [shared.queue().restore(run_id, session.owner()).title for run_id in run_ids]
    return f"{titles[0]} was restored." if len(titles) == 1 else f"{len(titles)} runs were restored."
