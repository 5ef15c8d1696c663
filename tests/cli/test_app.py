"""The command line: what it prints, its exit codes, its errors."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest
import torch
from sklearn.metrics import classification_report

from fmexplore.analysis import images as image_analysis
from fmexplore.data import download
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.predictions import predict
from fmexplore.jobs.estimates import update_speed
from fmexplore.models import networks
from fmexplore.models.layers import Conv, Dense, GlobalAvgPool
from fmexplore.models.table import Model
from fmexplore.runs.status import own_process, request, write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT, Settings
from fmexplore.training.presets import presets


def test_data_says_where_it_is(call, drawn_folder):
    code, out, _ = call("data", "--json")
    assert code == 0
    assert json.loads(out) == {"folder": str(drawn_folder), "train": 640, "test": 160}
    code, out, _ = call("data")
    assert (code, "640 training and 160 test images" in out) == (0, True)


def test_broken_data_is_replaced(call, drawn_folder, tmp_path, monkeypatch):
    whole = shutil.copytree(drawn_folder, tmp_path / "elsewhere")
    monkeypatch.setattr(download, "_download", lambda folder: shutil.copytree(whole, folder, dirs_exist_ok=True))
    (drawn_folder / "train-labels-idx1-ubyte.gz").write_bytes(b"x")
    code, out, error = call("data")
    assert (code, error) == (0, "")
    assert "640 training" in out


def test_data_that_cannot_be_fetched_is_one_line_with_the_remedy(call, drawn_folder, monkeypatch):
    def fail(folder):
        raise OSError("no network")

    monkeypatch.setattr(download, "_download", fail)
    monkeypatch.setattr(download, "_unpack_debian", fail)
    (drawn_folder / "train-labels-idx1-ubyte.gz").write_bytes(b"x")
    code, out, error = call("data")
    assert (code, out) == (2, "")
    assert error.count("\n") == 1
    assert "no network" in error
    assert "put the four files" in error


def test_training_without_data_is_refused_before_a_run_is_made(call, config_file, drawn_folder, store):
    shutil.rmtree(drawn_folder)
    code, _, error = call("train", "--config", config_file)
    assert (code, store.own_runs()) == (2, [])
    assert "python -m fmexplore data" in error


def test_training_with_damaged_data_is_refused_before_a_run_is_made_or_resumed(
    call, config_file, drawn_folder, store, tiny
):
    stopped = store.create(tiny, state="stopped")
    path = drawn_folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    for arguments in (("--config", config_file), ("--resume", stopped.id)):
        code, _, error = call("train", *arguments)
        assert (code, store.own_runs(), stopped.status.state) == (2, [stopped], "stopped")
        assert error.startswith(f"{path} is broken or cut off")
        assert "delete it, then run `python -m fmexplore data`" in error


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("train", "--preset", ""), "--preset is empty"),
        (("train", "--preset="), "--preset is empty"),
        (("reproduce", ""), "An argument after 'reproduce' is empty"),
        (("predict", " "), "An argument after 'predict' is empty"),
        (("evaluate", "quick", "--split", ""), "--split is empty"),
    ],
)
def test_an_empty_argument_is_refused_by_all_commands(call, drawn_folder, store, arguments, place):
    code, out, error = call(*arguments)
    assert (code, out, error) == (2, "", f"{place}: give it a value, or leave it out.\n")
    assert store.own_runs() == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_configuration_may_come_from_any_editor(call, tiny, tmp_path, store, drawn_folder, encoding):
    path = tmp_path / "config.json"
    path.write_text(tiny.replace(training={**tiny.training.model_dump(), "epochs": 0.1}).model_dump_json(), encoding)
    code, _, error = call("train", "--config", path)
    assert (code, error) == (0, "")
    assert store.own_runs()[0].config.training.epochs == 0.1


def test_a_resumed_run_takes_no_other_settings(call, store, tiny):
    run = store.create(tiny, state="paused")
    code, _, error = call("train", "--resume", run.id, "--epochs", "3")
    assert code == 2
    assert "--resume goes on as the run was started" in error


def test_models_lists_the_presets(call):
    code, out, _ = call("models", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["id"] for row in rows] == list(presets())
    assert all(set(row) == {"id", "parameters", "flops", "source"} for row in rows)
    assert all(row["parameters"] > 0 and row["flops"] > 0 and row["source"] for row in rows)
    code, out, _ = call("models")
    assert code == 0
    assert out.count("\n") == len(rows)


def test_train_prints_its_reports_and_then_the_result(call, config_file, drawn_folder, store):
    code, out, error = call("train", "--config", config_file, "--epochs", "1.5", "--seed", 3, "--json")
    *reports, last = map(json.loads, out.splitlines())
    [run] = store.own_runs()
    assert (code, error) == (0, "")
    assert reports == run.read_metrics()
    assert {"report", "epoch", "snapshot"} <= {line["kind"] for line in reports}
    assert reports[-1]["kind"] == "end"
    assert set(last) == {"run", "validation_accuracy", "test_accuracy", "seconds"}
    assert last["run"] == run.id
    assert last["test_accuracy"] == pytest.approx(reports[-1]["test_accuracy"], abs=1e-5)
    assert last["seconds"] > 0
    assert (run.config.training.epochs, run.config.training.seed) == (1.5, 3)


def test_train_takes_a_preset_and_any_setting(call, drawn_folder, store):
    code, out, _ = call(
        *("train", "--preset", "team4-ann", "--epochs", 0.2, "--batch-size", 16, "--learning-rate", 0.01),
        *("--set", "optimizer=sgd", "--set", "augmentation.shift=2", "--set", "early-stopping.patience=2"),
        *("--set", "threads=1", "--set", "precision=fp32"),
    )
    [run] = store.own_runs()
    training = run.config.training
    assert code == 0
    assert f"{run.id} finished" in out
    assert (training.optimizer, training.augmentation.shift, training.early_stopping.patience) == ("sgd", 2, 2)
    assert (training.batch_size, training.learning_rate, run.config.preset) == (16, 0.01, "team4-ann")


def test_a_training_that_fails_says_why_and_ends_with_one(call, config_file, drawn_folder, store):
    arguments = ("train", "--config", config_file, "--set", "optimizer=sgd", "--learning-rate", 1e6)
    code, out, error = call(*arguments, "--json")
    assert code == 1
    assert error.count("\n") == 1
    assert "learning rate of 1e+06" in error
    assert json.loads(out.splitlines()[-1])["run"] == store.own_runs()[0].id


def test_a_stopped_training_ends_with_one_and_goes_on_when_resumed(call, config_file, drawn_folder, store, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)
    monkeypatch.setenv("FMEXPLORE_MAX_MINUTES", "0.00001")
    code, _, error = call("train", "--config", config_file)
    [run] = store.own_runs()
    assert code == 1
    assert error == f"Go on with: python -m fmexplore train --resume {run.id}\n"
    assert run.status.state == "stopped"
    monkeypatch.delenv("FMEXPLORE_MAX_MINUTES")
    request(run.path, "STOP")  # as a killed process may have left it
    code, out, error = call("train", "--resume", run.id, "--json")
    assert (code, error) == (0, "")
    assert json.loads(out.splitlines()[-1])["test_accuracy"] == run.status.result.test_accuracy
    assert [line["kind"] for line in run.read_metrics()].count("end") == 1


def test_only_an_unfinished_run_is_resumed(call, trained):
    for state in ("finished", "queued"):
        write_status(trained.path, trained.status.replace(state=state))
        code, _, error = call("train", "--resume", trained.id)
        assert code == 2
        assert f"is {state}: only a run that was not finished" in error
    write_status(trained.path, trained.status.replace(state="running", **own_process()))
    assert call("train", "--resume", trained.id)[0] == 2


def test_a_run_whose_process_was_killed_can_be_resumed(call, config_file, drawn_folder, store, tiny):
    process = subprocess.Popen([sys.executable, "-c", ""])
    fields = {"pid": process.pid, "process_started": psutil.Process(process.pid).create_time()}
    process.wait()
    run = store.create(tiny, state="running", **fields)
    assert call("train", "--resume", run.id)[0] == 0
    assert run.status.state == "finished"


def sklearns_report(run, drawn, split: str) -> str:
    """The report of what the run's network says now."""
    network = networks.build(run.config.model)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in run.read_weights().items()})
    training = run.config.training
    found = predict(network, drawn.select(split, training.split_config))
    return str(
        classification_report(
            found.labels, found.predicted, labels=range(10), target_names=CLASS_NAMES, digits=3, zero_division=0
        )
    )


