"""What images are to a layer: which layers there are, how wide values become narrow, and which images a split has."""

import numpy as np
import pytest
import torch

from fmexplore.data.fashion_mnist import SplitConfig
from fmexplore.embeddings import features
from fmexplore.embeddings.features import (
    Features,
    check_layer,
    gather,
    ids_of_split,
    image_batches,
    layer_values,
)
from fmexplore.errors import ConfigError
from fmexplore.models import networks
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, GlobalAvgPool, MaxPool
from fmexplore.models.networks import to_input
from fmexplore.models.table import Model, layer_choices

CONV, POOL, END = Conv(filters=8), MaxPool(size=4), (GlobalAvgPool(), Dense(units=10))


def numbers(*layers) -> list[str]:
    return [number for number, _, _ in layer_choices(Model(layers=layers))]


# Which layers there are.


def test_an_activation_that_runs_after_its_pooling_is_no_choice():
    assert numbers(CONV, Activation(), POOL, *END) == ["1", "3", "4", "5"]


def test_an_activation_that_runs_in_its_place_is_a_choice():
    assert numbers(CONV, Activation(function="gelu"), POOL, *END) == ["1", "2", "3", "4", "5"]


def test_dropout_and_flattening_change_no_value_and_are_no_choices():
    assert numbers(CONV, POOL, Dropout(), Flatten(), Dense(units=20), Dense(units=10)) == ["1", "2", "5", "6"]


def test_a_vector_of_more_than_4096_values_is_no_choice():
    table = (CONV, Flatten(), BatchNorm(), Dense(units=10))
    assert numbers(*table) == ["1", "4"]


def test_a_layer_that_is_not_there_is_refused_with_those_that_are():
    model = Model(layers=(CONV, Activation(), POOL, *END))
    with pytest.raises(ConfigError, match="layer is '2': choose one of pixels, last, 1, 3, 4, 5"):
        check_layer(model, "2")
    with pytest.raises(ConfigError, match="layer is 'last': choose one of pixels"):
        check_layer(None, "last")
    assert [check_layer(model, layer) for layer in ("pixels", "last", "3")] == ["pixels", "last", "3"]


# Values of a layer.


@pytest.fixture
def network():
    layers = (CONV, Activation(), POOL, Conv(filters=16), BatchNorm(), Activation(), *END)
    return networks.build(Model(layers=layers), 1)


def test_the_output_of_a_layer_is_what_the_table_says_whatever_runs_first(network, drawn):
    x = to_input(torch.tensor(drawn.test.images[:20]))
    network.eval()
    with torch.inference_mode():
        wanted = x
        for number, layer in enumerate(network.layers, start=1):
            wanted = layer(wanted)
            if number != 2:
                assert torch.allclose(network.output_of(number, x), wanted, atol=1e-5)
        assert torch.equal(network.output_of(len(network.layers), x), network(x))


def test_a_wide_map_is_averaged_over_each_channel_and_a_narrow_one_is_not(network, drawn):
    images = drawn.test.images[:20]
    with torch.inference_mode():
        map_ = network.eval().output_of(3, to_input(torch.tensor(images))).numpy()
    assert map_.shape == (20, 8, 7, 7)
    assert np.allclose(layer_values(network, "3", images), map_.mean((2, 3)), atol=1e-6)
    assert layer_values(network, "8", images).shape == (20, 10)
    narrow = networks.build(Model(layers=(Conv(filters=2), MaxPool(size=4), Flatten(), Dense(units=10))), 1)
    assert layer_values(narrow, "2", images).shape == (20, 2 * 7 * 7)


def test_last_is_the_input_of_the_last_dense_layer(network, drawn):
    with torch.inference_mode():
        _, wanted = network.eval().logits_and_features(to_input(torch.tensor(drawn.test.images[:20])))
    assert np.allclose(layer_values(network, "last", drawn.test.images[:20]), wanted, atol=1e-6)


def test_looking_at_a_layer_leaves_the_network_in_its_mode(network, drawn):
    network.train()
    running = network.layers[4].running_mean.clone()
    layer_values(network, "6", drawn.test.images[:20])
    assert network.training
    assert torch.equal(network.layers[4].running_mean, running)


def test_pixels_go_from_0_to_1_and_need_no_network(drawn):
    values = layer_values(None, "pixels", drawn.test.images[:5])
    assert np.array_equal(values, drawn.test.images[:5].reshape(5, 784).astype(np.float32) / 255)


# Narrow points.


