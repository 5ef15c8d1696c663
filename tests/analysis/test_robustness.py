"""The analyst's work on changed images: kept as it comes, gone on with, and never taken for another network's."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from fmexplore.analysis import robustness
from fmexplore.analysis.images import data_set, derived_of
from fmexplore.analysis.robustness import measure_robustness, robustness_sheet
from fmexplore.analysis.task import Cancelled, NullProgress
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.evaluation.predictions import predict
from fmexplore.models import networks
from fmexplore.robustness.changes import change_images
from fmexplore.robustness.sheet import CLEAN, ROWS, Row, rows_of
from fmexplore.settings import PROJECT

ADDED = """
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
fashion_mnist.FILES = {files!r}
"""
KILLED = """
import os, signal
from pathlib import Path
from fmexplore.analysis import robustness
from fmexplore.runs.run import Run

class Killer:
    reports = 0

    def report(self, share, message, partial):
        self.reports += 1
        if self.reports == 6:
            os.kill(os.getpid(), signal.SIGKILL)

robustness.KEEP_SECONDS = 0
robustness.measure_robustness(Killer(), Run(Path({run!r})), "test")
"""
pytestmark = pytest.mark.usefixtures("drawn_folder")
MIRROR = Row("mirror", 1)


class Follower(NullProgress):
    """Keeps what it is told; cancels at its `end`th report."""

    def __init__(self, end: int = 0) -> None:
        self.shares, self.messages, self.counts, self.end = [], [], [], end

    def report(self, share, message="", partial=None) -> None:
        self.shares.append(share)
        self.messages.append(message)
        self.counts.append(partial["counts"].copy())
        if len(self.shares) == self.end:
            raise Cancelled


@pytest.fixture
def run(store, tiny):
    made = store.create(tiny, state="finished")
    give_weights(made, 3)
    return made


def give_weights(run, seed: int, value: float | None = None):
    network = networks.build(run.config.model, seed).eval()
    if value is not None:
        for each in list(network.parameters())[-4:]:
            each.data.fill_(value)
    run.write_weights({name: np.ascontiguousarray(each.numpy()) for name, each in network.state_dict().items()})
    return network


def test_a_sheet_is_what_the_network_says_and_is_kept(run, drawn):
    network, task = networks.build(run.config.model, 3).eval(), Follower()
    measure_robustness(task, run, "test")
    kept = derived_of(run).read_sheet("test", data_set())
    assert kept.whole
    assert task.shares == sorted(task.shares)
    assert task.shares[-1] == 1
    assert "noise, severity 5" in " ".join(task.messages)
    assert np.array_equal(kept.answered(CLEAN)[1], predict(network, drawn.test).predicted)
    changed = change_images(drawn.test.images, np.arange(640, 800), "noise", 4)
    with torch.inference_mode():
        said = network(networks.to_input(torch.tensor(changed))).argmax(1).numpy()
    assert np.array_equal(kept.answered(Row("noise", 4))[1], said)


def test_validation_images_are_changed_by_their_own_ids(run, drawn):
    sheet = robustness_sheet(NullProgress(), run, "validation", [Row("occlude", 5)])
    located = drawn.locate("validation", run.config.training.split_config)
    changed = change_images(drawn.train.images[located.numbers], located.numbers, "occlude", 5)
    network = networks.build(run.config.model, 3).eval()
    with torch.inference_mode():
        said = network(networks.to_input(torch.tensor(changed))).argmax(1).numpy()
    assert np.array_equal(sheet.answered(Row("occlude", 5))[1], said)


def test_what_was_cancelled_is_kept_and_gone_on_with(run, monkeypatch):
    with pytest.raises(Cancelled):
        measure_robustness(Follower(end=20), run, "test")
    kept = derived_of(run).read_sheet("test", data_set())
    assert (kept.counts > 0).sum() == 20
    asked = []
    one_by_one = robustness.predict_batches
    monkeypatch.setattr(
        robustness, "predict_batches", lambda network, images: asked.append(len(images)) or one_by_one(network, images)
    )
    measure_robustness(NullProgress(), run, "test")
    assert sum(asked) == 160 * (len(ROWS) - 20)
    measure_robustness(NullProgress(), run, "test")
    assert sum(asked) == 160 * (len(ROWS) - 20), "a whole one is not asked for again"


def test_a_killed_one_leaves_what_it_had_kept_and_asking_again_goes_on(run, added, monkeypatch):
    path = os.pathsep.join((str(added), str(PROJECT)))
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(run=str(run.path))],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = derived_of(run).read_sheet("test", data_set())
    assert kept.counts.sum() == 5 * 160
    asked, one_by_one = [], robustness.predict_batches
    monkeypatch.setattr(
        robustness, "predict_batches", lambda network, images: asked.append(len(images)) or one_by_one(network, images)
    )
    measure_robustness(NullProgress(), run, "test")
    assert sum(asked) == 160 * (len(ROWS) - 5)


def test_other_weights_and_other_images_are_not_taken_for_these(run, drawn, monkeypatch):
    robustness_sheet(NullProgress(), run, "test", [MIRROR])
    derived = derived_of(run)
    assert derived.read_sheet("test", drawn) is not None
    other = type(drawn)(drawn.train, drawn.train.take(np.arange(160)))
    assert derived.read_sheet("test", other) is None
    assert derived.read_sheet("validation", drawn) is None
    give_weights(run, 4)
    assert derived_of(run).read_sheet("test", drawn) is None


def test_some_rows_of_some_images_are_asked_for_alone(run):
    sheet = robustness_sheet(NullProgress(), run, "test", rows_of(["mirror", "blur"]), most=30)
    assert sorted(set(sheet.counts)) == [0, 30]
    assert (sheet.counts == 30).sum() == 6


def test_the_time_left_follows_from_the_time_taken():
    assert robustness._words(CLEAN, 0.001, 0.001, 0) == "Changed images: unchanged images"
    words = robustness._words(Row("blur", 2), 0.25, 0.05, 40)
    assert words == "Changed images: blur, severity 2, about 2 min left"
    assert robustness._words(Row("blur", 2), 0.75, 0.25, 40).endswith("about 20 s left")


def test_a_network_without_numbers_says_so(run):
    give_weights(run, 3, value=3e38)
    with pytest.raises(NoAnswers, match="no usable answers"):
        measure_robustness(NullProgress(), run, "test")
    assert derived_of(run).read_sheet("test", data_set()) is None


def test_a_run_without_validation_images_is_asked_about_test_images(store, tiny):
    run = store.create(tiny.replace(training=tiny.training.replace(validation="none")), state="finished")
    give_weights(run, 3)
    with pytest.raises(ConfigError, match="without validation images"):
        measure_robustness(NullProgress(), run, "validation")
