"""A process of its own for one task: `python -m fmexplore.jobs.worker FOLDER`. Imports torch only after it is prepared.

The folder's status.json names the task; the worker is its only writer until it ends.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from fmexplore.errors import FMExploreError, StorageError
from fmexplore.machine import set_malloc
from fmexplore.runs.status import Status, forget_wishes, own_process, read_status, read_wish, write_status
from fmexplore.settings import Settings, read_settings

NICENESS = 5  # 10 starves beside a busy page, 0 makes the pages slow
LOOK_SECONDS = 0.1


class Job:
    """What a task sees of the work it does: its folder, its status, and whether it should end."""

    def __init__(self, folder: Path, settings: Settings, parent: int | None = None) -> None:
        self.folder, self.settings, self.parent = folder, settings, parent
        self.status = self._write(
            read_status(folder), state="running", started=time.time(), ended=None, error="", **own_process()
        )
        self._looked = 0.0
        self.interrupted = False  # set by a signal

    def update(self, **changes: object) -> None:
        """Change the status. Raises StorageError."""
        self.status = self._write(self.status, **changes)

    def end(self, state: str, **changes: object) -> None:
        """Write the last status. Raises StorageError."""
        forget_wishes(self.folder)
        self.update(state=state, ended=time.time(), pid=None, **changes)

    def wish(self) -> str | None:
        """`STOP`, `PAUSE`, `GONE` when the server is, or None; looks at most ten times a second."""
        if self.interrupted:
            return "GONE"
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return None
        self._looked = time.monotonic()
        # Not PR_SET_PDEATHSIG: it follows the thread that forked, not the process.
        if self.parent is not None and os.getppid() != self.parent:
            return "GONE"
        return read_wish(self.folder)

    def _write(self, status: Status, **changes: object) -> Status:
        return write_status(self.folder, status.replace(**changes))


def prepare_process(trains: bool = True) -> None:
    """Make torch fast and polite in this process; call before it is imported.

    Passive waiting: with one other busy process, spinning makes training 2 to 9 times slower; a short spin first is a
    quarter faster on a quiet machine and costs little beside a busy one. Where it trains, malloc keeps the large
    buffers of a step instead of giving them back to the kernel; elsewhere threads share what they have freed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)))
    if trains:
        set_malloc(mmap=32 << 20, trim=1 << 30, pad=64 << 20)
    else:
        set_malloc(arenas=2)


def run_job(job: Job, **extra: object) -> None:
    """Do the work and write how it ended; `extra` are arguments that JSON cannot hold."""
    from fmexplore.jobs.tasks import TASKS

    try:
        state = TASKS[job.status.task](job, **job.status.arguments, **extra)
        job.end(state)
    except StorageError as error:
        _end_in_vain(job, str(error))
    except FMExploreError as error:
        job.end("failed", error=str(error))
    except Exception as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):  # torch raises a RuntimeError
            job.end("failed", error="There was not enough memory: use a smaller batch or a smaller network.")
            return
        traceback.print_exc()
        job.end("failed", error=f"Something went wrong inside ({type(error).__name__}: {error}); see worker.log.")


def _end_in_vain(job: Job, reason: str) -> None:
    """After a full disk even this may fail; the queue then sees that the worker is gone and points to the log."""
    print(reason, file=sys.stderr)
    with contextlib.suppress(StorageError):
        job.end("failed", error=reason)


def main(folder: Path, parent: int) -> None:
    """Work on `folder` as a child of the server, whose process id is `parent`."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    prepare_process()
    job = Job(folder, read_settings(), parent)

    def interrupt(*_: object) -> None:
        job.interrupted = True

    signal.signal(signal.SIGTERM, interrupt)
    run_job(job)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
