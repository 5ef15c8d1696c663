"""A run as one zip (configuration, metrics, weights, result; its label; what it knows of photos), and back.

A foreign zip leaves nothing behind.
"""

import io
import json
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from safetensors.numpy import save as pack

from fmexplore.errors import FMExploreError, RunBroken
from fmexplore.models.table import LayerInfo, summarize
from fmexplore.photos.scoring import PhotoFit
from fmexplore.runs.run import LABEL_FILE, PHOTO_FILE, Label, Report, Run
from fmexplore.runs.status import Result, Status, write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import MAX_ZIP_MB
from fmexplore.storage import storage_error
from fmexplore.training.config import RunConfig

FILES = ("config.json", "metrics.jsonl", "model.safetensors", "result.json")
MORE_FILES = (PHOTO_FILE, LABEL_FILE)  # of some runs
MAX_UNPACKED_MB = 100
MAX_TEXT_MB = 4  # of a file with text, which takes ten times as much when it is read; an hour's metrics have 2
# All that reading a damaged zip raises.
BROKEN = (
    *(zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)


def pack_run(run: Run) -> bytes:
    """The zip of a run. Raises RunBroken when it has no weights yet or is damaged."""
    weights = run.read_weights()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", run.config.model_dump_json(indent=1))
        archive.writestr("result.json", run.status.result.model_dump_json(indent=1))
        archive.writestr("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in run.read_metrics()))
        archive.writestr("model.safetensors", pack(weights))
        if run.photo_fit != PhotoFit():
            archive.writestr(PHOTO_FILE, run.photo_fit.model_dump_json(indent=1))
        if (label := run.label) != Label():
            archive.writestr(LABEL_FILE, label.model_dump_json(indent=1))
    return buffer.getvalue()


def unpack_run(
    store: RunStore,
    content: bytes,
    owner: str,
    check: Callable[[RunConfig, list[LayerInfo]], None] = lambda *_: None,
) -> Run:
    """A new finished run from a zip that `pack_run` made. Raises RunBroken with the reason for any other.

    `check` may refuse its configuration, the network's rows at hand.
    """
    if len(content) > MAX_ZIP_MB * 1e6:
        raise RunBroken(f"The zip has {len(content) / 1e6:.0f} MB, and at most {MAX_ZIP_MB} MB are taken.")
    files = _read_zip(content)
    try:
        config = RunConfig.parse(json.loads(files["config.json"]))
        result = Result.parse(json.loads(files["result.json"]))
        for line in files["metrics.jsonl"].splitlines():
            Report.parse(json.loads(line))
        if PHOTO_FILE in files:
            PhotoFit.parse(json.loads(files[PHOTO_FILE]))
        if LABEL_FILE in files:
            Label.parse(json.loads(files[LABEL_FILE]))
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
        for name in files.keys() - {"result.json"}:
            (hidden / name).write_bytes(files[name])
        Run(hidden).read_weights()
        status = Status(owner=owner, state="finished", result=result, message="loaded from a zip")
        write_status(hidden, status.replace(ended=status.created))
        os.replace(hidden, folder)
    except OSError as error:
        raise storage_error(folder, error) from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return Run(folder)


def _read_zip(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if foreign := [name for name in names if name not in FILES + MORE_FILES]:
                climbs = " (it climbs out of its folder)" if ".." in Path(foreign[0]).parts else ""
                raise RunBroken(
                    f"The zip holds {foreign[0][:80]!r}{climbs}, which is no part of a run: choose another."
                )
            if missing := [name for name in FILES if name not in names]:
                raise RunBroken(f"The zip has no {missing[0]}: it is not a run, or not a whole one.")
            files, left = {}, int(MAX_UNPACKED_MB * 1e6)
            for name in (each for each in FILES + MORE_FILES if each in names):
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