@pytest.mark.parametrize(("split", "count"), [("test", 160), ("validation", 64), ("train", 576)])
def test_evaluate_prints_the_accuracy_and_scikit_learns_report(call, trained, drawn, split, count):
    code, out, error = call("evaluate", trained.id, "--split", split)
    head, report = out.split("\n", 1)
    assert (code, error) == (0, "")
    assert head.startswith(f"{trained.title}: ")
    assert f" right of {count} {split} images (95 %: " in head
    assert report == sklearns_report(trained, drawn, split) + "\n"


def test_evaluate_measures_the_test_images_unless_told_otherwise(call, trained):
    assert call("evaluate", trained.id) == call("evaluate", trained.id, "--split", "test")


@pytest.mark.parametrize(("split", "asked"), [("test", 0), ("validation", 0), ("train", 1)])
def test_evaluate_asks_the_network_at_most_once(call, trained, monkeypatch, split, asked):
    """What the training has kept is not computed at all, and what is computed is kept."""
    count, real_one = [], image_analysis.predict_split
    monkeypatch.setattr(image_analysis, "predict_split", lambda *arguments: (count.append(1), real_one(*arguments)))
    first = call("evaluate", trained.id, "--split", split, "--json")
    assert len(count) == asked
    assert call("evaluate", trained.id, "--split", split, "--json") == first
    assert len(count) == asked
    assert first[0] == 0


