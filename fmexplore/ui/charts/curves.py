"""Curves over a training, from metrics: options of ECharts out, which grows without flicker while a network trains.
Knows no run and no screen."""

import math
from collections.abc import Sequence

import numpy as np

from fmexplore.ui.charts.base import (
    EARLIER,
    MOST_POINTS,
    RUN_COLORS,
    RUN_SYMBOLS,
    TRAINING,
    VALIDATION,
    far_below,
)

PROBE = "#f0a875"  # validation on few images
EMPTY = {"text": "The curves appear here", "fill": EARLIER, "fontSize": 14}
SYMBOLS = {  # those of the static charts, in the words of ECharts
    **{"circle": "circle", "square": "rect", "triangle-up": "triangle", "diamond": "diamond"},
    **{"circle-open": "emptyCircle", "square-open": "emptyRect"},
}
METRICS = ("loss", "accuracy")  # of the upper and the lower panel
# Of each metric: how its values are multiplied, as accuracies are shares, and how a tooltip and an axis write them.
UNITS = {"loss": (1, "%.3f", "loss"), "accuracy": (100, "%.1f %%", "accuracy, %")}
# A button draws a frame around what is to be seen larger, another shows all again; with Ctrl the wheel does it too.
ZOOM = {
    "toolbox": {
        "right": 8,
        "top": 16,  # below the legend, which fills the width of a phone
        "itemSize": 12,
        "feature": {
            "dataZoom": {"xAxisIndex": "all", "yAxisIndex": False, "title": {"zoom": "zoom", "back": "back"}},
            "restore": {"title": "show all"},
        },
    },
    "dataZoom": [{"type": "inside", "xAxisIndex": "all", "zoomOnMouseWheel": "ctrl", "moveOnMouseMove": "ctrl"}],
}
BUTTONS = 104  # pixels that the buttons take at the right
LONG = 4  # times as long as the shortest: runs need a logarithmic axis


def learning_curves(
    lines: Sequence[dict],
    earlier: Sequence[tuple[str, Sequence[dict]]] = (),
    smoothing: float = 0.0,
    overfit_epoch: float | None = None,
    epochs: float | None = None,
) -> dict:
    """ECharts options: loss above accuracy, in percent, over epochs, of training and validation.

    `lines` are a run's metrics; `earlier` are names and metrics of runs to lay beneath. `smoothing` from 0 to below 1
    is the share that each point keeps of the ones before it. `overfit_epoch` is marked where given.
    """
    series = []
    for panel, metric in enumerate(METRICS):
        for name, old in earlier:
            points = _points(old, "validation", metric, ("epoch", "snapshot"))
            series.append(_line(name, points, panel, EARLIER, width=1.5, dashed=True))
        reports = _smooth(_points(lines, "train", metric, ("report",)), smoothing)
        series.append(_line("training", reports, panel, TRAINING, width=1.5))
        probes = _smooth(_points(lines, "validation", metric, ("report",)), smoothing)
        series.append(_line("validation, 256 images", probes, panel, PROBE, width=1))
        full = _points(lines, "validation", metric, ("epoch", "snapshot"))
        series.append(_line("validation", full, panel, VALIDATION, width=2.5, marks=True))
    if overfit_epoch is not None:
        series[-1 - len(series) // 2]["markLine"] = _mark(overfit_epoch, "validation loss turns up")
    names = list(dict.fromkeys(line["name"] for line in series if line["data"]))
    upright = {"type": "value", "scale": True, "splitNumber": 4, "nameLocation": "middle", "nameGap": 40}
    axis = {"type": "value", "min": 0, "max": epochs, "splitLine": {"show": False}}
    return {
        "animation": False,
        "legend": {
            "data": names,
            "top": 0,
            "left": 44,
            "right": BUTTONS,
            "itemWidth": 16,
            "itemHeight": 3,
            "icon": "rect",
            "type": "scroll",
        },
        "tooltip": {"trigger": "axis"},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        **ZOOM,
        "grid": [
            {"left": 56, "right": 16, "top": 40, "height": "39%"},
            {"left": 56, "right": 16, "top": "54%", "bottom": 40},
        ],
        "xAxis": [
            {**axis, "gridIndex": 0, "axisLabel": {"show": False}, **_head("Loss at epoch {value}")},
            {
                **axis,
                "gridIndex": 1,
                "name": "epoch",
                "nameLocation": "middle",
                "nameGap": 24,
                **_head("Accuracy at epoch {value}"),
            },
        ],
        "yAxis": [
            {**upright, "gridIndex": 0, "name": UNITS["loss"][2]},
            {**upright, "gridIndex": 1, "name": UNITS["accuracy"][2], "max": 100},
        ],
        "series": series,
        "graphic": [] if names else [{"type": "text", "left": "center", "top": "20%", "style": EMPTY}],
    }


def overlaid_curves(curves: Sequence[tuple[str, Sequence[Sequence[float]]]], metric: str, over: str) -> dict:
    """ECharts options: one curve of (x, y) points for each named run, in the colour of its place; the end is marked.
    Accuracies are shares, and drawn in percent.

    Runs of very different length share a logarithmic axis. The early climb or fall is cut off, as what differs in the
    end would be too small to see beside it.
    """
    factor, value_format, axis_name = UNITS[metric]
    curves = [
        (name, [(x, round(factor * y, 4)) for x, y in points if x > 0 and math.isfinite(y)]) for name, points in curves
    ]
    there = [points for _, points in curves if points]
    ends = [points[-1][0] for points in there]
    logarithmic = bool(ends) and max(ends) > LONG * min(ends)
    low, high = _frame(there, metric)
    series = []
    for place, (name, points) in enumerate(curves):
        line = _line(name, [], 0, RUN_COLORS[place], width=2.5, marks=True, value_format=value_format)
        data = [{"value": [x, y], "symbol": "none"} for x, y in points]
        if data:
            data[-1]["symbol"] = line["symbol"] = SYMBOLS[RUN_SYMBOLS[place]]
        series.append({**line, "data": data, "symbolSize": 10, "showAllSymbol": True})
    axis = {"type": "value", "min": 0}
    if logarithmic:  # from where the first curve comes into the frame
        seen = (x for points in there for x, y in points if y >= (low or 0) and y <= (high or math.inf))
        axis = {"type": "log", "min": 10 ** math.floor(math.log10(min(seen))), "max": _round_up(max(ends))}
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "right": BUTTONS, "itemWidth": 16, "itemHeight": 8, "type": "scroll"},
        "tooltip": {"trigger": "axis"},
        **ZOOM,
        "grid": {"left": 24, "right": 20, "top": 36, "bottom": 8},
        "xAxis": {
            **{**axis, "name": f"{over}, logarithmic" if logarithmic else over, "nameLocation": "middle"},
            **{"nameGap": 26, "splitLine": {"show": False}},
            **_head(f"Validation {metric} after {{value}} {over}"),
        },
        "yAxis": {
            **{"type": "value", "scale": True, "min": low, "max": high, "splitNumber": 5},
            **{"name": f"validation {axis_name}", "nameLocation": "middle", "nameGap": 40},
        },
        "series": series,
        "graphic": [] if ends else [{"type": "text", "left": "center", "top": "30%", "style": EMPTY}],
    }


