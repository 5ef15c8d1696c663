"""All runs: made, found, renamed, deleted, shipped. Knows folders and who may change them, not what is in a run."""

import difflib
import os
import random
import re
import shutil
import string
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors.numpy import save as pack

from fmexplore.embeddings.neighbours import NeighbourIndex
from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, RunBroken, RunNotFound, StorageError
from fmexplore.models.table import LayerInfo, summarize
from fmexplore.runs.derived import FOLDER as DERIVED
from fmexplore.runs.derived import Derived
from fmexplore.runs.records import HARDENING_FILE, LABEL_FILE, PHOTO_FILE
from fmexplore.runs.run import Run, unpack
from fmexplore.runs.status import LOCAL_OWNER, Status, write_status
from fmexplore.settings import SHIPPED, Settings
from fmexplore.storage import storage_error, write_bytes, write_json
from fmexplore.training.config import RunConfig

TRASH_SECONDS = 24 * 3600  # how long a deletion can be undone
SHIPPED_FILES = ("config.json", "metrics.jsonl", "model.safetensors", PHOTO_FILE, HARDENING_FILE)
# Derived files, of which there can be many, or of a machine.
_NOT_SHIPPED = r"(features|map)-(?!last-test)|latency|responses|ranking|cues"
_NOT_SMALL = r"course|predictions-train"  # features stay: whoever opens the first image would wait for them
_NOT_BARE = r"index|features|map"
_SMALL_DIMENSIONS = 32  # of the index


