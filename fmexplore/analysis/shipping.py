"""A finished run as one that is shipped: small, and with all that its pages show."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis.images import index_images
from fmexplore.analysis.maps import project_images, project_snapshots
from fmexplore.analysis.robustness import robustness_sheet
from fmexplore.analysis.task import NullProgress, Task
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.embeddings.features import LAST
from fmexplore.embeddings.projection import STANDARD
from fmexplore.errors import ConfigError, RunBroken
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings

UNSEEN = NullProgress()
FEW = 5e-4  # of the test accuracy, which weights as float16 may cost a run that has to be small


def ship_run(
    store: RunStore,
    run: Run,
    name: str,
    small: bool = False,
    snapshot_weights: bool = False,
    task: Task = UNSEEN,
    bare: bool = False,
) -> Path:
    """Copy a finished run to the shipped ones under a plain name, and say where to.

    What is computed from its weights is computed where it is not kept; `task` follows the longest part of that.

    Its weights become float16 where the test accuracy stays the same, of a `small` one to a few images; those at its
    snapshots are taken along where asked for, and a `bare` one has no index and no maps. Raises as `RunStore.ship`.
    """
    images = fashion_mnist.load()
    with tempfile.TemporaryDirectory() as folder:
        if run.status.state == "finished":
            run = _halve(run, Path(folder), images, small)
            _compute_all(run, images, task, bare)
        return store.ship(run, name, small, snapshot_weights, bare)


def keep_predictions(run: Run, split: str, images: DataSet) -> Predictions:
    """A run's predictions for a split, computed if they are not kept yet. Raises RunBroken, ConfigError."""
    derived = Derived(run, read_settings())
    known = derived.read_predictions(split, images)
    if known is None:
        image_analysis.predict_split(NullProgress(), run, split)
        known = derived.read_predictions(split, images)
    if known is None:
        raise RunBroken(f"{run.title} has learnt more in the meantime: evaluate it again.")
    return known


def _halve(run: Run, folder: Path, images: DataSet, small: bool) -> Run:
    """A copy with weights as float16, or the run itself where that changes the test accuracy.

    Where it has to be `small` a few images do not matter: the copy's card then says what the copy reaches.
    """
    copy, weights = Run(Path(shutil.copytree(run.path, folder / run.id))), run.read_weights()
    half = {name: value.astype(np.float16) for name, value in weights.items() if value.dtype == np.float32}
    copy.write_weights({**weights, **half})
    found, status = keep_predictions(copy, "test", images), run.status
    if found.accuracy == status.result.test_accuracy:
        return copy
    if not small or abs(found.accuracy - (status.result.test_accuracy or 0)) > FEW:
        return run
    result = status.result.replace(test_accuracy=found.accuracy, test_loss=found.loss)
    write_status(copy.path, status.replace(result=result))
    return copy


def _compute_all(run: Run, images: DataSet, task: Task, bare: bool) -> None:
    for split in ("test", "validation"):
        if run.config.training.validation == "share" or split == "test":
            keep_predictions(run, split, images)
    robustness_sheet(task, run, "test")
    if bare:
        return
    index_images(NullProgress(), run)
    for standard in STANDARD:
        with suppress(ConfigError):  # too few images for it, or snapshots without features
            project_images(NullProgress(), run, LAST, "test", standard)
            project_snapshots(NullProgress(), run, standard)