def batches(values: np.ndarray, size: int = 500) -> list[np.ndarray]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def test_up_to_128_values_are_kept_as_they_are():
    values = np.random.default_rng(0).normal(size=(1200, 128)).astype(np.float32)
    features = gather(batches(values))
    assert np.array_equal(features.points, values.astype(np.float16))
    assert (features.points.dtype, features.mean, features.variance) == (np.float16, None, 1.0)


def test_more_become_64_that_keep_the_distances_of_what_lies_in_so_many_dimensions():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(3000, 40)) @ np.linalg.qr(rng.normal(size=(200, 40)))[0].T
    features = gather(batches(flat.astype(np.float32)))
    assert features.points.shape == (3000, 64)
    assert features.variance == pytest.approx(1)
    wanted = np.linalg.norm(flat[:50, None] - flat[None, :50], axis=2)
    points = features.points.astype(np.float32)
    assert np.allclose(np.linalg.norm(points[:50, None] - points[None, :50], axis=2), wanted, atol=0.03)


def test_the_share_of_the_variance_that_is_kept_is_that_of_the_first_64_axes():
    values = np.random.default_rng(0).normal(size=(5000, 130)) * np.sqrt(np.linspace(2, 1, 130))
    wanted = np.linalg.eigvalsh(np.cov(values.T))[::-1]
    kept = gather(batches(values.astype(np.float32))).variance
    assert kept == pytest.approx(wanted[:64].sum() / wanted.sum(), abs=1e-4)


def test_the_axes_are_those_of_the_first_images_however_many_follow():
    values = np.random.default_rng(0).normal(size=(13_000, 150)).astype(np.float32)
    whole, first = gather(batches(values)), gather(batches(values[:10_000]))
    assert np.allclose(whole.components, first.components, atol=1e-5)
    assert np.allclose(whole.points[:10_000], first.points, atol=5e-3)
    assert len(whole.points) == 13_000


def test_very_wide_values_wait_for_fewer_images_before_they_are_reduced(monkeypatch):
    monkeypatch.setattr(features, "FIT_VALUES", 2**17)
    seen = []

    def watched():
        for number in range(4):
            seen.append(number)
            yield np.random.default_rng(number).normal(size=(600, features.FIT_VALUES // 1000)).astype(np.float32)

    points = gather(watched()).points
    assert (len(seen), points.shape) == (4, (2400, 64))


def test_other_images_are_reduced_in_the_same_way():
    values = np.random.default_rng(0).normal(size=(1000, 150)).astype(np.float32)
    features = gather(batches(values))
    assert np.allclose(features.reduce(values[:7]), features.points[:7], atol=2e-3)


def test_values_beyond_float16_are_put_on_its_edge():
    points = gather([np.array([[1e6, -1e6, 1.0]], np.float32)]).points
    assert points.tolist() == [[65504, -65504, 1]]


@pytest.mark.parametrize("width", [3, 200])
def test_features_come_back_from_arrays(width):
    features = gather([np.random.default_rng(0).normal(size=(300, width)).astype(np.float32)])
    again = Features.from_arrays(features.to_arrays())
    assert np.array_equal(again.points, features.points)
    assert again.variance == features.variance
    assert (again.mean is None) == (width == 3)
    with pytest.raises(KeyError):
        Features.from_arrays({"points": features.points})


# Which images a split has.


@pytest.mark.parametrize(("split", "count"), [("test", 160), ("validation", 64), ("train", 576), ("all", 800)])
def test_ids_labels_and_images_of_a_split_belong_together(drawn, split, count):
    ids = ids_of_split(drawn, split, SplitConfig("share", 0.1))
    labels, index = drawn.labels_of(ids), drawn.addresses.names(split, ids)
    images = np.concatenate(list(image_batches(drawn, split, SplitConfig("share", 0.1))))
    assert len(ids) == len(labels) == len(images) == count
    if split == "all":
        everything = np.concatenate([drawn.train.images, drawn.test.images])
        assert np.array_equal(images, everything[index])
        assert np.array_equal(labels[640:], drawn.test.labels)
    else:
        part = drawn.part("test" if split == "test" else "train")
        assert np.array_equal(images, part.images[index])
        assert np.array_equal(labels, part.labels[index])


def test_a_split_that_is_not_there_is_refused(drawn):
    with pytest.raises(ConfigError, match="split is 'tests': choose one of test, validation, train, all"):
        ids_of_split(drawn, "tests", SplitConfig("share", 0.1))
    with pytest.raises(ConfigError, match="without validation images"):
        ids_of_split(drawn, "validation", SplitConfig("none", 0.1))
