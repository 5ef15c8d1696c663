"""The changes that are made to images, and how strong each of their severities is. Knows arrays; no network and no run.

Severity 1 is barely seen, at 5 a person still recognises most images. The kinds follow MNIST-C (Mu, Gilmer 2019,
arXiv 1906.02337) and ImageNet-C (Hendrycks, Dietterich 2019, arXiv 1903.12261).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fmexplore.errors import ConfigError
from fmexplore.robustness import pictures

SEVERITIES = 5


@dataclass(frozen=True)
class Change:
    """A way to change images, with the amount at each severity.

    `phrase` goes on a sentence about the images, with `{}` for the amount; `explanation` is for who sees it first.
    """

    name: str
    unit: str
    amounts: tuple[float, ...]  # by severity, from 1: five, or one
    phrase: str
    explanation: str
    change: Callable[[np.ndarray, float, np.ndarray], np.ndarray]  # images, amount, random numbers (n, draws)
    draws: int = 1

    def amount(self, severity: int) -> float:
        """The amount at a severity. Raises ConfigError where the change has no such severity."""
        if not 1 <= severity <= len(self.amounts):
            most = len(self.amounts)
            only = "1, its only one" if most == 1 else f"1 to {most}"
            raise ConfigError(f"The severity of {self.name} is {severity}: choose {only}.")
        return self.amounts[severity - 1]


_ALL = (
    Change(
        "gain",
        "times the light",
        (0.8, 0.6, 0.45, 0.3, 0.2),
        "in {} times the light",
        "Less light: every pixel is multiplied by a number below 1.",
        lambda images, amount, _: pictures.map_values(images, lambda value: amount * value),
    ),
    Change(
        "offset",
        "of the range added",
        (0.05, 0.1, 0.15, 0.2, 0.3),
        "with {} added to every pixel",
        "Fog: the same is added to every pixel, so that black becomes grey.",
        lambda images, amount, _: pictures.map_values(images, lambda value: value + amount),
    ),
    Change(
        "gamma",
        "as exponent",
        (1.3, 1.6, 2, 2.5, 3.2),
        "with gamma {}",
        "Another camera curve: black and white stay, and what is between becomes darker.",
        lambda images, amount, _: pictures.map_values(images, lambda value: value**amount),
    ),
    Change(
        "gradient",
        "of the light lost at one side",
        (0.3, 0.5, 0.7, 0.85, 1.0),
        "with {} of the light lost towards one side",
        "Light from one side: the picture gets darker from one edge or corner to the opposite one.",
        pictures.darken_towards_a_side,
    ),
    Change(
        "contrast",
        "of the contrast left",
        (0.8, 0.6, 0.45, 0.3, 0.2),
        "with {} of their contrast",
        "Every pixel comes nearer to the mean of its picture.",
        lambda images, amount, _: pictures.lower_contrast(images, amount),
    ),
    Change(
        "rotation",
        "°",
        (5, 10, 20, 30, 45),
        "turned by {}°",
        "The picture is turned about its middle, to the left or to the right.",
        pictures.rotate,
    ),
    Change(
        "shift",
        "px",
        (1, 2, 3, 4, 6),
        "moved by {} px",
        "The picture is moved up, down, left or right.",
        lambda images, amount, numbers: pictures.shift(images, int(amount), numbers),
    ),
    Change(
        "scale",
        "times as large",
        (0.9, 0.8, 0.7, 0.6, 0.5),
        "{} times as large",
        "The garment is shown smaller, with more black around it.",
        lambda images, amount, _: pictures.resize(images, amount),
    ),
    Change(
        "shear",
        "px a row",
        (0.1, 0.2, 0.3, 0.45, 0.6),
        "sheared by {} px a row",
        "The picture leans to one side: every row is moved a little farther than the one below it.",
        pictures.shear,
    ),
    Change(
        "noise",
        "of the range, standard deviation",
        (0.04, 0.08, 0.12, 0.18, 0.25),
        "with noise of {}",
        "Every pixel gets a random number added, as from a camera in the dark.",
        pictures.add_noise,
        draws=pictures.SIDE**2,
    ),
    Change(
        "blur",
        "px, standard deviation",
        (0.5, 0.8, 1.1, 1.5, 2),
        "blurred by {} px",
        "Out of focus: every pixel is mixed with its neighbours.",
        lambda images, amount, _: pictures.blur(images, amount),
    ),
    Change(
        "pixelate",
        "squares across",
        (20, 16, 14, 10, 7),
        "with {} pixels across",
        "Fewer, larger pixels, as of a picture that was made small and then large again.",
        lambda images, amount, _: pictures.pixelate(images, int(amount)),
    ),
    Change(
        "jpeg",
        "quality",
        (40, 25, 15, 8, 4),
        "saved as JPEG of quality {}",
        "Saved as a JPEG file, which leaves out fine detail to be small.",
        lambda images, amount, _: pictures.compress(images, int(amount)),
    ),
    Change(
        "occlude",
        "px",
        (4, 6, 8, 11, 14),
        "with a grey square of {} px on them",
        "Something is in the way: a grey square covers a part of the picture.",
        lambda images, amount, numbers: pictures.cover(images, int(amount), numbers),
        draws=2,
    ),
    Change(
        "texture",
        "of the light lost in stripes",
        (0.15, 0.3, 0.45, 0.65, 0.9),
        "with stripes {} darker",
        "The garment gets a pattern of stripes; the black around it stays black.",
        pictures.print_stripes,
        draws=2,
    ),
    Change(
        "mirror",
        "time",
        (1,),
        "mirrored",
        "Left and right change places: the shoes, most of which point the same way, then point the other way.",
        lambda images, *_: np.ascontiguousarray(images[:, :, ::-1]),
    ),
    Change(
        "upside-down",
        "time",
        (1,),
        "upside down",
        "Top and bottom change places: for people, too, some clothes are then hard to tell.",
        lambda images, *_: np.ascontiguousarray(images[:, ::-1]),
    ),
    Change(
        "invert",
        "time",
        (1,),
        "inverted",
        "A negative: dark clothes on white, as on a photo of a shop.",
        lambda images, *_: 255 - images,
    ),
)
CHANGES = {each.name: each for each in _ALL}
_STREAMS = {name: number for number, name in enumerate(CHANGES)}


def find_change(name: str) -> Change:
    """The change of that name. Raises ConfigError, which lists all."""
    if name not in CHANGES:
        raise ConfigError(f"There is no change {name!r}: choose among {', '.join(CHANGES)}.")
    return CHANGES[name]


def change_images(images: np.ndarray, ids: np.ndarray, name: str, severity: int) -> np.ndarray:
    """Images changed in one way at one severity.

    >>> bright = np.full((1, 28, 28), 200, np.uint8)
    >>> int(change_images(bright, np.array([60_000]), "gain", 2).max())
    120

    What is drawn at random, as the direction of a shift, follows from an image's id and the change alone: it is the
    same at all severities, in every batch, order, thread and process.

    Args:
        images: (n, 28, 28) uint8.
        ids: (n,) int; which images of the data set they are, as in `data.addresses`.
        name: one of `CHANGES`.
        severity: 1 to 5, or 1 where the change has only that.

    Returns:
        (n, 28, 28) uint8; a copy.

    Raises:
        ConfigError: there is no such change or severity.
    """
    change = find_change(name)
    amount = change.amount(severity)
    return change.change(images, amount, pictures.random_numbers(ids, _STREAMS[name], change.draws))
