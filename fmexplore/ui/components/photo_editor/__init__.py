"""A photo to correct by hand: a box to cut it to, a brush for what belongs to the garment."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from PIL import Image

from fmexplore.photos.foreground import as_alpha
from fmexplore.ui.components import register, sent
from fmexplore.ui.components.steps import as_png

Tool = Literal["add", "remove", "box"]
HTML = """<div class="editor"><canvas tabindex="0" role="application"></canvas></div>"""
_component = register("photo_editor", HTML)


def photo_editor(
    picture: np.ndarray,
    mask: np.ndarray | None,
    tool: Tool,
    radius: float,
    key: str,
    on_change: Callable[[dict[str, Any]], None],
) -> None:
    """Show a picture `(h, w, 3) uint8`; what its mask `(h, w)` leaves out is veiled.

    `on_change` gets `{"box": [left, top, right, bottom]}` in shares of the picture, or `{"points": [[x, y], …]}` of a
    brush stroke in shares of it; `radius` is a share of the width.
    """

    def changed() -> None:
        if (event := sent(key, "change")) is not None:
            on_change(event)

    shown = Image.fromarray(picture[..., :3]).convert("RGBA")
    if mask is not None:
        shown.putalpha(as_alpha(0.25 + 0.75 * mask))
    data = {"picture": as_png(np.asarray(shown)), "tool": tool, "radius": radius}
    _component(key=key, data=data, on_change_change=changed)
