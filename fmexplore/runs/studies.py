"""Study folders: made, found, deleted with their runs. Knows their files and who may change them, not what they search.

A study is a folder in studies/ with study.json (what is searched), status.json (as of a run), trials.jsonl (a line for
each trial that has ended) and, unless another server keeps it, the database study.db. Its trials are runs whose status
names it.
"""

import difflib
import json
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, RunBroken, StudyNotFound
from fmexplore.runs.run import Run
from fmexplore.runs.status import LOCAL_OWNER, Status, read_status, write_status
from fmexplore.runs.store import RunStore
from fmexplore.storage import read_cached, read_json, storage_error, write_json

TASK = "tune"
CONFIG, TRIALS, DATABASE = "study.json", "trials.jsonl", "study.db"
SHARED_COPY = "shared.db"  # in a deleted folder, what was in the database that several servers share
MAX_NAME = 60


@dataclass(frozen=True)
class StudyFolder:
    """One study folder. Every reading method raises RunBroken, naming the file, when it is damaged."""

    path: Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def status(self) -> Status:
        """How far it is; its `result` has the best validation accuracy so far and the seconds that it has used."""
        try:
            return read_status(self.path)
        except ConfigError as error:
            raise RunBroken(f"{self.path / 'status.json'} is not a study's status: {error}") from None

    @property
    def values(self) -> dict[str, Any]:
        """What study.json says; `tuning.config` knows its meaning."""
        return read_cached(self.path / CONFIG, read_json)

    def write_values(self, values: dict[str, Any]) -> None:
        """Change study.json. Raises StorageError, RunNotFound where the folder is gone."""
        write_json(self.path / CONFIG, values, within=self.path)

    def read_trials(self) -> list[dict[str, Any]]:
        """A dict for each trial that has ended, in the order of their ends; a half-written last line is left out."""
        return read_cached(self.path / TRIALS, _read_lines) if (self.path / TRIALS).exists() else []


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        content = path.read_bytes()
        return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    except (OSError, ValueError) as error:
        raise RunBroken(f"{path} cannot be read ({error}): resume the study, which writes it anew.") from None


