"""The addresses of an image, and every way from one to another. Numbers only; knows no picture, run, link or file.

An image has up to four of them:

- its *number* in its part of the data set, `train` or `test`, from 0: what people read;
- its *id*: the training images are counted first, then the test images, so that it is unique in the data set;
- its *position* among the images of a run's split, which are some of one part;
- its *row* on a map, which shows some of a split.

Links and stored files name an image by its number; where they are about both parts (the split `all`), by its id.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Addresses:
    """The numbers and ids of a data set's images.

    >>> addresses = Addresses(train=60_000, test=10_000)
    >>> addresses.ids("test", np.array([0, 17]))
    array([60000, 60017])
    >>> addresses.part_and_number(60_017)
    ('test', 17)
    >>> addresses.name("test", 60_017), addresses.name("all", 60_017)
    (17, 60017)

    Attributes:
        train: how many training images there are, which is the id of the first test image.
        test: how many test images there are.
    """

    train: int
    test: int

    def __len__(self) -> int:
        """How many images there are, which is the first id that none of them has."""
        return self.train + self.test

    def ids(self, part: str, numbers: np.ndarray) -> np.ndarray:
        """The ids of the images of a part.

        Args:
            part: `train` or `test`; with `all`, the numbers are ids already.
            numbers: `(n,) int`, from 0.

        Returns:
            `(n,)` of the same type, in the same order.
        """
        return numbers + self.train if part == "test" else numbers

    def id(self, part: str, number: int) -> int:
        """The id of one image, as `ids`."""
        return number + self.train if part == "test" else number

    def part_and_number(self, image_id: int) -> tuple[Part, int]:
        """The part of the data set that an image belongs to, and its number there."""
        return ("test", int(image_id) - self.train) if image_id >= self.train else ("train", int(image_id))

    def names(self, split: str, ids: np.ndarray) -> np.ndarray:
        """What links and stored files call images of a split: their numbers, or in the split `all` their ids.

        Args:
            split: `train`, `validation`, `test` or `all`.
            ids: `(n,) int`.

        Returns:
            `(n,)` of the same type, in the same order.
        """
        return ids if split == "all" else np.where(ids >= self.train, ids - self.train, ids)

    def name(self, split: str, image_id: int) -> int:
        """What links and stored files call one image, as `names`."""
        return int(image_id) if split == "all" else self.part_and_number(image_id)[1]

    def name_count(self, split: str) -> int:
        """Every name that the images of a split can have is below this."""
        return {"test": self.test, "all": len(self)}.get(split, self.train)

    def gather(self, ids: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """What is known of the images with some ids, out of what is known of all.

        >>> Addresses(train=3, test=2).gather(np.array([4, 0]), np.array([10, 11, 12]), np.array([20, 21]))
        array([21, 10])

        Args:
            ids: `(n,) int`, from 0 to below the number of images.
            train: `(train, …)`, one row for each training image.
            test: `(test, …)` of the same type and width.

        Returns:
            `(n, …)`, as a copy, in the order of `ids`.

        Raises:
            IndexError: an id is that of no image.
        """
        found = np.empty((len(ids), *train.shape[1:]), train.dtype)
        in_test = ids >= self.train
        found[in_test], found[~in_test] = test[ids[in_test] - self.train], train[ids[~in_test]]
        return found


class Members(NamedTuple):
    """The images of a run's split: the part that they all belong to, and their numbers `(n,) int`, ascending."""

    part: Part
    numbers: np.ndarray

    def position(self, part: str, number: int) -> int | None:
        """Where an image stands in the split; None if it is not in it."""
        return find_position(self.numbers, number) if part == self.part else None


def find_positions(among: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where images stand among others: their positions in a split or rows on a map.

    >>> find_positions(np.array([2, 5, 9]), np.array([9, 3]))
    array([ 2, -1])

    Args:
        among: `(n,) int`, ascending, none of them twice: the numbers of a split, or the ids of a map.
        wanted: `(k,) int`: numbers or ids too.

    Returns:
        `(k,) int64`, -1 for those that are not there.
    """
    if not len(among):
        return np.full(len(wanted), -1)
    found = np.searchsorted(among, wanted).clip(max=len(among) - 1)
    return np.where(among[found] == wanted, found, -1)


def find_position(among: np.ndarray, wanted: int) -> int | None:
    """Where one image stands among others, as `find_positions`; None if it is not there."""
    found = int(find_positions(among, np.array([wanted]))[0])
    return None if found < 0 else found
