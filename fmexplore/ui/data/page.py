"""The Data page: the ten classes as strips, all images of one class, their mean, and any image by number."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES, Split
from fmexplore.ui import display_options, formatting, messages, session, shared, url, widgets
from fmexplore.ui.charts.base import pixel_histogram
from fmexplore.ui.charts.template import draw
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.images.gallery import HEIGHT, PAGE, choose_order, choose_page, last_opened, turn_again, way_through
from fmexplore.ui.selection import predictions as selected_predictions

PARTS = {"train": "Training", "test": "Test"}
PART_WORDS = {"train": "training images", "test": "test images"}
STRIP, ROWS = 30, 2  # images of a strip, of which those are shown that fill its rows
ORDERS = ("by number", "nearest to their mean first", "farthest from it first")
BINS = 32


def data_set() -> None:
    shared.analyst()
    display_options.recall({"data_order": ORDERS})
    selection = url.read_link(splits=tuple(PARTS), names=("split", "image"))
    part = selection.split or "train"
    chosen = widgets.choice_in_link("class", tuple(map(str, range(len(CLASS_NAMES)))))
    label = None if chosen is None else int(chosen)
    split, image = shared.dataset().part(part), selection.image
    messages.warn(selection.problems)
    if image is not None and image >= len(split):
        st.warning(f"Image {num(image):,} does not exist: choose a number from 0 to {num(len(split) - 1):,}.")
        image = None
    _controls(part, label, split)
    if image is not None:
        of = int(split.labels[image])
        numbers = in_order(part, of) if label == of else np.array([image])
        with st.container(key="figure_first"):
            left, right = st.columns([52, 48], gap="large")
        with left, messages.boundary():
            _one_class(part, of, image)
        with right, messages.boundary():
            run = session.shown_run()
            logits = selected_predictions.known(run, part, image) if run else None
            image_card(run, part, image, logits, *way_through(numbers, image, "Close"), session.DATA_PAGE)
    elif label is not None:
        with st.container(key="figure_first"):  # the same as beside a card, so that the gallery stays as it is
            left, right = st.columns([52, 48], gap="large")
        with left, messages.boundary():
            _one_class(part, label)
        with right, messages.boundary():
            _summary(part, label)
    else:
        _all_classes(part)
    last_opened()  # the card stands beside the images here, so none waits for the focus


def _controls(part: str, label: int | None, split: Split) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.data_part = part
        st.segmented_control(
            "Images",
            list(PARTS),
            format_func=lambda name: f"{PARTS[name]}, {num(len(shared.dataset().part(name))):,}",
            key="data_part",
            required=True,
            on_change=lambda: url.go(split=st.session_state.data_part, image=None),
        )
        st.session_state.data_class = None if label is None else str(label)
        st.selectbox(
            "Class",
            [str(n) for n in range(len(CLASS_NAMES))],
            index=None,
            key="data_class",
            width=170,
            format_func=lambda value: CLASS_NAMES[int(value)],
            placeholder="All classes",
            on_change=lambda: url.go(**{"class": st.session_state.data_class, "image": None}),
        )
        st.session_state.data_number = None
        st.number_input(
            "Image number",
            0,
            len(split) - 1,
            None,
            key="data_number",
            width=172,
            placeholder=f"0 to {num(len(split) - 1):,}",
            on_change=_find_number,
            args=(part, split),
        )


def _find_number(part: str, split: Split) -> None:
    number = st.session_state.data_number
    if number is not None:
        turn_again(f"data_{part}_{split.labels[number]}")
    url.go(image=number, **{"class": None})


def _all_classes(part: str) -> None:
    split = shared.dataset().part(part)
    counts = np.bincount(split.labels, minlength=len(CLASS_NAMES))
    low, high = int(counts.min()), int(counts.max())
    each = f"{num(low):,}" if low == high else f"{num(low):,} to {num(high):,}"
    st.subheader(f"{num(len(split)):,} images, {each} of each of the ten classes", anchor=False)
    st.caption(
        "Each row: the mean image, where the images deviate from it (standard deviation), then the first images. "
        "Choose a class to see all of its images."
    )
    for label, name in enumerate(CLASS_NAMES):
        numbers = np.flatnonzero(split.labels == label)[:STRIP]
        mean, deviation = class_pictures(part, label)
        with st.container(horizontal=True, vertical_alignment="center", key=f"strip_{label}"):
            st.button(
                f"{name}: {num(counts[label]):,}",
                key=f"all_{label}",
                width=150,
                on_click=url.go,
                kwargs={"class": label},
            )
            items = [
                Item(-1, "mean", f"Mean of all {formatting.plural(label)}"),
                Item(-2, "deviation", f"Where {formatting.plural(label)} vary"),
            ]
            items += [Item(int(n), "", formatting.image_name(part, int(n), label)) for n in numbers]
            gallery(
                np.stack([mean, deviation, *split.images[numbers]]),
                items,
                f"class_{label}",
                lambda number, label=label: url.go(**{"class": label, "image": number if number >= 0 else None}),
                size=52,
                most_rows=ROWS,
                label=f"{name}: mean, variation, first images",
            )


def _one_class(part: str, label: int, image: int | None = None) -> None:
    split, numbers = shared.dataset().part(part), in_order(part, label)
    st.subheader(f"All {num(len(numbers)):,} {formatting.plural(label)} among the {PART_WORDS[part]}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        choose_order(ORDERS, "data_order")
        page = choose_page(len(numbers), f"data_{part}_{label}", np.flatnonzero(numbers == image))
    chosen = numbers[(page - 1) * PAGE : page * PAGE]
    items = [Item(int(n), f"{num(n):,}", formatting.image_name(part, int(n), label)) for n in chosen]
    gallery(
        split.images[chosen],
        items,
        "data_gallery",
        lambda number: url.go(image=number),
        height=HEIGHT,
        current=image,
    )


def in_order(part: str, label: int) -> np.ndarray:
    """The numbers of a class's images in the chosen order."""
    numbers = np.flatnonzero(shared.dataset().part(part).labels == label)
    order = st.session_state.get("data_order", ORDERS[0])
    if order == ORDERS[0]:
        return numbers
    return numbers[by_distance(part, label)][:: 1 if order == ORDERS[1] else -1]


