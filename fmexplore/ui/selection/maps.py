"""A map: positions of images, their labels, the run's predictions, and what the link marks on it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.embeddings.features import locate_images
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.run import Arrays, Run
from fmexplore.training.config import TrainConfig
from fmexplore.ui import shared
from fmexplore.ui.components.scatter import Frame, Points
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.map_area import Selection, read_selection

TEST_FIRST = 60_000  # the id of the first test image; a training image's id is its number


@dataclass(frozen=True)
class Source:
    """Images of a split as a layer of a run sees them; without a run, as pixels."""

    run: Run | None
    layer: str
    split: str


@dataclass(frozen=True)
class Outputs:
    """What a run says of images: logits `(n, 10)`, not a number where nothing is known."""

    logits: np.ndarray
    labels: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return np.isfinite(self.logits[:, 0])

    def frame(self, coordinates: np.ndarray, caption: str = "") -> Frame:
        """These images at those places."""
        known, count = self.known, len(self.labels)
        found = Predictions(self.logits[known], self.labels[known])
        predicted = np.full(count, 255, np.uint8)
        confidence, loss = np.zeros(count, np.float32), np.zeros(count, np.float32)
        if known.any():
            predicted[known], confidence[known], loss[known] = found.predicted, found.confidence, found.losses
        return Frame(coordinates, predicted, confidence, loss, caption)


@dataclass(frozen=True)
class Mapped:
    """A map of a run's images, or of their pixels."""

    run: Run | None
    layer: str
    split: str
    coordinates: np.ndarray  # (n, 2 or 3) float32
    ids: np.ndarray  # (n,)
    outputs: Outputs
    config: ProjectionConfig = field(default_factory=ProjectionConfig)
    stopped: bool = False  # before its time
    moment: selected_predictions.Moment | None = None  # the snapshot, where it is one of several

    @property
    def labels(self) -> np.ndarray:
        return self.outputs.labels

    @property
    def predicted(self) -> np.ndarray:
        """`(n,)`, 255 where nothing is known."""
        return np.where(self.outputs.known, np.nan_to_num(self.outputs.logits).argmax(1), 255)

    @property
    def key(self) -> str:
        """Ten letters and digits that are the same for equal maps."""
        run = (self.run.id, self.run.weights_digest) if self.run else ()
        parts = (*run, self.layer, self.split, self.config.key(), *([str(self.moment.step)] if self.moment else []))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]

    @property
    def caption(self) -> str:
        """What is said of its moment."""
        return self.moment.text if self.moment else ""

    def points(self) -> Points:
        return Points(self.ids, self.labels, (self.outputs.frame(self.coordinates),))

    def position(self, image_id: int | None) -> int | None:
        if image_id is None:
            return None
        found = np.flatnonzero(self.ids == image_id)
        return int(found[0]) if len(found) else None

    def matrix(self, positions: np.ndarray) -> np.ndarray:
        """The confusion matrix of some of the images."""
        known = positions[self.outputs.known[positions]]
        return confusion_matrix(self.labels[known], self.predicted[known])


@dataclass(frozen=True)
class Marks:
    """What the link selects and opens on the maps of a page."""

    now: Mapped  # the map that it was selected on
    selection: Selection
    positions: np.ndarray  # of the selected images on that map
    image_id: int | None = None

    @property
    def ids(self) -> np.ndarray:
        return self.now.ids[self.positions]


def read_marks(maps: Sequence[Mapped], text: str | None, number: int | None) -> tuple[Marks, list[str]]:
    """The link's selection and image on maps of the same images, and its problems."""
    selection, problems, now = read_selection(text), [], maps[0]
    if text and not selection:
        problems.append("The selection in the link cannot be read: draw it again.")
    if selection.map_key:
        owners = [each for each in maps if each.key == selection.map_key]
        if owners:
            now = owners[0]
        else:
            problems.append(
                "The outline in the link belongs to a map with other settings: choose those, or draw it again."
            )
            selection = Selection()
    image_id = id_in_link(now, number)
    if number is not None and now.position(image_id) is None:
        problems.append(f"Image {number:,} is not on this map: choose another one, or a larger sample.")
        image_id = None
    positions = selection.find(now.coordinates, now.labels, now.predicted) if selection else np.zeros(0, int)
    return Marks(now, selection, positions, image_id), problems


def read_map(source: Source, config: ProjectionConfig) -> Mapped | None:
    """The map with exactly these settings, if it is kept."""
    arrays = shared.projection(source.run, source.layer, source.split, config)
    return None if arrays is None else as_map(source, arrays, config)


