"""The arithmetic of the changes: light, geometry and dirt on images `(n, 28, 28) uint8`. Knows arrays only.

Every function gives new images like `images`, each of which follows from its own picture and its own random numbers
alone: whole numbers, sums in a fixed order, and no matrix product, whose last digit can depend on the size of a batch.
"""

import io
import math

import numpy as np

SIDE = 28
MIDDLE = (SIDE - 1) / 2
GREY = 128
COMPASS = np.array([(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)])  # steps (down, right)
_STRIPE = 2  # pixels
_JPEG_IMAGES = 1000  # in one file: its height has at most 16 bits


def random_numbers(ids: np.ndarray, stream: int, count: int) -> np.ndarray:
    """Numbers that follow from an image's id, the stream and their place alone: those of a hash, not of a generator.

    SplitMix64 (Steele, Lea, Flood 2014) for all images at once; a numpy generator for each would take as long as the
    network.

    Args:
        ids: (n,) int; which images they are.
        stream: number of the change, so that two changes of an image have nothing in common.
        count: how many numbers each image gets.

    Returns:
        (n, count) float64, evenly spread from 0 to 1, both excluded.
    """
    places = np.arange(1, count + 1, dtype=np.uint64)
    begin = _mix(ids.astype(np.uint64) + np.uint64(stream) * np.uint64(1 << 32))
    words = _mix(begin[:, None] + places * np.uint64(0x9E3779B97F4A7C15))
    return ((words >> np.uint64(11)).astype(float) + 0.5) / 2**53


def _mix(words: np.ndarray) -> np.ndarray:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def choose(numbers: np.ndarray, count: int) -> np.ndarray:
    """One of 0 to `count` - 1 for each random number; same shape, int."""
    return (numbers * count).astype(int)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Numbers on the scale of pixels, rounded, those below 0 and above 255 cut off."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


# --- light ---


def map_values(images: np.ndarray, function) -> np.ndarray:
    """Give every pixel a new value that depends on its own only; `function` maps 0 to 1 to that, as arrays."""
    return to_pixels(255 * function(np.arange(256) / 255))[images]


def darken_towards_a_side(images: np.ndarray, amount: float, numbers: np.ndarray) -> np.ndarray:
    """Full light at one edge or corner, drawn by `numbers (n, 1)`, falling evenly to 1 - `amount` at the opposite."""
    rows, columns = np.indices((SIDE, SIDE)) - MIDDLE
    along = np.array([down * rows + right * columns for down, right in COMPASS])
    ramps = along / along.max((1, 2), keepdims=True)  # -1 to 1
    light = 1 - amount * (ramps + 1) / 2
    return to_pixels(images * light[choose(numbers[:, 0], len(COMPASS))])


def lower_contrast(images: np.ndarray, amount: float) -> np.ndarray:
    """Bring every pixel nearer to the mean of its image: `amount` of the distance is left."""
    means = images.mean((1, 2), dtype=float, keepdims=True)  # of whole numbers: exact in any order
    return to_pixels(means + amount * (images - means))


# --- geometry: bilinear, black comes in from outside ---


