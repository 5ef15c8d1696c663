"""Reads a folder of labelled photos, with a file `labels.csv`. Knows files and labels; nothing of conversion.

`labels.csv` has one line for each photo, with the columns `file` and `fmnist`: its label from 0 to 9, several as in
`5|7|9` where the photo does not decide, or `ood` (out of distribution) for what is none of the ten classes. Optional
are `lenient` (labels that are also defensible) and `sender` (who took the photo). Other columns are ignored.
"""

import csv
import re
import reprlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError, PhotoError
from fmexplore.textfiles import decode_text, read_table

LABELS = "labels.csv"
NONE = "ood"


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with its labels."""

    path: Path
    labels: frozenset[int]  # those that are right; none for what is none of the ten classes
    lenient: frozenset[int] = frozenset()  # those that are also defensible
    sender: str = ""  # who took it

    @property
    def known(self) -> bool:
        """Whether it shows one of the ten classes."""
        return bool(self.labels)

    def target(self, lenient: float = 0.0) -> np.ndarray:
        """The soft target to train on, `(10,) float32` of sum 1.

        The labels share it equally, but for the share `lenient` that goes to labels that are only defensible. For what
        is none of the ten classes, all ten are equally probable.
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
    """The photos that `labels.csv` lists, in its order. Raises PhotoError, naming the line that is wrong."""
    path = folder / LABELS
    try:
        columns, rows = read_table(decode_text(path.read_bytes(), str(path)))
    except (OSError, ConfigError, csv.Error) as error:
        raise PhotoError(
            f"{path} cannot be read ({error}): it should name each photo's file and fmnist label."
        ) from None
    if not rows or not {"file", "fmnist"} <= {*columns}:
        raise PhotoError(f"{path} needs the columns file and fmnist, and at least one photo.")
    return [_read(row, folder, f"{path}, line {number}") for number, row in rows]


def hold_out(photos: list[LabelledPhoto], share: float = 0.15, seed: int = 0) -> np.ndarray:
    """Choose photos to hold out from training: all photos of some senders, so that nobody is in both parts.

    Args:
        photos: n photos.
        share: of the photos, about; a sender of more than a fifth of those is never held out.
        seed: of the choice; the same seed gives the same choice.

    Returns:
        (n,) bool; whether each photo is held out.
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


def _read(row: dict[str, str], folder: Path, where: str) -> LabelledPhoto:
    path = folder / row["file"]
    if not row["file"] or not _is_file(path):
        raise PhotoError(f"{where}: there is no file {reprlib.repr(row['file'])} in {folder}.")
    known = row["fmnist"].lower() != NONE
    labels = _labels(row["fmnist"], where) if known else frozenset()
    if known and not labels:
        raise PhotoError(f"{where}: {row['file']} has no label: it should be 0 to 9, several as in 5|7|9, or {NONE}.")
    lenient = _labels(row.get("lenient", ""), where) if known else frozenset()
    return LabelledPhoto(path, labels, lenient, row.get("sender", ""))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _labels(text: str, where: str) -> frozenset[int]:
    parts = [part.strip() for part in text.split("|")] if text else []
    if not all(re.fullmatch("[0-9]", part) for part in parts):
        raise PhotoError(f"{where}: the label {reprlib.repr(text)} should be 0 to 9, several as in 5|7|9, or {NONE}.")
    return frozenset(map(int, parts))
