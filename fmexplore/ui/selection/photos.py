"""The photos of a session: kept in its memory only, with how each is converted and the run's predictions."""

import hashlib
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import FMExploreError, PhotoError
from fmexplore.jobs.limits import ADDRESS_SHARE
from fmexplore.photos.conversion import OURS, WAYS, Conversion, Converted
from fmexplore.photos.scoring import PhotoPredictions, classify
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, shared, widgets
from fmexplore.ui.formatting import num

MOST, MOST_MB = 40, 100  # files, and their size together
THUMBNAIL = 96
WHOLE = (0, 0, 1, 1)  # the crop of a photo that is not cut
AS_IT_IS = WAYS["squash"]  # for what has 28 x 28 pixels already
# The pictures of all sessions, by where they come from, as long as those keep them.
_held: weakref.WeakValueDictionary[tuple[str, int], np.ndarray] = weakref.WeakValueDictionary()
LABELS = (*CLASS_NAMES, "none of the ten")
OTHER = len(CLASS_NAMES)  # the label of the last


@dataclass(frozen=True)
class Photo:
    """One photo of this session: `picture (h, w, 3 or 4) uint8`, how it is converted, and what its owner says it is.

    Where it is `exported`, an image as in the data set, it is not converted at first.
    """

    id: str
    name: str
    picture: np.ndarray
    how: Conversion = OURS
    label: int | None = None  # a place in LABELS
    exported: bool = False


@dataclass(frozen=True)
class Known:
    """What was made of a photo, and what a run says of that: logits `(10,)` and features `(width,)`."""

    image: np.ndarray
    logits: np.ndarray
    features: np.ndarray


def photos() -> dict[str, Photo]:
    """By id, in the order in which they came."""
    return st.session_state.setdefault("photos", {})


