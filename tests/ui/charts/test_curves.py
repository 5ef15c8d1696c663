"""Curves over a training, live and compared: which lines, how smoothed, how many points, where the mark is."""

import pytest

from fmexplore.ui.charts.base import EARLIER, MOST_POINTS, RUN_COLORS, interval_chart
from fmexplore.ui.charts.curves import SYMBOLS, learning_curves, overlaid_curves


def line(kind: str, epoch: float, **figures: float) -> dict:
    return {"kind": kind, "step": round(100 * epoch), "steps": 300, "epoch": epoch, "seconds": epoch, **figures}


def both(value: float) -> dict:
    return {f"{part}_{figure}": value for part in ("train", "validation") for figure in ("loss", "accuracy")}


METRICS = [
    line("report", 0.5, train_loss=2.0, train_accuracy=0.2),
    line("report", 1.0, **both(0.5)),
    line("epoch", 1.0, **both(0.6)),
    line("snapshot", 1.5, **both(0.65)),
    line("epoch", 2.0, **both(0.7)),
    line("end", 2.0, test_loss=0.4, test_accuracy=0.8),
]


def series(options: dict) -> dict:
    """Points by panel (0 loss, 1 accuracy) and name."""
    return {(one["xAxisIndex"], one["name"]): one["data"] for one in options["series"]}


def test_reports_are_the_training_line_and_full_validations_are_marked():
    options = learning_curves(METRICS)
    found = series(options)
    assert found[0, "training"] == [[0.5, 2.0], [1.0, 0.5]]
    assert found[1, "training"] == [[0.5, 20], [1.0, 50]]
    assert found[0, "validation, 256 images"] == [[1.0, 0.5]]
    assert found[0, "validation"] == [[1.0, 0.6], [1.5, 0.65], [2.0, 0.7]]
    assert found[1, "validation"] == [[1.0, 60], [1.5, 65], [2.0, 70]]
    assert [one["name"] for one in options["series"] if one["showSymbol"]] == ["validation", "validation"]


def test_each_series_lies_in_the_panel_of_its_axes():
    options = learning_curves(METRICS)
    assert all(one["xAxisIndex"] == one["yAxisIndex"] for one in options["series"])
    assert [axis["name"] for axis in options["yAxis"]] == ["loss", "accuracy, %"]
    assert options["yAxis"][1]["max"] == 100


def test_a_tooltip_names_the_epoch_and_each_metric_and_writes_accuracies_in_percent():
    options = learning_curves(METRICS)
    heads = [axis["axisPointer"]["label"]["formatter"] for axis in options["xAxis"]]
    assert heads == ["Loss at epoch {value}", "Accuracy at epoch {value}"]
    formats = {one["xAxisIndex"]: one["tooltip"]["valueFormatter"] for one in options["series"]}
    assert formats == {0: "%.3f", 1: "%.1f %%"}
    compared = overlaid_curves([("a", SHORT)], "accuracy", "minutes")
    assert compared["xAxis"]["axisPointer"]["label"]["formatter"] == "Validation accuracy after {value} minutes"
    assert compared["yAxis"]["name"] == "validation accuracy, %"
    assert compared["series"][0]["tooltip"]["valueFormatter"] == "%.1f %%"
    assert compared["series"][0]["data"][0]["value"] == [0.1, 50]


def test_the_axis_has_the_whole_run_from_its_start_and_nothing_moves():
    options = learning_curves(METRICS[:1], epochs=5.0)
    assert [axis["max"] for axis in options["xAxis"]] == [5.0, 5.0]
    assert options["animation"] is False


def test_a_run_without_reports_gives_empty_axes():
    options = learning_curves([])
    assert all(points == [] for points in series(options).values())
    assert options["legend"]["data"] == []


def test_a_run_without_validation_has_only_its_training_line():
    options = learning_curves([line("epoch", 1.0, train_loss=1.0), line("report", 1.0, train_loss=1.0)])
    assert options["legend"]["data"] == ["training"]


def test_smoothing_starts_at_the_first_point_and_stays_between_the_points():
    values = [4.0, 0.0, 4.0, 0.0]
    reports = [line("report", x, train_loss=y) for x, y in enumerate(values)]
    smoothed = [y for _, y in series(learning_curves(reports, smoothing=0.5))[0, "training"]]
    # Each point weighs half of the one after it: (4/2 + 0) / (1/2 + 1), and so on.
    assert smoothed == pytest.approx([4, 4 / 3, 20 / 7, 4 / 3])
    assert series(learning_curves(reports, smoothing=0))[0, "training"] == [[x, y] for x, y in enumerate(values)]


def test_smoothing_leaves_full_validations_as_they_are():
    assert series(learning_curves(METRICS, smoothing=0.9))[0, "validation"] == [[1.0, 0.6], [1.5, 0.65], [2.0, 0.7]]


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 1, 10 * MOST_POINTS + 7])
def test_a_long_run_keeps_its_first_and_last_point_and_no_more_than_can_be_seen(count):
    points = series(learning_curves([line("report", x, train_loss=1.0) for x in range(count)]))[0, "training"]
    places = [x for x, _ in points]
    assert len(points) == min(count, MOST_POINTS)
    assert (places[0], places[-1]) == (0, count - 1)
    assert places == sorted(set(places))


