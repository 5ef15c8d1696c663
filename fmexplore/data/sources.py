"""Where a folder holds the data set, whoever handed it out, and how its files are read; not whether they are right.

The authors', Debian's and Keras' files are idx files with gzip; torchvision keeps some unpacked below its folder. Many
copies spell the names with a dot. Keras' arrays also go around as one npz, and Kaggle has a table for each part.
"""

import gzip
import hashlib
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

PARTS = {"train": "train", "t10k": "test"}  # in the names of idx files, in those of arrays and tables
IDX_NAMES = tuple(f"{part}-{kind}-ubyte" for part in PARTS for kind in ("images-idx3", "labels-idx1"))
# Below a folder: torchvision's, those of its archives, Keras' and the authors'.
FOLDERS = ("", "FashionMNIST/raw", "raw", "fashion-mnist", "datasets/fashion-mnist", "data/fashion", "fashion")
ARRAYS = tuple(f"{axis}_{part}" for part in PARTS.values() for axis in "xy")  # as in IDX_NAMES
TABLES = {part: f"fashion-mnist_{part}.csv" for part in PARTS.values()}
LOOKED_FOR = (
    f"{IDX_NAMES[0]}(.gz) and three more, an npz with {ARRAYS[0]} and three more, or {' and '.join(TABLES.values())}"
)
# Of each part `(n,) uint16`: for every image, by the order of their digests, its place. `tools.data_order` makes it.
ORDER = Path(__file__).with_name("canonical_order.npz")
# What reading a damaged file raises.
BROKEN = (EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile)


@dataclass(frozen=True)
class Source:
    """The files of a data set, by what they hold: a name of IDX_NAMES, or a part; an npz file holds both."""

    kind: Literal["idx", "npz", "csv"]
    folder: Path
    files: dict[str, Path]

    @property
    def version(self) -> tuple[tuple[str, int, int], ...]:
        """Changes with the files."""
        stats = ((path, path.stat()) for path in self.files.values())
        return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def find_source(folder: Path) -> Source | None:
    """The data set in a folder, or in one below it that is named as usual; complete, or None."""
    below = [folder / each for each in FOLDERS]
    for place in below:
        files = {name: path for name in IDX_NAMES if (path := locate_idx(place, name))}
        if len(files) == len(IDX_NAMES):
            return Source("idx", place, files)
    for place in (each for each in below if each.is_dir()):
        for path in sorted(place.glob("*.npz")):
            if _has_arrays(path):
                return Source("npz", place, dict.fromkeys(PARTS.values(), path))
        files = {part: place / name for part, name in TABLES.items() if (place / name).is_file()}
        if len(files) == len(TABLES):
            return Source("csv", place, files)
    return None


def find_part_of_source(folder: Path) -> Path | None:
    """The folder, it or one below it, that has some idx files of the data set."""
    places = (folder / each for each in FOLDERS)
    return next((place for place in places if any(locate_idx(place, name) for name in IDX_NAMES)), None)


def locate_idx(folder: Path, name: str) -> Path | None:
    """An idx file with that name, also spelt with a dot, packed or unpacked; or None."""
    dotted = name.replace("-idx", ".idx")
    paths = (folder / f"{each}{end}" for each in (name, dotted) for end in (".gz", ""))
    return next((path for path in paths if os.path.isfile(path)), None)


def read_idx(path: Path, header: bytes) -> bytes:
    """The unpacked content of an idx file with that header, whatever its name says. Raises OSError or one of BROKEN."""
    content = path.read_bytes()
    packed = content.startswith(b"\x1f\x8b") or (path.suffix == ".gz" and not content.startswith(header))
    return gzip.decompress(content) if packed else content


def read_part(source: Source, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, 28, 28) uint8` and labels `(n,) uint8` of `train` or `test`, in the order of an npz or csv file.

    Raises OSError or one of BROKEN.
    """
    if source.kind == "npz":
        with np.load(source.files[part], allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"].ravel()
    else:
        values = np.loadtxt(source.files[part], np.uint8, delimiter=",", skiprows=1, encoding="utf-8-sig", ndmin=2)
        labels, images = values[:, 0], values[:, 1:]
    if images.dtype != np.uint8 or images.size != len(images) * 28 * 28 or labels.dtype.kind not in "iu":
        raise ValueError(f"it holds {images.shape} values of {images.dtype}, not images of 28 x 28 as uint8")
    return np.ascontiguousarray(images).reshape(-1, 28, 28), labels.astype(np.uint8)


def put_in_order(part: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in any order, as the authors' files have them: addresses and maps depend on that.

    Args:
        part: `train` or `test`.
        images: (n, 28, 28) uint8.
        labels: (n,) uint8.

    Returns:
        The same images and labels, in an order that is the authors' where they are theirs.

    Raises:
        ValueError: there are more or fewer images than in the authors' file.
    """
    with np.load(ORDER) as orders:
        places = orders[part]
    if len(images) != len(places) or len(labels) != len(places):
        raise ValueError(f"it holds {len(images):,} images and {len(labels):,} labels instead of {len(places):,}")
    found, of = np.empty_like(images), np.empty_like(labels)
    rows = sort_by_digest(images, labels)
    found[places], of[places] = images[rows], labels[rows]
    return found, of


def sort_by_digest(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The positions `(n,)` of images `(n, 28, 28) uint8` with their labels, by a digest of both."""
    rows = np.column_stack([images.reshape(len(images), -1), labels])
    digests = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest()) for row in rows]
    return np.argsort(np.array(digests, np.uint64), kind="stable")


def _has_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in ARRAYS} <= {*archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
