"""A worker's task in this process, with the drawn data set: what it keeps, and how it ends."""

import errno
import os
import shutil

import numpy as np
import pytest
import torch

from fmexplore.data import fashion_mnist
from fmexplore.errors import NoAnswers
from fmexplore.evaluation.predictions import predict
from fmexplore.jobs import estimates, tasks
from fmexplore.jobs.estimates import known_execution, read_speed, update_speed
from fmexplore.jobs.job import Job
from fmexplore.jobs.tasks import SAVE_SECONDS
from fmexplore.jobs.worker import run_job
from fmexplore.models import networks
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, read_status, request, write_status
from fmexplore.settings import Settings
from fmexplore.training.config import Execution

pytestmark = [pytest.mark.usefixtures("drawn_folder"), pytest.mark.slow]


@pytest.fixture(autouse=True)
def _always_look(monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)


@pytest.fixture
def config(tiny):
    return tiny.replace(training=tiny.training.replace(snapshots=4))


def make(store, config) -> Run:
    return store.create(config, execution=Execution(threads=1))


def work(run: Run, settings: Settings, listen=lambda _: None) -> Status:
    run_job(Job(run.path, settings), listen=listen)
    return run.status


def at(count: int, act):
    """A listener that acts once, at the `count`-th Progress."""
    seen = []

    def listen(progress):
        seen.append(progress)
        if len(seen) == count:
            act()

    return listen


def lines(run: Run) -> list[dict]:
    times = ("seconds", "images_per_second")
    return [{name: value for name, value in line.items() if name not in times} for line in run.read_metrics()]


def same_weights(one: Run, other: Run) -> bool:
    first, second = one.read_weights(), other.read_weights()
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def is_full(monkeypatch, part: str, after: int = 0) -> None:
    """From now on the disk is full for files with `part` in their path, `after` of which still fit."""
    real, left = os.replace, [after]

    def replace(source, target):
        if part in str(target):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.fixture
def whole(store, config):
    """A run that nothing has interrupted."""
    run = make(store, config)
    work(run, store.settings)
    return run


def test_a_finished_run_has_all_its_files(store, config, whole):
    status = whole.status
    assert (status.state, status.progress, status.error, status.message) == ("finished", 1.0, "", "")
    assert status.pid is None
    assert status.started <= status.ended
    assert sorted(path.name for path in whole.path.iterdir()) == [
        *("config.json", "metrics.jsonl", "model.safetensors", "snapshots", "status.json"),
    ]
    assert whole.snapshot_steps() == [1, 3, 11, 36]
    kinds = [line["kind"] for line in whole.read_metrics()]
    assert kinds.count("epoch") == 2
    assert kinds[-1] == "end"
    end = whole.read_metrics()[-1]
    assert status.result.test_accuracy == pytest.approx(end["test_accuracy"], abs=1e-5)
    assert status.result.validation_accuracy == pytest.approx(end["validation_accuracy"], abs=1e-5)
    assert (status.result.epoch, status.result.images_per_second > 0) == (2, True)
    epoch = next(line for line in whole.read_metrics() if line["kind"] == "epoch")
    assert np.sum(epoch["confusion"]) == 64


def test_a_finished_run_keeps_its_predictions_for_test_and_validation_images(store, whole, drawn):
    derived, training = Derived(whole, store.settings), whole.config.training
    network = networks.build(whole.config.model)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in whole.read_weights().items()})
    for split in ("test", "validation"):
        found = derived.read_predictions(split, drawn)
        wanted = predict(network, drawn.select(split, training.split_config))
        assert np.allclose(found.logits, wanted.logits, atol=1e-5)
        assert np.array_equal(found.labels, wanted.labels)
    assert found.accuracy == pytest.approx(whole.status.result.validation_accuracy, abs=1e-5)
    assert derived.read_predictions("train", drawn) is None


def test_a_run_that_is_not_finished_keeps_no_predictions(store, config, drawn):
    run = make(store, config)
    work(run, store.settings, at(20, lambda: request(run.path, "STOP")))
    assert run.read_weights()
    assert Derived(run, store.settings).paths() == []
    assert work(run, store.settings).state == "finished"
    assert len(Derived(run, store.settings).paths()) == 2


