"""Figures of a confusion matrix against scikit-learn's, a published one against its printed figures, two networks."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.evaluation.confusion import (
    Disagreement,
    accuracy_interval,
    class_order,
    class_report,
    compare,
    confusion_matrix,
    fold,
    most_confused,
    pair_report,
    report_text,
)

ORDERS = ("data set", "confusion", "accuracy", "clustered", "groups")
EMPTY, DIAGONAL = np.zeros((10, 10), int), np.diag(np.arange(10))
# Team CodeRed (2023), "Conquering Fashion MNIST with CNNs using Computer Vision": the final network on the test images.
PRINTED_MATRIX = np.array(
    [
        [845, 0, 22, 23, 1, 2, 102, 0, 5, 0],
        [0, 984, 0, 10, 1, 0, 4, 0, 1, 0],
        [15, 0, 890, 7, 32, 0, 56, 0, 0, 0],
        [8, 3, 8, 931, 25, 0, 24, 0, 1, 0],
        [0, 1, 51, 25, 857, 0, 66, 0, 0, 0],
        [0, 0, 0, 0, 0, 980, 0, 11, 0, 9],
        [87, 2, 75, 21, 38, 0, 769, 0, 8, 0],
        [0, 0, 0, 0, 0, 5, 0, 974, 0, 21],
        [1, 0, 9, 2, 2, 2, 11, 3, 968, 2],
        [0, 0, 0, 0, 0, 4, 0, 26, 0, 970],
    ]
)
PRINTED_FIGURES = {
    "precision": ["0.88", "0.99", "0.84", "0.91", "0.90", "0.99", "0.75", "0.96", "0.98", "0.97"],
    "recall": ["0.84", "0.98", "0.89", "0.93", "0.86", "0.98", "0.77", "0.97", "0.97", "0.97"],
    "f1": ["0.86", "0.99", "0.87", "0.92", "0.88", "0.98", "0.76", "0.97", "0.98", "0.97"],
}


def draw(seed: int, count: int = 500, right: float = 0.6, missing: tuple[int, ...] = ()) -> tuple:
    """Labels and predicted classes, of which about the share `right` agree; `missing` classes are in neither."""
    rng = np.random.default_rng(seed)
    classes = [label for label in range(10) if label not in missing]
    labels = rng.choice(classes, count)
    return labels.astype(np.uint8), np.where(rng.random(count) < right, labels, rng.choice(classes, count))


def drawn_matrix(seed: int = 0) -> np.ndarray:
    return confusion_matrix(*draw(seed))


def sklearns_text(labels: np.ndarray, predicted: np.ndarray) -> str:
    return str(
        metrics.classification_report(
            labels, predicted, labels=range(10), target_names=CLASS_NAMES, digits=3, zero_division=0
        )
    )


# The matrix.


def test_the_confusion_matrix_is_scikit_learns():
    labels, predicted = draw(0)
    assert np.array_equal(
        confusion_matrix(labels, predicted), metrics.confusion_matrix(labels, predicted, labels=range(10))
    )


def test_a_confusion_matrix_has_true_classes_in_rows_even_where_some_are_missing():
    matrix = confusion_matrix(np.array([2, 2], np.uint8), np.array([5, 2]))
    assert matrix.shape == (10, 10)
    assert (matrix[2, 5], matrix[2, 2], matrix.sum()) == (1, 1, 2)


# The report.


@pytest.mark.parametrize("missing", [(), (4,), (0, 9)])
def test_the_class_report_is_scikit_learns(missing):
    labels, predicted = draw(0, missing=missing)
    wanted = metrics.precision_recall_fscore_support(labels, predicted, labels=range(10), zero_division=0)
    rows = class_report(confusion_matrix(labels, predicted))
    assert [row["class"] for row in rows] == list(CLASS_NAMES)
    for key, column in zip(("precision", "recall", "f1", "support"), wanted, strict=True):
        assert [row[key] for row in rows] == pytest.approx(column)


def test_a_class_that_never_occurs_and_is_never_predicted_has_zeros():
    matrix = np.zeros((10, 10), int)
    matrix[0, 0] = 5
    row = class_report(matrix)[4]
    assert (row["precision"], row["recall"], row["f1"], row["support"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("missing", [(), (4,), tuple(range(9))])
def test_the_text_of_the_report_is_that_of_the_labels_themselves(missing):
    labels, predicted = draw(0, 30, missing=missing)
    assert report_text(confusion_matrix(labels, predicted)) == sklearns_text(labels, predicted)


def test_a_matrix_without_images_has_no_report_and_says_why():
    with pytest.raises(ConfigError, match="counts no image"):
        report_text(EMPTY)


def test_a_published_matrix_has_its_printed_accuracy_and_figures():
    rows = class_report(PRINTED_MATRIX)
    assert PRINTED_MATRIX.trace() / PRINTED_MATRIX.sum() == pytest.approx(0.9168, abs=1e-12)
    assert [row["support"] for row in rows] == [1000] * 10
    for key, printed in PRINTED_FIGURES.items():
        assert [f"{row[key]:.2f}" for row in rows] == printed
    assert "accuracy                          0.917     10000" in report_text(PRINTED_MATRIX)
    assert {CLASS_NAMES[label] for label in most_confused(PRINTED_MATRIX)} == {"Shirt", "T-shirt/top"}


# The interval.


def test_the_accuracy_interval_is_wilsons():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263.
    assert accuracy_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("total", [1, 2, 17, 160, 10_000])
def test_the_accuracy_interval_is_scipys(total):
    for right in {0, 1, total // 3, total // 2, total - 1, total}:
        wanted = binomtest(right, total).proportion_ci(0.95, method="wilson")
        assert accuracy_interval(right, total) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
        low, high = accuracy_interval(right, total)
        assert 0 <= low < high <= 1


@pytest.mark.parametrize(("right", "low", "high"), [(0, 0, 0.0370), (100, 0.9630, 1)])
def test_the_accuracy_interval_is_open_at_none_and_all_right(right, low, high):
    assert accuracy_interval(right, 100) == pytest.approx((low, high), abs=5e-5)


# What is confused most, and in which order to show it.


@pytest.mark.parametrize("seed", range(5))
def test_the_most_confused_classes_are_those_of_the_largest_count_off_the_diagonal(seed):
    matrix = drawn_matrix(seed)
    true, predicted = most_confused(matrix)
    assert true != predicted
    assert matrix[true, predicted] == max(matrix[i, j] for i in range(10) for j in range(10) if i != j)


def test_a_folded_matrix_is_that_of_the_groups_of_the_labels():
    rng = np.random.default_rng(3)
    labels, predicted = rng.integers(0, 10, (2, 500))
    groups = [(0, 2, 4, 6), (1,), (3,), (5, 7, 9), (8,)]
    place = np.array([next(n for n, group in enumerate(groups) if label in group) for label in range(10)])
    folded = fold(confusion_matrix(labels, predicted), groups)
    assert np.array_equal(folded, metrics.confusion_matrix(place[labels], place[predicted]))
    assert sorted(class_order(folded, "clustered")) == sorted(class_order(folded, "groups")) == list(range(5))
    true, other = most_confused(folded)
    assert folded[true, other] == folded[~np.eye(5, dtype=bool)].max()


def test_the_most_confused_are_given_as_true_and_predicted():
    matrix = DIAGONAL.copy()
    matrix[3, 7], matrix[7, 3] = 5, 4
    assert most_confused(matrix) == (3, 7)
    assert most_confused(matrix.T) == (7, 3)


@pytest.mark.parametrize(
    "matrix", [drawn_matrix(), PRINTED_MATRIX, DIAGONAL, EMPTY], ids=["drawn", "printed", "diagonal", "empty"]
)
@pytest.mark.parametrize("by", ORDERS)
def test_every_order_has_every_class_once(by, matrix):
    assert sorted(class_order(matrix, by)) == list(range(10))


def test_the_order_of_the_data_set_is_that_of_the_labels():
    assert class_order(drawn_matrix(), "data set") == list(range(10))


def test_by_confusion_the_class_with_the_most_errors_in_row_and_column_comes_first():
    matrix = drawn_matrix()
    errors = [sum(matrix[k, j] + matrix[j, k] for j in range(10) if j != k) for k in range(10)]
    ordered = [errors[label] for label in class_order(matrix, "confusion")]
    assert ordered == sorted(errors, reverse=True)
    assert len(set(ordered)) > 5


def test_by_accuracy_the_class_with_the_lowest_recall_comes_first():
    matrix = drawn_matrix()
    recall = [matrix[k, k] / matrix[k].sum() for k in range(10)]
    ordered = [recall[label] for label in class_order(matrix, "accuracy")]
    assert ordered == sorted(recall)
    assert len(set(ordered)) > 5


@pytest.mark.parametrize("by", ["confusion", "accuracy"])
def test_classes_that_are_equal_keep_the_order_of_the_data_set(by):
    assert class_order(np.eye(10, dtype=int) * 5, by) == list(range(10))


def test_groups_are_tops_then_dress_and_trouser_then_shoes_then_the_bag():
    order = class_order(drawn_matrix(), "groups")
    parts = order[:4], order[4:6], order[6:9], order[9:]
    assert [{CLASS_NAMES[label] for label in part} for part in parts] == [
        {"T-shirt/top", "Pullover", "Coat", "Shirt"},
        {"Trouser", "Dress"},
        {"Sandal", "Sneaker", "Ankle boot"},
        {"Bag"},
    ]


def test_clustered_puts_confused_pairs_side_by_side_whatever_the_direction_of_the_error():
    matrix = np.eye(10, dtype=int) * 60
    matrix[0, 6] = matrix[9, 5] = 30
    matrix[2, 4] = matrix[4, 2] = 20
    order = class_order(matrix, "clustered")
    for pair in ((0, 6), (5, 9), (2, 4)):
        assert abs(order.index(pair[0]) - order.index(pair[1])) == 1


def test_clustered_goes_by_shares_not_by_counts():
    """Ten in a hundred of large classes are less than five in ten of a small one."""
    matrix = np.eye(10, dtype=int) * 100
    matrix[[0, 2, 4], 3] = 10, 12, 11
    matrix[1, 1], matrix[1, 3] = 5, 5
    order = class_order(matrix, "clustered")
    assert abs(order.index(1) - order.index(3)) == 1


def test_clustered_keeps_the_shoes_and_the_tops_of_a_published_matrix_together():
    order = class_order(PRINTED_MATRIX, "clustered")
    for group in ({5, 7, 9}, {0, 2, 4, 6}):
        places = sorted(order.index(label) for label in group)
        assert places[-1] - places[0] == len(group) - 1


# Two classes.


@pytest.mark.parametrize("pair", [(0, 6), (6, 0), (3, 8)])
def test_a_pair_has_scikit_learns_figures_for_the_images_that_were_given_one_of_the_two_names(pair):
    labels, predicted = draw(0)
    report = pair_report(confusion_matrix(labels, predicted), *pair)
    kept = np.isin(labels, pair) & np.isin(predicted, pair)
    for figure, function in ((report.precision, metrics.precision_score), (report.recall, metrics.recall_score)):
        assert figure == pytest.approx(function(labels[kept], predicted[kept], labels=list(pair), average=None))
    assert np.array_equal(report.counts, metrics.confusion_matrix(labels[kept], predicted[kept], labels=list(pair)))
    assert report.elsewhere.tolist() == [int(np.sum((labels == label) & ~np.isin(predicted, pair))) for label in pair]
    assert report.elsewhere.min() > 0


def test_a_pair_of_classes_without_images_has_zeros():
    report = pair_report(EMPTY, 2, 4)
    assert report.precision.tolist() == report.recall.tolist() == [0, 0]


# Two networks.


def test_where_two_networks_differ_is_what_looking_at_each_image_finds():
    labels, first = draw(0)
    rng = np.random.default_rng(5)
    second = np.where(rng.random(500) < 0.5, labels, rng.integers(0, 10, 500))
    found = compare(labels, first, second)
    wanted: dict[str, list[int]] = {"first_right": [], "second_right": [], "both_wrong": []}
    for position, (label, one, other) in enumerate(zip(labels, first, second, strict=True)):
        if one != other:
            kind = "first_right" if one == label else "second_right" if other == label else "both_wrong"
            wanted[kind].append(position)
    assert {name: getattr(found, name).tolist() for name in wanted} == wanted
    assert min(map(len, wanted.values())) > 20


def test_networks_that_say_the_same_do_not_differ_even_where_both_are_wrong():
    labels, first = draw(0)
    found = compare(labels, first, first)
    assert len(found.first_right) == len(found.second_right) == len(found.both_wrong) == 0
    assert found.p_value == 1


def differing(first_right: int, second_right: int, both_wrong: int = 0) -> Disagreement:
    return Disagreement(np.arange(first_right), np.arange(second_right), np.arange(both_wrong))


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    [
        (8, 2, 0.109375),  # as tables of the sign test give it for 8 of 10: 2 (1 + 10 + 45) / 1024
        (1, 11, 26 / 4096),
        (0, 6, 2 / 64),
        (5, 5, 1.0),
        (1, 0, 1.0),
    ],
)
def test_the_p_value_is_mcnemars_exact_one_whichever_comes_first(first, second, p_value):
    assert differing(first, second).p_value == pytest.approx(p_value)
    assert differing(second, first).p_value == pytest.approx(p_value)
    assert differing(first, second, 99).p_value == pytest.approx(p_value)


def test_the_p_value_is_twice_the_tail_of_the_binomial_distribution():
    for first in range(25):
        for second in range(first + 1, 25):
            total = first + second
            tail = sum(comb(total, k) for k in range(first + 1)) / 2**total
            assert differing(first, second).p_value == pytest.approx(min(1.0, 2 * tail))
