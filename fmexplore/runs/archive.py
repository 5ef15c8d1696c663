"""A run as one zip (configuration, metrics, weights, result, label, how it ended, what it goes on from), and back.

A foreign zip leaves nothing behind.
"""

import io
import json
import lzma
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field
from safetensors.numpy import save as pack

from fmexplore.errors import ConfigError, FMExploreError, NoAnswers, RunBroken
from fmexplore.models.table import LayerInfo, summarize, tensor_shapes
from fmexplore.photos.scoring import PhotoFit
from fmexplore.runs.records import LABEL_FILE, LESSON_FILE, MOST_STEPS, PHOTO_FILE, Label, Lesson, Report
from fmexplore.runs.run import Arrays, Run
from fmexplore.runs.status import Result, Seconds, Status, write_status
from fmexplore.runs.store import RunStore
from fmexplore.schema import Schema
from fmexplore.settings import MAX_ZIP_MB
from fmexplore.storage import storage_error, strict_json
from fmexplore.training.config import RunConfig

FILES = ("config.json", "metrics.jsonl", "model.safetensors", "result.json")
ENDING_FILE, SAVED_FILE = "ending.json", "state.safetensors"
MORE_FILES = (PHOTO_FILE, LESSON_FILE, ENDING_FILE, LABEL_FILE, SAVED_FILE)  # of some runs
SNAPSHOT_FILE = re.compile(r"snapshots/\d{7}\.weights\.safetensors")
MAX_UNPACKED_MB = 100
MAX_TEXT_MB = 4  # of a file with text, which takes ten times as much when it is read; an hour's metrics have 2
NO_NUMBERS = (
    "The weights in the zip, or what they answer, are infinite or not numbers: the run has no usable answers, and is "
    "refused."
)
SAVED_PARTS = {"weights", "optimizer", "best", "good", "average"}
# All that reading a damaged zip raises.
BROKEN = (
    *(zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)


class Ending(Schema):
    """How a run in a zip has ended; one that was still under way comes back as interrupted."""

    state: Literal["paused", "stopped", "finished", "failed", "interrupted"] = "finished"
    task: Literal["train", "distill", "train-photos", "teach"] = "train"
    diverged: bool = False
    lost: bool = False  # see Status.lost
    error: str = Field("", max_length=2000)


class Counters(Schema):
    """The scalars of a saved state, as `TrainState.save` gives them."""

    step: int = Field(ge=0, le=MOST_STEPS)
    steps: int = Field(ge=1, le=MOST_STEPS)
    due: Literal["", "report", "evaluation"] = ""
    seconds: Seconds
    stopped: bool = False
    waited: int = Field(0, ge=0, le=MOST_STEPS)
    loss: float = Field(0, ge=0)
    right: int = Field(0, ge=0, le=MOST_STEPS)
    seen: int = Field(0, ge=0, le=MOST_STEPS)
    window: "Window"
    pace: Seconds | None = None
    evaluation_pace: Seconds | None = None
    best_value: float | None = None
    best_step: int | None = Field(None, ge=0, le=MOST_STEPS)


class Window(Schema):
    """Sums over the steps since the last report."""

    loss: float = Field(ge=0)
    right: int = Field(ge=0, le=MOST_STEPS)
    seen: int = Field(ge=0, le=MOST_STEPS)
    steps: int = Field(ge=0, le=MOST_STEPS)
    seconds: Seconds


def pack_run(run: Run, snapshot_weights: bool = False) -> bytes:
    """The zip of a run. Raises RunBroken when it has no weights yet or is damaged, NoAnswers where they are no numbers.

    With `snapshot_weights` also those at its snapshots, from the last as many as fit. The state that it goes on from is
    left out where the zip would be too large to be loaded again.
    """
    weights, status, saved = run.read_weights(), run.status, run.read_resume()
    snapshots, size = [], _size(weights)
    for step in reversed(run.snapshot_weights_steps() if snapshot_weights else []):
        path = run.snapshot_weights_path(step)
        if size + path.stat().st_size > 0.9e6 * MAX_ZIP_MB:
            break
        snapshots.append(path)
        size += path.stat().st_size
    whole = _pack(run, weights, status, saved, snapshots)
    too_large = len(whole) > MAX_ZIP_MB * 1e6 or (saved and size + _size(saved[0]) > 0.9e6 * MAX_UNPACKED_MB)
    return _pack(run, weights, status, None, snapshots) if saved and too_large else whole


def _size(arrays: Arrays) -> int:
    return sum(value.nbytes for value in arrays.values())


def _pack(run: Run, weights: Arrays, status: Status, saved: tuple[Arrays, dict] | None, snapshots: list[Path]) -> bytes:
    goes_on = status.state == "finished" or saved is not None
    ending = Ending.parse(
        {
            "state": "interrupted" if status.active else status.state,
            "task": status.task,
            "diverged": status.diverged,
            "lost": status.lost or not (goes_on or status.diverged),
            "error": status.error[:2000],
        }
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ENDING_FILE, ending.model_dump_json(indent=1))
        archive.writestr(LABEL_FILE, run.label.model_dump_json(indent=1))
        if saved:
            archive.writestr(SAVED_FILE, pack(saved[0], {"scalars": strict_json(saved[1])}))
        archive.writestr("config.json", run.config.model_dump_json(indent=1))
        archive.writestr("result.json", status.result.model_dump_json(indent=1))
        archive.writestr("metrics.jsonl", "".join(strict_json(line) + "\n" for line in run.read_metrics()))
        archive.writestr("model.safetensors", pack(weights))
        for path in snapshots:
            archive.writestr(f"snapshots/{path.name}", path.read_bytes())
        if lesson := run.lesson:
            archive.writestr(LESSON_FILE, lesson.model_dump_json(indent=1))
        if run.photo_fit != PhotoFit():
            archive.writestr(PHOTO_FILE, run.photo_fit.model_dump_json(indent=1))
    return buffer.getvalue()


def unpack_run(
    store: RunStore,
    content: bytes,
    owner: str,
    check: Callable[[RunConfig, list[LayerInfo]], None] = lambda *_: None,
    room: Callable[[float], None] = lambda _: None,
    address: str = "",
) -> Run:
    """A new run from a zip that `pack_run` made, as it was there. Raises RunBroken with the reason for any other.

    Before anything is unpacked, `room` may refuse the MB that it will need; then `check` its configuration, the
    network's rows at hand. `address` is that of the new run's status.
    """
    if len(content) > MAX_ZIP_MB * 1e6:
        raise RunBroken(f"The zip has {len(content) / 1e6:.0f} MB, and at most {MAX_ZIP_MB} MB are taken.")
    files = _read_zip(content, room)
    try:
        config = RunConfig.parse(json.loads(files["config.json"]))
        result = Result.parse(json.loads(files["result.json"]))
        lines = [Report.parse(json.loads(line)) for line in files["metrics.jsonl"].splitlines()]
        files["metrics.jsonl"] = "".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines).encode()
        ending = Ending.parse(json.loads(files.pop(ENDING_FILE, b"{}")))
        _check_more(files)
        rows = summarize(config.model)
    except (ValueError, TypeError, RecursionError) as error:
        raise RunBroken(f"The zip is not a run's: a file in it is not JSON ({error}).") from None
    except FMExploreError as error:
        raise RunBroken(f"The zip is not a run that can be used. {error}") from None
    check(config, rows)
    folder = store.new_folder(config.preset)
    hidden = folder.with_name(f".{folder.name}")  # not listed until it has been checked
    os.replace(folder, hidden)
    try:
        for name in files.keys() - {"result.json", SAVED_FILE}:
            (hidden / name).parent.mkdir(exist_ok=True)
            (hidden / name).write_bytes(files[name])
        for step in Run(hidden).snapshot_weights_steps():
            Run(hidden).read_snapshot_weights(step)
        status = Status(owner=owner, address=address, result=result, message="loaded from a zip", **dict(ending))
        write_status(hidden, status.replace(diverged=False))  # else it would not be looked at what it keeps
        try:
            Run(hidden).read_weights()
        except NoAnswers:
            raise RunBroken(NO_NUMBERS) from None
        if SAVED_FILE in files:
            _unpack_saved(Run(hidden), rows, files[SAVED_FILE])
        write_status(hidden, status.replace(ended=status.created))
        os.replace(hidden, folder)
    except OSError as error:
        raise storage_error(folder, error) from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return Run(folder)


