"""Converts a photo to an image of 28 x 28 grey pixels as in Fashion-MNIST, keeping the picture after every step.

Knows Pillow and arrays. The network that finds the garment is passed in, so that this needs no torch.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from pydantic import Field, model_validator

from fmexplore.photos.foreground import (
    WHITE,
    Finder,
    Foreground,
    Stroke,
    as_alpha,
    find_foreground,
    foreground_box,
    on_white,
)
from fmexplore.schema import Schema, Share

SIDE = 28
CLOSE = 0.05  # "within 5 % of the maximum possible intensity in RGB space" (Xiao et al. 2017, section 2)
BLACK = (0, 0, 0)


class Conversion(Schema):
    """The settings of a conversion. The default works best; `WAYS` has others to compare it with."""

    turn: Literal[0, 90, 180, 270] = 0  # degrees clockwise, after the rotation that EXIF asks for
    crop: tuple[Share, Share, Share, Share] = (0, 0, 1, 1)  # left, top, right, bottom; of the turned photo
    foreground: Foreground = "network"
    strokes: tuple[Stroke, ...] = Field((), max_length=200)
    trim: Literal["foreground", "corners", "none"] = "foreground"
    resize: Literal["smooth", "skip"] = "smooth"  # skip: some rows and columns are left out
    sharpen: bool = True
    centre: bool = True  # else squashed to a square
    negate: bool = True

    @model_validator(mode="after")
    def _crop_is_a_box(self) -> "Conversion":
        left, top, right, bottom = self.crop
        if right - left < 0.02 or bottom - top < 0.02:
            raise ValueError(f"crop is {self.crop}: left, top, right, bottom, at least 0.02 apart.")
        return self


OURS = Conversion()
WAYS = {
    "ours": OURS,
    # Xiao, Rasul, Vollgraf 2017, figure 1, to the letter: meant for a garment on a plain studio background.
    "seven": Conversion(foreground="none", trim="corners", resize="skip"),
    # What the papers' apps do.
    "squash": Conversion(foreground="none", trim="none", sharpen=False, centre=False, negate=False),
}


@dataclass(frozen=True)
class ConversionStep:
    """The picture after one step of a conversion."""

    name: str
    title: str
    picture: np.ndarray  # (h, w, 3) uint8
    note: str  # what was done, in a sentence
    done: bool = True  # False: switched off, or nothing to do

    @property
    def image(self) -> np.ndarray:
        """The image `(28, 28) uint8` that a network would get if the conversion ended here."""
        squashed = Image.fromarray(self.picture).resize((SIDE, SIDE), Image.Resampling.BOX)
        return np.asarray(squashed.convert("L"))


@dataclass(frozen=True)
class Converted:
    """A converted photo, with all steps on the way."""

    steps: tuple[ConversionStep, ...]
    image: np.ndarray  # (28, 28) uint8
    mask: np.ndarray | None  # (h, w) float32: the foreground of the turned and cropped photo, 0 to 1
    found: Foreground  # how the foreground was found in the end


def convert(photo: Image.Image, how: Conversion, find: Finder) -> Converted:
    """Convert a photo to an image like those of Fashion-MNIST.

    >>> photo = Image.new("RGB", (60, 80), "white")
    >>> photo.paste("navy", (20, 10, 40, 70))  # a dark garment on white
    >>> found = convert(photo, Conversion(foreground="none", trim="corners"), find=lambda picture: np.zeros((1, 1)))
    >>> found.image.shape, int(found.image[0, 0]), bool(found.image[14, 14] > 200)
    ((28, 28), 0, True)
    >>> [step.name for step in found.steps]
    ['upright', 'foreground', 'trim', 'resize', 'sharpen', 'centre', 'negate', 'grey']

    Args:
        photo: RGB or RGBA, as `files.open_photo` gives it.
        how: the settings.
        find: finds the garment, as a soft mask of any size; only called for `foreground="network"`.
    """
    steps: list[ConversionStep] = []

    def add(name: str, title: str, picture: Image.Image, note: str, done: bool = True) -> None:
        steps.append(ConversionStep(name, title, np.asarray(picture.convert("RGB")), note, done))

    picture, note = turn_and_crop(photo, how)
    whole = on_white(picture)
    add("upright", "Upright", whole, note)

    page = WHITE if how.negate else BLACK  # it is black in the end
    mask, found, note = find_foreground(picture, how.foreground, find, how.strokes)
    if mask is not None:
        whole = _set_on_page(whole, mask, page)
    add("foreground", "Foreground", whole, note, mask is not None)

    box, note = _box(whole, mask, how)
    trimmed = whole.crop(box)
    add("trim", "Trim", trimmed, note, box != (0, 0, *whole.size))

    small, note = _shrink(trimmed, how)
    add("resize", "Resize", small, note)

    if how.sharpen:
        small = small.filter(ImageFilter.UnsharpMask(radius=1, percent=60, threshold=0))
    add("sharpen", "Sharpen", small, "Edges are made a little sharper." if how.sharpen else "Left out.", how.sharpen)

    if how.centre:
        middle = Image.new("RGB", (SIDE, SIDE), page)
        middle.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
        small = middle
    note = "Put into the middle of 28 x 28 pixels." if how.centre else "Squashed to a square: its shape is lost."
    add("centre", "Centre", small, note, how.centre)

    if how.negate:
        small = ImageOps.invert(small)
    add("negate", "Negate", small, _tone_note(how), how.negate)

    grey = small.convert("L")
    add("grey", "Grey", grey, "256 shades of grey, as the network gets it.")
    return Converted(tuple(steps), np.asarray(grey), mask, found)


def turn_and_crop(photo: Image.Image, how: Conversion) -> tuple[Image.Image, str]:
    """The photo turned and cropped by the settings, and what was done in a sentence."""
    turned = photo.rotate(-how.turn, expand=True) if how.turn else photo
    width, height = turned.size
    left, top, right, bottom = how.crop
    (x, end_x), (y, end_y) = _span(left, right, width), _span(top, bottom, height)
    box = x, y, end_x, end_y
    cut = turned.crop(box) if box != (0, 0, width, height) else turned
    notes = [f"Rotated by {how.turn} degrees"] * bool(how.turn) + ["Cropped to the box that was drawn"] * (
        cut is not turned
    )
    return cut, f"{' and '.join(notes).capitalize()}." if notes else "Rotated as the camera recorded it."


def _span(low: float, high: float, pixels: int) -> tuple[int, int]:
    """A span given in shares of a side as pixels: its start and its end, at least one apart."""
    start = min(round(low * pixels), pixels - 1)
    return start, max(round(high * pixels), start + 1)


def _set_on_page(picture: Image.Image, mask: np.ndarray, page: tuple[int, int, int]) -> Image.Image:
    """What the mask leaves out gets one colour, as a studio's background has."""
    return Image.composite(picture, Image.new("RGB", picture.size, page), as_alpha(mask))


