"""Maps of an image side by side, each with its scale; pointing at a pixel tells its value in all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmexplore.ui.components import register
from fmexplore.ui.components.gallery import picture_sheet

_component = register("heat_map", "<div class='heat-maps'></div>")


@dataclass(frozen=True)
class Heat:
    """One map: its name, `picture (height, width, 3) uint8` or None where there is none yet, and its values as texts.

    `scale` is a gradient of CSS and `ends` what its colours mean from left to right. A `minor` map is smaller.
    """

    name: str
    picture: np.ndarray | None = None
    values: Sequence[Sequence[str]] = ()
    scale: str = ""
    ends: Sequence[str] = ()
    minor: bool = False


def heat_map(maps: Sequence[Heat], key: str) -> None:
    """Draw maps of the same image; their values have the same rows and columns."""
    data: list[dict[str, Any]] = [
        {**vars(each), "picture": "" if each.picture is None else picture_sheet(each.picture[None], 1)} for each in maps
    ]
    _component(key=key, data={"maps": data})
