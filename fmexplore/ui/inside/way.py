"""The way of one image through a network: which image and moment, the strip of layers, and the chosen layer."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.data.addresses import Members, find_position
from fmexplore.errors import ConfigError, FMExploreError
from fmexplore.evaluation.predictions import Predictions
from fmexplore.inside.graph import Graph, Step
from fmexplore.photos.scoring import PhotoFit, classify
from fmexplore.runs.run import Arrays, Run
from fmexplore.ui import formatting, messages, session, shared, url
from fmexplore.ui.components.layer_strip import SIDE, Stop, layer_strip
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import say_image
from fmexplore.ui.inside.colours import paint
from fmexplore.ui.inside.layer import show_layer
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.value import show_value
from fmexplore.ui.inside.words import say_step
from fmexplore.ui.selection import photos
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import SPLIT_NAMES

KEY_SPLIT, KEY_IMAGE, KEY_MOMENT = "way_split", "way_image", "way_moment"


@dataclass(frozen=True)
class Pointed:
    """The value that is looked at: in a step, its channel, row and column."""

    step: Step
    channel: int
    y: int
    x: int


def way(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    link = url.read_link(names=("split", "image", "snapshot"))
    messages.warn(link.problems)
    seen = _photo(run, row, link) or _image(run, row, link)
    # Another layer or value draws these anew, and neither the sidebar nor the choices.
    st.fragment(_view)(seen)


def _photo(run: Run, row: Container, link: url.Link) -> Seen | None:
    """The photo of this session that the link names, if it is still there."""
    named = st.query_params.get("photo")
    if named is None:
        return None
    if (photo := photos.photos().get(named)) is None:
        st.warning("The photo in the link is not among those of this visit, which are kept no longer: open it again.")
        st.page_link(session.PREDICT_PAGE, label="Open a photo", query_params={"run": run.id})
        return None
    with row:
        st.button("Images of the data set", on_click=url.go, kwargs={"photo": None})
        st.page_link(session.PREDICT_PAGE, label="Your photos", query_params={"run": run.id})
    moment = _choose_moment(run, link)
    known = photos.predict(photo, run)

    def describe(logits: np.ndarray) -> str:
        verdicts = classify(logits[None], PhotoFit()) if moment else photos.verdicts([known], run)
        return f"{formatting.plain(photo.name)}: {photos.say_verdict(verdicts, 0)}"

    said = "The title is the verdict of Predict: the mean for the photo and its mirror image, calibrated for photos."
    note = "" if moment else f"{said} The layers show what happens to the photo alone."
    return Seen(run, known.image, ("photo", known.image.tobytes()), moment, describe, note)


def _image(run: Run, row: Container, link: url.Link) -> Seen:
    """The image in the link, and the controls for others."""
    found = [each for each in SPLIT_NAMES if selected_predictions.locate(run, each, shared.dataset())]
    split = link.split if link.split in found else found[0]
    if link.split and link.split != split:
        st.warning(f"{formatting.plain(run.title)} was trained without validation images: these are the test images.")
    located = selected_predictions.locate(run, split, shared.dataset())
    assert located is not None  # as it was found
    number = link.image
    if number is not None and find_position(located.numbers, number) is None:
        words = selected_predictions.words(split)
        st.warning(f"Image {num(number):,} is not among the {words}: another one is shown.")
        number = None
    shown = _first_mistake(run, split, located) if number is None else number
    with row:
        _draw_choices(found, split, located, shown)
    moment = _choose_moment(run, link)
    part = shared.dataset().part(located.part)
    label = int(part.labels[shown])

    def describe(logits: np.ndarray) -> str:
        return say_image(split, shown, label, Predictions(logits[None], np.array([label], np.uint8)))

    return Seen(run, part.images[shown], (located.part, shown), moment, describe)


def _choose_moment(run: Run, link: url.Link) -> int:
    """The step of the snapshot that the link names, 0 the end, with a slider where the run keeps some weights."""
    steps, moment = run.snapshot_weights_steps(), link.snapshot or 0
    if moment and moment not in steps:
        st.warning(f"{formatting.plain(run.title)} keeps no weights of step {moment}: this is the finished network.")
        moment = 0
    if steps:
        st.session_state[KEY_MOMENT] = moment
        st.select_slider(
            "Snapshot",
            [*steps, 0],
            format_func=lambda step: formatting.moment(shared.snapshot_epoch(run, step)) if step else "the end",
            key=KEY_MOMENT,
            on_change=lambda: url.go(snapshot=st.session_state[KEY_MOMENT] or None),
        )
    return moment


def _draw_choices(found: list[str], split: str, located: Members, number: int) -> None:
    place = find_position(located.numbers, number)
    assert place is not None  # looked for before
    st.session_state[KEY_SPLIT], st.session_state[KEY_IMAGE] = split, number
    st.selectbox(
        "Images",
        found,
        format_func=SPLIT_NAMES.__getitem__,
        key=KEY_SPLIT,
        width=130,
        on_change=lambda: url.go(split=st.session_state[KEY_SPLIT], image=None),
    )
    st.number_input(
        "Image",
        min_value=int(located.numbers[0]),
        max_value=int(located.numbers[-1]),
        key=KEY_IMAGE,
        width=130,
        on_change=lambda: url.go(image=st.session_state[KEY_IMAGE]),
    )
    with st.container(horizontal=True, width="content", gap="small"):  # the two wrap together
        for text, step in (("Previous", -1), ("Next", 1)):
            beside = place + step
            there = 0 <= beside < len(located.numbers)
            to = {"image": int(located.numbers[beside])} if there else {}
            st.button(text, key=f"way_{text}", disabled=not there, on_click=url.go, kwargs=to)


def _first_mistake(run: Run, split: str, located: Members) -> int:
    """The first image that the run's kept predictions have wrong; the first of all where none are kept."""
    try:
        found = shared.predictions(run, split)
    except FMExploreError:
        found = None  # that it has no answers is told by the network itself
    if found is None or len(found) != len(located.numbers) or found.right.all():
        return int(located.numbers[0])
    return int(located.numbers[np.argmin(found.right)])


