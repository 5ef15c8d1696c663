"""What a layer gives for an image: all of its maps on one scale, or the values of a vector; and its kernels."""

import numpy as np
import streamlit as st

from fmexplore.inside.graph import Step
from fmexplore.runs.run import Arrays
from fmexplore.ui import formatting, session, url
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import choose_page
from fmexplore.ui.inside.colours import enlarge, gradient, paint
from fmexplore.ui.inside.kernels import show_kernels
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.words import channel_steps, figure, name_channel, name_layer, name_value, say_step

PAGE = 64  # maps, or values of a vector
ORDERS = ("by index", "strongest first")


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
    _link_to_channel(seen, step, channel)
    key = f"way_{seen.run.id}_{step.name}"
    page = choose_page(len(order), key, np.flatnonzero(order == channel), PAGE)
    shown = order[(page - 1) * PAGE : page * PAGE]
    if step.has_maps:
        _maps(found, shown, channel)
        show_kernels(seen.run, step, shown, channel, _choose, seen.moment)
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


def _link_to_channel(seen: Seen, step: Step, channel: int) -> None:
    """Where it is shown what excites a channel, but for a snapshot, of which that is not computed."""
    if seen.moment or step.name not in channel_steps(seen.graph):
        return
    place = {"run": seen.run.id, "layer": step.name, "channel": str(channel), "view": "channels"}
    if seen.key[0] != "photo" and (split := st.query_params.get("split")):
        place["split"] = split
    words = f"What excites {name_channel(seen.graph, step.name, channel)}"
    st.page_link(session.INSIDE_PAGE, label=words, query_params=place)


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
    pictures = enlarge(paint(found[shown], limit))
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


def _choose(channel: int) -> None:
    """Look at another channel, at the same place."""
    url.go(channel=channel)
