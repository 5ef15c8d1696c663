"""The Matrix view of the Confusions page: the matrix at a moment, and the images of what is marked in it."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import Order, accuracy_interval, class_order, most_confused
from fmexplore.evaluation.predictions import learnt_and_forgotten
from fmexplore.ui import formatting, messages, url, widgets
from fmexplore.ui.components.confusion_grid import Look, Picked, confusion_grid
from fmexplore.ui.confusions.groups import Folding, choose_groups, describe_groups
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import images_or_card
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import Moment, Shown
from fmexplore.ui.url import Link


def show_matrix(now: Shown, moments: list[Moment], selection: Link, colours: Look, order: Order) -> None:
    folding = Folding(selection.groups)
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
