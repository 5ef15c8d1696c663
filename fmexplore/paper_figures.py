"""Static figures of the Papers page from plain values: plotly figures out. Knows no file, no theme and no screen."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fmexplore.figures import EARLIER, TRAINING, VALIDATION, make_figure
from fmexplore.labels import place_labels
from fmexplore.lessons import Peeking, Remedy

if TYPE_CHECKING:
    import plotly.graph_objects as go

OTHERS = "#7048e8"
# Pixels of the plot on a phone and on a desk: what names have room for.
PHONE, DESK = 290, 900
NETWORKS_HEIGHT, REMEDIES_HEIGHT = 330, 360
LOW, HIGH = 82, 98  # percent: where all networks stand


def peeking_chart(rows: Sequence[Peeking]) -> "go.Figure":
    """For each system the points gained; where there are several seeds, with one standard deviation each way."""
    traces = []
    for some, about in ((True, " ± %{customdata[0]:.2f}, mean of %{customdata[1]} seeds"), (False, ", one seed")):
        group = [row for row in rows if (row.gain.seeds > 1) is some]
        bars = {
            **{"type": "bar", "orientation": "h", "width": 0.5, "marker": {"color": VALIDATION, "line": {"width": 0}}},
            **{"x": [round(row.gain.mean, 3) for row in group], "y": [row.system for row in group]},
            "customdata": [[row.gain.deviation, row.gain.seeds] for row in group],
            "hovertemplate": f"%{{y}}: %{{x:.2f}} points{about}<extra></extra>",
        }
        if some:
            deviations = [round(row.gain.deviation, 3) for row in group]
            bars["error_x"] = {"type": "data", "array": deviations, "color": EARLIER, "thickness": 2, "width": 6}
        traces.append(bars)
    names = [row.system for row in rows]
    return make_figure(
        [trace for trace in traces if trace["x"]],
        barmode="overlay",
        showlegend=False,
        xaxis={"title": {"text": "points gained"}, "zeroline": True},
        yaxis={
            **{"type": "category", "categoryorder": "array", "categoryarray": names, "autorange": "reversed"},
            **{"showgrid": False, "fixedrange": True, "ticklabelstandoff": 8},
        },
    )


def remedies_chart(rows: Sequence[Remedy], pair: Sequence[Remedy] = ()) -> "go.Figure":
    """Test accuracy over the gap, each remedy joined by a line to what it began from."""
    groups = [(group, color) for group, color in ((rows, TRAINING), (pair, OTHERS)) if group]
    everything = [row for group, _ in groups for row in group]
    spans = [_span([row.gap.mean for row in everything]), _span([row.accuracy.mean for row in everything])]
    across, up = ((PHONE, spans[0]), (REMEDIES_HEIGHT, spans[1]))
    places = [(_pixel(row.gap.mean, *across), up[0] - _pixel(row.accuracy.mean, *up)) for row in everything]
    labels = place_labels(places, [row.name for row in everything], PHONE, REMEDIES_HEIGHT, size=12)
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
            **{"title": {"text": "gap between training and held-out images, points"}, "range": spans[0], "dtick": 1},
            "showgrid": False,
        },
        yaxis={"title": {"text": "% of test images right"}, "range": spans[1], "dtick": 1},
    )


def networks_chart(groups: Mapping[str, Sequence[tuple[str, float, float]]], human: float, axis: str) -> "go.Figure":
    """Accuracy in percent over something on a logarithmic axis, named points in up to four groups.

    Names that have room on a desk only come as the last trace.
    """
    looks = ((TRAINING, "circle"), (OTHERS, "circle"), (VALIDATION, "diamond"), (EARLIER, "circle-open"))
    shown = [(name, x, y, color) for points, (color, _) in zip(groups.values(), looks) for name, x, y in points]
    low, high = _span([math.log10(x) for _, x, _, _ in shown] or [0, 1])
    names = [name for name, *_ in shown]

    def place(width: float, fixed: Sequence[str | None] = ()) -> list[str | None]:
        places = [
            (_pixel(math.log10(x), width, (low, high)), NETWORKS_HEIGHT - _pixel(y, NETWORKS_HEIGHT, (LOW, HIGH)))
            for _, x, y, _ in shown
        ]
        return place_labels(places, names, width, NETWORKS_HEIGHT, fixed=fixed)

    narrow = place(PHONE)
    wide = place(DESK, narrow)
    traces: list[dict] = [
        {
            **{"type": "scatter", "mode": "markers", "name": name},
            **{"x": [x for _, x, _ in points], "y": [round(y, 2) for _, _, y in points]},
            **{"marker": {"size": 11, "color": color, "symbol": symbol, "line": {"width": 2, "color": color}}},
            "customdata": [[label, f"{x:,.0f}" if x >= 100 else f"{x:.1f}"] for label, x, _ in points],
            "hovertemplate": f"%{{customdata[0]}}<br>%{{customdata[1]}} {axis}, %{{y:.2f}} % of test images right"
            "<extra></extra>",
        }
        for (name, points), (color, symbol) in zip(groups.items(), looks)
    ]
    for chosen in (narrow, [None if early else late for early, late in zip(narrow, wide)]):
        there = [(point, position) for point, position in zip(shown, chosen) if position]
        traces.append(
            {
                **{"type": "scatter", "mode": "text", "hoverinfo": "skip", "showlegend": False},
                **{"x": [point[1] for point, _ in there], "y": [point[2] for point, _ in there]},
                **{"text": [point[0] for point, _ in there], "textposition": [position for _, position in there]},
                **{"textfont": {"size": 11}, "cliponaxis": False},
            }
        )
    figure = make_figure(
        traces,
        xaxis={"title": {"text": axis}, "type": "log", "range": [low, high], "dtick": 1, "showgrid": False},
        yaxis={"title": {"text": "% of test images right"}, "range": [LOW, HIGH], "dtick": 4},
    )
    line = {"color": EARLIER, "dash": "dot", "width": 1.5}
    text = {"annotation_text": f"people, {human} %", "annotation_position": "top right"}
    return figure.add_hline(human, line=line, **text)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """From where to where an axis goes that has all of them with room for names."""
    pad = 0.12 * (max(values) - min(values)) or 1
    return min(values) - pad, max(values) + pad


def _pixel(value: float, pixels: float, span: tuple[float, float]) -> float:
    return pixels * (value - span[0]) / (span[1] - span[0])
