"""Labels that a network contradicts, planted and found; pictures that lie in two splits, against brute force."""

import numpy as np
import pytest

from fmexplore.evaluation import label_issues
from fmexplore.evaluation.label_issues import find_near_duplicates, likely_label_errors
from fmexplore.evaluation.predictions import Predictions


def predict_well(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Logits of a network that knows the true classes: sure of most images, less so of some, never wrong."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 0.5, (len(labels), 10))
    logits[np.arange(len(labels)), labels] += rng.uniform(3.5, 8, len(labels))
    return logits.astype(np.float32)


@pytest.fixture
def planted() -> tuple[Predictions, np.ndarray]:
    """800 images, and the positions of the 24 that were given the label of the next class."""
    true = np.arange(800) % 10
    logits = predict_well(true)
    assert np.array_equal(logits.argmax(1), true)
    wrong = np.sort(np.random.default_rng(1).choice(800, 24, replace=False))
    labels = true.copy()
    labels[wrong] = (true[wrong] + 1) % 10
    return Predictions(logits, labels.astype(np.uint8)), wrong


def draw_images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def brute_force(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Root mean squared differences, `(test, train)`."""
    differences = test[:, None].astype(float) - train[None].astype(float)
    return np.sqrt((differences**2).mean((2, 3)))


# Labels.


def test_planted_wrong_labels_are_found_and_no_others(planted):
    predictions, wrong = planted
    assert sorted(likely_label_errors(predictions)) == wrong.tolist()


def test_the_label_that_is_believed_least_comes_first(planted):
    predictions, _ = planted
    found = likely_label_errors(predictions)
    believed = predictions.probabilities[found, predictions.labels[found]]
    assert np.all(np.diff(believed) >= 0)
    assert believed[0] < believed[-1]


def test_where_nothing_is_contradicted_no_label_is_suspect():
    labels = np.arange(500) % 10
    found = likely_label_errors(Predictions(predict_well(labels), labels.astype(np.uint8)))
    assert found.tolist() == []
    assert found.dtype == np.int64


@pytest.mark.filterwarnings("ignore:May not flag all label issues")  # cleanlab, of the classes without images
def test_classes_without_images_do_no_harm():
    labels = np.array([2, 5] * 200)
    logits = predict_well(labels)
    labels[[7, 17, 27]] = 2
    assert sorted(likely_label_errors(Predictions(logits, labels.astype(np.uint8)))) == [7, 17, 27]


@pytest.mark.parametrize("count", [0, 1, 30])
def test_images_of_one_class_cannot_be_judged(count):
    labels = np.full(count, 4)
    assert likely_label_errors(Predictions(predict_well(labels), labels.astype(np.uint8))).tolist() == []


# Near-duplicates.


def test_an_exact_copy_has_distance_zero_and_its_number():
    train = draw_images(300, 0)
    numbers, distances = find_near_duplicates(train, train[[250, 3, 77]])
    assert numbers.tolist() == [250, 3, 77]
    assert distances.tolist() == [0, 0, 0]


def test_an_exact_copy_is_told_from_one_that_differs_by_a_single_grey_level():
    copies = draw_images(40, 0) | 128  # bright: the largest sums
    nearly = copies.copy()
    nearly[:, 14, 14] ^= 1
    numbers, distances = find_near_duplicates(np.concatenate([nearly, copies]), copies)
    assert numbers.tolist() == list(range(40, 80))
    assert distances.max() == 0


def test_a_near_copy_is_found_with_its_distance_in_grey_levels():
    train = draw_images(300, 0) // 2
    brighter, spotted = train[120] + 3, train[9].copy()
    spotted[5, 5] += 28  # one pixel of 784: 28 / sqrt(784)
    numbers, distances = find_near_duplicates(train, np.stack([brighter, spotted]))
    assert numbers.tolist() == [120, 9]
    assert distances == pytest.approx([3, 1])


def test_the_furthest_pictures_are_255_apart():
    black, white = np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)
    assert find_near_duplicates(black, white)[1].tolist() == find_near_duplicates(white, black)[1].tolist() == [255]


@pytest.mark.parametrize("block", [1, 7, 60, 500])
def test_near_duplicates_are_those_of_brute_force_whatever_the_blocks(block, monkeypatch, drawn):
    monkeypatch.setattr(label_issues, "BLOCK", block)
    train, test = drawn.train.images[:150], np.concatenate([drawn.test.images[:50], draw_images(10, 2)])
    wanted = brute_force(train, test)
    numbers, distances = find_near_duplicates(train, test)
    assert np.array_equal(numbers, wanted.argmin(1))
    assert distances == pytest.approx(wanted.min(1), rel=1e-5)
    assert numbers.shape == distances.shape == (60,)


def test_the_share_done_grows_to_one(monkeypatch):
    monkeypatch.setattr(label_issues, "BLOCK", 7)
    shares = []
    find_near_duplicates(draw_images(5, 0), draw_images(20, 1), shares.append)
    assert shares == pytest.approx([7 / 20, 14 / 20, 1])