def _summary(part: str, label: int) -> None:
    """Mean and spread of a class, and how bright it is."""
    mean, deviation = class_pictures(part, label)
    st.subheader("The mean image, and where images differ from it", anchor=False)
    items = [
        Item(0, "mean", f"Mean of {formatting.plural(label)}"),
        Item(1, "standard deviation", f"Where {formatting.plural(label)} vary"),
    ]
    gallery(np.stack([mean, deviation]), items, "class_pictures", size=150, label="Mean and standard deviation")
    counts, pixels = pixel_counts(part, label)
    black = formatting.percent(1 - counts.sum() / pixels, 0)
    st.markdown(f"**{black} of the pixels are black; the others have these grey levels**")
    draw(pixel_histogram(counts), height=220, key="pixels", alt="How many pixels have which grey level")


@shared.keep(20)
def class_pictures(part: str, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of a class, each `(28, 28) uint8`; the second is stretched to the full range."""
    split = shared.dataset().part(part)
    pixels = split.images[split.labels == label]
    if not len(pixels):
        return np.zeros((28, 28), np.uint8), np.zeros((28, 28), np.uint8)
    deviation = pixels.std(0)
    return pixels.mean(0).round().astype(np.uint8), (255 * deviation / max(deviation.max(), 1)).astype(np.uint8)


@shared.keep(20)
def by_distance(part: str, label: int) -> np.ndarray:
    """Positions of a class's images, the nearest to their mean first."""
    split = shared.dataset().part(part)
    pixels = split.images[split.labels == label].reshape(-1, 784).astype(np.float32)
    return np.argsort(np.square(pixels - pixels.mean(0)).sum(1), kind="stable")


@shared.keep(20)
def pixel_counts(part: str, label: int) -> tuple[np.ndarray, int]:
    """How many pixels of a class have which grey level, in equal bins from 1 to 255, and how many pixels there are."""
    split = shared.dataset().part(part)
    pixels = split.images[split.labels == label]
    return np.histogram(pixels, BINS, (1, 256))[0], pixels.size
