"""The channels of a layer: what excites each of them, the first layer's kernels, and which matter to a class."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.inside.ablation import Ranking
from fmexplore.inside.channels import Responses
from fmexplore.inside.graph import Graph, Step, graph_of
from fmexplore.runs.run import Run
from fmexplore.ui import asking, formatting, messages, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import choose_page
from fmexplore.ui.inside.ablation import has_validation, show_ranking
from fmexplore.ui.inside.channel import Chosen, say_response, show_channel
from fmexplore.ui.inside.colours import enlarge
from fmexplore.ui.inside.kernels import show_kernels
from fmexplore.ui.inside.words import brief, channel_steps, name_layer, name_value, say_step
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import SPLIT_NAMES

PAGE = 32  # channels, each with nine patches
SIDE, GAP, GREY = 3, 2, 96  # patches in a row of a channel's picture, and what is between them


def channels(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    link = url.read_link(names=("split", "layer", "channel", "image"))
    messages.warn(link.problems)
    found = [each for each in SPLIT_NAMES if selected_predictions.locate(run, each, shared.dataset())]
    split = link.split if link.split in found else found[0]
    if link.split and link.split != split:
        st.warning(f"{formatting.plain(run.title)} was trained without validation images: these are the test images.")
    graph = graph_of(run.config.model)
    step = _choose_layer(graph, link.layer)
    channel = _check_channel(step, link.channel) if step.name == link.layer or link.layer is None else None
    label = widgets.class_in_link("class")
    # The three wrap together.
    with row, st.container(horizontal=True, vertical_alignment="bottom", width="content", gap="small"):
        selected_predictions.choose_split(found, split, "channels_split")
        _draw_layers(graph, step)
        help = "Which channels the network needs to recognise the images of a class."
        off = not has_validation(run)
        widgets.choose_class("Channels that matter to", "channels_class", "A class", width=190, help=help, disabled=off)
    with st.container(key="channels_body"), messages.boundary():
        asked = asking.Step(
            "responses",
            (*shared.folder_and_weights(run), step.name, split),
            lambda _: shared.analyst().ask("respond_channels", run=run, layer=step.name, split=split),
        )
        show = partial(_show, Chosen(run, graph, step, split, link.image), channel, None if off else label)
        cancelled = f"What excites the channels of layer {step.name} is not known yet."
        asking.follow("channels", [asked], show, cancelled)


def _choose_layer(graph: Graph, named: str | None) -> Step:
    """The layer in the link, else the first convolution or dense layer; what cannot be shown is told."""
    there = channel_steps(graph)
    if named in there:
        return graph[named]
    if named is not None:
        known = "a layer with channels" if named in graph.steps else "a layer of this network"
        messages.warn([url.left_out("layer", named, known)])
    kinds = [graph[name].kind for name in there]
    first = next((kinds.index(kind) for kind in ("conv", "dense") if kind in kinds), 0)
    return graph[there[first]]


def _check_channel(step: Step, channel: int | None) -> int | None:
    """The channel in the link, if there is one of that number; another one is told."""
    try:
        step.require(channel or 0, 0, 0)
    except ConfigError as error:
        messages.warn([f"The link names a channel that is not there: {error}"])
        return None
    return channel


def _draw_layers(graph: Graph, step: Step) -> None:
    def describe(name: str) -> str:
        each = graph[name]
        what = "channel" if each.has_maps else "value"
        return f"{name}  {say_step(each)}, {num(each.channels):,} {what}{'s' if each.channels > 1 else ''}"

    st.session_state["channels_layer"] = step.name
    st.selectbox(
        "Layer",
        channel_steps(graph),
        format_func=describe,
        key="channels_layer",
        width=290,
        on_change=lambda: url.go(layer=st.session_state.channels_layer, channel=None, image=None),
    )


def _show(chosen: Chosen, named: int | None, label: int | None, known: asking.Known) -> None:
    """All below the row of choices, once it is known what the channels respond to."""
    found: Responses | None = known.answers.get("responses")
    if found is None:
        return
    run, graph, step = chosen.run, chosen.graph, chosen.step
    channel = found.most_selective() if named is None else named  # the same before the ranking is there and after
    st.subheader(say_response(graph, step, found, channel, chosen.among), anchor=False)
    left, right = st.columns([52, 48], gap="large")
    with left, messages.boundary():
        ranking = None if label is None else show_ranking(run, graph, step, label, channel)
        _grid(chosen, found, ranking, channel, named is not None)
    with right, messages.boundary():
        show_channel(chosen, found, channel)


def _grid(chosen: Chosen, found: Responses, ranking: Ranking | None, channel: int, named: bool) -> None:
    """All channels of a layer, each with the patches that excite it most, the given one marked.

    They open with those that matter most, unless a channel was named.
    """
    run, step = chosen.run, chosen.step
    order = ranking.channels if ranking else np.arange(step.channels)
    st.markdown(f"**{_title(step, ranking)}**")
    if not step.has_maps:
        st.caption("This layer has no maps: each of its values counts as a channel, which sees the whole image.")
    key = f"channels_{run.id}_{step.name}_{ranking.label if ranking else ''}"
    places = np.flatnonzero(order == channel) if named or not ranking else ()
    page = choose_page(len(order), key, places, PAGE)
    shown = order[(page - 1) * PAGE : page * PAGE]
    items = [_item(chosen.graph, step, found, int(each)) for each in shown]
    gallery(
        _join(chosen.find_patches(tuple(map(int, shown))), [found.excited(int(each)) for each in shown]),
        items,
        "channels_grid",
        lambda number: url.go(layer=step.name, channel=number, image=None),
        size=84,
        height=560,
        current=channel,
        label="Channels",
    )
    show_kernels(run, step, shown, channel, lambda number: url.go(channel=number, image=None))


def _title(step: Step, ranking: Ranking | None) -> str:
    name, what = name_layer(step.name), "channel" if step.has_maps else "value"
    several = "s" if step.channels > 1 else ""
    title = f"{name[0].upper()}{name[1:]}, {formatting.plain(say_step(step))}: {num(step.channels):,} {what}{several}"
    return f"{title}, those that matter to {formatting.plural(ranking.label)} first" if ranking else title


def _item(graph: Graph, step: Step, found: Responses, channel: int) -> Item:
    liked = found.preference(channel)
    name = name_value(graph, step.name, channel)
    label = f"{name[0].upper()}{name[1:]}: strongest {brief(float(found.values[channel].max()))}"
    if found.is_silent(channel):
        return Item(channel, f"{channel}\nalways 0", f"{label}, always 0")
    if liked is None:
        return Item(channel, str(channel), f"{label}, no class in particular")
    classes = " and ".join(CLASS_NAMES[each] for each in liked.labels)
    below = CLASS_NAMES[liked.labels[0]] if liked.most and len(liked.labels) == 1 else ""
    return Item(channel, f"{channel}\n{below}".strip(), f"{label}, {'most' if liked.most else 'least'} for {classes}")


def _join(patches: np.ndarray, excited: Sequence[np.ndarray]) -> np.ndarray:
    """The patches of each channel in a square, `(channels, height, width) uint8`; grey where one does not excite it."""
    count, several, *_ = patches.shape
    large = enlarge(patches.reshape(-1, *patches.shape[2:]))
    high, wide = large.shape[1:]
    tiles = np.where(np.array(excited)[..., None, None], large.reshape(count, several, high, wide), GREY)
    joined = np.full((count, SIDE * (high + GAP) - GAP, SIDE * (wide + GAP) - GAP), GREY, np.uint8)
    for place in range(several):
        top, left = (high + GAP) * (place // SIDE), (wide + GAP) * (place % SIDE)
        joined[:, top : top + high, left : left + wide] = tiles[:, place]
    return joined
