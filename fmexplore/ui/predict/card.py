"""One photo: its prediction, its conversion, Grad-CAM, its position on the map, and correction by hand."""

from typing import Any

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.predictions import Predictions
from fmexplore.photos.conversion import WAYS, Conversion, Converted
from fmexplore.photos.scoring import PhotoPredictions, calibrate
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared
from fmexplore.ui.components.card import CardAction, Chip, Way, card
from fmexplore.ui.components.steps import Stage, steps
from fmexplore.ui.images.card import find_index, neighbours_of, show_heat
from fmexplore.ui.predict.correction import correct
from fmexplore.ui.predict.on_map import place_on_map
from fmexplore.ui.selection import photos
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.photos import LABELS, OTHER, Known, Photo

VIEWS = {
    "steps": "Conversion steps",
    "why": "Where it looks",
    "map": "On the map",
    "correct": "Correct by hand",
}
WAY_NAMES = {
    "ours": "garment found first, then as Fashion-MNIST was made",
    "seven": "exactly the seven steps that made the data set",
    "squash": "squashed to a square, as in the papers",
}
# What the button of a step changes: a field, its two values, and the words for both.
SWITCHES: dict[str, tuple[str, Any, Any, str, str]] = {
    "foreground": ("foreground", "network", "none", "Leave out", "Find the garment"),
    "trim": ("trim", "foreground", "none", "Leave out", "Trim"),
    "resize": ("resize", "smooth", "skip", "Skip pixels instead", "Blend pixels instead"),
    "sharpen": ("sharpen", True, False, "Leave out", "Sharpen"),
    "centre": ("centre", True, False, "Squash instead", "Keep its shape"),
    "negate": ("negate", True, False, "Leave out", "Negate"),
}
MOST_OTHERS = 6  # runs that are asked: each has to be loaded


