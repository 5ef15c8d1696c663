"""What is done with photos in the process that has torch: opened, converted, looked at by a run, taught to one.

Functions of a Task as in `images`; the photos live in memory only.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from fmexplore.analysis.images import NullProgress, Task, look_at
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.errors import FMExploreError
from fmexplore.jobs.queue import JobQueue
from fmexplore.photos.conversion import OURS, Conversion, Converted, convert
from fmexplore.photos.files import open_photo, read_photo
from fmexplore.photos.labelled import LabelledPhoto
from fmexplore.photos.scoring import PhotoPredictions, classify
from fmexplore.runs.run import Run
from fmexplore.runs.status import Result, own_process, write_status
from fmexplore.settings import read_settings
from fmexplore.training.config import RunConfig


def open_picture(task: Task, content: bytes, file: str) -> np.ndarray:
    """A photo's file as `(h, w, 3 or 4) uint8`, at most 480 pixels a side. Raises PhotoError."""
    del task
    return np.asarray(open_photo(content, file))


def convert_picture(task: Task, picture: np.ndarray, how: Conversion) -> Converted:
    """An opened photo, converted step by step."""
    del task
    return convert(Image.fromarray(picture), how, find)


def find(picture: Image.Image) -> np.ndarray:
    """The soft mask that the shipped segmenter gives. Raises RunBroken where it is missing."""
    from fmexplore.photos.segmentation import find_garment, load_segmenter

    return find_garment(load_segmenter(), picture)


def recognize(task: Task, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(n, 10)` and features `(n, width)` of converted photos `(n, 28, 28) uint8`.

    The mean of the image's and its mirror image's logits: clothes have no handedness.
    """
    logits, features = look_at(task, run, np.concatenate([images, images[:, :, ::-1]]))
    return (logits[: len(images)] + logits[len(images) :]) / 2, features[: len(images)]


def teach(
    task: Task, run: Run, pictures: Sequence[np.ndarray], hows: Sequence[Conversion], targets: np.ndarray, owner: str
) -> str:
    """Fine-tune a copy of a run on opened photos with targets `(n, 10)`; the id of the new run, which keeps no photo.

    It learns from variants of the photos among images that the run learnt from, and keeps what the run knows of photos.
    """
    from fmexplore.jobs.tasks import to_arrays, to_tensors
    from fmexplore.photos.cutouts import REHEARSED, TEACHING, VARIANTS, cut_out, vary_all
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train

    task.report(0.0, "Cutting out the garments")
    garments = [cut_out(Image.fromarray(p), find, how) for p, how in zip(pictures, hows, strict=True)]
    extra = vary_all(
        garments, targets, VARIANTS // len(garments), report=lambda share: task.report(share / 5, "Varying")
    )
    before, images = run.config.training, fashion_mnist.load()
    learnt = images.select("train", before.split_config)
    assert learnt is not None  # every run learns from some
    rehearsed = learnt.take(np.random.default_rng(0).choice(len(learnt), min(REHEARSED, len(learnt)), replace=False))
    training = TEACHING.replace(validation="none")
    lesson = DataSet(rehearsed, images.test, extra)
    execution = choose_execution(run.config.model, training)
    trainer = train(run.config.model, training, lesson, execution, begin=to_tensors(run.read_weights()))
    for progress in trainer:
        task.report(0.2 + 0.6 * progress.step / progress.steps, "Training, then testing on the test images")
    queue = JobQueue(read_settings())
    kept = training.replace(**asdict(before.split_config))
    config = RunConfig(preset="taught", model=run.config.model, training=kept)
    pupil = queue.keep(config, owner, state="running", **own_process())  # else the queue takes it for one left behind
    try:
        pupil.write_weights(to_arrays(trainer.state.result()))
        if run.photo_fit.photos:
            pupil.write_photo_fit(run.photo_fit.replace(photos=run.photo_fit.photos + len(pictures)))
        queue.store.relabel(pupil, owner, name=f"{run.title}, taught {len(pictures)} photos"[:80])
        result = Result(test_accuracy=progress.test_accuracy, test_loss=progress.test_loss, seconds=progress.seconds)
        write_status(pupil.path, pupil.status.replace(state="finished", ended=time.time(), pid=None, result=result))
    except FMExploreError:
        shutil.rmtree(pupil.path, ignore_errors=True)
        raise
    return pupil.id


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (open_picture, convert_picture, recognize, teach)
}
QUICK = {"open_picture", "convert_picture", "recognize"}


def classify_photo(run: Run, content: bytes, name: str, how: Conversion = OURS) -> PhotoPredictions:
    """The verdict of a run on one photo's file. Raises PhotoError."""
    logits, _ = recognize(NullProgress(), run, convert(open_photo(content, name), how, find).image[None])
    return classify(logits, run.photo_fit)


def judge_photos(
    run: Run,
    photos: Sequence[LabelledPhoto],
    how: Conversion = OURS,
    report: Callable[[float], None] = lambda _: None,
) -> tuple[np.ndarray, PhotoPredictions]:
    """Logits `(n, 10)` and verdicts of a run on the photos of a folder. Raises PhotoError."""
    images = []
    for number, photo in enumerate(photos):
        opened = open_photo(read_photo(photo.path), photo.path.name)
        images.append(convert(opened, how, find).image)
        report((number + 1) / len(photos))
    logits, _ = recognize(NullProgress(), run, np.stack(images))
    return logits, classify(logits, run.photo_fit)
