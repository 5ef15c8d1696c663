"""The frame around every page: the run picker in the sidebar, and what the server does once."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from fmexplore.errors import DataError, RunNotFound
from fmexplore.runs.run import Run
from fmexplore.settings import PROJECT
from fmexplore.ui import display_options, formatting, messages, preferences, session, shared, tour, url, watch
from fmexplore.ui.components.history import keep_steps, name_run
from fmexplore.ui.components.paper import paper_head
from fmexplore.ui.components.theme import follow_theme

# Others have none, or choose several themselves. Home only passes a run on.
WITH_RUN = "Home", "Train", "Confusions", "Embeddings", "Inside", "Data", "Predict"
ICON = str(PROJECT / "docs" / "icon.png")
STYLE, PAPER, DARK_PAPER = (
    f"<style>{(Path(__file__).parent / f'{name}.css').read_text(encoding='utf-8')}</style>"
    for name in ("frame", "paper", "paper_dark")
)


def require(framed: bool = False) -> None:
    """Have the page drawn in the frame: called first by every page, and with `framed` by `streamlit_app.py`.

    Where a folder `pages` lies beside the app, Streamlit runs the file of a page alone, without `streamlit_app.py`,
    until any session has called `st.navigation`: a server just started would answer its first links with pages
    without navigation. This says that the folder is not meant so, and runs the same link again.
    """
    # Another session may have done so while this one was being drawn alone, so each also looks at itself.
    if PagesManager.uses_pages_directory or not (framed or st.session_state.get("framed")):
        PagesManager.uses_pages_directory = False
        st.rerun()
    st.session_state.framed = True


def show(page) -> Callable[[], None] | None:
    """Draw what stands beside and above `page`, and see that this machine's speed gets measured.

    Returns what `close` draws beside the page, if there is something; nothing where another page is opened now.
    """
    show_progress = None
    # Where the title of a page is its finding, the page's name is still there for those who listen.
    name = "" if page.title == "Home" else f"<h1 class='page-name'>{page.title}</h1>"
    # What floats lies outside the app, and would have the system's colours in place of the theme's.
    scheme = f"<style>:root {{ color-scheme: {st.context.theme.type or 'light dark'} }}</style>"
    paper = PAPER + (DARK_PAPER if st.context.theme.type == "dark" else "")
    preferences.load()
    st.html(STYLE + preferences.style() + paper + scheme + name)
    paper_head(page.title)
    keep_steps()
    follow_theme()
    display_options.forget()
    leaving = url.follow()
    with messages.boundary():
        session.ask_owner()
        if problem := shared.dispatcher().problem:
            messages.show_error(f"Trainings cannot run now: {problem} The queue tries again by itself.")
        _measure_once()
        session.enter(page.url_path)
        session.keep_run()
        shown = None
        if page.title in WITH_RUN:
            with st.sidebar:
                shown = _run_picker(page)
        show_progress = watch.name_tab(page.title, shown)
        # The sidebar is folded on a phone and left out on paper.
        if shown and page.title not in ("Home", "Train"):
            with st.container(key="run_shown"):
                st.caption(f"Run {formatting.plain(formatting.run_texts([shown])[shown.id])}")
        if page.title != "Home":
            tour.bar(page.url_path)
    preferences.save()
    messages.show_notice()
    return None if leaving else show_progress


def close(show_progress: Callable[[], None] | None) -> None:
    """What comes after the page: trainings under way, and the link to it."""
    if show_progress:
        with messages.boundary():
            show_progress()
    with st.sidebar:
        display_options.offer_link()


def _measure_once() -> None:
    if shared.queue().needs_measuring() and not st.session_state.get("asked_to_measure"):
        try:
            shared.dataset()
        except DataError:
            return
        st.session_state.asked_to_measure = True
        shared.run_delayed(shared.queue().submit, "measure")


def _run_picker(page) -> Run | None:
    """The picker in the sidebar, for all pages that show a run; it gives that run."""
    runs = {run.id: run for run in session.runs()}
    try:
        linked = session.run_in_link()
        shown = linked if page.title == "Home" else _find_shown(page.title)
    except RunNotFound:
        linked = shown = None
    if shown:
        runs.setdefault(shown.id, shown)
    if not runs:
        return None
    texts = formatting.run_texts(runs.values())
    st.session_state["picked_run"] = shown.id if shown else None
    st.selectbox(
        "Run",
        list(texts),
        index=None,
        key="picked_run",
        format_func=texts.__getitem__,
        placeholder="Choose a run",
        on_change=_choose_on_home if page.title == "Home" else _choose,
    )
    if shown and not linked and page.title != "Home":
        st.session_state.named_run = shown.id
        name_run(page.url_path, shown.id)
    return shown


def _find_shown(title: str) -> Run | None:
    if title == "Train":
        return session.run_to_watch()
    return session.shown_run(session.FOR_PHOTOS if title == "Predict" else "")


def _choose() -> None:
    if _is_known(chosen := st.session_state.picked_run):
        session.select_run(chosen)


def _choose_on_home() -> None:
    if (chosen := st.session_state.picked_run) and _is_known(chosen):
        url.open_page(session.TRAIN_PAGE, run=chosen)


def _is_known(chosen: str | None) -> bool:
    """Whether it is a run or none: a label that has changed on its way, as the run trains on, comes as mere text."""
    return chosen is None or any(run.id == chosen for run in session.runs())
