"""Masks of the garment on a photo, `(h, w) float32` from 0 (background) to 1 (garment), and the ways to find them.

Knows Pillow and arrays. The network that finds the garment is passed in, so that this needs no torch.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageCms, ImageDraw
from pydantic import Field

from fmexplore.schema import Schema, Share

LEAST, MOST = 0.015, 0.97  # share of the photo that a garment can fill
PART = 0.15  # of the largest piece: what another piece needs to count too, as with a pair of shoes
FRAME = 0.04  # of the shorter side: how wide the border is that shows the background
SIDE = 160  # to which pictures are shrunk before colours are compared
WHITE = (255, 255, 255)

Foreground = Literal["network", "border", "alpha", "none"]
Finder = Callable[[Image.Image], np.ndarray]  # a picture -> soft mask of any size


class Stroke(Schema):
    """A brush stroke on the photo, which marks pixels as garment or as background."""

    points: tuple[tuple[Share, Share], ...] = Field(min_length=1, max_length=2000)  # x, y: shares of width and height
    radius: float = Field(0.03, gt=0, le=0.5)  # of the width
    keep: bool = True  # garment; False: background


def find_foreground(
    picture: Image.Image, how: Foreground, find: Finder, strokes: Sequence[Stroke] = ()
) -> tuple[np.ndarray | None, Foreground, str]:
    """Find the garment on a picture.

    Args:
        picture: RGB or RGBA, of h x w pixels.
        how: the way to try first; where it finds nothing, the next best is tried.
        find: the network, which gives a mask of any size; only called for "network".
        strokes: brush strokes that then correct the mask, in order.

    Returns:
        The mask, (h, w) float32 from 0 (background) to 1 (garment), or None where nothing is found; how it was found
        in the end; and the same in a sentence.
    """
    found, mask, note = how, None, ""
    if found == "network" and picture.mode == "RGBA":
        found = "alpha"
    if found == "alpha" and picture.mode == "RGBA":
        mask = np.asarray(picture.getchannel("A"), np.float32) / 255
        note = "Taken from the transparency of the picture."
    elif found == "network":
        mask, note = clean(find(on_white(picture))), "Found by a small segmentation network."
    if mask is None and found != "none":
        mask = clean(differs_from_border(on_white(picture)))
        tried = "The network found no garment, so the foreground" if found == "network" else "The foreground"
        note = f"{tried} is the part that differs in colour from the border of the photo."
        found = "border"
    if mask is not None:
        mask = _stretch(mask, picture.size)
    elif found != "none":
        found, note = "none", "No garment was found: put the garment on a plain background, or paint over it."
    if strokes:
        mask = np.zeros(picture.size[::-1], np.float32) if mask is None else mask
        for stroke in strokes:
            mask = paint(mask, stroke.points, stroke.radius, float(stroke.keep))
        note = f"{note} Corrected by hand." if note else "Painted by hand."
    return mask, found, note or "Switched off: the background stays."


def foreground_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """The bounding box of a mask `(h, w)`: left, top, right and bottom in pixels, or None for an empty mask."""
    rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def as_alpha(mask: np.ndarray) -> Image.Image:
    """A mask `(h, w)` from 0 to 1 as a grey picture from 0 to 255, for use as a channel of transparency."""
    return Image.fromarray((mask * 255).round().astype(np.uint8))


def clean(mask: np.ndarray) -> np.ndarray | None:
    """Remove specks and holes from a mask `(h, w)`; None if the rest is too small or too large to be a garment."""
    from scipy import ndimage

    pieces, count = ndimage.label(mask > 0.5)
    if not count:
        return None
    sizes = np.bincount(pieces.ravel())[1:]
    chosen = np.isin(pieces, 1 + np.flatnonzero(sizes >= PART * sizes.max()))
    filled = ndimage.binary_fill_holes(chosen)
    if not LEAST <= filled.mean() <= MOST:
        return None
    near = ndimage.binary_dilation(filled, iterations=max(1, round(min(mask.shape) / 80)))
    return np.where(filled & ~chosen, 1.0, np.where(near, mask, 0.0)).astype(np.float32)


def differs_from_border(picture: Image.Image) -> np.ndarray:
    """A mask of the pixels whose colour differs from the border of the picture, for plain backgrounds.

    The distance in CIELAB to the nearest of three colours of the border (k-means) is split by Otsu's threshold.

    Args:
        picture: of any size.

    Returns:
        (h, w) float32, 0 or 1; the picture reduced to at most 160 pixels a side.
    """
    from scipy.cluster.vq import kmeans2

    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    raw = np.asarray(ImageCms.applyTransform(small, _to_lab()))
    lab = np.dstack([raw[..., :1] / 2.55, raw[..., 1:].view(np.int8)]).astype(np.float32)
    width = max(1, round(FRAME * min(lab.shape[:2])))
    frame = np.ones(lab.shape[:2], bool)
    frame[width:-width, width:-width] = False
    colours = np.unique(lab[frame], axis=0)
    if len(colours) > 3:
        colours, _ = kmeans2(lab[frame], 3, minit="++", rng=np.random.default_rng(0), missing="warn")
    distance = np.linalg.norm(lab[:, :, None] - colours, axis=-1).min(2)
    return (distance > otsu(distance)).astype(np.float32)


def otsu(values: np.ndarray) -> float:
    """The threshold that splits values into two groups with the least variance within them (Otsu 1979).

    Args:
        values: float, of any shape; the threshold is searched among 128 that are evenly spaced over their range.
    """
    counts, edges = np.histogram(values, 128)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / total - sums) ** 2 / (below * (total - below))
    return float(edges[1 + np.nanargmax(np.where(np.isfinite(between), between, -1))])


def paint(mask: np.ndarray, points: Sequence[tuple[float, float]], radius: float, value: float) -> np.ndarray:
    """Draw a brush stroke on a mask.

    Args:
        mask: (h, w) float32.
        points: the stroke's points, x and y as shares of width and height.
        radius: of the brush, as a share of the width.
        value: 0 for background to 1 for garment.

    Returns:
        (h, w) float32; a new mask.
    """
    height, width = mask.shape
    stroke = Image.new("1", (width, height))
    draw, reach = ImageDraw.Draw(stroke), max(radius * width, 0.5)
    places = [(x * width, y * height) for x, y in points]
    draw.line(places, 1, round(2 * reach))
    for x, y in places:
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), 1)
    return np.where(np.asarray(stroke), np.float32(value), mask)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """The intersection over union of two masks `(h, w)`, 0 to 1; 1 for two empty ones.

    >>> overlap(np.array([[1.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 1.0]]))
    0.3333333333333333
    """
    a, b = first > 0.5, second > 0.5
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def on_white(picture: Image.Image) -> Image.Image:
    """What is transparent becomes white."""
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGB", picture.size, WHITE)
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _stretch(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.shape == size[::-1]:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def _to_lab() -> Any:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(*profiles, "RGB", "LAB")
