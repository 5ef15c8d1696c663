"""The process of a study: `python -m fmexplore.tuning.worker FOLDER PARENT`, started by the dispatcher.

A worker like that of a run: the folder's status.json is its own until it ends.
"""

from fmexplore.data import fashion_mnist
from fmexplore.jobs.job import Job
from fmexplore.jobs.worker import do_work, serve
from fmexplore.runs.status import State
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import StudyFolder
from fmexplore.tuning.driver import Driver, Listener
from fmexplore.tuning.study import Study


def run_study(job: Job, listen: Listener = lambda _: None) -> None:
    """Search the study of the job's folder, and write how it ended."""

    def work() -> State:
        fashion_mnist.check()  # better now than as failed trials
        with Study(StudyFolder(job.folder), job.settings) as study:
            return Driver(job, study, RunStore(job.settings), listen).run()

    do_work(job, work)


if __name__ == "__main__":
    serve(run_study)
