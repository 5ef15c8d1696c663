"""Confusion matrices, what follows from them, and where two networks differ. Knows arrays; no network, run or page.

A confusion matrix holds counts, `(10, 10) int64`: rows are true classes, columns predicted ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES, GROUPS
from fmexplore.errors import ConfigError

Order = Literal["data set", "confusion", "accuracy", "clustered", "groups"]
CLASSES = len(CLASS_NAMES)
Z = NormalDist().inv_cdf(0.975)  # half the width of a 95 % interval, in standard deviations


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """How often images of each true class (rows) were given each predicted class (columns).

    >>> matrix = confusion_matrix(np.array([0, 0, 6]), np.array([0, 6, 6]))  # a T-shirt taken for a shirt
    >>> int(matrix[0, 6]), int(matrix.trace()), matrix.shape
    (1, 2, (10, 10))

    Args:
        labels: (n,) int; the true classes, 0 to 9.
        predicted: (n,) int; the predicted classes, 0 to 9.

    Returns:
        (10, 10) int64; all entries add up to n.
    """
    flat = labels.astype(np.int64) * CLASSES + predicted
    return np.bincount(flat, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def fold(matrix: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """How often images of each group of classes (rows) were given a class of each group (columns).

    >>> matrix = confusion_matrix(np.array([0, 0, 6, 5]), np.array([0, 6, 6, 0]))
    >>> fold(matrix, [(0, 6), (5,)]).tolist()
    [[3, 0], [1, 0]]

    Args:
        matrix: (10, 10) int; rows are true classes, columns predicted ones.
        groups: k groups of labels 0 to 9, none of them in two groups; the images of a label in none are left out.

    Returns:
        (k, k) int64; mistakes within a group are on the diagonal.
    """
    member = np.zeros((len(groups), CLASSES), np.int64)
    for number, group in enumerate(groups):
        member[number, list(group)] = 1
    return member @ matrix @ member.T


def class_report(matrix: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall, F1 score and support of each class.

    >>> matrix = confusion_matrix(np.array([0, 0, 6]), np.array([0, 6, 6]))
    >>> class_report(matrix)[6]
    {'class': 'Shirt', 'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'support': 1}

    Args:
        matrix: (10, 10) int; rows are true classes, columns predicted ones.

    Returns:
        A dict for each class, in the order of the labels: "class" (its name), "precision", "recall" and "f1" (0 to 1;
        0 where the divisor is 0) and "support" (the number of its images).
    """
    hits = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(1), matrix.sum(0)
    columns = zip(_share(hits, predicted), _share(hits, support), _share(2 * hits, support + predicted), support)
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, (p, r, f, s) in zip(CLASS_NAMES, columns, strict=True)
    ]


def report_text(matrix: np.ndarray) -> str:
    """The classification report as scikit-learn prints it.

    Args:
        matrix: (10, 10) int; rows are true classes, columns predicted ones.

    Returns:
        Lines of text: the ten classes, the accuracy, the macro average and the weighted average, with three digits.

    Raises:
        ConfigError: no image was counted.
    """
    if not matrix.any():
        raise ConfigError("The confusion matrix counts no image: a classification report needs at least one.")
    from sklearn.metrics import classification_report

    true, predicted = np.repeat(np.indices(matrix.shape).reshape(2, -1), matrix.ravel(), axis=1)
    names = list(CLASS_NAMES)
    text = classification_report(
        true, predicted, labels=range(len(names)), target_names=names, digits=3, zero_division=0
    )
    return str(text)  # a dictionary only with output_dict


