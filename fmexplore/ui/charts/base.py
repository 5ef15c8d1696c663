"""Figures from plain values: arrays, lists and dicts in, chart options out. Knows no run and no screen."""

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
TRAINING, VALIDATION, EARLIER = "#1098ad", "#e8590c", "#868e96"
MOST_POINTS = 400  # of a line; more cannot be seen


def interval_chart(rows: Sequence[tuple[str, float, float, float, int | None]]) -> dict:
    """ECharts options: one line for each (name, low, middle, high, place), in %; without a place in grey, for a mean
    of several runs."""
    series = []
    for name, low, middle, high, place in rows:
        color, symbol = (EARLIER, "diamond") if place is None else (RUN_COLORS[place], RUN_SYMBOLS[place])
        label = {"show": True, "position": "top", "formatter": f"{100 * middle:.2f} %", "distance": 6}
        ends = [{"value": [_percent(end), name], "symbol": "none"} for end in (low, high)]
        point = {"value": [_percent(middle), name], "symbol": symbol, "symbolSize": 10, "label": label}
        line = line_series(name, [ends[0], point, ends[1]], 0, color, width=3, marks=True)
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
    ideal = line_series("as sure as right", [[0, 0], [100, 100]], 0, EARLIER, width=1.5, dashed=True)
    line = {**line_series("measured", points, 0, VALIDATION, width=2, marks=True), "symbolSize": 6}
    return _shares([ideal, line], "confidence, %", "share right, %", low=0, tooltip="item")


def coverage_chart(coverage: np.ndarray, accuracy: np.ndarray, target: float) -> dict:
    """ECharts options: accuracy over the share of images answered, both `(n,)`, and the accuracy aimed at."""
    chosen = np.unique(np.linspace(0, len(coverage) - 1, MOST_POINTS).round().astype(int))
    points = [[_percent(x), _percent(y)] for x, y in zip(coverage[chosen], accuracy[chosen], strict=True)]
    aim = line_series(
        f"{100 * target:.0f} % right", [[0, _percent(target)], [100, _percent(target)]], 0, EARLIER, 1.5, dashed=True
    )
    line = line_series("accuracy", points, 0, TRAINING, width=2.5)
    return _shares([aim, line], "images answered, %", "right of those, %")


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


def line_series(
    name: str, points: Sequence, panel: int, color: str, width: float, dashed: bool = False, marks: bool = False
) -> dict:
    """One line of ECharts options, in the grid `panel`, `width` pixels wide; with `marks`, a circle at each point."""
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