def _part(source: Source) -> str:
    peeks = source.split == "validation" and source.run is not None and source.run.config.training.peeks
    return "test" if peeks or source.split == "test" else "train"


def as_map(source: Source, arrays: Arrays, config: ProjectionConfig) -> Mapped:
    """The map of which an analysis has given `coordinates` and `index`."""
    ids = ids_of(arrays["index"].astype(int), "all" if source.split == "all" else _part(source))
    coordinates = arrays["coordinates"].astype(np.float32)
    stopped = bool(np.any(arrays.get("stopped", False)))
    outputs = outputs_of(source.run, ids)
    return Mapped(source.run, source.layer, source.split, coordinates, ids, outputs, config, stopped)


def ids_of(index: np.ndarray, part: str) -> np.ndarray:
    """Ids of images from their numbers in a part; those of `all` are ids already."""
    return index + TEST_FIRST if part == "test" else index


def id_of(part: str, number: int) -> int:
    return number + TEST_FIRST if part == "test" else number


def part_of(image_id: int) -> tuple[str, int]:
    """Part of the data set and number there."""
    return ("test", image_id - TEST_FIRST) if image_id >= TEST_FIRST else ("train", image_id)


def name_of(image_id: int, label: int) -> str:
    return f"{CLASS_NAMES[label]} {part_of(image_id)[1]:,}"


def outputs_of(run: Run | None, ids: np.ndarray) -> Outputs:
    """What is kept of a run's predictions for these images."""
    data = shared.dataset()
    is_test = ids >= TEST_FIRST
    labels = np.empty(len(ids), np.uint8)
    labels[is_test], labels[~is_test] = data.test.labels[ids[is_test] - TEST_FIRST], data.train.labels[ids[~is_test]]
    logits = np.full((len(ids), 10), np.nan, np.float32)
    for split in ("train", "validation", "test"):
        if run is None:
            break
        try:
            located, predictions = selected_predictions.locate(run, split, data), shared.predictions(run, split)
        except FMExploreError:
            continue
        if located is None or predictions is None or len(predictions) != len(located[1]):
            continue
        there = ids_of(located[1], located[0])
        place = np.searchsorted(there, ids).clip(0, len(there) - 1)
        hit = there[place] == ids
        logits[hit] = predictions.logits[place[hit]]
    return Outputs(logits, labels)


# --- numbers in links ------------------------------------------------------------------------------------------------


def number_in_link(split: str, image_id: int) -> int:
    """How the link names an image: by its number in its part, or by its id where the split has both parts."""
    return int(image_id) if split == "all" else part_of(int(image_id))[1]


def id_in_link(now: Mapped, number: int | None) -> int | None:
    """The id that the link means."""
    return number if number is None or now.split == "all" else id_of(_only_part(now), number)


def _only_part(now: Mapped) -> str:
    """The part of the data set that all images of a map are from, if it is not one of both."""
    return part_of(int(now.ids[0]))[0] if len(now.ids) else "train"


def read_number(now: Mapped, text: str) -> int | None:
    """How the link names the image that someone typed: "512", "9,999", "test 512"; None where the map has no such part.

    On a map of both parts a number alone is that of a training image.
    """
    match = re.fullmatch(r"(?:(test|train)(?:ing)? )?([0-9]{1,8})", text.strip().lower().replace(",", ""))
    if not match:
        return None
    part, number = match[1], int(match[2])
    if now.split == "all":
        return id_of(part or "train", number)
    return number if part in (None, _only_part(now)) else None


def rows_of(now: Mapped, count: int) -> np.ndarray:
    """Which of a split's `count` images are on the map, by their places in it."""
    if len(now.ids) == count:
        return np.arange(count)
    everyone = outputs_index(now)
    return np.searchsorted(everyone, index_of(now))


def outputs_index(now: Mapped) -> np.ndarray:
    """The numbers of all images of the map's split."""
    training = now.run.config.training if now.run else TrainConfig()
    return locate_images(shared.dataset(), now.split, training.validation, training.validation_share)[0]


def index_of(now: Mapped) -> np.ndarray:
    """The numbers of the images, as `python -m fmexplore embed` gives them."""
    return now.ids if now.split == "all" else now.ids % TEST_FIRST


def image_of(image_id: int) -> np.ndarray:
    """The picture of an id, `(28, 28) uint8`."""
    part, number = part_of(image_id)
    return shared.dataset().part(part).images[number]
