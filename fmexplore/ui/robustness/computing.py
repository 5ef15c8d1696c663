"""Finding a run's sheet, or having it computed while what there is already is shown."""

from collections.abc import Callable

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.robustness.sheet import Sheet
from fmexplore.runs.run import Run
from fmexplore.ui import messages, shared
from fmexplore.ui.selection import predictions as selected_predictions

POLL_SECONDS = 1.0
SOON_SECONDS = 0.3  # in which small ones are there


def show_sheet(run: Run, split: str, show: Callable[[Sheet], None]) -> None:
    """Call `show` with the run's answers: once where all are kept, else again and again as more come."""
    key = f"{run.path} {split}"
    question = _asked().get(key)
    if question and question.answer.done():
        _asked().pop(key)
        if (error := question.answer.exception()) is not None:
            _cancelled().add(key)
            messages.show_error(error)
        question = None
    found = shared.sheet(run, split)
    if found and found.whole:
        show(found)
        return
    if question is None and key not in _cancelled():
        question = _asked()[key] = shared.analyst().ask("measure_robustness", run=run, split=split)
        if question.wait(SOON_SECONDS):
            question.result()
            show_sheet(run, split, show)
            return
    if question:
        st.fragment(_watch, run_every=POLL_SECONDS)(question, key, run, split, show)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning("Not all changed images were asked for.")
        st.button("Go on", type="primary", on_click=_cancelled().discard, args=(key,))
    if found:
        show(found)


def _watch(question: Question, key: str, run: Run, split: str, show: Callable[[Sheet], None]) -> None:
    """How far it is, and what is known by now."""
    if question.answer.done() or _asked().get(key) is not question:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or "Waiting to begin")
        st.button("Cancel", on_click=_cancel, args=(question, key), help="Keep what there is.")
    located = selected_predictions.locate(run, split, shared.dataset())
    if question.partial is not None and located is not None:
        labels = shared.dataset().part(located.part).labels[located.numbers]
        show(Sheet(labels, question.partial["predicted"], question.partial["counts"]))


def _cancel(question: Question, key: str) -> None:
    question.cancel()
    _asked().pop(key, None)
    _cancelled().add(key)


def _asked() -> dict[str, Question]:
    """The requests of this session, by run and split."""
    return st.session_state.setdefault("sheets_asked", {})


def _cancelled() -> set[str]:
    """What this session has cancelled, or what failed."""
    return st.session_state.setdefault("sheets_cancelled", set())
