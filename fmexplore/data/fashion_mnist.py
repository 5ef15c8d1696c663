"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): check, load and split it. `sources` finds it, `download` fetches it."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from fmexplore.data.addresses import Addresses, Members
from fmexplore.data.sources import (
    BROKEN,
    LOOKED_FOR,
    PARTS,
    Source,
    find_part_of_source,
    find_source,
    locate_idx,
    put_in_order,
    read_idx,
    read_part,
)
from fmexplore.errors import DataError
from fmexplore.settings import INSTALLED, PROJECT, chosen_data_folder, data_folder, default_home

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
PLURALS = (
    "T-shirts",
    "Trousers",
    "Pullovers",
    "Dresses",
    "Coats",
    "Sandals",
    "Shirts",
    "Sneakers",
    "Bags",
    "Ankle boots",
)
GROUPS = {"tops": (0, 2, 4, 6), "dress and trouser": (3, 1), "shoes": (5, 7, 9), "bag": (8,)}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
UPSTREAM = "https://github.com/zalandoresearch/fashion-mnist"
Read = TypeVar("Read")


@dataclass(frozen=True)
class IdxFile:
    """What an idx file of the data set must hold once unpacked."""

    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """The idx header: two zero bytes, type 8 (uint8), the number of dimensions, each as big-endian 32 bits."""
        return bytes([0, 0, 8, len(self.shape)]) + np.array(self.shape, ">u4").tobytes()