def rotate(images: np.ndarray, degrees: float, numbers: np.ndarray) -> np.ndarray:
    """Turn about the middle, one way or the other."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _either(images, numbers, *(((cosine, -sign * sine), (sign * sine, cosine)) for sign in (1, -1)))


def resize(images: np.ndarray, factor: float) -> np.ndarray:
    """Make the picture smaller about the middle, or larger: `factor` times as wide and high."""
    return _resample(images, ((1 / factor, 0), (0, 1 / factor)))


def shear(images: np.ndarray, amount: float, numbers: np.ndarray) -> np.ndarray:
    """Lean the picture to one side or the other: by `amount` pixels for each pixel of height."""
    return _either(images, numbers, *(((1, 0), (sign * amount, 1)) for sign in (1, -1)))


def shift(images: np.ndarray, pixels: int, numbers: np.ndarray) -> np.ndarray:
    """Move the picture up, down, left or right."""
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    moved = np.empty_like(images)
    sides = choose(numbers[:, 0], 4)
    for side, (down, right) in enumerate(COMPASS[::2] * pixels):
        chosen = sides == side
        top, left = pixels - down, pixels - right
        moved[chosen] = padded[chosen, top : top + SIDE, left : left + SIDE]
    return moved


def _either(images: np.ndarray, numbers: np.ndarray, *matrices) -> np.ndarray:
    """Each image resampled by one of the matrices, drawn by `numbers (n, 1)`."""
    changed = np.empty_like(images)
    which = choose(numbers[:, 0], len(matrices))
    for place, matrix in enumerate(matrices):
        changed[which == place] = _resample(images[which == place], matrix)
    return changed


def _resample(images: np.ndarray, matrix) -> np.ndarray:
    """Take every pixel from where the matrix says, ((down, right) of down, (down, right) of right), from the middle."""
    rows, columns = np.indices((SIDE, SIDE)) - MIDDLE
    (a, b), (c, d) = matrix
    from_row, from_column = a * rows + b * columns + MIDDLE, c * rows + d * columns + MIDDLE
    top, left = np.floor(from_row), np.floor(from_column)
    down, right = from_row - top, from_column - left
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    found = np.zeros(images.shape)
    for add_row, row_share in ((0, 1 - down), (1, down)):
        for add_column, column_share in ((0, 1 - right), (1, right)):
            row = (top + add_row + 1).clip(0, SIDE + 1).astype(int)
            column = (left + add_column + 1).clip(0, SIDE + 1).astype(int)
            found += padded[:, row, column] * (row_share * column_share)
    return to_pixels(found)


# --- dirt ---


def add_noise(images: np.ndarray, deviation: float, numbers: np.ndarray) -> np.ndarray:
    """Add normal noise with that deviation, as a share of the range, from even `numbers (n, 784)`."""
    from scipy.special import ndtri

    return to_pixels(images + 255 * deviation * ndtri(numbers).reshape(images.shape))


def blur(images: np.ndarray, pixels: float) -> np.ndarray:
    """Blur by a Gaussian of that standard deviation."""
    from scipy.ndimage import gaussian_filter

    return to_pixels(gaussian_filter(images.astype(np.float32), (0, pixels, pixels), mode="constant"))


def pixelate(images: np.ndarray, across: int) -> np.ndarray:
    """Squares of one grey, `across` by `across` of them."""
    from PIL import Image

    def coarse(image: np.ndarray) -> np.ndarray:
        small = Image.fromarray(image).resize((across, across), Image.Resampling.BOX)
        return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.NEAREST))

    return np.array([coarse(image) for image in images], np.uint8).reshape(images.shape)


def compress(images: np.ndarray, quality: int) -> np.ndarray:
    """Save as JPEG of that quality, and read again.

    Many images in one file, below each other and each filled up to whole blocks of 8 x 8 by its last pixels, as the
    library does at an edge: the same pixels as from a file each, in a tenth of the time.
    """
    from PIL import Image

    fill = -SIDE % 8
    changed = np.empty_like(images)
    for start in range(0, len(images), _JPEG_IMAGES):
        column = np.pad(images[start : start + _JPEG_IMAGES], ((0, 0), (0, fill), (0, fill)), mode="edge")
        buffer = io.BytesIO()
        Image.fromarray(column.reshape(-1, SIDE + fill)).save(buffer, "JPEG", quality=quality)
        read = np.asarray(Image.open(buffer)).reshape(column.shape)
        changed[start : start + _JPEG_IMAGES] = read[:, :SIDE, :SIDE]
    return changed


def cover(images: np.ndarray, pixels: int, numbers: np.ndarray) -> np.ndarray:
    """Put a grey square of that width somewhere on the picture, by `numbers (n, 2)`: black would be background."""
    top, left = choose(numbers, SIDE + 1 - pixels).T[:, :, None]
    places = np.arange(SIDE)
    rows, columns = ((places >= begin) & (places < begin + pixels) for begin in (top, left))
    return np.where(rows[:, :, None] & columns[:, None, :], np.uint8(GREY), images)


def print_stripes(images: np.ndarray, strength: float, numbers: np.ndarray) -> np.ndarray:
    """Stripes in one of four directions, begun anywhere, by `numbers (n, 2)`, in which 1 - `strength` of light is left.

    What is black stays black, so that only the garment gets them.
    """
    rows, columns = np.indices((SIDE, SIDE))
    along = np.array([down * rows + right * columns for down, right in COMPASS[:4]])
    begin = choose(numbers[:, 1], 2 * _STRIPE)[:, None, None]
    dark = (along[choose(numbers[:, 0], len(along))] + begin) // _STRIPE % 2 == 1
    return to_pixels(images * np.where(dark, 1 - strength, 1.0))
