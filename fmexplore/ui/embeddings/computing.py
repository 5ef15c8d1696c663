"""Finding a stored map, or computing it while its progress is shown."""

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.ui import messages, shared, widgets
from fmexplore.ui.embeddings.canvas import draw_map
from fmexplore.ui.embeddings.settings import METHODS
from fmexplore.ui.selection.maps import Mapped, Source, as_map, read_map

POLL_SECONDS = 0.5
MOST_ASKED = 2  # maps that are computed for a session at once
FIRST = ProjectionConfig(method="pca")  # what is seen while another map is computed


def find_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map, or the last one of its kind marked as stale, or what there is while it is computed."""
    if found := _finished(source, config):
        return found
    if config.method == "pca":
        found = compute_map(source, config, "Computing the principal axes")
        _shown()[_kind(source, config)] = config
        return found
    _take_answer(source, config)
    before = _shown_before(source, config)
    stale = read_map(source, before)
    if _left_stale(source, config, stale):
        seen = _kind(source, config) in _shown()
        what = "was made with the previous settings" if seen else "shows the principal axes (PCA)"
        _offer(f"This map {what}; the one with the current settings is not computed.", source, config)
        return stale
    if _key(source, config) not in _asked():
        if stale is None:
            _ask(source, before)  # the principal axes come first, and are looked at meanwhile
        _follow(source, config)
    st.fragment(_watch, run_every=POLL_SECONDS)(_asked()[_key(source, config)], source, config, before)
    return None


def _finished(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The stored map, unless it was stopped early and is being finished."""
    question, found = _asked().get(_key(source, config)), read_map(source, config)
    if not found or (found.stopped and question and not question.answer.done()):
        return None
    _shown()[_kind(source, config)] = config
    _asked().pop(_key(source, config), None)
    if found.stopped:
        _offer("This map was stopped early.", source, config, "Finish it")
    return found


def compute_map(source: Source, config: ProjectionConfig, message: str) -> Mapped:
    """The map, computed with a progress bar where it is not stored. Raises FMExploreError."""
    if found := read_map(source, config):
        return found
    return as_map(source, widgets.await_answer(_ask(source, config), message), config)


def _take_answer(source: Source, config: ProjectionConfig) -> None:
    """Remove a finished request; a failed one reports why, and is not repeated automatically."""
    key = _key(source, config)
    question = _asked().get(key)
    if not question or not question.answer.done():
        return
    _asked().pop(key)
    if (error := question.answer.exception()) is not None:
        _cancelled().add(key)
        messages.show_error(error)


def _shown_before(source: Source, config: ProjectionConfig) -> ProjectionConfig:
    """Settings of the map that was last seen of this kind, or of the one that is seen first."""
    first = FIRST.replace(dimensions=config.dimensions, sample=config.sample, seed=config.seed)
    return _shown().get(_kind(source, config)) or first


def _left_stale(source: Source, config: ProjectionConfig, stale: Mapped | None) -> bool:
    """Whether the map is computed only on request: another of its kind is there, or it was cancelled."""
    key, seen = _key(source, config), _kind(source, config) in _shown()
    return key not in _asked() and bool((seen and stale) or key in _cancelled())


def _offer(words: str, source: Source, config: ProjectionConfig, act: str = "Compute the map") -> None:
    """Report that this is not the requested map, and offer to compute that."""

    def compute() -> None:
        _cancelled().discard(_key(source, config))
        _follow(source, config)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(words)
        st.button(act, type="primary", on_click=messages.act, args=(compute,))


def _shown() -> dict[str, ProjectionConfig]:
    """The settings last seen in this session, by the kind of map."""
    return st.session_state.setdefault("maps_shown", {})


def _asked() -> dict[str, Question]:
    """The running requests of this session, by the key of the map."""
    return st.session_state.setdefault("maps_asked", {})


def _cancelled() -> set[str]:
    """Keys of the maps that this session has cancelled, or that failed."""
    return st.session_state.setdefault("maps_cancelled", set())


def _kind(source: Source, config: ProjectionConfig) -> str:
    return f"{source}{config.method}"


def _key(source: Source, config: ProjectionConfig) -> str:
    """Of this map among those that a session has asked for."""
    return f"{source}{config.key()}"


def _ask(source: Source, config: ProjectionConfig) -> Question:
    return shared.analyst().ask("project_images", **vars(source), config=config)


def _follow(source: Source, config: ProjectionConfig) -> None:
    """Ask for a map; of those that this session asked for before, the oldest give way."""
    left = [key for key, question in _asked().items() if not question.answer.done()]
    for key in left[: len(left) - MOST_ASKED + 1]:
        _cancel(_asked()[key], key)
    _asked()[_key(source, config)] = _ask(source, config)


def _cancel(question: Question, key: str) -> None:
    """At once, also while the question waits for its turn or others go on waiting for the answer."""
    question.cancel()
    _asked().pop(key, None)
    _cancelled().add(key)


def _watch(question: Question, source: Source, config: ProjectionConfig, before: ProjectionConfig) -> None:
    """Progress of the map, with its current state; until there is one, the previous map."""
    key = _key(source, config)
    if question.answer.done() or _asked().get(key) is not question:  # it was cancelled
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or f"Waiting for {METHODS[config.method]} to begin")
        if question.partial is not None and question.askers == 1:  # nobody else is kept waiting
            act, words = (question.resume, "Resume") if question.paused else (question.pause, "Pause")
            st.button(words, on_click=act)
            st.button("Stop here", on_click=question.stop, help="Keep the map as it is now.")
        st.button("Cancel", on_click=_cancel, args=(question, key))
    if question.partial is not None:
        draw_map(as_map(source, question.partial, config), "watch")
    elif first := read_map(source, before):
        st.caption(f"Meanwhile, this is the {METHODS[before.method]} map; {METHODS[config.method]} follows.")
        draw_map(first, "watch")
