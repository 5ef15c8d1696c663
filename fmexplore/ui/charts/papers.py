"""Figures of the Papers page from plain values: chart options out. Knows no file and no screen."""

from collections.abc import Mapping, Sequence

from fmexplore.papers.insights import Peeking, Remedy
from fmexplore.ui.charts.base import EARLIER, TRAINING, VALIDATION

OTHERS = "#7048e8"
GRID = {"left": 24, "right": 24, "top": 40, "bottom": 8}


def peeking_chart(rows: Sequence[Peeking]) -> dict:
    """ECharts options: for each system the points gained, with one standard deviation each way."""
    names = [row.system for row in rows][::-1]
    bars = [round(row.gain.mean, 3) for row in rows][::-1]
    spread = [
        {
            "type": "line",
            "data": [[row.gain.mean - row.gain.deviation, place], [row.gain.mean + row.gain.deviation, place]],
            "color": EARLIER,
            "symbol": "rect",
            "symbolSize": [2, 12],
            "lineStyle": {"width": 2},
            "silent": True,
            "tooltip": {"show": False},
        }
        for place, row in enumerate(list(rows)[::-1])
        if row.gain.seeds > 1
    ]
    return {
        "animation": False,
        "tooltip": {"trigger": "item"},
        "grid": {"left": 0, "right": 24, "top": 8, "bottom": 8},
        "yAxis": {"type": "category", "data": names},
        "xAxis": {"type": "value", "name": "points gained", **_named(28)},
        "series": [{"type": "bar", "data": bars, "color": VALIDATION, "barWidth": 14}, *spread],
    }


def remedies_chart(rows: Sequence[Remedy], pair: Sequence[Remedy] = ()) -> dict:
    """ECharts options: test accuracy over the gap, each remedy joined to what it began from."""
    series: list[dict] = []
    for group, color in ((rows, TRAINING), (pair, OTHERS)):
        if not group:
            continue
        first = group[0]
        for row in group[1:]:
            ends = [[first.gap.mean, first.accuracy.mean], [row.gap.mean, row.accuracy.mean]]
            line = {"width": 1.5, "type": "dashed", "color": color, "opacity": 0.6}
            series.append(
                {"type": "line", "data": ends, "symbol": "none", "lineStyle": line, "silent": True, "color": color}
            )
        points = [
            {
                "value": [round(row.gap.mean, 2), round(row.accuracy.mean, 2)],
                "name": row.name,
                "symbol": "circle" if number else "diamond",
                "label": {"position": ("bottom" if group is rows else "right") if number else "top"},
            }
            for number, row in enumerate(group)
        ]
        series.append(
            {
                "type": "scatter",
                "data": points,
                "color": color,
                "symbolSize": 13,
                "label": {"show": True, "formatter": "{b}", "fontSize": 12},
                "labelLayout": {"moveOverlap": "shiftY"},
            }
        )
    return {
        "animation": False,
        "tooltip": {"trigger": "item"},
        "grid": {**GRID, "top": 24, "right": 40},
        "xAxis": {"type": "value", "name": "gap between training and held-out images, points", **_named(28)},
        "yAxis": {"type": "value", "scale": True, "name": "% of test images right", **_named(40)},
        "series": series,
    }


def networks_chart(groups: Mapping[str, Sequence[tuple[str, float, float]]], human: float, axis: str) -> dict:
    """ECharts options: accuracy in percent over something on a log axis, named points in up to four groups."""
    looks = (
        (TRAINING, "circle", "right"),
        (OTHERS, "circle", "right"),
        (VALIDATION, "diamond", "right"),
        (EARLIER, "ring", "top"),  # long names, which would cover marks beside them
    )
    # The library's own empty symbols are filled with white, on a dark ground too.
    ring = {"symbol": "circle", "itemStyle": {"color": "transparent", "borderColor": EARLIER, "borderWidth": 2}}
    series: list[dict] = []
    for (name, points), (color, symbol, side) in zip(groups.items(), looks):
        data = [{"value": [x, round(y, 2)], "name": label} for label, x, y in points]
        series.append(
            {
                "type": "scatter",
                "name": name,
                "data": data,
                "color": color,
                **(ring if symbol == "ring" else {"symbol": symbol}),
                "symbolSize": 12,
                "label": {"show": True, "formatter": "{b}", "position": side, "fontSize": 11},
                "labelLayout": {"hideOverlap": True},
            }
        )
    series[0]["markLine"] = {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": EARLIER, "type": "dotted", "width": 1.5},
        "label": {"formatter": f"people, {human} %", "position": "insideEndTop", "color": EARLIER},
        "data": [{"yAxis": human}],
    }
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "itemWidth": 14, "type": "scroll"},
        "tooltip": {"trigger": "item"},
        "grid": {**GRID, "right": 56},
        "xAxis": {"type": "log", "name": axis, **_named(28), "splitLine": {"show": False}},
        "yAxis": {"type": "value", "min": 82, "max": 98, "interval": 4, "name": "% of test images right", **_named(40)},
        "series": series,
    }


def _named(gap: int) -> dict:
    return {"nameLocation": "middle", "nameGap": gap}