def accuracy_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of an accuracy (Wilson 1927).

    >>> low, high = accuracy_interval(9000, 10000)
    >>> f"{low:.4f} to {high:.4f}"
    '0.8940 to 0.9057'

    Args:
        right: how many images were classified correctly.
        total: out of how many, at least 1.

    Returns:
        The lower and the upper end, from 0 to 1.
    """
    # Written out: importing scipy.stats takes longer than all else that a page does on a server just started.
    share = right / total
    centre = share + Z * Z / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + (Z / (2 * total)) ** 2)
    return max(0.0, (centre - spread) / (1 + Z * Z / total)), min(1.0, (centre + spread) / (1 + Z * Z / total))


def most_confused(matrix: np.ndarray) -> tuple[int, int]:
    """The pair of classes that is confused most often: the largest count off the diagonal.

    Args:
        matrix: (k, k) int, k at least 2; rows are true classes or groups of them, columns predicted ones.

    Returns:
        The row and the column of that count; (0, 1) where nothing is confused.
    """
    errors = np.where(np.eye(len(matrix), dtype=bool), -1, matrix)
    true, predicted = np.unravel_index(errors.argmax(), errors.shape)
    return int(true), int(predicted)


def class_order(matrix: np.ndarray, by: Order) -> list[int]:
    """The classes, or groups of them, in an order that makes the matrix easier to read.

    Args:
        matrix: (k, k) int, k at least 2; rows are true classes or groups of them, columns predicted ones.
        by: "data set" keeps the order of the labels. "confusion" puts the class with the most errors, in its row and
            its column, first; "accuracy" the one with the lowest recall. "clustered" puts classes that are confused
            with each other side by side (average linkage, optimal leaf ordering of Bar-Joseph et al. 2001), "groups"
            similar kinds of clothing: tops, dress and trouser, shoes, bag; already folded ones stay as they are.

    Returns:
        The numbers 0 to k - 1, each once.
    """
    if by == "groups" and len(matrix) == CLASSES:
        return [label for group in GROUPS.values() for label in group]
    if by == "confusion":
        errors = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
        return [int(label) for label in np.argsort(-errors, kind="stable")]
    if by == "accuracy":
        recall = _share(np.diag(matrix).astype(float), matrix.sum(1))
        return [int(label) for label in np.argsort(recall, kind="stable")]
    if by == "clustered":
        from scipy.cluster.hierarchy import leaves_list, linkage
        from scipy.spatial.distance import squareform

        shares = _share(matrix.astype(float), matrix.sum(1, keepdims=True))
        distances = 1 - (shares + shares.T) / 2
        np.fill_diagonal(distances, 0)
        tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
        return [int(label) for label in leaves_list(tree)]
    return list(range(len(matrix)))


@dataclass(frozen=True)
class PairReport:
    """How well two classes are told apart, over their images that were predicted as one of the two."""

    counts: np.ndarray  # (2, 2): rows true, columns predicted
    elsewhere: np.ndarray  # (2,): images of each that were predicted as a third class

    @property
    def precision(self) -> np.ndarray:
        """The precision of each of the two classes, `(2,)`, 0 to 1."""
        return _share(np.diag(self.counts).astype(float), self.counts.sum(0))

    @property
    def recall(self) -> np.ndarray:
        """The recall of each of the two classes, `(2,)`, 0 to 1."""
        return _share(np.diag(self.counts).astype(float), self.counts.sum(1))


def pair_report(matrix: np.ndarray, first: int, second: int) -> PairReport:
    """The part of the confusion matrix `(10, 10)` that is about the classes `first` and `second`."""
    pair = [first, second]
    counts = matrix[np.ix_(pair, pair)]
    return PairReport(counts, matrix[pair].sum(1) - counts.sum(1))


@dataclass(frozen=True)
class Disagreement:
    """The images for which two networks predict different classes, by who is right; positions `(k,)`, ascending."""

    first_right: np.ndarray
    second_right: np.ndarray
    both_wrong: np.ndarray  # and predict different classes

    @property
    def p_value(self) -> float:
        """The p value of McNemar's exact test of the hypothesis that both networks are equally accurate."""
        return mcnemar(len(self.first_right), len(self.second_right))


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p value of McNemar's test: are two networks equally accurate (McNemar 1947)?

    Only the images that one network classifies correctly and the other does not say anything about that.

    >>> round(mcnemar(30, 50), 4)
    0.033

    Args:
        first_only: how many images only the first network classifies correctly.
        second_only: how many images only the second one does.

    Returns:
        The probability, from 0 to 1, of a difference at least as large between two equally accurate networks.
    """
    # In whole numbers the exact binomial sum takes less than a millisecond, and no import of scipy.stats.
    decided, fewer = first_only + second_only, min(first_only, second_only)
    ways = tail = 1
    for count in range(fewer):
        ways = ways * (decided - count) // (count + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**decided)


def compare(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Disagreement:
    """The images for which two networks predict different classes.

    Args:
        labels: (n,) int; the true classes.
        first: (n,) int; the classes that the first network predicts.
        second: (n,) int; the classes that the second one predicts, of the same images.
    """
    differ = first != second
    right_first, right_second = first == labels, second == labels
    return Disagreement(
        np.flatnonzero(differ & right_first),
        np.flatnonzero(differ & right_second),
        np.flatnonzero(differ & ~right_first & ~right_second),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
