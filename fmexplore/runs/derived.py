"""What can be computed again from a run: kept in cache/, shipped runs bring it along. Knows files and arrays.

Every file names the weights that it was computed from, so that it is not used after the run has learnt more; those of
pixels are named by the images.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors.numpy import save as pack

from fmexplore.data.fashion_mnist import DataSet, SplitConfig
from fmexplore.embeddings.features import PIXELS, Features
from fmexplore.embeddings.neighbours import NeighbourIndex
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import NoAnswers, RunBroken
from fmexplore.evaluation.latency import Latency
from fmexplore.evaluation.predictions import Predictions
from fmexplore.machine import cores, processor
from fmexplore.robustness.sheet import Sheet, sheet_key
from fmexplore.runs.run import Arrays, Run, unpack
from fmexplore.settings import Settings
from fmexplore.storage import write_bytes

SPLITS = ("test", "validation", "train")
FOLDER = "derived"  # of a shipped run


class Kept:
    """Derived files in some folders, the last of which is written to.

    A missing, foreign or damaged file is simply not there.
    """

    def __init__(self, settings: Settings, *folders: Path) -> None:
        self.settings, self.folder, self._folders = settings, folders[-1], folders

    @property
    def digest(self) -> str:
        """Of the weights that everything should have been computed from; empty where there are none."""
        return ""

    def part(self, split: str) -> str:
        """What a split's images are called in file names."""
        return split

    def read(self, name: str) -> Arrays | None:
        """The arrays of that name, computed from the weights that the run has now, or None."""
        if (found := self._find(name)) is None:
            return None
        path, arrays = found
        if path.parent == self.folder:
            with suppress(OSError):
                os.utime(path)  # it is used: `trim` takes others first
        return arrays

    def _find(self, name: str) -> tuple[Path, Arrays] | None:
        digest = self.digest
        for folder in self._folders:
            path = folder / f"{name}.safetensors"
            with suppress(RunBroken):
                arrays, metadata = unpack(path)
                if not digest or metadata.get("weights") == digest:
                    return path, arrays
        return None

    def write(self, name: str, arrays: Arrays, weights: str = "") -> None:
        """Keep arrays that were computed from the weights of that digest, or those of now. Raises StorageError."""
        metadata = {"weights": weights or self.digest}
        write_bytes(self.folder / f"{name}.safetensors", pack(arrays, metadata))
        trim(self.settings)

    def paths(self) -> list[Path]:
        """The files that `read` would read, by name."""
        names = {path.stem for folder in self._folders for path in folder.glob("*.safetensors")}
        return [found[0] for name in sorted(names) if (found := self._find(name))]

    def read_features(self, layer: str, split: str) -> Features | None:
        """What the images of a split are to a layer, or None."""
        try:
            features = Features.from_arrays(self.read(self.features_name(layer, split)) or {})
        except (KeyError, IndexError):
            return None
        return features if features.points.ndim == 2 else None

    def read_projection(self, layer: str, split: str, config: ProjectionConfig) -> Arrays | None:
        """The map as `analysis.maps.project_images` gave it, or None."""
        arrays = self.read(self.projection_name(layer, split, config))
        return _as_map(arrays, 2, config.dimensions)

    def features_name(self, layer: str, split: str) -> str:
        """Of the file for `read_features`, without its ending."""
        return f"features-{layer}-{self.part(split)}"

    def projection_name(self, layer: str, split: str, config: ProjectionConfig) -> str:
        """Of the file for `read_projection`, without its ending."""
        return f"map-{layer}-{self.part(split)}-{config.key()}"


class Pixels(Kept):
    """The files about the images themselves, which need no run; one's split says which are for validation.

    Their names carry the digest of all images, so that those of another data set are not found.
    """

    def __init__(self, split: SplitConfig, images: DataSet, settings: Settings) -> None:
        super().__init__(settings, settings.cache / PIXELS)
        self._split, self._images = split, images

    def features_name(self, layer: str, split: str) -> str:
        return f"{super().features_name(layer, split)}-{self._images.digest[:10]}"

    def projection_name(self, layer: str, split: str, config: ProjectionConfig) -> str:
        return f"map-{layer}-{self.part(split)}-{config.key(images=self._images.digest)}"

    def part(self, split: str) -> str:
        if split in ("test", "all"):
            return split
        return f"{split}-{self._split.validation}-{self._split.validation_share:g}"


