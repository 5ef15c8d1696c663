"""What is done with photos in the process that has torch: opened, converted, looked at by a run, taught to one.

Functions of a Task as in `analyses`; the photos live in memory only.
"""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fmexplore.analyses import Silent, Task, look_at
from fmexplore.photo_folder import LabelledPhoto
from fmexplore.photo_scores import Verdicts, judge
from fmexplore.photos import OURS, Conversion, Converted, convert, open_photo
from fmexplore.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def open_picture(task: Task, content: bytes, name: str) -> np.ndarray:
    """A photo's file as `(h, w, 3 or 4) uint8`, at most 480 pixels a side. Raises PhotoError."""
    del task
    return np.asarray(open_photo(content, name))


def convert_picture(task: Task, picture: np.ndarray, how: Conversion) -> Converted:
    """An opened photo, converted step by step."""
    del task
    return convert(Image.fromarray(picture), how, find)


def find(picture: Image.Image) -> np.ndarray:
    """The soft mask that the shipped segmenter gives. Raises RunBroken where it is missing."""
    from fmexplore.segmentation import find_garment, load_segmenter

    return find_garment(load_segmenter(), picture)


def recognize(task: Task, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(n, 10)` and features `(n, width)` of converted photos `(n, 28, 28) uint8`.

    The mean of the image's and its mirror image's logits: clothes have no handedness.
    """
    logits, features = look_at(task, run, np.concatenate([images, images[:, :, ::-1]]))
    return (logits[: len(images)] + logits[len(images) :]) / 2, features[: len(images)]


def judge_photo(run: Run, content: bytes, name: str, how: Conversion = OURS) -> Verdicts:
    """The verdict of a run on one photo's file. Raises PhotoError."""
    logits, _ = recognize(Silent(), run, convert(open_photo(content, name), how, find).image[None])
    return judge(logits, run.photo_fit)


def judge_photos(
    run: Run,
    photos: "Sequence[LabelledPhoto]",
    how: Conversion = OURS,
    report: "Callable[[float], None]" = lambda _: None,
) -> tuple[np.ndarray, Verdicts]:
    """Logits `(n, 10)` and verdicts of a run on the photos of a folder. Raises PhotoError."""
    images = []
    for number, photo in enumerate(photos):
        opened = open_photo(photo.path.read_bytes(), photo.path.name)
        images.append(convert(opened, how, find).image)
        report((number + 1) / len(photos))
    logits, _ = recognize(Silent(), run, np.stack(images))
    return logits, judge(logits, run.photo_fit)
