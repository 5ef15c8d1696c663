"""The user's trainings on every page: progress in the sidebar, the title of the browser's tab, word when one ends."""

import time
from collections.abc import Callable

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, session, shared
from fmexplore.ui.components.desktop_notice import desktop_notice

POLL_SECONDS = 2
TOLD_SECONDS = 60  # how long the tab goes on saying that a training has ended, where nothing is pressed


def name_tab(page: str, shown: Run | None) -> Callable[[], None]:
    """Name the browser's tab after `page` and the run that it shows, and report the trainings that have ended.

    Returns what shows how far the user's trainings are, to be called after the page: its fragment polls, and a poll
    that comes while the page is being drawn would bring the link and the choices of before.
    """
    active = [run for run in session.runs() if not run.shipped and session.is_whole(run) and run.status.active]
    ended = _find_ended({run.id for run in active}, page, shown)
    parts = [ended["title"] if ended else "", page, shown.title if shown and not ended else "", "fmexplore"]
    st.set_page_config(page_title=" · ".join(filter(None, parts)))
    place = st.sidebar.container()

    def show_progress() -> None:
        with place:
            if active:
                st.fragment(_progress, run_every=POLL_SECONDS)(active, page)
            if active or ended:
                desktop_notice("desktop_notice", {"id": ended["id"], "text": ended["text"]} if ended else None)

    return show_progress


def _find_ended(active: set[str], page: str, shown: Run | None) -> dict | None:
    """What to say of the training that has just ended by itself; it is also reported, once."""
    before: set[str] = st.session_state.get("watched_runs", set())
    st.session_state.watched_runs = active
    for run_id in sorted(before - active):
        try:
            run = shared.store().get(run_id)
            status, title = run.status, run.title
        except FMExploreError:  # deleted meanwhile
            continue
        if status.state not in ("finished", "failed"):  # somebody has stopped or paused it
            continue
        word = "Finished" if status.state == "finished" else "Failed"
        result = formatting.result_text(status.result) if status.state == "finished" else ""
        text = f"{title} has {word.lower()}{': ' if result else ''}{result}."
        st.session_state.told = {"id": run_id, "title": f"{word}: {title}", "text": text, "at": time.time()}
        if page != "Train" or run != shown:  # there it is seen
            session.notify(text, run=run_id)
    told = st.session_state.get("told")
    return told if told and time.time() - told["at"] < TOLD_SECONDS else None


def _progress(runs: list[Run], page: str) -> None:
    """A bar for each training; the first that runs also stands in the tab's title."""
    ahead = ""
    for run in runs:
        try:
            status, lines = run.status, shared.metrics(run)
        except FMExploreError:  # deleted in another tab
            st.rerun()
        if not status.active:
            st.rerun()
        share = min(1.0, lines[-1]["step"] / lines[-1]["steps"]) if lines else 0.0
        words = "waiting" if status.state == "queued" else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
        st.progress(share, f"{formatting.plain(run.title)}: {words}")
        if not ahead and status.state == "running":
            ahead = words
    st.set_page_config(page_title=" · ".join(filter(None, [ahead, page, "fmexplore"])))
