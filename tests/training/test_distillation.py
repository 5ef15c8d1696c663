"""Soft targets: what networks say of varied images, and the command that trains on them."""

import functools
import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fmexplore.cli import app
from fmexplore.cli import training as training_commands
from fmexplore.jobs.job import Job
from fmexplore.jobs.worker import run_job
from fmexplore.models.networks import build, to_input
from fmexplore.runs.status import own_process
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings
from fmexplore.training.config import Augmentation
from fmexplore.training.distillation import draw_soft_targets

pytestmark = pytest.mark.slow

PLAIN = Augmentation()


@pytest.fixture
def networks(tiny):
    return [build(tiny.model, seed).eval() for seed in (0, 1)]


def said(network, images):
    with torch.inference_mode():
        return network(to_input(torch.tensor(images.copy()))).softmax(1).numpy()


def test_targets_are_the_mean_over_teachers_and_mirror_images(networks, drawn):
    drawn_targets = draw_soft_targets(networks, drawn.test.images, 1, PLAIN)
    wanted = np.mean(
        [said(n, each) for n in networks for each in (drawn_targets.images, drawn_targets.images[:, :, ::-1])], axis=0
    )
    assert np.abs(drawn_targets.targets - wanted).max() < 1e-5
    assert drawn_targets.targets.sum(1) == pytest.approx(1, abs=1e-5)
    assert (drawn_targets.labels == wanted.argmax(1)).all()


def test_each_image_comes_as_often_as_was_asked(networks, drawn):
    drawn_targets = draw_soft_targets(networks, drawn.test.images, 3, PLAIN)
    assert len(drawn_targets) == 3 * len(drawn.test)
    for place in range(3):
        part = drawn_targets.images[place * len(drawn.test) : (place + 1) * len(drawn.test)]
        assert sorted(map(bytes, part)) == sorted(map(bytes, drawn.test.images))


def test_the_teachers_are_asked_about_the_varied_images(networks, drawn):
    how = Augmentation(erasing=1, cutmix=1)
    drawn_targets = draw_soft_targets(networks[:1], drawn.test.images, 1, how)
    assert not {*map(bytes, drawn_targets.images)} & {*map(bytes, drawn.test.images)}
    wanted = (said(networks[0], drawn_targets.images) + said(networks[0], drawn_targets.images[:, :, ::-1])) / 2
    assert np.abs(drawn_targets.targets - wanted).max() < 1e-5


def test_the_same_seed_draws_the_same_images_and_another_one_others(networks, drawn):
    how = Augmentation(flip="random", erasing=0.5)
    first, same, other = (draw_soft_targets(networks, drawn.test.images, 2, how, seed).images for seed in (0, 0, 1))
    assert (first == same).all()
    assert (first != other).any()


@pytest.fixture
def home_with_teachers(home, tmp_path, drawn_folder, tiny, monkeypatch):
    """Two finished runs of the drawn data set, and the store that the command uses."""
    store = RunStore(Settings(home=home), tmp_path / "shipped")
    monkeypatch.setattr(training_commands, "RunStore", functools.partial(RunStore, shipped=tmp_path / "shipped"))
    for seed in (0, 1):
        run = store.create(tiny.replace(training=tiny.training.replace(seed=seed)), state="running", **own_process())
        run_job(Job(run.path, store.settings))
        assert run.status.state == "finished"
    return store


def distill(*arguments):
    return CliRunner().invoke(app.app, ["distill", *arguments])


def test_a_pupil_begins_where_the_first_teacher_stands_and_is_kept_as_a_run(home_with_teachers):
    first, second = (run.id for run in home_with_teachers.own_runs())
    settings = ("--epochs", "0.2", "--times", "1", "--set", "optimizer=sgd", "--set", "learning_rate=1e-9", "--json")
    done = distill(first, second, *settings, "--set", "threads=1", "--set", "precision=fp32")
    assert done.exit_code == 0, done.output
    last = json.loads(done.stdout.splitlines()[-1])
    pupil = home_with_teachers.get(last["run"])
    assert pupil.status.task == "distill"
    assert pupil.status.state == "finished"
    assert pupil.config.training.validation_share == 0.1
    before, after = home_with_teachers.get(first).read_weights(), pupil.read_weights()
    learnt = [name for name in before if name.endswith("weight")]
    assert all(np.abs(before[name] - after[name]).max() < 1e-5 for name in learnt)


def test_a_pupil_learns_from_one_image_more_for_each_variant(home_with_teachers, drawn):
    first, second = (run.id for run in home_with_teachers.own_runs())
    done = distill(first, second, "--epochs", "1", "--times", "2", "--set", "batch_size=64", "--set", "threads=1")
    assert done.exit_code == 0, done.output
    pupil = next(run for run in home_with_teachers.own_runs() if run.status.task == "distill")
    lines = [json.loads(line) for line in (pupil.path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["steps"] == pytest.approx(3 * 0.9 * len(drawn.train) / 64, abs=1)


def test_a_student_that_was_paused_goes_on_with_the_same_soft_targets(home_with_teachers):
    first, second = (run.id for run in home_with_teachers.own_runs())
    parent = home_with_teachers.get(first)
    training = parent.config.training.replace(epochs=1, batch_size=64)
    pupil = home_with_teachers.create(parent.config.replace(training=training), state="paused", task="distill")
    pupil.write_weights(parent.read_weights())
    done = distill(first, second, "--times", "1", "--resume", pupil.id)
    assert done.exit_code == 0, done.output
    assert pupil.status.state == "finished"
    assert pupil.status.result.validation_accuracy is not None


def test_teachers_that_have_learnt_from_the_validation_images_are_refused(home_with_teachers, tiny):
    other = home_with_teachers.create(
        tiny.replace(training=tiny.training.replace(validation_share=0.2)), state="finished"
    )
    first = next(run.id for run in home_with_teachers.own_runs() if run.id != other.id)
    message = str(distill(first, other.id).exception)
    assert "20% of the training images for validation" in message
    assert "must not have learnt from them" in message


def test_a_worker_without_the_soft_targets_says_how_to_go_on(home_with_teachers, tiny):
    run = home_with_teachers.create(tiny, state="running", task="distill", **own_process())
    run_job(Job(run.path, home_with_teachers.settings))
    assert run.status.state == "failed"
    assert "distill RUN… --resume" in run.status.error