def photo_card(photo: Photo, run: Run) -> None:
    """Show a photo as a run sees it."""
    with st.container():
        known = photos.predict(photo, run)
    verdicts = photos.verdicts([known], run)
    st.subheader(photos.say_verdict(verdicts, 0), anchor=False)
    left, right = st.columns([30, 70], gap="large")
    with left:
        shown = photo.picture.repeat(8, 0).repeat(8, 1) if photo.exported else photo.picture
        st.image(shown, caption=formatting.plain(photo.name), alt=f"Your photo {photo.name}")
        if photo.exported and photo.how == photos.AS_IT_IS:
            st.caption("An image as in the data set, 28 x 28 pixels on black: it is taken as it is, not converted.")
    with right:
        _verdict(photo, run, known, verdicts)
    view = st.segmented_control(
        "View of the photo", list(VIEWS), format_func=VIEWS.__getitem__, key="photo_part", default="steps",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    with st.container(), messages.boundary():
        if view == "steps":
            _steps(photo, run)
        elif view == "why":
            _why(photo, run, known, verdicts)
        elif view == "map":
            place_on_map(photo, run, known, verdicts)
        else:
            correct(photo)


def _ask_label(photo: Photo) -> None:
    """The true class, given by the owner of the photo."""
    photo_id, key = photo.id, f"photo_label_{photo.id}"  # the session keeps the callback, also of a removed photo
    st.session_state[key] = photo.label
    st.selectbox(
        "True class", range(len(LABELS)), format_func=LABELS.__getitem__, key=key, index=None,
        placeholder="choose", width=240,
        on_change=lambda: photos.set_label(photo_id, st.session_state[key]),
    )  # fmt: skip


def _verdict(photo: Photo, run: Run, known: Known, verdicts: PhotoPredictions) -> None:
    """The network's input, its ten probabilities, and the predictions of other runs."""
    ids = list(photos.photos())
    here = ids.index(photo.id)
    near = {"previous": here - 1 if here else None, "next": here + 1 if here + 1 < len(ids) else None}

    def go(step: CardAction) -> None:
        if (number := near.get(step)) is not None:
            st.session_state.photo_shown = ids[number]

    text = f"{here + 1} of {len(ids)}" if len(ids) > 1 else ""
    way = Way("", text, near["previous"] is not None, near["next"] is not None)
    label = None if photo.label == OTHER else photo.label
    with st.container():
        others = _others(photo, run, label)
    card(known.image, label, "photo_verdict", go, verdicts.probabilities[0], way, others=others)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _ask_label(photo)
        st.page_link(session.INSIDE_PAGE, label="Inside", query_params={"run": run.id, "photo": photo.id})
        st.button("Remove this photo", on_click=photos.remove, args=(photo.id,), type="tertiary")


def _others(photo: Photo, run: Run, label: int | None) -> list[Chip]:
    """The predictions of other runs for the same 28 x 28 pixels."""
    chips = []
    for other in session.runs():
        if other == run or len(chips) == MOST_OTHERS:
            continue
        try:
            if selected_predictions.unavailable_reason(other):
                continue
            known = photos.predict(photo, other)
            found = photos.verdicts([known], other)
        except FMExploreError:
            continue
        predicted = int(found.probabilities[0].argmax())
        sure = formatting.percent(float(found.probabilities[0].max()), 0)
        chips.append(Chip(CLASS_NAMES[predicted], other.title, label is None or predicted == label, sure))
    return chips


def _steps(photo: Photo, run: Run) -> None:
    """Every step with the prediction at that step, and a switch."""
    with st.container():
        stages, turns = _stages(photos.convert(photo), photo.how, run)
    st.markdown(f"**{turns}**")
    steps(stages, "photo_steps", lambda name: _press(photo, name))
    _choose_way(photo)


def _stages(converted: Converted, how: Conversion, run: Run) -> tuple[list[Stage], str]:
    logits, _ = photos.recognize(run, np.stack([step.image for step in converted.steps]))
    found = Predictions(calibrate(logits, run.photo_fit), np.zeros(len(logits), np.uint8))
    stages, turns, before = [], [], int(found.predicted[0])
    for step, predicted, sure in zip(converted.steps, found.predicted, found.confidence, strict=True):
        changed = bool(predicted != before)
        if changed:
            turns.append(f"at {step.title} ({formatting.class_name(before)} → {formatting.class_name(predicted)})")
        verdict = f"{formatting.class_name(predicted)} {formatting.percent(float(sure), 0)}"
        action = _action(step.name, how)
        stages.append(Stage(step.name, step.title, step.picture, step.note, verdict, changed, step.done, action))
        before = int(predicted)
    if not turns:
        return stages, f"{formatting.class_name(before)} from the first step to the last"
    return stages, f"The prediction changes {' and '.join(filter(None, [', '.join(turns[:-1]), turns[-1]]))}"


def _action(name: str, how: Conversion) -> str:
    if name == "upright":
        return "Rotate by 90°"
    if name not in SWITCHES:
        return ""
    field, on, _, leave, take = SWITCHES[name]
    return leave if getattr(how, field) == on else take


def _press(photo: Photo, name: str) -> None:
    if name == "upright":
        photos.turn(photo)
        return
    field, on, off, _, _ = SWITCHES[name]
    photos.change(photo, **{field: off if getattr(photos.newest(photo).how, field) == on else on})


def _choose_way(photo: Photo) -> None:
    def way(name: str, how: Conversion) -> Conversion:
        return WAYS[name].replace(turn=how.turn, crop=how.crop, strokes=how.strokes)

    def choose() -> None:
        if name := st.session_state.photo_way:
            photos.change(photo, **way(name, photos.newest(photo).how).model_dump(mode="json"))

    st.session_state.photo_way = next((name for name in WAYS if way(name, photo.how) == photo.how), None)

    names = {**WAY_NAMES, "squash": "taken as it is"} if photo.exported else WAY_NAMES
    st.selectbox(
        "Conversion", list(WAYS), format_func=names.__getitem__, key="photo_way", index=None,
        placeholder="as switched above", on_change=choose, width=420,
    )  # fmt: skip


def _why(photo: Photo, run: Run, known: Known, verdicts: PhotoPredictions) -> None:
    """Grad-CAM for the two likeliest classes, and the nearest training images."""
    first, second = (int(each) for each in np.argsort(-verdicts.probabilities[0])[:2])
    left, right = st.columns(2, gap="large")
    with left:
        show_heat(run, ("photo", photo.id, photo.how), known.image, (first, second))
        place = {"run": run.id, "photo": photo.id, "view": "looks"}
        st.page_link(session.INSIDE_PAGE, label="By four methods, with checks", query_params=place)
    index = find_index(run)
    located = selected_predictions.locate(run, "train", shared.dataset())
    if index is not None and located is not None:
        with right:
            neighbours_of(run, index.axes.encode(known.features[None])[0], index, located.numbers, first)
