"""Maps over an image as people see them: coloured around 0, with the outline of the garment, scale and values."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from fmexplore.inside.attributions import SIDE
from fmexplore.ui.components.heat_map import Heat
from fmexplore.ui.inside.colours import enlarge, gradient, paint
from fmexplore.ui.inside.words import figure, figures

PIXEL, PIXEL_OF_MINOR = 8, 4  # pixels of the picture for one of the image
DIGITS = 3
GARMENT = 40  # grey level from which a pixel belongs to it
LINE = (150, 150, 150)  # of its outline
OUTLINE = "The grey line is the outline of the garment."
GREYS = "linear-gradient(to right, #000, #fff)"
Write = Callable[[Iterable[float]], Sequence[str]]  # values as texts


def short(value: float) -> str:
    """A value of a map as texts tell it."""
    return figure(value, DIGITS)


def shorts(values: Iterable[float]) -> list[str]:
    """Several values at once."""
    return figures(values, DIGITS)


def make_heat(name: str, heat: np.ndarray, image: np.ndarray, write: Write = shorts, minor: bool = False) -> Heat:
    """A map `(28, 28)` on a scale of its own, over the outline of an image `(28, 28) uint8`.

    The scale is as wide below 0 as above, where anything is below. No picture where values are no numbers.
    """
    if not np.isfinite(heat).all():
        return Heat(f"{name}: not numbers", minor=minor)
    limit = float(np.abs(heat).max())
    times = PIXEL_OF_MINOR if minor else PIXEL
    picture = enlarge(paint(heat, limit)[None], times * SIDE)[0]
    picture[_outline(image, times)] = LINE
    negative = bool(heat.min() < 0)
    ends = write([-limit, 0, limit] if negative else [0, limit])
    return Heat(name, picture, [write(line) for line in heat.tolist()], gradient(negative), ends, minor)


def make_image(name: str, image: np.ndarray) -> Heat:
    """An image `(28, 28)`, 0 to 255, in shades of grey, with its pixels as values."""
    shown = image.round().astype(np.uint8)
    values = [[str(pixel) for pixel in line] for line in shown.tolist()]
    return Heat(name, enlarge(shown[None], PIXEL * SIDE)[0], values, GREYS, ("0", "255"))


def _outline(image: np.ndarray, times: int) -> np.ndarray:
    """Where the garment ends, in a picture that is so many times as large."""
    inside = np.pad((image >= GARMENT).repeat(times, 0).repeat(times, 1), 1)
    there = inside[1:-1, 1:-1]
    return there & ~(inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])
