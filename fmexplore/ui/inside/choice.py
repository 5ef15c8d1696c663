"""The choice of one image: of the data set by its split and number, or a photo of this visit."""

from collections.abc import Callable

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.data.addresses import Members, find_position
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.predictions import Predictions
from fmexplore.photos.scoring import PhotoFit, classify
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared, url
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import say_image
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.selection import photos
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.predictions import SPLIT_NAMES

KEY_SPLIT, KEY_IMAGE = "chosen_split", "chosen_image"


def choose_image(run: Run, row: Container, choose_moment: Callable[[], int] = lambda: 0) -> Seen:
    """The image or photo that the link names, and in `row` the controls for others.

    Views that show one image share it: `image`, `photo` and `split` mean the same to all of them. `choose_moment` draws
    what chooses a snapshot, below the row, and gives its step.
    """
    link = url.read_link(names=("split", "image"))
    messages.warn(link.problems)
    return _photo(run, row, choose_moment) or _image(run, row, link, choose_moment)


def _photo(run: Run, row: Container, choose_moment: Callable[[], int]) -> Seen | None:
    """The photo of this session that the link names, if it is still there."""
    named = st.query_params.get("photo")
    if named is None:
        return None
    if (photo := photos.photos().get(named)) is None:
        st.warning("The photo in the link is not among those of this visit, which are kept no longer: open it again.")
        st.page_link(session.PREDICT_PAGE, label="Open a photo", query_params={"run": run.id})
        return None
    with row:
        st.button("Images of the data set", on_click=url.go, kwargs={"photo": None})
        st.page_link(session.PREDICT_PAGE, label="Your photos", query_params={"run": run.id})
    moment = choose_moment()
    known = photos.predict(photo, run)

    def describe(logits: np.ndarray) -> str:
        verdicts = classify(logits[None], PhotoFit()) if moment else photos.verdicts([known], run)
        return f"{formatting.plain(photo.name)}: {photos.say_verdict(verdicts, 0)}"

    said = "The title is the verdict of Predict: the mean for the photo and its mirror image, calibrated for photos."
    note = "" if moment else f"{said} The layers show what happens to the photo alone."
    label = None if photo.label == photos.OTHER else photo.label
    return Seen(run, known.image, ("photo", known.image.tobytes()), label, moment, describe, note)


def _image(run: Run, row: Container, link: url.Link, choose_moment: Callable[[], int]) -> Seen:
    """The image in the link, and the controls for others."""
    found = [each for each in SPLIT_NAMES if selected_predictions.locate(run, each, shared.dataset())]
    split = link.split if link.split in found else found[0]
    if link.split and link.split != split:
        st.warning(f"{formatting.plain(run.title)} was trained without validation images: these are the test images.")
    located = selected_predictions.locate(run, split, shared.dataset())
    assert located is not None  # as it was found
    number = link.image
    if number is not None and find_position(located.numbers, number) is None:
        words = selected_predictions.words(split)
        st.warning(f"Image {num(number):,} is not among the {words}: another one is shown.")
        number = None
    shown = _first_mistake(run, split, located) if number is None else number
    with row:
        _draw_choices(found, split, located, shown)
    moment = choose_moment()
    part = shared.dataset().part(located.part)
    label = int(part.labels[shown])

    def describe(logits: np.ndarray) -> str:
        return say_image(split, shown, label, Predictions(logits[None], np.array([label], np.uint8)))

    return Seen(run, part.images[shown], (located.part, shown), label, moment, describe)


def _draw_choices(found: list[str], split: str, located: Members, number: int) -> None:
    place = find_position(located.numbers, number)
    assert place is not None  # looked for before
    selected_predictions.choose_split(found, split, KEY_SPLIT)
    st.session_state[KEY_IMAGE] = number
    st.number_input(
        "Image",
        min_value=int(located.numbers[0]),
        max_value=int(located.numbers[-1]),
        key=KEY_IMAGE,
        width=130,
        on_change=lambda: url.go(image=st.session_state[KEY_IMAGE]),
    )
    with st.container(horizontal=True, width="content", gap="small"):  # the two wrap together
        for text, step in (("Previous", -1), ("Next", 1)):
            beside = place + step
            there = 0 <= beside < len(located.numbers)
            to = {"image": int(located.numbers[beside])} if there else {}
            st.button(text, key=f"image_{text}", disabled=not there, on_click=url.go, kwargs=to)


def _first_mistake(run: Run, split: str, located: Members) -> int:
    """The first image that the run's kept predictions have wrong; the first of all where none are kept."""
    try:
        found = shared.predictions(run, split)
    except FMExploreError:
        found = None  # that it has no answers is told by the network itself
    if found is None or len(found) != len(located.numbers) or found.right.all():
        return int(located.numbers[0])
    return int(located.numbers[np.argmin(found.right)])