# Of the unpacked content: gz headers differ between upstream and Debian.
FILES = {
    "train-images-idx3-ubyte": IdxFile(
        (60000, 28, 28), "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": IdxFile((60000,), "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": IdxFile(
        (10000, 28, 28), "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": IdxFile((10000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}


@dataclass(frozen=True)
class Split:
    """Images `(n, 28, 28) uint8`, 0 black, and labels `(n,) uint8`, 0 to 9; all read-only.

    Where a label alone does not say it, `targets (n, 10) float32` are the probabilities that a network should give.
    """

    images: np.ndarray
    labels: np.ndarray
    targets: np.ndarray | None = None

    def __post_init__(self) -> None:
        for array in (self.images, self.labels, self.targets):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> "Split":
        """The chosen images, as a copy."""
        return Split(self.images[index], self.labels[index], None if self.targets is None else self.targets[index])

    def join(self, other: "Split") -> "Split":
        """These images, then those of another split, with targets."""
        both = ((part.images, part.labels, part.known_targets()) for part in (self, other))
        return Split(*map(np.concatenate, zip(*both, strict=True)))

    def known_targets(self) -> np.ndarray:
        """The targets, or those that the labels mean."""
        return np.eye(len(CLASS_NAMES), dtype=np.float32)[self.labels] if self.targets is None else self.targets


@dataclass(frozen=True)
class SplitConfig:
    """Which images a run validates with: a `share` of the training images, `none`, or the `test` images (it peeks)."""

    validation: Literal["share", "none", "test"] = "share"
    validation_share: float = 0.1  # of the training images, 0 to 1; where `validation` is `share`


@dataclass(frozen=True)
class DataSet:
    """The 60,000 training and 10,000 test images, and what else a network should learn from, such as photos."""

    train: Split
    test: Split
    extra: Split | None = None  # of the images to train on; in no split

    @cached_property
    def digest(self) -> str:
        """Names the images, by their SHA-256, without `extra`, which no split has. Computed once, in some 40 ms."""
        found = hashlib.sha256()
        for part in (self.train, self.test):
            found.update(f"{part.images.shape}".encode())
            found.update(np.ascontiguousarray(part.images).data)
        return found.hexdigest()

    @property
    def addresses(self) -> Addresses:
        """How its images are numbered."""
        return Addresses(len(self.train), len(self.test))

    def part(self, name: str) -> Split:
        """`train` or `test`, as the data set comes."""
        return self.train if name == "train" else self.test

    def images_of(self, ids: np.ndarray) -> np.ndarray:
        """The images `(n, 28, 28) uint8` with some ids `(n,)`, as a copy."""
        return self.addresses.gather(ids, self.train.images, self.test.images)

    def labels_of(self, ids: np.ndarray) -> np.ndarray:
        """The labels `(n,) uint8` of the images with some ids `(n,)`."""
        return self.addresses.gather(ids, self.train.labels, self.test.labels)

    def locate(self, split: str, config: SplitConfig) -> Members | None:
        """Which images a run's split has.

        `split` is `train`, `validation` or `test`; `config` is the run's. None where the run has no validation images.
        The shuffle does not depend on its seed, so that runs with the same share are evaluated on the same images.
        """
        if split == "test" or (split, config.validation) == ("validation", "test"):
            return Members("test", np.arange(len(self.test)))
        if config.validation != "share":
            return Members("train", np.arange(len(self.train))) if split == "train" else None
        order = np.random.default_rng(0).permutation(len(self.train))
        held_out = max(1, round(config.validation_share * len(self.train)))
        return Members("train", np.sort(order[held_out:] if split == "train" else order[:held_out]))

    def select(self, split: str, config: SplitConfig) -> Split | None:
        """The images that `locate` finds: as a copy where they are not a whole part."""
        if (found := self.locate(split, config)) is None:
            return None
        part = self.part(found.part)
        return part if len(found.numbers) == len(part) else part.take(found.numbers)

    def divide(self, config: SplitConfig) -> tuple[Split, Split | None]:
        """Training images, those beyond the data set included, and validation images."""
        training = self.select("train", config)
        assert training is not None  # there always are some
        return training.join(self.extra) if self.extra else training, self.select("validation", config)


def find_folder() -> Path:
    """The folder that holds the data set: the one FMEXPLORE_DATA names, data/ (here or where `download` puts it), or
    Debian's or Keras'; or one below it that is named as usual.

    Raises DataError saying where it looked and how to get the files.
    """
    return _find().folder


def load(folder: Path | None = None) -> DataSet:
    """The whole data set from `folder` (default: `find_folder()`). Raises DataError naming file and remedy."""
    source = find_source(folder) if folder else _find()
    version = source.version if source else ()
    if source and source.kind != "idx":
        arrays = [array for part in PARTS.values() for array in _read_part(source, part)]
    else:
        place = source.folder if source else folder or Path()
        with ThreadPoolExecutor() as pool:  # unpacking and checking leave Python's lock alone
            arrays = list(pool.map(partial(_read, place), FILES))
    _whole.add(version)
    return DataSet(Split(*arrays[:2]), Split(*arrays[2:]))


def check() -> None:
    """Raises DataError, as `load` does, unless the files are whole; quick where they were found so before."""
    if _find().version not in _whole:
        load()


_whole: set[tuple] = set()  # the versions of sources that could be loaded


def _find() -> Source:
    own = default_home() if INSTALLED else PROJECT  # where somebody may have put them by hand
    keras = Path(os.path.expanduser("~/.keras/datasets/fashion-mnist"))
    chosen = chosen_data_folder()
    places = [chosen] if chosen else [*dict.fromkeys((own / "data", default_home() / "data")), DEBIAN_FOLDER, keras]
    for folder in places:
        if source := find_source(folder):
            return source
    for folder in places:
        if some := find_part_of_source(folder):
            missing = next(name for name in FILES if not locate_idx(some, name))
            raise DataError(f"{some / missing}.gz is missing: {remedy()}.")
    if chosen:
        there = "" if chosen.is_dir() else " (there is no such folder)"
        raise DataError(
            f"FMEXPLORE_DATA names {chosen}{there}, and Fashion-MNIST is not in it, as {LOOKED_FOR}: name another "
            f"folder, leave FMEXPLORE_DATA out to look in {own / 'data'}, {remedy()}."
        )
    raise DataError(f"Fashion-MNIST is not in {' nor in '.join(map(str, places))}: {remedy()}.")


def remedy() -> str:
    """How to get the files, in words that go on a sentence."""
    return f"run `python -m fmexplore data`, or put the four files of {UPSTREAM} into {data_folder()}"


def _read(folder: Path, name: str) -> np.ndarray:
    path = locate_idx(folder, name)
    if path is None:
        raise DataError(f"{folder / name}.gz is missing: {remedy()}.")
    header = FILES[name].header
    raw = _open(path, lambda: read_idx(path, header))
    if raw[: len(header)] != header:
        raise DataError(f"{path} is not {name} (its header differs; swapped files?): delete it, then {remedy()}.")
    return _check(path, name, np.frombuffer(raw, np.uint8, offset=len(header)))


def _read_part(source: Source, part: str) -> list[np.ndarray]:
    path = source.files[part]
    arrays = _open(path, lambda: put_in_order(part, *read_part(source, part)))
    prefix = next(name for name, other in PARTS.items() if other == part)
    names = [name for name in FILES if name.startswith(prefix)]
    return [_check(path, name, array.reshape(-1)) for name, array in zip(names, arrays, strict=True)]


def _open(path: Path, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except BROKEN as error:
        raise DataError(f"{path} is broken or cut off ({error}): delete it, then {remedy()}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None


def _check(path: Path, name: str, content: np.ndarray) -> np.ndarray:
    """The content of a file `(values,) uint8` in its shape, if it is that of the data set."""
    wanted = FILES[name]
    if content.size != np.prod(wanted.shape):
        raise DataError(
            f"{path} holds {content.size:,} values instead of {int(np.prod(wanted.shape)):,}: delete it, then "
            f"{remedy()}."
        )
    if len(wanted.shape) == 1 and content.max() >= len(CLASS_NAMES):
        raise DataError(f"{path} has the label {content.max()}, and labels go from 0 to 9: delete it, then {remedy()}.")
    digest = hashlib.sha256(wanted.header)
    digest.update(content.tobytes())
    if digest.hexdigest() != wanted.sha256:
        raise DataError(f"{path} is not Fashion-MNIST's file (its SHA-256 differs): delete it, then {remedy()}.")
    return content.reshape(wanted.shape)