def _view(seen: Seen) -> None:
    url.leave_fragment()
    with messages.boundary():
        link = url.read_link(names=("layer", "channel", "at"))
        with st.container():
            messages.warn(link.problems)
            values = seen.ask_values()
            pointed = _find(seen.graph, values, link)
        sentence = seen.describe(values[seen.graph.logits])
        if seen.moment:
            sentence += f", {formatting.moment(shared.snapshot_epoch(seen.run, seen.moment))}"
        st.subheader(sentence, anchor=False)
        if seen.note:
            st.caption(seen.note)
        _strip(seen.graph, values, pointed.step.name)
        left, right = st.columns([52, 48], gap="large")
        with left, messages.boundary():
            show_layer(seen, values, pointed.step, pointed.channel)
        with right, messages.boundary():
            show_value(seen, values, pointed.step, (pointed.channel, pointed.y, pointed.x))
        if not seen.run.snapshot_weights_steps():
            st.caption(
                f"{formatting.plain(seen.run.title)} keeps no weights of its snapshots, so only the finished network "
                "can be shown: a new training keeps some."
            )
            if other := next((run for run in shared.store().shipped_runs() if run.snapshot_weights_steps()), None):
                where = {"run": other.id, "snapshot": str(other.snapshot_weights_steps()[0])}
                label = f"See the filters of {formatting.plain(other.title)} come about, snapshot by snapshot"
                st.page_link(session.INSIDE_PAGE, label=label, query_params=where)


def _find(graph: Graph, values: Arrays, link: url.Link) -> Pointed:
    """The value in the link; where it says nothing, the first convolution, its brightest map, the largest value there.

    What is not there is told.
    """
    convolutions = (name for name, step in graph.steps.items() if step.kind == "conv")
    step = graph[next(convolutions, graph.logits)]
    channel, at = link.channel, link.at
    if link.layer in graph.steps:
        step = graph[link.layer]
    elif link.layer is not None:
        messages.warn([url.left_out("layer", link.layer, "a layer of this network")])
        channel = at = None
    try:
        step.require(channel or 0, *(at or (0, 0)))
    except ConfigError as error:
        messages.warn([f"The link names a value that is not there: {error}"])
        channel = at = None
    found = values[step.name].reshape(step.channels, *step.size)
    if channel is None:
        channel = int(np.argmax(found.max(axis=(1, 2))))
    y, x = at or np.unravel_index(int(np.argmax(found[channel])), step.size)
    return Pointed(step, channel, int(y), int(x))


def _strip(graph: Graph, values: Arrays, chosen: str) -> None:
    """All layers; those inside of a block only where it, or one of them, is chosen."""
    stops, pictures = [], []
    opened = {chosen, *_blocks(chosen)}
    for name, step in graph.steps.items():
        if not opened.issuperset(_blocks(name)):
            continue
        inside = sum(1 for other in graph.steps if name in _blocks(other))
        gives = " x ".join(map(str, step.shape)) if step.has_maps else f"{step.channels} values"
        closed = f", {inside} layers inside" if inside and name not in opened else ""
        picture = len(pictures) if step.has_maps else None
        stops.append(Stop(name, f"{say_step(step)}{closed}", gives, len(_blocks(name)), picture))
        if step.has_maps:
            pictures.append(_picture(values[name]))
    layer_strip(
        stops,
        np.array(pictures),
        "way_strip",
        lambda name: url.go(layer=name, channel=None, at=None),
        chosen,
    )


def _blocks(name: str) -> list[str]:
    """The blocks in which a step lies, by its name: 7.2.1 in 7."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts), 2)]


def _picture(maps: np.ndarray) -> np.ndarray:
    """The brightest map of a step, `(28, 28, 3) uint8`."""
    brightest = maps[int(np.argmax(maps.max(axis=(1, 2))))]
    rows, columns = (np.arange(SIDE) * size // SIDE for size in brightest.shape)
    return paint(brightest, float(np.abs(maps).max()))[rows][:, columns]
