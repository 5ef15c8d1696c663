"""What the papers claim besides figures: decided by reading, or by what our trainings gave."""

import numpy as np
import pytest

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.papers.claims import accuracy_bounds, assess_claims
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import Reproduction
from fmexplore.training.published import SYSTEMS
from tests.papers.results import epoch, reproduction, training

SHIRT, T_SHIRT, COAT = (CLASS_NAMES.index(name) for name in ("Shirt", "T-shirt/top", "Coat"))


def nothing(system):
    return Reproduction(system=system)


def claim(stored, about, find=nothing):
    found = [each for each in assess_claims(stored, find) if each.about == about]
    assert len(found) == 1
    return found[0]


def confused(true, predicted):
    matrix = np.diag([900] * 10)
    matrix[true, predicted] += 100
    return matrix


@pytest.mark.parametrize("system", [system.id for system in SYSTEMS])
def test_without_trainings_only_reading_decides(system):
    found = assess_claims(nothing(system), nothing)
    assert len(found) >= len(PRINTED[system].metrics)
    for each in found:
        assert each.about
        assert each.printed
        assert each.reason
        assert (each.verdict == "not trained yet") == (each.reason.startswith("Train it with"))
    assert all(each.verdict == "not trained yet" for each in found if each.measure)


@pytest.mark.parametrize(
    ("recalls", "accuracy", "bounds"),
    [
        (PRINTED["team4-ann"].report.recall, 0.88, (87.5, 88.0)),
        (PRINTED["team4-cnn"].report.recall, 0.92, (91.5, 92.1)),
        ((0.9,) * 10, 0.9, (89.5, 90.5)),
    ],
)
def test_recalls_and_the_accuracy_beside_them_bound_it(recalls, accuracy, bounds):
    assert accuracy_bounds(recalls, accuracy) == bounds


@pytest.mark.parametrize(("system", "printed"), [("team4-ann", "89 %"), ("team4-cnn", "91 %")])
def test_the_accuracy_of_the_abstract_contradicts_the_recalls(system, printed):
    found = claim(nothing(system), "Test accuracy in the abstract")
    assert (found.printed, found.verdict) == (printed, "contradicts itself")


def test_the_printed_matrix_gives_the_printed_report():
    found = claim(nothing("codered-final"), "Its matrix and its report")
    assert found.verdict == "holds"
    assert "30 of 30" in found.reason
    assert found.found == "91.68 % right"


def test_the_printed_parameters_fit_only_without_the_third_pool():
    found = claim(nothing("codered-final"), "A max-pool after every convolution")
    assert found.verdict == "contradicts itself"
    assert "328,202" in found.reason
    assert "590,346" in found.reason


def test_the_parameters_of_the_first_convolution_are_computed():
    found = claim(nothing("venkatesh-initial"), "Parameters of the first convolution")
    assert (found.printed, found.found, found.verdict) == ("169", "160", "contradicts itself")


def test_the_most_confused_pair_counts_in_both_directions():
    matrices = [confused(SHIRT, T_SHIRT), confused(T_SHIRT, SHIRT)]
    stored = reproduction("codered-final", *(training(epoch(), seed=n, confusion=m) for n, m in enumerate(matrices)))
    assert claim(stored, "Most confused").verdict == "holds"
    matrices.append(confused(COAT, SHIRT))
    stored = reproduction("codered-final", *(training(epoch(), seed=n, confusion=m) for n, m in enumerate(matrices)))
    found = claim(stored, "Most confused")
    assert found.verdict == "fails"
    assert "2 of our 3" in found.reason


@pytest.mark.parametrize(
    ("tests", "verdict"), [((0.91, 0.917, 0.913), "fails"), ((0.9160, 0.9161, 0.9162), "cannot be known")]
)
def test_what_the_machine_is_credited_for_is_luck_where_seeds_differ_as_much(tests, verdict):
    stored = reproduction("codered-final", *(training(epoch(test), seed=n) for n, test in enumerate(tests)))
    assert claim(stored, "The machine makes the difference").verdict == verdict


@pytest.mark.parametrize(("lowest", "verdict"), [(9, "holds"), (11, "holds"), (3, "fails")])
def test_overfitting_begins_where_validation_loss_is_lowest(lowest, verdict):
    losses = [0.3 + 0.01 * abs(number - lowest) for number in range(1, 21)]
    epochs = [epoch(validation_loss=loss, validation_accuracy=0.9) for loss in losses]
    found = claim(reproduction("venkatesh-initial", training(*epochs)), "Overfits from epoch")
    assert found.verdict == verdict
    assert f"lowest after {lowest} epochs" in found.reason


@pytest.mark.parametrize(("before", "verdict"), [(0.91, "fails"), (0.87, "holds")])
def test_performance_is_greater_where_validation_accuracy_is(before, verdict):
    ours = reproduction("venkatesh-optimised", training(epoch(seen=0.9, validation_accuracy=0.89)))
    first = reproduction("venkatesh-initial", training(epoch(seen=0.99, validation_accuracy=before)))
    found = claim(ours, "Performance much greater than before", {"venkatesh-initial": first}.__getitem__)
    assert found.verdict == verdict
    assert f"from {100 * (0.99 - before):.1f} to 1.0 points" in found.reason
    assert claim(ours, "Performance much greater than before").verdict == "not trained yet"


@pytest.mark.parametrize(("losses", "verdict"), [((0.4, 0.3, 0.35, 0.4), "fails"), ((0.4, 0.3, 0.29, 0.28), "holds")])
def test_there_is_overfitting_where_test_loss_rises_again(losses, verdict):
    epochs = [epoch(test_loss=loss, seen_loss=0.3 - 0.05 * number) for number, loss in enumerate(losses)]
    assert claim(reproduction("patel-final", training(*epochs)), "No overfitting").verdict == verdict
