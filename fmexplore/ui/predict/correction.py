"""A photo's conversion corrected by hand: brush, box, turning; what they do is seen at once."""

from typing import Any

import numpy as np
import streamlit as st

from fmexplore.photos.foreground import Stroke
from fmexplore.ui import messages
from fmexplore.ui.components.photo_editor import Tool, photo_editor
from fmexplore.ui.selection import photos
from fmexplore.ui.selection.photos import WHOLE, Photo


def correct(photo: Photo) -> None:
    """Brush and box; what they do is seen at once."""

    def undo() -> None:
        photos.change(photo, strokes=photos.newest(photo).how.strokes[:-1])

    with st.container():
        converted = photos.convert(photo)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        tools: dict[Tool, str] = {
            "add": "Add to the garment",
            "remove": "Remove from the garment",
            "box": "Crop to a box",
        }
        tool: Tool = st.segmented_control(
            "Tool", list(tools), format_func=tools.__getitem__, key="photo_tool", default="add", required=True,
        )  # fmt: skip
        radius = st.slider("Brush", 1, 15, 4, key="photo_brush", width=160, help="Radius, in % of the width.") / 100
        st.button("Undo", on_click=undo, disabled=not photo.how.strokes)
        st.button("Rotate by 90°", on_click=photos.turn, args=(photo,))
        touched = photo.how.crop != WHOLE or bool(photo.how.strokes)
        start = {"crop": WHOLE, "strokes": ()}
        st.button("Start over", on_click=photos.change, args=(photo,), kwargs=start, disabled=not touched)

    def changed(event: dict[str, Any]) -> None:
        def draw() -> None:
            how = photos.newest(photo).how
            if box := event.get("box"):
                photos.change(photo, crop=_inner(how.crop, box), strokes=())
            elif points := event.get("points"):
                stroke = Stroke.parse({"points": points, "radius": radius, "keep": event.get("tool") != "remove"})
                photos.change(photo, strokes=(*how.strokes, stroke))

        messages.act(draw)

    left, right = st.columns([40, 60], gap="large")
    with left:
        upright = converted.steps[0].picture
        photo_editor(upright, converted.mask, tool, radius, "photo_editor", changed)
        st.caption("Clear = garment, faded = background. Draw with the mouse or a finger.")
    with right:
        cut_out, image = converted.steps[1].picture, converted.image
        with st.container(horizontal=True, gap="medium"):
            st.image(cut_out, caption="Foreground", width=220, alt="The photo without its background")
            large = np.kron(image, np.ones((8, 8), np.uint8))
            st.image(large, caption="28 x 28", width=224, alt="The input of the network")
        st.caption(converted.steps[1].note)


def _inner(crop: tuple[float, ...], box: list[float]) -> tuple[float, ...]:
    """A box drawn inside the part that is shown, in shares of the whole."""
    left, top, right, bottom = crop
    across, along = right - left, bottom - top
    return (left + box[0] * across, top + box[1] * along, left + box[2] * across, top + box[3] * along)
