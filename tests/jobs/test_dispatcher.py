"""The dispatcher: places, limits of time, and with real workers what happens when processes are killed."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from fmexplore.errors import NotAllowed, StorageError
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.jobs.queue import JobQueue
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, own_process
from fmexplore.settings import PROJECT, Settings
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset
from tests.jobs.statuses import change_status, dead_process

PATIENCE = 90  # seconds, for anything a worker does


def test_a_run_left_running_by_a_dead_process_becomes_interrupted_and_resumable(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="running", started=time.time(), **dead_process())
    Dispatcher(queue).tick()
    assert run.status.state == "interrupted"
    assert "click Resume" in run.status.error
    queue.resume(run, "local")
    assert run.status.state == "queued"


def test_a_living_or_starting_run_of_another_process_is_left_alone(queue, tiny):
    mine, starting = queue.submit_run(tiny), queue.submit_run(tiny)
    change_status(mine, state="running", **own_process())
    change_status(starting, state="running", started=time.time())
    Dispatcher(queue).tick()
    assert (mine.status.state, starting.status.state) == ("running", "running")
    change_status(starting, started=time.time() - 3600)
    Dispatcher(queue).tick()
    assert starting.status.state == "interrupted"


def test_damaged_and_foreign_statuses_do_not_hold_up_the_queue(queue, tiny):
    broken, foreign, deep, good = (queue.submit_run(tiny) for _ in range(4))
    (broken.path / "status.json").write_text("{")
    (deep.path / "status.json").write_text("[" * 100_000)
    change_status(foreign, task="dance")
    (queue.settings.runs / "a-file").write_text("x")
    assert queue.waiting() == [good.path]
    for run in (good, foreign):
        change_status(run, state="stopped")
    Dispatcher(queue).tick()


def full_disk(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_under_the_log_too_does_not_end_the_dispatcher_which_says_so_and_goes_on(queue, tiny, monkeypatch):
    launched, dispatcher = [], Dispatcher(queue)
    monkeypatch.setattr(dispatcher, "_launch", launched.append)
    with monkeypatch.context() as full:
        full.setattr(dispatcher, "tick", full_disk)
        full.setattr(traceback, "print_exception", full_disk)
        dispatcher.start()
        wait_for(lambda: dispatcher.problem)
        assert dispatcher.problem.startswith("The disk is full")
    run = queue.submit_run(tiny)
    wait_for(lambda: run.path in launched and not dispatcher.problem)
    dispatcher.close()


def test_a_full_disk_is_told_also_while_nothing_is_to_be_written_and_no_longer_once_there_is_room(queue, monkeypatch):
    free = SimpleNamespace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    dispatcher = Dispatcher(queue)
    dispatcher.start()
    wait_for(lambda: dispatcher.problem)
    assert dispatcher.problem.startswith("The disk is full, 3 MB are free")
    free.free = 10**9
    wait_for(lambda: not dispatcher.problem)
    dispatcher.close()


def test_what_goes_wrong_again_and_again_is_logged_once(queue, monkeypatch, capfd):
    dispatcher = Dispatcher(queue)
    for _ in range(3):
        dispatcher._report(RuntimeError("out of order"))
    assert dispatcher.problem == "RuntimeError: out of order"
    assert capfd.readouterr().err.count("out of order") == 1


def test_a_home_that_cannot_be_written_is_said_by_the_queue_and_by_the_dispatcher(tmp_path, tiny):
    (tmp_path / "file").write_text("")
    queue = JobQueue(Settings(home=tmp_path / "file" / "home"))
    with pytest.raises(StorageError, match="check the folder's permissions"):
        queue.submit_run(tiny)
    dispatcher = Dispatcher(queue)
    dispatcher.start()
    wait_for(lambda: "check the folder's permissions" in dispatcher.problem)
    dispatcher.close()


def test_a_run_that_ends_right_after_it_was_looked_at_keeps_its_end(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="running", **dead_process())
    seen = run.status
    change_status(run, state="finished", pid=None)
    Dispatcher(queue)._watch(run.path, seen)
    assert run.status.state == "finished"


def config_of(epochs: float) -> RunConfig:
    """About five seconds an epoch, most of them steps."""
    config = find_preset("team4-ann").config
    changes = {"epochs": epochs, "snapshots": 3, "precision": "fp32", "threads": 1, "early_stopping": None}
    return config.replace(training=config.training.replace(**changes))


SHORT, LONG, ENDLESS = 0.01, 1.5, 1000


@contextmanager
def started(queue: JobQueue):
    dispatcher = Dispatcher(queue)
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        dispatcher.close()


def goes_on_from(before: list[dict], lines: list[dict]) -> bool:
    """Whether the metrics begin with those before, and no step comes out of turn."""
    steps = [line["step"] for line in lines]
    return lines[: len(before)] == before and steps == sorted(steps)


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def wait_for_state(run: Run, *states: str) -> Status:
    wait_for(lambda: run.status.state in states)
    return run.status


def wait_for_training(run: Run, lines: int = 4) -> None:
    wait_for(lambda: len(run.read_metrics()) >= lines or not run.status.active)
    assert run.status.state == "running", run.status.error


@pytest.mark.slow
@pytest.mark.real
def test_one_run_trains_while_the_other_waits_and_then_trains(real, queue):
    first, second = queue.submit_run(config_of(SHORT)), queue.submit_run(config_of(SHORT))
    with started(queue):
        wait_for_state(first, "running")
        assert second.status.state == "queued"
        assert queue.waiting() == [second.path]
        wait_for_state(first, "finished")
        wait_for_state(second, "finished")
        wait_for(lambda: not psutil.Process().children())  # none stays behind as a zombie
    assert first.status.result.test_accuracy > 0.1
    assert second.status.started >= first.status.ended
    assert first.read_weights()
    assert [line["kind"] for line in first.read_metrics()][-1] == "end"


@pytest.mark.slow
@pytest.mark.real
def test_a_killed_worker_fails_with_the_reason_and_the_next_one_runs(real, queue):
    killed, waiting = queue.submit_run(config_of(ENDLESS)), queue.submit_run(config_of(SHORT))
    with started(queue):
        wait_for_training(killed)
        os.kill(killed.status.pid, signal.SIGKILL)
        status = wait_for_state(killed, "failed")
        wait_for_state(waiting, "finished")
    assert "killed by signal 9" in status.error
    assert "click Resume" in status.error
    assert killed.read_metrics()
    assert killed.read_resume()


@pytest.mark.slow
@pytest.mark.real
def test_runs_are_paused_resumed_and_stopped_through_the_queue(real, queue):
    run = queue.submit_run(config_of(ENDLESS))
    with started(queue):
        wait_for_training(run)
        with pytest.raises(NotAllowed, match="stop it first"):
            queue.store.delete(run, "local")
        queue.pause(run, "local")
        wait_for_state(run, "paused")
        before = run.read_metrics()
        queue.resume(run, "local")
        wait_for_training(run, len(before) + 2)
        queue.stop(run, "local")
        assert wait_for_state(run, "stopped").error == ""
    lines = run.read_metrics()
    assert goes_on_from(before, lines)
    assert run.read_weights()


@pytest.mark.slow
@pytest.mark.real
def test_closing_the_dispatcher_saves_the_run(real, queue):
    run = queue.submit_run(config_of(ENDLESS))
    with started(queue):
        wait_for_training(run)
    assert run.status.state == "interrupted"
    assert run.read_resume()[1]["step"] > 0


SERVER = """
import sys, time
from fmexplore.training.config import RunConfig
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.jobs.queue import JobQueue
from fmexplore.settings import read_settings
queue = JobQueue(read_settings())
Dispatcher(queue).start()
print(queue.submit_run(RunConfig.model_validate_json(sys.argv[1])).path, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.real
def test_when_the_server_is_killed_the_worker_saves_and_the_run_can_be_finished_later(real, home):
    command = [sys.executable, "-c", SERVER, config_of(LONG).model_dump_json()]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    try:
        run = Run(Path(server.stdout.readline().strip()))
        wait_for_training(run)
        worker = psutil.Process(run.status.pid)
    finally:
        server.kill()
        server.wait()
    wait_for_state(run, "interrupted")
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert run.config == config_of(LONG)
    step = run.read_resume()[1]["step"]
    before = run.read_metrics()
    assert 0 < before[-1]["step"] <= step
    assert not list(run.path.rglob("*.tmp"))

    queue = JobQueue(Settings(home=home))
    with started(queue):
        queue.resume(run, "local")
        wait_for_state(run, "finished", "failed")
    assert run.status.state == "finished", run.status.error
    lines = run.read_metrics()
    assert goes_on_from(before, lines)
    assert [line["kind"] for line in lines].count("end") == 1
    assert run.snapshot_steps()[-1] == lines[-1]["step"] == lines[-1]["steps"]


@pytest.mark.slow
@pytest.mark.real
def test_only_one_of_two_dispatchers_starts_workers_and_the_other_follows_when_it_closes(real, home):
    first, second = JobQueue(Settings(home=home)), JobQueue(Settings(home=home))
    with started(second) as dispatching:
        wait_for(lambda: dispatching._turn.is_locked)
        with started(first) as following:
            one = first.submit_run(config_of(ENDLESS))
            wait_for_training(one)
            assert list(dispatching._workers) == [one.path]
            assert list(following._workers) == []
            assert not following._turn.is_locked
            dispatching.close()
            assert one.status.state == "interrupted"
            other = second.submit_run(config_of(SHORT))
            wait_for(lambda: list(following._workers) == [other.path])
            wait_for_state(other, "finished")
    assert (other.path / "worker.log").read_text() == ""


def test_with_little_memory_fetching_waits_for_the_training(queue, tiny, monkeypatch):
    for gigabytes, together in ((2, 1), (8, 2)):
        each = JobQueue(Settings(home=queue.settings.home / str(gigabytes)))
        dispatcher, launched = Dispatcher(each), []
        dispatcher.memory = gigabytes * 1e9
        monkeypatch.setattr(dispatcher, "_launch", launched.append)
        each.submit_run(tiny)
        each.submit("fetch")
        dispatcher.tick()
        assert len(launched) == together


def test_measuring_and_training_take_turns(queue, tiny, monkeypatch):
    started = []
    dispatcher = Dispatcher(queue)
    monkeypatch.setattr(dispatcher, "_launch", started.append)
    job, run = queue.submit("measure"), queue.submit_run(tiny)
    dispatcher.tick()
    assert started == [job]
    assert queue.waiting() == [run.path]


def test_a_run_of_the_command_line_whose_process_died_is_interrupted(queue, tiny):
    run = queue.store.create(tiny, state="running", task="distill", **dead_process())
    Dispatcher(queue).tick()
    assert run.status.state == "interrupted"


def test_a_worker_in_a_long_step_does_not_hold_the_others_when_the_dispatcher_closes(queue, monkeypatch):
    class Busy:
        asked = waited = False

        def send_signal(self, _number):
            self.asked = True

        def wait(self, timeout):
            self.waited = True
            raise subprocess.TimeoutExpired("worker", timeout)

    workers = [Busy(), Busy()]
    dispatcher = Dispatcher(queue)
    monkeypatch.setattr(dispatcher, "_workers", dict(enumerate(workers)))
    dispatcher.close()
    assert all(worker.asked and worker.waited for worker in workers)
