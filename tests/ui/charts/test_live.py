"""How curves are drawn: with a comma where this browser prefers one, on axes and in tooltips, and in no name."""

import json

import pytest

from fmexplore.ui.charts.curves import learning_curves, overlaid_curves
from fmexplore.ui.charts.live import mark_numbers
from fmexplore.ui.components.decimal_comma import MARK

LINES = [
    {"kind": "epoch", "epoch": epoch, "train_loss": 0.5, "validation_loss": 0.4, "validation_accuracy": 0.9}
    for epoch in (0.5, 1.5)
]


@pytest.mark.parametrize(
    "options",
    [
        learning_curves(LINES, [("run 0.5", LINES)]),
        overlaid_curves([("run 0.5", [[0.5, 0.9]]), ("long", [[9.5, 0.9]])], "accuracy", "epochs"),
    ],
)
def test_every_number_of_axes_and_tooltips_is_marked_and_no_name_is(options):
    marked = mark_numbers(options)
    for name in ("xAxis", "yAxis"):
        old, new = (each[name] if isinstance(each[name], list) else [each[name]] for each in (options, marked))
        for before, axis in zip(old, new, strict=True):
            assert axis["axisLabel"]["formatter"] == f"{MARK}{{value}}{MARK}"
            assert before.get("axisLabel", {}).items() <= axis["axisLabel"].items()
            if "axisPointer" in axis:
                assert f"{MARK}{{value}}{MARK}" in axis["axisPointer"]["label"]["formatter"]
    for line in marked["series"]:
        assert line["tooltip"]["valueFormatter"].count(MARK) == 2
        assert MARK not in line["name"]
    assert MARK not in json.dumps(options, ensure_ascii=False), "the options themselves stay as they were"
