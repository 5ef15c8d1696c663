"""The selected predictions: one run's, for one split at one moment, with their images."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from fmexplore.data.addresses import Members, find_position
from fmexplore.data.fashion_mnist import CLASS_NAMES, DataSet, Split
from fmexplore.errors import FMExploreError, NoAnswers, RunBroken
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, shared, url, widgets
from fmexplore.ui.components.confusion_grid import Picked

SPLIT_NAMES = {"test": "Test", "validation": "Validation", "train": "Training"}


@dataclass(frozen=True)
class Moment:
    """A point of a run: a snapshot, or with step None its end."""

    step: int | None
    text: str


@dataclass(frozen=True)
class Shown:
    """Predictions with the part of the data set (`train` or `test`) and the numbers there of their images."""

    run: Run
    split: str
    moment: Moment
    predictions: Predictions
    part: str
    numbers: np.ndarray

    @property
    def source(self) -> Split:
        """The whole part, which `numbers` count."""
        return shared.dataset().part(self.part)

    @property
    def matrix(self) -> np.ndarray:
        return confusion_matrix(self.predictions.labels, self.predictions.predicted)

    @property
    def words(self) -> str:
        """As in "test images"."""
        return words(self.split)

    def position(self, number: int | None) -> int | None:
        """Where the image with that number stands among the predictions, or None."""
        return None if number is None else find_position(self.numbers, number)

    def find(self, picked: Picked) -> np.ndarray:
        """Positions of the images in the marked cells, row or column; of all mistakes if nothing is marked."""
        labels, predicted = self.predictions.labels, self.predictions.predicted
        if picked.cells:
            chosen = np.zeros(len(labels), bool)
            for true, guess in picked.cells:
                chosen |= (labels == true) & (predicted == guess)
        elif picked.row is not None:
            chosen = labels == picked.row
        elif picked.column is not None:
            chosen = predicted == picked.column
        else:
            chosen = ~self.predictions.right
        return np.flatnonzero(chosen)

    def sentence(self, position: int) -> str:
        """What became of an image, as in "Test image 417, a shirt: taken for Coat, 61 % sure"."""
        predictions = self.predictions
        predicted = CLASS_NAMES[predictions.predicted[position]]
        verdict = f"recognised as {predicted}" if predictions.right[position] else f"taken for {predicted}"
        sure = formatting.percent(float(predictions.confidence[position]), 0)
        name = formatting.image_name(self.split, int(self.numbers[position]), int(predictions.labels[position]))
        return f"{name}: {verdict}, {sure} sure"


def words(split: str) -> str:
    """As in "test images"."""
    return f"{SPLIT_NAMES[split].lower()} images"


def choose_split(splits: list[str], split: str, key: str, help: str | None = None) -> None:
    """A choice among some splits, `split` the one shown; another one goes into the link, and closes the card."""
    st.session_state[key] = split
    st.selectbox(
        "Images",
        splits,
        format_func=SPLIT_NAMES.__getitem__,
        key=key,
        width=130,
        help=help,
        on_change=lambda: url.go(split=st.session_state[key], image=None),
    )


def locate(run: Run, split: str, data: DataSet) -> Members | None:
    """The images of a run's split, or None where it has none."""
    return data.locate(split, run.config.training.split_config)


def splits(run: Run) -> list[str]:
    """Splits of which predictions are there or can be computed, the most telling first."""
    found = []
    for split in ("test", "validation", "train"):
        if split == "validation" and run.config.training.validation == "none":
            continue
        if (split == "validation" and _snapshots(run)) or _answers_at_end(run, split):
            found.append(split)
    return found


def unavailable_reason(run: Run) -> str:
    """Why a run's network cannot be asked about images, as in "is still training"; empty where it can.

    Where that is not known yet, who asks gets NoAnswers.
    """
    if run.status.active:
        return "is still training"
    if not has_answers(run):
        return "has no usable answers: its training diverged"
    return "" if run.has_weights else "has no weights"


def has_answers(run: Run) -> bool:
    """Whether a run may have usable answers, by what is known without asking its network."""
    try:
        kept = [shared.predictions(run, split) for split in ("test", "validation")]
    except NoAnswers:
        return False
    except RunBroken:
        return run.answers
    return any(kept) or run.answers


def _answers_at_end(run: Run, split: str) -> bool:
    """Whether there are predictions of its end for a split, or can be."""
    if run.status.active or not has_answers(run):
        return False
    return run.has_weights or shared.predictions(run, split) is not None


def _snapshots(run: Run) -> list[int]:
    """The steps of its snapshots, but of those that hold no numbers."""

    def is_shown(step: int) -> bool:
        try:
            return shared.predictions(run, "validation", step) is not None
        except RunBroken:
            return True  # whoever looks at it gets the reason

    return [step for step in run.snapshot_steps() if is_shown(step)]


def moments(run: Run, split: str) -> list[Moment]:
    """The moments at which a split can be looked at, in order; the end comes last, unless the run still trains."""
    found, at_end = [], _answers_at_end(run, split)
    if split == "validation":
        last = shared.metrics(run)[-1:]
        for step in _snapshots(run):
            ended = last and last[0]["kind"] == "end" and step == last[0]["steps"]
            if not (ended and at_end and run.has_weights):  # the end says the same, exactly
                found.append(Moment(step, formatting.moment(shared.snapshot_epoch(run, step))))
    return [*found, Moment(None, "the finished network")] if at_end else found


def show(run: Run, split: str, moment: Moment) -> Shown:
    """The predictions, computed first where they are not kept. Raises FMExploreError."""
    located = locate(run, split, shared.dataset())
    if located is None:
        raise RunBroken(f"{run.title} was trained without validation images: choose the test images.")
    predictions = shared.predictions(run, split, moment.step)
    if predictions is None and moment.step is None:
        question = "index_images" if split == "train" else "predict_split"
        arguments = {} if split == "train" else {"split": split}
        widgets.await_answer(shared.analyst().ask(question, run=run, **arguments), "Running the network")
        predictions = shared.predictions(run, split)
    if predictions is None or len(predictions) != len(located.numbers):
        raise RunBroken(
            f"The predictions of {run.title} are about other images than this data set's: it cannot be shown here."
        )
    return Shown(run, split, moment, predictions, *located)


def find_split(run: Run, part: str, number: int) -> tuple[str, int] | None:
    """Which of a run's splits has an image of the data set, and its position there; None where it cannot be shown."""
    for split in splits(run):
        located = locate(run, split, shared.dataset())
        place = located.position(part, number) if located else None
        if place is not None:
            return split, place
    return None


def known(run: Run, part: str, number: int) -> np.ndarray | None:
    """The logits `(10,)` that are kept of a run's end for one image of the data set, or None."""
    try:
        found = find_split(run, part, number)
        predictions = shared.predictions(run, found[0]) if found else None
    except FMExploreError:
        return None
    return predictions.logits[found[1]] if found and predictions else None
