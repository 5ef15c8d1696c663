"""The Embeddings page: the map, what is selected on it, and the choice of the other views."""

import numpy as np
import streamlit as st

from fmexplore.analyst import Question
from fmexplore.data import CLASS_NAMES
from fmexplore.errors import RunNotFound
from fmexplore.features import PIXELS
from fmexplore.projection import ProjectionConfig
from fmexplore.run import Run
from fmexplore.ui import cache, link, state, widgets
from fmexplore.ui.components.scatter import mark
from fmexplore.ui.mapped import Mapped, Source, as_map, read_map
from fmexplore.ui.views.map_canvas import draw_map
from fmexplore.ui.views.map_selection import read_marks, selection_panel
from fmexplore.ui.views.map_settings import METHODS, SPLITS, choose_config, choose_source
from fmexplore.ui.views.map_trust import trust_line, trust_view
from fmexplore.ui.views.maps_compared import over_time, side_by_side

MAP = "map"
VIEWS = {MAP: "Map", "pair": "Side by side", "time": "Over the run", "trust": "How far to trust it"}
POLL_SECONDS = 0.5
FIRST = ProjectionConfig(method="pca")  # what is seen while another map is computed


def embeddings() -> None:
    cache.analyst()
    selection = link.read_link(tuple(VIEWS), tuple(SPLITS), ("view", "image"))
    for problem in selection.problems:
        st.warning(widgets.unlinked(problem))
    run = _usable_run()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["map_view"] = selection.view
        st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.__getitem__, key="map_view", required=True,
            label_visibility="collapsed",
            on_change=lambda: link.go(view=None if st.session_state.map_view == MAP else st.session_state.map_view),
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        source, method = choose_source(run)
        config = choose_config(method)
    if config is None:
        return
    with widgets.boundary():
        if selection.view == "time":
            over_time(source, config)
            return
        found = _find_map(source, config)
        if found is None:
            return
        if selection.view == "pair":
            side_by_side(found, selection.image)
        elif selection.view == "trust":
            trust_view(found)
        else:
            _map(found, selection.image)


def _usable_run() -> Run | None:
    """The shown run, if it has a network to ask; else the map shows pixels, and says why."""
    try:
        run = state.shown_run()
    except RunNotFound as error:
        st.error(widgets.unlinked(f"{error} The link may be old, or the run was deleted: here are the pixels."))
        return None
    if run and (run.status.active or not run.has_weights):
        why = "is still training" if run.status.active else "has no weights"
        st.info(f"{widgets.plain(run.title)} {why}: this is a map of the pixels.")
        return None
    return run


# --- finding or making the map ---------------------------------------------------------------------------------------


def _find_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map, or the last one of its kind marked as stale, or what there is while it is computed."""
    kind = f"{source}{config.method}"
    shown: dict = st.session_state.setdefault("maps_shown", {})
    asked: dict[str, Question] = st.session_state.setdefault("maps_asked", {})
    key = f"{source}{config.key()}"
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
        key = f"{source}{config.key()}"
        st.session_state.get("maps_given_up", set()).discard(key)
        st.session_state.maps_asked[key] = _ask(source, config)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(words)
        st.button("Compute it", type="primary", on_click=compute)


def _ask(source: Source, config: ProjectionConfig) -> Question:
    return cache.analyst().ask("project_images", run=source.run, layer=source.layer, split=source.split, config=config)


def _watch(question: Question, source: Source, config: ProjectionConfig, before: ProjectionConfig) -> None:
    """How far the map is, with what there is of it; until then, the one before."""
    if question.answer.done():
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or f"Waiting for {METHODS[config.method]} to begin")
        if question.partial is not None and question.askers == 1:  # nobody else is kept waiting
            act, words = (question.resume, "Go on") if question.paused else (question.pause, "Pause")
            st.button(words, on_click=act)
            st.button("Stop here", on_click=question.stop, help="Take the map as it is now.")
        st.button("Give up", on_click=question.cancel)
    if question.partial is not None:
        draw_map(as_map(source, question.partial, config), "watch")
    elif first := read_map(source, before):
        st.caption(f"Meanwhile, {METHODS[before.method]}. {METHODS[config.method]} follows.")
        draw_map(first, "watch")


# --- the map ---------------------------------------------------------------------------------------------------------


def _map(now: Mapped, number: int | None) -> None:
    selection, positions, image_id = read_marks(now, number)
    with st.container(key="figure_first" if image_id is not None else "map_first"):
        left, right = st.columns([64, 36], gap="large")
    with left:
        st.subheader(finding(now), anchor=False)
        draw_map(now, "main")
        trust_line(now)
    near = np.zeros(0, int)
    with right, widgets.boundary():
        near = selection_panel(now, selection, positions, image_id)
    is_cell = selection.label is not None or selection.predicted is not None
    mark(
        "embeddings",
        "marks",
        selected=now.ids[positions].tolist() if image_id is None else (),
        marked=now.ids[positions].tolist() if is_cell else (),
        focus=image_id,
        neighbours=near.tolist(),
        outline=(now.name, selection.outline),
        pictures=st.session_state.get("pictures_wanted", {}),
    )


def finding(now: Mapped) -> str:
    """The map in a sentence: the two classes that lie most upon each other, by their centres and spreads."""
    classes = [label for label in range(len(CLASS_NAMES)) if (now.labels == label).any()]
    crowds = [now.coordinates[now.labels == label] for label in classes]
    centres = np.array([crowd.mean(0) for crowd in crowds])
    spreads = np.array([np.linalg.norm(crowd - centre, axis=1).mean() for crowd, centre in zip(crowds, centres)])
    who = "As pixels" if now.layer == PIXELS else "To the network"
    if len(classes) < 2:
        return f"{who}: {len(now.ids):,} images of one class"
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) / (spreads[:, None] + spreads + 1e-9)
    np.fill_diagonal(apart, np.inf)
    one, other = (classes[place] for place in np.unravel_index(apart.argmin(), apart.shape))
    return f"{who}, {widgets.plural(one)} and {widgets.plural(other)} lie most upon each other"