def test_evaluate_asks_again_after_the_weights_have_changed(call, trained, drawn):
    before = call("evaluate", trained.id)[1]
    trained.write_weights({name: np.roll(value, 1) for name, value in trained.read_weights().items()})
    after = call("evaluate", trained.id)[1]
    assert after != before
    assert after.endswith(sklearns_report(trained, drawn, "test") + "\n")


def test_evaluate_needs_no_room_in_the_cache(call, trained, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_MAX_CACHE_MB", "0.000001")
    for split in ("train", "test"):
        code, out, error = call("evaluate", trained.id, "--split", split)
        assert (code, error, f"{split} images" in out) == (0, "", True)


def test_evaluate_says_so_when_the_run_learns_more_meanwhile(call, trained, monkeypatch):
    real_one = image_analysis.predict_split

    def predict_and_learn(task, run, split):
        before = run.weights_digest
        real_one(task, run, split)
        run.write_weights({name: value + 1 for name, value in run.read_weights().items()})
        assert run.weights_digest != before

    monkeypatch.setattr(image_analysis, "predict_split", predict_and_learn)
    code, out, error = call("evaluate", trained.id, "--split", "train")
    assert (code, out) == (2, "")
    assert error == f"{trained.title} has learnt more in the meantime: evaluate it again.\n"


@pytest.mark.parametrize(("split", "count"), [("test", 160), ("validation", 64)])
def test_evaluate_measures_what_the_training_measured(call, trained, split, count):
    code, out, _ = call("evaluate", trained.id, "--split", split, "--json")
    values = json.loads(out)
    assert code == 0
    assert set(values) == {"run", "split", "accuracy", "interval", "confusion_matrix", "report"}
    matrix = np.array(values["confusion_matrix"])
    assert (values["run"], values["split"], matrix.shape, matrix.sum()) == (trained.id, split, (10, 10), count)
    assert values["accuracy"] == getattr(trained.status.result, f"{split}_accuracy")
    assert values["accuracy"] == pytest.approx(matrix.trace() / count)
    low, high = values["interval"]
    assert 0 <= low < values["accuracy"] < high <= 1
    assert [row["support"] for row in values["report"]] == matrix.sum(1).tolist()


def test_evaluate_refuses_what_it_cannot_do(call, trained, store, tiny):
    code, _, error = call("evaluate", trained.id, "--split", "training")
    assert (code, error) == (2, "--split is 'training': choose test, validation or train.\n")
    without = store.create(tiny.replace(training={"validation": "none"}))
    without.write_weights(trained.read_weights())
    code, _, error = call("evaluate", without.id, "--split", "validation")
    assert (code, "without validation images" in error) == (2, True)
    code, _, error = call("evaluate", store.create(tiny).id)
    assert (code, "does not exist yet" in error) == (2, True)


def test_evaluate_refuses_weights_of_another_network(call, trained, tiny):
    other = tiny.replace(model=Model(layers=(Conv(filters=4), GlobalAvgPool(), Dense(units=10))))
    (trained.path / "config.json").write_text(other.model_dump_json())
    code, out, error = call("evaluate", trained.id, "--split", "train")  # not kept yet
    assert (code, out) == (2, "")
    assert "does not fit its layer table" in error


@pytest.mark.slow
def test_a_training_for_some_minutes_is_chosen_and_keeps_to_them(call, store, drawn_folder):
    update_speed(store.settings, flops_per_second=4e12, step_seconds=1e-4, worker_mb=500)
    code, out, error = call("train", "--minutes", "0.06", "--set", "threads=1", "--set", "precision=fp32")
    assert code == 0, error
    assert "of held-out images expected" in out
    (run,) = store.own_runs()
    assert run.config.preset in ("quick", "solid", "best")
    assert run.config.training.minutes == 0.06
    assert run.status.result.seconds < 36  # by the speed it was told it would train for minutes, were there no clock


@pytest.mark.slow
def test_minutes_with_a_preset_keep_the_preset(call, store, drawn_folder):
    code, *_ = call("train", "--preset", "lenet-5", "--minutes", "0.03", "--set", "threads=1", "--json")
    (run,) = store.own_runs()
    assert (code, run.config.preset, run.config.training.minutes) == (0, "lenet-5", 0.03)
    assert run.status.state == "finished"


def test_too_few_minutes_are_refused(call, store):
    update_speed(store.settings, flops_per_second=5e11, step_seconds=1e-3, worker_mb=500)
    code, _, error = call("train", "--minutes", "0.0001")
    assert (code, "needs at least" in error) == (2, True)
    assert store.own_runs() == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("train", "--epochs", "0"), "epochs"),
        (("train", "--epochs", "-1"), "epochs"),
        (("train", "--epochs", "nan"), "epochs"),
        (("train", "--epochs", "inf"), "epochs"),
        (("train", "--epochs", "x"), "epochs"),
        (("train", "--batch-size", "0"), "batch_size"),
        (("train", "--batch-size", "-3"), "batch_size"),
        (("train", "--batch-size", "1.5"), "batch-size"),
        (("train", "--learning-rate", "0"), "learning_rate"),
        (("train", "--learning-rate", "-0.1"), "learning_rate"),
        (("train", "--seed", "-1"), "seed"),
        (("train", "--seed", "1.5"), "seed"),
        (("train", "--seed", "99999999999999999999"), "seed"),
        (("train", "--preset", "nothing"), "nothing"),
        (("train", "--set", "epochs"), "name=value"),
        (("train", "--set", "colour=blue"), "colour"),
        (("train", "--set", "epochs.x=1"), "epochs"),
        (("train", "--set", "optimizer.x=1"), "optimizer"),
        (("train", "--set", "augmentation.shift=99"), "augmentation.shift"),
        (("train", "--set", "epochs=" + "[" * 100_000), "epochs"),
        (("train", "--set", "device=tpu"), "device"),
        (("train", "--config", "no-such-file.json"), "no-such-file.json"),
        (("train", "--config", "."), "--config"),
        (("train", "--colour", "blue"), "--colour"),
        (("train", "--resume", "nothing"), "nothing"),
        (("paint",), "paint"),
        (("show",), "RUN"),
        *(((command, name), "There is no run") for command in ("show", "evaluate", "delete") for name in ("x", "../x")),
        (("ship", "x", "y"), "There is no run"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_ends_with_two(call, store, drawn_folder, arguments, word):
    code, out, error = call(*arguments)
    assert (code, out) == (2, "")
    assert error.count("\n") == 1
    assert word in error
    assert store.own_runs() == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "[" * 100_000, '{"model": {"layers": [{"kind": "flatten"}]}}']
)
def test_a_config_file_that_cannot_be_used_is_one_line(call, store, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    code, out, error = call("train", "--config", path)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert store.own_runs() == []


def test_a_bad_environment_is_one_line(call, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_MAX_RUNS", "many")
    code, _, error = call("runs")
    assert (code, error.count("\n")) == (2, 1)
    assert "FMEXPLORE_MAX_RUNS is 'many'" in error


def test_no_command_shows_the_help(call):
    code, out, _ = call()
    assert code == 2
    assert "evaluate" in out
    assert call("--help")[0] == 0


def test_completion_is_for_the_command_however_it_is_asked_for():
    """Shells complete one word, so not `python -m fmexplore`."""
    command = [sys.executable, "-m", "fmexplore", "--show-completion", "bash"]
    # Else typer looks for the shell that it was started from, which need not be one that it knows.
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    pipes = {"capture_output": True, "text": True, "cwd": PROJECT, "env": environment}
    script = subprocess.run(command, check=True, timeout=60, **pipes).stdout
    assert "_FMEXPLORE_COMPLETE=complete_bash" in script
    assert script.strip().endswith(" fmexplore")


@pytest.mark.slow
@pytest.mark.real
def test_ctrl_c_saves_the_run_and_resume_finishes_it(real, home):
    command = [sys.executable, "-m", "fmexplore", "train", "--json"]
    settings = ["threads=1", "precision=fp32", "snapshots=3", "early_stopping=null"]
    arguments = ["--preset", "team4-ann", "--epochs", "0.5", *(part for text in settings for part in ("--set", text))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": PROJECT}
    process = subprocess.Popen([*command, *arguments], **pipes)
    first = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    *rest, last = map(json.loads, out.splitlines())
    [run] = RunStore(Settings(home=home)).own_runs()
    assert process.returncode == 1
    assert run.status.state == "interrupted"
    assert error == f"Go on with: python -m fmexplore train --resume {run.id}\n"
    assert (last["run"], last["test_accuracy"]) == (run.id, None)
    assert first + rest == run.read_metrics()

    done = subprocess.run([*command, "--resume", run.id], capture_output=True, text=True, cwd=PROJECT, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    *more, last = map(json.loads, done.stdout.splitlines())
    assert run.status.state == "finished"
    assert last["test_accuracy"] > 0.5
    assert run.read_metrics() == first + rest + more
