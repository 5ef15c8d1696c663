"""What the analyst does for robustness: the answers of a run's network to changed images, which are kept as they come.

A function of a Task, as those of `images`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fmexplore.analysis.images import data_set, derived_of, network_of
from fmexplore.analysis.task import Task
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.evaluation.predictions import Predictions, predict_batches
from fmexplore.robustness.sheet import FIRST, ROWS, Row, Sheet, fill_sheet
from fmexplore.runs.run import Run

KEEP_SECONDS = 20  # after which what is there is kept: who is killed goes on from there


def measure_robustness(task: Task, run: Run, split: str) -> None:
    """Keep how the run's network answers all changes of all images of a split, for `Derived.read_sheet`.

    Partial results are `Sheet.predicted` and `Sheet.counts`. What was kept by one that was cancelled or killed is gone
    on with.
    """
    robustness_sheet(task, run, split)


def robustness_sheet(
    task: Task, run: Run, split: str, rows: Sequence[Row] = ROWS, most: int | None = None, first: int = FIRST
) -> Sheet:
    """The answers for some rows, of at most so many images; kept ones are used, and new ones kept.

    Of every row the `first` images are asked for before all others. Raises ConfigError, NoAnswers, RunBroken.
    """
    data, derived, weights = data_set(), derived_of(run), run.weights_digest
    split_config = run.config.training.split_config
    located = data.locate(split, split_config)
    images = data.select(split, split_config)
    if located is None or images is None:
        raise ConfigError(f"{run.title} was trained without validation images: choose the test images.")
    network = network_of(run)
    sheet = derived.read_sheet(split, data) or Sheet.empty(images.labels)
    ids = data.addresses.ids(located.part, located.numbers)

    def answer(changed: np.ndarray) -> np.ndarray:
        logits = np.concatenate([each for each, _ in predict_batches(network, changed)])
        if not Predictions(logits, np.zeros(len(logits), np.uint8)).usable:
            raise NoAnswers.of(run.title, run.id)
        return logits

    began = kept = time.monotonic()
    before, filled = None, False
    try:
        for row, share in fill_sheet(answer, images.images, ids, sheet, rows, first, most):
            filled, now = True, time.monotonic()
            if before is None:
                before, began = share, now  # the first images also load what the network needs
            task.report(share, _words(row, share, before, now - began), _partial(sheet))
            if now - kept > KEEP_SECONDS:
                derived.write_sheet(split, data, sheet, weights)
                kept = time.monotonic()
    finally:
        if filled:
            derived.write_sheet(split, data, sheet, weights)
    return sheet


def _partial(sheet: Sheet) -> dict[str, np.ndarray]:
    return {"predicted": sheet.predicted, "counts": sheet.counts}


def _words(row: Row, share: float, before: float, seconds: float) -> str:
    """What is computed now, and for how long still, by the time that it has taken since the share `before`."""
    what = f"{row.change}, severity {row.severity}" if row.severity else "unchanged images"
    if share - before < 0.01:
        return f"Changed images: {what}"
    left = (1 - share) * seconds / (share - before)
    return f"Changed images: {what}, about {f'{left / 60:.0f} min' if left >= 90 else f'{left:.0f} s'} left"


ANALYSES: dict[str, Callable[..., Any]] = {"measure_robustness": measure_robustness}
