"""A process of its own for one task: `python -m fmexplore.jobs.worker FOLDER`. Imports torch only after it is prepared.

The folder's status.json names the task; the worker is its only writer until it ends.
"""

import contextlib
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from fmexplore.errors import FMExploreError, RunNotFound, StorageError
from fmexplore.jobs.job import Job
from fmexplore.jobs.tasks import TASKS
from fmexplore.machine import lower_priority, prepare_process
from fmexplore.runs.status import State
from fmexplore.settings import read_settings


def run_job(job: Job, **extra: object) -> None:
    """Do the job's task and write how it ended; `extra` are arguments that JSON cannot hold."""
    do_work(job, lambda: TASKS[job.status.task](job, **job.status.arguments, **extra))


def do_work(job: Job, work: Callable[[], State]) -> None:
    """Do some work on the job's folder, and write the state that it returns or the error that it raises."""
    try:
        job.end(work())
    except RunNotFound as error:  # its folder was deleted: there is nowhere to write how it ended
        print(error, file=sys.stderr)
    except StorageError as error:
        _try_to_end(job, str(error))
    except FMExploreError as error:
        job.end("failed", error=str(error))
    except Exception as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):  # torch raises a RuntimeError
            job.end("failed", error="There was not enough memory: use a smaller batch or a smaller network.")
            return
        traceback.print_exc()
        job.end("failed", error=f"Something went wrong inside ({type(error).__name__}: {error}); see {job.log}.")


def _try_to_end(job: Job, reason: str) -> None:
    """After a full disk even this may fail; the queue then sees that the worker is gone and points to the log."""
    print(reason, file=sys.stderr)
    with contextlib.suppress(StorageError):
        job.end("failed", error=reason)


def serve(run: Callable[[Job], None]) -> None:
    """Run the job on the folder that the first argument names, as a child of the server whose process id is the second.

    When the server asks it to end, it saves itself.
    """
    lower_priority()
    job = Job(Path(sys.argv[1]), read_settings(), int(sys.argv[2]))

    def interrupt(*_: object) -> None:
        job.interrupted = True

    signal.signal(signal.SIGTERM, interrupt)
    run(job)


if __name__ == "__main__":
    prepare_process()
    serve(run_job)
