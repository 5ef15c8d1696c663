"""The Confusions page: what is looked at, the matrix, and the choice of the other views."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import FMExploreError, NoAnswers
from fmexplore.evaluation.confusion import Order, accuracy_interval, class_order, most_confused
from fmexplore.evaluation.predictions import learnt_and_forgotten
from fmexplore.runs.run import Run
from fmexplore.ui import display_options, formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.confusion_grid import Look, Numbers, Picked, confusion_grid
from fmexplore.ui.confusions.groups import Folding, choose_groups, describe_groups
from fmexplore.ui.confusions.metrics import metrics
from fmexplore.ui.confusions.pair import pair
from fmexplore.ui.confusions.suspects import KINDS, suspects
from fmexplore.ui.confusions.two_runs import two_runs
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import ORDERS as IMAGE_ORDERS
from fmexplore.ui.images.gallery import images_or_card
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
            _matrix(now, moments, selection, Folding(selection.groups), colours, order)
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


def _matrix(now: Shown, moments: list[Moment], selection: Link, folding: Folding, colours: Look, order: Order) -> None:
    frames = []
    for moment in moments:
        each = now if moment == now.moment else selected_predictions.show(now.run, now.split, moment)
        matrix = folding.matrix(each.matrix)
        share = formatting.percent(matrix.trace() / max(matrix.sum(), 1))
        frames.append((f"{moment.text}: {share} of the {each.words} right", matrix))
    place = moments.index(now.moment)

    def picked(event: dict) -> None:
        url.show_marked()
        url.pick(folding.pick(selection.picked, event))

    def moved(frame: int) -> None:
        url.go(snapshot=moments[frame].step, image=None)

    with st.container(key="figure_first" if selection.image is not None else "matrix_first"):
        left, right = st.columns([52, 48], gap="large")

    def show_selected() -> None:
        with right, messages.boundary():
            before = selected_predictions.show(now.run, now.split, moments[place - 1]) if place else None
            _selected(now, selection, folding, before)

    # Who has clicked a cell waits for its images, so they come first; a card may wait for its analyses, so it does not.
    if selection.image is None:
        show_selected()
    with left:
        matrix = frames[place][1]
        st.subheader(finding(matrix, folding.plural), anchor=False)
        low, high = accuracy_interval(int(matrix.trace()), int(matrix.sum()))
        share, folded, within = formatting.percent(matrix.trace() / max(matrix.sum(), 1), 2), "", ""
        if folding.folds:
            folded, within = f" in {len(matrix)} groups", formatting.percent(now.predictions.accuracy, 2)
            within = f", {within} in the ten classes"
        st.caption(
            f"{share} of {num(matrix.sum()):,} {now.words} are right{folded} "
            + formatting.unbroken(f"(95 % interval {formatting.percents(low, high)}){within}. Rows are true classes.")
        )
        confusion_grid(
            frames,
            "confusion_grid",
            picked,
            class_order(matrix, order),
            colours,
            folding.marked(selection.picked),
            place,
            moved,
            names=folding.names,
        )
        widgets.mark_several()
        first = selected_predictions.moments(now.run, "validation")[:1] if now.split != "validation" else []
        with st.container(horizontal=True):
            choose_groups(folding)
            if first and first[0].step is not None:
                st.button(
                    "Replay the training on the validation images",
                    on_click=url.go,
                    kwargs={"split": "validation", "snapshot": first[0].step, "image": None},
                )
    if selection.image is not None:
        show_selected()


def finding(matrix: np.ndarray, plural: Callable[..., str] = formatting.plural) -> str:
    """The matrix in a sentence; `plural` gives the name of a class, or of a group of them, for several of it."""
    true, predicted = most_confused(matrix)
    count, back = matrix[true, predicted], matrix[predicted, true]
    if not count:
        return "No image is misclassified"
    times = "once" if count == 1 else f"{count} times"
    return f"{plural(true, start=True)} are taken for {plural(predicted)} {times}, the other way {back}"


def _selected(now: Shown, selection: Link, folding: Folding, before: Shown | None) -> None:
    """The marked images, or those learnt or forgotten since the previous moment."""
    since = _since(now, before) if before else None
    if before is None or since is None:
        whole = folding.folds and selection.picked == Picked()
        positions = np.flatnonzero(~folding.right(now.predictions)) if whole else now.find(selection.picked)
        images_or_card(
            now,
            positions,
            selection.image,
            lambda: _describe(now, selection.picked, folding, positions),
            f"{now.run.id}_{now.split}_{now.moment.step}_{selection.picked}_{selection.groups if whole else ''}",
        )
        return
    positions, was, now_is = since
    both = before.predictions.predicted, now.predictions.predicted

    def turned(position: int) -> str:
        before_and_now = " → ".join(CLASS_NAMES[predicted[position]] for predicted in both)
        return f"predicted:\n{before_and_now}"

    images_or_card(
        now,
        positions,
        selection.image,
        lambda: _title(f"{num(len(positions)):,} images were {was} at {before.moment.text} and are {now_is} now"),
        f"{now_is}_{now.moment.step}",
        caption=turned,
    )


def _since(now: Shown, before: Shown) -> tuple[np.ndarray, str, str] | None:
    """Positions of images learnt or forgotten since then, with the words for before and now; None for the marked."""
    learnt, forgotten = learnt_and_forgotten(before.predictions, now.predictions)
    names = {
        url.MARKED: "Marked",
        "learnt": f"Learnt: {num(len(learnt)):,}",
        "forgotten": f"Forgotten: {num(len(forgotten)):,}",
    }
    chosen = st.segmented_control(
        f"Since {before.moment.text}",
        list(names),
        format_func=names.__getitem__,
        key=url.SINCE,
        required=True,
        persist_state="session",
    )
    return {"learnt": (learnt, "wrong", "right"), "forgotten": (forgotten, "right", "wrong")}.get(str(chosen))


def _title(text: str) -> None:
    st.subheader(text, anchor=False)


def _describe(now: Shown, picked: Picked, folding: Folding, positions: np.ndarray) -> None:
    """The title of the gallery, with count and share, and the actions on the selection."""
    count, labels = len(positions), now.predictions.labels
    right = formatting.percent(float(now.predictions.right[positions].mean()) if count else None)
    if folding.folds and (words := describe_groups(now, picked, folding, positions)):
        _title(words)
    elif len(picked.cells) == 1:
        ((true, predicted),) = picked.cells
        of = int((labels == true).sum())
        what = "are recognised" if true == predicted else f"are taken for {formatting.plural(predicted)}"
        _title(
            f"{num(count):,} of {num(of):,} {formatting.plural(true)} {what}, {formatting.percent(count / max(of, 1))}"
        )
    elif picked.cells:
        cells = [
            f"{formatting.plural(t)}{'' if t == p else f' taken for {formatting.plural(p)}'}" for t, p in picked.cells
        ]
        _title(f"{num(count):,} images: {'; '.join(cells)}")
    elif picked.row is not None:
        _title(f"All {num(count):,} {formatting.plural(picked.row)}: {right} are recognised")
    elif picked.column is not None:
        _title(f"{num(count):,} images are taken for {formatting.plural(picked.column)}, {right} of them correctly")
    else:
        some = f"{num(count):,} images are misclassified: click a cell to see only its images"
        _title(some if count else "No image is misclassified")
    if not count:
        st.caption("No image here. Choose another cell, or another moment of the run.")
    if picked == Picked():
        return
    with st.container(horizontal=True):
        if len(picked.cells) == 1 and picked.cells[0][0] != picked.cells[0][1]:
            true, predicted = picked.cells[0]
            st.button("Both directions", on_click=url.pick, args=(Picked((*picked.cells, (predicted, true))),))
            st.button("Compare these two classes", on_click=url.go, kwargs={"view": "pair"})
        elif folding.folds and any((predicted, true) not in picked.cells for true, predicted in picked.cells):
            both = dict.fromkeys((*picked.cells, *(cell[::-1] for cell in picked.cells)))
            st.button("Both directions", on_click=url.pick, args=(Picked(tuple(both)),))
        st.button("All mistakes", on_click=url.pick, args=(Picked(),))
