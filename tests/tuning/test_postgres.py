"""Studies that several servers share, in a real PostgreSQL: Debian's package, on a free port, as its own user."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmexplore.errors import ConfigError, NotAllowed, StorageError
from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings, read_settings
from fmexplore.tuning import storage
from fmexplore.tuning import study as study_module
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.driver import Driver
from fmexplore.tuning.space import parse_axes
from fmexplore.tuning.studies import delete_study, extend_study, join_shared, restore_study, trials_of
from fmexplore.tuning.study import Study
from tests.tuning.conftest import hill

pytestmark = pytest.mark.slow
MISSING = "PostgreSQL is missing: apt-get install postgresql (make test does, as root on Debian)"


class Server:
    """A PostgreSQL of its own in a temporary folder."""

    def __init__(self, programs: Path) -> None:
        self.programs, self.folder = programs, Path(tempfile.mkdtemp(prefix="fmexplore-postgres-"))
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        command = [programs / "initdb", "-D", self.folder / "data", "-U", "fmexplore", "-A", "trust", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, user=self.user, group=self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://fmexplore:secret@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        place = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-F"]
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.folder / "data", *place],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.user, group=self.user,
        )  # fmt: skip

    def stop(self) -> None:
        """At once, as when its machine fails."""
        self.process.send_signal(3)  # SIGQUIT
        self.process.wait(60)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = shutil.which("initdb") or (str(found[-1]) if found else None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    made = Server(Path(program).resolve().parent)
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def queues(server, tmp_path) -> list[JobQueue]:
    """Two servers with a home each, which share their studies."""
    return [JobQueue(Settings(home=tmp_path / name, studies=server.url)) for name in ("one", "other")]


@pytest.fixture
def config(linear) -> StudyConfig:
    return StudyConfig(base=linear, space=parse_axes(["learning_rate=log:0.001:1"]), trials=6)


def begin(queue: JobQueue, name: str, config: StudyConfig):
    return queue.studies.create(name, config.model_dump(mode="json"), state="running")


def search(queue: JobQueue, folder, train=hill) -> list:
    job = Job(folder.path, queue.settings)
    with Study(folder, queue.settings) as study:
        job.end(Driver(job, study, RunStore(queue.settings), train=train).run())
        study.refresh()
    return trials_of(folder)


def test_two_servers_share_one_study_and_draw_different_trials(queues, config):
    one, other = queues
    folder = begin(one, "shared", config)
    both = threading.Barrier(2)

    def meeting(asked):
        if asked.number < 2:
            both.wait(60)  # so that both have a trial at the same time
        return hill(asked)

    Study(folder, one.settings).close()  # made, so that the other finds it
    joined = join_shared(other, "shared", state="running")
    assert StudyConfig.parse(joined.values) == config
    threads = [threading.Thread(target=search, args=(*pair, meeting)) for pair in ((one, folder), (other, joined))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for queue, place in ((one, folder), (other, joined)):
        with Study(place, queue.settings):
            pass
        trials = trials_of(place)
        assert 6 <= len(trials) <= 7  # one more, where both ask at the same moment
        assert len({trial.place for trial in trials}) == 2
        assert len({trial.parameters["learning_rate"] for trial in trials}) == len(trials)
    assert join_shared(other, "nothing") is None


def test_a_server_that_is_restarted_in_the_middle_loses_no_trial(server, queues, config, monkeypatch):
    monkeypatch.setattr(storage, "RETRY_SECONDS", 0.1)
    restarted = []

    def restarting(asked):
        if asked.number == 2 and not restarted:
            server.stop()
            restarted.append(threading.Timer(0.5, server.start))
            restarted[0].start()
        return hill(asked)

    trials = search(queues[0], begin(queues[0], "restarted", config), restarting)
    assert restarted
    assert [trial.trial for trial in trials] == list(range(6))
    assert {trial.state for trial in trials} == {"complete"}


def test_what_a_server_that_has_died_left_running_is_tried_by_another(queues, config, monkeypatch):
    monkeypatch.setattr(storage, "BEAT_SECONDS", 1)
    monkeypatch.setattr(storage, "STALE_SECONDS", 1)
    one, other = queues

    def die(asked):
        if asked.number == 1:
            raise KeyboardInterrupt
        return hill(asked)

    with pytest.raises(KeyboardInterrupt):
        search(one, begin(one, "dying", config), die)
    joined = join_shared(other, "dying", state="running")
    time.sleep(2.5)
    trials = search(other, joined)
    assert [trial.trial for trial in trials] == list(range(6))
    assert {trial.state for trial in trials} == {"complete"}


def test_a_shared_study_is_deleted_for_all_and_brought_back(queues, config):
    one, other = queues
    folder = begin(one, "gone", config)
    trials = search(one, folder)
    delete_study(one, folder, "local")
    assert join_shared(other, "gone") is None
    restored = restore_study(one, "gone", "local")
    with Study(restored, one.settings):
        pass
    assert [trial.parameters for trial in trials_of(restored)] == [trial.parameters for trial in trials]


def test_a_database_that_does_not_answer_is_said_without_the_password(tmp_path, linear, monkeypatch, config):
    monkeypatch.setattr(storage.patiently, "__defaults__", (0,))
    queue = JobQueue(Settings(home=tmp_path, studies="postgresql+psycopg://me:secret@127.0.0.1:1/none"))
    with pytest.raises(StorageError, match="does not answer") as raised:
        Study(begin(queue, "mine", config), queue.settings)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["postgresql://u:secret@host/db", "mysql://x", "x"])
def test_an_address_that_is_none_names_the_variable_and_the_form(url, tmp_path):
    settings = read_settings({"FMEXPLORE_STUDIES": url, "FMEXPLORE_HOME": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"FMEXPLORE_STUDIES begins with .* write postgresql\+psycopg://") as raised:
        storage.shared_url(settings)
    assert "secret" not in str(raised.value)


def test_a_name_that_is_taken_in_the_database_joins_nothing_and_removes_no_copy(queues, config):
    one, other = queues
    folder = begin(one, "taken", config)
    search(one, folder)
    mine = begin(other, "taken", config.replace(searcher="random"))
    with pytest.raises(ConfigError, match="another study taken: choose another name"):
        Study(mine, other.settings)
    delete_study(one, folder, "local")
    Study(mine, other.settings).close()
    with pytest.raises(NotAllowed, match="a new study taken in the database: delete that first"):
        restore_study(one, "taken", "local")
    delete_study(other, mine, "local")
    assert len(trials_of(restore_study(one, "taken", "local"))) == 6
    with Study(folder, one.settings) as study:
        assert len(study.records) == 6


def test_a_trial_that_waited_and_was_taken_by_a_server_that_died_at_once_is_tried_by_another(
    queues, config, monkeypatch
):
    monkeypatch.setattr(study_module, "STALE_SECONDS", 0)
    one, other = queues
    with Study(begin(one, "waiting", config), one.settings) as study:
        study.put_back(study.ask())
        with storage.quiet():
            study._study.ask()  # and nothing more: neither a sign of life nor whose it is
    trials = search(other, join_shared(other, "waiting", state="running"))
    assert [(trial.trial, trial.state) for trial in trials] == [(number, "complete") for number in range(6)]


def test_a_study_is_extended_by_trials_beyond_those_of_all_servers(queues, config):
    one, other = queues
    folder = begin(one, "longer", config.replace(trials=2))
    search(one, folder)
    joined = join_shared(other, "longer", state="running")
    extend_study(other, joined, "local", 2, None)
    assert len(search(other, joined)) == 4
    write_status(folder.path, folder.status.replace(state="paused"))
    assert extend_study(one, folder, "local", 3, None).trials == 7