@pytest.mark.parametrize(("validation", "names"), [("none", ["test"]), ("test", ["test", "validation"])])
def test_predictions_are_kept_for_the_splits_that_a_run_has(store, config, drawn, validation, names):
    run = make(store, config.replace(training=config.training.replace(validation=validation)))
    assert work(run, store.settings).state == "finished"
    derived = Derived(run, store.settings)
    assert [path.stem for path in derived.paths()] == [f"predictions-{name}" for name in names]
    for name in names:
        assert derived.read_predictions(name, drawn).accuracy == pytest.approx(run.status.result.test_accuracy)


def test_a_disk_too_full_for_predictions_still_finishes_the_run(store, config, drawn, monkeypatch):
    run = make(store, config)
    is_full(monkeypatch, "predictions-")
    assert work(run, store.settings).state == "finished"
    assert run.read_weights()
    assert Derived(run, store.settings).paths() == []


def test_while_it_runs_the_status_says_so_and_names_this_process(store, config):
    run, states = make(store, config), set()
    work(run, store.settings, lambda _: states.add((run.status.state, run.status.pid, run.status.alive)))
    assert states == {("running", os.getpid(), True)}


def test_a_run_chooses_its_execution_once_and_remembers_it_for_its_like(store, config, monkeypatch):
    monkeypatch.setattr(estimates, "SHORT_SECONDS", 0)
    run = store.create(config)
    update_speed(store.settings, flops_per_second=1e9, step_seconds=0.001, worker_mb=300)
    chosen = work(run, store.settings).execution
    assert (chosen.precision, chosen.threads, chosen.device) == ("fp32", 1, "cpu")
    assert known_execution(store.settings, config) == chosen
    other = store.create(config.replace(training=config.training.replace(seed=1)))
    assert work(other, store.settings).execution == chosen
    assert [len(each) for each in read_speed(store.settings).ratios.values()] == [2]


def test_a_stop_ends_the_run_with_its_weights(store, config):
    run = make(store, config)
    status = work(run, store.settings, at(8, lambda: request(run.path, "STOP")))
    assert status.state == "stopped"
    assert 0 < status.progress < 1
    assert run.read_weights()
    assert (run.path / "model.safetensors").exists()
    assert not (run.path / "STOP").exists()
    assert status.result.test_accuracy is None


@pytest.mark.parametrize("place", [1, 2, 3, 9, 20, 35, 47])
def test_a_paused_run_resumes_to_the_same_end(store, config, whole, place):
    run = make(store, config)
    status = work(run, store.settings, at(place, lambda: request(run.path, "PAUSE")))
    assert status.state == "paused"
    assert not (run.path / "PAUSE").exists()
    assert not (run.path / "model.safetensors").exists()
    assert run.read_weights()
    assert work(run, store.settings).state == "finished"
    assert lines(run) == lines(whole)
    assert same_weights(run, whole)
    assert run.snapshot_steps() == whole.snapshot_steps()
    assert run.read_snapshot(36)[1] == whole.read_snapshot(36)[1]
    assert run.read_resume() is None


def test_a_run_can_be_paused_again_and_again(store, config, whole):
    run, times = make(store, config), 0
    while work(run, store.settings, at(9, lambda: request(run.path, "PAUSE"))).state == "paused":
        times += 1
    assert times >= 4
    assert lines(run) == lines(whole)
    assert same_weights(run, whole)


def test_a_stopped_run_goes_on_when_it_is_resumed(store, config, whole):
    run = make(store, config)
    work(run, store.settings, at(20, lambda: request(run.path, "STOP")))
    assert work(run, store.settings).state == "finished"
    assert same_weights(run, whole)
    assert lines(run) == lines(whole)


def test_a_signal_interrupts_a_run_that_then_resumes_to_the_same_end(store, config, whole):
    run = make(store, config)
    job = Job(run.path, store.settings)

    def interrupt():
        job.interrupted = True

    run_job(job, listen=at(15, interrupt))
    assert run.status.state == "interrupted"
    assert work(run, store.settings).state == "finished"
    assert same_weights(run, whole)


def test_a_run_that_was_killed_before_it_saved_anything_starts_afresh(store, config, whole):
    """Its reports from before must not stay beside the new ones, nor a half-written line before them."""
    run = make(store, config)
    for step in (5, 10):
        run.append_metrics({"kind": "report", "step": step, "steps": 36, "epoch": 0.1})
    with open(run.metrics_path, "ab") as file:
        file.write(b'{"kind": "rep')
    assert work(run, store.settings).state == "finished"
    assert lines(run) == lines(whole)


