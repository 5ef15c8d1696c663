"""Studies in an empty home, searched with an objective that takes no time, or with trainings that take a second."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.models.layers import Dense, Flatten
from fmexplore.models.table import Model
from fmexplore.runs.status import read_status, write_status
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import StudyFolder
from fmexplore.settings import Settings
from fmexplore.training.config import RunConfig, TrainConfig
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.driver import Driver
from fmexplore.tuning.records import TrialRecord
from fmexplore.tuning.space import parse_axes
from fmexplore.tuning.studies import trials_of
from fmexplore.tuning.study import Asked, Outcome, Study


@pytest.fixture(scope="session", autouse=True)
def unsynced_databases() -> Iterator[None]:
    """As `unsynced` for files: a database of a test in this process need not survive a power failure."""

    def hurry(connection, _) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = MEMORY")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture
def queue(home) -> JobQueue:
    return JobQueue(Settings(home=home))


@pytest.fixture
def linear() -> RunConfig:
    """One dense layer, learnt in a fraction of a second."""
    training = TrainConfig(
        epochs=2, batch_size=64, learning_rate=0.01, precision="fp32", threads=1, snapshots=0, validation_share=0.2
    )
    return RunConfig(preset="linear", model=Model(layers=(Flatten(), Dense(units=10))), training=training)


@pytest.fixture
def make(queue, linear) -> Callable[..., StudyFolder]:
    """Makes a study that nobody has begun."""

    def make(*vary: str, name: str = "mine", base: RunConfig = linear, **settings: Any) -> StudyFolder:
        space = parse_axes(list(vary or ("learning_rate=log:0.001:1",)))
        if settings.get("searcher") != "grid":
            settings.setdefault("trials", 4)
        config = StudyConfig(base=base, space=space, **settings)
        return queue.studies.create(name, config.model_dump(mode="json"), state="running")

    return make


def hill(asked: Asked) -> Outcome:
    """An objective without a training: best at a learning rate of 0.1; or at the values' sum, of other axes."""
    values = asked.parameters
    if "learning_rate" in values:
        return Outcome("complete", 1 - abs(values["learning_rate"] - 0.1))
    return Outcome("complete", sum(float(value) for value in values.values()) / 1000)


@pytest.fixture
def search(queue) -> Callable[..., list[TrialRecord]]:
    """Searches a study in this process, until its end, and gives its trials."""

    def search(folder: StudyFolder, train: Callable[[Asked], Outcome] | None = hill, listen=lambda _: None):
        job = Job(folder.path, queue.settings)
        with Study(folder, queue.settings) as study:
            driver = Driver(job, study, RunStore(queue.settings), listen, train)
            state = driver.run()
        job.end(state)
        return trials_of(folder)

    return search


def reopen(folder: StudyFolder) -> None:
    """As if it had been interrupted or extended."""
    write_status(folder.path, read_status(folder.path).replace(state="running"))
