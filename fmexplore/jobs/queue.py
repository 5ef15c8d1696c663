"""The queue of named tasks. All of its state is on disk; knows no process, no torch and no screen.

A job is a folder with a status.json: a run's folder for trainings, a folder under cache/jobs for other work. Any
process may put jobs into the queue; a `Dispatcher` starts and watches their workers.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from fmexplore.errors import FMExploreError, NoAnswers, NotAllowed, RunBroken
from fmexplore.jobs import limits
from fmexplore.jobs.estimates import read_speed
from fmexplore.jobs.fairness import fair_order
from fmexplore.models.table import summarize
from fmexplore.runs.archive import NO_NUMBERS, unpack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import (
    BROUGHT_BY,
    LOCAL_OWNER,
    RESUMABLE,
    TEACH_AGAIN,
    Status,
    clear_requests,
    read_status,
    request,
    write_status,
)
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import TASK as STUDY
from fmexplore.runs.studies import StudyStore
from fmexplore.settings import Settings
from fmexplore.storage import StorageLock, storage_error
from fmexplore.training.config import RunConfig

# A study is trained by its driver, trial after trial, and takes one place. Measuring beside a training would give wrong
# figures for both.
LANES = dict.fromkeys(("train", *BROUGHT_BY, STUDY, "measure"), "training") | dict.fromkeys(
    ("fetch", "teach"), "analysis"
)


class JobQueue:
    """What people ask for: puts tasks into the queue, and says which of them wait and run."""

    def __init__(self, settings: Settings, address: Callable[[], str] = lambda: "") -> None:
        """`address` stands for where whoever asks in this thread comes from, empty if unknown."""
        self.settings, self.store, self.address = settings, RunStore(settings), address
        self.studies = StudyStore(self.store)
        self.jobs = settings.cache / "jobs"
        self.lock = StorageLock(settings.home / "jobs.lock")

    def submit_run(self, config: RunConfig, owner: str = LOCAL_OWNER) -> Run:
        """Queue a training. Raises NotAllowed when a limit of this server is reached, ConfigError, StorageError."""
        with self.lock:
            limits.check_owner(self.settings, owner)
            address = self.address()
            limits.check_queue(self.settings, owner, address, self._trainings())
            limits.check_room(self.store, owner, address)
            rows = summarize(config.model)
            limits.check_network(self.settings, config, rows)
            limits.check_disk(self.store, owner, address, limits.weights_mb(config, rows))
            return self.store.create(config, owner, rows=rows, address=address)

    def require_room(self, owner: str, planned_mb: float = 0) -> None:
        """Raises NotAllowed when the owner may not keep one more run, of that size."""
        with self.lock:
            limits.check_owner(self.settings, owner)
            limits.check_room(self.store, owner, self.address())
            limits.check_disk(self.store, owner, self.address(), planned_mb)

    def keep(self, config: RunConfig, owner: str, **status: Any) -> Run:
        """A new run whose work the queue does not start, as `RunStore.create` makes it.

        Raises NotAllowed, ConfigError, StorageError.
        """
        with self.lock:
            self.require_room(owner, limits.weights_mb(config, summarize(config.model)))
            return self.store.create(config, owner, address=self.address(), **status)

    def discard(self, run: Run) -> None:
        """Remove for good what `keep` made for work that was cancelled or has failed."""
        with self.lock:  # else the dispatcher may write a status into it
            shutil.rmtree(run.path, ignore_errors=True)

    def load_zip(
        self, content: bytes, owner: str = LOCAL_OWNER, try_out: Callable[[Run], None] = lambda _: None
    ) -> Run:
        """A run from a zip that was downloaded here or elsewhere. Raises NotAllowed, RunBroken, StorageError.

        `try_out` asks its network, as outputs may be infinite though all weights are finite: where it raises NoAnswers
        or RunBroken the run is not kept.
        """
        with self.lock:
            run = unpack_run(
                self.store,
                content,
                owner,
                check=partial(limits.check_network, self.settings),
                room=partial(self.require_room, owner),
                address=self.address(),
            )
        try:
            try_out(run)  # without the lock: a network that nobody has asked yet takes seconds
        except (NoAnswers, RunBroken) as error:
            shutil.rmtree(run.path, ignore_errors=True)
            raise RunBroken(NO_NUMBERS if isinstance(error, NoAnswers) else str(error)) from None
        return run

    def restore(self, run_id: str, owner: str) -> Run:
        """Undo a deletion. Raises NotAllowed, RunNotFound when it is gone for good."""
        with self.lock:
            limits.check_room(self.store, owner, self.address())
            return self.store.restore(run_id, owner)

    def submit(self, task: str, owner: str = LOCAL_OWNER, **arguments: object) -> Path:
        """Queue other work and return its folder; if the same task waits or runs already, that one's.

        Raises StorageError.
        """
        with self.lock:
            for folder, status in self.scan():
                if status.active and (status.task, status.arguments) == (task, arguments):
                    return folder
            folder = self.jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{task}-{random.randrange(16**4):04x}"
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                raise storage_error(folder, error) from None
            write_status(folder, Status(task=task, arguments=arguments, owner=owner))
            return folder

    def stop(self, run: Run, owner: str) -> None:
        """End a run; what it has learnt stays."""
        self._send_request(run, owner, "STOP", "stopped")

    def pause(self, run: Run, owner: str) -> None:
        """Save a run and free its place; `resume` puts it back into the queue."""
        self._send_request(run, owner, "PAUSE", "paused")

    def resume(self, run: Run, owner: str) -> None:
        """Queue a run again, to go on from its last saved state. Raises NotAllowed where it cannot."""
        self.store.require_owner(run, owner)
        with self.lock:
            status = run.status
            if status.study:
                raise NotAllowed(f"{run.title} is a trial of the study {status.study}: resume that.")
            if status.diverged:
                raise NotAllowed(f"{run.title} would diverge again: start a new run with a lower learning rate.")
            if status.lost:
                raise NotAllowed(f"{run.title} came without its saved state: use it as a new configuration instead.")
            if status.state in RESUMABLE:
                if status.task == "teach":
                    raise NotAllowed(f"{run.title} cannot be resumed. {TEACH_AGAIN}")
                if command := BROUGHT_BY.get(status.task):
                    raise NotAllowed(
                        f"{run.title} learns from images that are not kept: resume it with the command and options "
                        f"it was begun with, `python -m fmexplore {command} --resume {run.id}`."
                    )
                limits.check_owner(self.settings, owner)
                address = self.address()
                limits.check_queue(self.settings, owner, address, self._trainings())
                limits.check_disk(self.store, owner, address)
                if self.settings.max_minutes and status.result.seconds > 60 * self.settings.max_minutes:
                    raise NotAllowed(
                        f"{run.title} has used its {self.settings.max_minutes:g} minutes on this server: "
                        "use it as a new configuration with fewer epochs."
                    )
                clear_requests(run.path)
                again = {"state": "queued", "queued": time.time(), "address": address}
                write_status(run.path, status.replace(**again, pid=None, error="", message=""))

    def waiting(self) -> list[Path]:
        """Queued trainings in the order in which they will start; read without the lock, so also where none can be."""
        order = fair_order(in_lane(self.scan(), "training"))
        return [folder for folder in order if folder.parent == self.store.folder]

    def running(self) -> list[Path]:
        """Trainings under way, the longest first."""
        jobs = in_lane(self.scan(), "training")
        found = [(status.started or 0, folder) for folder, status in jobs if status.state == "running"]
        return [folder for _, folder in sorted(found) if folder.parent == self.store.folder]

    def needs_measuring(self) -> bool:
        """Whether this machine's speed is not yet known."""
        return read_speed(self.settings) is None

    def _send_request(self, run: Run, owner: str, what, state) -> None:
        self.store.require_owner(run, owner)
        with self.lock:
            status = run.status
            if status.study:  # its driver alone works on it
                raise NotAllowed(f"{run.title} is a trial of the study {status.study}: pause or stop that.")
            if status.state == "queued":  # no worker to ask
                write_status(run.path, status.replace(state=state, ended=time.time()))
            elif status.state == "running":
                request(run.path, what)

    def _trainings(self) -> list[Status]:
        places = self.store.folder, self.studies.folder
        return [status for folder, status in self.scan() if folder.parent in places]

    def scan(self) -> list[tuple[Path, Status]]:
        """Every job whose status can be read."""
        found = []
        for folder in self._folders():
            with suppress(FMExploreError):
                status = read_status(folder)
                if status.task in LANES and not status.study:
                    found.append((folder, status))
        return found

    def _folders(self) -> Iterator[Path]:
        yield from (run.path for run in self.store.own_runs())
        yield from (study.path for study in self.studies.all())
        if self.jobs.is_dir():
            yield from sorted(self.jobs.iterdir())


def in_lane(jobs: list[tuple[Path, Status]], lane: str) -> list[tuple[Path, Status]]:
    """Those of the jobs that compete for the places of a lane."""
    return [(folder, status) for folder, status in jobs if LANES[status.task] == lane]
