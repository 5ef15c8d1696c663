"""Static figures of the Papers page from plain values: plotly figures out. Knows no file, no theme and no screen."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from fmexplore.papers.insights import Peeking, Remedy
from fmexplore.ui.charts.base import EARLIER, TRAINING, VALIDATION, make_figure
from fmexplore.ui.charts.labels import place_labels
from fmexplore.ui.formatting import num

if TYPE_CHECKING:
    import plotly.graph_objects as go

OTHERS = "#7048e8"
# Width and height of the plot in pixels, at least: what names have room for. The style sheet knows those widths.
NETWORKS, WIDEST, REMEDIES_PHONE = ((240, 360), (560, 380), (900, 380)), 1560, (260, 340)
MANY_DECADES = 2.5
LOW, HIGH = 82, 98  # percent: where all networks stand


def peeking_chart(rows: Sequence[Peeking]) -> "go.Figure":
    """For each system the points gained; where there are several seeds, with one standard deviation each way."""
    traces = []
    for some, about in ((True, " ± %{customdata[0]:.2f}, mean of %{customdata[1]} seeds"), (False, ", one seed")):
        group = [row for row in rows if (row.gain.seeds > 1) is some]
        bars: dict = {
            **{"type": "bar", "orientation": "h", "width": 0.5, "marker": {"color": VALIDATION, "line": {"width": 0}}},
            **{"x": [round(row.gain.mean, 3) for row in group], "y": [row.system for row in group]},
            "customdata": [[row.gain.deviation, row.gain.seeds] for row in group],
            "hovertemplate": f"%{{y}}: %{{x:.2f}} points{about}<extra></extra>",
        }
        if some:
            deviations = [round(row.gain.deviation, 3) for row in group]
            bars["error_x"] = {"type": "data", "array": deviations, "thickness": 2, "width": 6}
        traces.append(bars)
    # In words too, as a bar of no length looks like a row without a result.
    ends = [row.gain.mean + (row.gain.deviation if row.gain.seeds > 1 else 0) for row in rows]
    spreads = [f" ± {num(row.gain.deviation):.2f}" if row.gain.seeds > 1 else ", one seed" for row in rows]
    words = [f"  {num(row.gain.mean):.2f}{spread}" for row, spread in zip(rows, spreads, strict=True)]
    names = [row.system for row in rows]
    label = {"type": "scatter", "mode": "text", "x": [max(end, 0) for end in ends], "y": names, "text": words}
    traces.append({**label, "textposition": "middle right", "hoverinfo": "skip", "cliponaxis": False})
    low, high = min([0, *(row.gain.mean for row in rows)]), max([*ends, 0.1])
    return make_figure(
        [trace for trace in traces if trace["x"]],
        barmode="overlay",
        showlegend=False,
        xaxis={"title": {"text": "points gained"}, "zeroline": True, "range": [1.05 * low, 1.5 * high]},
        yaxis={
            **{"type": "category", "categoryorder": "array", "categoryarray": names, "autorange": "reversed"},
            **{"showgrid": False, "fixedrange": True, "ticklabelstandoff": 8},
        },
    )


def remedies_chart(rows: Sequence[Remedy], pair: Sequence[Remedy] = ()) -> "go.Figure":
    """Test accuracy over the gap, each remedy joined by a line to what it began from."""
    groups = [(group, color) for group, color in ((pair, OTHERS), (rows, TRAINING)) if group]  # long names choose first
    everything = [row for group, _ in groups for row in group]
    points = [(row.gap.mean, row.accuracy.mean) for row in everything]
    spans = _span([x for x, _ in points]), _span([y for _, y in points])
    on_lines = [_between(group[0], row, part / 24) for group, _ in groups for row in group[1:] for part in range(24)]
    places, avoid = (_to_pixels(each, REMEDIES_PHONE, spans) for each in (points, on_lines))
    labels = place_labels(places, [row.name for row in everything], *REMEDIES_PHONE, size=12, avoid=avoid)
    traces: list[dict] = []
    for group, color in groups:
        first = group[0]
        for row in group[1:]:
            ends = {"x": [first.gap.mean, row.gap.mean], "y": [first.accuracy.mean, row.accuracy.mean]}
            line = {"width": 1.5, "dash": "dash", "color": color}
            traces.append({"type": "scatter", "mode": "lines", **ends, "line": line, "hoverinfo": "skip"})
            traces[-1]["opacity"] = 0.6
    for group, color in groups:
        taken, labels = labels[: len(group)], labels[len(group) :]
        traces.append(
            {
                **{"type": "scatter", "mode": "markers+text", "cliponaxis": False},
                "x": [round(row.gap.mean, 2) for row in group],
                "y": [round(row.accuracy.mean, 2) for row in group],
                "text": [row.name if position else "" for row, position in zip(group, taken)],
                "textposition": [position or "top center" for position in taken],
                **{"textfont": {"size": 12}, "customdata": [row.name for row in group]},
                "marker": {"size": 12, "color": color, "symbol": ["diamond", *["circle"] * (len(group) - 1)]},
                "hovertemplate": "%{customdata}<br>gap %{x:.2f} points, %{y:.2f} % of test images right<extra></extra>",
            }
        )
    return make_figure(
        traces,
        showlegend=False,
        xaxis={
            **{"title": {"text": "gap between training and held-out images, points"}, "range": spans[0], "nticks": 9},
            "showgrid": False,
        },
        yaxis={"title": {"text": "% of test images right"}, "range": spans[1], "nticks": 6},
    )


def networks_chart(groups: Mapping[str, Sequence[tuple[str, float, float]]], human: float, axis: str) -> "go.Figure":
    """Accuracy in percent over something on a logarithmic axis, named points in up to four groups.

    The third group, our own, has its names placed first. The last traces are the names that have room on a phone, those
    that have it on a tablet too, and those on a desk only.
    """
    looks = ((TRAINING, "circle"), (OTHERS, "circle"), (VALIDATION, "diamond"), (EARLIER, "circle-open"))
    shown = [(name, x, y, color) for points, (color, _) in zip(groups.values(), looks) for name, x, y in points]
    shown = sorted(shown, key=lambda point: point[3] != looks[2][0])
    names = [name for name, *_ in shown]
    points = [(math.log10(x), y) for _, x, y, _ in shown]
    spans = _span([x for x, _ in points] or [0, 1]), (LOW, HIGH)
    placed: list[list[str | None]] = [[None] * len(names)]
    for size in NETWORKS:
        places = _to_pixels(points, size, spans)
        placed.append(place_labels(places, names, *size, widest=WIDEST, fixed=placed[-1]))
    traces: list[dict] = [
        {
            **{"type": "scatter", "mode": "markers", "name": name},
            **{"x": [x for _, x, _ in points], "y": [round(y, 2) for _, _, y in points]},
            **{"marker": {"size": 11, "color": color, "symbol": symbol, "line": {"width": 2, "color": color}}},
            "customdata": [[label, f"{num(x):,.0f}" if x >= 100 else f"{num(x):.1f}"] for label, x, _ in points],
            "hovertemplate": f"%{{customdata[0]}}<br>%{{customdata[1]}} {axis}, %{{y:.2f}} % of test images right"
            "<extra></extra>",
        }
        for (name, points), (color, symbol) in zip(groups.items(), looks)
    ]
    for before, now in pairwise(placed):
        chosen = zip(shown, before, now, strict=True)
        there = [(point, position) for point, early, position in chosen if position and not early]
        traces.append(
            {
                **{"type": "scatter", "mode": "markers+text", "hoverinfo": "skip", "showlegend": False},
                **{"x": [point[1] for point, _ in there], "y": [point[2] for point, _ in there]},
                **{"text": [point[0] for point, _ in there], "textposition": [position for _, position in there]},
                "marker": {"size": 11, "opacity": 0},  # keeps the text off the mark
                **{"textfont": {"size": 11}, "cliponaxis": False},
            }
        )
    figure = make_figure(
        traces,
        xaxis={"title": {"text": axis}, "type": "log", "range": spans[0], "showgrid": False, **_ticks(*spans[0])},
        yaxis={"title": {"text": "% of test images right"}, "range": spans[1], "nticks": 6},
    )
    line = {"color": EARLIER, "dash": "dot", "width": 1.5}
    text = {"annotation_text": f"human accuracy, {num(human)} %", "annotation_position": "bottom right"}
    return figure.add_hline(human, line=line, **text)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """From where to where an axis goes that has all of them with room for names."""
    pad = 0.12 * (max(values) - min(values)) or 1
    return min(values) - pad, max(values) + pad


def _ticks(low: float, high: float) -> dict:
    """Of a logarithmic axis: powers of ten, and 2 and 5 between them where there are few."""
    if high - low > MANY_DECADES:
        return {"dtick": 1}
    values = [step * 10**power for power in range(math.floor(low), math.ceil(high)) for step in (1, 2, 5)]
    return {"tickvals": values, "ticktext": [f"{num(value):g}" for value in values]}


def _between(start: Remedy, end: Remedy, part: float) -> tuple[float, float]:
    """A place on the line from one to the other."""
    return (
        start.gap.mean + part * (end.gap.mean - start.gap.mean),
        start.accuracy.mean + part * (end.accuracy.mean - start.accuracy.mean),
    )


def _to_pixels(
    points: Sequence[tuple[float, float]], size: tuple[float, float], spans: tuple[tuple[float, float], ...]
) -> list[tuple[float, float]]:
    """From the left and from the top of a plot of that size."""
    (width, height), (left, right), (low, high) = size, *spans
    return [(width * (x - left) / (right - left), height * (high - y) / (high - low)) for x, y in points]
