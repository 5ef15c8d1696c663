"""The queue of named tasks, each in its own process. All of its state is on disk; knows no torch and no screen.

A job is a folder with a status.json: a run's folder for trainings, a folder under cache/jobs for other work. Any
process may put jobs into the queue; one at a time, the one that holds dispatcher.lock, starts and watches workers.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fmexplore.errors import FMExploreError, NotAllowed
from fmexplore.jobs import limits
from fmexplore.jobs.estimates import read_speed
from fmexplore.jobs.fairness import fair_order
from fmexplore.jobs.retention import clean_up
from fmexplore.models.table import summarize
from fmexplore.runs.archive import unpack_run
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
from fmexplore.settings import PACKAGE, Settings, child_environment
from fmexplore.training.config import RunConfig

# Measuring beside a training would give wrong figures for both.
LANES = dict.fromkeys(("train", *BROUGHT_BY, "measure"), "training") | dict.fromkeys(("fetch", "teach"), "analysis")
TICK_SECONDS = 0.3
SMALL_MEMORY = 4e9  # below it the lanes take turns
CLOSING_SECONDS = 30  # in which a worker should save and end
GRACE_SECONDS = 120  # in which a run that is at its limit of minutes should end by itself


class JobQueue:
    """Puts tasks into the queue, starts them in fair order, and notices how they end."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.store = settings, RunStore(settings)
        self.jobs = settings.cache / "jobs"
        self.memory = limits.usable_memory(settings)
        self._workers: dict[Path, subprocess.Popen] = {}
        self._lock = FileLock(settings.home / "jobs.lock")
        # The thread takes it, `close` gives it back.
        self._dispatcher = FileLock(settings.home / "dispatcher.lock", thread_local=False)
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    # --- what people do --------------------------------------------------------------------------------------------

    def submit_run(self, config: RunConfig, owner: str = LOCAL_OWNER) -> Run:
        """Queue a training. Raises NotAllowed when a limit of this server is reached, ConfigError, StorageError."""
        with self._lock:
            limits.check_owner(self.settings, owner)
            limits.check_queue(self.settings, owner, self._trainings())
            limits.check_room(self.store, owner)
            rows = summarize(config.model)
            limits.check_network(self.settings, config, rows)
            limits.check_disk(self.store, limits.weights_mb(rows))
            return self.store.create(config, owner, rows=rows)

    def require_room(self, owner: str) -> None:
        """Raises NotAllowed when the owner may not keep one more run."""
        with self._lock:
            limits.check_owner(self.settings, owner)
            limits.check_room(self.store, owner)
            limits.check_disk(self.store)

    def keep(self, config: RunConfig, owner: str, **status: Any) -> Run:
        """A new run whose work the queue does not start, as `RunStore.create` makes it.

        Raises NotAllowed, ConfigError, StorageError.
        """
        with self._lock:
            self.require_room(owner)
            return self.store.create(config, owner, **status)

    def discard(self, run: Run) -> None:
        """Remove for good what `keep` made for work that was cancelled or has failed."""
        with self._lock:  # else the dispatcher may write a status into it
            shutil.rmtree(run.path, ignore_errors=True)

    def load_zip(self, content: bytes, owner: str = LOCAL_OWNER) -> Run:
        """A run from a zip that was downloaded here or elsewhere. Raises NotAllowed, RunBroken, StorageError."""
        with self._lock:
            self.require_room(owner)
            return unpack_run(self.store, content, owner, check=partial(limits.check_network, self.settings))

    def restore(self, run_id: str, owner: str) -> Run:
        """Undo a deletion. Raises NotAllowed, RunNotFound when it is gone for good."""
        with self._lock:
            limits.check_room(self.store, owner)
            return self.store.restore(run_id, owner)

    def submit(self, task: str, owner: str = LOCAL_OWNER, **arguments: object) -> Path:
        """Queue other work and return its folder; if the same task waits or runs already, that one's.

        Raises StorageError.
        """
        with self._lock:
            for folder, status in self._scan():
                if status.active and (status.task, status.arguments) == (task, arguments):
                    return folder
            folder = self.jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{task}-{random.randrange(16**4):04x}"
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
        with self._lock:
            status = run.status
            if status.diverged:
                raise NotAllowed(f"{run.title} would diverge again: start a new run with a lower learning rate.")
            if status.state in RESUMABLE:
                if status.task == "teach":
                    raise NotAllowed(f"{run.title} cannot be resumed. {TEACH_AGAIN}")
                if command := BROUGHT_BY.get(status.task):
                    raise NotAllowed(
                        f"{run.title} learns from images that are not kept: resume it with the command and options "
                        f"it was begun with, `python -m fmexplore {command} --resume {run.id}`."
                    )
                limits.check_owner(self.settings, owner)
                limits.check_queue(self.settings, owner, self._trainings())
                limits.check_disk(self.store)
                if self.settings.max_minutes and status.result.seconds > 60 * self.settings.max_minutes:
                    raise NotAllowed(
                        f"{run.title} has used its {self.settings.max_minutes:g} minutes on this server: "
                        "use it as a new configuration with fewer epochs."
                    )
                clear_requests(run.path)
                write_status(
                    run.path, status.replace(state="queued", queued=time.time(), pid=None, error="", message="")
                )

    def waiting(self) -> list[Path]:
        """Queued trainings in the order in which they will start."""
        with self._lock:
            jobs = self._scan()
        return [folder for folder in fair_order(_in_lane(jobs, "training")) if folder.parent == self.store.folder]

    def running(self) -> list[Path]:
        """Trainings under way, the longest first."""
        with self._lock:
            jobs = _in_lane(self._scan(), "training")
        found = [(status.started or 0, folder) for folder, status in jobs if status.state == "running"]
        return [folder for _, folder in sorted(found) if folder.parent == self.store.folder]

    def needs_measuring(self) -> bool:
        """Whether this machine's speed is not yet known."""
        return read_speed(self.settings) is None

    def _send_request(self, run: Run, owner: str, what, state) -> None:
        self.store.require_owner(run, owner)
        with self._lock:
            status = run.status
            if status.state == "queued":  # no worker to ask
                write_status(run.path, status.replace(state=state, ended=time.time()))
            elif status.state == "running":
                request(run.path, what)

    def _trainings(self) -> list[Status]:
        return [status for folder, status in self._scan() if folder.parent == self.store.folder]

    # --- the dispatcher --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start workers from a thread of this process, as long as no other process does."""
        if self._thread is None:
            self.settings.home.mkdir(parents=True, exist_ok=True)
            self._thread = threading.Thread(target=self._run, name="job queue", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread and ask the workers to save and end."""
        self._closed.set()
        if self._thread:
            self._thread.join()
        for worker in self._workers.values():
            worker.send_signal(signal.SIGTERM)
        for worker in self._workers.values():
            with suppress(subprocess.TimeoutExpired):  # in a long step; it sees by itself that the server is gone
                worker.wait(timeout=CLOSING_SECONDS)
        self._dispatcher.release(force=True)

    def _run(self) -> None:
        cleaned = 0.0
        while not self._closed.wait(TICK_SECONDS):
            try:
                if not self._dispatcher.is_locked:
                    self._dispatcher.acquire(blocking=False)
                self.tick()
                if time.monotonic() - cleaned > 600 or not cleaned:
                    cleaned = time.monotonic()
                    with self._lock:
                        clean_up(self.store, self.jobs)
            except Timeout:
                continue  # another server on the same folder does it
            except Exception:  # whatever it was, the others in the queue must not wait for ever
                traceback.print_exc()

    def tick(self) -> None:
        """Notice ended workers, then fill every lane that has room."""
        with self._lock:
            running = {folder: status for folder, status in self._scan() if status.state == "running"}
            for folder, status in running.items():
                self._watch(folder, status)
            for folder in [f for f, worker in self._workers.items() if f not in running and worker.poll() is not None]:
                del self._workers[folder]  # else it would stay as a zombie
            places = {"training": self.settings.trainings, "analysis": 1}
            jobs = self._scan()
            lanes = {lane: _in_lane(jobs, lane) for lane in places}
            busy = {lane: sum(status.state == "running" for _, status in lanes[lane]) for lane in places}
            for lane in places:
                for folder in fair_order(lanes[lane]):
                    taking_turns = self.memory < SMALL_MEMORY and any(busy.values())
                    if busy[lane] >= places[lane] or taking_turns:
                        break
                    self._launch(folder)
                    busy[lane] += 1

    def _launch(self, folder: Path) -> None:
        clear_requests(folder)
        write_status(folder, read_status(folder).replace(state="running", started=time.time(), message="Starting"))
        with open(folder / "worker.log", "ab") as log:
            self._workers[folder] = subprocess.Popen(
                [sys.executable, "-m", "fmexplore.jobs.worker", str(folder), str(os.getpid())],
                cwd=PACKAGE.parent,  # where Python finds this package
                env=child_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the server's terminal must not kill it before it has saved
            )

    def _watch(self, folder: Path, status: Status) -> None:
        worker = self._workers.get(folder)
        if status.alive if worker is None else worker.poll() is None:
            if worker is not None and self._is_overdue(status):
                worker.kill()
                worker.wait()
                self._end_overdue(folder)
            return
        self._workers.pop(folder, None)
        status = read_status(folder)  # it may have written its end after the scan
        if status.state != "running":
            return
        state, error = "interrupted", "The server or the machine stopped during this run"
        if worker is not None:
            state, error = "failed", f"The worker ended unexpectedly ({_reason(worker.returncode)})"
        error += ": click Resume to go on from its last saved state."
        write_status(folder, status.replace(state=state, ended=time.time(), pid=None, error=error))

    def _is_overdue(self, status: Status) -> bool:
        """Whether it has not ended at the limit by itself: one step, or a look at all images, may take for ever."""
        minutes = self.settings.max_minutes
        overdue = minutes and status.started and time.time() - status.started > 60 * minutes + GRACE_SECONDS
        return bool(overdue) and LANES[status.task] == "training"

    def _end_overdue(self, folder: Path) -> None:
        del self._workers[folder]
        error = (
            f"It went on beyond this server's limit of {self.settings.max_minutes:g} minutes per run and was ended: "
            "use a smaller network or a smaller batch."
        )
        status = read_status(folder)
        write_status(folder, status.replace(state="stopped", ended=time.time(), pid=None, error=error))

    def _scan(self) -> list[tuple[Path, Status]]:
        """Every job whose status can be read."""
        found = []
        for folder in self._folders():
            with suppress(FMExploreError):
                status = read_status(folder)
                if status.task in LANES:
                    found.append((folder, status))
        return found

    def _folders(self) -> Iterator[Path]:
        yield from (run.path for run in self.store.own_runs())
        if self.jobs.is_dir():
            yield from sorted(self.jobs.iterdir())


def _in_lane(jobs: list[tuple[Path, Status]], lane: str) -> list[tuple[Path, Status]]:
    return [(folder, status) for folder, status in jobs if LANES[status.task] == lane]


def _reason(code: int) -> str:
    if code == -signal.SIGTERM or os.name == "nt":
        return "it was ended from outside"
    if code < 0:
        return f"it was killed by signal {-code}" + (", perhaps for lack of memory" if code == -9 else "")
    return f"it ended with code {code}; see worker.log in the run's folder"
