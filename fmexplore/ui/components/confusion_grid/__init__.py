"""The confusion matrix as buttons: every cell, row head and column head can be picked, with mouse and keyboard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui import preferences
from fmexplore.ui.components import register, sent

Numbers = Literal["counts", "true", "predicted"]
_component = register("confusion_grid", "<div class='board'></div>")


@dataclass(frozen=True)
class Look:
    """How a matrix is drawn; `numbers` may be shares of the true or of the predicted class, in per cent."""

    numbers: Numbers = "counts"
    log: bool = True
    dim_diagonal: bool = False
    difference: bool = False  # signed counts: coloured where better, more on the diagonal or fewer beside it, and worse


@dataclass(frozen=True)
class Picked:
    """What is marked: cells as (true, predicted), or one whole row or column."""

    cells: tuple[tuple[int, int], ...] = ()
    row: int | None = None
    column: int | None = None


def confusion_grid(
    frames: Sequence[tuple[str, np.ndarray]],
    key: str,
    on_pick: Callable[[dict[str, Any]], None],
    order: Sequence[int] = range(len(CLASS_NAMES)),
    look: Look = Look(),
    picked: Picked = Picked(),
    frame: int = 0,
    on_frame: Callable[[int], None] = lambda _: None,
    label: str = "Confusion matrix",
    names: Sequence[str] = CLASS_NAMES,
) -> None:
    """Draw captioned counts `(k, k)` of k `names`, one frame at a time; of several with a slider and *Play*.

    `on_pick` gets `{"cell": [true, predicted]}`, `{"row": true}` or `{"column": predicted}`, each with `more`: whether
    it is to be added to what is marked. `on_frame` gets the number of the frame that was moved to.
    """

    def was_picked() -> None:
        if (pick := sent(key, "pick")) is not None:
            on_pick(pick)

    def was_moved() -> None:
        if (number := sent(key, "frame")) is not None:
            on_frame(number)

    _component(
        key=key,
        data={
            "frames": [{"caption": caption, "counts": counts.tolist()} for caption, counts in frames],
            "frame": frame,
            "names": list(names),
            "order": list(order),
            "numbers": look.numbers,
            "scale": "log" if look.log else "linear",
            "dim": look.dim_diagonal,
            "difference": look.difference,
            "cells": [list(cell) for cell in picked.cells],
            "row": picked.row,
            "column": picked.column,
            "label": label,
            "sign": {"point": ".", "comma": ","}[preferences.preference("decimal")],
        },
        on_pick_change=was_picked,
        on_frame_change=was_moved,
    )
