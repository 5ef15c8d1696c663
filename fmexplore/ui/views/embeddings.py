"""The Embeddings page: the map, what is selected on it, and the choice of the other views."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from fmexplore.analyst import Question
from fmexplore.data import CLASS_NAMES
from fmexplore.errors import FMExploreError, RunNotFound
from fmexplore.features import PIXELS
from fmexplore.projection import ProjectionConfig
from fmexplore.run import Run
from fmexplore.ui import cache, link, mapped, state, widgets
from fmexplore.ui.components.gallery import picture_sheet
from fmexplore.ui.components.scatter import mark, scatter
from fmexplore.ui.mapped import Mapped, Selection
from fmexplore.ui.sheets import sheet_address
from fmexplore.ui.views.map_selection import selection_panel
from fmexplore.ui.views.map_settings import METHODS, Source, choose_config, choose_source
from fmexplore.ui.views.map_trust import trust_line, trust_view
from fmexplore.ui.views.maps_compared import over_time, side_by_side

MAP = "map"
VIEWS: dict[str, tuple[str, Callable[[Mapped, ProjectionConfig], None] | None]] = {
    MAP: ("Map", None),
    "pair": ("Side by side", side_by_side),
    "time": ("Over the run", over_time),
    "trust": ("How far to trust it", trust_view),
}
POLL_SECONDS = 0.5


def embeddings() -> None:
    cache.analyst()
    selection = link.read_link(tuple(VIEWS), splits=("test", "validation", "train", "all"))
    for problem in selection.problems:
        st.warning(widgets.unlinked(problem))
    run = _usable_run()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["map_view"] = selection.view
        st.segmented_control(
            "View", list(VIEWS), format_func=lambda view: VIEWS[view][0], key="map_view", required=True,
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
            side_by_side(found, config)
        elif selection.view == "trust":
            trust_view(found, config)
        else:
            _map(found, config, selection.image)


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


def read_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map with exactly these settings, if it is kept."""
    arrays = cache.projection(source.run, source.layer, source.split, config)
    if arrays is None:
        return None
    part = "test" if source.split == "test" or _peeks(source) else "train"
    ids = mapped.ids_of(arrays["index"].astype(int), part if source.split != "all" else "all")
    outputs = mapped.outputs_of(source.run, ids)
    return Mapped(source.run, source.layer, source.split, arrays["coordinates"].astype(np.float32), ids, outputs)


def _peeks(source: Source) -> bool:
    return source.split == "validation" and bool(source.run) and source.run.config.training.peeks