def test_an_overfit_mark_stands_on_the_validation_loss_alone():
    options = learning_curves(METRICS, overfit_epoch=1.0)
    marked = [one for one in options["series"] if "markLine" in one]
    assert [(one["name"], one["xAxisIndex"]) for one in marked] == [("validation", 0)]
    assert marked[0]["markLine"]["data"] == [{"xAxis": 1.0}]
    assert not any("markLine" in one for one in learning_curves(METRICS)["series"])


@pytest.mark.parametrize("earlier", [1, 2, 3])
def test_earlier_runs_lie_grey_and_dashed_beneath_and_the_mark_stays_where_it_was(earlier):
    options = learning_curves(METRICS, [(f"run {i}", METRICS) for i in range(earlier)], overfit_epoch=1.0)
    old = [one for one in options["series"] if one["name"].startswith("run ")]
    assert len(old) == 2 * earlier
    assert {(one["color"], one["lineStyle"]["type"]) for one in old} == {(EARLIER, "dashed")}
    assert options["series"][0]["name"] == "run 0"
    marked = [one for one in options["series"] if "markLine" in one]
    assert [(one["name"], one["xAxisIndex"]) for one in marked] == [("validation", 0)]


def test_the_metrics_are_left_as_they_were():
    before = [dict(one) for one in METRICS]
    learning_curves(METRICS, [("old", METRICS)], smoothing=0.5, overfit_epoch=1.0)
    assert before == METRICS


# --- runs that are compared ---

SHORT, LONG = [[0.1, 0.5], [0.5, 0.8], [1, 0.9]], [[0.1, 0.3], [10, 0.85], [40, 0.95]]


def test_each_compared_run_has_the_colour_and_mark_of_its_place_in_both_figures():
    curves = overlaid_curves([("a", SHORT), ("b", SHORT)], "accuracy", "epochs")
    intervals = interval_chart([("a", 0.8, 0.9, 0.95, 0), ("b", 0.7, 0.8, 0.85, 1), ("2 seeds", 0.8, 0.85, 0.9, None)])
    for place, (one, other) in enumerate(zip(curves["series"], intervals.data)):
        assert one["color"] == other.marker.color == RUN_COLORS[place]
        assert one["data"][-1]["symbol"] == SYMBOLS[other.marker.symbol]
        assert {point["symbol"] for point in one["data"][:-1]} == {"none"}
    assert intervals.data[2].marker.color == EARLIER


def test_runs_of_very_different_length_share_a_logarithmic_axis_that_starts_where_a_curve_is_seen():
    options = overlaid_curves([("a", SHORT), ("b", LONG)], "accuracy", "epochs")
    assert (options["xAxis"]["type"], options["xAxis"]["min"], options["xAxis"]["max"]) == ("log", 0.1, 40)
    ragged = overlaid_curves([("a", SHORT), ("b", [[0.1, 0.3], [7.6991, 0.85]])], "accuracy", "epochs")
    assert ragged["xAxis"]["max"] == 7.7
    assert options["yAxis"]["min"] == 80, "the median of the lower one, rounded down"
    assert overlaid_curves([("a", SHORT), ("b", SHORT)], "accuracy", "epochs")["xAxis"]["type"] == "value"


def test_the_loss_is_cut_off_above():
    options = overlaid_curves([("a", [[1, 2.3], [2, 0.52], [3, 0.4]])], "loss", "minutes")
    assert (options["yAxis"]["min"], options["yAxis"]["max"]) == (None, 0.6)


@pytest.mark.parametrize(("metric", "values", "end"), [("accuracy", (0.9, 0.91, 0.1), 0), ("loss", (0.4, 0.5, 9), 1)])
def test_a_run_that_is_far_worse_than_all_others_does_not_squeeze_the_axis(metric, values, end):
    curves = [(str(value), [[1, value], [2, value]]) for value in values]
    found, without = (overlaid_curves(some, metric, "epochs")["yAxis"] for some in (curves, curves[:2]))
    side = ("min", "max")[end]
    assert found[side] == without[side]


@pytest.mark.parametrize("curves", [[], [("a", [])], [("a", []), ("b", [[0, 0.1], [1, float("nan")]])]])
def test_without_any_point_the_figure_says_what_will_be_there(curves):
    assert overlaid_curves(curves, "accuracy", "epochs")["graphic"]


def test_a_run_without_points_keeps_its_place_and_colour():
    options = overlaid_curves([("a", []), ("b", SHORT)], "accuracy", "epochs")
    assert [(one["name"], one["color"]) for one in options["series"]] == [("a", RUN_COLORS[0]), ("b", RUN_COLORS[1])]


def test_both_kinds_of_curves_can_be_enlarged_and_the_wheel_alone_scrolls_the_page():
    for options in (learning_curves([]), overlaid_curves([], "loss", "epochs")):
        assert {"dataZoom", "restore"} <= options["toolbox"]["feature"].keys()
        assert [each["zoomOnMouseWheel"] for each in options["dataZoom"]] == ["ctrl"]
