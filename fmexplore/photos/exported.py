"""Recognises pictures that are images of the data set itself: one of 28 x 28 pixels, or a sheet of several.

Converting them as photos would negate them. Knows pixels only, and what all images of Fashion-MNIST have in common:
grey on black, black corners, a border that is mostly black, and something nearly white.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 28
MOST_PIXELS = 4_000_000  # of a sheet: some 5,000 images
GAPS = (0, 1, 2, 4)  # pixels between the images of a sheet; torchvision's have 2, also around them
MOST_COLOUR = 8  # between the channels of a pixel that counts as grey, as JPEG changes them a little
DARK = 16  # at most, of what counts as black
LEAST_DARK, LEAST_DARK_BORDER, LEAST_BRIGHTEST = 0.12, 0.5, 225
LEAST_ALIKE = 0.9  # of the images of a sheet


class Grid(NamedTuple):
    """How a sheet may be divided: every pixel enlarged to `scale` a side, `gap` pixels between, `edge` around."""

    scale: int
    gap: int
    edge: int
    columns: int
    rows: int


def find_exported(picture: Image.Image) -> list[np.ndarray]:
    """The images `(28, 28) uint8` of the data set that a picture consists of, row by row; none for any other."""
    grids = list(_grids(*picture.size))
    if not grids or (grey := _grey(picture)) is None:
        return []
    for grid in grids:
        tiles = _divide(grey, grid)
        if tiles is None:
            continue
        shown = tiles[tiles.max((1, 2)) > DARK]  # the last row of a sheet may end early
        if len(shown) and are_alike(shown).mean() >= LEAST_ALIKE and (len(shown) > 1 or len(tiles) == 1):
            return list(shown)
    return []


def are_alike(images: np.ndarray) -> np.ndarray:
    """Whether images `(n, 28, 28) uint8` are like those of Fashion-MNIST, `(n,) bool`."""
    dark = images <= DARK
    border = np.ones((SIDE, SIDE), bool)
    border[1:-1, 1:-1] = False
    return (
        dark[:, [0, 0, -1, -1], [0, -1, 0, -1]].all(1)
        & (dark.mean((1, 2)) >= LEAST_DARK)
        & (dark[:, border].mean(1) >= LEAST_DARK_BORDER)
        & (images.max((1, 2)) >= LEAST_BRIGHTEST)
    )


def _grids(width: int, height: int) -> Iterator[Grid]:
    """All ways in which a picture of that size can be a sheet, the largest pixels first."""
    if width * height > MOST_PIXELS:
        return
    for scale in range(min(width, height) // SIDE, 0, -1):
        if width % scale or height % scale:
            continue
        for gap in GAPS:
            for edge in {0, gap}:
                (columns, more), (rows, over) = (
                    divmod(side // scale - 2 * edge + gap, SIDE + gap) for side in (width, height)
                )
                if not more and not over and columns and rows:
                    yield Grid(scale, gap, edge, columns, rows)


def _grey(picture: Image.Image) -> np.ndarray | None:
    """The pixels `(h, w) uint8` of a picture without colours and transparency, else None."""
    if picture.mode.startswith(("I", "F")):  # 16 bits and more
        values = np.asarray(picture).astype(np.float32)
        return (values / (257 if values.max() > 255 else 1)).clip(0, 255).astype(np.uint8)
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    values = np.asarray(picture.convert("RGBA")).astype(np.int16)
    for part in (values[:: SIDE // 4, :: SIDE // 4], values):  # most photos are told by a few pixels
        if part[..., 3].min() < 255 or np.ptp(part[..., :3], axis=-1).max() > MOST_COLOUR:
            return None
    return values[..., 1].astype(np.uint8)


def _divide(grey: np.ndarray, grid: Grid) -> np.ndarray | None:
    """The images `(n, 28, 28)` of a sheet; None where pixels are not enlarged alike or the gaps are not of one grey."""
    small = grey[:: grid.scale, :: grid.scale]
    if grid.scale > 1 and not np.array_equal(small.repeat(grid.scale, 0).repeat(grid.scale, 1), grey):
        return None
    step, missing = SIDE + grid.gap, grid.gap - grid.edge
    small = small[grid.edge :, grid.edge :]
    down, across = (np.arange(side) % step >= SIDE for side in small.shape)
    between = small[down[:, None] | across]
    if between.size and np.ptp(between) > DARK:
        return None
    small = np.pad(small, ((0, missing), (0, missing)))
    cells = small.reshape(grid.rows, step, grid.columns, step).swapaxes(1, 2).reshape(-1, step, step)
    return cells[:, :SIDE, :SIDE]
