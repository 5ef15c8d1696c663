"""The queue: order, limits, owners, and with real workers what happens when processes are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from fmexplore.errors import ConfigError, NotAllowed, StorageError
from fmexplore.jobs.estimates import estimate, update_speed
from fmexplore.jobs.queue import JobQueue
from fmexplore.jobs.retention import clean_up
from fmexplore.models import table
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.archive import pack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, own_process, read_request, read_status, write_status
from fmexplore.settings import PROJECT, Settings
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset

PATIENCE = 90  # seconds, for anything a worker does


@pytest.fixture
def queue(home):
    return JobQueue(Settings(home=home))


@pytest.fixture
def hosted(home):
    def make(**limits) -> JobQueue:
        return JobQueue(Settings(home=home, hosted=True, **limits))

    return make


def change_status(run: Run, **changes) -> None:
    write_status(run.path, run.status.replace(**changes))


def dead_process() -> dict:
    """The fields of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    fields = {"pid": process.pid, "process_started": psutil.Process(process.pid).create_time()}
    process.wait()
    return fields


# --- without workers ---


def test_owners_take_turns_and_each_ones_runs_start_by_age(queue, tiny):
    submitted = {
        name: [queue.submit_run(tiny, name).path for _ in range(count)]
        for name, count in (("ann", 3), ("bob", 2), ("cleo", 1))
    }
    ann, bob, cleo = submitted["ann"], submitted["bob"], submitted["cleo"]
    assert queue.waiting() == [ann[0], bob[0], cleo[0], ann[1], bob[1], ann[2]]


def test_who_was_served_last_waits_for_the_others(queue, tiny):
    ran = queue.submit_run(tiny, "ann")
    change_status(ran, state="finished", started=time.time())
    ann, bob = queue.submit_run(tiny, "ann").path, queue.submit_run(tiny, "bob").path
    assert queue.waiting() == [bob, ann]


def test_the_layer_table_is_walked_once_for_the_estimate_and_once_for_the_queue(queue, tiny, monkeypatch):
    walked, walk = [], table._trace_table
    monkeypatch.setattr(table, "_trace_table", lambda layers: walked.append(layers) or walk(layers))
    rows, _ = table.examine(tiny.model)
    speed = update_speed(queue.settings, flops_per_second=1e11, step_seconds=0.001, worker_mb=600)
    found = estimate(tiny, speed, rows=rows)
    assert walked == [tiny.model.layers]
    queue.submit_run(tiny)
    assert walked == 2 * [tiny.model.layers]
    assert found == estimate(tiny, speed)


def test_a_run_whose_table_cannot_be_built_is_not_queued(queue, tiny):
    with pytest.raises(ConfigError, match="Layer 1"):
        queue.submit_run(tiny.replace(model={"layers": [{"kind": "flatten"}]}))
    assert queue.waiting() == []


