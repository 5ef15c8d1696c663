"""The Embeddings page: the map, what is selected on it, and the choice of the other views."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.embeddings.features import PIXELS
from fmexplore.errors import RunNotFound
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.embeddings.canvas import draw_map, draw_marks
from fmexplore.ui.embeddings.computing import find_map
from fmexplore.ui.embeddings.quality import quality_line, quality_view
from fmexplore.ui.embeddings.selection import find_marks, selection_panel
from fmexplore.ui.embeddings.settings import SPLITS, choose_config, choose_source
from fmexplore.ui.embeddings.side_by_side import over_time, side_by_side
from fmexplore.ui.formatting import num
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.maps import Mapped

MAP = "map"
VIEWS = {MAP: "Map", "pair": "Side by side", "time": "Over the training", "trust": "Map quality"}


def embeddings() -> None:
    shared.analyst()
    selection = url.read_link(tuple(VIEWS), tuple(SPLITS), ("view", "image"))
    messages.warn(selection.problems)
    run = _usable_run()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        widgets.choose_view(VIEWS, selection.view, "map_view")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        source, method = choose_source(run, fixed=selection.view == "time")  # snapshots keep one layer and split
        config = choose_config(method)
    if config is None:
        return
    with messages.boundary():
        if selection.view == "time":
            over_time(source, config)
        elif selection.view == "pair":
            side_by_side(source, config, selection.image)
        elif found := find_map(source, config):
            quality_view(found) if selection.view == "trust" else _map(found, selection.image)


def _usable_run() -> Run | None:
    """The shown run, if it has a network to ask; else the map shows pixels, and says why."""
    try:
        run = session.shown_run()
    except RunNotFound as error:
        messages.show_error(f"{error} Until then, this is a map of the pixels.")
        return None
    if run and (why := selected_predictions.unavailable_reason(run)):
        st.info(f"{formatting.plain(run.title)} {why}: this is a map of the pixels.")
        return None
    return run


def _map(now: Mapped, number: int | None) -> None:
    marks = find_marks([now], number)
    with st.container(key="figure_first" if marks.image_id is not None else "map_first"):
        left, right = st.columns([64, 36], gap="large")
    with left:
        st.subheader(finding(now), anchor=False)
        draw_map(now, "main")
        quality_line(now)
    near = np.zeros(0, int)
    with right, messages.boundary():
        near = selection_panel(marks)
    draw_marks("map", marks, near)


def finding(now: Mapped) -> str:
    """The map in a sentence: the two classes that overlap most, by their centres and spreads."""
    classes = [label for label in range(len(CLASS_NAMES)) if (now.labels == label).any()]
    clusters = [now.coordinates[now.labels == label] for label in classes]
    centres = np.array([cluster.mean(0) for cluster in clusters])
    spreads = np.array([np.linalg.norm(cluster - centre, axis=1).mean() for cluster, centre in zip(clusters, centres)])
    who = "By pixels" if now.layer == PIXELS else "By features"
    if len(classes) < 2:
        return f"{who}: {num(len(now.ids)):,} images of one class"
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) / (spreads[:, None] + spreads + 1e-9)
    np.fill_diagonal(apart, np.inf)
    one, other = (classes[place] for place in np.unravel_index(apart.argmin(), apart.shape))
    return f"{who}, {formatting.plural(one)} and {formatting.plural(other)} overlap most"
