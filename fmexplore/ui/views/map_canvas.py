"""One map on the page: what a click, a lasso and a missing picture lead to."""

import streamlit as st

from fmexplore.ui import link, mapped
from fmexplore.ui.components.gallery import picture_sheet
from fmexplore.ui.components.scatter import scatter
from fmexplore.ui.mapped import Mapped, Selection
from fmexplore.ui.sheets import sheet_address


def draw_map(now: Mapped, key: str, group: str = "embeddings") -> None:
    """One map; a click opens an image, an outline selects."""

    def pick(image_id: int) -> None:
        link.go(image=mapped.number_in_link(now, image_id))

    def select(event: dict) -> None:
        outline = tuple((float(x), float(y)) for x, y in event["polygon"])
        chosen = Selection(outline, tuple(event["hidden"]), bool(event["errors"]), now.config.key())
        link.go(selected=chosen.text() if chosen else None, image=None)

    def want(image_id: int) -> None:
        wanted = st.session_state.setdefault("pictures_wanted", {})
        wanted[int(image_id)] = picture_sheet(mapped.image_of(int(image_id))[None], 1)

    scatter(now.points(), now.name, group, f"scatter_{key}", sheet_address(), pick, select, want)