def test_many_threads_that_submit_at_once_make_whole_runs(queue, tiny):
    def submit(owner):
        for _ in range(3):
            queue.submit_run(tiny, owner)

    threads = [threading.Thread(target=submit, args=(f"owner{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = queue.store.own_runs()
    assert len(runs) == len(queue.waiting()) == 12
    assert all(run.config == tiny for run in runs)


def test_two_processes_that_submit_at_once_make_whole_runs_and_keep_the_limit(home, tiny):
    script = (
        "import sys\n"
        "from fmexplore.jobs.queue import *\n"
        "from fmexplore.settings import read_settings\n"
        "queue, config = JobQueue(read_settings()), RunConfig.model_validate_json(sys.argv[1])\n"
        "input()\n"
        "for _ in range(5):\n"
        "    try: queue.submit_run(config)\n"
        "    except NotAllowed: pass\n"
    )
    environment = os.environ | {"FMEXPLORE_MAX_RUNS": "7"}
    command = [sys.executable, "-c", script, tiny.model_dump_json()]
    servers = [subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=PROJECT) for _ in range(2)]
    for server in servers:
        server.stdin.write(b"\n")
        server.stdin.flush()
    assert [server.wait(PATIENCE) for server in servers] == [0, 0]
    runs = JobQueue(Settings(home=home)).store.own_runs()
    assert len(runs) == 7
    assert all(run.config == tiny and run.status.state == "queued" for run in runs)


def test_stopping_or_pausing_a_queued_run_needs_no_worker(queue, tiny):
    stopped, paused = queue.submit_run(tiny), queue.submit_run(tiny)
    queue.stop(stopped, "local")
    queue.pause(paused, "local")
    assert (stopped.status.state, paused.status.state) == ("stopped", "paused")
    assert read_request(stopped.path) is None
    assert queue.waiting() == []
    queue.resume(paused, "local")
    assert queue.waiting() == [paused.path]


def test_a_running_run_is_asked_and_the_last_word_of_both_is_stop(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="running", **own_process())
    queue.pause(run, "local")
    assert read_request(run.path) == "PAUSE"
    queue.stop(run, "local")
    assert read_request(run.path) == "STOP"
    assert run.status.state == "running"


def test_a_resumed_run_forgets_its_error_and_what_was_asked(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="failed", error="x", message="y", started=1.0)
    (run.path / "STOP").touch()
    queue.resume(run, "local")
    status = run.status
    assert (status.state, status.error, status.message, status.pid) == ("queued", "", "", None)
    assert read_request(run.path) is None


@pytest.mark.parametrize("state", ["finished", "queued", "running"])
def test_what_cannot_be_resumed_stays_as_it_is(queue, tiny, state):
    run = queue.submit_run(tiny)
    change_status(run, state=state)
    before = run.status
    queue.resume(run, "local")
    assert run.status == before


def test_the_same_side_task_is_not_queued_twice(queue):
    first = queue.submit("measure")
    assert queue.submit("measure", "ann") == first
    assert queue.submit("measure", depth=2) != first
    assert queue.submit("fetch") != first
    write_status(first, read_status(first).replace(state="finished"))
    assert queue.submit("measure") != first
    assert queue.store.own_runs() == []


def test_a_run_left_running_by_a_dead_process_becomes_interrupted_and_resumable(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="running", started=time.time(), **dead_process())
    queue.tick()
    assert run.status.state == "interrupted"
    assert "click Resume" in run.status.error
    queue.resume(run, "local")
    assert run.status.state == "queued"


def test_a_living_or_starting_run_of_another_process_is_left_alone(queue, tiny):
    mine, starting = queue.submit_run(tiny), queue.submit_run(tiny)
    change_status(mine, state="running", **own_process())
    change_status(starting, state="running", started=time.time())
    queue.tick()
    assert (mine.status.state, starting.status.state) == ("running", "running")
    change_status(starting, started=time.time() - 3600)
    queue.tick()
    assert starting.status.state == "interrupted"


def test_a_run_that_ends_right_after_it_was_looked_at_keeps_its_end(queue, tiny):
    run = queue.submit_run(tiny)
    change_status(run, state="running", **dead_process())
    seen = run.status
    change_status(run, state="finished", pid=None)
    queue._watch(run.path, seen)
    assert run.status.state == "finished"


def test_two_writes_at_one_clock_tick_are_both_seen(queue, tiny):
    run = queue.submit_run(tiny)
    os.utime(run.path / "status.json", ns=(10**18, 10**18))
    assert queue.waiting() == [run.path]
    change_status(run, state="stopped")
    os.utime(run.path / "status.json", ns=(10**18, 10**18))
    assert queue.waiting() == []


def test_damaged_and_foreign_statuses_do_not_hold_up_the_queue(queue, tiny):
    broken, foreign, deep, good = (queue.submit_run(tiny) for _ in range(4))
    (broken.path / "status.json").write_text("{")
    (deep.path / "status.json").write_text("[" * 100_000)
    change_status(foreign, task="dance")
    (queue.settings.runs / "a-file").write_text("x")
    assert queue.waiting() == [good.path]
    for run in (good, foreign):
        change_status(run, state="stopped")
    queue.tick()


# --- limits and owners ---


def test_each_owner_has_a_limit_of_waiting_runs(hosted, tiny):
    queue = hosted(max_queued=2)
    runs = [queue.submit_run(tiny, "ann") for _ in range(2)]
    with pytest.raises(NotAllowed, match="2 runs waiting, and this server allows 2"):
        queue.submit_run(tiny, "ann")
    other = queue.submit_run(tiny, "bob")
    queue.pause(runs[0], "ann")
    third = queue.submit_run(tiny, "ann")
    with pytest.raises(NotAllowed, match="2 runs waiting"):
        queue.resume(runs[0], "ann")
    assert len(queue.waiting()) == 3
    assert {runs[1].path, other.path, third.path} == set(queue.waiting())


def test_each_owner_has_a_limit_of_kept_runs(hosted, tiny):
    queue = hosted(max_runs=2)
    runs = [queue.submit_run(tiny, "ann") for _ in range(2)]
    with pytest.raises(NotAllowed, match=r"keep 2 runs, and this server keeps 2.*download and delete"):
        queue.submit_run(tiny, "ann")
    queue.submit_run(tiny, "bob")
    queue.stop(runs[0], "ann")
    queue.resume(runs[0], "ann")  # it is kept already
    queue.store.delete(runs[0], "ann")
    queue.submit_run(tiny, "ann")


def test_the_disk_has_a_limit_for_all(hosted, tiny):
    queue = hosted(max_disk_mb=0.01)
    run = queue.submit_run(tiny, "ann")
    (run.path / "worker.log").write_bytes(b"x" * 12_000)
    with pytest.raises(NotAllowed, match=r"room for 0\.01 MB: delete some of your runs"):
        queue.submit_run(tiny, "bob")


def test_runs_over_age_are_removed_unless_starred_or_active(hosted, tiny):
    queue = hosted(max_age_days=7)
    old, starred, active, new = (queue.submit_run(tiny, "ann") for _ in range(4))
    long_ago = time.time() - 8 * 86400
    for run in (old, starred):
        change_status(run, state="finished", ended=long_ago)
    queue.store.relabel(starred, "ann", starred=True)
    change_status(active, created=long_ago)
    change_status(new, state="finished", created=long_ago, ended=time.time())
    clean_up(queue.store, queue.jobs)
    assert {run.id for run in queue.store.own_runs()} == {starred.id, active.id, new.id}


def test_a_laptop_keeps_runs_for_ever_but_not_its_ended_side_jobs(queue, tiny):
    run, job, waiting = queue.submit_run(tiny), queue.submit("measure"), queue.submit("fetch")
    long_ago = time.time() - 365 * 86400
    change_status(run, state="finished", created=long_ago, ended=long_ago)
    write_status(job, read_status(job).replace(state="finished", ended=long_ago))
    write_status(waiting, read_status(waiting).replace(created=long_ago))
    clean_up(queue.store, queue.jobs)
    assert [kept.id for kept in queue.store.own_runs()] == [run.id]
    assert not job.exists()
    assert waiting.exists()


def actions(queue: JobQueue, run: Run):
    return (
        lambda owner: queue.stop(run, owner),
        lambda owner: queue.pause(run, owner),
        lambda owner: queue.resume(run, owner),
        lambda owner: queue.store.relabel(run, owner, name="x"),
        lambda owner: queue.store.delete(run, owner),
    )


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_in_hosted_mode_nothing_can_be_done_to_another_owners_run(hosted, tiny, state):
    queue = hosted()
    run = queue.submit_run(tiny, "ann")
    change_status(run, state=state)
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    for act in actions(queue, run):
        with pytest.raises(NotAllowed, match="belongs to someone else"):
            act("bob")
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before


def test_on_a_laptop_any_page_can_do_anything(queue, tiny):
    run = queue.submit_run(tiny, "ann")
    for act in actions(queue, run):
        act("bob")
    assert queue.store.own_runs() == []


# --- real workers ---


def config_of(epochs: float) -> RunConfig:
    """About five seconds an epoch, most of them steps."""
    config = find_preset("team4-ann").config
    changes = {"epochs": epochs, "snapshots": 3, "precision": "fp32", "threads": 1, "early_stopping": None}
    return config.replace(training=config.training.replace(**changes))


SHORT, LONG, ENDLESS = 0.01, 1.5, 1000


@contextmanager
def started(queue: JobQueue):
    queue.start()
    try:
        yield queue
    finally:
        queue.close()


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
    assert lines[: len(before)] == before
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert run.read_weights()


@pytest.mark.slow
@pytest.mark.real
def test_closing_the_queue_saves_the_run(real, queue):
    run = queue.submit_run(config_of(ENDLESS))
    with started(queue):
        wait_for_training(run)
    assert run.status.state == "interrupted"
    assert run.read_resume()[1]["step"] > 0


SERVER = """
import sys, time
from fmexplore.training.config import RunConfig
from fmexplore.jobs.queue import JobQueue
from fmexplore.settings import read_settings
queue = JobQueue(read_settings())
queue.start()
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
    assert lines[: len(before)] == before
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert [line["kind"] for line in lines].count("end") == 1
    assert run.snapshot_steps()[-1] == lines[-1]["step"] == lines[-1]["steps"]


@pytest.mark.slow
@pytest.mark.real
def test_only_one_of_two_dispatchers_starts_workers_and_the_other_follows_when_it_closes(real, home):
    first, second = JobQueue(Settings(home=home)), JobQueue(Settings(home=home))
    with started(second):
        wait_for(lambda: second._dispatcher.is_locked)
        with started(first):
            one = first.submit_run(config_of(ENDLESS))
            wait_for_training(one)
            assert list(second._workers) == [one.path]
            assert list(first._workers) == []
            assert not first._dispatcher.is_locked
            second.close()
            assert one.status.state == "interrupted"
            other = second.submit_run(config_of(SHORT))
            wait_for(lambda: list(first._workers) == [other.path])
            wait_for_state(other, "finished")
    assert (other.path / "worker.log").read_text() == ""


def test_a_zip_is_loaded_within_the_limits_of_the_server(home, tiny):
    queue = JobQueue(Settings(home=home, hosted=True, max_runs=1))
    run = queue.store.create(tiny, "a", state="finished")
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    content = pack_run(run)
    assert queue.load_zip(content, "b").config == tiny
    with pytest.raises(NotAllowed, match="keeps 1 for each"):
        queue.load_zip(content, "a")


def test_a_run_that_has_used_its_minutes_is_not_resumed(home, tiny):
    queue = JobQueue(Settings(home=home, hosted=True, max_minutes=1))
    run = queue.store.create(tiny, "a", state="stopped", result={"seconds": 61})
    with pytest.raises(NotAllowed, match="has used its 1 minutes"):
        queue.resume(run, "a")
    assert run.status.state == "stopped"


def test_a_run_that_diverged_is_not_resumed(queue, tiny):
    run = queue.store.create(tiny, state="failed", diverged=True)
    assert not run.status.resumable
    with pytest.raises(NotAllowed, match="diverge again"):
        queue.resume(run, "local")


def test_a_training_that_needs_more_memory_than_there_is_is_refused(queue, tiny):
    update_speed(queue.settings, flops_per_second=1e11, step_seconds=0.001, worker_mb=600)
    queue.submit_run(tiny)
    layers = [{"kind": "conv", "filters": 4096}, {"kind": "global_avg_pool"}, {"kind": "dense", "units": 10}]
    giant = tiny.replace(model={"layers": layers}, training=tiny.training.replace(batch_size=4096))
    with pytest.raises(NotAllowed, match=r"needs about [\d.]+ GB of memory"):
        queue.submit_run(giant)


def test_a_hosted_browser_without_a_key_starts_nothing(home, tiny):
    with pytest.raises(NotAllowed, match="no key yet"):
        JobQueue(Settings(home=home, hosted=True)).submit_run(tiny, "")


def test_a_full_server_empties_the_trash_before_it_refuses(home, tiny):
    queue = JobQueue(Settings(home=home, hosted=True, max_disk_mb=0.1))
    run = queue.submit_run(tiny, "ann")
    (run.path / "large").write_bytes(bytes(200_000))
    with pytest.raises(NotAllowed, match=r"room for 0\.1 MB"):
        queue.submit_run(tiny, "ben")
    queue.store.delete(run, "ann")
    assert queue.submit_run(tiny, "ben").status.state == "queued"


def test_no_training_may_need_more_than_this_app_may_use(queue, tiny):
    update_speed(queue.settings, flops_per_second=1e11, step_seconds=0.001, worker_mb=600)
    small = JobQueue(Settings(home=queue.settings.home, max_memory_mb=1900))
    queue.submit_run(tiny)
    with pytest.raises(NotAllowed, match=r"this machine has 0\.7 GB for it"):
        small.submit_run(tiny)


def test_with_little_memory_fetching_waits_for_the_training(queue, tiny, monkeypatch):
    for gigabytes, together in ((2, 1), (8, 2)):
        each = JobQueue(Settings(home=queue.settings.home / str(gigabytes)))
        each.memory, launched = gigabytes * 1e9, []
        monkeypatch.setattr(each, "_launch", launched.append)
        each.submit_run(tiny)
        each.submit("fetch")
        each.tick()
        assert len(launched) == together


def test_measuring_and_training_take_turns(queue, tiny, monkeypatch):
    started = []
    monkeypatch.setattr(queue, "_launch", started.append)
    job, run = queue.submit("measure"), queue.submit_run(tiny)
    queue.tick()
    assert started == [job]
    assert queue.waiting() == [run.path]


@pytest.mark.parametrize("task", ["distill", "train-photos"])
def test_a_run_that_only_the_command_line_can_resume_is_not_queued_and_names_the_command(queue, tiny, task):
    run = queue.store.create(tiny, state="paused", task=task)
    with pytest.raises(NotAllowed, match=rf"python -m fmexplore {task} .* --resume {run.id}"):
        queue.resume(run, "local")
    assert run.status.state == "paused"


def test_a_run_of_the_command_line_whose_process_died_is_interrupted(queue, tiny):
    run = queue.store.create(tiny, state="running", task="distill", **dead_process())
    queue.tick()
    assert run.status.state == "interrupted"


def test_a_side_task_on_a_full_disk_says_so(queue, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="disk is full"):
        queue.submit("measure")


def test_a_worker_in_a_long_step_does_not_hold_the_others_when_the_queue_closes(queue):
    class Busy:
        asked = waited = False

        def send_signal(self, _number):
            self.asked = True

        def wait(self, timeout):
            self.waited = True
            raise subprocess.TimeoutExpired("worker", timeout)

    workers = [Busy(), Busy()]
    queue._workers = dict(enumerate(workers))
    queue.close()
    assert all(worker.asked and worker.waited for worker in workers)
