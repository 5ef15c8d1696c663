"""The images that a change costs: recognised unchanged, and no longer when they are changed."""

from collections import Counter

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.robustness.changes import CHANGES, change_images
from fmexplore.robustness.sheet import CLEAN, Row, Sheet
from fmexplore.runs.records import Hardening
from fmexplore.runs.run import Run
from fmexplore.training.hardening import train_against, trained_against
from fmexplore.ui import formatting, session, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.images.gallery import HEIGHT, PAGE, choose_page, last_opened, way_through
from fmexplore.ui.robustness.words import phrase
from fmexplore.ui.selection import predictions as selected_predictions


def show_flipped(run: Run, split: str, sheet: Sheet, row: Row | None, label: int | None) -> None:
    """The images of a cell as they were changed, or the card of the one in the link."""
    data = shared.dataset()
    located = selected_predictions.locate(run, split, data)
    assert located is not None  # the sheet is of its images
    positions = sheet.flipped(row, label) if row else sheet.flipped(CLEAN)
    numbers = located.numbers[positions]
    image = url.read_link(("",), names=("image",)).image
    if image is not None and located.position(located.part, image) is None:
        st.warning(f"Image {num(image):,} is not among the {selected_predictions.words(split)}: choose another one.")
    elif image is not None:
        way, near = way_through(numbers, image, "Back to the images")
        image_card(run, located.part, image, None, way, near, session.INSIDE_PAGE)
        return
    if row is None:
        st.info("Click a cell of the heat map to see where the network is not robust: the images it costs, as changed.")
        return
    change, tally = CHANGES[row.change], sheet.tally(row, label)
    st.subheader(_title(sheet, row, label, positions), anchor=False)
    unit = change.unit if change.unit == "°" else f" {change.unit}"
    amount = f", {num(change.amount(row.severity)):g}{unit}" if len(change.amounts) > 1 else ""
    st.caption(f"{row.change}{amount}: {change.explanation}")
    _offer_training(run, row)
    if not len(positions):
        st.caption("No image here." if tally.images else "They are shown here as soon as there are answers.")
        return
    closed = last_opened()
    key = f"flipped_{run.id}_{split}_{row.change}_{row.severity}_{label}"
    page = choose_page(len(positions), key)
    chosen = positions[(page - 1) * PAGE : page * PAGE]
    shown, ids = located.numbers[chosen], data.addresses.ids(located.part, located.numbers[chosen])
    predicted = sheet.answered(row)[1]
    items = []
    for position, number in zip(chosen, shown, strict=True):
        name = formatting.image_name(split, int(number), int(sheet.labels[position]))
        told = CLASS_NAMES[predicted[position]]
        items.append(Item(int(number), f"predicted:\n{told}", f"{name}: changed, it is taken for {told}"))
    gallery(
        change_images(data.part(located.part).images[shown], ids, *row),
        items,
        f"gallery_{key}",
        lambda number: url.go(image=number),
        size=72,
        height=HEIGHT,
        current=closed[1] if closed and closed[0] == located.part else None,
        focus=True,
    )


def _offer_training(run: Run, row: Row) -> None:
    """The same training with this change among its augmentations, where it can be repeated and had not this one."""
    config = run.config
    if run.status.task != "train" or row.change in trained_against(config.training):
        return
    training = train_against(config.training, row.change)
    hardening = Hardening(parent=run.id, change=row.change)
    widgets.train_button("Train it against this", config.replace(training=training), hardening=hardening)


def _title(sheet: Sheet, row: Row, label: int | None, positions: np.ndarray) -> str:
    """How many images the change costs, and what most of them are taken for."""
    lost = len(positions)
    words = phrase(row)
    images = "images" if label is None else formatting.plural(label)
    if not sheet.tally(row, label).images:
        return f"{words[0].upper()}{words[1:]}: not asked for yet"
    if not lost:
        return f"{words[0].upper()}{words[1:]}: no image is lost"
    (taken, count), *_ = Counter(sheet.answered(row)[1][positions].tolist()).most_common(1)
    which = f"{num(lost):,} {images} are lost" if lost > 1 else "one image is lost"
    return f"{words[0].upper()}{words[1:]}, {which}: {num(count):,} taken for {formatting.plural(taken)}"
