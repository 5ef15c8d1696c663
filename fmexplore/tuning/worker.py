"""The process of a study: `python -m fmexplore.tuning.worker FOLDER PARENT`, started by the dispatcher.

A worker like that of a run: the folder's status.json is its own until it ends.
"""

import signal
import sys
from pathlib import Path

from fmexplore.data import fashion_mnist
from fmexplore.jobs.job import Job
from fmexplore.jobs.worker import do_work
from fmexplore.machine import lower_priority
from fmexplore.runs.status import State
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import StudyFolder
from fmexplore.settings import read_settings
from fmexplore.tuning.driver import Driver, Listener
from fmexplore.tuning.study import Study


def run_study(job: Job, listen: Listener = lambda _: None) -> None:
    """Search the study of the job's folder, and write how it ended."""

    def work() -> State:
        fashion_mnist.check()  # better now than as failed trials
        with Study(StudyFolder(job.folder), job.settings) as study:
            return Driver(job, study, RunStore(job.settings), listen).run()

    do_work(job, work)


def main(folder: Path, parent: int) -> None:
    """Work on `folder` as a child of the server, whose process id is `parent`."""
    lower_priority()
    job = Job(folder, read_settings(), parent)

    def interrupt(*_: object) -> None:
        job.interrupted = True

    signal.signal(signal.SIGTERM, interrupt)
    run_study(job)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
