"""How often a network is right about changed images: a row for each change and severity. Knows arrays and a function
that answers images; no run and no path.

A first pass takes the first images of every row, a second one the rest, so that a sheet can be looked at, cancelled and
gone on with at any time.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import accuracy_interval, compare
from fmexplore.evaluation.significance import PairedComparison, correct_holm
from fmexplore.robustness.changes import CHANGES, SEVERITIES, change_images, find_change

VERSION = 1  # raise it whenever the same changes begin to give other images
FIRST = 1000  # images of the first pass
CHUNK = 250  # images between two reports


class Row(NamedTuple):
    """What is done to the images of a row."""

    change: str
    severity: int


CLEAN = Row("clean", 0)
ROWS = (CLEAN, *(Row(name, at) for name, change in CHANGES.items() for at in range(1, len(change.amounts) + 1)))
# Those of which the corruption error is a mean: light, geometry and dirt, but no mirror, turn or negative.
CORRUPTIONS = tuple(name for name, change in CHANGES.items() if len(change.amounts) == SEVERITIES)


class Tally(NamedTuple):
    """How many images were answered, and how many correctly."""

    right: int
    images: int

    @property
    def accuracy(self) -> float:
        """From 0 to 1; 0 where there is no image."""
        return self.right / self.images if self.images else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy, which is all from 0 to 1 where there is no image."""
        return accuracy_interval(self.right, self.images) if self.images else (0.0, 1.0)


