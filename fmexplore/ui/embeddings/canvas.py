"""Maps on the page: what a click, a lasso and a missing picture do, and what is marked on them."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from fmexplore.ui import shared, url
from fmexplore.ui.components.gallery import picture_sheet
from fmexplore.ui.components.scatter import Points, mark, scatter
from fmexplore.ui.embeddings.sheets import sheet_address
from fmexplore.ui.selection import maps as selected_maps
from fmexplore.ui.selection.map_area import Selection
from fmexplore.ui.selection.maps import Mapped, Marks

MOST_PICTURES = 500  # asked for one by one that a session keeps


def draw_map(now: Mapped, key: str, group: str = "map") -> None:
    """One map; a click opens an image, an outline selects."""
    split = {"split": now.split} if now.moment else {}  # only then can it be another one than in the link

    def pick(image_id: int) -> None:
        url.go(image=selected_maps.number_in_link(now.split, image_id), **split)

    def select(event: dict) -> None:
        outline = tuple((float(x), float(y)) for x, y in event["polygon"])
        chosen = Selection(outline, tuple(event["hidden"]), bool(event["errors"]), now.key)
        url.go(selected=chosen.text() if chosen else None, image=None, **split)

    scatter(now.points(), now.key, group, f"scatter_{key}", sheet_address(), pick, select, want_picture)


def draw_course(maps: Sequence[Mapped], group: str) -> None:
    """The same images at several moments, with a slider; a click opens one on the map of the end."""
    last = maps[-1]
    frames = (each.outputs.frame(each.coordinates, each.caption) for each in maps)

    def pick(image_id: int) -> None:
        url.go(view=None, split=last.split, image=selected_maps.number_in_link(last.split, image_id))

    points = Points(last.ids, last.labels, tuple(frames), shared.dataset().addresses, last.train_name)
    scatter(points, f"{last.key} all", group, f"scatter_{group}", sheet_address(), pick, on_want=want_picture)
    draw_marks(group)


def draw_marks(group: str, marks: Marks | None = None, neighbours: np.ndarray | None = None) -> None:
    """Show on all maps of the group what is selected, opened and near that."""
    pictures = wanted_pictures()
    if marks is None:
        mark(group, pictures=pictures)
        return
    selection, ids = marks.selection, marks.ids.tolist()
    is_cell = selection.label is not None or selection.predicted is not None
    mark(
        group,
        selected=ids if marks.image_id is None else (),
        marked=ids if is_cell else (),
        focus=marks.image_id,
        neighbours=() if neighbours is None else neighbours.tolist(),
        outline=(marks.now.key, selection.outline),
        pictures=pictures,
    )


def wanted_pictures() -> dict[int, str]:
    """What has been asked for one by one, because there are no sheets: pictures by image id."""
    return st.session_state.setdefault("pictures_wanted", {})


def want_picture(image_id: int) -> None:
    """Send a picture with the next marks."""
    wanted = wanted_pictures()
    while len(wanted) >= MOST_PICTURES:
        wanted.pop(next(iter(wanted)))
    wanted[int(image_id)] = picture_sheet(shared.dataset().images_of(np.array([image_id], int)), 1)