class Derived(Kept):
    """The derived files of one run."""

    def __init__(self, run: Run, settings: Settings) -> None:
        super().__init__(settings, run.path / FOLDER, settings.cache / "runs" / run.id)
        self.run = run

    @property
    def digest(self) -> str:
        return self.run.weights_digest

    def read_predictions(self, split: str, data: DataSet) -> Predictions | None:
        """The predictions of the finished weights for a split, or None. Raises NoAnswers where they are no numbers."""
        found = data.locate(split, self.run.config.training.split_config)
        logits = (self.read(_name(split)) or {}).get("logits")
        if found is None or logits is None or logits.shape != (len(found.numbers), 10):
            return None
        predictions = Predictions(logits.astype(np.float32), data.part(found.part).labels[found.numbers])
        if not predictions.usable:
            raise NoAnswers.of(self.run.title, self.run.id)
        return predictions

    def write_predictions(self, split: str, predictions: Predictions, weights: str = "") -> None:
        """Keep them for `read_predictions`. Raises StorageError."""
        self.write(_name(split), {"logits": predictions.logits}, weights)

    def read_latency(self) -> Latency | None:
        """How long the network took on this machine, or None."""
        arrays = self.read(_latency_name()) or {}
        one, batches = arrays.get("one", np.zeros(0)), arrays.get("batches", np.zeros(0))
        return Latency(one, batches) if one.size and batches.size else None

    def write_latency(self, latency: Latency, weights: str = "") -> None:
        """Keep it for `read_latency`. Raises StorageError."""
        self.write(_latency_name(), {"one": latency.one, "batches": latency.batches}, weights)

    def read_sheet(self, split: str, data: DataSet) -> Sheet | None:
        """The answers to changed images of a split, as far as they were asked for, or None."""
        images = data.select(split, self.run.config.training.split_config)
        arrays = self.read(_sheet_name(split, data))
        return None if images is None or arrays is None else Sheet.from_arrays(arrays, images.labels)

    def write_sheet(self, split: str, data: DataSet, sheet: Sheet, weights: str = "") -> None:
        """Keep it for `read_sheet`. Raises StorageError."""
        self.write(_sheet_name(split, data), sheet.to_arrays(), weights)

    def read_index(self, data: DataSet) -> NeighbourIndex | None:
        """The index of all images in the network's feature space, or None."""
        try:
            index = NeighbourIndex.from_arrays(self.read("index") or {})
        except KeyError:
            return None
        return index if (len(index.train), len(index.test)) == (len(data.train), len(data.test)) else None

    def read_course(self, config: ProjectionConfig) -> Arrays | None:
        """The maps of its snapshots as `analysis.maps.project_snapshots` gave them, or None."""
        arrays = _as_map(self.read(course_name(config)), 3, config.dimensions)
        return arrays if arrays and {"steps", "movements"} <= arrays.keys() else None


def kept_files(run: Run | None, layer: str, images: DataSet, settings: Settings) -> Kept:
    """Where the maps of a layer lie: those of pixels serve all runs, and there need not be one."""
    if run is None or layer == PIXELS:
        return Pixels(split_config_of(run), images, settings)
    return Derived(run, settings)


def split_config_of(run: Run | None) -> SplitConfig:
    """Which images are for validation; without a run, those that are by default."""
    return run.config.training.split_config if run else SplitConfig()


def course_name(config: ProjectionConfig) -> str:
    """Of the file with the maps of a run's snapshots."""
    return f"course-{config.key()}"


def _as_map(arrays: Arrays | None, axes: int, dimensions: int) -> Arrays | None:
    """The arrays if they are a map, with coordinates as float32 (shipped ones are halved)."""
    if arrays is None or not {"coordinates", "index"} <= arrays.keys():
        return None
    coordinates, index = arrays["coordinates"], arrays["index"]
    if coordinates.ndim != axes or coordinates.shape[-2:] != (len(index), dimensions):
        return None
    return {**arrays, "coordinates": coordinates.astype(np.float32)}


def _name(split: str) -> str:
    return f"predictions-{split}"


def _sheet_name(split: str, data: DataSet) -> str:
    return f"robustness-{split}-{sheet_key(images=data.digest)}"


def _latency_name() -> str:
    """Names the machine: a home may move to another one."""
    return f"latency-{hashlib.sha256(f'{processor()} {cores()}'.encode()).hexdigest()[:10]}"


def trim(settings: Settings) -> None:
    """Delete the files that were not used for the longest time, until the cache is within its limit.

    The last one stays, however large: whoever has just written it reads it.
    """
    files = []
    for folder in ("runs", PIXELS):
        for path in (settings.cache / folder).rglob("*.safetensors"):
            with suppress(OSError):  # another process deletes too
                files.append((path.stat().st_mtime, path.stat().st_size, path))
    excess = sum(size for _, size, _ in files) - 1e6 * (settings.max_cache_mb or float("inf"))
    for _, size, path in sorted(files)[:-1]:
        if excess <= 0:
            return
        with suppress(OSError):
            path.unlink()
        excess -= size
