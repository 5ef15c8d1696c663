"""Two maps side by side, or one that follows a run: the same images, linked."""

import numpy as np
import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.evaluation import Predictions
from fmexplore.features import LAST, PIXELS
from fmexplore.projection import ProjectionConfig
from fmexplore.run import Arrays, Run
from fmexplore.ui import cache, link, mapped, shown, state, widgets
from fmexplore.ui.components.scatter import Points, mark, scatter
from fmexplore.ui.mapped import Mapped, Outputs, Source, read_map
from fmexplore.ui.sheets import sheet_address
from fmexplore.ui.views.map_canvas import draw_map
from fmexplore.ui.views.map_selection import read_marks, selection_panel
from fmexplore.ui.views.map_settings import METHODS, layer_names


def side_by_side(now: Mapped, number: int | None) -> None:
    """This map beside that of another layer, another run, or an earlier moment; they share hover and selection."""
    kinds = {"pixels": "its pixels", "layer": "another layer", "run": "another run", "moment": "two moments of the run"}
    if now.run is None:
        kinds = {"run": "a run"}
    elif now.layer == PIXELS:
        kinds = {"layer": "a layer", **{name: kinds[name] for name in ("run", "moment")}}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Beside it", list(kinds), format_func=kinds.__getitem__, default=next(iter(kinds)), key="beside",
            required=True, persist_state="session",
        )  # fmt: skip
        other = _other_source(now, str(kind))
    config = now.config
    if kind == "moment" and now.run:
        _two_moments(now.run, config)
        return
    if other is None:
        return
    second = read_map(other, config)
    if second is None:
        question = cache.analyst().ask(
            "project_images", run=other.run, layer=other.layer, split=other.split, config=config
        )
        widgets.await_answer(question, f"Computing the other {METHODS[config.method]} map")
        second = read_map(other, config)
        if second is None:
            return
    selection, positions, image_id = read_marks(now, number)
    columns = st.columns(2, gap="medium")
    for place, (column, each) in enumerate(zip(columns, (now, second), strict=True)):
        with column:
            st.markdown(f"**{_title(each)}**")
            draw_map(each, f"pair_{place}", "pair")
    same = np.isin(now.ids, second.ids).mean()
    if same < 1:
        st.caption(f"{widgets.percent(float(same), 0)} of the images are on both maps.")
    near = np.zeros(0, int)
    if selection or image_id is not None:
        near = selection_panel(now, selection, positions, image_id)
    mark(
        "pair", "pair_marks", selected=now.ids[positions].tolist(), focus=image_id, neighbours=near.tolist(),
        outline=(now.name, selection.outline),
    )  # fmt: skip


def _title(now: Mapped) -> str:
    names = layer_names(now.run)
    return f"{widgets.plain(now.run.title)}: {names[now.layer]}" if now.run and now.layer != PIXELS else "Pixels"


def _other_source(now: Mapped, kind: str) -> Source | None:
    if kind == "pixels":
        return Source(now.run, PIXELS, now.split)
    if kind == "layer":
        names = {name: text for name, text in layer_names(now.run).items() if name not in (now.layer, PIXELS)}
        layer = st.selectbox("Layer", list(names), format_func=names.__getitem__, key="beside_layer", width=260)
        return Source(now.run, layer, now.split) if layer else None
    if kind == "run":
        runs = {run.id: run for run in _usable(now)}
        if not runs:
            st.info("No other run can be mapped on the same images: train another one.")
            return None
        chosen = st.selectbox(
            "Run", list(runs), format_func=lambda run_id: widgets.run_text(runs[run_id]), key="beside_run", width=260
        )
        layer = now.layer if now.layer in layer_names(runs[chosen]) and now.run else LAST
        return Source(runs[chosen], layer, now.split)
    return None


def _usable(now: Mapped) -> list[Run]:
    found = []
    for run in [*cache.store().owned_by(state.owner()), *cache.store().shipped_runs()]:
        try:
            if run != now.run and not run.status.active and run.has_weights:
                found.append(run)
        except FMExploreError:
            continue
    return found


# --- over the run ----------------------------------------------------------------------------------------------------


def over_time(source: Source, config: ProjectionConfig) -> None:
    """The same 2,000 validation images at every snapshot of the run, with a slider and *Play*."""
    if source.run is None:
        st.info("A map over the run needs a run: choose or train one.")
        return
    course = _course(source.run, config)
    if course is None:
        return
    moved = course["movements"]
    points, ids = _frames(source.run, course)
    captions = [frame.caption for frame in points.frames]
    if len(moved):
        place = int(moved.argmax())
        st.subheader(
            f"Most moves between {captions[place]} and {captions[place + 1]}: by "
            f"{widgets.percent(float(moved[place]), 0)} of the map's radius on average",
            anchor=False,
        )
    part = shown.locate(source.run, "validation", cache.dataset())

    def pick(image_id: int) -> None:
        number = image_id - mapped.TEST_FIRST if part and part[0] == "test" else image_id
        link.go(view=None, split="validation", image=number)

    scatter(points, f"time{config.key()}", "time", "scatter_time", sheet_address(), pick, lambda _: None)
    st.caption(
        f"{len(ids):,} validation images, as the last hidden layer has them. "
        + (
            "The axes are laid through all snapshots together."
            if config.method == "pca"
            else "Each map starts from the one before and is turned onto it."
        )
        + " Press a point to open the image."
    )


def _course(run: Run, config: ProjectionConfig) -> Arrays | None:
    course = cache.course(run, config)
    if course is None:
        question = cache.analyst().ask("project_snapshots", run=run, config=config)
        return widgets.await_answer(question, f"Computing {METHODS[config.method]} maps of the snapshots")
    return course


def _frames(run: Run, course: Arrays) -> tuple[Points, np.ndarray]:
    located = shown.locate(run, "validation", cache.dataset())
    assert located is not None  # snapshots are of validation images
    ids = mapped.ids_of(course["index"].astype(int), located[0])
    places = np.searchsorted(located[1], course["index"])
    labels = cache.dataset().part(located[0]).labels[course["index"]]
    frames = []
    for step, coordinates in zip(course["steps"], course["coordinates"], strict=True):
        predictions = cache.predictions(run, "validation", int(step))
        logits = predictions.logits[places] if predictions else np.full((len(ids), 10), np.nan, np.float32)
        caption = f"epoch {cache.snapshot_epoch(run, int(step)):.2f}"
        if predictions:
            caption += f", {widgets.percent(Predictions(logits, labels).accuracy, 0)} right"
        frames.append(Outputs(logits, labels).frame(coordinates.astype(np.float32), caption))
    return Points(ids, labels, tuple(frames)), ids


def _two_moments(run: Run, config: ProjectionConfig) -> None:
    course = _course(run, config)
    if course is None:
        return
    points, _ = _frames(run, course)
    captions = [frame.caption for frame in points.frames]
    columns = st.columns(2, gap="medium")
    for place, (column, default) in enumerate(zip(columns, (len(captions) // 2, len(captions) - 1), strict=True)):
        with column:
            chosen = st.selectbox("Moment", captions, default, key=f"moment_{place}")
            frame = points.frames[captions.index(chosen)]
            one = Points(points.ids, points.labels, (frame,))
            name = f"moment{place}{captions.index(chosen)}{config.key()}"
            scatter(one, name, "moments", f"scatter_moment_{place}", sheet_address(), lambda _: None, lambda _: None)
