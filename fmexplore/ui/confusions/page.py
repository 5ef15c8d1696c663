"""The Confusions page: what is looked at, and the choice of its views."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from fmexplore.errors import FMExploreError, NoAnswers
from fmexplore.evaluation.confusion import Order
from fmexplore.runs.run import Run
from fmexplore.ui import display_options, formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.confusion_grid import Look, Numbers
from fmexplore.ui.confusions.matrix import show_matrix
from fmexplore.ui.confusions.metrics import metrics
from fmexplore.ui.confusions.pair import pair
from fmexplore.ui.confusions.suspects import KINDS, suspects
from fmexplore.ui.confusions.two_runs import two_runs
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import ORDERS as IMAGE_ORDERS
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import SPLIT_NAMES, Moment, Shown
from fmexplore.ui.url import Link

MATRIX = "matrix"
VIEWS: dict[str, tuple[str, Callable[[Shown, Link], None]]] = {
    "pair": ("Two classes", pair),
    "runs": ("Two runs", two_runs),
    "figures": ("Metrics", metrics),
    "suspects": ("Data issues", suspects),
}
READ_VIEWS = MATRIX, *VIEWS
NUMBERS: dict[str, Numbers] = {
    "counts": "counts",
    "% of true class": "true",
    "% of predicted class": "predicted",
}
SHARES = "On the diagonal, % of true class is the recall and % of predicted class the precision."
ORDERS: dict[str, Order] = {
    "as in the data set": "data set",
    "most confused first": "confusion",
    "lowest recall first": "accuracy",
    "confused classes together": "clustered",
    "tops, dresses, shoes, bag": "groups",
}
LOOK = {
    "matrix_numbers": NUMBERS,
    "matrix_order": ORDERS,
    "matrix_log": display_options.ON,
    "matrix_dim": display_options.OFF,
    "images_order": IMAGE_ORDERS,
    "suspects_kind": KINDS,
    url.SINCE: (url.MARKED, "learnt", "forgotten"),
}
POLL_SECONDS = 2


def confusions() -> None:
    shared.analyst()
    selection = url.read_link(READ_VIEWS)
    messages.warn(selection.problems)
    run = session.shown_run()
    if run is None:
        st.info("Nothing has been trained yet.")
        st.page_link(session.TRAIN_PAGE, label="Train a network first")
        return
    found = selected_predictions.splits(run)
    if not found:
        _nothing_yet(run)
        return
    _follow(run)
    display_options.recall(LOOK)
    grid = _controls(run, selection, found)
    # A click on a cell or an image draws these anew, and neither the sidebar nor the controls.
    st.fragment(_view)(run, found, *grid)


def _view(run: Run, found: list[str], colours: Look, order: Order) -> None:
    url.leave_fragment()
    display_options.renew_link()
    selection = url.read_link(READ_VIEWS)
    with messages.boundary():
        with st.container():
            now, moments = _look_at(run, selection, found)
        if selection.view == MATRIX:
            show_matrix(now, moments, selection, colours, order)
        else:
            VIEWS[selection.view][1](now, selection)


def _nothing_yet(run: Run) -> None:
    name = formatting.plain(run.title)
    if run.status.active:
        st.info(f"{name} has no snapshot yet: its confusions appear here with the first one.")
        _follow(run)
    elif not selected_predictions.has_answers(run):
        messages.show_error(NoAnswers.of(run.title, run.id))
        return
    elif run.config.training.validation == "none":
        st.info(f"{name} has neither weights nor predictions: train it again to see what it confuses.")
    else:
        st.info(f"{name} ended before its first snapshot: resume it, or train it again.")
    st.page_link(session.TRAIN_PAGE, label="Open the run", query_params={"run": run.id})


def _follow(run: Run) -> None:
    """While the run trains, draw the page again with each snapshot, and when it ends."""
    before = len(run.snapshot_steps())

    def look() -> None:
        try:
            if run.status.active and len(run.snapshot_steps()) == before:
                return
        except FMExploreError:
            pass  # deleted in another tab: the page says so
        st.rerun()

    if run.status.active:
        st.fragment(look, run_every=POLL_SECONDS)()


def _controls(run: Run, selection: Link, found: list[str]) -> tuple[Look, Order]:
    """The row above everything; the run itself is chosen in the sidebar."""
    names = {MATRIX: "Matrix", **{name: title for name, (title, _) in VIEWS.items()}}
    numbers, order, log, dim = next(iter(NUMBERS)), next(iter(ORDERS)), True, False
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        widgets.choose_view(names, selection.view, "confusions_view", image=None)
        st.session_state["confusions_split"] = selection.split if selection.split in found else found[0]
        st.selectbox(
            "Images",
            found,
            format_func=SPLIT_NAMES.__getitem__,
            key="confusions_split",
            width=120,
            on_change=lambda: url.go(split=st.session_state.confusions_split, snapshot=None, image=None),
        )
        if selection.view == MATRIX:
            keep: dict[str, Any] = {"persist_state": "session"}
            numbers = st.selectbox("Numbers", list(NUMBERS), key="matrix_numbers", width=180, help=SHARES, **keep)
            order = st.selectbox("Order of classes", list(ORDERS), key="matrix_order", width=185, **keep)
            with st.popover("Colour"):
                log = st.toggle(
                    "Logarithmic", key="matrix_log", help="Without it, rare errors are hardly visible.", **keep
                )
                dim = st.toggle("Dim the diagonal", key="matrix_dim", **keep)
    if run.status.active:
        st.caption(
            f"{formatting.plain(run.title)} is still training: this is its latest snapshot, and the next ones will "
            "replace it."
        )
    return Look(NUMBERS[numbers], log, dim), ORDERS[order]


def _look_at(run: Run, selection: Link, found: list[str]) -> tuple[Shown, list[Moment]]:
    """The predictions that the link selects, and all moments to choose from: read once, as a run may end meanwhile."""
    name, split = formatting.plain(run.title), selection.split if selection.split in found else found[0]
    words = selected_predictions.words(split)
    if not run.status.active and (why := selected_predictions.unavailable_reason(run)):
        st.info(f"{name} {why}. These are its snapshots from before.")
    if selection.split and selection.split != split:
        when = " before it has ended" if run.status.active else ""
        st.warning(
            f"{name} cannot be shown on {selected_predictions.words(selection.split)}{when}: these are the {words}."
        )
    moments = selected_predictions.moments(run, split)
    known = {moment.step: moment for moment in moments}
    moment = known.get(selection.snapshot) if selection.snapshot is not None else None
    if selection.snapshot is not None and moment is None:
        st.warning(f"{name} has no snapshot {num(selection.snapshot):,} of its {words}: this is the last moment.")
    return selected_predictions.show(run, split, moment or moments[-1]), moments