class RunStore:
    """All runs: those in `settings.runs` and, read-only, those shipped with the project."""

    def __init__(self, settings: Settings, shipped: Path = SHIPPED) -> None:
        self.settings, self.folder, self.shipped = settings, settings.runs, shipped
        self.trash = self.folder / ".trash"

    def shipped_runs(self) -> list[Run]:
        """By name."""
        folders = [path for path in _run_folders(self.shipped) if (path / "config.json").exists()]  # not papers/
        return [Run(path, shipped=True) for path in folders]

    def own_runs(self) -> list[Run]:
        """Newest first, every owner's."""
        return [Run(path) for path in reversed(_run_folders(self.folder))]

    def find(self, text: str) -> Run:
        """The run with that id, shipped name or unique prefix. Raises RunNotFound with what comes near."""
        runs = {run.id: run for run in [*self.own_runs(), *self.shipped_runs()]}
        if text in runs:
            return runs[text]
        matches = [name for name in runs if text and name.startswith(text)]
        if len(matches) == 1:
            return runs[matches[0]]
        if matches:
            some = ", ".join(sorted(matches)[-5:])
            raise RunNotFound(f"{text!r} fits several runs, among them {some}: give more of its id.")
        near = difflib.get_close_matches(text, runs, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m fmexplore runs` lists them."
        raise RunNotFound(f"There is no run {text[:80]!r}: {hint}")

    def get(self, run_id: str) -> Run:
        """The run with exactly that id, as in a link. Raises RunNotFound, naming no other run."""
        own = Run(self.folder / run_id)
        if _is_id(run_id) and own.path.is_dir():
            return own
        for run in self.shipped_runs():
            if run.id == run_id:
                return run
        raise RunNotFound(f"There is no run {run_id[:80]!r}.")

    def create(
        self,
        config: RunConfig,
        owner: str = LOCAL_OWNER,
        *,
        rows: list[LayerInfo] | None = None,
        name: str = "",
        **status: object,
    ) -> Run:
        """A new run folder, queued unless `status` says otherwise.

        `rows` are the network's, as `summarize` gives them, where it has been called already. Raises ConfigError for an
        impossible network.
        """
        if rows is None:
            summarize(config.model)
        run = Run(self.new_folder(config.preset))
        try:
            write_json(run.path / "config.json", config.model_dump(mode="json"))
            write_status(run.path, Status.parse({"owner": owner, **status}))
            if name:
                self.relabel(run, owner, name=name)
        except FMExploreError:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    def new_folder(self, preset: str) -> Path:
        """A new empty folder with a readable, sortable name: time, preset, four letters. Raises StorageError."""
        moment = time.strftime("%Y%m%d-%H%M%S")
        while True:
            letters = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=4))
            path = self.folder / f"{moment}-{preset}-{letters}"
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError:
                continue
            except OSError as error:
                raise storage_error(path, error) from None

    def require_owner(self, run: Run, owner: str) -> None:
        """Raises NotAllowed when `owner` may not change the run."""
        if run.shipped:
            raise NotAllowed(f"{run.id} is shipped with fmexplore and only read: use its configuration for a new run.")
        if not self._may_change(run, owner):
            raise NotAllowed(f"{run.id} belongs to someone else: use its configuration for a run of your own.")

    def may_change(self, run: Run, owner: str) -> bool:
        """Whether `owner` may stop, rename or delete the run."""
        return not run.shipped and self._may_change(run, owner)

    def _may_change(self, run: Run, owner: str) -> bool:
        return not self.settings.hosted or (owner != "" and _owner(run) == owner)

    def relabel(self, run: Run, owner: str, **changes: object) -> None:
        """Change what people say of a run: `name`, `starred`, `note`, `tags`.

        Raises ConfigError for what is too long, NotAllowed, RunNotFound when the run is gone, StorageError.
        """
        self.require_owner(run, owner)
        if not run.path.is_dir():  # writing would make it again, empty
            raise RunNotFound(f"{run.title} was deleted in the meantime: undo that first.")
        write_json(run.path / LABEL_FILE, run.label.replace(**changes).model_dump(mode="json"))

    def delete(self, run: Run, owner: str) -> None:
        """Move a run to the trash, from where `restore` brings it back for a day.

        Raises NotAllowed while it runs, RunNotFound when it is gone.
        """
        self.require_owner(run, owner)
        try:
            running = run.status.state == "running" and run.status.alive
        except RunBroken:
            running = False
        if running:
            raise NotAllowed(f"{run.id} is training: stop it first, then delete it.")
        try:
            self.trash.mkdir(exist_ok=True)
            os.utime(run.path)  # its day begins now; before it is there, as another process may empty the trash
            os.replace(run.path, self.trash / run.id)
        except FileNotFoundError:
            raise RunNotFound(f"{run.title} was deleted in the meantime.") from None
        except OSError as error:
            raise storage_error(run.path, error) from None
        self.empty_trash()

    def restore(self, run_id: str, owner: str) -> Run:
        """Undo a deletion. Raises RunNotFound when it is gone for good."""
        run = Run(self.trash / run_id)
        if not _is_id(run_id) or not run.path.is_dir():
            raise RunNotFound(f"{run_id[:80]!r} was deleted more than a day ago: it cannot be brought back.")
        self.require_owner(run, owner)
        try:
            os.replace(run.path, self.folder / run_id)
        except OSError as error:
            raise storage_error(self.folder / run_id, error) from None
        return Run(self.folder / run_id)

    def empty_trash(self, older_than: float = TRASH_SECONDS) -> None:
        """Remove for good what was deleted more than a day ago, or as many seconds."""
        for path in self.trash.glob("*"):
            with suppress(FileNotFoundError):  # another process empties it too, or brings the run back
                if path.stat().st_mtime <= time.time() - older_than:
                    shutil.rmtree(path, ignore_errors=True)

    def ship(
        self, run: Run, name: str, small: bool = False, snapshot_weights: bool = False, bare: bool = False
    ) -> Path:
        """Copy a finished run to the shipped ones, its snapshots with predictions but without features.

        What its pages show is taken along: predictions, index, projections; of a `small` one only what is quick to
        load or needed for photos, and every third snapshot; the weights at its snapshots only where they are asked for.
        A `bare` one has no index, features and maps: they are computed when they are first looked at.
        Raises RunBroken when it is not finished or damaged, ConfigError for a name that is no plain word.
        """
        status = run.status
        if status.state != "finished":
            raise RunBroken(f"{run.id} is {status.state}: only a finished run can be shipped.")
        if not _is_id(name):
            raise ConfigError(f"The name is {name!r}: use lower-case letters, digits and hyphens.")
        run.read_weights(), run.read_metrics()  # whole?
        target = Run(self.shipped / name, shipped=True)
        if target.path.exists() and not (target.path / "config.json").exists():
            raise ConfigError(f"The name is {name!r}, and {target.path} is no run: choose another name.")
        content = {
            target.path / file.name: file.read_bytes() for file in run.path.iterdir() if file.name in SHIPPED_FILES
        }
        for step in run.snapshot_steps()[:: -3 if small else 1]:
            arrays, metadata = run.read_snapshot(step)
            arrays.pop("features", None)
            content[target.snapshot_path(step)] = pack(arrays, metadata)
        for step in run.snapshot_weights_steps() if snapshot_weights else ():
            content[target.snapshot_weights_path(step)] = run.snapshot_weights_path(step).read_bytes()
        left_out = "|".join((_NOT_SHIPPED, *[_NOT_SMALL] * small, *[_NOT_BARE] * bare))
        for path in Derived(run, self.settings).paths():
            if not re.match(left_out, path.stem):
                content[target.path / DERIVED / path.name] = _reduced(path, small)
        shutil.rmtree(target.path, ignore_errors=True)  # not before: it may be the same run
        for path, raw in content.items():
            write_bytes(path, raw)
        write_status(target.path, status)
        return target.path

    def count(self) -> int:
        """How many own runs there are, every owner's, the trash included."""
        return len(_run_folders(self.folder)) + len(_run_folders(self.trash))

    def trashed_runs(self) -> list[Run]:
        """What was deleted and can still be brought back."""
        return [Run(path) for path in _run_folders(self.trash)]

    def disk_mb(self) -> float:
        """Size of all own runs, the trash included."""
        return _folder_mb(self.folder)

    def size_mb(self, run: Run) -> float:
        """Size of a run's folder."""
        return _folder_mb(run.path)

    def owned_by(self, owner: str) -> Iterator[Run]:
        """The owner's runs, newest first; on a laptop there is one owner, and all runs are theirs."""
        return (run for run in self.own_runs() if self._may_change(run, owner))


def _reduced(path: Path, small: bool) -> bytes:
    """A derived file with its coordinates and logits as float16: a thousandth of a map's width is less than a pixel."""
    arrays, metadata = unpack(path)
    if small and path.stem == "index":
        arrays = NeighbourIndex.from_arrays(arrays).shorten(_SMALL_DIMENSIONS).to_arrays()
    halves = {name: value.astype(np.float16) for name, value in arrays.items() if name in ("coordinates", "logits")}
    return pack({name: np.ascontiguousarray(value) for name, value in (arrays | halves).items()}, metadata)


def _run_folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _is_id(path.name) and path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{folder} cannot be read ({error.strerror}): check its permissions.") from None


def _folder_mb(path: Path) -> float:
    # Not rglob: it fails where a worker removes a folder meanwhile.
    return sum(_size(Path(folder, name)) for folder, _, names in os.walk(path) for name in names) / 1e6


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a temporary file that has its name now
        return 0


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", text) is not None


def _owner(run: Run) -> str:
    try:
        return run.status.owner
    except RunBroken:
        return ""