@dataclass(frozen=True)
class Sheet:
    """The predicted classes of the same images under each change, as far as they are known.

    Attributes:
        labels: (n,) uint8; the true classes.
        predicted: (rows, n) uint8, as in `ROWS`; of each row those of the first `counts` images.
        counts: (rows,) int64.
    """

    labels: np.ndarray
    predicted: np.ndarray
    counts: np.ndarray = field(default_factory=lambda: np.zeros(len(ROWS), np.int64))

    @classmethod
    def empty(cls, labels: np.ndarray) -> "Sheet":
        """The sheet of images with these labels (n,), before anything was asked."""
        return cls(labels, np.zeros((len(ROWS), len(labels)), np.uint8))

    @property
    def whole(self) -> bool:
        """Whether all images of all rows are there."""
        return bool((self.counts == len(self.labels)).all())

    def first(self, count: int) -> "Sheet":
        """The same of the first `count` images only."""
        return Sheet(self.labels[:count], self.predicted[:, :count], self.counts.clip(max=count))

    def answered(self, row: Row) -> tuple[np.ndarray, np.ndarray]:
        """The true and the predicted classes of the images of a row that were answered, both (k,) uint8."""
        place, count = ROWS.index(row), self.counts[ROWS.index(row)]
        return self.labels[:count], self.predicted[place, :count]

    def tally(self, row: Row, label: int | None = None) -> Tally:
        """What came of a row; with a label, of the images of that class."""
        labels, predicted = self.answered(row)
        chosen = slice(None) if label is None else labels == label
        right = predicted[chosen] == labels[chosen]
        return Tally(int(right.sum()), len(right))

    def class_counts(self, row: Row) -> np.ndarray:
        """How many images of each class were right, and how many there are, (10, 2) int64."""
        labels, predicted = self.answered(row)
        known = (labels[labels == predicted], labels)
        return np.stack([np.bincount(each, minlength=len(CLASS_NAMES)) for each in known], 1)

    def flipped(self, row: Row, label: int | None = None) -> np.ndarray:
        """Positions of the images that are recognised unchanged, and no longer when they are changed, ascending."""
        labels, changed = self.answered(row)
        clean = self.answered(CLEAN)[1][: len(changed)]
        labels, changed = labels[: len(clean)], changed[: len(clean)]
        lost = (clean == labels) & (changed != labels)
        return np.flatnonzero(lost if label is None else lost & (labels == label))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Small: what a change leaves as it was is 0, and is packed well."""
        differences = self.predicted ^ self.predicted[:1]
        differences[0] = self.predicted[0]
        packed = np.frombuffer(zlib.compress(differences.tobytes(), 6), np.uint8)
        return {"packed": packed, "counts": self.counts.copy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], labels: np.ndarray) -> "Sheet | None":
        """What `to_arrays` gave, of images with these labels; None where it is something else."""
        if not {"packed", "counts"} <= arrays.keys():
            return None
        wanted, counts = len(ROWS) * len(labels), arrays["counts"].astype(np.int64)
        try:
            unpack = zlib.decompressobj()
            raw = unpack.decompress(arrays["packed"].tobytes(), wanted + 1)
        except zlib.error:
            return None
        if len(raw) != wanted or counts.shape != (len(ROWS),) or not ((counts >= 0) & (counts <= len(labels))).all():
            return None
        predicted = np.frombuffer(raw, np.uint8).reshape(len(ROWS), -1).copy()
        predicted[1:] ^= predicted[:1]
        return cls(labels, predicted, counts) if predicted.max(initial=0) < len(CLASS_NAMES) else None


def stored_key(**source: str) -> dict[str, object]:
    """What a kept sheet depends on beside the network: the version of the changes, `source` and all amounts."""
    return {
        "algorithm": "robustness",
        "version": VERSION,
        **source,
        "amounts": {n: c.amounts for n, c in CHANGES.items()},
    }


def sheet_key(**source: str) -> str:
    """Ten letters and digits that are the same for equal stored keys."""
    return hashlib.sha256(json.dumps(stored_key(**source)).encode()).hexdigest()[:10]


def rows_of(changes: Iterable[str]) -> list[Row]:
    """The rows of some changes, in the order of `ROWS`, without the clean one.

    Raises:
        ConfigError: there is no such change.
    """
    names = {find_change(name).name for name in changes}
    return [row for row in ROWS if row.change in names]


def fill_sheet(
    answer: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    ids: np.ndarray,
    sheet: Sheet,
    rows: Iterable[Row] = ROWS,
    first: int = FIRST,
    most: int | None = None,
) -> Iterator[tuple[Row, float]]:
    """Ask for what the sheet lacks: of every row its first images, then the rest.

    Args:
        answer: gives the logits (k, 10) of images (k, 28, 28) uint8.
        images: (n, 28, 28) uint8.
        ids: (n,) int; by which the images are changed, see `change_images`.
        sheet: of the same n images; it is filled.
        rows: which rows.
        first: how many images are asked for before all others.
        most: how many images in all; default: n.

    Yields:
        After some hundred images: the row that they belong to, and the share of the work that is done, 0 to 1.
    """
    wanted, end = list(rows), min(len(images), most or len(images))
    total = len(wanted) * end
    for until in dict.fromkeys((min(first, end), end)):
        for row in wanted:
            place = ROWS.index(row)
            while (start := int(sheet.counts[place])) < until:
                part = slice(start, min(start + CHUNK, until))
                changed = images[part] if row == CLEAN else change_images(images[part], ids[part], *row)
                sheet.predicted[place, part] = answer(changed).argmax(1)
                sheet.counts[place] = part.stop
                done = sum(min(end, int(sheet.counts[ROWS.index(each)])) for each in wanted)
                yield row, done / total


def mean_accuracy(sheet: Sheet, change: str, label: int | None = None) -> float:
    """The accuracy of a change as the mean over its severities, 0 to 1."""
    found = [sheet.tally(row, label).accuracy for row in rows_of([change])]
    return sum(found) / len(found)


def corruption_error(sheet: Sheet, reference: Sheet) -> float | None:
    """The mean corruption error (Hendrycks, Dietterich 2019), 1 where it is that of the reference.

    The errors of each corruption, added up over its severities, are divided by those of the reference; the mean of
    these is taken over `CORRUPTIONS`, of the images that all rows of both have. None where there are none, as of other
    images, or the reference makes no error.
    """
    if (
        sheet.labels.shape != reference.labels.shape
        or (sheet.counts[1:] == 0).any()
        or (reference.counts[1:] == 0).any()
    ):
        return None
    ratios = []
    for name in CORRUPTIONS:
        own, its = (1 - mean_accuracy(each, name) for each in (sheet, reference))
        if its == 0:
            return None
        ratios.append(own / its)
    return sum(ratios) / len(ratios)


def compare_sheets(reference: Sheet, other: Sheet, rows: Iterable[Row]) -> dict[Row, PairedComparison]:
    """McNemar's test of another network against a reference, for each row, with Holm's correction over all rows.

    Args:
        reference: its sheet.
        other: the other network's sheet of the same images.
        rows: which rows; those without images of both are left out.
    """
    found = {}
    for row in rows:
        count = min(len(each.answered(row)[0]) for each in (reference, other))
        if count:
            predicted = [each.answered(row)[1][:count] for each in (reference, other)]
            found[row] = (compare(reference.labels[:count], *predicted), count)
    p_values = correct_holm([each.p_value for each, _ in found.values()])
    return {row: PairedComparison(*found[row], p_value) for row, p_value in zip(found, p_values, strict=True)}
