"""What is selected on a map, in the link and as points: an outline, a class, or a cell of the matrix."""

import re
from dataclasses import dataclass

import numpy as np

MOST_CORNERS = 80


@dataclass(frozen=True)
class Selection:
    """What is selected on a map, as the link says it: an outline, a class, or a cell of the matrix."""

    outline: tuple[tuple[float, float], ...] = ()
    hidden: tuple[int, ...] = ()  # classes that were hidden when it was drawn
    errors: bool = False  # whether only errors were shown
    map_key: str = ""  # of the map that it was drawn on
    label: int | None = None
    predicted: int | None = None

    def __bool__(self) -> bool:
        return bool(self.outline) or self.label is not None or self.predicted is not None

    def text(self) -> str:
        """As the link says it; `read_selection` reads it back."""
        if self.outline:
            corners = "_".join(f"{x:.6g}~{y:.6g}" for x, y in self.outline)
            hidden = f"h{''.join(map(str, self.hidden))}" if self.hidden else ""
            return f"o{corners}{hidden}{'e' * self.errors}" + (f"k{self.map_key}" if self.map_key else "")
        return "".join(
            f"{name}{value}" for name, value in (("t", self.label), ("p", self.predicted)) if value is not None
        )

    def find(self, coordinates: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Positions of the selected images; an outline holds only on a flat map."""
        chosen = np.ones(len(labels), bool)
        if self.label is not None:
            chosen &= labels == self.label
        if self.predicted is not None:
            chosen &= predicted == self.predicted
        if self.outline:
            if coordinates.shape[1] != 2:
                return np.zeros(0, int)
            chosen &= inside(coordinates, np.array(self.outline)) & ~np.isin(labels, self.hidden)
            if self.errors:
                chosen &= predicted != labels
        return np.flatnonzero(chosen)


def read_selection(text: str | None) -> Selection:
    """The selection that the link asks for; an empty one where it makes no sense."""
    number = r"-?[0-9]{1,7}(?:\.[0-9]{1,12})?(?:e[+-]?[0-9]{1,2})?"
    if match := re.fullmatch(
        rf"o({number}~{number}(?:_{number}~{number})*)(?:h([0-9]{{1,10}}))?(e?)(?:k([0-9a-f]{{10}}))?", text or ""
    ):
        corners = [(float(x), float(y)) for x, y in (corner.split("~") for corner in match[1].split("_"))]
        if 3 <= len(corners) <= MOST_CORNERS:
            return Selection(tuple(corners), tuple(map(int, match[2] or "")), bool(match[3]), match[4] or "")
    if text and (match := re.fullmatch(r"(?:t([0-9]))?(?:p([0-9]))?", text)):
        label, predicted = (None if digit is None else int(digit) for digit in match.groups())
        return Selection(label=label, predicted=predicted)
    return Selection()


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Which of the points `(n, 2)` lie within a closed outline `(corners, 2)`, by the even-odd rule, `(n,) bool`."""
    found = np.zeros(len(points), bool)
    box = ((points >= outline.min(0)) & (points <= outline.max(0))).all(1)
    near = points[box].astype(float)
    x, y = near[:, 0], near[:, 1]
    within = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, 1, axis=0), strict=True):
        if y0 == y1:
            continue
        within ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    found[box] = within
    return found
