"""The deletion curve of a map beside those of random orders, as a figure."""

from typing import TYPE_CHECKING

import numpy as np

from fmexplore.ui.charts.base import EARLIER, VALIDATION, make_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

BAND = "rgba(134, 142, 150, 0.3)"


def deletion_chart(shares: np.ndarray, curve: np.ndarray, random: np.ndarray) -> "go.Figure":
    """Probabilities `(m,)` over the share of black pixels `(m,)`, beside mean and range of random orders `(k, m)`."""
    x, mean = _percents(shares), _percents(random.mean(0))
    low, high = _percents(random.min(0)), _percents(random.max(0))
    band = {
        **{"type": "scatter", "mode": "lines", "x": x + x[::-1], "y": high + low[::-1], "fill": "toself"},
        **{"fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False},
    }
    lines = [
        {
            **{"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line},
            "hovertemplate": f"{name}: %{{y:.0f}} % with %{{x:.0f}} % of them black<extra></extra>",
        }
        for name, y, line in (
            ("random", mean, {"width": 1.5, "color": EARLIER, "dash": "dash"}),
            ("map", _percents(curve), {"width": 2.5, "color": VALIDATION}),
        )
    ]
    return make_figure(
        [band, *lines],
        xaxis={"title": {"text": "of its bright pixels black, %"}, "range": [0, 100], "nticks": 3, "showgrid": False},
        yaxis={"title": {"text": "probability, %"}, "range": [-2, 102], "nticks": 4},
    )


def _percents(shares: np.ndarray) -> list[float]:
    return [round(100 * float(share), 1) for share in shares]
