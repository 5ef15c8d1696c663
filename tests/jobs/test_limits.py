"""A hosted server against an owner who tries to break its limits, and five owners who want to train at once."""

import io
import json
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from fmexplore.errors import NotAllowed, RunBroken
from fmexplore.jobs import limits
from fmexplore.jobs.dispatcher import GRACE_SECONDS, Dispatcher
from fmexplore.jobs.estimates import update_speed
from fmexplore.jobs.limits import weights_mb
from fmexplore.jobs.queue import JobQueue
from fmexplore.models.table import parameters, summarize, tensor_shapes
from fmexplore.runs.archive import MAX_TEXT_MB, pack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process
from fmexplore.settings import HOSTED_LIMITS, Settings
from fmexplore.training.presets import find_preset, presets
from fmexplore.training.progress import Snapshot
from tests.jobs.statuses import change_status

PATIENCE = 120  # seconds, for anything a worker does
OWNERS = ("ann", "bob", "cleo", "dan", "eve")


@pytest.fixture
def hosted(home) -> Callable[..., JobQueue]:
    """Queues of a hosted server with its usual limits, but for those that are given."""
    return lambda **limits: JobQueue(Settings(home=home, hosted=True, **{**HOSTED_LIMITS, **limits}))


def at_once(*actions: Callable[[], object]) -> list[Exception]:
    """Do all of it at the same time; what was refused."""
    start, refused = threading.Barrier(len(actions)), []

    def do(action):
        start.wait()
        try:
            action()
        except NotAllowed as error:
            refused.append(error)

    threads = [threading.Thread(target=do, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def with_layers(config, *layers: dict):
    return config.replace(model={"layers": [*layers, {"kind": "dense", "units": 10}]})


# --- the queue ---


def test_two_tabs_of_one_owner_cannot_queue_more_than_one_tab(hosted, tiny):
    queues = [hosted(max_queued=2), hosted(max_queued=2)]
    refused = at_once(*(lambda queue=queue: queue.submit_run(tiny, "ann") for queue in queues * 5))
    assert len(refused) == 8
    assert len(queues[0].waiting()) == 2


def test_a_new_owner_for_every_run_does_not_fill_the_queue_without_end(hosted, tiny):
    queue = hosted(max_queued_all=5)
    for number in range(5):
        queue.submit_run(tiny, f"nobody{number}")
    with pytest.raises(NotAllowed, match="All users together have 5 runs waiting"):
        queue.submit_run(tiny, "nobody4")
    for number in range(5, 10):
        queue.submit_run(tiny, f"nobody{number}")
    with pytest.raises(NotAllowed, match="All users together have 10 runs waiting, and this server allows 5"):
        queue.submit_run(tiny, "nobody10")
    paused = queue.store.create(tiny, "ann", state="paused")
    with pytest.raises(NotAllowed, match="All users together have 10 runs waiting"):
        queue.resume(paused, "ann")
    assert len(queue.waiting()) == 10


def test_one_address_with_many_forged_cookies_leaves_places_and_turns_to_others(hosted, tiny, monkeypatch):
    queue = hosted(max_queued_all=8)
    queue.address = lambda: "crowd"
    for number in range(6):
        queue.submit_run(tiny, f"forged{number}")
    with pytest.raises(NotAllowed, match="All users of your network have 6 runs waiting, and this server allows 6"):
        queue.submit_run(tiny, "forged6")
    queue.address = lambda: "home"
    for _ in range(2):
        queue.submit_run(tiny, "ann")
    queue.address = lambda: "school"
    queue.submit_run(tiny, "bob")
    foretold = [Run(path).status.owner for path in queue.waiting()]
    assert starts(queue, monkeypatch, 9) == foretold
    assert {*foretold[:3]} == {"forged0", "ann", "bob"}
    assert foretold[3:5] == ["forged1", "ann"]


def test_a_new_owner_for_every_run_does_not_keep_runs_without_end(hosted, tiny):
    queue = hosted(max_runs_all=3)
    for number in range(3):
        queue.store.create(tiny, f"nobody{number}", state="finished")
    with pytest.raises(NotAllowed, match="All users together keep 3 runs"):
        queue.submit_run(tiny, "nobody0")
    for number in range(3, 6):
        queue.require_room(f"nobody{number}")
        queue.store.create(tiny, f"nobody{number}", state="finished")
    with pytest.raises(NotAllowed, match="All users together keep 6 runs, and this server allows 3"):
        queue.require_room("ann")
    queue.address = lambda: "home"
    queue.submit_run(tiny, "ann")
    with pytest.raises(NotAllowed, match="All users together keep 7 runs"):
        queue.submit_run(tiny, "ann")


def test_one_owner_and_one_address_have_a_share_of_the_disk(hosted, tiny):
    queue = hosted(max_disk_mb=10)

    def keep(owner: str, megabytes: float) -> None:
        run = queue.keep(tiny, owner, state="finished")
        (run.path / "filler").write_bytes(bytes(int(1e6 * megabytes)))

    queue.address = lambda: "crowd"
    keep("forged0", 2.6)
    with pytest.raises(NotAllowed, match=r"Your runs use 3 MB and would use 0 MB more, .* has 2 MB for them"):
        queue.keep(tiny, "forged0")
    for number in range(1, 3):
        keep(f"forged{number}", 2.4)
    keep("forged3", 0.2)
    with pytest.raises(NotAllowed, match="The runs of your network use 8 MB"):
        queue.keep(tiny, "forged4")
    queue.address = lambda: "home"
    keep("ann", 0.1)


def test_who_starts_and_deletes_for_ever_leaves_no_more_folders_than_runs_are_kept(hosted, tiny):
    queue = hosted(max_runs_all=4)
    for _ in range(12):
        queue.store.delete(queue.submit_run(tiny, "ann"), "ann")
        assert queue.store.count() <= 4


def test_deleted_runs_come_back_only_while_there_is_room_for_them(hosted, tiny):
    queue = hosted(max_runs=2)
    first = [queue.store.create(tiny, "ann", state="finished") for _ in range(2)]
    for run in first:
        queue.store.delete(run, "ann")
    for _ in range(2):
        queue.store.create(tiny, "ann", state="finished")
    with pytest.raises(NotAllowed, match="keep 2 runs"):
        queue.restore(first[0].id, "ann")
    assert sum(1 for _ in queue.store.owned_by("ann")) == 2


def test_what_was_taught_counts_as_a_run(hosted, tiny):
    queue = hosted(max_runs=1)
    queue.keep(tiny, "ann", state="finished")
    with pytest.raises(NotAllowed, match="keep 1 runs"):
        queue.keep(tiny, "ann", state="finished")


# --- disk, memory, time ---


def test_runs_that_wait_count_with_the_weights_that_they_will_write(hosted, tiny):
    large = with_layers(tiny, {"kind": "flatten"}, {"kind": "dense", "units": 2000})
    large = large.replace(training=large.training.replace(snapshots=0))
    queue = hosted(max_disk_mb=2.5 * weights_mb(large, summarize(large.model)))
    first = queue.submit_run(large, "ann")
    queue.submit_run(large, "bob")
    with pytest.raises(NotAllowed, match=r"will use 1\d MB more"):
        queue.submit_run(large, "cleo")
    queue.stop(first, "ann")
    queue.submit_run(large, "cleo")


def test_the_weights_that_a_run_will_keep_at_its_snapshots_count_too(hosted, tiny):
    def with_snapshots(**changes):
        return tiny.replace(training=tiny.training.replace(**changes))

    def planned(config):
        return weights_mb(config, summarize(config.model))

    end = 4 * parameters(summarize(tiny.model)) / 1e6
    assert planned(with_snapshots(snapshots=0)) == pytest.approx(end)
    assert planned(with_snapshots(snapshots=10)) == pytest.approx(end + 10 * end / 2)  # of half the precision
    assert planned(with_snapshots(snapshots=10, validation="none")) == pytest.approx(end)  # there are none then
    large = with_layers(tiny, {"kind": "flatten"}, {"kind": "dense", "units": 4096})
    large = large.replace(training=large.training.replace(snapshots=50))
    count = parameters(summarize(large.model))
    assert 55 < planned(large) - 4 * count / 1e6 <= 64, "no run keeps more of them"
    run = hosted().submit_run(with_snapshots(snapshots=10), "ann")
    assert limits._unwritten_mb(run) == pytest.approx(planned(run.config))
    few, weights = np.zeros((1, 10), np.float16), {"a": np.zeros(1, np.float16)}
    run.write_snapshot(Snapshot(7, 0.5, "", few, np.zeros(1, np.uint8), few, weights))
    written = run.snapshot_weights_path(7).stat().st_size / 1e6
    assert limits._unwritten_mb(run) == pytest.approx(planned(run.config) - written)


def test_every_preset_is_allowed_where_a_network_of_a_giant_is_not(hosted, tiny):
    queue = hosted(max_queued=100, max_runs=100)
    for preset in presets().values():
        queue.submit_run(preset.config, "ann")
    giant = with_layers(tiny, *[{"kind": "conv", "filters": 256}] * 2, {"kind": "global_avg_pool"})
    assert parameters(summarize(giant.model)) < 1e6
    with pytest.raises(NotAllowed, match=r"928 MFLOPs"):
        hosted(max_mflops=900).submit_run(giant, "bob")
    JobQueue(Settings(home=queue.settings.home)).submit_run(giant, "bob")  # on a laptop


@pytest.mark.parametrize("measured", [True, False])
def test_a_training_leaves_memory_to_the_server_also_on_a_machine_not_yet_measured(hosted, tiny, measured, monkeypatch):
    queue = hosted()
    if measured:
        update_speed(queue.settings, flops_per_second=1e11, step_seconds=0.001, worker_mb=600)
    wide = with_layers(tiny, {"kind": "conv", "filters": 64}, {"kind": "global_avg_pool"})
    wide = wide.replace(training=tiny.training.replace(batch_size=4096))  # 2.3 GB
    memory = SimpleNamespace(total=2.6e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(NotAllowed, match=r"needs about 2\.\d GB of memory, and this machine has 1\.4 GB for it"):
        queue.submit_run(wide, "ann")
    memory.total = 4e9
    queue.submit_run(wide, "ann")


@pytest.mark.parametrize("late", [True, False])
def test_a_worker_that_does_not_heed_the_limit_of_minutes_is_ended(hosted, tiny, late):
    """As in the evaluation of a network so slow that it takes for ever."""
    queue = hosted(max_minutes=1)
    run = queue.submit_run(tiny, "ann")
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        dispatcher = Dispatcher(queue)
        dispatcher._workers[run.path] = worker
        since = time.time() - 60 - (GRACE_SECONDS + 1 if late else GRACE_SECONDS - 30)
        change_status(run, state="running", started=since, **own_process())
        dispatcher.tick()
        assert (worker.poll() is not None) == late
        assert run.status.state == ("stopped" if late else "running")
        assert not late or "limit of 1 minutes" in run.status.error
    finally:
        worker.kill()
        worker.wait()


def test_a_laptop_lets_a_run_take_as_long_as_it_wants(home, tiny):
    queue = JobQueue(Settings(home=home))
    run = queue.submit_run(tiny)
    change_status(run, state="running", started=time.time() - 1e6, **own_process())
    Dispatcher(queue).tick()
    assert run.status.state == "running"


# --- zips ---


@pytest.fixture
def parts(hosted, tiny) -> dict[str, bytes]:
    """The files in the zip of a run."""
    run = hosted().store.create(tiny, "zoe", state="finished")
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    with zipfile.ZipFile(io.BytesIO(pack_run(run))) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def zip_of(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def test_a_small_zip_whose_metrics_would_fill_the_memory_is_refused(hosted, parts):
    line = json.dumps({"kind": "report", "step": 1, "steps": 2, "epoch": 0.5, "seconds": 1.0}).encode() + b"\n"
    content = zip_of({**parts, "metrics.jsonl": line * int(MAX_TEXT_MB * 1.1e6 / len(line))})
    assert len(content) < 100_000
    with pytest.raises(RunBroken, match="more than 4 MB"):
        hosted().load_zip(content, "ann")


def test_a_zip_does_not_bring_in_a_network_that_could_not_be_trained_here(hosted, parts):
    queue = hosted(max_mflops=0.01)
    before = queue.store.count()
    with pytest.raises(NotAllowed, match="MFLOPs"):
        queue.load_zip(zip_of(parts), "ann")
    assert queue.store.count() == before


def test_a_zip_that_claims_a_thousand_minutes_is_trained_within_the_limit(hosted, parts, tiny):
    config = json.loads(parts["config.json"])
    config["training"] |= {"minutes": 10_000, "epochs": 1000}
    queue = hosted(max_minutes=1)
    run = queue.load_zip(zip_of({**parts, "config.json": json.dumps(config).encode()}), "ann")
    assert (run.status.state, run.status.owner, run.label.starred) == ("finished", "ann", False)
    queue.resume(run, "ann")
    assert run.status.state == "finished"  # it cannot go on, only be used as a new configuration
    again = queue.submit_run(run.config, "ann")
    change_status(again, state="stopped", result={"seconds": 61})
    with pytest.raises(NotAllowed, match="has used its 1 minutes"):
        queue.resume(again, "ann")


def test_zips_under_new_names_every_time_end_at_the_limit_of_all(hosted, parts):
    queue, content = hosted(max_runs_all=4), zip_of(parts)
    refused = at_once(*(lambda n=n: queue.load_zip(content, f"nobody{n}") for n in range(10)))
    assert len(refused) == 3  # one was there
    assert queue.store.count() == 8, "new owners have a place, up to twice the limit"


def test_a_small_zip_of_zeros_is_refused_by_what_it_would_unpack_to_before_it_is_unpacked(hosted, parts, monkeypatch):
    zeros = zip_of({**parts, "model.safetensors": bytes(3_000_000)})
    assert len(zeros) < 10_000
    read = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: read.append(1))
    with pytest.raises(NotAllowed, match=r"will use 3 MB more, and this server has room for 2 MB"):
        hosted(max_disk_mb=2).load_zip(zeros, "ann")
    assert not read


# --- five owners at once ---


def starts(queue: JobQueue, monkeypatch, count: int) -> list[str]:
    """Whose runs are started one after another, each ended before the next tick."""
    order = []

    def launch(folder):
        run = Run(folder)
        order.append(run.status.owner)
        change_status(run, state="finished", started=time.time(), ended=time.time())

    dispatcher = Dispatcher(queue)
    monkeypatch.setattr(dispatcher, "_launch", launch)
    for _ in range(count):
        dispatcher.tick()
    return order


@pytest.mark.parametrize("seed", range(5))
def test_five_owners_who_start_trainings_at_once_each_get_a_turn_before_anybody_gets_two(
    hosted, tiny, monkeypatch, seed
):
    queue = hosted()
    submissions = [lambda owner=owner: queue.submit_run(tiny, owner) for owner in OWNERS * 2]
    random.Random(seed).shuffle(submissions)
    assert at_once(*submissions) == []
    foretold = [Run(path).status.owner for path in queue.waiting()]
    order = starts(queue, monkeypatch, 10)
    assert order == foretold
    assert sorted(order[:5]) == sorted(order[5:]) == sorted(OWNERS)


def test_who_comes_late_is_served_before_the_second_run_of_the_others(hosted, tiny, monkeypatch):
    queue = hosted()
    for owner in OWNERS[:4] * 2:
        queue.submit_run(tiny, owner)
    assert starts(queue, monkeypatch, 2) == ["ann", "bob"]
    queue.submit_run(tiny, "eve")
    assert starts(queue, monkeypatch, 4) == ["cleo", "dan", "eve", "ann"]


@pytest.mark.slow
@pytest.mark.real
def test_three_owners_train_in_turn_with_real_workers(real, hosted):
    queue, config = hosted(), find_preset("team4-ann").config
    short = {"epochs": 0.01, "snapshots": 1, "precision": "fp32", "threads": 1, "early_stopping": None}
    config = config.replace(training=config.training.replace(**short))
    greedy = [queue.submit_run(config, "ann") for _ in range(2)]
    assert at_once(*(lambda owner=owner: queue.submit_run(config, owner) for owner in OWNERS[1:3])) == []
    dispatcher = Dispatcher(queue)
    dispatcher.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while any(run.status.active for run in queue.store.own_runs()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        dispatcher.close()
    runs = sorted(queue.store.own_runs(), key=lambda run: run.status.started)
    assert [run.status.state for run in runs] == ["finished"] * 4
    assert [runs[0], runs[-1]] == greedy
    assert {run.status.owner for run in runs[1:-1]} == set(OWNERS[1:3])
    for before, after in pairwise(runs):
        assert before.status.ended <= after.status.started
