"""Static figures from plain values: arrays and lists in, plotly figures out. Knows no run, no theme and no screen.

It is imported for its colours where nothing is drawn with plotly, so plotly is imported with the first figure.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from fmexplore.ui.formatting import num

if TYPE_CHECKING:
    import plotly.graph_objects as go

# The same on every page and on both grounds; chosen by `tools.class_colors`.
CLASS_COLORS = (
    "#27b0ca",  # T-shirt/top
    "#c5534e",  # Trouser
    "#4e80f9",  # Pullover
    "#a60682",  # Dress
    "#f37e27",  # Coat
    "#e25a9a",  # Sandal
    "#8f3e4f",  # Shirt
    "#964203",  # Sneaker
    "#dd8a8d",  # Bag
    "#562dfb",  # Ankle boot
)
# Of runs that are compared, by place; chosen by the same script without pairs that count more, contrast 3.
RUN_COLORS = ("#6439ff", "#e07510", "#ab3774", "#a27feb", "#9f4a37", "#cc7b86")
RUN_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "circle-open", "square-open")
TRAINING, VALIDATION, EARLIER = "#1098ad", "#e8590c", "#868e96"
MOST_POINTS = 400  # of a line; more cannot be seen
SOLID = {"opacity": 1, "line": {"width": 0}}  # marks of several sizes are else half transparent
MOST_LETTERS = 20  # of a name beside an axis
MOST_Z, LEAST_FAR = 3.5, 0.05  # of a value that is still among the others


def make_figure(traces: Sequence[dict], **layout: object) -> "go.Figure":
    """A plotly figure of traces that say their type; what is misspelt raises ValueError."""
    import plotly.graph_objects as go

    return go.Figure(list(traces), layout)


def far_below(values: Sequence[float]) -> list[bool]:
    """Which values lie so far below the others that an axis with all of them would show little of the rest.

    By the modified z-score (Iglewicz, Hoaglin 1993), from three values on; less than 0.05 below the median is not far.

    >>> far_below([0.92, 0.91, 0.93, 0.1])
    [False, False, False, True]
    """
    middle = np.median(values)
    spread = np.median(np.abs(np.asarray(values) - middle))
    far = max(MOST_Z * spread / 0.6745, LEAST_FAR)
    return [len(values) > 2 and bool(middle - value > far) for value in values]


def interval_chart(rows: Sequence[tuple[str, float, float, float, int | None]]) -> "go.Figure":
    """A point with its error bar for each (name, low, middle, high, place), as shares; in grey without a place, for a
    mean of several runs. What lies far below the others is an arrow at the left edge."""
    far = far_below([middle for _, _, middle, _, _ in rows])
    near = [(100 * low, 100 * high) for (_, low, _, high, _), out in zip(rows, far, strict=True) if not out]
    left, right = min(low for low, _ in near), max(high for _, high in near)
    edge = left - 0.12 * (right - left)
    traces: list[dict[str, Any]] = []
    for row, (name, low, middle, high, place) in enumerate(rows):
        color, symbol = (EARLIER, "diamond") if place is None else (RUN_COLORS[place], RUN_SYMBOLS[place])
        if far[row]:
            traces.append(
                {
                    **{"type": "scatter", "mode": "markers+text", "name": literal(name), "x": [edge], "y": [row]},
                    "marker": {"color": color, "symbol": "triangle-left", "size": 13},
                    **{"text": [f"  {num(100 * middle):.2f} %, left of this axis"], "textposition": "middle right"},
                    "cliponaxis": False,
                    "customdata": [[100 * low, 100 * middle, 100 * high]],
                    "hovertemplate": "%{fullData.name}<br>%{customdata[1]:.2f} %, from %{customdata[0]:.2f} to "
                    "%{customdata[2]:.2f} %<extra></extra>",
                }
            )
            continue
        ends = {"array": [100 * (high - middle)], "arrayminus": [100 * (middle - low)]}
        traces.append(
            {
                **{"type": "scatter", "mode": "markers+text", "name": literal(name), "x": [100 * middle], "y": [row]},
                "error_x": {"type": "data", "symmetric": False, **ends, "thickness": 2.5, "width": 7},
                "marker": {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2, "color": color}},
                **{"text": [f"{num(100 * middle):.2f} %"], "textposition": "top center", "cliponaxis": False},
                "customdata": [[100 * low, 100 * high]],
                "hovertemplate": "%{fullData.name}<br>%{x:.2f} %, from %{customdata[0]:.2f} to %{customdata[1]:.2f} %"
                "<extra></extra>",
            }
        )
    names = [literal(name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…") for name, *_ in rows]
    return make_figure(
        traces,
        showlegend=False,
        xaxis={"title": {"text": "test images right, %"}, "nticks": 6},
        yaxis={
            **{"tickvals": list(range(len(rows))), "ticktext": names, "range": [len(rows) - 0.5, -0.75]},
            **{"showgrid": False, "fixedrange": True, "ticklabelstandoff": 8},
        },
    )


def calibration_curve(confidence: np.ndarray, accuracy: np.ndarray, counts: np.ndarray) -> "go.Figure":
    """Reliability diagram: share right over confidence, both `(bins,)`, with the diagonal; marks grow with `counts`."""
    measured = {
        **{"type": "scatter", "mode": "lines+markers", "name": "measured"},
        **{"x": _percents(confidence), "y": _percents(accuracy), "customdata": [int(count) for count in counts]},
        "line": {"width": 2, "color": VALIDATION},
        "marker": {
            "size": (6 + 18 * np.sqrt(counts / counts.max())).round(2).tolist(),
            "color": VALIDATION,
            **SOLID,
        },
        "cliponaxis": False,
        "hovertemplate": "confidence %{x:.1f} %, right %{y:.1f} %<br>%{customdata:,} images<extra></extra>",
    }
    ideal = _dashed("as sure as right", [0, 100], [0, 100])
    return _shares([ideal, measured], "confidence, %", "share right, %", low=0)


def coverage_chart(coverage: np.ndarray, accuracy: np.ndarray, target: float) -> "go.Figure":
    """Accuracy over the share of images answered, both `(n,)`, and the accuracy aimed at."""
    chosen = np.unique(np.linspace(0, len(coverage) - 1, MOST_POINTS).round().astype(int))
    line = {
        **{"type": "scatter", "mode": "lines", "name": "accuracy", "line": {"width": 2.5, "color": TRAINING}},
        **{"x": _percents(coverage[chosen]), "y": _percents(accuracy[chosen])},
        "hovertemplate": "%{x:.1f} % answered, %{y:.2f} % of those right<extra></extra>",
    }
    aim = _dashed(f"{100 * target:.0f} % accuracy", [0, 100], _percents([target, target]))
    return _shares([aim, line], "coverage: images answered, %", "accuracy on those, %")


def overlap_histogram(shares: dict[str, np.ndarray], colors: Sequence[str], name: str, bins: int = 20) -> "go.Figure":
    """For each class, in its colour, how many images have which share, 0 to 1, on a logarithmic axis."""
    edges = np.linspace(0, 1, bins + 1)
    spans = [f"{100 * low:.0f} to {100 * high:.0f} %" for low, high in pairwise(edges)]
    centres = _percents((edges[:-1] + edges[1:]) / 2)
    traces, most = [], 1
    for (label, values), color in zip(shares.items(), colors, strict=True):
        counts = [int(count) for count in np.histogram(values, edges)[0]]
        most = max(most, *counts)
        traces.append(
            {
                **{"type": "bar", "name": label, "x": centres, "marker": {"color": color, "line": {"width": 0}}},
                "y": [count or None for count in counts],  # the logarithm of none cannot be drawn
                "customdata": spans,
                "hovertemplate": "%{fullData.name}, probability %{customdata}: %{y:,} images<extra></extra>",
            }
        )
    return make_figure(
        traces,
        xaxis={"title": {"text": name}, "range": [0, 100], "nticks": 6, "showgrid": False},
        yaxis={
            **{"title": {"text": "images (log scale)"}, "type": "log", "dtick": 1, "tickformat": ",d"},
            "range": [np.log10(0.5), np.log10(1.5 * most)],  # so that a single image is seen
        },
    )


def pixel_histogram(counts: np.ndarray) -> "go.Figure":
    """Share of pixels over grey levels; `counts` `(bins,)` of equal width from 1 to 255."""
    shares = 100 * counts / max(int(counts.sum()), 1)
    edges = np.linspace(1, 256, len(counts) + 1)
    levels = [f"{int(low)} to {int(np.ceil(high)) - 1}" for low, high in pairwise(edges)]
    bars = {
        **{"type": "bar", "x": ((edges[:-1] + edges[1:]) / 2).tolist(), "y": shares.round(3).tolist()},
        **{"marker": {"color": TRAINING, "line": {"width": 0}}, "customdata": levels},
        "hovertemplate": "grey level %{customdata}: %{y:.2f} % of the pixels<extra></extra>",
    }
    return make_figure(
        [bars],
        xaxis={
            **{"title": {"text": "grey level"}, "range": [1, 256], "nticks": 7},
            "showgrid": False,
        },
        yaxis={"title": {"text": "% of pixels"}, "nticks": 6},
    )


def literal(text: str) -> str:
    """A name that people gave, so that plotly, which reads some HTML, shows it as it is."""
    return escape(text, quote=False)


def _shares(traces: list[dict], x: str, y: str, low: float | None = None) -> "go.Figure":
    """Percentages over percentages; from the lowest one up, or from `low`."""
    shown = [value for trace in traces for value in trace["y"]]
    bottom = min(shown) if low is None else low
    pad = 0.04 * (100 - bottom)
    return make_figure(
        traces,
        xaxis={"title": {"text": x}, "range": [0, 101], "nticks": 7, "showgrid": False},
        yaxis={"title": {"text": y}, "range": [bottom - pad, 100 + pad], "nticks": 7},
    )


def _dashed(name: str, x: list[float], y: list[float]) -> dict:
    """A line to compare with."""
    line = {"width": 1.5, "color": EARLIER, "dash": "dash"}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line, "hoverinfo": "skip"}


def _percents(shares: Sequence[float] | np.ndarray) -> list[float]:
    return [round(100 * float(share), 2) for share in shares]
