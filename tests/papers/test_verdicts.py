"""Printed figures against ours: when one holds, when it fails and why, when it cannot be known."""

import numpy as np
import pytest

from fmexplore.papers.reported import MEASURES, PRINTED, PublishedReport
from fmexplore.papers.reproduction import Reproduction
from fmexplore.papers.verdicts import TONES, Spread, assess_f1, assess_metric, measured, spread_of, value_of
from fmexplore.training import published
from fmexplore.training.published import Alternative, find_system
from tests.papers.results import epoch, reproduction, training


def test_every_system_of_the_papers_has_printed_figures():
    assert list(PRINTED) == [system.id for system in published.SYSTEMS]
    assert all(printed.metrics for printed in PRINTED.values())


@pytest.mark.parametrize(("deviation", "tolerance"), [(0.1, 0.7), (0.35, 0.7), (0.5, 1.0)])
def test_the_tolerance_is_the_larger_of_two_deviations_and_seven_tenths(deviation, tolerance):
    assert Spread(91.0, deviation, 3).tolerance == pytest.approx(tolerance)


@pytest.mark.parametrize(("printed", "covered"), [(91.7, True), (90.3, True), (91.71, False), (90.29, False)])
def test_a_value_is_covered_up_to_the_tolerance_both_ways(printed, covered):
    assert Spread(91.0, 0.1, 3).covers(printed) is covered


def test_losses_have_a_tolerance_of_their_own():
    assert Spread(0.4, 0.001, 3, "nats").tolerance == pytest.approx(0.02)


def test_a_spread_is_the_mean_and_the_deviation_of_a_sample():
    found = spread_of([90.0, 91.0, 92.0])
    assert (found.mean, found.deviation, found.seeds) == (91.0, 1.0, 3)
    assert str(found) == "91.00 ± 1.00 % (3 seeds)"
    assert str(spread_of([0.25], "nats")) == "0.250 nats (one seed)"


def test_the_test_figures_stand_for_validation_where_a_system_peeks():
    assert value_of(epoch(test=0.91), "validation_accuracy") == pytest.approx(91.0)
    assert value_of(epoch(test=0.91, validation_accuracy=0.93), "validation_accuracy") == pytest.approx(93.0)
    assert value_of(epoch(test_loss=0.5), "validation_loss") == pytest.approx(0.5)


def test_the_figures_are_those_of_the_epoch_that_stayed():
    stayed = training(epoch(0.91), epoch(0.88), kept=0)
    assert measured([stayed], "test_accuracy").mean == pytest.approx(91.0)
    assert measured([], "test_accuracy") is None


def test_a_printed_value_near_our_mean_holds():
    found = assess_metric(
        reproduction("patel-basic", *(training(epoch(test), seed=s) for s, test in enumerate((0.879, 0.881, 0.883)))),
        "test_accuracy",
        88,
    )
    assert found.verdict == "holds"
    assert found.printed == "88 %"
    assert found.found == "88.10 ± 0.20 % (3 seeds)"
    assert found.about == MEASURES["test_accuracy"]


def test_a_printed_value_that_no_epoch_reaches_fails():
    found = assess_metric(reproduction("patel-basic", training(epoch(0.85), epoch(0.86))), "test_accuracy", 88)
    assert found.verdict == "fails"
    assert "2.00 points above our mean" in found.reason
    assert "none of our epochs comes near it" in found.reason


def test_a_value_that_only_the_best_epoch_reaches_fails_and_says_so():
    found = assess_metric(reproduction("team4-ann", training(epoch(0.88), epoch(0.86))), "test_accuracy", 88)
    assert found.verdict == "fails"
    assert "the best of all 2 epochs, picked afterwards, fits" in found.reason


def test_a_value_that_was_passed_on_the_way_says_after_which_epochs():
    found = assess_metric(
        reproduction("team4-ann", training(epoch(0.86), epoch(0.88), epoch(0.90), epoch(0.91))), "test_accuracy", 88
    )
    assert found.verdict == "fails"
    assert "after 2 of 4 epochs" in found.reason


