"""Where the names of points go so that none covers another. Knows pixels and texts, no figure."""

from collections.abc import Sequence

import numpy as np

LETTER = 0.54  # mean width of a letter of Source Sans, of its size
WIDTHS = 6  # that are tried between the least and the most
MARK, DASH = 14, 4  # pixels: what a point takes, and a place on a line
POSITIONS = {  # plotly's names: where the middle of the text lies, in halves of its own size and the mark's
    "middle right": (1, 0),
    "top center": (0, -1),
    "bottom center": (0, 1),
    "middle left": (-1, 0),
    "top right": (1, -1),
    "bottom right": (1, 1),
    "top left": (-1, -1),
    "bottom left": (-1, 1),
}
Box = tuple[float, float, float, float]  # left, top, right, bottom


def place_labels(
    places: Sequence[tuple[float, float]],
    names: Sequence[str],
    width: float,
    height: float,
    *,
    widest: float = 0,
    size: float = 11,
    fixed: Sequence[str | None] = (),
    avoid: Sequence[tuple[float, float]] = (),
) -> list[str | None]:
    """The position of each name beside its point, or None where none is free.

    >>> place_labels([(10, 50), (30, 50)], ["left", "right"], 100, 100)
    ['top right', 'middle right']

    Args:
        places: pixels from the left and from the top of the plot.
        names: one for each point; the first ones choose first.
        width: of the plot in pixels; no name leaves it.
        height: of the plot in pixels.
        widest: the plot may also be as wide as this, which moves the points apart, and the names with them.
        size: of the font in pixels.
        fixed: positions that are settled already, None where not.
        avoid: further places, as those on a line, that a name covers only where it would else have none.

    Returns:
        Keys of `POSITIONS`, or None for a name that would cover another name or a point.
    """
    found: list[str | None] = list(fixed) or [None] * len(names)
    times = np.linspace(1, widest / width, WIDTHS) if widest > width else [1.0]
    plots = [_Plot(places, names, found, avoid, width * wider, height, size, wider) for wider in times]
    for number in range(len(names)):
        if found[number] is None:
            free = [position for position in POSITIONS if all(plot.has_room(number, position) for plot in plots)]
            clear = [position for position in free if all(plot.is_clear(number, position) for plot in plots)]
            for position in [*clear, *free][:1]:
                found[number] = position
                for plot in plots:
                    plot.boxes.append(plot.box(number, position))
    return found


class _Plot:
    """A plot of one width with the names that have their place in it."""

    def __init__(
        self,
        places: Sequence[tuple[float, float]],
        names: Sequence[str],
        found: Sequence[str | None],
        avoid: Sequence[tuple[float, float]],
        width: float,
        height: float,
        size: float,
        wider: float,
    ) -> None:
        self.places, self.names, self.width, self.height, self.size = places, names, width, height, size
        self.wider = wider
        self.marks, self.dashes = (
            [(wider * x - d, y - d, wider * x + d, y + d) for x, y in some]
            for some, d in ((places, MARK / 2), (avoid, DASH / 2))
        )
        self.boxes = [self.box(number, position) for number, position in enumerate(found) if position]

    def box(self, number: int, position: str) -> Box:
        x, y = self.places[number]
        return _box(self.wider * x, y, self.names[number], position, self.size)

    def has_room(self, number: int, position: str) -> bool:
        """Whether the name would cover no other name, no other point, and stay within the plot."""
        box, marks = self.box(number, position), self.marks
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        taken = [*marks[:number], *marks[number + 1 :], *self.boxes]
        return inside and not any(_overlap(box, other) for other in taken)

    def is_clear(self, number: int, position: str) -> bool:
        box = self.box(number, position)
        return not any(_overlap(box, dash) for dash in self.dashes)


def _box(x: float, y: float, name: str, position: str, size: float) -> Box:
    right, down = POSITIONS[position]
    wide, high = LETTER * size * len(name), 1.2 * size
    x += right * (wide + MARK) / 2
    y += down * (high + MARK) / 2
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
