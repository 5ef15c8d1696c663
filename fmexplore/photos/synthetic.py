"""Images of the data set as if they were photos: enlarged, on a page or another background, turned and lit.

Arrays and Pillow; used to train the segmenter, to try the app without a photo, and to test the way back.
"""

from typing import Any

import numpy as np
from PIL import Image

from fmexplore.photos.foreground import as_alpha


def draw_scene(
    image: np.ndarray, draw: np.random.Generator, side: int = 160, background: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a synthetic photo of the garment on an image of the data set, with its mask.

    The garment gets a random colour, size and position and is turned by up to 6 degrees. It is dark where the image is
    bright.

    Args:
        image: (28, 28) uint8.
        draw: source of random numbers.
        side: of the photo, in pixels.
        background: (side, side, 3) uint8; without one it is a bright page, lit from one side.

    Returns:
        The photo, (side, side, 3) uint8, and the mask of the garment, (side, side) float32 from 0 to 1.
    """
    from scipy import ndimage

    page = _page(draw, side) if background is None else background.astype(np.float32) / 255
    size = int(draw.uniform(0.5, 0.85) * side)
    angle, colour = draw.uniform(-6, 6), draw.uniform(0.75, 1, 3)
    left, top = (int(each) for each in draw.integers(0, side - size + 1, 2))

    def lay(values: np.ndarray) -> np.ndarray:
        """Enlarged and turned, at its place in the scene."""
        whole = Image.new("L", (side, side))
        large = as_alpha(values.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
        whole.paste(large.rotate(angle, Image.Resampling.BILINEAR), (left, top))
        return np.asarray(whole, np.float32) / 255

    there = outline(image)
    nearest: Any = ndimage.distance_transform_edt(~there, return_distances=False, return_indices=True)
    mask, shade = lay(there), 1 - lay(image[tuple(nearest)] / 255)  # its edge has its own shade, not the paper's
    scene = page * (1 - mask[..., None]) + shade[..., None] * colour * mask[..., None]
    return (scene.clip(0, 1) * 255).round().astype(np.uint8), mask


def outline(image: np.ndarray) -> np.ndarray:
    """The mask `(28, 28) bool` of the garment on an image of the data set, including its dark parts."""
    from scipy import ndimage

    return ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(image, 2) > 8))[2:-2, 2:-2]


def _page(draw: np.random.Generator, side: int) -> np.ndarray:
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    light = 1 + draw.uniform(-0.12, 0.12) * slope[:, None] + draw.uniform(-0.12, 0.12) * slope
    grain = draw.normal(0, 0.01, (side, side))
    tint = draw.uniform(0.78, 0.95) + draw.normal(0, 0.025, 3)
    return ((light + grain)[..., None] * tint).clip(0, 1).astype(np.float32)
