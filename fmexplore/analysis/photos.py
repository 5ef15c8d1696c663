"""What is done with photos in the process that has torch: opened, converted, classified, learnt by a copy of a run.

Functions of a Task, as those of `images`; the photos live in memory only.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fmexplore.analysis.images import data_set, derived_of, index_images, predict_images
from fmexplore.analysis.task import NullProgress, Task
from fmexplore.errors import AnalysisFailed, FMExploreError, PhotoError
from fmexplore.jobs.job import Job
from fmexplore.jobs.worker import run_job
from fmexplore.photos.conversion import OURS, Conversion, Converted, convert
from fmexplore.photos.files import open_exported, open_photo, read_photo
from fmexplore.photos.labelled import LabelledPhoto
from fmexplore.photos.scoring import PhotoPredictions, classify
from fmexplore.runs.records import Lesson
from fmexplore.runs.run import Run
from fmexplore.settings import read_settings


class Opened(NamedTuple):
    """What a file shows: a photo `(h, w, 3 or 4) uint8`, at most 480 pixels a side, or images of the data set."""

    pictures: list[np.ndarray]
    exported: bool = False  # images of the data set, `(28, 28, 3) uint8` each


class Classified(NamedTuple):
    """A run's predictions for a file: for a photo, or for each of the images of the data set that it shows."""

    predictions: PhotoPredictions
    features: np.ndarray  # (n, width)
    exported: bool


class Neighbour(NamedTuple):
    """A training image that lies near a photo in a run's feature space."""

    number: int
    label: int
    distance: float


def open_picture(task: Task, content: bytes, file: str) -> Opened:
    """The pictures of a file. Raises PhotoError."""
    del task
    if images := open_exported(content, file):
        return Opened([np.stack([image] * 3, -1) for image in images], exported=True)
    return Opened([np.asarray(open_photo(content, file))])


def convert_picture(task: Task, picture: np.ndarray, how: Conversion) -> Converted:
    """A picture `(h, w, 3 or 4) uint8`, as `open_picture` gives it, converted step by step."""
    del task
    return convert(Image.fromarray(picture), how, find_mask)


def find_mask(picture: Image.Image) -> np.ndarray:
    """The soft mask `(160, 160) float32`, 0 to 1, that the shipped segmenter gives. Raises RunBroken without it."""
    from fmexplore.photos.segmentation import find_garment, load_segmenter

    return find_garment(load_segmenter(), picture)


