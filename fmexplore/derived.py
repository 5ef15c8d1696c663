"""What can be computed again from a run: kept in cache/runs/, shipped runs bring it along. Knows files and arrays.

Every file names the weights that it was computed from, so that it is not used after the run has learnt more.
"""

import os
from contextlib import suppress
from pathlib import Path

from safetensors.numpy import save as pack

from fmexplore.data import DataSet
from fmexplore.embedding import NeighbourIndex
from fmexplore.errors import RunBroken
from fmexplore.evaluation import Predictions
from fmexplore.run import Arrays, Run, unpack
from fmexplore.settings import Settings
from fmexplore.storage import write_bytes

SPLITS = ("test", "validation", "train")
FOLDER = "derived"  # of a shipped run


class Derived:
    """The derived files of one run; a missing, foreign or damaged one is simply not there."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self.settings = run, settings
        self.folder = settings.cache / "runs" / run.id
        self._folders = run.path / FOLDER, self.folder

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
        digest = self.run.weights_digest
        for folder in self._folders:
            path = folder / f"{name}.safetensors"
            with suppress(RunBroken):
                arrays, metadata = unpack(path)
                if not digest or metadata.get("weights") == digest:
                    return path, arrays
        return None

    def write(self, name: str, arrays: Arrays, weights: str = "") -> None:
        """Keep arrays that were computed from the weights of that digest, or those of now. Raises StorageError."""
        metadata = {"weights": weights or self.run.weights_digest}
        write_bytes(self.folder / f"{name}.safetensors", pack(arrays, metadata))
        trim(self.settings)

    def read_predictions(self, split: str, data: DataSet) -> Predictions | None:
        """The predictions of the finished weights for a split, or None."""
        training = self.run.config.training
        found = data.locate(split, training.validation, training.validation_share)
        logits = (self.read(_name(split)) or {}).get("logits")
        if found is None or logits is None or logits.shape != (len(found[1]), 10):
            return None
        return Predictions(logits, data.part(found[0]).labels[found[1]])

    def write_predictions(self, split: str, predictions: Predictions, weights: str = "") -> None:
        """Keep them for `read_predictions`. Raises StorageError."""
        self.write(_name(split), {"logits": predictions.logits}, weights)

    def read_index(self, data: DataSet) -> NeighbourIndex | None:
        """The index of all images in the network's feature space, or None."""
        try:
            index = NeighbourIndex.from_arrays(self.read("index") or {})
        except KeyError:
            return None
        return index if (len(index.train), len(index.test)) == (len(data.train), len(data.test)) else None

    def paths(self) -> list[Path]:
        """The files that `read` would read, by name."""
        names = {path.stem for folder in self._folders for path in folder.glob("*.safetensors")}
        return [found[0] for name in sorted(names) if (found := self._find(name))]


def _name(split: str) -> str:
    return f"predictions-{split}"


def trim(settings: Settings) -> None:
    """Delete the files that were not used for the longest time, until the cache is within its limit.

    The last one stays, however large: whoever has just written it reads it.
    """
    files = []
    for path in (settings.cache / "runs").rglob("*.safetensors"):
        with suppress(OSError):  # another process deletes too
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    excess = sum(size for _, size, _ in files) - 1e6 * (settings.max_cache_mb or float("inf"))
    for _, size, path in sorted(files)[:-1]:
        if excess <= 0:
            return
        with suppress(OSError):
            path.unlink()
        excess -= size