def _box(picture: Image.Image, mask: np.ndarray | None, how: Conversion) -> tuple[tuple[int, int, int, int], str]:
    whole = (0, 0, *picture.size)
    if how.trim == "none":
        return whole, "Left out: the margins stay."
    if how.trim == "foreground" and mask is not None:
        return foreground_box(mask) or whole, "Cropped to the garment."
    return _corner_box(np.asarray(picture)) or whole, "Edges with the colour of the corners are cropped."


def _corner_box(picture: np.ndarray) -> tuple[int, int, int, int] | None:
    """What is left without the edges whose pixels are all close to the colour of a corner."""
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32)
    distance = np.linalg.norm(picture[:, :, None].astype(np.float32) - corners, axis=-1).min(2)
    return foreground_box((distance > CLOSE * 255 * np.sqrt(3)).astype(np.float32))


def _shrink(picture: Image.Image, how: Conversion) -> tuple[Image.Image, str]:
    width, height = picture.size
    scale = SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale))) if how.centre else (SIDE, SIDE)
    if how.resize == "skip":
        words = "by leaving out rows and columns"
        return picture.resize(size, Image.Resampling.NEAREST), f"The longer edge becomes 28 pixels, {words}."
    return picture.resize(size, Image.Resampling.LANCZOS), f"{size[0]} x {size[1]} pixels, each the mean of many."


def _tone_note(how: Conversion) -> str:
    if how.negate:
        return "Dark becomes bright: Fashion-MNIST shows dark garments bright, on black."
    return "Left out: dark stays dark."
