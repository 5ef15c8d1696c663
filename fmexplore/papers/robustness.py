"""What the papers' networks make of changed images: each is trained once more, as published, and asked. Imports torch
only where it trains.

The stored trainings keep no weights, so this is a training of its own; their times and metrics stay as they are.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import DataSet
from fmexplore.machine import versions
from fmexplore.papers.reproduction import PUBLISHED, ChangedImages, plan, read_reproduction
from fmexplore.robustness.sheet import CLEAN, ROWS, VERSION, Sheet, fill_sheet
from fmexplore.training.config import RunConfig

if TYPE_CHECKING:
    from fmexplore.training.progress import Progress

IMAGES = 2000  # the first test images, under each change and severity
SEED = 0


def missing_robustness(system: str, folder: Path | None = None) -> RunConfig | None:
    """The training whose answers to changed images are not stored yet, with its seed; None where they are."""
    config = plan(system)[PUBLISHED].config
    config = config.replace(training=config.training.replace(seed=SEED))
    stored = read_reproduction(system, folder).robustness
    known = stored is not None and (stored.config, stored.changes) == (config, VERSION)
    return None if known else config


def measure_changed(
    config: RunConfig,
    images: DataSet,
    command: str,
    listen: Callable[["Progress"], None] = lambda _: None,
    count: int = IMAGES,
) -> ChangedImages:
    """Train a network and count how many of the first test images it is right about under each change.

    Args:
        config: the network and the settings of its training.
        images: the data set.
        command: the command that repeats it, which is stored with the result.
        listen: called with each Progress of the training.
        count: how many test images are asked for.

    Raises:
        ConfigError: the network cannot be built, or this machine lacks the device.
        TrainingDiverged: the loss is no longer finite.
    """
    from fmexplore.evaluation.predictions import predict_batches
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train, use_threads

    execution = choose_execution(config.model, config.training)
    trainer = train(config.model, config.training, images, execution)
    for progress in trainer:
        listen(progress)
    end = progress.test_predictions
    assert end is not None  # the last Progress has them
    located, test = images.locate("test", config.training.split_config), images.test
    assert located is not None
    ids = images.addresses.ids(located.part, located.numbers)
    sheet = Sheet.empty(test.labels[:count])

    def answer(changed: np.ndarray) -> np.ndarray:
        return np.concatenate([logits for logits, _ in predict_batches(trainer.state.eval_network, changed)])

    with use_threads(execution):
        for _ in fill_sheet(answer, test.images[:count], ids[:count], sheet):
            pass
    right: dict[str, tuple[int, ...]] = {}
    for row in ROWS:
        right[row.change] = (*right.get(row.change, ()), sheet.tally(row).right)
    return ChangedImages(
        config=config,
        date=str(date.today()),
        command=command,
        versions=versions(),
        changes=VERSION,
        test_accuracy=round(end.accuracy, 6),
        images=sheet.tally(CLEAN).images,
        right=right,
    )
