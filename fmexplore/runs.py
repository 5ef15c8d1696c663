"""Run folders: their only reader and writer. Knows files and arrays; nothing of torch, processes or screens."""

import difflib
import json
import os
import random
import re
import shutil
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from fmexplore import models
from fmexplore.config import RunConfig
from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, RunBroken, RunNotFound, StorageError
from fmexplore.schema import Schema
from fmexplore.settings import SHIPPED, Settings
from fmexplore.status import LOCAL_OWNER, Share, Status, read_status, write_status
from fmexplore.storage import read_cached, read_json, storage_error, write_bytes, write_json

if TYPE_CHECKING:
    from fmexplore.progress import Snapshot

TRASH_SECONDS = 24 * 3600  # how long a deletion can be undone
SHIPPED_FILES = ("config.json", "metrics.jsonl", "model.safetensors")
Arrays = dict[str, np.ndarray]


class Label(Schema):
    """What people say of a run: the only file besides control files that the app writes while a worker runs."""

    name: str = Field("", max_length=80)
    starred: bool = False


Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=10, max_length=10)]


class Report(Schema):
    """One line of metrics.jsonl, as `tasks.metrics_line` writes it; checked where it comes from outside."""

    kind: Literal["report", "epoch", "snapshot", "end"]
    step: int = Field(ge=0)
    steps: int = Field(ge=1)
    epoch: float = Field(ge=0)
    seconds: float = Field(ge=0)
    images_per_second: float | None = None
    train_loss: float | None = None
    train_accuracy: Share | None = None
    validation_loss: float | None = None
    validation_accuracy: Share | None = None
    test_loss: float | None = None
    test_accuracy: Share | None = None
    confusion: Annotated[list[Counts], Field(min_length=10, max_length=10)] | None = None


