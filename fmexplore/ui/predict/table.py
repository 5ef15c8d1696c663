"""All photos at once: verdicts in a table, one's own labels, the score and the confusion matrix, a CSV."""

import numpy as np
import pandas as pd
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import accuracy_interval, confusion_matrix
from fmexplore.photos.scoring import PhotoPredictions
from fmexplore.runs.run import Run
from fmexplore.textfiles import csv_text
from fmexplore.ui import formatting, widgets
from fmexplore.ui.components.confusion_grid import confusion_grid
from fmexplore.ui.components.steps import as_png
from fmexplore.ui.selection import photos
from fmexplore.ui.selection.photos import LABELS, OTHER, Known, Photo


def photo_set(run: Run) -> None:
    """Every photo with its verdict; labels of one's own make a score."""
    here, found = list(photos.photos().values()), predict_all(run)
    verdicts = photos.verdicts(found, run)
    labelled = np.array([photo.label is not None for photo in here])
    st.subheader(_title(here, verdicts, labelled), anchor=False)
    left, right = st.columns([60, 40], gap="large")
    with left:
        label_table(here, found, verdicts)
        widgets.download("Predictions, CSV", lambda: verdicts_csv(here, verdicts), "photos.csv", "text/csv")
    with right:
        _score(here, verdicts)


def predict_all(run: Run) -> list[Known]:
    """The outputs of a run for every photo, with a progress bar."""
    here = list(photos.photos().values())
    bar, found = st.empty(), []
    asked = st.container()
    for number, photo in enumerate(here):
        with asked:
            found.append(photos.predict(photo, run))
        if len(here) > 3:
            bar.progress((number + 1) / len(here), f"Looking at photo {number + 1} of {len(here)}")
    bar.empty()
    return found


def label_table(here: list[Photo], found: list[Known], verdicts: PhotoPredictions) -> None:
    """A table whose last column takes the labels."""
    predicted, confidence = verdicts.probabilities.argmax(1), verdicts.probabilities.max(1)
    table = pd.DataFrame(
        {
            "photo": [f"data:image/png;base64,{as_png(photos.thumbnail(photo.picture))}" for photo in here],
            "28 x 28": [
                f"data:image/png;base64,{as_png(np.kron(known.image, np.ones((4, 4), np.uint8)))}" for known in found
            ],
            "verdict": [
                f"{CLASS_NAMES[label]} (unsure)" if unsure else CLASS_NAMES[label]
                for label, unsure in zip(predicted, verdicts.unsure, strict=True)
            ],
            "true class": [None if photo.label is None else LABELS[photo.label] for photo in here],
            "sure": 100 * confidence,
            "file": [photo.name for photo in here],
        }
    )
    edited = st.data_editor(
        table,
        column_config={
            "photo": st.column_config.ImageColumn(width="small"),
            "28 x 28": st.column_config.ImageColumn(width="small"),
            "sure": st.column_config.NumberColumn(format="%.0f %%", width="small"),
            "true class": st.column_config.SelectboxColumn(
                options=list(LABELS), help="What the photo really shows, for the score."
            ),
        },
        disabled=["photo", "28 x 28", "verdict", "sure", "file"],
        hide_index=True,
        placeholder="choose",
        row_height=56,
        height=min(600, 38 + 56 * len(here)),
        key=f"photo_labels_{'-'.join(photo.id for photo in here)[:200]}",
    )
    changed = False
    for photo, name in zip(here, edited["true class"], strict=True):
        label = LABELS.index(name) if name in LABELS else None
        if label != photo.label:
            photos.set_label(photo.id, label)
            changed = True
    if changed:
        st.rerun()


def _title(here: list[Photo], verdicts: PhotoPredictions, labelled: np.ndarray) -> str:
    if not labelled.any():
        unsure = int(verdicts.unsure.sum())
        return f"{len(here)} photos" + (f", {unsure} of them unsure" if unsure else "")
    right = photos.is_right(here, verdicts)[labelled]
    return f"{int(right.sum())} of your {len(right)} labelled photos are recognised"


def _score(here: list[Photo], verdicts: PhotoPredictions) -> None:
    known = np.array([photo.label is not None and photo.label != OTHER for photo in here])
    if not known.any():
        st.info(
            "Choose in the column *true class* what your photos really show: then their score and confusion matrix "
            "appear here."
        )
        return
    labels = np.array([photo.label for photo in here])[known].astype(np.uint8)
    matrix = confusion_matrix(labels, verdicts.probabilities.argmax(1)[known])
    low, high = accuracy_interval(int(matrix.trace()), int(matrix.sum()))
    right = formatting.percent(matrix.trace() / matrix.sum(), 0)
    st.markdown(
        f"**{right} right; with so few photos the true accuracy may lie between {formatting.percent(low, 0)} and "
        f"{formatting.percent(high, 0)}**"
    )
    confusion_grid([("Your photos", matrix)], "photo_matrix", lambda _: None, label="Confusion matrix of your photos")


def verdicts_csv(here: list[Photo], verdicts: PhotoPredictions) -> str:
    """One line a photo: file, verdict, whether it is unsure, the ten probabilities, the label given to it."""
    rows = []
    for number, photo in enumerate(here):
        probabilities = verdicts.probabilities[number]
        label = "" if photo.label is None else LABELS[photo.label]
        rows.append(
            [
                photo.name,
                CLASS_NAMES[probabilities.argmax()],
                bool(verdicts.unsure[number]),
                f"{verdicts.ood_score[number]:.4f}",
                *(f"{value:.4f}" for value in probabilities),
                label,
            ]
        )
    return csv_text(["file", "verdict", "unsure", "ood_score", *CLASS_NAMES, "label"], rows)
