"""The layers of a network in a row, as buttons with a small picture of what each gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.ui.components import register, sent
from fmexplore.ui.components.gallery import picture_sheet

SIDE = 28  # of a picture
_component = register("layer_strip", "<div class='strip' role='group' aria-label='Layers'></div>")


@dataclass(frozen=True)
class Stop:
    """A layer: its name, what it is and gives, in how many blocks it lies, and its picture's number, if it has one."""

    name: str
    text: str
    gives: str
    depth: int
    picture: int | None


def layer_strip(
    stops: Sequence[Stop], pictures: np.ndarray, key: str, on_pick: Callable[[str], None], picked: str
) -> None:
    """Draw the layers with `pictures` `(n, 28, 28, 3) uint8`; `on_pick` gets the name of the pressed one."""
    there = {stop.name for stop in stops}

    def was_picked() -> None:
        if (name := sent(key, "pick")) in there:
            on_pick(str(name))

    _component(
        key=key,
        data={
            "sheet": picture_sheet(pictures, 1),
            "stops": [vars(stop) for stop in stops],
            "picked": picked,
        },
        on_pick_change=was_picked,
    )