@dataclass(frozen=True)
class Run:
    """One run folder. Every reading method raises RunBroken, naming the file, when it is damaged."""

    path: Path
    shipped: bool = False

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> RunConfig:
        return read_cached(self.path / "config.json", _parse_config)

    @property
    def status(self) -> Status:
        try:
            return read_status(self.path)
        except ConfigError as error:
            raise RunBroken(f"{self.path / 'status.json'} is not a run's status: {error}") from None

    @property
    def label(self) -> Label:
        try:
            return Label.parse(read_json(self.path / "label.json"))
        except FMExploreError:
            return Label()

    @property
    def title(self) -> str:
        """The name that was given to it, else preset and time, as in "quick, 22 Nov 14:05"; today without the day."""
        made = re.fullmatch(r"(\d{8})-(\d{6})-(.+)-[a-z]{4}", self.id)
        if self.label.name or not made:
            return self.label.name or self.id
        try:
            moment = time.strptime(made[1] + made[2], "%Y%m%d%H%M%S")
        except ValueError:
            return self.id
        today = made[1] == time.strftime("%Y%m%d")
        return f"{made[3]}, {time.strftime('%H:%M' if today else '%d %b %H:%M', moment)}"

    @property
    def has_weights(self) -> bool:
        """Whether `read_weights` has something to read."""
        return any((self.path / name).exists() for name in ("model.safetensors", "resume/state.safetensors"))

    # --- weights and snapshots -------------------------------------------------------------------------------------

    def write_weights(self, weights: Arrays) -> None:
        write_bytes(self.path / "model.safetensors", pack(weights))

    def read_weights(self) -> Arrays:
        """The weights to use, by their names in the network's state."""
        path = self.path / "model.safetensors"
        if saved := self.read_resume():  # newer than weights that an earlier stop has left
            parts = {name.partition(".")[0] for name in saved[0]}
            prefix = next(part for part in ("best", "good", "weights") if part in parts) + "."
            weights = {n.removeprefix(prefix): value for n, value in saved[0].items() if n.startswith(prefix)}
        elif path.exists():
            weights, _ = _unpack(path)
        else:
            raise RunBroken(f"{path} does not exist yet: let the run reach its first snapshot, then try again.")
        check_weights(self.config, weights, str(path))
        return weights

    def write_resume(self, arrays: Arrays, scalars: dict) -> None:
        """Keep what a resumed run needs, in one file, so that weights and counters always belong together."""
        write_bytes(self.path / "resume" / "state.safetensors", pack(arrays, {"scalars": json.dumps(scalars)}))

    def read_resume(self) -> tuple[Arrays, dict] | None:
        """What `write_resume` kept, or None."""
        path = self.path / "resume" / "state.safetensors"
        if not path.exists():
            return None
        arrays, metadata = _unpack(path)
        try:
            return arrays, json.loads(metadata["scalars"])
        except (KeyError, ValueError, RecursionError) as error:
            raise RunBroken(f"{path} is not a saved state ({error}): delete the run, or this file.") from None

    def forget_resume(self) -> None:
        shutil.rmtree(self.path / "resume", ignore_errors=True)

    def write_snapshot(self, snapshot: "Snapshot") -> None:
        arrays = {"logits": snapshot.logits, "labels": snapshot.labels, "features": snapshot.features}
        metadata = {"epoch": str(snapshot.epoch), "digest": snapshot.digest}
        write_bytes(self._snapshot_path(snapshot.step), pack(arrays, metadata))

    def snapshot_steps(self) -> list[int]:
        """The steps at which there are snapshots, ascending."""
        paths = (self.path / "snapshots").glob("*.safetensors")
        return sorted(int(path.stem) for path in paths if path.stem.isdecimal())

    def read_snapshot(self, step: int) -> tuple[Arrays, dict[str, str]]:
        """Validation `logits (n, 10)`, `labels (n,)` and, in own runs, `features`; and epoch and digest as text."""
        return _unpack(self._snapshot_path(step))

    def _snapshot_path(self, step: int) -> Path:
        return self.path / "snapshots" / f"{step:07d}.safetensors"

    # --- metrics ---------------------------------------------------------------------------------------------------

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    def read_metrics(self) -> list[dict]:
        """One dict for each report, in the order of writing; a half-written last line is left out."""
        return MetricsReader(self).refresh()

    def append_metrics(self, line: dict) -> None:
        """Add one report. Raises StorageError."""
        try:
            with open(self.metrics_path, "ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise storage_error(self.metrics_path, error) from None

    def keep_metrics(self, step: int, due: str) -> None:
        """Drop the reports that a run resumed at `step`, with `due` still to be done there, will make again."""

        def stays(line: dict) -> bool:
            if line["step"] != step:
                return line["step"] < step
            return line["kind"] == "report" if due == "evaluation" else due == "" and line["kind"] != "end"

        lines = [json.dumps(line) + "\n" for line in self.read_metrics() if stays(line)]
        write_bytes(self.metrics_path, "".join(lines).encode())


class MetricsReader:
    """Follows a growing metrics file, reading only what is new. Not for two threads at once."""

    def __init__(self, run: Run) -> None:
        self.run, self.lines, self._offset, self._inode = run, [], 0, -1

    def refresh(self) -> list[dict]:
        """All reports so far."""
        try:
            with open(self.run.metrics_path, "rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < self._offset:  # rewritten by a resume
                    self.lines, self._offset, self._inode = [], 0, stat.st_ino
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return self.lines
        complete = new[: new.rfind(b"\n") + 1]
        try:
            self.lines += [json.loads(line) for line in complete.splitlines()]
        except ValueError as error:
            raise RunBroken(f"{self.run.metrics_path} has a broken line ({error}): delete the run.") from None
        self._offset += len(complete)
        return self.lines


class RunStore:
    """All runs: those in `settings.runs` and, read-only, those shipped with the project."""

    def __init__(self, settings: Settings, shipped: Path = SHIPPED) -> None:
        self.settings, self.folder, self.shipped = settings, settings.runs, shipped
        self.trash = self.folder / ".trash"

    def shipped_runs(self) -> list[Run]:
        return [Run(path, shipped=True) for path in _run_folders(self.shipped)]

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
            raise RunNotFound(f"{text!r} fits {len(matches)} runs, among them {some}: give more of its id.")
        near = difflib.get_close_matches(text, runs, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m fmexplore runs` lists them."
        raise RunNotFound(f"There is no run {text[:80]!r}: {hint}")

    def get(self, run_id: str) -> Run:
        """The run with exactly that id, as in a link. Raises RunNotFound, naming no other run."""
        for run in (Run(self.folder / run_id), Run(self.shipped / run_id, shipped=True)):
            if _is_id(run_id) and run.path.is_dir():
                return run
        raise RunNotFound(f"There is no run {run_id[:80]!r}.")

    def create(self, config: RunConfig, owner: str = LOCAL_OWNER, **status: object) -> Run:
        """A new run folder, queued unless `status` says otherwise. Raises ConfigError for an impossible network."""
        models.summarize(config.model)
        run = Run(self.new_folder(config.preset))
        try:
            write_json(run.path / "config.json", config.model_dump(mode="json"))
            write_status(run.path, Status.parse({"owner": owner, **status}))
        except FMExploreError:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    def new_folder(self, preset: str) -> Path:
        """A new empty folder with a readable, sortable name: time, preset, four letters."""
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
            raise NotAllowed(
                f"{run.id} is shipped with fmexplore and only read: use it as a new configuration instead."
            )
        if not self._may_change(run, owner):
            raise NotAllowed(f"{run.id} belongs to someone else: use it as a new configuration to train your own.")

    def may_change(self, run: Run, owner: str) -> bool:
        """Whether `owner` may stop, rename or delete the run."""
        return not run.shipped and self._may_change(run, owner)

    def _may_change(self, run: Run, owner: str) -> bool:
        return not self.settings.hosted or (owner != "" and _owner(run) == owner)

    def relabel(self, run: Run, owner: str, **changes: object) -> None:
        """Rename (`name`) or star (`starred`) a run."""
        self.require_owner(run, owner)
        if not run.path.is_dir():  # writing would make it again, empty
            raise RunNotFound(f"{run.title} was deleted in the meantime: undo that first.")
        write_json(run.path / "label.json", run.label.replace(**changes).model_dump(mode="json"))

    def delete(self, run: Run, owner: str) -> None:
        """Move a run to the trash, from where `restore` brings it back for a day. Raises NotAllowed while it runs."""
        self.require_owner(run, owner)
        try:
            running = run.status.state == "running" and run.status.alive
        except RunBroken:
            running = False
        if running:
            raise NotAllowed(f"{run.id} is training: stop it first, then delete it.")
        try:
            self.trash.mkdir(exist_ok=True)
            os.replace(run.path, self.trash / run.id)
            os.utime(self.trash / run.id)
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
            if path.stat().st_mtime <= time.time() - older_than:
                shutil.rmtree(path, ignore_errors=True)

    def ship(self, run: Run, name: str) -> Path:
        """Copy a finished run to the shipped ones, its snapshots with predictions but without features.

        Raises RunBroken when it is not finished or damaged, ConfigError for a name that is no plain word.
        """
        status = run.status
        if status.state != "finished":
            raise RunBroken(f"{run.id} is {status.state}: only a finished run can be shipped.")
        if not _is_id(name):
            raise ConfigError(f"The name is {name!r}: use lower-case letters, digits and hyphens.")
        run.read_weights(), run.read_metrics()  # whole?
        target = Run(self.shipped / name, shipped=True)
        content = {
            target.path / file.name: file.read_bytes() for file in run.path.iterdir() if file.name in SHIPPED_FILES
        }
        for step in run.snapshot_steps():
            arrays, metadata = run.read_snapshot(step)
            arrays.pop("features", None)
            content[target._snapshot_path(step)] = pack(arrays, metadata)
        shutil.rmtree(target.path, ignore_errors=True)  # not before: it may be the same run
        for path, raw in content.items():
            write_bytes(path, raw)
        write_status(target.path, status)
        return target.path

    def disk_mb(self) -> float:
        """Size of all own runs, the trash included."""
        return sum(map(_size, self.folder.rglob("*"))) / 1e6

    def owned_by(self, owner: str) -> Iterator[Run]:
        """The owner's runs, newest first; on a laptop there is one owner, and all runs are theirs."""
        return (run for run in self.own_runs() if self._may_change(run, owner))


def check_weights(config: RunConfig, weights: Arrays, where: str) -> None:
    """Raises RunBroken when the weights are not those of the configuration's network."""
    wanted = models.tensor_shapes(models.summarize(config.model))
    found = {name: value.shape for name, value in weights.items()}
    for name in wanted.keys() | found.keys():
        if wanted.get(name) != found.get(name):
            raise RunBroken(
                f"{where} does not fit its layer table: {name} should be {wanted.get(name)} and is {found.get(name)}."
            )


def _parse_config(path: Path) -> RunConfig:
    try:
        return RunConfig.parse(read_json(path))
    except ConfigError as error:
        raise RunBroken(f"{path} is not a run's configuration: {error}") from None


def _run_folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _is_id(path.name) and path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{folder} cannot be read ({error.strerror}): check its permissions.") from None


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


def _unpack(path: Path) -> tuple[Arrays, dict[str, str]]:
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise RunBroken(f"{path} is missing: it cannot be shown.") from None
    except (OSError, SafetensorError, ValueError, TypeError) as error:  # TypeError: bfloat16, which numpy lacks
        raise RunBroken(f"{path} is damaged ({error}): delete the run, or bring the file back.") from None
