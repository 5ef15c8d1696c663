"""One run folder: its only reader and writer. Knows files and arrays; nothing of torch, processes or screens."""

import hashlib
import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from fmexplore.errors import ConfigError, FMExploreError, NoAnswers, RunBroken
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos.scoring import PhotoFit
from fmexplore.runs.metrics import MetricsReader
from fmexplore.runs.records import HARDENING_FILE, LABEL_FILE, LESSON_FILE, PHOTO_FILE, Hardening, Label, Lesson
from fmexplore.runs.status import Status, read_status
from fmexplore.storage import (
    read_cached,
    read_json,
    require_folder,
    storage_error,
    strict_json,
    write_bytes,
    write_json,
)
from fmexplore.training.config import RunConfig

if TYPE_CHECKING:
    from fmexplore.training.progress import Snapshot

Arrays = dict[str, np.ndarray]
_WEIGHTS = ".weights.safetensors"


@dataclass(frozen=True)
class Run:
    """One run folder. Every reading method raises RunBroken, naming the file, when it is damaged."""

    path: Path
    shipped: bool = False

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """All settings that it was, or will be, trained with."""
        return read_cached(self.path / "config.json", _parse_config)

    @property
    def status(self) -> Status:
        """How far it is."""
        try:
            return read_status(self.path)
        except ConfigError as error:
            raise RunBroken(f"{self.path / 'status.json'} is not a run's status: {error}") from None

    @property
    def label(self) -> Label:
        """What people say of it; the default where that cannot be read."""
        try:
            return read_cached(self.path / LABEL_FILE, _parse_label)
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
    def photo_fit(self) -> PhotoFit:
        """What it knows of photos; the default for a run that never saw any."""
        path = self.path / PHOTO_FILE
        return read_cached(path, _parse_photo_fit) if path.exists() else PhotoFit()

    @property
    def lesson(self) -> Lesson | None:
        """What it was taught from photos, where that was kept."""
        try:
            return Lesson.parse(read_json(self.path / LESSON_FILE))
        except FMExploreError:
            return None

    def write_lesson(self, lesson: Lesson) -> None:
        """Keep what it was taught. Raises StorageError."""
        write_json(self.path / LESSON_FILE, lesson.model_dump(mode="json"), within=self.path)

    @property
    def hardening(self) -> Hardening | None:
        """Which run's training it repeats, and against which change; a zip of it does not say, as ids are a store's."""
        path = self.path / HARDENING_FILE
        try:
            return read_cached(path, _parse_hardening) if path.exists() else None
        except FMExploreError:
            return None

    def write_hardening(self, hardening: Hardening) -> None:
        """Keep what it is trained against. Raises StorageError."""
        write_json(self.path / HARDENING_FILE, hardening.model_dump(mode="json"), within=self.path)

    def write_photo_fit(self, fit: PhotoFit) -> None:
        """Keep what it knows of photos. Raises StorageError."""
        write_json(self.path / PHOTO_FILE, fit.model_dump(mode="json"), within=self.path)

    @property
    def has_weights(self) -> bool:
        """Whether `read_weights` has something to read."""
        return self._weights_path is not None

    @property
    def weights_digest(self) -> str:
        """Names the weights that `read_weights` gives, by the SHA-256 of their file; empty where there are none."""
        return read_cached(self._weights_path, _digest) if self._weights_path else ""

    @property
    def answers(self) -> bool:
        """Whether its network may be asked: not where its training left no weights, or some that are no numbers.

        True where that is not known without the network: `analysis.images.network_of` then raises NoAnswers.
        """
        path = self._weights_path
        try:
            return not self.status.diverged if path is None else read_cached(path, _are_numbers)
        except RunBroken:
            return True  # whoever asks gets the reason

    @property
    def _weights_path(self) -> Path | None:
        """The file that `read_weights` reads: a saved state is newer than weights that an earlier stop has left."""
        paths = (self.path / name for name in ("resume/state.safetensors", "model.safetensors"))
        return next((path for path in paths if path.exists()), None)

    # --- weights and snapshots -------------------------------------------------------------------------------------

    def write_weights(self, weights: Arrays) -> str:
        """Keep the weights of a run that has ended, and give their digest. Raises StorageError."""
        content = pack(weights)
        write_bytes(self.path / "model.safetensors", content, within=self.path)
        return hashlib.sha256(content).hexdigest()

    def forget_weights(self) -> None:
        """Delete what `write_weights` kept."""
        (self.path / "model.safetensors").unlink(missing_ok=True)

    def drop_weights(self) -> None:
        """Delete all weights, also those of snapshots and of the saved state; predictions of snapshots stay."""
        self.forget_weights()
        self.forget_resume()
        for step in self.snapshot_weights_steps():
            self.snapshot_weights_path(step).unlink(missing_ok=True)

    def read_weights(self) -> Arrays:
        """The weights to use, by their names in the network's state. Raises NoAnswers where none are usable."""
        path = self.path / "model.safetensors"
        if not self.answers:
            raise NoAnswers.of(self.title, self.id)
        if saved := self.read_resume():
            weights = _used(saved[0])
        elif path.exists():
            weights, _ = unpack(path)
        elif (study := self.status.study) and self.status.state in ("finished", "stopped"):
            raise RunBroken(
                f"{self.title} kept no weights, as the study {study} keeps those of its ten best trials: train a run "
                "with its settings."
            )
        else:
            raise RunBroken(f"{path} does not exist yet: let the run reach its first snapshot, then try again.")
        check_weights(self.config, weights, str(path))
        return weights

    def write_resume(self, arrays: Arrays, scalars: dict) -> None:
        """Keep what a resumed run needs, in one file, so that weights and counters always belong together.

        Raises StorageError.
        """
        content = pack(arrays, {"scalars": json.dumps(scalars)})
        write_bytes(self.path / "resume" / "state.safetensors", content, within=self.path)

    def read_resume(self) -> tuple[Arrays, dict] | None:
        """What `write_resume` kept, or None."""
        path = self.path / "resume" / "state.safetensors"
        if not path.exists():
            return None
        arrays, metadata = unpack(path)
        try:
            return arrays, json.loads(metadata["scalars"])
        except (KeyError, ValueError, RecursionError) as error:
            raise RunBroken(f"{path} is not a saved state ({error}): delete the run, or this file.") from None

    def forget_resume(self) -> None:
        """Delete what `write_resume` kept."""
        shutil.rmtree(self.path / "resume", ignore_errors=True)

    def write_snapshot(self, snapshot: "Snapshot") -> None:
        """Keep a snapshot for `read_snapshot`. Raises StorageError."""
        arrays = {"logits": snapshot.logits, "labels": snapshot.labels, "features": snapshot.features}
        metadata = {"epoch": str(snapshot.epoch), "digest": snapshot.digest}
        if snapshot.weights:
            write_bytes(self.snapshot_weights_path(snapshot.step), pack(snapshot.weights), within=self.path)
        write_bytes(self.snapshot_path(snapshot.step), pack(arrays, metadata), within=self.path)

    def snapshot_steps(self) -> list[int]:
        """The steps at which there are snapshots, ascending."""
        paths = (self.path / "snapshots").glob("*.safetensors")
        return sorted(int(path.stem) for path in paths if path.stem.isdecimal())

    def read_snapshot(self, step: int) -> tuple[Arrays, dict[str, str]]:
        """Validation `logits (n, 10)`, `labels (n,)` and, in own runs, `features`; and epoch and digest as text."""
        path = self.snapshot_path(step)
        arrays, metadata = unpack(path)
        try:
            whole = arrays["logits"].shape == (len(arrays["labels"]), 10) and float(metadata["epoch"]) >= 0
        except (KeyError, ValueError, TypeError):
            whole = False
        if not whole:
            raise RunBroken(f"{path} is not a snapshot of this format: delete it, or train the run again.")
        return arrays, metadata

    def snapshot_weights_steps(self) -> list[int]:
        """The steps of whose snapshots it has the weights, ascending; none of runs of earlier versions."""
        paths = (self.path / "snapshots").glob(f"*{_WEIGHTS}")
        return sorted(int(name) for path in paths if (name := path.name.removesuffix(_WEIGHTS)).isdecimal())

    def read_snapshot_weights(self, step: int) -> Arrays:
        """The weights at a snapshot, by their names in the network's state; kept as float16, given as float32.

        Raises ConfigError where there are none, with the steps that have some.
        """
        path = self.snapshot_weights_path(step)
        if not path.exists():
            steps = ", ".join(map(str, self.snapshot_weights_steps()))
            there = f"choose one of the steps {steps}" if steps else "only runs trained from now on do, up to 64 MB"
            raise ConfigError(f"{self.title} has no weights of step {step}: {there}.")
        arrays, _ = unpack(path)
        weights = {n: v.astype(np.float32) if v.dtype == np.float16 else v for n, v in arrays.items()}
        check_weights(self.config, weights, str(path))
        return weights

    def snapshot_weights_path(self, step: int) -> Path:
        """Where the weights at the snapshot of that step lie."""
        return self.path / "snapshots" / f"{step:07d}{_WEIGHTS}"

    def snapshot_path(self, step: int) -> Path:
        """Where the snapshot of that step lies."""
        return self.path / "snapshots" / f"{step:07d}.safetensors"

    # --- metrics ---------------------------------------------------------------------------------------------------

    @property
    def metrics_path(self) -> Path:
        """The file with one line of JSON for each report."""
        return self.path / "metrics.jsonl"

    def read_metrics(self) -> list[dict]:
        """One dict for each report, in the order of writing; a half-written last line is left out."""
        return MetricsReader(self.metrics_path).refresh()

    def append_metrics(self, line: dict) -> None:
        """Add one report. Raises StorageError, RunNotFound where the folder is gone."""
        try:
            with open(self.metrics_path, "ab") as file:
                file.write(strict_json(line).encode() + b"\n")
        except OSError as error:
            require_folder(self.path)
            raise storage_error(self.metrics_path, error) from None

    def keep_metrics(self, step: int, due: str) -> None:
        """Drop the reports that a run resumed at `step`, with `due` still to be done there, will make again."""

        def stays(line: dict) -> bool:
            if line["step"] != step:
                return line["step"] < step
            return line["kind"] == "report" if due == "evaluation" else due == "" and line["kind"] != "end"

        lines = [json.dumps(line) + "\n" for line in self.read_metrics() if stays(line)]
        write_bytes(self.metrics_path, "".join(lines).encode(), within=self.path)


