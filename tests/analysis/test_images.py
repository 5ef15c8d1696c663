"""What the analyst can do, in this process and on the drawn data set."""

import threading

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis import server
from fmexplore.analysis.images import (
    ANALYSES,
    QUICK,
    explain,
    find_label_errors,
    index_images,
    pair_near_duplicates,
    predict_images,
    predict_split,
    time_network,
    warm,
)
from fmexplore.analysis.task import Cancelled, NullProgress
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.errors import ConfigError, DataError, RunBroken
from fmexplore.evaluation.gradcam import grad_cam
from fmexplore.evaluation.label_issues import find_near_duplicates, likely_label_errors
from fmexplore.evaluation.predictions import BATCH, predict
from fmexplore.models import networks
from fmexplore.models.networks import Network
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run

pytestmark = pytest.mark.usefixtures("drawn_folder")


class Follower:
    """A task that keeps what it is told, and acts at its first report."""

    def __init__(self, act=lambda: None) -> None:
        self.shares, self.messages, self.act = [], [], act

    def report(self, share: float, message: str = "") -> None:
        if not self.shares:
            self.act()
        self.shares.append(share)
        self.messages.append(message)


def cancel() -> None:
    raise Cancelled


def network_for(config, seed: int = 3) -> Network:
    return networks.build(config.model, seed).eval()


def give_weights(run: Run, seed: int) -> None:
    weights = network_for(run.config, seed).state_dict()
    run.write_weights({name: value.numpy().copy(order="C") for name, value in weights.items()})


@pytest.fixture
def run(store, tiny) -> Run:
    """A run with the weights of `network_for(config)`."""
    run = store.create(tiny, state="finished", ended=1.0)
    give_weights(run, 3)
    return run


def select(run: Run, drawn: DataSet, split: str):
    return drawn.select(split, run.config.training.split_config)


# Predictions.


@pytest.mark.parametrize(("split", "count"), [("test", 160), ("validation", 64), ("train", 576)])
def test_the_predictions_kept_for_a_split_are_those_of_the_runs_network(run, derived, drawn, split, count):
    assert predict_split(NullProgress(), run, split) is None
    found, wanted = derived.read_predictions(split, drawn), predict(network_for(run.config), select(run, drawn, split))
    assert found is not None
    assert np.allclose(found.logits, wanted.logits, atol=1e-5)
    assert np.array_equal(found.labels, wanted.labels)
    assert len(found) == count


def test_predicting_tells_how_far_it_is(run, monkeypatch):
    monkeypatch.setattr("fmexplore.evaluation.predictions.BATCH", 500)
    follower = Follower()
    predict_split(follower, run, "train")
    assert follower.shares == [500 / 576, 1]
    assert set(follower.messages) == {"Running the network on 576 images"}


def test_how_long_a_network_takes_is_kept_for_this_machine(run, derived, monkeypatch):
    follower = Follower()
    time_network(follower, run)
    found = derived.read_latency()
    assert found is not None
    middle, low, high = found.of_one()
    assert 0 < low <= middle <= high < 1
    assert len(found.batches) == 160 // BATCH
    assert found.of_many(2 * BATCH)[0] == pytest.approx(2 * found.of_many(BATCH)[0])
    assert set(follower.messages) == {f"Timing {run.title}"}
    monkeypatch.setattr("fmexplore.runs.derived.processor", lambda: "another one")
    assert derived.read_latency() is None, "a home that moves to another machine has no times there"


def test_times_are_those_of_the_weights_that_were_timed(run, derived):
    time_network(Follower(lambda: give_weights(run, 4)), run)
    assert derived.read_latency() is None


def test_new_weights_are_asked_and_not_the_network_of_before(run, derived, drawn):
    predict_split(NullProgress(), run, "test")
    before = derived.read_predictions("test", drawn)
    give_weights(run, 4)
    assert derived.read_predictions("test", drawn) is None
    predict_split(NullProgress(), run, "test")
    after = derived.read_predictions("test", drawn)
    assert np.allclose(after.logits, predict(network_for(run.config, 4), drawn.test).logits, atol=1e-5)
    assert not np.allclose(after.logits, before.logits, atol=1e-2)


@pytest.mark.parametrize("analysis", [lambda task, run: predict_split(task, run, "train"), index_images])
def test_what_a_run_was_asked_before_it_learnt_more_is_not_kept_as_of_the_new_weights(run, derived, drawn, analysis):
    analysis(Follower(lambda: give_weights(run, 4)), run)
    assert derived.read_predictions("train", drawn) is None
    assert derived.read_index(drawn) is None
    give_weights(run, 3)
    found = derived.read_predictions("train", drawn)
    assert np.allclose(found.logits, predict(network_for(run.config), select(run, drawn, "train")).logits, atol=1e-5)


@pytest.mark.parametrize("analysis", [lambda task, run: predict_split(task, run, "test"), index_images, time_network])
def test_what_nobody_wants_any_more_is_given_up_and_leaves_nothing(run, derived, analysis):
    with pytest.raises(Cancelled):
        analysis(Follower(cancel), run)
    assert derived.paths() == []


def test_a_run_without_validation_images_has_none_to_predict(store, tiny):
    run = store.create(tiny.replace(training={"validation": "none"}))
    give_weights(run, 3)
    with pytest.raises(ConfigError, match="without validation images: choose the test images"):
        predict_split(NullProgress(), run, "validation")


def test_a_run_that_peeked_has_its_validation_images_in_the_test_set(store, tiny, drawn):
    run = store.create(tiny.replace(training={"validation": "test"}))
    give_weights(run, 3)
    predict_split(NullProgress(), run, "validation")
    found = Derived(run, store.settings).read_predictions("validation", drawn)
    assert np.array_equal(found.labels, drawn.test.labels)


