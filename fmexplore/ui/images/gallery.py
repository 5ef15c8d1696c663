"""Images of a selection: all of them in a gallery with pages, or one of them on its card."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.predictions import ImageOrder, order_images
from fmexplore.ui import formatting, session, url
from fmexplore.ui.components.card import Way
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.selection.predictions import Shown

PAGE = 200
HEIGHT = 560
ORDERS: dict[str, ImageOrder] = {
    "most confident first": "confidence",
    "widest margin first": "margin",
    "nearest to the decision boundary first": "boundary",
    "by number": "number",
}


def images_or_card(
    shown: Shown,
    positions: np.ndarray,
    image: int | None,
    title: Callable[[], None],
    key: str,
    back: str = "Back to the images",
    sortable: bool = True,
    caption: Callable[[int], str] | None = None,
) -> None:
    """The images at `positions` under a title, or the card of number `image`, with the way to its neighbours.

    `key` names the selection: another one starts at its first page. `caption` writes below the picture at a position.
    """
    by = ORDERS[st.session_state.get("images_order", next(iter(ORDERS)))] if sortable else "number"
    ordered = order_images(shown.predictions, positions, by)
    here = find_image(shown, image)
    if here is not None:
        _show_card(shown, ordered, here, back)
        return
    title()
    if len(ordered):
        _show_gallery(shown, ordered, key, sortable, caption or _default_caption(shown, ordered))


def _show_card(shown: Shown, ordered: np.ndarray, position: int, back: str) -> None:
    number, logits = int(shown.numbers[position]), shown.predictions.logits[position]
    way, near = way_through(shown.numbers[ordered], number, back)
    image_card(shown.run, shown.part, number, logits, way, near, session.CONFUSIONS_PAGE)


def _show_gallery(shown: Shown, ordered: np.ndarray, key: str, sortable: bool, caption: Callable[[int], str]) -> None:
    """One page of the images, with the choice of their order and of the page; the one last opened has the focus."""
    closed = last_opened()
    last = closed[1] if closed and closed[0] == shown.part else None
    if last is not None:
        turn_again(key)
    with st.container(horizontal=True, vertical_alignment="center"):
        if sortable and len(ordered) > 1:
            choose_order(tuple(ORDERS), "images_order")
        page = choose_page(len(ordered), key, np.flatnonzero(shown.numbers[ordered] == last))
    chosen, wrong = ordered[(page - 1) * PAGE : page * PAGE], _marked_wrong(shown, ordered)
    items = [Item(int(shown.numbers[p]), caption(int(p)), shown.sentence(p), bool(wrong[p])) for p in chosen]
    gallery(
        shown.source.images[shown.numbers[chosen]],
        items,
        "gallery",  # the same for each selection: another one changes the pictures, and builds nothing anew
        lambda number: url.go(image=number),
        size=56 if _one_cell(shown, ordered) else 72,
        height=HEIGHT,
        current=last,
        focus=True,
    )


def _default_caption(shown: Shown, positions: np.ndarray) -> Callable[[int], str]:
    """The confidence for an image, and the class in which the images at `positions` differ."""
    predictions, one_cell = shown.predictions, _one_cell(shown, positions)
    # In a column of the matrix all are taken for the same class, and differ in what they are.
    column = _all_equal(predictions.predicted[positions])
    name, telling = ("labelled", predictions.labels) if column else ("predicted", predictions.predicted)

    def caption(position: int) -> str:
        sure = formatting.percent(float(predictions.confidence[position]), 0)
        return f"{sure} sure" if one_cell else f"{name}:\n{CLASS_NAMES[telling[position]]} {sure}"

    return caption


def _marked_wrong(shown: Shown, positions: np.ndarray) -> np.ndarray:
    """Which predictions are marked as mistakes: none in a cell of nothing but mistakes."""
    right = shown.predictions.right
    return ~right & (right[positions].any() or not _one_cell(shown, positions))


def _one_cell(shown: Shown, positions: np.ndarray) -> bool:
    """Whether the images are all of one class, and taken for one class."""
    predictions = shown.predictions
    return _all_equal(predictions.labels[positions]) and _all_equal(predictions.predicted[positions])


def _all_equal(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def choose_order(orders: tuple[str, ...], key: str) -> str:
    """The chosen order of the images."""
    return st.selectbox(
        "Order of images", orders, key=key, persist_state="session", label_visibility="collapsed", width=230
    )


def find_image(shown: Shown, number: int | None) -> int | None:
    """The position of the image that the link names; a missing one is reported."""
    here = shown.position(number)
    if number is not None and here is None:
        st.warning(
            f"Image {num(number):,} is not among the {num(len(shown.numbers)):,} {shown.words}: choose another one."
        )
    return here


def last_opened() -> tuple[str, int] | None:
    """Part and number of the image whose card was closed just now: it gets the keyboard's focus, once."""
    return st.session_state.pop("last_image", None)


def choose_page(count: int, key: str, places: Sequence[int] | np.ndarray = (), size: int = 0) -> int:
    """Which page of `count` images, `size` or else `PAGE` a page, is shown, from 1, asked for where there are several.

    It turns to a new place.
    """
    size = size or PAGE
    pages = math.ceil(count / size)
    if pages < 2:
        return 1
    kept: dict = st.session_state.setdefault(f"page_{key}", {"page": 1, "place": None, "turns": 0})
    if len(places) and kept["place"] != int(places[0]):  # else nobody could leave its page
        kept |= {"page": int(places[0]) // size + 1, "place": int(places[0]), "turns": kept["turns"] + 1}
    # A new key for each turn: a widget takes a page from us only when it is new.
    widget = f"pages_{key}_{kept['turns']}"
    kept["page"] = st.pagination(pages, default=min(kept["page"], pages), key=widget, width="stretch")
    return min(kept["page"], pages)


def turn_again(key: str) -> None:
    """Have `choose_page` turn to its place also if it was the last one too."""
    st.session_state.get(f"page_{key}", {})["place"] = None


def way_through(numbers: np.ndarray, number: int, back: str) -> tuple[Way, dict[str, int | None]]:
    """Where an image stands in a list of image numbers, and the numbers before and after it."""
    places = np.flatnonzero(numbers == number)
    if not len(places):
        return Way(back), {}
    place = int(places[0])
    near = {
        "previous": int(numbers[place - 1]) if place else None,
        "next": int(numbers[place + 1]) if place + 1 < len(numbers) else None,
    }
    text = f"{num(place + 1):,} of {num(len(numbers)):,}" if len(numbers) > 1 else ""
    return Way(back, text, near["previous"] is not None, near["next"] is not None), near