def recognize(task: Task, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(n, 10)` and features `(n, width)` of converted photos `(n, 28, 28) uint8`.

    The mean of the image's and its mirror image's logits: clothes have no handedness.
    """
    logits, features = predict_images(task, run, np.concatenate([images, images[:, :, ::-1]]))
    return (logits[: len(images)] + logits[len(images) :]) / 2, features[: len(images)]


def teach(
    task: Task,
    run: Run,
    copy: Run,
    pictures: Sequence[np.ndarray],
    hows: Sequence[Conversion],
    targets: np.ndarray,
) -> None:
    """Do the task "teach" of the queue for `copy`, a copy of `run`, with opened photos and their targets `(n, 10)`.

    Here and not in a worker, as the photos are in this process and must not be in a file. Raises AnalysisFailed with
    the reason when it has not learnt; who made it then removes it.
    """
    from fmexplore.photos.cutouts import VARIANTS, cut_out, vary_all

    task.report(0.0, "Cutting out the garments")
    garments = [cut_out(Image.fromarray(p), find_mask, how) for p, how in zip(pictures, hows, strict=True)]
    extra = vary_all(
        garments, targets, VARIANTS // len(garments), report=lambda share: task.report(share / 5, "Varying")
    )

    def report(share: float) -> None:
        task.report(0.2 + 0.6 * share, "Training, then testing on the test images")

    job = Job(copy.path, read_settings(), log="analyst.log")
    run_job(job, parent=run, extra=extra, photos=len(pictures), report=report)
    if job.status.state not in ("finished", "stopped"):
        raise AnalysisFailed(job.status.error or "The run could not be written: free some space on the disk.")
    with suppress(FMExploreError):  # what it has learnt counts without a word about it
        copy.write_lesson(_compare(run, copy, pictures, hows, targets))


def _compare(
    run: Run, copy: Run, pictures: Sequence[np.ndarray], hows: Sequence[Conversion], targets: np.ndarray
) -> Lesson:
    """What a run and its taught copy make of the photos with targets `(n, 10)`."""
    clothes = targets.max(1) > 0.5  # the target of what is none of the ten is flat
    right = [0, 0]
    if clothes.any():
        photos = zip(pictures, hows, clothes, strict=True)
        images = np.stack([convert(Image.fromarray(p), how, find_mask).image for p, how, known in photos if known])
        labels = targets[clothes].argmax(1)
        for place, each in enumerate((run, copy)):
            predicted = classify(recognize(NullProgress(), each, images)[0], each.photo_fit).probabilities.argmax(1)
            right[place] = int((predicted == labels).sum())
    return Lesson(
        parent=run.title[:200],
        photos=len(pictures),
        clothes=int(clothes.sum()),
        right_before=right[0],
        right_after=right[1],
        test_before=run.status.result.test_accuracy,
    )


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (open_picture, convert_picture, recognize, teach)
}
QUICK = {"open_picture", "convert_picture", "recognize"}


def read_images(path: Path, how: Conversion = OURS) -> tuple[np.ndarray, bool]:
    """What networks get of a file, `(n, 28, 28) uint8`, and whether these are images of the data set.

    Those are taken as they are; with another conversion than ours they are not looked for. Raises PhotoError.
    """
    content = read_photo(path)
    if how == OURS and (images := open_exported(content, path.name)):
        return np.stack(images), True
    return convert(open_photo(content, path.name), how, find_mask).image[None], False


def classify_file(run: Run, path: Path, how: Conversion = OURS) -> Classified:
    """A run's predictions for what a file shows. Raises PhotoError."""
    images, exported = read_images(path, how)
    logits, features = recognize(NullProgress(), run, images)
    return Classified(classify(logits, run.photo_fit), features, exported)


def find_neighbours(task: Task, run: Run, features: np.ndarray, count: int) -> list[list[Neighbour]]:
    """For each of some photos, by its features `(n, width)`, the nearest images that the run has learnt from."""
    data, derived = data_set(), derived_of(run)
    if (index := derived.read_index(data)) is None:
        index_images(task, run)
        index = derived.read_index(data)
    located = data.locate("train", run.config.training.split_config)
    assert index is not None  # it has just been kept
    assert located is not None  # there always are some
    found = (index.nearest(code, located.numbers, count) for code in index.axes.encode(features))
    labels = data.train.labels
    return [[Neighbour(int(n), int(labels[n]), float(d)) for n, d in zip(*each, strict=True)] for each in found]


def classify_photos(
    run: Run,
    photos: Sequence[LabelledPhoto],
    how: Conversion = OURS,
    report: Callable[[float], None] = lambda _: None,
) -> tuple[np.ndarray, PhotoPredictions]:
    """A run's predictions for the photos of a folder.

    Args:
        run: whose network and calibration to use.
        photos: n photos, whose files are read.
        how: the settings of their conversion.
        report: called with the share of the work that is done, 0 to 1.

    Returns:
        Logits, (n, 10) float32, and the calibrated predictions.

    Raises:
        PhotoError: a file cannot be read or is no usable picture.
    """
    found = []
    for number, photo in enumerate(photos):
        images, _ = read_images(photo.path, how)
        if len(images) > 1:
            raise PhotoError(f"{photo.path} is a sheet of {len(images)} images: give each a file, as each has a label.")
        found.append(images[0])
        report((number + 1) / len(photos))
    logits, _ = recognize(NullProgress(), run, np.stack(found))
    return logits, classify(logits, run.photo_fit)
