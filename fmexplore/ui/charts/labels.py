"""Where the names of points go so that none covers another. Knows pixels and texts, no figure."""

from collections.abc import Sequence

LETTER = 0.54  # mean width of a letter of Source Sans, of its size
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
        size: of the font in pixels.
        fixed: positions that are settled already, None where not.
        avoid: further places, as those on a line, that a name covers only where it would else have none.

    Returns:
        Keys of `POSITIONS`, or None for a name that would cover another name or a point.
    """
    found: list[str | None] = list(fixed) or [None] * len(names)
    marks, dashes = (
        [(x - d, y - d, x + d, y + d) for x, y in some] for some, d in ((places, MARK / 2), (avoid, DASH / 2))
    )
    boxes = [_box(*place, name, position, size) for place, name, position in zip(places, names, found) if position]
    for number, (place, name) in enumerate(zip(places, names, strict=True)):
        if found[number] is not None:
            continue
        taken = [*marks[:number], *marks[number + 1 :], *boxes]
        free = {}
        for position in POSITIONS:
            box = _box(*place, name, position, size)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
            if inside and not any(_overlap(box, other) for other in taken):
                free[position] = box
        clear = [position for position, box in free.items() if not any(_overlap(box, dash) for dash in dashes)]
        for position in [*clear, *free][:1]:
            found[number] = position
            boxes.append(free[position])
    return found


def _box(x: float, y: float, name: str, position: str, size: float) -> Box:
    right, down = POSITIONS[position]
    wide, high = LETTER * size * len(name), 1.2 * size
    x += right * (wide + MARK) / 2
    y += down * (high + MARK) / 2
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