@pytest.mark.parametrize(("ours", "printed", "meant"), [(0.918, 91, "91.5"), (0.917, 92.5, "92.45"), (0.9, 91, "90.5")])
def test_a_value_that_is_outside_only_as_rounded_says_what_it_may_stand_for(ours, printed, meant):
    found = assess_metric(reproduction("team4-ann", training(epoch(ours))), "test_accuracy", printed)
    assert (found.verdict, f"may stand for {meant}, which lies" in found.reason) == ("fails", printed == round(printed))


def test_a_training_accuracy_that_fits_in_evaluation_mode_says_so():
    found = assess_metric(
        reproduction("codered-base", training(epoch(train=0.98, seen=0.993))), "train_accuracy", 99.28
    )
    assert found.verdict == "fails"
    assert "in evaluation mode we get 99.30 % (one seed), which fits" in found.reason


def test_where_another_value_of_an_assumed_setting_brings_it_back_it_cannot_be_known(monkeypatch):
    monkeypatch.setitem(find_system("patel-basic").alternatives, "5 epochs", Alternative({"epochs": 5}))
    stored = reproduction("patel-basic", training(epoch(0.86)), **{"5 epochs": [training(epoch(0.879))]})
    found = assess_metric(stored, "test_accuracy", 88)
    assert found.verdict == "cannot be known"
    assert "with 5 epochs we get 87.90 %" in found.reason


def test_a_change_of_what_is_printed_explains_and_does_not_excuse(monkeypatch):
    other = Alternative({"epochs": 30}, against=True)
    monkeypatch.setitem(find_system("codered-base").alternatives, "30 epochs", other)
    stored = reproduction("codered-base", training(epoch(0.86)), **{"30 epochs": [training(epoch(0.91))]})
    found = assess_metric(stored, "test_accuracy", 91.14)
    assert found.verdict == "fails"
    assert "with 30 epochs, which is not what the paper says, we get 91.00 %" in found.reason


def test_where_the_epochs_are_not_printed_another_number_of_them_may_fit():
    epochs = (epoch(0.86), epoch(0.88), epoch(0.90), epoch(0.91))
    found = assess_metric(
        reproduction("patel-basic", training(*epochs), training(*epochs, seed=1)), "test_accuracy", 88
    )
    assert found.verdict == "cannot be known"
    assert "after 2 we get 88.00 ± 0.00 % (2 seeds)" in found.reason


def test_an_alternative_that_does_not_fit_either_changes_nothing(monkeypatch):
    monkeypatch.setitem(find_system("patel-basic").alternatives, "5 epochs", Alternative({"epochs": 5}))
    stored = reproduction("patel-basic", training(epoch(0.86)), **{"5 epochs": [training(epoch(0.87))]})
    assert assess_metric(stored, "test_accuracy", 88).verdict == "fails"


def test_without_a_training_it_says_how_to_get_one():
    found = assess_metric(Reproduction(system="patel-basic"), "test_accuracy", 88)
    assert found.verdict == "not trained yet"
    assert "python -m fmexplore reproduce patel-basic" in found.reason


def test_a_report_is_judged_by_its_mean_f1():
    same = PublishedReport((0.9,) * 10, (0.9,) * 10, (0.9,) * 10)
    found = assess_f1(same, reproduction("team4-ann", training(epoch())))
    assert found.verdict == "holds"
    assert "Of its 30 figures 30 lie within 3 points" in found.reason
    other = PublishedReport((0.9,) * 10, (0.9,) * 10, (0.8,) * 10)
    found = assess_f1(other, reproduction("team4-ann", training(epoch())))
    assert found.verdict == "fails"
    assert "Of its 30 figures 20 lie" in found.reason


def test_a_report_that_fits_with_another_value_of_an_assumed_setting_cannot_be_known():
    printed = PublishedReport((0.8,) * 10, (0.8,) * 10, (0.8,) * 10)
    worse = np.diag([800] * 10) + 200 * np.roll(np.eye(10, dtype=int), 1, 1)
    tried = {"a batch size of 256": [training(epoch(), confusion=worse)]}
    found = assess_f1(printed, reproduction("team4-ann", training(epoch()), **tried))
    assert found.verdict == "cannot be known"
    assert "with a batch size of 256 we get 80.00 %" in found.reason


def test_every_verdict_has_a_tone():
    assert set(TONES) == {"holds", "fails", "cannot be known", "contradicts itself", "not trained yet"}
