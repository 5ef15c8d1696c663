"""A map of images on a canvas: up to 70,000 points, or their pictures, in two or three dimensions."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmexplore.data.addresses import Addresses
from fmexplore.data.fashion_mnist import CLASS_NAMES, GROUPS
from fmexplore.ui.charts.base import CLASS_COLORS
from fmexplore.ui.components import register, sent

RIGHT, WRONG = "#3b82f6", "#e8590c"
LOSS_RANGE = 6.0  # nats, from black to bright
HTML = """<div class="scatter"><div class="bar"></div>
<div class="board" tabindex="0" role="application" aria-label="Map of images: arrows move, + and - zoom, 0 shows all">
<canvas class="points"></canvas><canvas class="over"></canvas>
<div class="tip" hidden><canvas width="28" height="28"></canvas><span></span><span></span></div></div>
<div class="time" hidden><button type="button"></button>
<input type="range" min="0" aria-label="Moment of the training"><output></output></div>
<div class="legend"></div></div>"""
_component = register("scatter", HTML)


@dataclass(frozen=True)
class Frame:
    """Where the images lie at one moment, `(n, 2 or 3) float32`, and the predictions for them.

    `predicted` `(n,)` is above 9 where nothing is known; `confidence` goes from 0 to 1, `loss` is in nats.
    """

    coordinates: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray
    caption: str = ""


@dataclass(frozen=True)
class Points:
    """Images on a map: ids and labels, both `(n,)`; one moment or several; and what the ids mean.

    An id that no image has is that of a photo of one's own.
    """

    ids: np.ndarray
    labels: np.ndarray
    frames: tuple[Frame, ...]
    addresses: Addresses
    train_name: str = "Training image"  # what one is called that is no test image


def scatter(
    points: Points,
    name: str,
    group: str,
    key: str,
    sheets: str,
    on_pick: Callable[[int], None],
    on_select: Callable[[dict[str, Any]], None] | None = None,
    on_want: Callable[[int], None] = lambda _: None,
) -> None:
    """Draw a map, with a slider and *Play* where it has several frames.

    Maps of the same `group` share hover and marks (see `mark`); another `name` is another map.

    `sheets` is the address of the sheets of pictures without their number, empty where there are none: `on_want` is
    then asked for single pictures. `on_pick` gets the id of a clicked point; `on_select` an outline in the
    coordinates of the map with what was hidden: `{"polygon": [[x, y]…], "hidden": [class…], "errors": bool}`;
    without it there is no lasso.
    """

    def call(field: str, act: Callable[[Any], None]) -> Callable[[], None]:
        def called() -> None:
            if (value := sent(key, field)) is not None:
                act(value)

        return called

    _component(
        key=key,
        data=_pack(points, name, group, sheets, on_select is not None),
        on_pick_change=call("pick", on_pick),
        on_selection_change=call("selection", on_select or (lambda _: None)),
        on_want_change=call("want", on_want),
    )


def _pack(points: Points, name: str, group: str, sheets: str, lasso: bool) -> bytes:
    """One block of bytes, as only that is sent without copies and not sent again: a header, then the arrays."""
    shapes = {label: shape for shape, labels in enumerate(GROUPS.values()) for label in labels}
    head = {
        "count": len(points.ids),
        "firstTest": points.addresses.train,
        "trainName": points.train_name,
        "firstPhoto": len(points.addresses),
        "dimensions": points.frames[0].coordinates.shape[1],
        "frames": [frame.caption for frame in points.frames],
        "name": name,
        "group": group,
        "sheets": sheets,
        "lasso": lasso,
        "names": CLASS_NAMES,
        "colors": CLASS_COLORS,
        "shapes": [shapes[label] for label in range(len(CLASS_NAMES))],
        "right": RIGHT,
        "wrong": WRONG,
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)
    parts = [np.uint32(len(text)), text]
    parts += [np.ascontiguousarray(frame.coordinates.T, np.float32) for frame in points.frames]
    parts += [points.ids.astype(np.uint32), points.labels.astype(np.uint8)]
    for frame in points.frames:
        shares = frame.confidence, np.minimum(frame.loss / LOSS_RANGE, 1)
        parts += [frame.predicted.astype(np.uint8), *((255 * share).round().astype(np.uint8) for share in shares)]
    return b"".join(part if isinstance(part, bytes) else part.tobytes() for part in parts)


_marker = register("scatter", "<span></span>", script="mark")


def mark(
    group: str,
    selected: Sequence[int] = (),
    marked: Sequence[int] = (),
    focus: int | None = None,
    neighbours: Sequence[int] = (),
    outline: tuple[str, Sequence[Sequence[float]]] = ("", ()),
    pictures: dict[int, str] | None = None,
) -> None:
    """Tell the maps of a group which ids are selected, belong to the marked cells, are looked at, or lie near that.

    `outline` is the name of the map that was selected on, and the outline in its coordinates; `pictures` are PNGs in
    base64 that were asked for.
    """
    _marker(
        key=f"marks_{group}",
        height=1,
        data={
            "group": group,
            "selected": [int(each) for each in selected],
            "marked": [int(each) for each in marked],
            "focus": focus,
            "neighbours": [int(each) for each in neighbours],
            "owner": outline[0],
            "polygon": [list(point) for point in outline[1]],
            "pictures": pictures or {},
        },
    )
