"""One image: large, its prediction, similar training images, Grad-CAM, and how it was learnt."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.embeddings.neighbours import NeighbourIndex
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.card import CardAction, Chip, Way, card
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.selection import predictions as selected_predictions

NEIGHBOURS = 8
MOST_OTHERS = 12


def image_card(
    run: Run | None,
    part: str,
    number: int,
    logits: np.ndarray | None,
    way: Way,
    near: dict[str, int | None],
    here: str,
) -> None:
    """Show image `number` of a part of the data set as `run` sees it; `logits` `(10,)` are asked for where None.

    `near` has the numbers of the images that "previous" and "next" lead to; `here` is the page that it stands on.
    """
    split = shared.dataset().part(part)
    image, label = split.images[number], int(split.labels[number])
    why = selected_predictions.unavailable_reason(run) if run else ""
    if logits is None and run and not why:
        question = shared.analyst().ask("predict_images", run=run, images=image[None])
        logits = widgets.await_answer(question, "Running the network")[0][0]

    def go(step: CardAction) -> None:
        if step == "close":
            st.session_state.last_image = (part, number)
        if step == "close" or near.get(step) is not None:
            url.go(image=near.get(step))

    predictions = None if logits is None else Predictions(logits[None], np.array([label], np.uint8))
    st.subheader(say_image(_split_name(run, part, number), number, label, predictions), anchor=False)
    history, history_title = _history(run, part, number, label) if run else ([], "")
    others = _others(run, part, number, label)
    probabilities = None if predictions is None else predictions.probabilities[0]
    card(image, label, "image_card", go, probabilities, way, history, history_title, others)
    _ways(run, part, number, label, None if predictions is None else int(predictions.predicted[0]), here)
    if run is None:
        st.caption("Choose a run to see its predictions.")
        return
    if why or probabilities is None:
        what = "Prediction," if probabilities is None else "Its"
        st.caption(
            f"{formatting.plain(run.title)} {why}. {what} nearest images and Grad-CAM are shown once the "
            "run has ended, with its weights."
        )
        return
    with st.container(), messages.boundary():
        _neighbours(run, part, number, label)
    with st.container(), messages.boundary():
        rivals = [int(each) for each in np.argsort(-probabilities) if each != label]
        show_heat(run, (part, number), image, (label, rivals[0]))


def _ways(run: Run | None, part: str, number: int, label: int, predicted: int | None, here: str) -> None:
    """Links to the same image on the other pages: its cell, its place on the map, the data set."""
    named = {"run": run.id} if run else {}
    ways = {"In the data set": (session.DATA_PAGE, {"split": part, "class": str(label), "image": str(number)})}
    if run and (found := selected_predictions.find_split(run, part, number)):
        place = {"split": found[0], "image": str(number)}
        cell = {"true": str(label)} | ({} if predicted is None else {"pred": str(predicted)})
        ways = {
            "In the confusion matrix": (session.CONFUSIONS_PAGE, place | cell),
            "On the map": (session.EMBEDDINGS_PAGE, place),
            **ways,
        }
        if not selected_predictions.unavailable_reason(run):
            ways["Inside"] = (session.INSIDE_PAGE, place)
            ways["Where it looks"] = (session.INSIDE_PAGE, place | {"view": "looks"})
    with st.container(horizontal=True, key="image_ways"):
        for words, (page, place) in ways.items():
            if page != here or page == session.INSIDE_PAGE:  # whose view with cards is another one
                st.page_link(page, label=words, query_params=named | place)


def _split_name(run: Run | None, part: str, number: int) -> str:
    """What an image of a part of the data set is to a run: one of its validation images, or as the part is called."""
    located = selected_predictions.locate(run, "validation", shared.dataset()) if run and part == "train" else None
    return part if located is None or located.position(part, number) is None else "validation"


def say_image(split: str, number: int, label: int, predictions: Predictions | None) -> str:
    """An image and its prediction, as in "Test image 417, a shirt: taken for Coat, 61 % sure"."""
    name = formatting.image_name(split, number, label)
    if predictions is None:
        return name
    predicted = formatting.class_name(predictions.predicted[0])
    sure = formatting.percent(float(predictions.confidence[0]), 0)
    return f"{name}: {'recognised' if predictions.right[0] else f'taken for {predicted}'}, {sure} sure"


def _history(run: Run, part: str, number: int, label: int) -> tuple[list[Chip], str]:
    """The prediction at each snapshot, and in words when the image was learnt and forgotten; for validation images."""
    located = selected_predictions.locate(run, "validation", shared.dataset())
    place = located.position(part, number) if located else None
    if located is None or place is None:
        untracked = part == "test" and "validation" in selected_predictions.splits(run)
        return [], "Test images have no history: a run is tested on them once, at its end." if untracked else ""
    chips, turns = [], []
    for moment in selected_predictions.moments(run, "validation"):
        predictions = shared.predictions(run, "validation", moment.step)
        if predictions is None or len(predictions) != len(located.numbers):
            continue
        predicted = int(predictions.predicted[place])
        right = predicted == label
        if right != (bool(chips) and chips[-1].right):
            turns.append(f"{'learnt' if right else 'forgotten'} by {moment.text}")
        chips.append(Chip(CLASS_NAMES[predicted], moment.text.replace("the finished network", "end"), right))
    return chips, f"Over the training: {', '.join(turns) or 'never learnt'}"


def _others(run: Run | None, part: str, number: int, label: int) -> list[Chip]:
    """The predictions of other runs, where they are already stored."""
    chips = []
    for other in session.runs():
        if len(chips) == MOST_OTHERS:
            break
        logits = selected_predictions.known(other, part, number) if other != run else None
        if logits is not None:
            seen = Predictions(logits[None], np.array([label], np.uint8))
            predicted, sure = CLASS_NAMES[seen.predicted[0]], formatting.percent(float(seen.confidence[0]))
            chips.append(Chip(predicted, other.title, bool(seen.right[0]), sure))
    return chips


def _neighbours(run: Run, part: str, number: int, label: int) -> None:
    """The training images that lie nearest in the network's feature space."""
    if (index := find_index(run)) is None:
        return
    located = selected_predictions.locate(run, "train", shared.dataset())
    assert located is not None  # every run learns from some
    among = located.numbers if part == "test" else located.numbers[located.numbers != number]
    neighbours_of(run, (index.test if part == "test" else index.train)[number], index, among, label)


