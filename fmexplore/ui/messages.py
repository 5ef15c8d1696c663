"""Messages of a page: errors without a traceback, warnings about a link, the result of the last action."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st
from streamlit.logger import get_logger

from fmexplore.errors import FMExploreError
from fmexplore.ui import formatting, session, shared


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
    """Show an error, or its message."""
    st.error(formatting.unlinked(str(error)))


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
    """The message of the last action, with *Undo* after a deletion."""
    notice = session.notice()
    if not notice:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        (st.error if notice["wrong"] else st.info)(formatting.unlinked(notice["message"]))
        if notice["undo"]:
            st.button("Undo", on_click=act, args=(lambda: _restore(notice["undo"]),))
        st.button("Dismiss", key="dismiss_notice", on_click=session.dismiss, type="tertiary")


def _restore(run_ids: Sequence[str]) -> str:
    titles = [shared.queue().restore(run_id, session.owner()).title for run_id in run_ids]
    return f"{titles[0]} was restored." if len(titles) == 1 else f"{len(titles)} runs were restored."
