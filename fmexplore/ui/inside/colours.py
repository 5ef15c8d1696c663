"""The colours of values: black is 0, the brighter the further from it, blue below and orange above."""

import numpy as np

LEAST = 28  # pixels of a picture, as browsers blur the borders of smaller ones
STOPS = np.array([0, 0.5, 1])
ABOVE = np.array([(0, 0, 0), (190, 88, 20), (255, 226, 170)])
BELOW = np.array([(0, 0, 0), (28, 98, 190), (170, 220, 255)])


def paint(values: np.ndarray, limit: float) -> np.ndarray:
    """Values of any shape as colours, `(..., 3) uint8`; `limit` and its negative are the brightest."""
    share = np.clip(values / (limit or 1.0), -1, 1)
    sizes = np.abs(share)
    above, below = (np.stack([np.interp(sizes, STOPS, part) for part in stops.T], axis=-1) for stops in (ABOVE, BELOW))
    return np.where((share < 0)[..., None], below, above).round().astype(np.uint8)


def gradient(negative: bool) -> str:
    """The scale as a gradient of CSS, from left to right; its left half only where values can be negative."""
    left = [tuple(colour) for colour in BELOW[:0:-1]] if negative else []
    return f"linear-gradient(to right, {', '.join(f'rgb{tuple(map(int, each))}' for each in [*left, *ABOVE])})"


def enlarge(maps: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Maps `(n, height, width, ...)` with every value repeated until both sides have `least` pixels or more."""
    times = -(-least // min(maps.shape[1:3]))
    return maps.repeat(times, axis=1).repeat(times, axis=2)
