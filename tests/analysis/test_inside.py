"""What the analyst can do inside a network, in this process and on the drawn data set."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from fmexplore.analysis import inside, server
from fmexplore.analysis.task import Cancelled, NullProgress
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.inside.ablation import measure_without
from fmexplore.inside.attributions import METHODS, Target, attribute
from fmexplore.inside.channels import find_responses
from fmexplore.inside.graph import graph_of
from fmexplore.inside.sums import sum_behind
from fmexplore.models import networks
from fmexplore.runs.run import Run
from fmexplore.settings import PROJECT
from fmexplore.training.progress import Snapshot

pytestmark = pytest.mark.usefixtures("drawn_folder")
TASK = NullProgress()


def arrays_of(config, seed: int) -> dict[str, np.ndarray]:
    state = networks.build(config.model, seed).state_dict()
    return {name: value.numpy().copy(order="C") for name, value in state.items()}


@pytest.fixture
def run(store, tiny) -> Run:
    run = store.create(tiny, state="finished", ended=1.0)
    run.write_weights(arrays_of(tiny, 3))
    return run


@pytest.fixture
def image(drawn) -> np.ndarray:
    return drawn.test.images[4]


def test_the_maps_and_the_sum_behind_a_value_are_those_of_the_runs_network(run, image):
    maps = inside.trace_image(TASK, run, image)
    assert list(maps) == list(graph_of(run.config.model).steps)
    wanted = inside.passes_of(run).trace(image)
    assert all(np.array_equal(maps[name], wanted.values[name]) for name in maps)
    found = inside.explain_value(TASK, run, image, "4", 2, 3, 6)
    assert found.total == sum_behind(wanted, "4", 2, 3, 6).total == pytest.approx(float(maps["4"][2, 3, 6]), abs=1e-5)
    assert np.array_equal(inside.trace_image(TASK, run, image / 255)["4"].shape, maps["4"].shape)
    assert inside.read_kernels(TASK, run, "4").shape == (16, 8, 3, 3)
    with pytest.raises(ConfigError, match=r"image has the shape \(2, 28\): give one of 28 x 28 pixels"):
        inside.trace_image(TASK, run, image[:2])


def test_after_it_has_learnt_more_the_maps_are_new_ones(run, image, tiny):
    before = inside.trace_image(TASK, run, image)
    run.write_weights(arrays_of(tiny, 4))
    assert not np.allclose(before["4"], inside.trace_image(TASK, run, image)["4"])


def test_at_a_snapshot_the_maps_are_those_of_its_weights(run, image, tiny, store):
    half = {n: v.astype(np.float16) if v.dtype == np.float32 else v for n, v in arrays_of(tiny, 9).items()}
    few, labels = np.zeros((1, 10), np.float16), np.zeros(1, np.uint8)
    run.write_snapshot(Snapshot(7, 0.1, "", few, labels, few, half))
    then, now = inside.trace_image(TASK, run, image, moment=7), inside.trace_image(TASK, run, image)
    other = store.create(tiny, state="finished", ended=1.0)
    other.write_weights(arrays_of(tiny, 9))
    wanted = inside.trace_image(TASK, other, image)
    assert np.allclose(then["4"], wanted["4"], atol=5e-3)
    assert not np.allclose(then["4"], now["4"], atol=5e-3)
    assert inside.explain_value(TASK, run, image, "4", 0, 0, 0, moment=7).value == then["4"][0, 0, 0]
    with pytest.raises(ConfigError, match="has no weights of step 8: choose one of the steps 7"):
        inside.trace_image(TASK, run, image, moment=8)
    with pytest.raises(ConfigError, match="has no weights of step 7: only runs trained from now on do"):
        inside.trace_image(TASK, other, image, moment=7)


def test_a_snapshot_that_gives_no_numbers_has_no_answers(run, image, tiny):
    broken = {n: np.full_like(v, np.nan) for n, v in arrays_of(tiny, 9).items()}
    few = np.zeros((1, 10), np.float16)
    run.write_snapshot(Snapshot(7, 0.1, "", few, np.zeros(1, np.uint8), few, broken))
    with pytest.raises(NoAnswers):
        inside.trace_image(TASK, run, image, moment=7)


def test_what_excites_channels_is_kept_and_its_patches_come_of_those_asked_for(run, drawn, derived, monkeypatch):
    with pytest.raises(ConfigError, match="not known yet: ask for that first"):
        inside.cut_patches(TASK, run, "4", "test", (0, 3))
    found = inside.respond_channels(TASK, run, "4", "test")
    wanted = find_responses(inside.passes_of(run), "4", drawn.test)
    assert all(np.array_equal(value, wanted.to_arrays()[name]) for name, value in found.to_arrays().items())
    monkeypatch.setattr(inside, "find_responses", None)  # from now on it is read
    again = inside.respond_channels(TASK, run, "4", "test")
    assert np.array_equal(again.numbers, found.numbers)
    assert inside.cut_patches(TASK, run, "4", "test", (4, 15)).shape[:2] == (2, 9)
    with pytest.raises(ConfigError, match=r"channel is 16, and layer 4 .* has 0 to 15"):
        inside.cut_patches(TASK, run, "4", "test", (4, 16))


def test_what_nobody_wants_any_more_is_given_up_and_leaves_nothing(run, derived, image):
    class Cancelling(NullProgress):
        def report(self, share: float, message: str = "", partial: object = None) -> None:
            raise Cancelled

    for ask in (
        lambda task: inside.respond_channels(task, run, "4", "test"),
        lambda task: inside.switch_off(task, run, "4", 1),
        lambda task: inside.rank_for_class(task, run, "4", 1),
        lambda task: inside.attribute_image(task, run, image, "occlusion", 1),
    ):
        with pytest.raises(Cancelled):
            ask(Cancelling())
    assert derived.paths() == []


def test_a_channel_is_switched_off_on_validation_images_and_rankings_are_kept(run, drawn, monkeypatch):
    images = drawn.select("validation", run.config.training.split_config)
    [wanted] = measure_without(inside.passes_of(run), "4", [3], images)
    found = inside.switch_off(TASK, run, "4", 3)
    assert found.right.tolist() == wanted.right.tolist()
    assert found.images.sum() == len(images) == 64
    ranking = inside.rank_for_class(TASK, run, "4", 2)
    assert len(ranking.measured) == 16
    monkeypatch.setattr(inside, "rank_channels", None)  # from now on it is read
    again = inside.rank_for_class(TASK, run, "4", 2)
    assert pickle.dumps(again.to_arrays()) == pickle.dumps(ranking.to_arrays())
    assert again.measured[3].interval(2) == ranking.measured[3].interval(2)


def test_cues_are_kept_and_come_back_whole(run, drawn, tiny, monkeypatch):
    weights = arrays_of(tiny, 3)
    weights["layers.5.bias"][7] += 100  # everything is a 7
    run.write_weights(weights)
    with pytest.raises(ConfigError, match="is recognised, so they have no cues"):
        inside.find_class_cues(TASK, run, 8)
    found = inside.find_class_cues(TASK, run, 7)
    images = drawn.select("validation", run.config.training.split_config)
    assert found.images == (images.labels == 7).sum()
    assert (found.layer, len(found.ranking.measured), found.worst) == ("4", 5, 0)
    monkeypatch.setattr(inside, "find_cues", None)  # from now on they are read
    again = inside.find_class_cues(TASK, run, 7)
    assert again.sentence == found.sentence
    assert pickle.dumps(again.to_arrays()) == pickle.dumps(found.to_arrays())
    assert (again.layer, again.target, again.place) == (found.layer, found.target, found.place)


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: inside.find_class_cues(TASK, run, 0),
        lambda run: inside.respond_channels(TASK, run, "4", "test"),
        lambda run: inside.switch_off(TASK, run, "4", 0),
        lambda run: inside.rank_for_class(TASK, run, "4", 0),
    ],
)
def test_a_network_whose_outputs_are_infinite_has_neither_cues_nor_channels(run, tiny, ask):
    run.write_weights({n: np.full_like(v, 3e38) if v.ndim == 4 else v for n, v in arrays_of(tiny, 3).items()})
    with pytest.raises(NoAnswers):
        ask(run)


def test_a_run_without_validation_images_says_how_to_get_some(store, tiny):
    run = store.create(tiny.replace(training={"validation": "none"}), state="finished", ended=1.0)
    run.write_weights(arrays_of(tiny, 3))
    for ask in (
        lambda: inside.switch_off(TASK, run, "4", 0),
        lambda: inside.rank_for_class(TASK, run, "4", 0),
        lambda: inside.find_class_cues(TASK, run, 0),
    ):
        with pytest.raises(ConfigError, match="without validation images, on which this is measured: train it again"):
            ask()


@pytest.mark.parametrize("method", METHODS)
def test_an_attribution_is_that_of_the_runs_network_and_can_be_checked(run, image, method):
    found = inside.attribute_image(TASK, run, image, method, 4, 2, patch=9, stride=9)
    network = inside.passes_of(run).network
    if method != "occlusion":
        assert np.allclose(found.heat, attribute(network, image, Target(4, 2), method).heat, atol=1e-6)
    checks = inside.check_image(TASK, run, image, found, patch=9, stride=9)
    assert checks.scrambled.shape == (28, 28)
    assert checks.deletion.curve.shape == (29,)
    assert not any(module._forward_hooks for module in network.modules())


def test_every_analysis_goes_by_its_name_and_those_behind_a_finger_are_quick():
    assert server.ANALYSES.keys() >= inside.ANALYSES.keys() >= inside.QUICK
    assert all(server.ANALYSES[name] is function for name, function in inside.ANALYSES.items())
    assert server.QUICK >= inside.QUICK


def test_answers_are_read_by_a_server_without_torch(run, image):
    """They are pickled: a class of a module that imports torch would bring it into the server."""
    answers = [
        inside.trace_image(TASK, run, image),
        inside.explain_value(TASK, run, image, "4", 0),
        inside.respond_channels(TASK, run, "4", "test"),
        inside.switch_off(TASK, run, "4", 0),
        inside.rank_for_class(TASK, run, "4", 0),
        found := inside.attribute_image(TASK, run, image, "gradient", 1),
        inside.check_image(TASK, run, image, found),
    ]
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(answers), cwd=PROJECT, check=False)
    assert done.returncode == 0
