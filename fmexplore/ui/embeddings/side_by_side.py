"""Two maps side by side, or one that follows a run: the same images, linked."""

import numpy as np
import streamlit as st

from fmexplore.data.addresses import find_positions
from fmexplore.embeddings.features import LAST, PIXELS
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.run import Run
from fmexplore.ui import display_options, formatting, session, shared, widgets
from fmexplore.ui.embeddings.canvas import draw_course, draw_map, draw_marks
from fmexplore.ui.embeddings.computing import compute_map, find_map
from fmexplore.ui.embeddings.selection import find_marks, selection_panel
from fmexplore.ui.embeddings.settings import METHODS, layer_names
from fmexplore.ui.formatting import num
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.maps import Mapped, Outputs, Source

PAIR, TIME = "pair", "time"  # groups of maps that share what is marked


def side_by_side(source: Source, config: ProjectionConfig, number: int | None) -> None:
    """This map beside that of another layer, another run, or an earlier moment; they share hover and selection."""
    kinds = {"pixels": "its pixels", "layer": "another layer", "run": "another run", "moment": "two moments of the run"}
    if source.run is None:
        kinds = {"run": "a run"}
    elif source.layer == PIXELS:
        kinds = {"layer": "a layer", **{name: kinds[name] for name in ("run", "moment")}}
    display_options.recall({"beside": kinds})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Compare with", list(kinds), format_func=kinds.__getitem__, key="beside",
            required=True, persist_state="session",
        )  # fmt: skip
        moments = _two_moments(source.run, config) if kind == "moment" and source.run else ()
        other = None if moments else _other_source(source, str(kind))
    if moments:
        maps = moments
    elif other and (first := find_map(source, config)):
        maps = first, compute_map(other, first.config, f"Computing the other {METHODS[first.config.method]} map")
    else:
        return
    marks = find_marks(maps, number)
    for place, (column, each) in enumerate(zip(st.columns(2, gap="medium"), maps, strict=True)):
        with column:
            st.markdown(f"**{_title(each)}**")
            draw_map(each, f"{PAIR}_{place}", PAIR)
    same = np.isin(maps[0].ids, maps[1].ids).mean()
    if same < 1:
        st.caption(f"{formatting.percent(float(same), 0)} of the images are on both maps.")
    near = np.zeros(0, int)
    if marks.selection or marks.image_id is not None:
        near = selection_panel(marks)
    draw_marks(PAIR, marks, near)


def _title(now: Mapped) -> str:
    if now.moment:
        return now.caption
    names = layer_names(now.run)
    return f"{formatting.plain(now.run.title)}: {names[now.layer]}" if now.run and now.layer != PIXELS else "Pixels"


def _other_source(now: Source, kind: str) -> Source | None:
    if kind == "pixels":
        return Source(now.run, PIXELS, now.split)
    if kind == "layer":
        names = {name: text for name, text in layer_names(now.run).items() if name not in (now.layer, PIXELS)}
        display_options.recall({"beside_layer": names} if names else {})
        layer = st.selectbox("Layer", list(names), format_func=names.__getitem__, key="beside_layer", width=260)
        return Source(now.run, layer, now.split) if layer else None
    if kind == "run":
        runs = {run.id: run for run in _usable(now)}
        if not runs:
            st.info("No other run can be mapped on the same images: train another one.")
            return None
        display_options.recall({"beside_run": runs})
        texts = formatting.run_texts(runs.values())
        chosen = st.selectbox("Run", list(texts), format_func=texts.__getitem__, key="beside_run", width=260)
        layer = now.layer if now.layer in layer_names(runs[chosen]) and now.run else LAST
        return Source(runs[chosen], layer, now.split)
    return None


def _usable(now: Source) -> list[Run]:
    return [
        run
        for run in session.runs()
        if run != now.run and session.is_whole(run) and not selected_predictions.unavailable_reason(run)
    ]


# --- over the training -----------------------------------------------------------------------------------------------


def over_time(source: Source, config: ProjectionConfig) -> None:
    """The same 2,000 validation images at every snapshot of the run, with a slider and *Play*."""
    if source.run is None:
        st.info("A map over the training needs a run: choose or train one.")
        return
    if not source.run.snapshot_steps():
        name = formatting.plain(source.run.title)
        st.info(f"{name} has no snapshots of its training, so there is nothing to follow.")
        st.page_link(session.TRAIN_PAGE, label="Train a network with snapshots")
        return
    maps, moved, what = _course(source.run, config)
    if len(moved):
        place = int(moved.argmax())
        st.subheader(
            f"The images move most between {maps[place].caption} and {maps[place + 1].caption}: by "
            f"{formatting.percent(float(moved[place]), 0)} of the map's radius on average",
            anchor=False,
        )
    draw_course(maps, TIME)
    st.caption(
        f"{num(len(maps[0].ids)):,} {selected_predictions.words(maps[0].split)} by {what}. "
        + (
            "The axes are computed from all snapshots together."
            if config.method == "pca"
            else "Each map starts from the one before and is rotated to match it."
        )
        + " Click a point to open the image."
    )


def _course(run: Run, config: ProjectionConfig) -> tuple[list[Mapped], np.ndarray, str]:
    """The maps of all snapshots, how far images moved from each to the next, as shares of the map's radius, and by
    what of the network they are maps."""
    course = shared.course(run, config)
    if course is None:
        question = shared.analyst().ask("project_snapshots", run=run, config=config)
        course = widgets.await_answer(question, f"Computing {METHODS[config.method]} maps of the snapshots")
    located = selected_predictions.locate(run, "validation", shared.dataset())
    assert located is not None  # snapshots are of validation images
    split = "test" if located.part == "test" else "validation"  # where a run peeks, links call them test images
    places = find_positions(located.numbers, course["index"])
    ids = shared.dataset().addresses.ids(located.part, course["index"].astype(int))
    labels = shared.dataset().labels_of(ids)
    maps = []
    for step, coordinates in zip(course["steps"], course["coordinates"], strict=True):
        predictions = shared.predictions(run, "validation", int(step))
        logits = predictions.logits[places] if predictions else np.full((len(ids), 10), np.nan, np.float32)
        text = formatting.moment(shared.snapshot_epoch(run, int(step)))
        if predictions:
            text += f" ({formatting.percent(Predictions(logits, labels).accuracy, 0)} right)"
        moment, outputs = selected_predictions.Moment(int(step), text), Outputs(logits, labels)
        maps.append(Mapped(run, LAST, split, coordinates.astype(np.float32), ids, outputs, config, moment=moment))
    outputs = bool(np.any(course.get("outputs", False)))
    what = "the ten outputs, as its snapshots have no features" if outputs else "the features of the last hidden layer"
    return maps, course["movements"], what


def _two_moments(run: Run, config: ProjectionConfig) -> tuple[Mapped, ...]:
    maps, *_ = _course(run, config)
    places = range(len(maps))
    if st.session_state.get("moments_of", run.id) != run.id:  # what was chosen were moments of another run
        st.session_state.pop("moment_left", None)
        st.session_state.pop("moment_right", None)
    st.session_state.moments_of = run.id
    display_options.recall({"moment_left": (len(maps) // 2, *places), "moment_right": (len(maps) - 1, *places)})
    chosen = [
        st.selectbox(
            name, places, key=f"moment_{name.lower()}", format_func=lambda place: maps[place].caption, width=210,
            persist_state="session",
        )
        for name in ("Left", "Right")
    ]  # fmt: skip
    return tuple(maps[place] for place in chosen)
