"""Whether a difference is significant: against scipy, and against what is written by hand."""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from fmexplore.evaluation.confusion import mcnemar
from fmexplore.evaluation.significance import (
    compare_accuracies,
    correct_holm,
    first_reaching,
    generalisation_gap,
    say_p,
    seed_statistics,
)

# --- McNemar ---


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 9), (9, 3), (40, 41), (148, 406), (900, 1000), (0, 300)])
def test_mcnemar_is_the_exact_binomial_test_of_scipy(first, second):
    assert mcnemar(first, second) == pytest.approx(binomtest(first, first + second).pvalue, rel=1e-9)


def test_mcnemar_comes_near_the_corrected_chi_squared_where_many_differ():
    first, second = 700, 800
    assert mcnemar(first, second) == pytest.approx(chi2.sf((abs(first - second) - 1) ** 2 / 1500, 1), rel=0.01)


def test_mcnemar_knows_no_difference_and_does_not_overflow():
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1
    assert mcnemar(0, 10_000) == 0


def answers(labels: np.ndarray, wrong: range) -> np.ndarray:
    said = labels.copy()
    said[list(wrong)] = (said[list(wrong)] + 1) % 10
    return said


LABELS = np.arange(1000) % 10


def test_a_verdict_says_how_much_better_the_other_is_and_whether_that_is_luck():
    reference = answers(LABELS, range(100))
    (better, alike) = compare_accuracies(
        LABELS, reference, [answers(LABELS, range(50)), answers(LABELS, range(3, 105))]
    )
    assert (better.counts, better.gain, better.significant) == ((0, 50), 0.05, True)
    assert better.sentence("old", "new") == "The difference is statistically significant (p < 0.0001): new is better."
    assert (alike.counts, alike.significant) == ((5, 3), False)
    assert alike.gain == pytest.approx(-0.002)
    assert alike.sentence("old", "new") == "The difference is not statistically significant (p = 0.73)."


def test_the_reference_can_be_the_better_one_and_equals_are_equal():
    reference = answers(LABELS, range(50))
    worse, same = compare_accuracies(LABELS, reference, [answers(LABELS, range(100)), answers(LABELS, range(50, 100))])
    assert "old is better" in worse.sentence("old", "new")
    assert same.counts == (50, 50)
    assert same.sentence("old", "new") == "Both are right equally often."


def test_the_margin_of_a_gain_is_that_of_paired_differences():
    (found,) = compare_accuracies(LABELS, answers(LABELS, range(100)), [answers(LABELS, range(60, 120))])
    first, second = (answers(LABELS, wrong) == LABELS for wrong in (range(100), range(60, 120)))
    each = second.astype(float) - first
    assert found.margin == pytest.approx(1.959964 * each.std() / math.sqrt(len(each)), rel=1e-6)


def test_several_tests_are_corrected_as_holm_wrote():
    assert correct_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_holm([0.5, 0.9]) == [1.0, 1.0]
    assert correct_holm([0.02]) == [0.02]
    assert correct_holm([]) == []


def test_a_difference_that_one_test_finds_may_not_survive_five():
    reference = answers(LABELS, range(100))
    lucky, alike = answers(LABELS, range(8, 100)), answers(LABELS, range(1, 101))
    assert compare_accuracies(LABELS, reference, [lucky])[0].significant
    assert not compare_accuracies(LABELS, reference, [lucky, *[alike] * 9])[0].significant


@pytest.mark.parametrize(("value", "text"), [(0.00001, "p < 0.0001"), (0.0234, "p = 0.023"), (1, "p = 1")])
def test_p_values_are_said_shortly(value, text):
    assert say_p(value) == text


# --- seeds, gap, curves ---


def test_the_spread_over_seeds_is_their_mean_and_sample_deviation():
    (found,) = seed_statistics([(0, 1, 2, 3)], [0.9, None, 0.92, 0.91])
    assert found.members == (0, 2, 3)
    assert (found.mean, found.deviation) == pytest.approx((0.91, statistics.stdev([0.9, 0.92, 0.91])))
    assert seed_statistics([(0, 1, 2, 3)], [0.9, None, None, None]) == []


def test_the_gap_has_the_interval_of_a_difference_of_two_shares():
    gap, margin = generalisation_gap((0.96, 54_000), (0.92, 6000))
    assert gap == pytest.approx(0.04)
    assert margin == pytest.approx(1.96 * math.sqrt(0.96 * 0.04 / 54_000 + 0.92 * 0.08 / 6000), rel=1e-4)


def test_the_highest_level_that_all_curves_reach_is_found_with_its_places():
    curves = [[[1, 0.5], [2, 0.9], [3, 0.95]], [[1, 0.6], [4, 0.9004], [5, 0.8]]]
    assert first_reaching(curves) == (0.9, [2, 4])
