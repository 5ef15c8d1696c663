"""What the reproductions teach: the gain of peeking, what remedies cost, where networks stand."""

import pytest

from fmexplore.models.table import parameters, summarize
from fmexplore.papers.insights import networks, peeking, published_pair, remedies
from fmexplore.papers.reported import HUMAN
from fmexplore.papers.reproduction import HONEST, Reproduction
from fmexplore.training.presets import find_preset
from fmexplore.ui.charts.papers import networks_chart, peeking_chart, remedies_chart
from tests.papers.results import epoch, reproduction, training


def finder(*stored):
    known = {each.system: each for each in stored}
    return lambda system: known.get(system, Reproduction(system=system))


def course(*figures):
    """Epochs with (validation, test) accuracy."""
    return [epoch(test, validation_accuracy=held_out) for held_out, test in figures]


def test_peeking_gains_the_best_epoch_less_the_one_that_validation_chooses():
    first = training(*course((0.90, 0.905), (0.91, 0.90), (0.90, 0.91)))
    second = training(*course((0.90, 0.90), (0.91, 0.92), (0.90, 0.91)), seed=1)
    found = peeking(finder(reproduction("codered-final", **{HONEST: [first, second]})))
    assert [row.system for row in found] == ["codered-final"]
    assert found[0].gain.mean == pytest.approx(0.5)
    assert found[0].gain.deviation == pytest.approx(0.5 * 2**0.5)
    assert found[0].best.mean == pytest.approx(91.5)
    assert found[0].chosen.mean == pytest.approx(91.0)


def test_a_system_with_its_own_validation_images_needs_no_other_training():
    found = peeking(finder(reproduction("team4-ann", training(*course((0.91, 0.90), (0.90, 0.91))))))
    assert [row.system for row in found] == ["team4-ann"]
    assert found[0].gain.mean == pytest.approx(1.0)


def test_a_training_that_peeked_is_no_measure_of_peeking():
    assert peeking(finder(reproduction("codered-final", training(epoch())))) == []


def test_a_remedy_is_its_accuracy_and_the_gap_to_validation():
    stored = reproduction(
        "codered-base",
        **{
            HONEST: [training(epoch(0.91, seen=0.99, validation_accuracy=0.915))],
            "dropout": [training(epoch(0.90, seen=0.93, validation_accuracy=0.91))],
        },
    )
    base, dropout = remedies(finder(stored))
    assert (base.name, dropout.name) == ("none", "dropout")
    assert (base.accuracy.mean, base.gap.mean) == (pytest.approx(91.0), pytest.approx(7.5))
    assert (dropout.accuracy.mean, dropout.gap.mean) == (pytest.approx(90.0), pytest.approx(2.0))


def test_the_pair_of_one_paper_is_there_as_far_as_it_was_trained():
    first = reproduction("venkatesh-initial", training(epoch(validation_accuracy=0.9)))
    assert [row.name for row in published_pair(finder(first))] == ["venkatesh-initial"]
    assert published_pair(finder()) == []


def test_minutes_are_those_of_the_training_with_least_work_beside_it():
    busy, quiet = (
        training(epoch()).replace(seconds=seconds, others=others) for seconds, others in ((90, 1.5), (60, 0.1))
    )
    for trainings in ((busy, quiet), (quiet, busy)):
        assert networks(finder(reproduction("patel-basic", *trainings)))[0].minutes == pytest.approx(1.0)


def test_networks_are_those_that_were_trained_with_their_true_size():
    found = networks(finder(reproduction("patel-basic", training(epoch(0.88)), training(epoch(0.89), seed=1))))
    assert [each.name for each in found] == ["patel-basic"]
    assert found[0].parameters == parameters(summarize(find_preset("patel-basic").model)) == 101_770
    assert found[0].accuracy.mean == pytest.approx(88.5)
    assert found[0].minutes == pytest.approx(1.0)


def test_the_peeking_chart_has_a_bar_for_each_system_and_a_line_where_there_are_seeds():
    stored = [
        reproduction("team4-ann", training(*course((0.91, 0.90), (0.90, 0.91)))),
        reproduction(
            "team4-cnn", training(*course((0.91, 0.90), (0.9, 0.92))), training(*course((0.91, 0.90)), seed=1)
        ),
    ]
    several, single, words = peeking_chart(peeking(finder(*stored))).data
    assert {name: text.strip() for name, text in zip(words.y, words.text)} == {
        "team4-cnn": "1.00 ± 1.41",
        "team4-ann": "1.00, one seed",
    }
    assert (list(several.y), list(several.x)) == (["team4-cnn"], [1.0])
    assert list(several.error_x.array) == pytest.approx([2**0.5], abs=1e-3)
    assert (list(single.y), list(single.x), single.error_x.array) == (["team4-ann"], [1.0], None)


def test_the_remedies_chart_joins_each_remedy_to_what_it_began_from():
    stored = reproduction(
        "codered-base",
        **{
            HONEST: [training(epoch(0.91, seen=0.99, validation_accuracy=0.915))],
            "dropout": [training(epoch(0.90, seen=0.93, validation_accuracy=0.91))],
        },
    )
    rows = remedies(finder(stored))
    line, points = remedies_chart(rows).data
    assert list(line.x) == [row.gap.mean for row in rows]
    assert list(line.y) == [row.accuracy.mean for row in rows]
    assert list(points.customdata) == list(points.text) == ["none", "dropout"]
    assert (list(points.x), list(points.y)) == (pytest.approx(line.x), pytest.approx(line.y))


def test_the_networks_chart_has_a_group_each_and_the_human_mark():
    figure = networks_chart({"a": [("one", 100.0, 90.0)], "b": [("two", 200.0, 91.0)]}, HUMAN.accuracy, "parameters")
    groups = [trace for trace in figure.data if trace.name]
    assert [(group.name, list(group.x), list(group.y)) for group in groups] == [("a", [100], [90]), ("b", [200], [91])]
    assert [list(group.customdata) for group in groups] == [[["one", "100"]], [["two", "200"]]]
    (line,), (told,) = figure.layout.shapes, figure.layout.annotations
    assert (line.y0, line.y1, told.text) == (83.5, 83.5, "human accuracy, 83.5 %")


def test_names_without_room_on_a_phone_come_last_and_no_name_twice():
    crowd = {"a": [(f"a network with a long name {n}", 100.0 + 9 * n, 88.0 + n) for n in range(8)]}
    *_, phone, tablet, desk = networks_chart(crowd, HUMAN.accuracy, "parameters").data
    names = [*phone.text, *tablet.text, *desk.text]
    assert len(set(names)) == len(names)
    assert 0 < len(phone.text) < len(names)


def test_our_own_networks_have_their_names_before_all_others():
    near = [(f"a network with a long name {n}", 1000.0 + n, 92.0) for n in range(40)]
    *_, phone, _, _ = networks_chart({"a": near, "b": [], "ours": [("ours", 1000.0, 92.0)]}, 83.5, "parameters").data
    assert "ours" in phone.text
