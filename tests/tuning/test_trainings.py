"""Studies whose trials are trained on the drawn data set, by a process of their own, also one that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from fmexplore.data import fashion_mnist
from fmexplore.errors import NotAllowed, RunBroken
from fmexplore.runs.run import Run
from fmexplore.runs.status import request
from fmexplore.runs.studies import study_of
from fmexplore.settings import PROJECT
from fmexplore.tuning.confirmation import judge, read_confirmations
from fmexplore.tuning.records import best_of
from fmexplore.tuning.studies import trials_of
from tests.tuning.conftest import reopen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_folder", "children")]
ADDED = """
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
fashion_mnist.FILES = {files!r}
"""
PATIENCE = 240


@pytest.fixture
def children(added, monkeypatch):
    """Processes that are started get the drawn data set too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(added), str(fashion_mnist.PROJECT))))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def curves(trials) -> list[tuple]:
    return [(trial.parameters, trial.state, trial.validation_accuracy, trial.reports) for trial in trials]


def test_each_trial_is_a_run_and_only_the_winner_is_tested_with_new_seeds(make, search, store, queue):
    """Twelve trials, so that two lose their weights."""
    ended = []
    folder = make("learning_rate=log:0.0005:0.3", "optimizer=adam,sgd", searcher="random", trials=12, confirm=2)
    values = folder.values
    values = {**values, "base": {**values["base"], "training": {**values["base"]["training"], "epochs": 1.0}}}
    folder.write_values(values)
    trials = search(folder, None, ended.append)
    assert [trial.trial for trial in trials] == list(range(12))
    best = best_of(trials)
    runs = {trial.run: Run(store.folder / trial.run) for trial in trials}
    kept = sorted(trials, key=lambda trial: (-trial.validation_accuracy, trial.trial))[:10]
    assert {trial.run for trial in kept} == {name for name, run in runs.items() if run.has_weights}
    for trial in trials:
        run = runs[trial.run]
        assert (run.status.state, run.status.study) == ("finished", "mine")
        assert run.status.result.validation_accuracy == trial.validation_accuracy
        assert run.status.result.test_accuracy is None
        assert run.read_metrics()[-1]["kind"] == "end"
        assert run.config.training.learning_rate == trial.parameters["learning_rate"]
        assert run.title == f"mine, trial {trial.trial}"
    [lost, _] = [run for run in runs.values() if not run.has_weights]
    with pytest.raises(RunBroken, match="keeps those of its ten best trials"):
        lost.read_weights()
    with pytest.raises(NotAllowed, match="is a trial of the study mine"):
        queue.resume(lost, "local")
    confirmations = read_confirmations(folder)
    assert [each.seed for each in confirmations] == [1, 2]
    verdict = judge(confirmations)
    assert (verdict.trial, verdict.seeds, verdict.searched) == (best.trial, 2, best.validation_accuracy)
    assert verdict.optimism == pytest.approx(best.validation_accuracy - verdict.validation_accuracy)
    for each in confirmations:
        confirmed = Run(store.folder / each.run)
        assert confirmed.status.result.test_accuracy == each.test_accuracy > 0.1
        assert confirmed.config == runs[best.run].config.replace(
            training=runs[best.run].config.training.replace(seed=each.seed).model_dump(mode="json")
        )
    assert ended == [*trials, *confirmations]


def test_a_training_that_diverges_is_a_trial_with_its_reason_and_one_that_is_behind_is_pruned(
    make, search, store, linear
):
    base = linear.replace(training=linear.training.replace(weight_decay=1).model_dump(mode="json"))  # else it is slow
    axes, settings = ("learning_rate=0.01,0.02,0.03,1e-7,1e9", "optimizer=sgd"), {"trials": 16, "base": base}
    settings |= {"pruning": "median", "searcher": "random"}
    folder = make(*axes, **settings)
    trials = search(folder, None)
    states = {trial.parameters["learning_rate"]: trial.state for trial in trials}
    assert states[1e9] == "failed"
    assert {trial.state for trial in trials} == {"complete", "pruned", "failed"}
    assert all("diverge" in t.reason or "infinite" in t.reason for t in trials if t.state == "failed")
    for trial in trials:
        run = Run(store.folder / trial.run)
        state = {"complete": "finished", "pruned": "stopped", "failed": "failed"}[trial.state]
        assert run.status.state == state
        assert run.status.diverged == (trial.state == "failed")
    again = make(*axes, name="again", **settings)
    assert curves(search(again, None)) == curves(trials)  # the same seed, the same trials


def trainer_of(process: psutil.Process) -> psutil.Process | None:
    for child in process.children(recursive=True):
        try:
            if "fmexplore.tuning.trainer" in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None


def test_a_training_that_is_killed_or_paused_goes_on_and_ends_as_it_would_have(make, search, store, linear):
    """Killed once, at a random moment, in the first start; paused in another."""
    base = linear.replace(training=linear.training.replace(epochs=60, snapshots=20).model_dump(mode="json"))
    whole = curves(search(make(name="whole", base=base, trials=3, searcher="random"), None))
    folder, killed = make(base=base, trials=3, searcher="random"), []

    def kill() -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not killed:
            trainer = trainer_of(psutil.Process())
            under_way = [run for run in store.own_runs() if study_of(run) == "mine" and run.read_metrics()]
            if trainer and under_way:
                time.sleep(random.random() / 10)
                trainer.kill()
                killed.append(trainer.pid)
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    done = []

    def pause(ended) -> None:
        done.append(ended)
        if len(done) == 2:
            threading.Timer(0.1, request, (folder.path, "PAUSE")).start()

    search(folder, None, pause)
    thread.join()
    assert killed
    while folder.status.state == "paused":
        reopen(folder)
        search(folder, None)
    assert curves(trials_of(folder)) == whole
    assert len(store.own_runs()) == 6  # no run was begun anew
    assert not trainer_of(psutil.Process())


def test_a_search_whose_process_is_killed_goes_on_with_the_same_run_and_loses_no_trial(store, linear, home, tmp_path):
    """By the command line, at a random moment."""
    config = linear.replace(training=linear.training.replace(epochs=40, snapshots=20).model_dump(mode="json"))
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    options = ["--config", str(path), "--vary", "learning_rate=log:0.001:0.1", "--trials", "4", "--json"]
    command = [sys.executable, "-m", "fmexplore", "tune", *options, "--study", "mine"]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    first = json.loads(process.stdout.readline())
    assert first["trial"] == 0
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if sum(study_of(run) == "mine" and bool(run.read_metrics()) for run in store.own_runs()) >= 2:
            break
        time.sleep(0.02)
    time.sleep(random.random() / 2)
    trainer = trainer_of(psutil.Process(process.pid))
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {run.id for run in store.own_runs() if run.read_metrics()}  # one that nobody has begun may be removed
    resumed = subprocess.run(
        [sys.executable, "-m", "fmexplore", "study", "resume", "mine", "--json"],
        cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    *trials, last = map(json.loads, resumed.stdout.splitlines())
    assert (last["study"], last["trials"]) == ("mine", 4)
    assert [trial["trial"] for trial in trials] == list(range(4 - len(trials), 4))
    shown = subprocess.run(
        [sys.executable, "-m", "fmexplore", "study", "show", "mine", "--json"],
        cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    shown = json.loads(shown.stdout)
    assert [trial["state"] for trial in shown["trials"]] == ["complete"] * 4
    runs = {trial["run"] for trial in shown["trials"]}
    assert before <= runs == {run.id for run in store.own_runs()}
    assert trainer is None or not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE
