"""Static figures: what they show of the values that they are given."""

import numpy as np
import pytest

from fmexplore.ui.charts.base import (
    CLASS_COLORS,
    EARLIER,
    MOST_POINTS,
    RUN_COLORS,
    calibration_curve,
    coverage_chart,
    interval_chart,
    literal,
    make_figure,
    overlap_histogram,
    pixel_histogram,
)


def test_what_is_misspelt_in_a_figure_is_an_error():
    with pytest.raises(ValueError, match="colour"):
        make_figure([{"type": "scatter", "colour": "red"}])
    with pytest.raises(ValueError, match="xaxes"):
        make_figure([], xaxes={})


def test_an_interval_is_a_point_with_error_bars_each_way():
    run, mean = interval_chart([("a", 0.80, 0.90, 0.95, 1), ("2 seeds", 0.8, 0.85, 0.9, None)]).data
    assert (run.name, list(run.x), list(run.y)) == ("a", [90], [0])
    assert list(run.error_x.arrayminus) == pytest.approx([10])
    assert list(run.error_x.array) == pytest.approx([5])
    assert list(run.customdata[0]) == pytest.approx([80, 95])
    assert list(run.text) == ["90.00 %"]
    assert (run.marker.color, mean.marker.color) == (RUN_COLORS[1], EARLIER)


def test_two_runs_of_one_name_have_a_row_each_and_a_long_name_is_cut():
    figure = interval_chart([("same", 0.8, 0.9, 1, 0), ("same", 0.7, 0.8, 0.9, 1), ("long " * 9, 0.7, 0.8, 0.9, 2)])
    assert [list(trace.y) for trace in figure.data] == [[0], [1], [2]]
    assert figure.layout.yaxis.ticktext[:2] == ("same", "same")
    assert figure.layout.yaxis.ticktext[2] == "long long long long…"
    assert figure.data[2].name == "long " * 9


def test_what_lies_far_below_is_an_arrow_at_the_edge_that_tells_its_value():
    rows = [(f"run {n}", 0.90 + n / 100, 0.91 + n / 100, 0.92 + n / 100, n) for n in range(4)]
    *near, far = interval_chart([*rows, ("broken", 0.09, 0.1, 0.11, 4)]).data
    left = min(trace.x[0] - trace.error_x.arrayminus[0] for trace in near)
    assert left - 1 < far.x[0] < left
    assert (far.marker.symbol, far.error_x.array) == ("triangle-left", None)
    assert far.text[0].strip() == "10.00 %, left of this axis"
    assert list(far.customdata[0]) == pytest.approx([9, 10, 11])
    assert interval_chart(rows[:2]).data[0].marker.symbol == "circle"


@pytest.mark.parametrize(
    ("name", "shown"), [("<b>bold</b> & co", "&lt;b&gt;bold&lt;/b&gt; &amp; co"), ("it's 5 %", "it's 5 %")]
)
def test_a_name_is_no_markup(name, shown):
    assert literal(name) == shown
    figure = interval_chart([(name, 0.8, 0.9, 1, 0)])
    assert (figure.data[0].name, figure.layout.yaxis.ticktext[0]) == (shown, shown)


def test_the_reliability_diagram_has_each_bin_beside_the_diagonal():
    ideal, measured = calibration_curve(np.array([0.5, 0.9]), np.array([0.25, 0.875]), np.array([25, 100])).data
    assert (list(measured.x), list(measured.y)) == ([50, 90], [25, 87.5])
    assert list(measured.customdata) == [25, 100]
    assert list(measured.marker.size) == [15, 24]
    assert list(ideal.x) == list(ideal.y) == [0, 100]


def test_coverage_keeps_both_ends_and_no_more_points_than_can_be_seen():
    coverage, accuracy = np.linspace(0, 1, 10_000), np.linspace(1, 0.9, 10_000)
    aim, line = coverage_chart(coverage, accuracy, 0.99).data
    assert len(line.x) == MOST_POINTS
    assert [(line.x[n], line.y[n]) for n in (0, -1)] == [(0, 100), (100, 90)]
    assert (list(aim.y), aim.name) == ([99, 99], "99 % accuracy")


def test_shares_of_two_classes_are_counted_in_their_colours():
    shares = {"Shirt": np.array([0.01, 0.02, 0.99]), "Coat": np.array([1.0])}
    figure = overlap_histogram(shares, [CLASS_COLORS[6], CLASS_COLORS[4]], "share", bins=4)
    shirt, coat = figure.data
    assert (list(shirt.x), list(shirt.y)) == ([12.5, 37.5, 62.5, 87.5], [2, None, None, 1])
    assert list(coat.y) == [None, None, None, 1]
    assert list(coat.customdata) == ["0 to 25 %", "25 to 50 %", "50 to 75 %", "75 to 100 %"]
    assert (shirt.marker.color, coat.marker.color) == (CLASS_COLORS[6], CLASS_COLORS[4])
    low, high = figure.layout.yaxis.range
    assert 10**low < 1
    assert 10**high > 2


def test_grey_levels_are_shares_of_all_that_were_counted():
    (bars,) = pixel_histogram(np.array([1, 1, 2, 0, 0])).data
    assert list(bars.y) == [25, 25, 50, 0, 0]
    assert list(bars.customdata) == ["1 to 51", "52 to 102", "103 to 153", "154 to 204", "205 to 255"]
    assert list(pixel_histogram(np.zeros(4)).data[0].y) == [0, 0, 0, 0]
