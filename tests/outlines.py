"""Which points of a map lie within an outline, found in another way than the app does."""

import numpy as np


def even_odd(points: np.ndarray, outline) -> np.ndarray:
    """By rays straight up: `(n,) bool` for points `(n, 2)` and the corners of an outline."""
    count = np.zeros(len(points), int)
    for place in range(len(outline)):
        (x0, y0), (x1, y1) = outline[place], outline[(place + 1) % len(outline)]
        if x0 == x1:
            continue
        meets = (points[:, 0] >= min(x0, x1)) & (points[:, 0] < max(x0, x1))
        count += meets & (y0 + (points[:, 0] - x0) / (x1 - x0) * (y1 - y0) > points[:, 1])
    return count % 2 == 1