def check_weights(config: RunConfig, weights: Arrays, where: str) -> None:
    """Raises RunBroken when the weights are not those of the configuration's network."""
    wanted = tensor_shapes(summarize(config.model))
    found = {name: value.shape for name, value in weights.items()}
    for name in wanted.keys() | found.keys():
        if wanted.get(name) != found.get(name):
            raise RunBroken(
                f"{where} does not fit its layer table: {name} should be {wanted.get(name)} and is {found.get(name)}."
            )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunBroken(f"{path} cannot be read ({error.strerror}): check its permissions.") from None


def _are_numbers(path: Path) -> bool:
    """Whether no weight in the file is infinite or not a number; of a saved state, of those that would be used."""
    arrays, _ = unpack(path)
    return all(bool(np.isfinite(value).all()) for value in _used(arrays).values())


def _used(saved: Arrays) -> Arrays:
    """The weights to use of a saved state: the best, else the last good, averaged or present ones."""
    parts = {name.partition(".")[0] for name in saved}
    prefix = next((f"{part}." for part in ("best", "good", "average", "weights") if part in parts), None)
    return saved if prefix is None else {n.removeprefix(prefix): v for n, v in saved.items() if n.startswith(prefix)}


def _parse_config(path: Path) -> RunConfig:
    try:
        return RunConfig.parse(read_json(path))
    except ConfigError as error:
        raise RunBroken(f"{path} is not a run's configuration: {error}") from None


def _parse_label(path: Path) -> Label:
    return Label.parse(read_json(path))


def _parse_hardening(path: Path) -> Hardening:
    return Hardening.parse(read_json(path))


def _parse_photo_fit(path: Path) -> PhotoFit:
    try:
        return PhotoFit.parse(read_json(path))
    except ConfigError as error:
        raise RunBroken(f"{path} does not say what the run knows of photos: {error}") from None


def unpack(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Arrays and metadata of a safetensors file. Raises RunBroken naming it when it is missing or damaged."""
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise RunBroken(f"{path} is missing: it cannot be shown.") from None
    # Of types that numpy lacks, bfloat16 raises TypeError and those of 8 bits AttributeError.
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError) as error:
        raise RunBroken(f"{path} is damaged ({error}): delete the run, or bring the file back.") from None
