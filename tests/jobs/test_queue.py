"""The queue: order, limits, owners."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fmexplore.errors import ConfigError, NotAllowed, StorageError
from fmexplore.jobs.estimates import estimate, update_speed
from fmexplore.jobs.queue import JobQueue
from fmexplore.jobs.retention import clean_up
from fmexplore.models import table
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.archive import pack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process, read_request, read_status, write_status
from fmexplore.settings import PROJECT, Settings
from tests.jobs.statuses import change_status

PATIENCE = 90  # seconds, for another process


@pytest.fixture
def hosted(home):
    def make(**limits) -> JobQueue:
        return JobQueue(Settings(home=home, hosted=True, **limits))

    return make


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


def test_two_writes_at_one_clock_tick_are_both_seen(queue, tiny):
    run = queue.submit_run(tiny)
    os.utime(run.path / "status.json", ns=(10**18, 10**18))
    assert queue.waiting() == [run.path]
    change_status(run, state="stopped")
    os.utime(run.path / "status.json", ns=(10**18, 10**18))
    assert queue.waiting() == []


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
    queue = hosted(max_disk_mb=0.1)  # one leaves 0.04, with its weights at the snapshots
    run = queue.submit_run(tiny, "ann")
    (run.path / "worker.log").write_bytes(b"x" * 80_000)
    with pytest.raises(NotAllowed, match=r"room for 0\.1 MB: delete some of your runs"):
        queue.submit_run(tiny, "bob")


def test_a_trial_is_paused_and_stopped_with_its_study_only(queue, tiny):
    run = queue.store.create(tiny, state="running", study="mine", **own_process())
    for act in (queue.pause, queue.stop):
        with pytest.raises(NotAllowed, match="is a trial of the study mine: pause or stop that"):
            act(run, "local")
    assert read_request(run.path) is None


def test_runs_over_age_are_removed_unless_starred_or_active(hosted, tiny):
    queue = hosted(max_age_days=7)
    old, starred, active, new = (queue.submit_run(tiny, "ann") for _ in range(4))
    long_ago = time.time() - 8 * 86400
    for run in (old, starred):
        change_status(run, state="finished", ended=long_ago)
    queue.store.relabel(starred, "ann", starred=True)
    change_status(active, created=long_ago)
    change_status(new, state="finished", created=long_ago, ended=time.time())
    clean_up(queue.studies, queue.jobs)
    assert {run.id for run in queue.store.own_runs()} == {starred.id, active.id, new.id}


def test_a_laptop_keeps_runs_for_ever_but_not_its_ended_side_jobs(queue, tiny):
    run, job, waiting = queue.submit_run(tiny), queue.submit("measure"), queue.submit("fetch")
    long_ago = time.time() - 365 * 86400
    change_status(run, state="finished", created=long_ago, ended=long_ago)
    write_status(job, read_status(job).replace(state="finished", ended=long_ago))
    write_status(waiting, read_status(waiting).replace(created=long_ago))
    clean_up(queue.studies, queue.jobs)
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


@pytest.mark.parametrize("task", ["distill", "train-photos"])
def test_a_run_that_only_the_command_line_can_resume_is_not_queued_and_names_the_command(queue, tiny, task):
    run = queue.store.create(tiny, state="paused", task=task)
    with pytest.raises(NotAllowed, match=rf"python -m fmexplore {task} .* --resume {run.id}"):
        queue.resume(run, "local")
    assert run.status.state == "paused"


def test_a_side_task_on_a_full_disk_says_so(queue, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="disk is full"):
        queue.submit("measure")