def test_a_run_without_weights_says_so(store, tiny):
    with pytest.raises(RunBroken, match="does not exist yet"):
        predict_split(NullProgress(), store.create(tiny), "test")


def test_a_missing_data_set_is_told_each_time_and_found_when_it_is_there(run, drawn_folder, derived, drawn):
    path = drawn_folder / "t10k-labels-idx1-ubyte.gz"
    content = path.read_bytes()
    path.unlink()
    for _ in range(2):
        with pytest.raises(DataError, match="is missing"):
            predict_split(NullProgress(), run, "test")
    path.write_bytes(content)
    predict_split(NullProgress(), run, "test")
    assert derived.read_predictions("test", drawn) is not None


# A few images.


def test_looking_at_images_gives_their_logits_and_features(run, drawn):
    images = drawn.test.images[5:9]
    logits, features = predict_images(NullProgress(), run, images)
    with torch.no_grad():
        wanted = network_for(run.config).logits_and_features(networks.to_input(torch.tensor(images)))
    assert np.allclose(logits, wanted[0].numpy(), atol=1e-5)
    assert np.allclose(features, wanted[1].numpy(), atol=1e-5)
    assert (logits.shape, features.shape) == ((4, 10), (4, 16))


def test_many_images_are_looked_at_as_one(run, drawn):
    images = np.concatenate([drawn.train.images[:550], drawn.test.images[:1]])  # two batches
    logits, features = predict_images(NullProgress(), run, images)
    assert (logits.shape, features.shape) == ((551, 10), (551, 16))
    one = predict_images(NullProgress(), run, images[550:])
    assert np.allclose(logits[550:], one[0], atol=1e-5)
    assert np.allclose(features[550:], one[1], atol=1e-5)


def test_an_explanation_is_the_grad_cam_of_the_runs_network(run, drawn):
    heat = explain(NullProgress(), run, drawn.test.images[3], [1, 3])
    assert np.allclose(heat, grad_cam(network_for(run.config), drawn.test.images[3], [1, 3]), atol=1e-5)


def test_an_explanation_is_not_disturbed_by_the_other_thread(run, drawn, monkeypatch):
    """Both threads use one network: here the other one asks it right after each pass of the explanation."""
    image = drawn.test.images[3]
    wanted = explain(NullProgress(), run, image, [1, 3])
    forward, passes = Network.forward, []

    def forward_and_be_disturbed(network: Network, images: torch.Tensor) -> torch.Tensor:
        found = forward(network, images)
        passes.append(len(images))
        other = threading.Thread(target=predict_images, args=(NullProgress(), run, drawn.train.images[:7]))
        other.start()
        other.join()
        return found

    monkeypatch.setattr(Network, "forward", forward_and_be_disturbed)
    assert np.array_equal(explain(NullProgress(), run, image, [1, 3]), wanted)
    assert passes == [1, 2]


# All images.


def test_the_index_holds_every_image_and_each_is_its_own_nearest_neighbour(run, derived, drawn):
    assert index_images(NullProgress(), run) is None
    index = derived.read_index(drawn)
    assert index is not None
    assert (index.train.shape, index.test.shape) == ((640, 16), (160, 16))
    for number in range(0, 640, 40):
        numbers, distances = index.nearest(index.train[number], np.arange(640), 1)
        assert distances[0] == 0
        assert np.array_equal(index.train[numbers[0]], index.train[number])
    _, features = predict_images(NullProgress(), run, drawn.test.images[:20])
    codes = index.axes.encode(features).astype(int)
    assert np.abs(codes - index.test[:20]).max() <= 1


def test_indexing_keeps_the_predictions_for_the_images_it_learnt_from(run, derived, drawn):
    index_images(NullProgress(), run)
    found = derived.read_predictions("train", drawn)
    wanted = predict(network_for(run.config), select(run, drawn, "train"))
    assert np.allclose(found.logits, wanted.logits, atol=1e-5)
    assert np.array_equal(found.labels, wanted.labels)
    assert len(found) == 576


def test_indexing_tells_how_far_it_is(run, monkeypatch):
    monkeypatch.setattr("fmexplore.evaluation.predictions.BATCH", 500)
    follower = Follower()
    index_images(follower, run)
    assert follower.shares == [500 / 800, 640 / 800, 1]


# Label errors and near-duplicates.


def test_doubted_labels_are_the_suspect_ones(run, drawn):
    predictions = predict(network_for(run.config), drawn.test)
    assert np.array_equal(find_label_errors(NullProgress(), run, predictions), likely_label_errors(predictions))


def test_near_duplicates_are_kept_in_the_cache(store, drawn):
    follower = Follower()
    found = pair_near_duplicates(follower)
    kept = load_file(store.settings.cache / image_analysis.NEAR_DUPLICATES)
    numbers, distances = find_near_duplicates(drawn.train.images, drawn.test.images)
    for arrays in (found, kept):
        assert np.array_equal(arrays["numbers"], numbers)
        assert np.array_equal(arrays["distances"], distances)
    assert (kept["numbers"].dtype, kept["distances"].dtype) == (np.int32, np.float32)
    assert follower.shares[-1] == 1


# As a whole.


def test_warming_up_loads_the_data_set(drawn_folder):
    warm(NullProgress())
    assert image_analysis.data_set.cache_info().currsize == 1


def test_every_analysis_goes_by_its_name_and_the_quick_ones_are_among_them():
    assert all(function.__name__ == name for name, function in server.ANALYSES.items())
    assert set(ANALYSES) >= QUICK
    assert set(ANALYSES) - QUICK == {"time_network", "index_images", "pair_near_duplicates"}
