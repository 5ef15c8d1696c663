"""Figures from predictions, against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from fmexplore import networks
from fmexplore.data import CLASS_NAMES
from fmexplore.evaluation import (
    BATCH,
    Predictions,
    accuracy_interval,
    class_report,
    confusion_matrix,
    find_overfitting,
    predict,
    predict_batches,
)


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (500, 10)).astype(np.float32)
    labels = np.where(rng.random(500) < 0.6, logits.argmax(1), rng.integers(0, 10, 500)).astype(np.uint8)
    return Predictions(logits, labels)


def test_loss_and_accuracy_are_scikit_learns(predictions):
    probability = torch.tensor(predictions.logits).double().softmax(1).numpy()
    wanted = metrics.log_loss(predictions.labels, probability, labels=range(10))
    assert predictions.loss == pytest.approx(wanted, rel=1e-5)
    assert predictions.accuracy == metrics.accuracy_score(predictions.labels, predictions.predicted)


def test_the_loss_of_huge_logits_is_finite():
    logits = np.full((2, 10), -1e30, np.float32)
    logits[:, 3] = 1e30
    assert Predictions(logits, np.array([3, 3], np.uint8)).loss == 0


def test_the_confusion_matrix_is_scikit_learns(predictions):
    wanted = metrics.confusion_matrix(predictions.labels, predictions.predicted, labels=range(10))
    assert np.array_equal(confusion_matrix(predictions.labels, predictions.predicted), wanted)


def test_a_confusion_matrix_has_true_classes_in_rows_even_where_some_are_missing():
    matrix = confusion_matrix(np.array([2, 2], np.uint8), np.array([5, 2]))
    assert matrix.shape == (10, 10)
    assert (matrix[2, 5], matrix[2, 2], matrix.sum()) == (1, 1, 2)


def test_the_class_report_is_scikit_learns(predictions):
    wanted = metrics.precision_recall_fscore_support(predictions.labels, predictions.predicted, labels=range(10))
    rows = class_report(confusion_matrix(predictions.labels, predictions.predicted))
    assert [row["class"] for row in rows] == list(CLASS_NAMES)
    for key, column in zip(("precision", "recall", "f1", "support"), wanted, strict=True):
        assert [row[key] for row in rows] == pytest.approx(column)


def test_a_class_that_never_occurs_and_is_never_predicted_has_zeros():
    matrix = np.zeros((10, 10), int)
    matrix[0, 0] = 5
    row = class_report(matrix)[4]
    assert (row["precision"], row["recall"], row["f1"], row["support"]) == (0, 0, 0, 0)


def test_the_accuracy_interval_is_wilsons():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263.
    assert accuracy_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(("right", "low", "high"), [(0, 0, 0.0370), (100, 0.9630, 1)])
def test_the_accuracy_interval_is_open_at_none_and_all_right(right, low, high):
    assert accuracy_interval(right, 100) == pytest.approx((low, high), abs=5e-5)


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


def test_predictions_are_the_networks_in_evaluation_mode(tiny, drawn):
    network = networks.build(tiny.model)
    found = predict(network, drawn.test)
    with torch.no_grad():
        wanted = network.eval()(networks.to_input(torch.tensor(drawn.test.images)))
    assert np.allclose(found.logits, wanted.numpy(), atol=1e-5)
    assert np.array_equal(found.labels, drawn.test.labels)


def test_between_batches_the_network_is_in_the_mode_in_which_it_came(tiny, drawn):
    images = np.concatenate([drawn.train.images, drawn.test.images])  # 800: two batches
    for training in (True, False):
        network = networks.build(tiny.model).train(training)
        sizes = []
        for logits, features in predict_batches(network, images):
            assert network.training is training
            assert features is None
            sizes.append(len(logits))
        assert sizes == [BATCH, 300]


@pytest.mark.parametrize(("wanted", "counts"), [(3, [3, 0]), (500, [500, 0]), (600, [500, 100]), (9999, [500, 300])])
def test_features_are_those_of_the_first_images(tiny, drawn, wanted, counts):
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
