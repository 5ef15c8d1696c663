"""Figures from plain values: arrays, lists and dicts in, chart options out. Knows no run and no screen."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

# The same on every page and on both grounds; chosen by tools/class_colors.py.
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
RUN_SYMBOLS = ("circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect")
TRAINING, VALIDATION, PROBE, EARLIER = "#1098ad", "#e8590c", "#f0a875", "#868e96"
EMPTY = {"text": "The curves appear here", "fill": EARLIER, "fontSize": 14}
LONG = 4  # times as long as the shortest: runs need a logarithmic axis
MOST_POINTS = 400  # of a line; more cannot be seen


def learning_curves(
    lines: Sequence[dict],
    earlier: Sequence[tuple[str, Sequence[dict]]] = (),
    smoothing: float = 0.0,
    overfit_epoch: float | None = None,
    epochs: float | None = None,
) -> dict:
    """ECharts options: loss above accuracy, over epochs, of training and validation.

    `lines` are a run's metrics; `earlier` are names and metrics of runs to lay beneath. `smoothing` from 0 to below 1
    is the share that each point keeps of the ones before it. `overfit_epoch` is marked where given.
    """
    series = []
    for panel, figure in enumerate(("loss", "accuracy")):
        for name, old in earlier:
            points = _points(old, f"validation_{figure}", ("epoch", "snapshot"))
            series.append(_line(name, points, panel, EARLIER, width=1.5, dashed=True))
        reports = _smooth(_points(lines, f"train_{figure}", ("report",)), smoothing)
        series.append(_line("training", reports, panel, TRAINING, width=1.5))
        probes = _smooth(_points(lines, f"validation_{figure}", ("report",)), smoothing)
        series.append(_line("validation, 256 images", probes, panel, PROBE, width=1))
        full = _points(lines, f"validation_{figure}", ("epoch", "snapshot"))
        series.append(_line("validation", full, panel, VALIDATION, width=2.5, marks=True))
    if overfit_epoch is not None:
        series[-1 - len(series) // 2]["markLine"] = _mark(overfit_epoch, "validation loss turns up")
    names = list(dict.fromkeys(line["name"] for line in series if line["data"]))
    figure = {"type": "value", "scale": True, "splitNumber": 4, "nameLocation": "middle", "nameGap": 40}
    axis = {"type": "value", "min": 0, "max": epochs, "splitLine": {"show": False}}
    return {
        "animation": False,
        "legend": {
            "data": names,
            "top": 0,
            "left": 44,
            "itemWidth": 16,
            "itemHeight": 3,
            "icon": "rect",
            "type": "scroll",
        },
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": [
            {"left": 56, "right": 16, "top": 40, "height": "39%"},
            {"left": 56, "right": 16, "top": "54%", "bottom": 40},
        ],
        "xAxis": [
            {**axis, "gridIndex": 0, "axisLabel": {"show": False}},
            {**axis, "gridIndex": 1, "name": "epoch", "nameLocation": "middle", "nameGap": 24},
        ],
        "yAxis": [
            {**figure, "gridIndex": 0, "name": "loss"},
            {**figure, "gridIndex": 1, "name": "accuracy", "max": 1},
        ],
        "series": series,
        "graphic": [] if names else [{"type": "text", "left": "center", "top": "20%", "style": EMPTY}],
    }


def overlaid_curves(curves: Sequence[tuple[str, Sequence[Sequence[float]]]], figure: str, over: str) -> dict:
    """ECharts options: one curve of (x, y) points for each named run, in the colour of its place; the end is marked.

    Runs of very different length share a logarithmic axis. The early climb or fall is cut off, as what differs in the
    end would be too small to see beside it.
    """
    curves = [
        (name, [point for point in points if point[0] > 0 and math.isfinite(point[1])]) for name, points in curves
    ]
    there = [points for _, points in curves if points]
    ends = [points[-1][0] for points in there]
    logarithmic = bool(ends) and max(ends) > LONG * min(ends)
    low, high = _frame(there, figure)
    series = []
    for place, (name, points) in enumerate(curves):
        line = _line(name, [], 0, RUN_COLORS[place], width=2.5, marks=True)
        data = [{"value": [x, y], "symbol": "none"} for x, y in points]
        if data:
            data[-1]["symbol"] = line["symbol"] = RUN_SYMBOLS[place]
        series.append({**line, "data": data, "symbolSize": 10, "showAllSymbol": True})
    axis = {"type": "value", "min": 0}
    if logarithmic:  # from where the first curve comes into the frame
        seen = (x for points in there for x, y in points if y >= (low or 0) and y <= (high or math.inf))
        axis = {"type": "log", "min": 10 ** math.floor(math.log10(min(seen))), "max": _round_up(max(ends))}
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "itemWidth": 16, "itemHeight": 8, "type": "scroll"},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "grid": {"left": 24, "right": 20, "top": 36, "bottom": 8},
        "xAxis": {
            **{**axis, "name": f"{over}, logarithmic" if logarithmic else over, "nameLocation": "middle"},
            **{"nameGap": 26, "splitLine": {"show": False}},
        },
        "yAxis": {
            **{"type": "value", "scale": True, "min": low, "max": high, "splitNumber": 5},
            **{"name": f"validation {figure}", "nameLocation": "middle", "nameGap": 40},
        },
        "series": series,
        "graphic": [] if ends else [{"type": "text", "left": "center", "top": "30%", "style": EMPTY}],
    }


def _round_up(value: float) -> float:
    """To two digits."""
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / unit, 6)) * unit, 10)


def _frame(curves: list[Sequence[Sequence[float]]], figure: str) -> tuple[float | None, float | None]:
    """From where to where the y axis goes, to show the better half of each curve; None where the chart may choose."""
    middles = [float(np.median([y for _, y in points])) for points in curves]
    if not middles:
        return None, None
    return (
        (math.floor(20 * min(middles)) / 20, None)
        if figure == "accuracy"
        else (None, math.ceil(10 * max(middles)) / 10)
    )


def interval_chart(rows: Sequence[tuple[str, float, float, float, int | None]]) -> dict:
    """ECharts options: one line for each (name, low, middle, high, place), in %; without a place in grey, for a mean
    of several runs."""
    series = []
    for name, low, middle, high, place in rows:
        color, symbol = (EARLIER, "diamond") if place is None else (RUN_COLORS[place], RUN_SYMBOLS[place])
        label = {"show": True, "position": "top", "formatter": f"{100 * middle:.2f} %", "distance": 6}
        ends = [{"value": [_percent(end), name], "symbol": "none"} for end in (low, high)]
        point = {"value": [_percent(middle), name], "symbol": symbol, "symbolSize": 10, "label": label}
        line = _line(name, [ends[0], point, ends[1]], 0, color, width=3, marks=True)
        series.append(line)
    names = [row[0] for row in rows]
    text = {"width": 112, "overflow": "truncate", "interval": 0}
    return {
        "animation": False,
        "tooltip": {"trigger": "item", "valueFormatter": "%.2f"},
        "grid": {"left": 8, "right": 24, "top": 16, "bottom": 8},
        "xAxis": {
            **{"type": "value", "scale": True, "splitNumber": 4, "name": "test images right, %"},
            **{"nameLocation": "middle", "nameGap": 26},
        },
        "yAxis": {"type": "category", "data": names, "inverse": True, "axisLabel": text, "axisTick": {"show": False}},
        "series": series,
    }


def calibration_curve(confidence: np.ndarray, accuracy: np.ndarray, counts: np.ndarray) -> dict:
    """ECharts options: share right over confidence, both `(bins,)`, beside the diagonal; marks grow with `counts`."""
    sizes = 6 + 18 * np.sqrt(counts / counts.max())
    points = [
        {"value": [_percent(x), _percent(y)], "symbolSize": float(size), "name": f"{count:,} images"}
        for x, y, size, count in zip(confidence, accuracy, sizes, counts, strict=True)
    ]
    ideal = _line("as sure as right", [[0, 0], [100, 100]], 0, EARLIER, width=1.5, dashed=True)
    line = {**_line("measured", points, 0, VALIDATION, width=2, marks=True), "symbolSize": 6}
    return _shares([ideal, line], "confidence, %", "share right, %", low=0, tooltip="item")


def coverage_chart(coverage: np.ndarray, accuracy: np.ndarray, target: float) -> dict:
    """ECharts options: accuracy over the share of images answered, both `(n,)`, and the accuracy aimed at."""
    chosen = np.unique(np.linspace(0, len(coverage) - 1, MOST_POINTS).round().astype(int))
    points = [[_percent(x), _percent(y)] for x, y in zip(coverage[chosen], accuracy[chosen], strict=True)]
    aim = _line(
        f"{100 * target:.0f} % right", [[0, _percent(target)], [100, _percent(target)]], 0, EARLIER, 1.5, dashed=True
    )
    return _shares([aim, _line("accuracy", points, 0, TRAINING, width=2.5)], "images answered, %", "right of those, %")


def overlap_histogram(shares: dict[str, np.ndarray], colors: Sequence[str], name: str, bins: int = 20) -> dict:
    """ECharts options: for each class, in its colour, how many images have which share, 0 to 1, on a log axis."""
    edges = np.linspace(0, 1, bins + 1)
    series = []
    for (label, values), color in zip(shares.items(), colors, strict=True):
        counts = np.histogram(values, edges)[0]
        data = [int(count) or None for count in counts]  # the logarithm of none cannot be drawn
        bars = {"type": "bar", "name": label, "data": data, "color": color}
        series.append({**bars, "barGap": "0%", "barCategoryGap": "8%"})
    centres = [f"{50 * (low + high):.0f} %" for low, high in pairwise(edges)]
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "itemWidth": 16, "itemHeight": 8},
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 24, "right": 16, "top": 32, "bottom": 8},
        "xAxis": {"type": "category", "data": centres, "name": name, "nameLocation": "middle", "nameGap": 26},
        "yAxis": {
            "type": "log",
            "min": 0.5,  # so that a single image is seen
            "axisLabel": {"showMinLabel": False},
            "name": "images",
            "nameLocation": "middle",
            "nameGap": 34,
        },
        "series": series,
    }


def pixel_histogram(counts: np.ndarray) -> dict:
    """ECharts options: share of pixels over grey levels; `counts` `(bins,)` of equal width from 1 to 255."""
    shares = 100 * counts / max(int(counts.sum()), 1)
    width = 255 / len(counts)
    return {
        "animation": False,
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2f %%"},
        "grid": {"left": 24, "right": 16, "top": 12, "bottom": 8},
        "xAxis": {
            "type": "category",
            "data": [f"{1 + int(n * width)}" for n in range(len(counts))],
            "name": "grey level",
            "nameLocation": "middle",
            "nameGap": 26,
        },
        "yAxis": {"type": "value", "name": "% of pixels", "nameLocation": "middle", "nameGap": 34},
        "series": [
            {"type": "bar", "data": [round(float(s), 3) for s in shares], "color": TRAINING, "barCategoryGap": "4%"}
        ],
    }


def _shares(series: list[dict], x: str, y: str, low: float | str = "dataMin", tooltip: str = "axis") -> dict:
    """Percentages over percentages."""
    axis = {"type": "value", "max": 100, "nameLocation": "middle"}
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "itemWidth": 16, "itemHeight": 3, "icon": "rect"},
        "tooltip": {"trigger": tooltip},
        "grid": {"left": 24, "right": 16, "top": 32, "bottom": 8},
        "xAxis": {**axis, "min": 0, "interval": 20, "name": x, "nameGap": 26, "splitLine": {"show": False}},
        "yAxis": {**axis, "min": low, "interval": 20 if low == 0 else None, "name": y, "nameGap": 36},
        "series": series,
    }


def _percent(share: float) -> float:
    return round(100 * float(share), 2)


def _points(lines: Sequence[dict], figure: str, kinds: tuple[str, ...]) -> list[list[float]]:
    points = [[line["epoch"], line[figure]] for line in lines if line["kind"] in kinds and figure in line]
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


def _line(name, points, panel, color, width, dashed=False, marks=False) -> dict:
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
    }


def _mark(epoch: float, text: str) -> dict:
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": VALIDATION, "type": "dotted", "width": 1.5},
        "label": {"formatter": text, "position": "end", "distance": 4, "color": VALIDATION},
        "data": [{"xAxis": epoch}],
    }
