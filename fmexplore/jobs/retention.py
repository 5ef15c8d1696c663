"""What is removed by itself: ended side jobs, old trash, and where a limit says so, runs and studies over age."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from fmexplore.errors import FMExploreError
from fmexplore.runs.status import Status, read_status
from fmexplore.runs.store import TRASH_SECONDS
from fmexplore.runs.studies import StudyStore, study_of

KEEP_JOBS_SECONDS = 3600


def clean_up(studies: StudyStore, jobs: Path) -> None:
    """Remove what is over age: studies and runs, and from `jobs`, the folder of side jobs.

    The runs of a study go with it, whole. Nothing may be put into the queue meanwhile.
    """
    store = studies.runs
    store.empty_trash()
    for folder in studies.trashed():
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > TRASH_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
    for folder in jobs.iterdir() if jobs.is_dir() else ():
        with suppress(FMExploreError):  # one that cannot be read may be half made
            status = read_status(folder)
            if not status.active and _age(status) > KEEP_JOBS_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
    if days := store.settings.max_age_days:
        _remove_over_age(studies, days * 86400)


def _remove_over_age(studies: StudyStore, seconds: float) -> None:
    """Runs without a star, and studies none of whose runs has one."""

    def is_over(status: Status) -> bool:
        return _age(status) > seconds and not status.active

    for study in studies.all():
        with suppress(FMExploreError):
            if is_over(study.status) and not any(run.label.starred for run in studies.runs_of(study.name)):
                studies.delete(study, study.status.owner)
    kept = {study.name for study in studies.all()}
    for run in studies.runs.own_runs():
        with suppress(FMExploreError):
            if is_over(run.status) and not run.label.starred and study_of(run) not in kept:
                studies.runs.delete(run, run.status.owner)


def _age(status: Status) -> float:
    """Seconds since it ended, or since it was made."""
    return time.time() - (status.ended or status.created)
