"""What a layer gives for an image: all of its maps on one scale, or the values of a vector; and its kernels."""

import numpy as np
import streamlit as st

from fmexplore.inside.graph import Step
from fmexplore.runs.run import Arrays
from fmexplore.ui import formatting, url
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import choose_page
from fmexplore.ui.inside.colours import enlarge, gradient, paint
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.words import figure, name_layer, name_value, say_step

PAGE = 64  # maps, or values of a vector
LEAST = 28  # pixels of a picture, as browsers blur the borders of smaller ones
ORDERS = ("by index", "strongest first")
MOST_SHOWN = 4  # channels of a kernel that are drawn side by side


def show_layer(seen: Seen, values: Arrays, step: Step, channel: int) -> None:
    """All channels of a step, the given one marked."""
    found = values[step.name]
    order = np.arange(step.channels)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_title(step)}**")
        if step.channels > 1:
            by = st.selectbox(
                "Order of channels", ORDERS, key="way_order", persist_state="session", label_visibility="collapsed",
                width=160,
            )  # fmt: skip
            if by == ORDERS[1]:
                strength = found.mean(axis=(1, 2)) if step.has_maps else found
                order = np.argsort(-strength, kind="stable")
    key = f"way_{seen.run.id}_{step.name}"
    page = choose_page(len(order), key, np.flatnonzero(order == channel), PAGE)
    shown = order[(page - 1) * PAGE : page * PAGE]
    if step.has_maps:
        _maps(found, shown, channel)
        _kernels(seen, step, shown, channel)
    else:
        st.caption("This layer has no maps: each value is one number for the whole image.")
        rows = []
        for each in shown.tolist():
            name, value = name_value(seen.graph, step.name, each), float(found[each])
            rows.append(Entry(name, (figure(value),), value, marked=each == channel))
        term_table(
            ("output", "value"),
            rows,
            (),
            "way_values",
            lambda row: url.go(layer=step.name, channel=int(shown[row]), at=None),
        )


def _title(step: Step) -> str:
    name = name_layer(step.name)
    what = f", {formatting.plain(say_step(step))}" if step.name[0].isdecimal() else ""
    if not step.has_maps:
        return f"{name[0].upper()}{name[1:]}{what}: {num(step.channels):,} values"
    maps = "one map" if step.channels == 1 else f"{num(step.channels):,} maps"
    high, wide = step.size
    return f"{name[0].upper()}{name[1:]}{what}: {maps} of {high} x {wide}"


def _maps(found: np.ndarray, shown: np.ndarray, channel: int) -> None:
    limit = float(np.abs(found).max())
    pictures = enlarge(paint(found[shown], limit), LEAST)
    items = [
        Item(int(each), str(each), f"Channel {each}: {figure(found[each].min())} to {figure(found[each].max())}")
        for each in shown
    ]
    gallery(pictures, items, "way_maps", _choose, size=64, current=channel, label="Maps")
    negative = bool(found.min() < 0)
    ends = ([f"−{figure(limit)}"] if negative else []) + ["0", figure(limit)]
    st.html(
        f"<div style='max-width:280px;font-size:0.82rem'><div style='height:8px;border-radius:2px;"
        f"background:{gradient(negative)}'></div><div style='display:flex;justify-content:space-between'>"
        f"{''.join(f'<span>{end}</span>' for end in ends)}</div></div>"
    )
    st.caption("One scale for all maps of the layer.")


def _kernels(seen: Seen, step: Step, shown: np.ndarray, channel: int) -> None:
    """Those of the first convolution, whose channels are pixels, or nearly."""
    first = next((name for name, each in seen.graph.steps.items() if each.kind == "conv"), None)
    if step.name != first:
        return
    kernels = seen.ask_kernels(step.name)[shown]
    _, channels, high, wide = kernels.shape
    if channels > MOST_SHOWN:
        return
    limit = float(np.abs(kernels).max())
    side_by_side = np.concatenate(list(kernels.swapaxes(0, 1)), axis=2)
    st.markdown(
        f"**Its kernels, {high} x {wide} weights each**",
        help="Orange weights want the image bright there, blue ones want it dark.",
    )
    items = [Item(int(each), str(each), f"Kernel of channel {each}") for each in shown]
    pictures = enlarge(paint(side_by_side, limit), LEAST)
    gallery(
        pictures, items, "way_kernels", lambda number: url.go(channel=number), size=64, current=channel, label="Kernels"
    )
    st.caption(f"Weights from −{figure(limit)}, blue, to {figure(limit)}, orange.")


def _choose(channel: int) -> None:
    """Look at another channel, at the same place."""
    url.go(channel=channel)
