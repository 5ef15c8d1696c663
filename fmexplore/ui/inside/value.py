"""One value inside a network: where it stands in its map, what it sees of the image, and the sum behind it."""

from functools import partial

import numpy as np
import streamlit as st

from fmexplore.inside.graph import Step
from fmexplore.inside.sums import Sum
from fmexplore.runs.run import Arrays
from fmexplore.ui import url
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.components.value_map import value_map
from fmexplore.ui.formatting import num
from fmexplore.ui.inside.colours import enlarge, paint
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.words import explain, figure, figures, name_place, name_value, say_field

MOST_TERMS, LARGEST = 27, 16  # all terms are listed up to three maps of a 3 x 3 window, else the largest
WEIGHTED = {"conv": "weight", "dense": "weight", "avg_pool": "share", "global_avg_pool": "share"}
WINNERS = ("max_pool", "global_max_pool")


def show_value(seen: Seen, values: Arrays, step: Step, place: tuple[int, int, int]) -> None:
    """A value by its channel, row and column: pointed at in its map, and explained."""
    channel, y, x = place
    found = seen.ask_sum(step.name, channel, y, x)
    grid = values[step.name][channel] if step.has_maps else None
    picture = None
    if grid is not None:
        limit = float(np.abs(values[step.name]).max())
        picture = enlarge(paint(grid, limit)[None])[0]
    value_map(
        picture,
        [] if grid is None else [figures(line) for line in grid.tolist()],
        name_value(seen.graph, step.name, channel).capitalize(),
        (y, x),
        seen.image,
        found.field.box,
        say_field(found.field.box),
        "way_map",
        lambda row, column: url.go(layer=step.name, channel=channel, at=f"{row},{column}"),
    )
    where = name_place(seen.graph, (step.name, channel, y, x))
    st.markdown(f"**{where[0].upper()}{where[1:]}: {figure(found.total)}**")
    said = explain(found, getattr(step.layer, "function", ""))
    beyond = " It also sees padding beyond the border of the image." if step.has_maps and found.field.padded else ""
    st.caption(f"It comes about so: {said}.{beyond}")
    _terms(seen, found)


def _terms(seen: Seen, found: Sum) -> None:
    """Where the value comes from, each term with the way to its own value."""
    count = len(found.terms)
    shown = np.arange(count) if count <= MOST_TERMS else found.largest(LARGEST)
    if found.kind == "softmax":
        shown = np.arange(count)
    origins = [found.origin(int(each)) for each in shown]
    if found.kind == "image":
        return
    factor = WEIGHTED.get(found.kind)
    powers = found.kind == "softmax"
    heads = ("comes from", "value", *((f"x {factor}", "= product") if factor else ()), *(("exp",) if powers else ()))
    rows = []
    for term, origin in zip(shown, origins, strict=True):
        numbers = [figure(found.inputs[term])]
        if factor:
            numbers += [figure(found.weights[term]), figure(found.terms[term])]
        if powers:
            numbers.append(figure(found.terms[term]))
        won = found.kind in WINNERS and found.weights[term] == 1
        name = name_place(seen.graph, origin) if origin else "padding"
        size = float(found.inputs[term] if found.kind in WINNERS else found.terms[term])
        marked = won or (powers and term == found.place[0])
        rows.append(Entry(f"{name} (won)" if won else name, tuple(numbers), size, origin is not None, bool(marked)))
    term_table(heads, rows, _ends(found, shown), "way_terms", partial(_go_to, origins))
    computed = f"The network has computed {figure(found.value)}, in float32. " if factor else ""
    st.caption(f"{computed}Press a term to go to its value.")


def _ends(found: Sum, shown: np.ndarray) -> list[tuple[str, str]]:
    """What is below the terms, so that all add up to the total."""
    ends: list[tuple[str, str]] = []
    left = len(found.terms) - len(shown)
    if found.kind in WEIGHTED or found.kind == "residual":
        if left:
            rest = float(found.terms.sum() - found.terms[shown].sum())
            ends.append((f"the other {num(left):,} terms", figure(rest)))
        if "bias" in found.constants:
            ends.append(("bias", figure(found.constants["bias"])))
        ends.append(("total", figure(found.total)))
    elif left:
        ends.append((f"the other {num(left):,}", "smaller"))
    return ends


def _go_to(origins: list[tuple[str, int, int, int] | None], row: int) -> None:
    if origin := origins[row]:
        layer, channel, y, x = origin
        url.go(layer=layer, channel=channel, at=f"{y},{x}")
