"""The way of one image through a network: which image and moment, the strip of layers, and the chosen layer."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.errors import ConfigError
from fmexplore.inside.graph import Graph, Step
from fmexplore.runs.run import Arrays, Run
from fmexplore.ui import formatting, messages, session, shared, url
from fmexplore.ui.components.layer_strip import SIDE, Stop, layer_strip
from fmexplore.ui.inside.choice import choose_image
from fmexplore.ui.inside.colours import paint
from fmexplore.ui.inside.layer import show_layer
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.value import show_value
from fmexplore.ui.inside.words import say_step

KEY_MOMENT = "way_moment"


@dataclass(frozen=True)
class Pointed:
    """The value that is looked at: in a step, its channel, row and column."""

    step: Step
    channel: int
    y: int
    x: int


def way(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    link = url.read_link(names=("snapshot",))
    messages.warn(link.problems)
    seen = choose_image(run, row, lambda: _choose_moment(run, link))
    # Another layer or value draws these anew, and neither the sidebar nor the choices.
    st.fragment(_view)(seen)


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