class StudyStore:
    """All studies of a home."""

    def __init__(self, runs: RunStore) -> None:
        self.runs, self.settings = runs, runs.settings
        self.folder = runs.settings.home / "studies"
        self.trash = self.folder / ".trash"

    def all(self) -> list[StudyFolder]:
        """Every owner's, newest first."""
        found = [(_created(each), each.name, each) for each in map(StudyFolder, _folders(self.folder))]
        return [each for *_, each in sorted(found, key=lambda row: row[:2], reverse=True)]

    def get(self, name: str) -> StudyFolder:
        """The study of exactly that name. Raises StudyNotFound with what comes near."""
        found = StudyFolder(self.folder / name)
        if is_study_name(name) and found.path.is_dir():
            return found
        near = difflib.get_close_matches(name, [each.name for each in self.all()], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m fmexplore study list` lists them."
        raise StudyNotFound(f"There is no study {name[:80]!r}: {hint}")

    def create(self, name: str, values: dict[str, Any], owner: str = LOCAL_OWNER, **status: object) -> StudyFolder:
        """A new study, queued unless `status` says otherwise. Raises ConfigError for a name that cannot be used."""
        check_study_name(name)
        study, trashed = StudyFolder(self.folder / name), StudyFolder(self.trash / name)
        if trashed.path.is_dir() and not self.may_change(trashed, owner):  # it would be lost when this one is deleted
            raise ConfigError(f"A study {name!r} of someone else was deleted today: choose another name.")
        try:
            study.path.mkdir(parents=True)
        except FileExistsError:
            raise ConfigError(f"There is a study {name!r} already: extend it, or choose another name.") from None
        except OSError as error:
            raise storage_error(study.path, error) from None
        try:
            study.write_values(values)
            write_status(study.path, Status.parse({"owner": owner, "task": TASK, **status}))
        except FMExploreError:
            shutil.rmtree(study.path, ignore_errors=True)
            raise
        return study

    def runs_of(self, name: str) -> list[Run]:
        """The runs of a study's trials and confirmations, newest first."""
        return [run for run in self.runs.own_runs() if study_of(run) == name]

    def may_change(self, study: StudyFolder, owner: str) -> bool:
        """Whether `owner` may pause, extend or delete it; others may look."""
        return not self.settings.hosted or (owner != "" and _owner(study) == owner)

    def require_owner(self, study: StudyFolder, owner: str) -> None:
        """Raises NotAllowed when `owner` may not change the study."""
        if not self.may_change(study, owner):
            raise NotAllowed(f"{study.name} belongs to someone else: use its settings for a study of your own.")

    def delete(self, study: StudyFolder, owner: str) -> None:
        """Move a study and its runs to the trash, from where `restore` brings them back for a day.

        Raises NotAllowed while it runs, StudyNotFound when it is gone.
        """
        self.require_owner(study, owner)
        with suppress(RunBroken):
            if study.status.state == "running" and study.status.alive:
                raise NotAllowed(f"{study.name} is searching: pause or stop it first, then delete it.")
        before = StudyFolder(self.trash / study.name)
        if before.path.is_dir():
            self.require_owner(before, owner)
            for run in self._trashed(study.name, owner):
                shutil.rmtree(run.path, ignore_errors=True)
            shutil.rmtree(before.path, ignore_errors=True)
        try:
            self.trash.mkdir(exist_ok=True)
            os.utime(study.path)
            os.replace(study.path, self.trash / study.name)
        except FileNotFoundError:
            raise StudyNotFound(f"The study {study.name} was deleted in the meantime.") from None
        except OSError as error:
            raise storage_error(study.path, error) from None
        for run in self.runs_of(study.name):
            with suppress(FMExploreError):
                self.runs.delete(run, owner)

    def restore(self, name: str, owner: str) -> StudyFolder:
        """Undo a deletion. Raises StudyNotFound when it is gone for good, NotAllowed where its name is taken again."""
        there = self.get_trashed(name, owner)
        for run in self._trashed(name, owner):
            with suppress(FMExploreError):
                self.runs.restore(run.id, owner)
        try:
            os.replace(there.path, self.folder / name)
        except OSError as error:
            raise storage_error(self.folder / name, error) from None
        return StudyFolder(self.folder / name)

    def get_trashed(self, name: str, owner: str) -> StudyFolder:
        """The folder of a deleted study that `owner` may restore. Raises as `restore` does."""
        there = StudyFolder(self.trash / name)
        if not is_study_name(name) or not there.path.is_dir():
            raise StudyNotFound(f"The study {name[:80]!r} was deleted more than a day ago: it cannot be brought back.")
        self.require_owner(there, owner)
        if (self.folder / name).exists():
            raise NotAllowed(f"There is a new study {name}: delete that first.")
        return there

    def _trashed(self, name: str, owner: str) -> list[Run]:
        return [run for run in self.runs.trashed_runs() if study_of(run) == name and self.runs.may_change(run, owner)]

    def trashed(self) -> list[Path]:
        """Folders of deleted studies that can still be brought back."""
        return _folders(self.trash)


def study_of(run: Run) -> str:
    """The study that a run is a trial of, else empty."""
    with suppress(FMExploreError):
        return run.status.study
    return ""


def count_as_one(runs: Iterable[Run]) -> int:
    """How many runs there are where all trials of a study count as one."""
    return len({("study", study) if (study := study_of(run)) else ("run", run.id) for run in runs})


def is_study_name(text: str) -> bool:
    """Whether a study may have that name."""
    return re.fullmatch(rf"[a-z0-9][a-z0-9-]{{0,{MAX_NAME - 1}}}", text) is not None


def check_study_name(text: str) -> None:
    """Raises ConfigError for what is no name of a study."""
    if not is_study_name(text):
        raise ConfigError(
            f"The name of the study is {text[:80]!r}: use lower-case letters, digits and hyphens, at most {MAX_NAME}."
        )


def _created(study: StudyFolder) -> float:
    with suppress(FMExploreError):
        return study.status.created
    return 0


def _owner(study: StudyFolder) -> str:
    with suppress(FMExploreError):
        return study.status.owner
    return ""


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if is_study_name(path.name) and path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(folder, error) from None
