"""The shipped runs: each loads, is as accurate as its card says, brings all that its pages show, and is small."""

import numpy as np
import pytest
import torch

from fmexplore.cli.training import DISTILLING
from fmexplore.data.fashion_mnist import Split
from fmexplore.embeddings.projection import STANDARD
from fmexplore.evaluation.predictions import predict
from fmexplore.models.networks import build
from fmexplore.robustness.sheet import CLEAN, Row, compare_sheets
from fmexplore.runs.derived import FOLDER, Derived
from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import SHIPPED, Settings
from fmexplore.training.hardening import train_against
from fmexplore.training.presets import find_preset

MOST_MB, SMALL_MB, BARE_MB = 20, 9, 3
HARDENED, GROWN = "quick-against-mirror", "lenet-5"
BARE = (HARDENED, GROWN)  # their maps and neighbours are computed when they are first looked at
WITH_SHEET = ("photo", "quick", "solid", *BARE)  # of the others the sheet is computed when it is first looked at
pytestmark = pytest.mark.real


def shipped() -> list[Run]:
    return RunStore(Settings()).shipped_runs()


@pytest.fixture(params=shipped(), ids=lambda run: run.id)
def run(request) -> Run:
    return request.param


def test_there_are_some():
    assert {run.id for run in shipped()} == {"best", "photo", "quick", "solid", *BARE}


@pytest.mark.slow
def test_its_network_is_as_accurate_as_its_card_says(run, real):
    """What is kept of all test images is that accurate, and is what the network says of every tenth."""
    kept = Derived(run, Settings()).read_predictions("test", real)
    assert kept.accuracy == pytest.approx(run.status.result.test_accuracy, abs=2e-4)  # other CPUs round otherwise
    network = build(run.config.model)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in run.read_weights().items()})
    found = predict(network, Split(real.test.images[::10], real.test.labels[::10]))
    assert np.abs(found.logits - kept.logits[::10]).max() < 0.02


def test_it_was_trained_as_its_preset_says(run):
    if run.id in ("quick", "solid", GROWN):
        assert run.config == find_preset(run.id).config
        return
    if run.id == HARDENED:
        assert run.hardening.parent == "quick"
        before = find_preset("quick").config
        assert run.config == before.replace(training=train_against(before.training, run.hardening.change))
        return
    assert run.config.model == find_preset("best").model
    if run.id == "best":  # taught by two runs of its preset
        taught = DISTILLING.replace(validation_share=find_preset("best").training.validation_share)
        assert run.config.training == taught
        assert run.status.task == "distill"
    else:
        assert run.photo_fit.photos
        assert run.photo_fit.source


def test_it_brings_all_that_its_pages_show(run, real, tmp_path):
    files = Derived(run, Settings(home=tmp_path))
    assert all(files.read_predictions(split, real) for split in ("test", "validation"))
    if run.id in BARE:
        return
    assert files.read_index(real)
    assert all(files.read_projection("last", "test", config) is not None for config in STANDARD)
    assert files.read_features("last", "test")
    if run.id != "photo":
        assert files.read_predictions("train", real)
        assert all(files.read_course(config) is not None for config in STANDARD)


@pytest.mark.parametrize("run", [run for run in shipped() if run.id in WITH_SHEET], ids=lambda run: run.id)
def test_it_brings_its_answers_to_changed_images(run, real, tmp_path):
    sheet = Derived(run, Settings(home=tmp_path)).read_sheet("test", real)
    assert sheet.whole
    kept = Derived(run, Settings(home=tmp_path)).read_predictions("test", real)
    assert (sheet.answered(CLEAN)[1] != kept.predicted).sum() <= 2, "other CPUs round otherwise"


def test_training_against_a_change_gained_on_it_and_cost_little(real, tmp_path):
    """What the view of Robustness shows at once, on the shipped pair."""
    files = [Derived(Run(SHIPPED / name), Settings(home=tmp_path)) for name in ("quick", HARDENED)]
    first, second = (each.read_sheet("test", real) for each in files)
    row = Row(files[1].run.hardening.change, 1)
    found = compare_sheets(first, second, (CLEAN, row))
    assert found[row].significant
    assert found[row].gain > 0.2
    assert found[CLEAN].gain > -0.01


def test_the_way_of_one_image_can_be_followed_through_its_snapshots():
    run = Run(SHIPPED / GROWN)
    first, *_, last = (run.read_snapshot_weights(step)["layers.0.weight"] for step in run.snapshot_weights_steps())
    assert len(run.snapshot_weights_steps()) == 12
    assert np.abs(first - last).mean() > 0.1 * np.abs(first).mean(), "its filters become something"


def test_every_map_that_it_brings_is_found_under_the_present_versions(run):
    if run.id in BARE:
        return
    stems = {path.stem for path in (run.path / FOLDER).iterdir() if path.stem.startswith(("map-", "course-"))}
    keys = [config.key() for config in STANDARD]
    assert stems >= {f"map-last-test-{key}" for key in keys}
    assert stems <= {f"map-last-test-{key}" for key in keys} | {f"course-{key}" for key in keys}


def test_it_is_small(run):
    most = BARE_MB if run.id in BARE else SMALL_MB if run.id == "photo" else MOST_MB
    assert sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) < most * 1e6
