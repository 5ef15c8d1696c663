"""A map: positions of images, their labels, the run's predictions, and what the link marks on it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fmexplore.data.addresses import find_position, find_positions
from fmexplore.embeddings.features import ids_of_split
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.evaluation.predictions import Predictions
from fmexplore.runs.derived import split_config_of
from fmexplore.runs.run import Arrays, Run
from fmexplore.ui import formatting, shared
from fmexplore.ui.components.scatter import Frame, Points
from fmexplore.ui.formatting import num
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.map_area import Selection, read_selection


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
    ids: np.ndarray  # (n,), ascending
    outputs: Outputs
    config: ProjectionConfig = field(default_factory=ProjectionConfig)
    stopped: bool = False  # early, by hand
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
        """The text of its moment."""
        return self.moment.text if self.moment else ""

    def points(self) -> Points:
        frames = (self.outputs.frame(self.coordinates),)
        return Points(self.ids, self.labels, frames, shared.dataset().addresses, self.train_name)

    @property
    def train_name(self) -> str:
        """What an image on it is called that is no test image."""
        return formatting.IMAGES["validation" if self.split == "validation" else "train"]

    def position(self, image_id: int | None) -> int | None:
        """The row of an image, or None where the map does not show it."""
        return None if image_id is None else find_position(self.ids, image_id)

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
        problems.append(f"Image {num(number):,} is not on this map: choose another one, or a larger sample.")
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
    part = "all" if source.split == "all" else _part(source)
    ids = shared.dataset().addresses.ids(part, arrays["index"].astype(int))
    coordinates = arrays["coordinates"].astype(np.float32)
    stopped = bool(np.any(arrays.get("stopped", False)))
    outputs = outputs_of(source.run, ids)
    return Mapped(source.run, source.layer, source.split, coordinates, ids, outputs, config, stopped)


def outputs_of(run: Run | None, ids: np.ndarray) -> Outputs:
    """What is kept of a run's predictions for these images."""
    data = shared.dataset()
    logits = np.full((len(ids), 10), np.nan, np.float32)
    for split in ("train", "validation", "test"):
        if run is None:
            break
        try:
            located, predictions = selected_predictions.locate(run, split, data), shared.predictions(run, split)
        except FMExploreError:
            continue
        if located is None or predictions is None or len(predictions) != len(located.numbers):
            continue
        places = find_positions(data.addresses.ids(*located), ids)
        there = places >= 0
        logits[there] = predictions.logits[places[there]]
    return Outputs(logits, data.labels_of(ids))


# --- numbers in links ------------------------------------------------------------------------------------------------


def number_in_link(split: str, image_id: int) -> int:
    """How the link names an image: by its number in its part, or by its id where the split has both parts."""
    return shared.dataset().addresses.name(split, image_id)


def id_in_link(now: Mapped, number: int | None) -> int | None:
    """The id that the link means."""
    return number if number is None or now.split == "all" else shared.dataset().addresses.id(_only_part(now), number)


def _only_part(now: Mapped) -> str:
    """The part of the data set that all images of a map are from, if it is not one of both."""
    return shared.dataset().addresses.part_and_number(now.ids[0])[0] if len(now.ids) else "train"


def read_number(now: Mapped, text: str) -> int | None:
    """How the link names the image that someone typed: "512", "9,999", "test 512"; None where the map has no such part.

    On a map of both parts a number alone is that of a training image.
    """
    match = re.fullmatch(r"(?:(test|train)(?:ing)? )?([0-9]{1,8})", text.strip().lower().replace(",", ""))
    if not match:
        return None
    part, number = match[1], int(match[2])
    if now.split == "all":
        return shared.dataset().addresses.id(part or "train", number)
    return number if part in (None, _only_part(now)) else None


def rows_of(now: Mapped, count: int) -> np.ndarray:
    """Which of a split's `count` images are on the map, by their places in it."""
    if len(now.ids) == count:
        return np.arange(count)
    return find_positions(ids_of_split(shared.dataset(), now.split, split_config_of(now.run)), now.ids)
