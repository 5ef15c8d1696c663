"""Finding a map, or having it made while it is watched."""

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.ui import shared, widgets
from fmexplore.ui.embeddings.canvas import draw_map
from fmexplore.ui.embeddings.settings import METHODS
from fmexplore.ui.selection.maps import Mapped, Source, as_map, read_map

POLL_SECONDS = 0.5
FIRST = ProjectionConfig(method="pca")  # what is seen while another map is computed


def find_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map, or the last one of its kind marked as stale, or what there is while it is computed."""
    kind = f"{source}{config.method}"
    shown: dict = st.session_state.setdefault("maps_shown", {})
    asked: dict[str, Question] = st.session_state.setdefault("maps_asked", {})
    key = _key(source, config)
    question = asked.get(key)
    found = read_map(source, config)
    if found and not (found.stopped and question and not question.answer.done()):
        shown[kind] = config
        asked.pop(key, None)
        if found.stopped:
            _offer("This map was stopped before its time.", source, config)
        return found
    if config.method == "pca":
        widgets.await_answer(_ask(source, config), "Computing the principal axes")
        shown[kind] = config
        return read_map(source, config)
    if question and question.answer.done():
        asked.pop(key)
        if (error := question.answer.exception()) is not None:
            st.session_state.setdefault("maps_given_up", set()).add(key)
            st.error(widgets.unlinked(str(error)))
        question = None
    before = shown.get(kind) or (FIRST.replace(dimensions=config.dimensions, sample=config.sample, seed=config.seed))
    stale = read_map(source, before)
    given_up = key in st.session_state.get("maps_given_up", ())
    if question is None and ((kind in shown and stale) or given_up):
        what = "of the settings before" if kind in shown else "on the principal axes"
        _offer(f"This is the map {what}; the one of these settings is not computed.", source, config)
        return stale
    if question is None:
        if stale is None:
            _ask(source, before)  # the principal axes come first, and are looked at meanwhile
        question = asked[key] = _ask(source, config)
    st.fragment(_watch, run_every=POLL_SECONDS)(question, source, config, before)
    return None


def _offer(words: str, source: Source, config: ProjectionConfig) -> None:
    """Say that the map is not the one that was asked for, and offer to compute that."""

    def compute() -> None:
        key = _key(source, config)
        st.session_state.get("maps_given_up", set()).discard(key)
        st.session_state.maps_asked[key] = _ask(source, config)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(words)
        st.button("Compute it", type="primary", on_click=compute)


def _key(source: Source, config: ProjectionConfig) -> str:
    """Of this map among those that a session has asked for."""
    return f"{source}{config.key()}"


def _ask(source: Source, config: ProjectionConfig) -> Question:
    return shared.analyst().ask("project_images", run=source.run, layer=source.layer, split=source.split, config=config)


def _give_up(question: Question, key: str) -> None:
    """At once, also while the question waits for its turn or others go on waiting for the answer."""
    question.cancel()
    st.session_state.maps_asked.pop(key, None)
    st.session_state.setdefault("maps_given_up", set()).add(key)


def _watch(question: Question, source: Source, config: ProjectionConfig, before: ProjectionConfig) -> None:
    """How far the map is, with what there is of it; until then, the one before."""
    key = _key(source, config)
    if question.answer.done() or st.session_state.maps_asked.get(key) is not question:  # it was given up
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or f"Waiting for {METHODS[config.method]} to begin")
        if question.partial is not None and question.askers == 1:  # nobody else is kept waiting
            act, words = (question.resume, "Go on") if question.paused else (question.pause, "Pause")
            st.button(words, on_click=act)
            st.button("Stop here", on_click=question.stop, help="Take the map as it is now.")
        st.button("Give up", on_click=_give_up, args=(question, key))
    if question.partial is not None:
        draw_map(as_map(source, question.partial, config), "watch")
    elif first := read_map(source, before):
        st.caption(f"Meanwhile, {METHODS[before.method]}. {METHODS[config.method]} follows.")
        draw_map(first, "watch")
