"""The conversion of a photo, step by step: picture, prediction at that step, and a switch where there is one."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fmexplore.ui.components import register, sent

_component = register("steps", "<ol class='steps'></ol>")


@dataclass(frozen=True)
class Stage:
    """One step: its picture `(h, w, 3) uint8`, its reason, the prediction there, and whether that has changed."""

    name: str
    title: str
    picture: np.ndarray
    note: str
    verdict: str
    changed: bool
    done: bool
    action: str = ""  # what its button does; empty where it has none


def steps(stages: Sequence[Stage], key: str, on_press: Callable[[str], None]) -> None:
    """Show the steps in order; `on_press` gets the name of the step whose button was clicked."""

    def pressed() -> None:
        if (name := sent(key, "press")) is not None:
            on_press(name)

    entries = [{**vars(stage), "picture": as_png(stage.picture)} for stage in stages]
    _component(key=key, data={"steps": entries}, on_press_change=pressed)


def as_png(picture: np.ndarray) -> str:
    """A picture as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=3)
    return base64.b64encode(buffer.getvalue()).decode()
