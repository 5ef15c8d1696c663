"""The Inside page: which run, and the choice of its views."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.errors import NoAnswers
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.inside.channels import channels
from fmexplore.ui.inside.cues import cues
from fmexplore.ui.inside.looks import looks
from fmexplore.ui.inside.way import way
from fmexplore.ui.robustness.page import robustness
from fmexplore.ui.selection import predictions as selected_predictions

VIEWS: dict[str, tuple[str, Callable[[Run, Container], None]]] = {
    "way": ("The way of one image", way),
    "looks": ("Where it looks", looks),
    "channels": ("Channels", channels),
    "cues": ("Key visual cues", cues),
    "robustness": ("Robustness", robustness),
}
# What is meant for one view, and would select something else in another one; or for several, where it stays.
OF_A_VIEW = ("layer", "channel", "at", "snapshot", "change", "severity", "beside", "patch", "fill")
OF_SEVERAL = {
    **dict.fromkeys(("image", "photo"), ("way", "looks", "cues")),
    "split": ("way", "looks", "channels", "cues"),
    "class": ("looks", "channels", "cues", "robustness"),
    "against": ("looks", "cues"),
}


def inside() -> None:
    shared.analyst()
    link = url.read_link(tuple(VIEWS), names=("view",))
    messages.warn(link.problems)
    run = session.shown_run()
    if run is None:
        st.info("Nothing has been trained yet.")
        st.page_link(session.TRAIN_PAGE, label="Train a network first")
        return
    if why := selected_predictions.unavailable_reason(run):
        if not run.status.active and not selected_predictions.has_answers(run):
            messages.show_error(NoAnswers.of(run.title, run.id))
            return
        name = formatting.plain(run.title)
        st.info(f"{name} {why}: once it has ended with its weights, it is shown here what happens inside it.")
        st.page_link(session.TRAIN_PAGE, label="Open the run", query_params={"run": run.id})
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        names = {view: title for view, (title, _) in VIEWS.items()}
        widgets.choose_view(names, link.view, "inside_view", OF_SEVERAL, **dict.fromkeys(OF_A_VIEW))
    VIEWS[link.view][1](run, row)