def add_files(files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Take files as photos, with a bar; returns what is wrong with those that could not be taken."""
    files = list(files)
    total = sum(len(content) for _, content in files)
    if len(files) > MOST or total > MOST_MB * 1_000_000:
        size = f"{len(files)} files with {total / 1e6:.0f} MB"
        return [
            f"These are {size}: at most {MOST} files and {MOST_MB} MB together are accepted, so choose fewer at a time."
        ]
    problems, bar = [], st.progress(0.0, "Opening")
    for number, (name, content) in enumerate(files):
        bar.progress(number / len(files), f"Opening {number + 1} of {len(files)}")
        try:
            opened = shared.analyst().ask("open_picture", content=content, file=name).result()
            for place, picture in enumerate(opened.pictures, start=1):
                title = f"{name}, image {place} of {len(opened.pictures)}" if len(opened.pictures) > 1 else name
                add_picture(title, picture, opened.exported)
        except FMExploreError as error:
            problems.append(str(error))
    bar.empty()
    return problems


def add_picture(name: str, picture: np.ndarray, exported: bool = False) -> str:
    """Take an opened picture, and return its id; the same one again stays where it is. Raises PhotoError."""
    picture.setflags(write=False)
    photo_id = hashlib.sha256(picture.tobytes()).hexdigest()[:10]
    if photo_id in photos():
        return photo_id
    if len(photos()) >= MOST:
        raise PhotoError(f"{name} was left out: {MOST} photos are loaded already, so remove some first.")
    _require_memory(name, picture)
    how = AS_IT_IS if exported else OURS
    photos()[photo_id] = Photo(photo_id, name[:80], picture, how, exported=exported)
    return photo_id


def _require_memory(name: str, picture: np.ndarray) -> None:
    """Count a picture among those of all sessions, unless they, or those of one address, are too many."""
    limit, address = shared.settings().max_photos_mb, shared.address()
    held = [(key[0], each.nbytes / 1e6) for key, each in list(_held.items())]
    beside = sum(size for one, size in held if one == address)
    for who, there, room in (
        ("all visitors", sum(size for _, size in held), limit),
        ("your network", beside if address else 0, ADDRESS_SHARE * (limit or 0)),
    ):
        if limit and room and there + picture.nbytes / 1e6 > room:
            raise PhotoError(
                f"{name} was left out: the photos of {who} use {there:.0f} MB, and this server has room for "
                f"{num(room):g} MB: remove some of yours, or come back later."
            )
    _held[address, id(picture)] = picture


def change(photo: Photo, **changes: object) -> None:
    """Convert it otherwise. Raises ConfigError."""
    if photo.id in photos():  # else it was removed meanwhile
        now = newest(photo)
        photos()[now.id] = replace(now, how=now.how.replace(**changes))


def newest(photo: Photo) -> Photo:
    """The photo as it is by now: callbacks are of the page before, and a second one may come before the page is new."""
    return photos().get(photo.id, photo)


def turn(photo: Photo) -> None:
    """By 90 degrees clockwise; what was drawn on it is gone."""
    change(photo, turn=(newest(photo).how.turn + 90) % 360, crop=WHOLE, strokes=())


def set_label(photo_id: str, label: int | None) -> None:
    """Label a photo with its true class, or with none."""
    if photo_id in photos():  # else it was removed meanwhile
        photos()[photo_id] = replace(photos()[photo_id], label=label)


def remove(photo_id: str | None = None) -> None:
    """Forget one, or all."""
    for each in [photo_id] if photo_id else list(photos()):
        photos().pop(each, None)
    for name in ("known_photos", "converted_photos"):
        kept: dict = st.session_state.get(name, {})
        for key in [key for key in kept if key[0] not in photos()]:
            del kept[key]


def convert(photo: Photo) -> Converted:
    """All steps of its conversion; those of the last few are kept. Raises FMExploreError."""
    kept: dict = st.session_state.setdefault("converted_photos", {})
    key = photo.id, photo.how
    if key not in kept:
        while len(kept) >= 3:
            kept.pop(next(iter(kept)))
        question = shared.analyst().ask("convert_picture", picture=photo.picture, how=photo.how)
        kept[key] = widgets.await_answer(question, "Converting")
    return kept[key]


def predict(photo: Photo, run: Run) -> Known:
    """The outputs of a run for it. Raises FMExploreError."""
    kept: dict = st.session_state.setdefault("known_photos", {})
    key = photo.id, photo.how, str(run.path), run.weights_digest
    if key not in kept:
        converted = convert(photo)
        logits, features = recognize(run, converted.image[None])
        kept[key] = Known(converted.image, logits[0], features[0])
    return kept[key]


def recognize(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of converted photos `(n, 28, 28)`. Raises FMExploreError."""
    return widgets.await_answer(shared.analyst().ask("recognize", run=run, images=images), "Running the network")


def verdicts(known: Sequence[Known], run: Run) -> PhotoPredictions:
    """The calibrated predictions for photos, at least one."""
    return classify(np.stack([each.logits for each in known]), run.photo_fit)


def say_verdict(verdicts: PhotoPredictions, number: int) -> str:
    """The verdict on a photo, as in "Shirt, 87 % sure"."""
    probabilities = verdicts.probabilities[number]
    name = formatting.class_name(int(probabilities.argmax()))
    sure = formatting.percent(float(probabilities.max()), 0)
    if verdicts.unsure[number]:
        return f"Unsure, perhaps none of the ten classes; most probable is {name}, {sure}"
    return f"{name}, {sure} sure"


def is_right(chosen: Sequence[Photo], verdicts: PhotoPredictions) -> np.ndarray:
    """Which verdicts agree with the labels, `(n,) bool`; what is none of the ten should be unsure."""
    labels = np.array([photo.label for photo in chosen])
    return np.where(labels == OTHER, verdicts.unsure, verdicts.probabilities.argmax(1) == labels)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Its middle as a square, `(96, 96, 3) uint8`."""
    return np.asarray(ImageOps.fit(Image.fromarray(picture).convert("RGB"), (THUMBNAIL, THUMBNAIL)))