def _find_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map, or the last one of its kind marked as stale, or what there is while it is computed."""
    kind = f"{source}{config.method}"
    shown: dict = st.session_state.setdefault("maps_shown", {})
    asked: dict[str, Question] = st.session_state.setdefault("maps_asked", {})
    key = f"{source}{config.key()}"
    if found := read_map(source, config):
        shown[kind] = config
        asked.pop(key, None)
        return found
    if config.method == "pca":
        widgets.await_answer(_ask(source, config), "Computing the principal axes")
        shown[kind] = config
        return read_map(source, config)
    question = asked.get(key)
    stale = read_map(source, shown[kind]) if kind in shown else None
    if question is None and stale:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning("The map below is that of the settings before.")
            if st.button("Compute it anew", type="primary"):
                asked[key] = _ask(source, config)
                st.rerun()
        return stale
    if question is None:
        question = asked[key] = _ask(source, config)
    if question.answer.done():
        asked.pop(key)
        question.result()
    st.fragment(_watch, run_every=POLL_SECONDS)(question, source, config)
    return None


def _ask(source: Source, config: ProjectionConfig) -> Question:
    return cache.analyst().ask(
        "project_images", run=source.run, layer=source.layer, split=source.split, config=config
    )


def _watch(question: Question, source: Source, config: ProjectionConfig) -> None:
    """How far the map is, with what there is of it; before that, the two principal axes."""
    if question.answer.done():
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or f"Waiting for {METHODS[config.method]} to begin")
        paused = st.session_state.get("map_paused") is question
        if config.method == "tsne" and question.partial is not None:
            if st.button("Go on" if paused else "Pause"):
                (question.resume if paused else question.pause)()
                st.session_state.map_paused = None if paused else question
            if st.button("Stop here"):
                question.stop()
        if st.button("Give up"):
            question.cancel()
    if question.partial is not None:
        arrays = question.partial
        ids = mapped.ids_of(arrays["index"], "all" if source.split == "all" else "test" if source.split == "test" else "train")
        outputs = mapped.outputs_of(source.run, ids)
        now = Mapped(source.run, source.layer, source.split, arrays["coordinates"], ids, outputs)
        draw_map(now, "watch", f"{source}{config.key()}")
        return
    first = read_map(source, ProjectionConfig(method="pca", dimensions=config.dimensions, sample=config.sample))
    if first:
        st.caption(f"Meanwhile, the same images on their principal axes. {METHODS[config.method]} follows.")
        draw_map(first, "watch", f"{source}pca")
    else:
        _ask(source, ProjectionConfig(method="pca", dimensions=config.dimensions, sample=config.sample))


# --- the map ---------------------------------------------------------------------------------------------------------


def draw_map(now: Mapped, key: str, name: str, group: str = "embeddings") -> None:
    """One map; a click opens an image, an outline selects."""

    def pick(image_id: int) -> None:
        link.go(image=mapped.number_in_link(now, image_id))

    def select(event: dict) -> None:
        outline = tuple((float(x), float(y)) for x, y in event["polygon"])
        chosen = Selection(outline, tuple(event["hidden"]), bool(event["errors"]))
        link.go(selected=chosen.text() if chosen else None, image=None)

    def want(image_id: int) -> None:
        st.session_state.setdefault("pictures_wanted", {})[int(image_id)] = picture_sheet(mapped.image_of(int(image_id))[None], 1)

    scatter(now.points(), name, group, f"scatter_{key}", sheet_address(), pick, select, want)


def _map(now: Mapped, config: ProjectionConfig, number: int | None) -> None:
    selection = mapped.read_selection(st.query_params.get("selected"))
    if st.query_params.get("selected") and not selection:
        st.warning("The link's selection cannot be read: draw it anew.")
    image_id = mapped.id_in_link(now, number)
    if number is not None and now.position(image_id) is None:
        st.warning(f"Image {number:,} is not on this map: choose another one, or a larger sample.")
        image_id = None
    positions = selection.find(now.coordinates, now.labels, now.predicted) if selection else np.zeros(0, int)
    with st.container(key="figure_first" if image_id is not None else "map_first"):
        left, right = st.columns([64, 36], gap="large")
    with left:
        st.subheader(finding(now), anchor=False)
        name = f"{now.layer}{now.split}{config.key()}{now.run.weights_digest if now.run else ''}"
        draw_map(now, "main", name)
        trust_line(now, config)
    near = np.zeros(0, int)
    with right, widgets.boundary():
        near = selection_panel(now, config, selection, positions, image_id)
    is_cell = selection.label is not None or selection.predicted is not None
    mark(
        "embeddings",
        "marks",
        selected=now.ids[positions].tolist() if image_id is None else (),
        marked=now.ids[positions].tolist() if is_cell else (),
        focus=image_id,
        neighbours=near.tolist(),
        outline=(name, selection.outline),
        pictures=st.session_state.get("pictures_wanted", {}),
    )


def finding(now: Mapped) -> str:
    """The map in a sentence: which two classes share most neighbourhoods, judged by their nearest centres."""
    centres = np.array([now.coordinates[now.labels == label].mean(0) if (now.labels == label).any() else np.nan * np.zeros(now.coordinates.shape[1]) for label in range(len(CLASS_NAMES))])
    spread = np.array([np.nanmean(np.linalg.norm(now.coordinates[now.labels == label] - centres[label], axis=1)) if (now.labels == label).any() else np.nan for label in range(len(CLASS_NAMES))])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) / (spread[:, None] + spread[None])
    apart[np.diag_indices(len(CLASS_NAMES))] = np.nan
    what = "their pixels" if now.layer == PIXELS else "the network"
    if np.isnan(apart).all():
        return f"{len(now.ids):,} images as {what} has them"
    one, other = np.unravel_index(np.nanargmin(apart), apart.shape)
    names = widgets.plural(int(one), start=True), widgets.plural(int(other))
    return f"{names[0]} and {names[1]} lie most upon each other, as {what} {'have' if now.layer == PIXELS else 'sees'} them"