def find_index(run: Run) -> NeighbourIndex | None:
    """Where all images lie in a run's feature space, computed first where it is not kept. Raises FMExploreError."""
    if (index := shared.index(run)) is None:
        message = "Computing the features of all images, once for this run"
        widgets.await_answer(shared.analyst().ask("index_images", run=run), message)
        index = shared.index(run)
    return index


def neighbours_of(run: Run, code: np.ndarray, index: NeighbourIndex, among: np.ndarray, label: int) -> None:
    """Show the training images out of `among` that are nearest to a point `(dimensions,) uint8` of the run's index."""
    numbers, distances = index.nearest(code, among, NEIGHBOURS)
    train = shared.dataset().train
    labels = train.labels[numbers]
    same = int((labels == label).sum())
    st.markdown(
        f"**Nearest training images: {same} of {len(numbers)} are labelled {formatting.class_name(label)}**",
        help="The training images whose features, the outputs of the last hidden layer, are closest to those "
        "of this image.",
    )
    items = [
        Item(
            int(n),
            CLASS_NAMES[of],
            f"{formatting.image_name('train', int(n), int(of))}, distance {num(d):.2f}",
            bool(of != label),
        )
        for n, of, d in zip(numbers, labels, distances, strict=True)
    ]

    def open_card(number: int) -> None:
        place = {"split": "train", "class": train.labels[number], "image": number}
        url.open_page(session.DATA_PAGE, run=run.id, **place)

    gallery(train.images[numbers], items, "neighbours", open_card, across=NEIGHBOURS, label="Nearest training images")


def show_heat(run: Run, key: tuple, image: np.ndarray, classes: tuple[int, int]) -> None:
    """Grad-CAM of an image for two classes, side by side; `key` names the image."""
    heat = _heat_of(run, key, image, classes)
    if heat is None:
        st.caption("Grad-CAM needs a feature map of at least 5 x 5 after a convolution, and this network has none.")
        return
    st.markdown(
        f"**Evidence for {formatting.class_name(classes[0])} and for {formatting.class_name(classes[1])}**",
        help="Grad-CAM (Selvaraju et al. 2017): bright regions of the last feature map raise the score of the "
        "class. Each picture has its own scale.",
    )
    items = [
        Item(n, CLASS_NAMES[n] if h.any() else f"{CLASS_NAMES[n]}: none", f"Grad-CAM for {CLASS_NAMES[n]}")
        for n, h in zip(classes, heat, strict=True)
    ]
    gallery(overlay(image, heat), items, "heat", size=160, stretch=False, label="Grad-CAM")


@shared.keep(1)
def _heats() -> shared.Recent[tuple, tuple[np.ndarray | None]]:
    return shared.Recent(512)


def _heat_of(run: Run, of: tuple, image: np.ndarray, classes: tuple[int, int]) -> np.ndarray | None:
    key = *shared.folder_and_weights(run), of, classes
    if (known := _heats().get(key)) is None:
        question = shared.analyst().ask("explain", run=run, image=image, classes=list(classes))
        known = _heats().put(key, (widgets.await_answer(question, "Computing Grad-CAM"),))
    return known[0]


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Heat `(n, 28, 28)`, 0 to 1, over a grey image, as `(n, 28, 28, 3) uint8`."""
    grey = image[None, ..., None].astype(float) * np.ones(3)
    warm = np.array([255, 120, 20]) * heat[..., None] + grey * 0.5
    share = heat[..., None] * 0.75
    return ((1 - share) * grey + share * warm).clip(0, 255).astype(np.uint8)
