"""The heat map of changes and severities as buttons: a row for each change, with a small picture of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmexplore.ui.components import register, sent
from fmexplore.ui.components.gallery import picture_sheet

_component = register("change_grid", "<div class='board'></div>")


@dataclass(frozen=True)
class Cell:
    """What a cell shows: its text, how dark it is (0 to 1), and a sentence for tooltips and screen readers."""

    text: str
    weight: float
    label: str


@dataclass(frozen=True)
class Line:
    """A row: the name of the change, what it is, whether it is marked, and its cells by severity."""

    name: str
    about: str
    marked: bool
    cells: tuple[Cell, ...]


def change_grid(
    lines: Sequence[Line],
    pictures: np.ndarray,
    key: str,
    on_pick: Callable[[str, int], None],
    picked: tuple[str, int] | None,
    mark: str,
    label: str,
) -> None:
    """Draw the rows, each with its picture `(rows, 28, 28) uint8`; `mark` says what a marked row is, `label` the table.

    `on_pick` gets the name of a row and the severity, from 1, of the pressed cell.
    """

    def was_picked() -> None:
        if (pick := sent(key, "pick")) is not None and len(pick) == 2:
            on_pick(str(pick[0]), int(pick[1]))

    lines_data: list[dict[str, Any]] = [{**vars(line), "cells": [vars(cell) for cell in line.cells]} for line in lines]
    _component(
        key=key,
        data={
            "sheet": picture_sheet(pictures, 1),
            "lines": lines_data,
            "picked": list(picked) if picked else None,
            "label": label,
            "mark": mark if any(line.marked for line in lines) else "",
        },
        on_pick_change=was_picked,
    )
