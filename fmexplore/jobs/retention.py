"""What is removed by itself: ended side jobs, old trash, and where a limit says so, runs over age."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from fmexplore.errors import FMExploreError
from fmexplore.runs.status import Status, read_status
from fmexplore.runs.store import RunStore

KEEP_JOBS_SECONDS = 3600


def clean_up(store: RunStore, jobs: Path) -> None:
    """Remove what is over age from the store and from `jobs`, the folder of side jobs.

    Nothing may be put into the queue meanwhile.
    """
    store.empty_trash()
    for folder in jobs.iterdir() if jobs.is_dir() else ():
        with suppress(FMExploreError):  # one that cannot be read may be half made
            status = read_status(folder)
            if not status.active and _age(status) > KEEP_JOBS_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
    if days := store.settings.max_age_days:
        for run in store.own_runs():
            with suppress(FMExploreError):
                status = run.status
                if _age(status) > days * 86400 and not status.active and not run.label.starred:
                    store.delete(run, status.owner)


def _age(status: Status) -> float:
    """Seconds since it ended, or since it was made."""
    return time.time() - (status.ended or status.created)
