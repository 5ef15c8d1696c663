"""Two classes against each other: what they look like, where they overlap, which are typical or misclassified."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import most_confused, pair_report
from fmexplore.ui import formatting, messages, url
from fmexplore.ui.charts.base import CLASS_COLORS, overlap_histogram
from fmexplore.ui.charts.template import draw
from fmexplore.ui.components.confusion_grid import Picked
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import find_image, images_or_card, last_opened
from fmexplore.ui.selection.predictions import Shown
from fmexplore.ui.url import Link

EACH = 14


def pair(now: Shown, selection: Link) -> None:
    """The pair of the marked cell, else the one that is confused most."""
    first, second = next((cell for cell in selection.picked.cells if cell[0] != cell[1]), most_confused(now.matrix))
    left, right = st.columns([52, 48], gap="large")
    with left:
        _pickers(first, second)
        report = pair_report(now.matrix, first, second)
        forth, back = report.counts[0, 1], report.counts[1, 0]
        names = formatting.plural(first, start=True), formatting.plural(second)
        st.subheader(
            f"{names[0]} are taken for {names[1]} {num(forth):,} times, the other way {num(back):,}", anchor=False
        )
        rows = [
            f"| {formatting.class_name(label)} "
            f"| {formatting.percent(report.precision[n])} | {formatting.percent(report.recall[n])} "
            f"| {num(report.counts[n].sum()):,} | {num(report.elsewhere[n]):,} |"
            for n, label in enumerate((first, second))
        ]
        st.markdown(
            "\n".join(["| | precision | recall | images | taken for another class |", "|---|--:|--:|--:|--:|", *rows])
        )
        st.caption("Precision and recall count only images of the two classes that were predicted as one of them.")
        _overlap(now, first, second)
        _means(now, first, second)
    with right, messages.boundary():
        _extremes(now, selection, first, second)


def _pickers(first: int, second: int) -> None:
    def change() -> None:
        one, two = st.session_state.pair_first, st.session_state.pair_second
        if one != two:
            url.pick(Picked(((one, two),)))

    st.session_state.pair_first, st.session_state.pair_second = first, second
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for key, label in (("pair_first", "One class"), ("pair_second", "The other class")):
            st.selectbox(label, range(10), format_func=CLASS_NAMES.__getitem__, key=key, on_change=change, width=160)


def _overlap(now: Shown, first: int, second: int) -> None:
    """How the probability of the two classes is divided between them."""
    probabilities, labels = now.predictions.probabilities, now.predictions.labels
    together = probabilities[:, first] + probabilities[:, second]
    share = np.divide(probabilities[:, second], together, out=np.full(len(labels), 0.5), where=together > 0)
    series = {CLASS_NAMES[label]: share[labels == label] for label in (first, second)}
    unsure = sum(int(((values > 0.2) & (values < 0.8)).sum()) for values in series.values())
    st.markdown(f"**{num(unsure):,} images lie where the network is undecided between the two**")
    draw(
        overlap_histogram(
            series,
            [CLASS_COLORS[first], CLASS_COLORS[second]],
            f"probability of {CLASS_NAMES[second]}, %, rather than {CLASS_NAMES[first]}",
        ),
        height=230,
        key="pair_overlap",
        alt="How many images of each class get which share of the probability",
    )


def _means(now: Shown, first: int, second: int) -> None:
    pixels = now.source.images[now.numbers]
    labels = now.predictions.labels
    means = [
        pixels[labels == label].mean(0) if (labels == label).any() else np.zeros((28, 28)) for label in (first, second)
    ]
    difference = means[1] - means[0]
    grey = [np.repeat(mean[..., None], 3, 2) for mean in means]
    st.markdown("**The mean image of each class, and where they differ**")
    items = [
        Item(0, CLASS_NAMES[first], f"Mean of {formatting.plural(first)}"),
        Item(1, CLASS_NAMES[second], f"Mean of {formatting.plural(second)}"),
        Item(
            2,
            "difference",
            f"Blue where {formatting.plural(first)} are brighter, orange where {formatting.plural(second)} are",
        ),
    ]
    gallery(
        np.stack([*grey, diverging(difference)]).astype(np.uint8), items, "pair_means", size=108, label="Mean images"
    )


def diverging(values: np.ndarray) -> np.ndarray:
    """Colours `(28, 28, 3)` for signed values: blue below zero, black at it, orange above."""
    largest = max(float(np.abs(values).max()), 1e-9)
    below, above = (np.clip(sign * values / largest, 0, 1)[..., None] for sign in (-1, 1))
    return below * np.array([60, 160, 255]) + above * np.array([255, 140, 40])


def _extremes(now: Shown, selection: Link, first: int, second: int) -> None:
    """The most typical and the most confidently misclassified images of each class, as one list for the card."""
    probabilities, labels, predicted = now.predictions.probabilities, now.predictions.labels, now.predictions.predicted
    groups = []
    for label, other in ((first, second), (second, first)):
        typical = np.flatnonzero((labels == label) & (predicted == label))
        misclassified = np.flatnonzero((labels == label) & (predicted == other))
        groups += [
            (f"Most typical {formatting.plural(label)}", typical[np.argsort(-probabilities[typical, label])][:EACH]),
            (
                f"{formatting.plural(label, start=True)} most confidently taken for {formatting.plural(other)}",
                misclassified[np.argsort(-probabilities[misclassified, other])][:EACH],
            ),
        ]
    everything = np.concatenate([positions for _, positions in groups])
    closed = last_opened()
    last = closed[1] if closed and closed[0] == now.part else None
    if find_image(now, selection.image) is not None:
        images_or_card(
            now, everything, selection.image, lambda: None, "pair", "Back to the two classes", sortable=False
        )
        return
    for place, (title, positions) in enumerate(groups):
        st.markdown(f"**{title}**")
        if not len(positions):
            st.caption("No such image.")
            continue
        items = [
            Item(
                int(now.numbers[p]),
                f"{formatting.percent(float(probabilities[p].max()), 0)} sure",
                now.sentence(int(p)),
            )
            for p in positions
        ]
        gallery(
            now.source.images[now.numbers[positions]],
            items,
            f"pair_{place}",
            lambda n: url.go(image=n),
            most_rows=2,
            current=last,
            focus=True,
            label=title,
        )
