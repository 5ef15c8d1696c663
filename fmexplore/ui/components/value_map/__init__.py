"""One map, large, whose values can be pointed at, beside the image with the receptive field of the chosen one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fmexplore.ui.components import register, sent
from fmexplore.ui.components.gallery import picture_sheet

_component = register("value_map", "<div class='value-map'></div>")


def value_map(
    picture: np.ndarray | None,
    values: Sequence[Sequence[str]],
    name: str,
    at: tuple[int, int],
    image: np.ndarray,
    box: tuple[int, int, int, int],
    told: str,
    key: str,
    on_point: Callable[[int, int], None],
) -> None:
    """Draw a map, `(height, width, 3) uint8`, with its values as texts; without one the image alone.

    `box` is top, left, bottom, right of the field in the image `(28, 28) uint8`, none where it is empty; `told`
    says that below it. `on_point` gets row and column of the value that was clicked, or chosen with the keyboard.
    """

    def pointed() -> None:
        place = sent(key, "point")
        if isinstance(place, list) and len(place) == 2 and all(isinstance(each, int) for each in place):
            on_point(*place)

    data: dict[str, Any] = {
        "map": "" if picture is None else picture_sheet(picture[None], 1),
        "values": values,
        "name": name,
        "at": at,
        "image": picture_sheet(image[None], 1),
        "box": box if box[2] > box[0] and box[3] > box[1] else None,
        "told": told,
        "side": image.shape[0],
    }
    _component(key=key, data=data, on_point_change=pointed)
