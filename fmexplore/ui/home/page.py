"""The Home page: what the app is, a first training, the training of a shipped run replayed, the runs."""

from functools import partial

import numpy as np
import streamlit as st

from fmexplore.embeddings.features import LAST
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.evaluation.confusion import confusion_matrix, most_confused
from fmexplore.runs.run import Run
from fmexplore.training.presets import find_preset
from fmexplore.ui import formatting, messages, session, shared, tour, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.matrix import matrix
from fmexplore.ui.embeddings.quality import MINIATURE, miniature
from fmexplore.ui.formatting import num
from fmexplore.ui.predict.page import sample, sample_numbers
from fmexplore.ui.runs.table import run_list
from fmexplore.ui.selection import maps as selected_maps
from fmexplore.ui.selection.maps import Source

MATRICES = 8
ACROSS, ROWS = 4, 2  # images of a miniature; the one of a map is as wide and high as those together
MAP_WIDTH = MINIATURE * ACROSS // ROWS


def welcome() -> None:
    st.title("Watch a network learn to tell clothes apart", anchor=False)
    st.markdown(
        "fmexplore trains neural networks on Fashion-MNIST, 70,000 small pictures of clothes in ten classes, on this "
        "computer. You choose the network and watch it learn, pause it, change one thing and compare. Every "
        "figure is measured here or cited with its source.",
        width=720,
    )
    if not widgets.data_gate():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        widgets.train_button("Train one now", find_preset(session.FIRST).config, primary=True)
        tour.invite()
    with messages.boundary():
        _strip()
    with messages.boundary():
        _doors()
    st.header("Runs", anchor=False)
    with messages.boundary():
        run_list(key="home")


def _strip() -> None:
    """The confusion matrix of a shipped run that was trained from scratch, from its first snapshot to its last."""
    run = _example()
    if run is None:
        return
    frames = _matrices(run)
    if not frames:
        return
    st.header("At first everything looks alike, then the classes come apart", anchor=False)
    titles = (f"{formatting.moment(epoch)}: {formatting.percent(accuracy, 0)}" for epoch, accuracy, _ in frames)
    matrix([(title, counts) for title, (*_, counts) in zip(titles, frames, strict=True)], key="strip")
    st.caption(
        f"The confusion matrix of the shipped run {run.id} at {len(frames)} moments of its training, with its "
        "validation accuracy. Rows are true classes, columns predicted classes; blue is "
        "correct, orange is confused."
    )


def _doors() -> None:
    """Where to go next, each with a miniature of what is there."""
    data, first = shared.dataset(), _example()
    with st.container(key="doors"):
        columns = iter(st.columns(3, gap="medium"))
    predictions = shared.predictions(first, "test") if first else None
    if first and predictions and len(predictions) == len(data.test):
        true, predicted = most_confused(confusion_matrix(predictions.labels, predictions.predicted))
        cell = {"run": first.id, "split": "test", "true": str(true), "pred": str(predicted)}
        chosen = np.flatnonzero((predictions.labels == true) & (predictions.predicted == predicted))[: ACROSS * ROWS]
        words = f"{formatting.plural(true, start=True)} taken for {formatting.plural(predicted)}"
        with next(columns):
            _door("What it confuses", words, data.test.images[chosen], session.CONFUSIONS_PAGE, cell)
        if now := selected_maps.read_map(Source(first, LAST, "test"), ProjectionConfig()):
            picture = miniature(now.coordinates, now.labels, MAP_WIDTH)[None]
            words = f"{num(len(now.ids)):,} images as the network sees them"
            with next(columns):
                _door("The map", words, picture, session.EMBEDDINGS_PAGE, {"run": first.id})
    with next(columns):
        pictures = np.stack([sample(number) for number in sample_numbers()[: ACROSS * ROWS]])
        _door("Your clothes", "Photos, step by step to 28 x 28", pictures, session.PREDICT_PAGE, {})


def _door(name: str, words: str, pictures: np.ndarray, page: str, place: dict[str, str]) -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.page_link(page, label=f"**{name}**", query_params=place)
        st.caption(words)
        items = [Item(number, "", f"{name}: {words}") for number in range(len(pictures))]
        go = partial(url.open_page, page, **place)
        gallery(pictures, items, f"door_{page}", lambda _: go(), across=min(len(pictures), ACROSS), label=name)


def _example() -> Run | None:
    """A shipped run that was trained from scratch; where there is the first one, that."""
    anew = [run for run in shared.store().shipped_runs() if run.status.anew]
    return next((run for run in anew if run.id == session.FIRST), next(iter(anew), None))


@shared.keep(8, shared.folder_of)
def _matrices(run: Run) -> list[tuple[float, float, list[list[int]]]]:
    """Epoch, accuracy and confusion matrix of some moments; without words, which differ between browsers."""
    steps = run.snapshot_steps()
    chosen = [
        steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, min(MATRICES, len(steps))).round().astype(int))
    ]
    frames = []
    for step in chosen:
        arrays, metadata = run.read_snapshot(step)
        predicted = arrays["logits"].argmax(1)
        accuracy = float((predicted == arrays["labels"]).mean())
        frames.append((float(metadata["epoch"]), accuracy, confusion_matrix(arrays["labels"], predicted).tolist()))
    return frames
