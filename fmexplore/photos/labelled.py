"""A folder of labelled photos: `labels.csv` beside the files. Knows files and labels; nothing of conversion.

`labels.csv` has one line for each photo: `file`; `fmnist`, its label from 0 to 9, several as in `5|7|9` where the photo
does not decide, or `ood` for what is none of the ten; and, if wanted, `lenient` (labels that are also defensible) and
`sender` (who took it). Other columns are ignored.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import PhotoError

LABELS = "labels.csv"
NONE = "ood"


@dataclass(frozen=True)
class LabelledPhoto:
    """One photo: `labels` that are right, none for what is none of the ten, and those that are also `lenient`."""

    path: Path
    labels: frozenset[int]
    lenient: frozenset[int] = frozenset()
    sender: str = ""

    @property
    def known(self) -> bool:
        """Whether it shows one of the ten classes."""
        return bool(self.labels)

    def target(self, lenient: float = 0.0) -> np.ndarray:
        """What a network should say, `(10,) float32`: its labels alike, those that are only lenient with that share.

        Of what is none of the ten it should say nothing: all are alike.
        """
        target = np.zeros(len(CLASS_NAMES), np.float32)
        also = list(self.lenient - self.labels) if self.known else []
        target[list(self.labels) or slice(None)] = 1
        target /= target.sum()
        if also:
            target *= 1 - lenient
            target[also] = lenient / len(also)
        return target


def read_folder(folder: Path) -> list[LabelledPhoto]:
    """The photos of `labels.csv`, in its order. Raises PhotoError naming the line."""
    path = folder / LABELS
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PhotoError(
            f"{path} cannot be read ({error}): it should name each photo's file and fmnist label."
        ) from None
    if not rows or not {"file", "fmnist"} <= {*(reader.fieldnames or ())}:
        raise PhotoError(f"{path} needs the columns file and fmnist, and at least one photo.")
    return [_read(row, folder, f"{path}, line {number}") for number, row in rows]


def hold_out(photos: list[LabelledPhoto], share: float = 0.15, seed: int = 0) -> np.ndarray:
    """Which photos `(n,) bool` are held out: all of some people's, about `share` of them, the same ones every time.

    Nobody is held out who took more than a fifth of those.
    """
    senders = sorted({photo.sender for photo in photos})
    of = np.array([senders.index(photo.sender) for photo in photos])
    counts = np.bincount(of, minlength=len(senders))
    chosen, total = np.zeros(len(senders), bool), 0
    for sender in np.random.default_rng(seed).permutation(len(senders)):
        if total < share * len(photos) and counts[sender] <= share * len(photos) / 5:
            chosen[sender] = True
            total += counts[sender]
    return chosen[of]


def _read(row: dict, folder: Path, where: str) -> LabelledPhoto:
    path = folder / (row["file"] or "")
    if not row["file"] or not path.is_file():
        raise PhotoError(f"{where}: there is no file {row['file']!r} in {folder}.")
    known = row["fmnist"] != NONE
    labels = _labels(row["fmnist"] or "", where) if known else frozenset()
    if known and not labels:
        raise PhotoError(f"{where}: {row['file']} has no label: it should be 0 to 9, several as in 5|7|9, or {NONE}.")
    lenient = _labels(row.get("lenient") or "", where) if known else frozenset()
    return LabelledPhoto(path, labels, lenient, row.get("sender") or "")


def _labels(text: str, where: str) -> frozenset[int]:
    parts = text.split("|") if text else []
    if not all(part.isdecimal() and int(part) < len(CLASS_NAMES) for part in parts):
        raise PhotoError(f"{where}: the label {text!r} should be 0 to 9, several as in 5|7|9, or {NONE}.")
    return frozenset(map(int, parts))
