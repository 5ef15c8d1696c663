"""The sum behind a value: torch's value for all presets, by hand for tiny networks, and back to the pixels."""

import numpy as np
import pytest
import torch

from fmexplore.errors import ConfigError
from fmexplore.inside.passes import Passes, Trace
from fmexplore.inside.sums import sum_behind
from fmexplore.models.layers import Activation, AvgPool, BatchNorm, Conv, Dense, Flatten, GlobalMaxPool, MaxPool
from fmexplore.models.networks import build
from fmexplore.training.presets import presets
from tests.inside.networks import TABLES, passes_of, shake


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (28, 28)).astype(np.uint8)


def random_values(trace: Trace, count: int, seed: int):
    rng, names = np.random.default_rng(seed), list(trace.graph.steps)
    for name in rng.choice(names, count):
        step = trace.graph[name]
        yield name, int(rng.integers(step.channels)), *(int(rng.integers(each)) for each in step.size)


def check(trace: Trace, name: str, channel: int, y: int, x: int) -> None:
    found = sum_behind(trace, name, channel, y, x)
    assert abs(found.total - found.value) <= 1e-5 * max(1, abs(found.value)), (name, channel, y, x)
    for term in {*range(0, len(found.terms), 1 + len(found.terms) // 50), *found.largest(3)}:
        if origin := found.origin(term):
            source, *place = origin
            values = trace.values[source]
            assert found.inputs[term] == (values[tuple(place)] if values.ndim == 3 else values[place[0]])
        else:
            assert found.inputs[term] == 0 or name == "image"


@pytest.mark.parametrize("name", presets())
def test_the_sum_behind_any_value_of_any_preset_is_torchs(name):
    model = presets()[name].model
    trace = Passes(model, shake(build(model, seed=1))).trace(image())
    for place in random_values(trace, 50, seed=len(name)):
        check(trace, *place)


@pytest.mark.parametrize("name", TABLES)
def test_the_sum_behind_any_value_of_any_kind_of_layer_is_torchs(name):
    trace = passes_of(TABLES[name]).trace(image())
    for place in random_values(trace, 100, seed=1):
        check(trace, *place)


@pytest.mark.parametrize("name", ["quick", "resnet", "googlenet", "densenet", "lenet-5"])
def test_from_a_logit_one_walks_back_to_a_pixel_without_a_gap(name):
    model = presets()[name].model
    trace = Passes(model, shake(build(model, seed=1))).trace(image())
    place = ("softmax", 3, 0, 0)
    way = []
    while True:
        found = sum_behind(trace, *place)
        way.append(found.kind)
        if found.kind == "image":
            assert found.constants["pixel"] == pytest.approx(float(image()[place[2:]]))
            break
        # Along the largest term that is not padding.
        place = next(origin for term in found.largest(len(found.terms)) if (origin := found.origin(term)))
    assert {"softmax", "dense", "conv", "activation", "image"} <= set(way)


def test_a_convolution_a_pooling_and_a_dense_layer_by_hand():
    passes = passes_of(
        (Conv(filters=1, kernel=3), Activation(), MaxPool(size=14), Flatten(), Dense(units=10)), 0, "unit"
    )
    conv, dense = passes.network.layers[0], passes.network.layers[4]
    with torch.no_grad():
        conv.weight.copy_(torch.arange(1.0, 10).reshape(1, 1, 3, 3))
        conv.bias.fill_(-2)
        dense.weight.copy_(torch.arange(40.0).reshape(10, 4))
        dense.bias.copy_(torch.arange(10.0))
    pixels = np.zeros((28, 28), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[20, 20] = 255, 51, 255
    trace = passes.trace(pixels)
    # The corner: the pixel itself times 5, that on its right times 6, nothing above and on the left.
    corner = sum_behind(trace, "1", 0, 0, 0)
    assert corner.total == pytest.approx(5 + 0.2 * 6 - 2)
    assert corner.grid == (1, 3, 3)
    assert corner.origins.reshape(3, 3).tolist() == [[-1, -1, -1], [-1, 0, 0], [-1, 0, 0]]
    assert corner.origin(4) == ("image", 0, 0, 0)
    assert corner.constants == {"bias": -2}
    assert corner.field.box == (0, 0, 2, 2)
    assert corner.field.padded
    # Below and on the right of a pixel its weight is that of the upper left, and so on: the largest, 9, is up left.
    pooled = sum_behind(trace, "3", 0, 1, 1)
    assert pooled.total == 9 - 2
    assert pooled.origin(int(pooled.weights.argmax())) == ("2", 0, 19, 19)
    # Logit 1: 4 * 5.2 (row of ones at the corner: 1 * 5 + 0.2 * 6 - 2, next to it 1 * 4 + .2 * 5 - 2, ...), + 7 * 7.
    maps = trace.values["3"][0]
    logit = sum_behind(trace, "5", 1)
    assert logit.total == pytest.approx(4 * maps[0, 0] + 5 * maps[0, 1] + 6 * maps[1, 0] + 7 * 7 + 1)
    assert logit.origin(3) == ("4", 3, 0, 0)
    assert sum_behind(trace, "4", 3).origin(0) == ("3", 0, 1, 1)
    assert logit.largest(1).tolist() == [3]


def test_a_batch_norm_a_mean_and_a_global_pool_by_hand():
    layers = (Conv(filters=1, kernel=1, bias=False), BatchNorm(epsilon=0.01), AvgPool(size=2, padding=1))
    passes = passes_of((*layers, GlobalMaxPool(), Dense(units=10)), 0, "unit")
    norm = passes.network.layers[1]
    with torch.no_grad():
        passes.network.layers[0].weight.fill_(2)
        for tensor, value in ((norm.running_mean, 0.5), (norm.running_var, 0.24), (norm.weight, 3), (norm.bias, 1)):
            tensor.fill_(value)
    pixels = np.zeros((28, 28), np.uint8)
    pixels[0, 0] = 255
    trace = passes.trace(pixels)
    bright, dark = (2 - 0.5) / 0.5 * 3 + 1, -0.5 / 0.5 * 3 + 1
    found = sum_behind(trace, "2", 0, 0, 0)
    assert found.total == pytest.approx(bright)
    wanted = {"mean": 0.5, "variance": 0.24, "epsilon": 0.01, "gamma": 3, "beta": 1}
    assert found.constants == pytest.approx(wanted)
    corner = sum_behind(trace, "3", 0, 0, 0)  # of four, three are padding, which counts as 0
    assert corner.total == pytest.approx(bright / 4)
    assert corner.weights.tolist() == [0.25] * 4
    assert corner.origins.tolist() == [-1, -1, -1, 0]
    assert sum_behind(trace, "3", 0, 5, 5).total == pytest.approx(dark)
    best = sum_behind(trace, "4", 0)
    assert best.total == pytest.approx(bright / 4)
    assert best.origin(int(best.weights.argmax())) == ("3", 0, 0, 0)


def test_a_network_without_numbers_still_has_its_terms():
    passes = passes_of(TABLES["plain"])
    with torch.no_grad():
        passes.network.layers[0].weight.fill_(3e38)
    trace = passes.trace(image())
    assert not trace.usable
    for place in random_values(trace, 40, seed=3):
        found = sum_behind(trace, *place)
        assert np.isfinite(found.total) == np.isfinite(found.value) or abs(found.total) > 3e38


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("99", 0), "layer is '99': choose one of image, scaled, 1, 2"),
        (("1", 3), r"channel is 3, and layer 1 \(conv 3 3x3 same\) has 0 to 2"),
        (("1", 0, 28, 0), "y is 28, and layer 1 .* has 0 to 27"),
        (("7", 0, 0, 1), "x is 1, and layer 7 .* has 0 to 0"),
        (("1", -1), "channel is -1"),
    ],
)
def test_a_value_that_does_not_exist_is_named(place, said):
    with pytest.raises(ConfigError, match=said):
        sum_behind(passes_of(TABLES["plain"]).trace(image()), *place)