def _check_more(files: dict[str, bytes]) -> None:
    """Raises ValueError, ConfigError where a file that some runs have cannot be used."""
    for name, schema in ((PHOTO_FILE, PhotoFit), (LESSON_FILE, Lesson), (LABEL_FILE, Label)):
        if name in files:
            schema.parse(json.loads(files[name]))


def _unpack_saved(run: Run, rows: list[LayerInfo], content: bytes) -> None:
    """Keep a saved state that fits the network. Raises RunBroken."""
    (run.path / "resume").mkdir()
    (run.path / "resume" / SAVED_FILE).write_bytes(content)
    saved = run.read_resume()
    assert saved is not None  # it was just written
    shapes, arrays = tensor_shapes(rows), saved[0]
    try:
        Counters.parse(saved[1])
    except ConfigError as error:
        raise RunBroken(f"{SAVED_FILE} in the zip is not a saved state. {error}") from None
    parts = {name.partition(".")[0] for name in arrays}
    wanted = {f"{part}.{name}": shape for part in parts - {"optimizer"} for name, shape in shapes.items()}
    found = {name: value.shape for name, value in arrays.items() if not name.startswith("optimizer.")}
    if "weights" not in parts or not parts <= SAVED_PARTS or found != wanted:
        raise RunBroken(f"{SAVED_FILE} in the zip does not fit the network's layers: it is refused.")
    if not run.answers:
        raise RunBroken(NO_NUMBERS)


def _read_zip(content: bytes, room: Callable[[float], None]) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            known = (*FILES, *MORE_FILES, *(name for name in names if SNAPSHOT_FILE.fullmatch(name)))
            if foreign := [name for name in names if name not in known]:
                climbs = " (it climbs out of its folder)" if ".." in Path(foreign[0]).parts else ""
                raise RunBroken(
                    f"The zip holds {foreign[0][:80]!r}{climbs}, which is no part of a run: choose another."
                )
            if missing := [name for name in FILES if name not in names]:
                raise RunBroken(f"The zip has no {missing[0]}: it is not a run, or not a whole one.")
            # Python reads no more of a file than this directory says that it has.
            room(sum(file.file_size for file in archive.infolist()) / 1e6)
            files, left = {}, int(MAX_UNPACKED_MB * 1e6)
            for name in (each for each in known if each in names):
                with archive.open(name) as file:
                    files[name] = file.read(left + 1)  # sizes in a zip's directory may lie
                left -= len(files[name])
                if left < 0:
                    raise RunBroken(f"The zip unpacks to more than {MAX_UNPACKED_MB} MB: it is refused.")
                if not name.endswith(".safetensors") and len(files[name]) > MAX_TEXT_MB * 1e6:
                    raise RunBroken(f"{name} in the zip has more than {MAX_TEXT_MB} MB: it is refused.")
            return files
    except BROKEN as error:
        raise RunBroken(f"The file is not a whole zip ({error}): download the run again.") from None