def test_a_full_disk_while_saving_fails_with_the_reason_and_leaves_the_earlier_state(store, config, whole, monkeypatch):
    run = make(store, config)
    is_full(monkeypatch, "state.safetensors", after=2)
    status = work(run, store.settings)
    assert status.state == "failed"
    assert "disk is full" in status.error
    assert "resume" in status.error
    assert run.read_resume()[1]["step"] == 3  # the second of four snapshots
    assert not list(run.path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("part", "after"), [("state.safetensors", 2), ("snapshots", 1), ("model.safetensors", 0), ("state.safetensors", 0)]
)
def test_a_run_that_a_full_disk_ended_resumes_to_the_same_end(store, config, whole, part, after):
    run = make(store, config)
    with pytest.MonkeyPatch.context() as patch:
        is_full(patch, part, after)
        assert work(run, store.settings).state == "failed"
    assert work(run, store.settings).state == "finished"
    assert lines(run) == lines(whole)
    assert same_weights(run, whole)


def test_a_disk_too_full_even_for_the_status_ends_quietly(store, config, capsys):
    run = make(store, config)
    job = Job(run.path, store.settings)
    with pytest.MonkeyPatch.context() as patch:
        is_full(patch, run.id)
        run_job(job)
    assert "disk is full" in capsys.readouterr().err
    assert run.status.state == "running"  # the queue sees that its process is gone


def test_a_limit_of_minutes_stops_a_run_with_its_weights_and_says_so(store, config):
    run = make(store, config)
    status = work(run, Settings(home=store.settings.home, max_minutes=0.0001))
    assert status.state == "stopped"
    assert "limit of 0.0001 minutes" in status.message
    assert run.read_weights()
    assert status.progress < 1


def test_a_diverged_run_fails_with_an_explanation_and_keeps_finite_weights(store, config):
    run = make(store, config.replace(training=config.training.replace(optimizer="sgd", learning_rate=1e6)))
    status = work(run, store.settings)
    assert (status.state, status.diverged, status.resumable) == ("failed", True, False)
    assert "learning rate of 1e+06" in status.error
    assert_usable(run)
    run.read_metrics()


@pytest.mark.parametrize("rate", [1e2, 1e4, 1e5, 1e7, 1e9])
@pytest.mark.parametrize("epochs", [1 / 18, 3 / 18, 1])
def test_whatever_the_learning_rate_a_run_ends_finished_or_with_the_explanation(store, config, rate, epochs):
    changed = config.training.replace(optimizer="sgd", learning_rate=rate, epochs=epochs)
    run = make(store, config.replace(training=changed))
    status = work(run, store.settings)
    assert status.state == "finished" or "learning rate" in status.error
    assert_usable(run)


def assert_usable(run: Run) -> None:
    """What it keeps answers every image with numbers, and reaches what lists say; else it keeps and says nothing."""
    if not run.has_weights:
        assert run.status.diverged
        assert run.status.reached.validation_accuracy is None
        with pytest.raises(NoAnswers, match="has no usable answers"):
            run.read_weights()
        return
    network = networks.build(run.config.model)
    network.load_state_dict({name: torch.tensor(value) for name, value in run.read_weights().items()})
    images = fashion_mnist.load()
    assert np.isfinite(predict(network, images.test).logits).all()
    validation = images.select("validation", run.config.training.split_config)
    found = predict(network, validation)
    assert run.status.reached.validation_accuracy == pytest.approx(found.accuracy)
    assert run.status.reached.validation_loss == pytest.approx(found.loss, rel=1e-3)


@pytest.mark.parametrize(("what", "state"), [("STOP", "stopped"), ("PAUSE", "paused")])
def test_a_run_that_ends_early_says_what_its_kept_weights_reach(store, config, what, state):
    stopping = {"monitor": "accuracy", "patience": 9}
    run = make(store, config.replace(training=config.training.replace(epochs=6, early_stopping=stopping)))
    status = work(run, store.settings, at(50, lambda: request(run.path, what)))
    assert status.state == state
    assert_usable(run)


