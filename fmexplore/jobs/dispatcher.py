"""Starts the jobs of a queue as worker processes, in fair order, and notices how they end. Knows no torch, no screen.

One process at a time does it for a home: the one that holds dispatcher.lock.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from fmexplore.errors import FMExploreError
from fmexplore.jobs import limits
from fmexplore.jobs.fairness import fair_order
from fmexplore.jobs.queue import LANES, JobQueue, in_lane
from fmexplore.jobs.retention import clean_up
from fmexplore.runs.status import Status, clear_requests, read_status, write_status
from fmexplore.runs.studies import TASK as STUDY
from fmexplore.settings import PACKAGE, child_environment
from fmexplore.storage import StorageLock, storage_error

TICK_SECONDS = 0.3
LEAST_FREE = 20e6  # bytes on the disk; below it, a training would fail as soon as it saves itself
SMALL_MEMORY = 4e9  # below it the lanes take turns
# The module that does a task, where that is not `jobs.worker`: named, as this package does not import it.
MODULES = {STUDY: "fmexplore.tuning.worker"}
CLOSING_SECONDS = 30  # in which a worker should save and end
GRACE_SECONDS = 120  # in which a run that is at its limit of minutes should end by itself


class Dispatcher:
    """Fills every lane of a queue that has room, as long as no other process does."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue, self.memory = queue, limits.usable_memory(queue.settings)
        self._workers: dict[Path, subprocess.Popen] = {}
        # The thread takes it, `close` gives it back.
        self._turn = StorageLock(queue.settings.home / "dispatcher.lock", thread_local=False)
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self.problem = ""  # why it could not look after the queue when it last tried, with what to do; else empty

    def start(self) -> None:
        """Start workers from a thread of this process, as long as no other process does."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
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
        self._turn.release(force=True)

    def _run(self) -> None:
        cleaned = 0.0
        while not self._closed.wait(TICK_SECONDS):
            try:
                if not self._turn.is_locked:
                    self._turn.acquire(blocking=False)
                self.tick()
                if time.monotonic() - cleaned > 600 or not cleaned:
                    cleaned = time.monotonic()
                    with self.queue.lock:
                        clean_up(self.queue.studies, self.queue.jobs)
                self.problem = self._lack_of_space()
            except Timeout:
                self.problem = self._lack_of_space()  # another server on the same folder does the rest
            except Exception as error:  # whatever it was, the others in the queue must not wait for ever
                self._report(error)

    def _lack_of_space(self) -> str:
        """What to do where no run could be kept; empty as long as there is room, or where the system does not tell."""
        home = self.queue.settings.home
        with suppress(OSError):
            if (free := shutil.disk_usage(home).free) < LEAST_FREE:
                return f"The disk is full, {free / 1e6:.0f} MB are free under {home}: free some space (delete runs)."
        return ""

    def _report(self, error: Exception) -> None:
        """Keep for the pages what failed, and log it once. Raises nothing, as that would end the thread."""
        if isinstance(error, OSError):
            problem = str(storage_error(self.queue.settings.home, error))
        else:
            problem = str(error) if isinstance(error, FMExploreError) else f"{type(error).__name__}: {error}"
        if problem != self.problem:
            self.problem = problem
            with suppress(Exception):  # the log may lie on the same full disk
                traceback.print_exception(error)

    def tick(self) -> None:
        """Notice ended workers, then fill every lane that has room."""
        with self.queue.lock:
            running = {folder: status for folder, status in self.queue.scan() if status.state == "running"}
            for folder, status in running.items():
                self._watch(folder, status)
            for folder in [f for f, worker in self._workers.items() if f not in running and worker.poll() is not None]:
                del self._workers[folder]  # else it would stay as a zombie
            places = {"training": self.queue.settings.trainings, "analysis": 1}
            jobs = self.queue.scan()
            lanes = {lane: in_lane(jobs, lane) for lane in places}
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
        status = read_status(folder).replace(state="running", started=time.time(), message="Starting")
        module = MODULES.get(write_status(folder, status).task, "fmexplore.jobs.worker")
        with open(folder / "worker.log", "ab") as log:
            self._workers[folder] = subprocess.Popen(
                [sys.executable, "-m", module, str(folder), str(os.getpid())],
                cwd=PACKAGE.parent,  # where Python finds this package
                env=child_environment(self.queue.settings),
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
        minutes = self.queue.settings.max_minutes
        overdue = minutes and status.started and time.time() - status.started > 60 * minutes + GRACE_SECONDS
        return bool(overdue) and LANES[status.task] == "training"

    def _end_overdue(self, folder: Path) -> None:
        del self._workers[folder]
        error = (
            f"It went on beyond this server's limit of {self.queue.settings.max_minutes:g} minutes per run and was "
            "ended: use a smaller network or a smaller batch."
        )
        status = read_status(folder)
        write_status(folder, status.replace(state="stopped", ended=time.time(), pid=None, error=error))


def _reason(code: int) -> str:
    if code == -signal.SIGTERM or os.name == "nt":
        return "it was ended from outside"
    if code < 0:
        return f"it was killed by signal {-code}" + (", perhaps for lack of memory" if code == -9 else "")
    return f"it ended with code {code}; see worker.log in the run's folder"