def _head(text: str) -> dict:
    """What an axis adds to the tooltip: a line above its values, where `{value}` stands for the place on it."""
    return {"axisPointer": {"label": {"formatter": text, "precision": 2}}}


def _line(
    name: str,
    points: Sequence,
    panel: int,
    color: str,
    width: float,
    dashed: bool = False,
    marks: bool = False,
    value_format: str = "",
) -> dict:
    """One line of ECharts options, in the grid `panel`, `width` pixels wide; with `marks`, a circle at each point.

    The panel's metric says how values are written, unless `value_format` does.
    """
    return {
        "type": "line",
        "name": name,
        "data": points,
        "xAxisIndex": panel,
        "yAxisIndex": panel,
        "color": color,
        "showSymbol": marks,
        "symbol": "circle",
        "symbolSize": 6,
        "lineStyle": {"width": width, "type": "dashed" if dashed else "solid"},
        "tooltip": {"valueFormatter": value_format or UNITS[METRICS[panel]][1]},
    }


def _round_up(value: float) -> float:
    """To two digits."""
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / unit, 6)) * unit, 10)


def _frame(curves: list[Sequence[Sequence[float]]], metric: str) -> tuple[float | None, float | None]:
    """From where to where the y axis goes, to show the better half of each curve; None where the chart may choose."""
    middles = [float(np.median([y for _, y in points])) for points in curves]
    if not middles:
        return None, None
    sign = 1 if metric == "accuracy" else -1  # what is worse than all others is left out
    far = far_below([sign * middle for middle in middles])
    middles = [middle for middle, out in zip(middles, far, strict=True) if not out]
    return (
        (5 * math.floor(min(middles) / 5), None) if metric == "accuracy" else (None, math.ceil(10 * max(middles)) / 10)
    )


def _points(lines: Sequence[dict], split: str, metric: str, kinds: tuple[str, ...]) -> list[list[float]]:
    name, factor = f"{split}_{metric}", UNITS[metric][0]
    points = [
        [line["epoch"], round(factor * line[name], 4)] for line in lines if line["kind"] in kinds and name in line
    ]
    if len(points) <= MOST_POINTS:
        return points
    stride = len(points) / MOST_POINTS
    return [points[int(i * stride)] for i in range(MOST_POINTS - 1)] + [points[-1]]


def _smooth(points: list[list[float]], smoothing: float) -> list[list[float]]:
    """Exponential moving average, without the pull towards zero at the start."""
    mean, weight, smoothed = 0.0, 0.0, []
    for x, y in points:
        mean, weight = smoothing * mean + (1 - smoothing) * y, smoothing * weight + (1 - smoothing)
        smoothed.append([x, mean / weight])
    return smoothed


def _mark(epoch: float, text: str) -> dict:
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": VALIDATION, "type": "dotted", "width": 1.5},
        "label": {"formatter": text, "position": "end", "distance": 4, "color": VALIDATION},
        "data": [{"xAxis": epoch}],
    }
