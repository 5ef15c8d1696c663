"""Two runs on the same images: where their matrices differ, and who is right where they disagree."""

from contextlib import suppress

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import FMExploreError, RunNotFound
from fmexplore.evaluation.confusion import Disagreement, compare
from fmexplore.evaluation.significance import PairedComparison
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.confusion_grid import Look, Picked, confusion_grid
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import images_or_card
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import Shown
from fmexplore.ui.url import Link


def two_runs(now: Shown, selection: Link) -> None:
    """The shown run against the one that is chosen here."""
    others = {run.id: run for run in _others(now, selection.other)}
    if not others:
        st.info(
            f"No other run can be shown on the same {now.words}. Train a second network, and see here on which images "
            "the two disagree."
        )
        st.page_link(session.TRAIN_PAGE, label="Train another one")
        return
    if selection.other and selection.other not in others:
        messages.warn(
            [f"The link's other run {selection.other[:60]!r} cannot be shown on the same images: choose one here."]
        )
    chosen = selection.other if selection.other in others else next(iter(others))
    left, right = st.columns([52, 48], gap="large")
    with left:
        st.session_state.other_run = chosen
        texts = formatting.run_texts(others.values())
        st.selectbox(
            f"{formatting.plain(now.run.title)} against",
            list(texts),
            format_func=texts.__getitem__,
            key="other_run",
            on_change=lambda: url.go(other=st.session_state.other_run, image=None),
        )
        second = selected_predictions.show(
            others[chosen], now.split, selected_predictions.moments(others[chosen], now.split)[-1]
        )
        if not np.array_equal(second.numbers, now.numbers):
            st.info("The two were validated on different images: compare them on the test images.")
            return
        found = compare(now.predictions.labels, now.predictions.predicted, second.predictions.predicted)
        _verdict(now, second, found)
        confusion_grid(
            [("difference", now.matrix - second.matrix)],
            "difference_grid",
            lambda event: url.pick(url.pick_more(selection.picked, event)),
            look=Look(difference=True),
            picked=selection.picked,
            label="Difference of two confusion matrices",
        )
        one, other = _names(now, second)
        st.caption(f"In each cell: how many images more or fewer {one} has than {other}.")
        widgets.mark_several()
    with right, messages.boundary():
        _images(now, second, found, selection)


def _others(now: Shown, linked: str | None) -> list[Run]:
    usable, runs = [], session.runs()
    if linked and linked not in {run.id for run in runs}:
        with suppress(RunNotFound):
            runs.append(shared.store().get(linked))  # perhaps of someone else: a link opens the same anywhere
    for run in runs:
        try:
            located = selected_predictions.locate(run, now.split, shared.dataset())
            same = located is not None and located.part == now.part and len(located.numbers) == len(now.numbers)
            if run != now.run and same and not run.status.active and selected_predictions.moments(run, now.split):
                usable.append(run)
        except FMExploreError:
            continue
    return usable


def _names(now: Shown, second: Shown) -> tuple[str, str]:
    one, other = formatting.tell_apart([now.run, second.run]).values()
    return formatting.plain(one), formatting.plain(other)


def _verdict(now: Shown, second: Shown, found: Disagreement) -> None:
    names = _names(now, second)
    first_right, second_right = len(found.first_right), len(found.second_right)
    total = first_right + second_right + len(found.both_wrong)
    st.subheader(
        f"They disagree on {num(total):,} of {num(len(now.predictions)):,} {now.words}: {names[0]} is right on "
        f"{num(first_right):,} of them, {names[1]} on {num(second_right):,}",
        anchor=False,
    )
    st.markdown(
        formatting.verdict(PairedComparison(found, len(now.predictions), found.p_value), *names),
        help="McNemar's exact test on the images that only one of the two gets right. Another seed of the same "
        "training may differ by more: train several seeds to find out.",
    )
    runs = ",".join(each.run.id for each in (now, second))
    st.page_link(session.COMPARE_PAGE, label="Compare their curves, settings and costs", query_params={"runs": runs})


def _images(now: Shown, second: Shown, found: Disagreement, selection: Link) -> None:
    groups = dict(zip(url.SIDES, (found.first_right, found.second_right, found.both_wrong), strict=True))
    one, other = _names(now, second)
    texts = (f"only {one}", f"only {other}", "neither")
    names = {side: f"{text}: {num(len(groups[side])):,}" for side, text in zip(url.SIDES, texts, strict=True)}
    group = st.session_state.who_is_right = selection.right or url.SIDES[0]
    st.segmented_control(
        "Correct",
        url.SIDES,
        format_func=names.__getitem__,
        key="who_is_right",
        required=True,
        on_change=lambda: url.pick_side(st.session_state.who_is_right),
    )
    positions = groups[group]
    if selection.picked != Picked():
        marked = np.union1d(now.find(selection.picked), second.find(selection.picked))
        positions = np.intersect1d(positions, marked)

    def both(position: int) -> str:
        return " / ".join(CLASS_NAMES[each.predictions.predicted[position]] for each in (now, second))

    def title() -> None:
        if not len(positions):
            st.info("No image here. Choose another group, or another cell.")
        else:
            st.caption(f"{num(len(positions)):,} images; below each the predictions of {one} and {other}.")
        if selection.picked != Picked():
            st.button("All cells", on_click=url.pick, args=(Picked(),))

    images_or_card(
        now, positions, selection.image, title, f"two_{second.run.id}_{group}_{selection.picked}", caption=both
    )
