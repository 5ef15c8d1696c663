"""Many small pictures at once, crisp, from one sheet; a click or Enter opens one."""

import base64
import hashlib
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fmexplore.ui import shared
from fmexplore.ui.components import register, sent

COLUMNS = 20  # of the sheet, not of what is seen
MOST_SHEETS = 100  # kept: one of 200 images has some 100 kB
_component = register("gallery", "<div class='gallery'></div>")


@dataclass(frozen=True)
class Item:
    """A picture's number, the words below it, and the sentence for tooltips and screen readers."""

    id: int
    caption: str
    label: str
    wrong: bool = False


def gallery(
    images: np.ndarray,
    items: Sequence[Item],
    key: str,
    on_open: Callable[[int], None] | None = None,
    size: int = 56,
    stretch: bool = True,
    across: int | None = None,
    most_rows: int | None = None,
    height: int | None = None,
    current: int | None = None,
    focus: bool = False,
    label: str = "Images",
) -> None:
    """Show `images`, `(n, height, width)` grey or with 3 or, transparent, 4 channels last, uint8.

    They are `size` pixels wide or, stretched, a little more, so that they fill their rows, or `across` in a row. With
    `most_rows` only full rows are shown, at most so many; else more than `height` pixels are scrolled. `on_open` gets
    the number of a clicked one; a click on a picture that is gone when it arrives is dropped. `current` is marked
    and, with `focus`, gets the keyboard's.
    """
    there = {item.id for item in items}

    def opened() -> None:
        if on_open and (number := sent(key, "pick")) in there:
            on_open(number)

    columns = max(1, min(COLUMNS, len(items)))
    _component(
        key=key,
        data={
            "sheet": picture_sheet(images, columns),
            "columns": columns,
            "transparent": images.shape[3:] == (4,),
            "shape": images.shape[2] / images.shape[1],
            "items": [vars(item) for item in items],
            "open": on_open is not None,
            "size": size,
            "stretch": stretch,
            "across": across,
            "rows": most_rows,
            "height": height,
            "current": current,
            "focus": focus,
            "label": label,
        },
        on_pick_change=opened,
    )


def picture_sheet(images: np.ndarray, columns: int) -> str:
    """All images side by side in rows of `columns`, as a PNG in base64; the last sheets are kept, for all sessions."""
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    return _kept_sheet(digest, images.shape, columns, images)


@shared.keep(MOST_SHEETS)
def _kept_sheet(digest: str, shape: tuple[int, ...], columns: int, _images: np.ndarray) -> str:
    del digest, shape  # they name the images
    return base64.b64encode(encode_sheet(_images, columns)).decode()


def encode_sheet(images: np.ndarray, columns: int) -> bytes:
    """The same as the PNG itself."""
    rows = max(1, math.ceil(len(images) / columns))
    high, wide, *color = images.shape[1:]
    sheet = np.zeros((rows * columns, high, wide, *color), np.uint8)
    sheet[: len(images)] = images
    tiles = sheet.reshape(rows, columns, high, wide, *color).swapaxes(1, 2)
    buffer = io.BytesIO()
    Image.fromarray(tiles.reshape(rows * high, columns * wide, *color)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
