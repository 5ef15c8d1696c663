"""What a confusion matrix says, and how two networks differ. Array functions: knows no network, run or screen.

A matrix holds counts `(10, 10)`: rows are true classes, columns predicted ones.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES, GROUPS
from fmexplore.errors import ConfigError

Order = Literal["data set", "confusion", "accuracy", "clustered", "groups"]
CLASSES = len(CLASS_NAMES)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts `(10, 10)`; rows are true classes, columns predicted ones."""
    flat = labels.astype(np.int64) * CLASSES + predicted
    return np.bincount(flat, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def class_report(matrix: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class; 0 where nothing can be divided."""
    hits = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(1), matrix.sum(0)
    columns = zip(_share(hits, predicted), _share(hits, support), _share(2 * hits, support + predicted), support)
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, (p, r, f, s) in zip(CLASS_NAMES, columns, strict=True)
    ]


def report_text(matrix: np.ndarray, digits: int = 3) -> str:
    """scikit-learn's classification report, as text.

    Args:
        matrix: (10, 10) int; rows are true classes, columns predicted ones.
        digits: after the decimal point.

    Raises:
        ConfigError: no image was counted.
    """
    if not matrix.any():
        raise ConfigError("The confusion matrix counts no image: a classification report needs at least one.")
    from sklearn.metrics import classification_report

    true, predicted = np.repeat(np.indices(matrix.shape).reshape(2, -1), matrix.ravel(), axis=1)
    names = list(CLASS_NAMES)
    text = classification_report(
        true, predicted, labels=range(len(names)), target_names=names, digits=digits, zero_division=0
    )
    return str(text)  # a dictionary only with output_dict


def accuracy_interval(right: int, total: int) -> tuple[float, float]:
    """95 % Wilson score interval of an accuracy, as fractions (Wilson 1927).

    Written out, as importing scipy.stats takes longer than all else that a page does when a server has just started.
    """
    z, share = NormalDist().inv_cdf(0.975), right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    return max(0.0, (centre - spread) / (1 + z * z / total)), min(1.0, (centre + spread) / (1 + z * z / total))


def most_confused(matrix: np.ndarray) -> tuple[int, int]:
    """The true and the predicted class of the largest count off the diagonal; some two classes where all are 0."""
    errors = np.where(np.eye(CLASSES, dtype=bool), -1, matrix)
    true, predicted = np.unravel_index(errors.argmax(), errors.shape)
    return int(true), int(predicted)


def class_order(matrix: np.ndarray, by: Order) -> list[int]:
    """The ten classes in an order in which the matrix is easier to read.

    By `confusion`: the most errors, in its row and column, first; by `accuracy`: the lowest recall first;
    `clustered`: classes that are confused with each other stand together (average linkage on the shares confused,
    optimal leaf ordering of Bar-Joseph et al. 2001); `groups`: tops, dress and trouser, shoes, bag.
    """
    if by == "groups":
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
    return list(range(CLASSES))


@dataclass(frozen=True)
class PairReport:
    """How well two classes are told apart, among the images of both that were given one of the two names."""

    counts: np.ndarray  # (2, 2): rows true, columns predicted
    elsewhere: np.ndarray  # (2,): images of each that were taken for a third class

    @property
    def precision(self) -> np.ndarray:
        """Of each class, `(2,)`."""
        return _share(np.diag(self.counts).astype(float), self.counts.sum(0))

    @property
    def recall(self) -> np.ndarray:
        """Of each class, `(2,)`."""
        return _share(np.diag(self.counts).astype(float), self.counts.sum(1))


def pair_report(matrix: np.ndarray, first: int, second: int) -> PairReport:
    """The part of a matrix that is about two classes."""
    pair = [first, second]
    counts = matrix[np.ix_(pair, pair)]
    return PairReport(counts, matrix[pair].sum(1) - counts.sum(1))


@dataclass(frozen=True)
class Disagreement:
    """Where two networks, asked about the same images, do not say the same; positions, ascending."""

    first_right: np.ndarray
    second_right: np.ndarray
    both_wrong: np.ndarray  # in different ways

    @property
    def p_value(self) -> float:
        """McNemar's exact test: how likely a difference as large is by chance, if both are equally good."""
        return mcnemar(len(self.first_right), len(self.second_right))


def mcnemar(first_only: int, second_only: int) -> float:
    """McNemar's test of images that only one of two networks gets right: the exact two-sided p value (McNemar 1947).

    Always the exact binomial, also where many differ: in whole numbers it takes no longer than a millisecond, and needs
    neither the chi-squared approximation nor scipy.stats (see `accuracy_interval`).
    """
    decided, fewer = first_only + second_only, min(first_only, second_only)
    ways = tail = 1
    for count in range(fewer):
        ways = ways * (decided - count) // (count + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**decided)


def compare(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Disagreement:
    """Where the predicted classes `first` and `second`, both `(n,)`, differ."""
    differ = first != second
    right_first, right_second = first == labels, second == labels
    return Disagreement(
        np.flatnonzero(differ & right_first),
        np.flatnonzero(differ & right_second),
        np.flatnonzero(differ & ~right_first & ~right_second),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