def test_a_run_that_was_killed_does_not_claim_what_nobody_has_measured(store, config):
    run = make(store, config.replace(training=config.training.replace(epochs=6)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "end", lambda *_, **__: None)  # as a kill leaves it
        patch.setattr("fmexplore.jobs.tasks._end_early", lambda *_, **__: None)
        work(run, store.settings, at(50, lambda: request(run.path, "STOP")))
    killed = run.status.replace(pid=2**22 - 3, process_started=1.0)
    assert (killed.state, killed.standing) == ("running", "interrupted")
    assert killed.result.validation_accuracy is not None
    assert killed.reached.validation_accuracy is None


def test_a_run_whose_folder_is_deleted_while_it_trains_does_not_come_back(store, config, capsys):
    run = make(store, config)
    job = Job(run.path, store.settings)
    run_job(job, listen=at(12, lambda: shutil.rmtree(run.path)))
    assert not run.path.exists()
    assert "was deleted in the meantime" in capsys.readouterr().err


def test_a_damaged_saved_state_fails_naming_the_file(store, config):
    run = make(store, config)
    (run.path / "resume").mkdir()
    (run.path / "resume" / "state.safetensors").write_bytes(b"x" * 100)
    status = work(run, store.settings)
    assert status.state == "failed"
    assert "state.safetensors is damaged" in status.error


def test_missing_data_fails_with_the_remedy(store, config, drawn_folder):
    for file in drawn_folder.iterdir():
        file.unlink()
    run = make(store, config)
    status = work(run, store.settings)
    assert status.state == "failed"
    assert "python -m fmexplore data" in status.error


def test_a_fault_inside_fails_and_points_to_the_log(store, config, capsys):
    run = make(store, config)

    def fault():
        raise ZeroDivisionError("by zero")

    status = work(run, store.settings, at(3, fault))
    assert status.state == "failed"
    assert "ZeroDivisionError" in status.error
    assert "worker.log" in status.error
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_task_fails(home, tmp_path):
    write_status(tmp_path, Status(task="dance"))
    run_job(Job(tmp_path, Settings(home=home)))
    assert read_status(tmp_path).state == "failed"


def test_a_worker_notices_that_its_server_is_gone(home, tmp_path):
    write_status(tmp_path, Status())
    assert Job(tmp_path, Settings(home=home), parent=os.getppid()).read_request() is None
    assert Job(tmp_path, Settings(home=home), parent=os.getppid() + 1).read_request() == "GONE"


def test_while_it_runs_the_status_has_what_was_last_reached(store, config):
    run, seen = make(store, config), []
    work(run, store.settings, lambda _: seen.append(run.status.result.validation_accuracy))
    assert len({accuracy for accuracy in seen if accuracy is not None}) > 2


def test_a_run_is_saved_every_minute(store, config, monkeypatch):
    """With no snapshots it would else be saved only at its end."""
    assert SAVE_SECONDS <= 60
    monkeypatch.setattr("fmexplore.jobs.tasks.SAVE_SECONDS", 0)
    run, saved = make(store, config.replace(training=config.training.replace(snapshots=0))), []
    work(run, store.settings, lambda progress: saved.append((progress.step, run.read_resume())))
    assert all(state is not None for step, state in saved if step > 1)


def test_early_stopping_keeps_the_best_weights_and_predictions_and_is_no_measure_of_speed(store, config, drawn):
    changed = config.training.replace(epochs=30, learning_rate=0.5, early_stopping={"patience": 1})
    update_speed(store.settings, flops_per_second=1e9, step_seconds=0.001, worker_mb=300)
    run = make(store, config.replace(training=changed))
    status = work(run, store.settings)
    assert status.state == "finished"
    best = min(line["validation_loss"] for line in run.read_metrics() if line["kind"] == "epoch")
    assert status.result.validation_loss == pytest.approx(best, abs=1e-4)
    found = Derived(run, store.settings).read_predictions("validation", drawn)
    assert found.loss == pytest.approx(best, abs=1e-4)
    assert status.result.epoch < 30
    assert read_speed(store.settings).ratios == {}


def test_a_run_whose_worker_ends_after_the_training_but_before_it_is_finished_keeps_its_saved_state(
    store, config, whole, monkeypatch
):
    def break_off(*_):
        raise RuntimeError("killed")

    run = make(store, config)
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "_keep_predictions", break_off)
        assert work(run, store.settings).state == "failed"
    assert run.read_resume() is not None
    assert work(run, store.settings).state == "finished"
    assert run.read_resume() is None
    assert same_weights(run, whole)


def test_a_disk_too_full_for_what_estimates_learn_still_finishes_the_run(store, config, monkeypatch):
    update_speed(store.settings, flops_per_second=1e11, step_seconds=0.001, worker_mb=600)
    run = make(store, config)
    is_full(monkeypatch, "speed.json")
    assert work(run, store.settings).state == "finished"
