"""Predictions, and the figures computed from them, against scikit-learn's and torch's."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.calibration import calibration_curve

from fmexplore.evaluation import predictions as evaluation
from fmexplore.evaluation.predictions import (
    BINS,
    Calibration,
    Predictions,
    calibration,
    coverage_at,
    coverage_curve,
    find_overfitting,
    learnt_and_forgotten,
    order_images,
    predict,
    predict_batches,
    top_k_accuracy,
)
from fmexplore.models import networks


def calibrate(predictions: Predictions, bins: int = BINS) -> Calibration:
    return calibration(predictions.confidence, predictions.right, bins)


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (500, 10)).astype(np.float32)
    labels = np.where(rng.random(500) < 0.6, logits.argmax(1), rng.integers(0, 10, 500)).astype(np.uint8)
    return Predictions(logits, labels)


def sure(*images: tuple[float, bool]) -> Predictions:
    """Predictions of class 3 with these confidences, of which some are right."""
    confidence = np.array([each for each, _ in images])
    probabilities = np.repeat((1 - confidence[:, None]) / 9, 10, axis=1)
    probabilities[:, 3] = confidence
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities).clip(-1e4).astype(np.float32)
    return Predictions(logits, np.array([3 if right else 7 for _, right in images], np.uint8))


def test_loss_and_accuracy_are_scikit_learns(predictions):
    probability = torch.tensor(predictions.logits).double().softmax(1).numpy()
    wanted = metrics.log_loss(predictions.labels, probability, labels=range(10))
    assert predictions.loss == pytest.approx(wanted, rel=1e-5)
    assert predictions.accuracy == metrics.accuracy_score(predictions.labels, predictions.predicted)


def test_the_loss_of_huge_logits_is_finite():
    logits = np.full((2, 10), -1e30, np.float32)
    logits[:, 3] = 1e30
    assert Predictions(logits, np.array([3, 3], np.uint8)).loss == 0


def test_probabilities_are_the_softmax_also_of_huge_logits(predictions):
    wanted = torch.tensor(predictions.logits).softmax(1).numpy()
    assert np.allclose(predictions.probabilities, wanted, atol=1e-6)
    assert predictions.probabilities.dtype == np.float32
    huge = Predictions(np.float32([[1e30, 0, *[-1e30] * 8], [200, 200, *[0] * 8]]), np.uint8([0, 0]))
    assert np.array_equal(huge.probabilities, np.float32([[1, *[0] * 9], [0.5, 0.5, *[0] * 8]]))


def test_an_image_is_right_where_the_largest_logit_is_that_of_its_label(predictions):
    for logits, label, right in zip(predictions.logits, predictions.labels, predictions.right, strict=True):
        assert right == all(logits[label] >= each for each in logits)
    assert 0 < predictions.right.sum() < len(predictions) == 500


def test_confidence_and_margin_are_about_the_two_most_probable_classes(predictions):
    first, second = np.sort(predictions.probabilities, axis=1)[:, :-3:-1].T
    assert np.array_equal(predictions.confidence, first)
    assert np.array_equal(predictions.margin, first - second)


def test_the_distance_to_the_boundary_is_to_the_runner_up_if_right_and_else_to_the_true_class(predictions):
    for logits, label, distance in zip(
        predictions.logits, predictions.labels, predictions.boundary_distance, strict=True
    ):
        others = np.delete(logits, label)
        assert distance == pytest.approx(abs(logits[label] - others.max()), rel=1e-6)
    assert predictions.boundary_distance.shape == (500,)


def test_a_tie_is_on_the_boundary_with_no_margin():
    tie = Predictions(np.zeros((2, 10), np.float32), np.uint8([0, 4]))  # the first is right, the second is not
    assert tie.right.tolist() == [True, False]
    assert tie.boundary_distance.tolist() == tie.margin.tolist() == [0, 0]
    assert tie.confidence == pytest.approx([0.1, 0.1])


# Orders.


@pytest.mark.parametrize(("by", "sign"), [("confidence", -1), ("margin", -1), ("boundary", 1)])
def test_images_are_sorted_by_the_figure_that_is_asked_for(predictions, by, sign):
    chosen = np.flatnonzero(~predictions.right)
    figure = {
        "confidence": predictions.confidence,
        "margin": predictions.margin,
        "boundary": predictions.boundary_distance,
    }[by]
    found = order_images(predictions, chosen, by)
    assert sorted(found) == chosen.tolist()
    assert found.tolist() != chosen.tolist()
    assert np.all(np.diff(sign * figure[found]) >= 0)


def test_the_three_orders_differ(predictions):
    chosen = np.arange(500)
    found = {tuple(order_images(predictions, chosen, by)) for by in ("confidence", "margin", "boundary", "number")}
    assert len(found) == 4


def test_by_number_images_stay_as_they_are(predictions):
    assert order_images(predictions, np.array([7, 3, 9]), "number").tolist() == [7, 3, 9]


@pytest.mark.parametrize("by", ["confidence", "margin", "boundary"])
def test_images_with_equal_figures_keep_their_order(by):
    alike = sure(*[(0.5, True)] * 100, (0.9, True))
    shuffled = np.random.default_rng(0).permutation(101)
    found = order_images(alike, shuffled, by)
    assert [position for position in found if position != 100] == [each for each in shuffled if each != 100]
    assert found[-1 if by == "boundary" else 0] == 100


def test_no_images_are_sorted_to_none(predictions):
    assert order_images(predictions, np.zeros(0, int), "margin").tolist() == []


# The best few, calibration and coverage.


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_the_top_k_accuracy_is_scikit_learns(predictions, k):
    wanted = metrics.top_k_accuracy_score(predictions.labels, predictions.logits, k=k, labels=range(10))
    assert top_k_accuracy(predictions, k) == pytest.approx(wanted)


def test_among_one_class_is_the_accuracy_and_among_ten_is_everything(predictions):
    assert top_k_accuracy(predictions, 1) == predictions.accuracy
    assert top_k_accuracy(predictions, 10) == 1


@pytest.mark.parametrize("bins", [1, 4, 10, 15])
def test_the_calibration_curve_is_scikit_learns(predictions, bins):
    accuracy, confidence = calibration_curve(predictions.right, predictions.confidence, n_bins=bins)
    found = calibrate(predictions, bins)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.confidence == pytest.approx(confidence)
    counts, _ = np.histogram(predictions.confidence, bins, (0, 1))
    assert found.counts.tolist() == [count for count in counts if count]


def test_a_bin_holds_its_upper_edge_and_not_its_lower_one():
    logits = np.full((4, 10), -1e4, np.float32)
    for image, alike in enumerate((1, 2, 3, 4)):
        logits[image, :alike] = 0
    found = calibrate(Predictions(logits, np.zeros(4, np.uint8)), 4)
    assert found.confidence == pytest.approx([1 / 4, (1 / 3 + 1 / 2) / 2, 1])
    assert found.counts.tolist() == [1, 2, 1]


def test_the_expected_calibration_error_is_the_mean_gap_weighted_by_images():
    # Two at 0.5, half of them right: no gap. Three at 1.0, two right: a gap of a third. (2 x 0 + 3 x 1/3) / 5
    images = sure((0.5, True), (0.5, False), (1.0, True), (1.0, True), (1.0, False))
    found = calibrate(images)
    assert found.confidence == pytest.approx([0.5, 1])
    assert found.accuracy == pytest.approx([1 / 2, 2 / 3])
    assert found.counts.tolist() == [2, 3]
    assert found.error == pytest.approx(0.2)


def test_gaps_above_and_below_add_up_in_the_calibration_error():
    """As they do not in one bin: there, too sure and too unsure cancel."""
    images = sure((0.6, True), (1.0, False), (0.6, True), (1.0, True))
    assert calibrate(images).error == pytest.approx((0.4 + 0.5) / 2)
    assert calibrate(images, 1).error == pytest.approx(0.05)


def test_a_network_as_right_as_it_is_sure_has_no_calibration_error():
    assert calibrate(sure(*[(0.75, True)] * 3, (0.75, False))).error == pytest.approx(0, abs=1e-7)


def test_the_coverage_curve_is_the_accuracy_on_the_most_confident_images(predictions):
    coverage, accuracy = coverage_curve(predictions)
    order = sorted(range(500), key=lambda position: -predictions.confidence[position])
    for answered in (1, 2, 17, 250, 499, 500):
        right = [predictions.right[position] for position in order[:answered]]
        assert coverage[answered - 1] == pytest.approx(answered / 500)
        assert accuracy[answered - 1] == pytest.approx(np.mean(right))
    assert len(coverage) == len(accuracy) == 500


@pytest.mark.parametrize(
    ("accuracy", "share"), [(0, 1), (0.6, 1), (0.61, 0.8), (0.75, 0.8), (0.76, 0.4), (0.9, 0.4), (1, 0.4)]
)
def test_the_coverage_at_an_accuracy_is_the_largest_share_that_reaches_it(accuracy, share):
    # After each image, the most confident first: 1/1, 2/2, 2/3, 3/4, 3/5.
    images = sure((0.4, False), (0.9, True), (0.6, True), (0.8, True), (0.7, False))
    assert coverage_at(images, accuracy) == pytest.approx(share)


def test_an_accuracy_that_is_never_reached_has_no_coverage():
    assert coverage_at(sure((0.9, False), (0.8, True)), 0.6) == 0


# Two moments of a run.


def test_what_was_learnt_and_forgotten_is_what_looking_at_each_image_finds(predictions):
    logits = np.random.default_rng(1).permutation(predictions.logits)
    after = Predictions(logits, predictions.labels)
    learnt, forgotten = learnt_and_forgotten(predictions, after)
    both = list(zip(predictions.right, after.right, strict=True))
    assert learnt.tolist() == [position for position, pair in enumerate(both) if pair == (False, True)]
    assert forgotten.tolist() == [position for position, pair in enumerate(both) if pair == (True, False)]
    assert min(len(learnt), len(forgotten)) > 10
    assert [each.tolist() for each in learnt_and_forgotten(after, predictions)] == [forgotten.tolist(), learnt.tolist()]


# Overfitting.


def test_overfitting_starts_at_the_lowest_validation_loss():
    assert find_overfitting([5, 4, 3, 2, 1], [5, 3, 3.2, 3.5, 4]) == 1


@pytest.mark.parametrize(
    "validation",
    [
        pytest.param([5, 4, 3, 2, 1], id="falls to the end"),
        pytest.param([5, 3, 3.01, 3.02, 3.03], id="rises by one per cent"),
        pytest.param([5, 3.2, 3.1, 3, 4], id="only one figure after the lowest"),
        pytest.param([5, 3, 4, 4, 3.02], id="noise that comes back"),
    ],
)
def test_what_is_no_overfitting(validation):
    assert find_overfitting([5, 4, 3, 2, 1], validation) is None


def test_a_validation_loss_that_rises_with_the_training_loss_is_no_overfitting():
    assert find_overfitting([5, 1, 2, 3, 4], [5, 1, 2, 3, 4]) is None


@pytest.mark.parametrize("length", [0, 1, 2])
def test_two_figures_are_too_few_for_overfitting(length):
    assert find_overfitting([3.0, 2, 1][:length], [1.0, 2, 3][:length]) is None


# Asking a network.


def test_predictions_are_the_networks_in_evaluation_mode(tiny, drawn):
    network = networks.build(tiny.model)
    found = predict(network, drawn.test)
    with torch.no_grad():
        wanted = network.eval()(networks.to_input(torch.tensor(drawn.test.images)))
    assert np.allclose(found.logits, wanted.numpy(), atol=1e-5)
    assert np.array_equal(found.labels, drawn.test.labels)


def test_between_batches_the_network_is_in_the_mode_in_which_it_came(tiny, drawn, monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", 500)
    images = np.concatenate([drawn.train.images, drawn.test.images])  # 800: two batches
    for training in (True, False):
        network = networks.build(tiny.model).train(training)
        sizes = []
        for logits, features in predict_batches(network, images):
            assert network.training is training
            assert features is None
            sizes.append(len(logits))
        assert sizes == [500, 300]


@pytest.mark.parametrize(("wanted", "counts"), [(3, [3, 0]), (500, [500, 0]), (600, [500, 100]), (9999, [500, 300])])
def test_features_are_those_of_the_first_images(tiny, drawn, wanted, counts, monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", 500)
    images = np.concatenate([drawn.train.images, drawn.test.images])
    found = [features for _, features in predict_batches(networks.build(tiny.model), images, wanted)]
    assert [0 if features is None else len(features) for features in found] == counts
    assert found[0] is not None
    assert found[0].shape[1] == 16


def test_bf16_predictions_are_close_and_given_as_float32(tiny, drawn):
    network = networks.build(tiny.model)
    exact, coarse = predict(network, drawn.test), predict(network, drawn.test, "bf16")
    assert coarse.logits.dtype == np.float32
    assert np.abs(exact.logits - coarse.logits).max() < 0.05
    assert not np.array_equal(exact.logits, coarse.logits)
