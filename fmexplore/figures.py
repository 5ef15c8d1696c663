"""Figures from plain values: lists and dicts in, chart options out. Knows no run and no screen."""

from collections.abc import Sequence

TRAINING, VALIDATION, PROBE, EARLIER = "#1098ad", "#e8590c", "#f0a875", "#868e96"
EMPTY = {"text": "The curves appear here", "fill": EARLIER, "fontSize": 14}
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
