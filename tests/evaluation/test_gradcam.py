"""Grad-CAM against its closed form, and against gradients that are taken by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fmexplore.evaluation.gradcam import grad_cam
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, GlobalAvgPool, MaxPool
from fmexplore.models.networks import Network, build, to_input
from fmexplore.models.table import Model, summarize, walk
from fmexplore.training.presets import presets

pytestmark = pytest.mark.slow

AVERAGED = Model(
    layers=(
        *(Conv(filters=8), Activation(), MaxPool(), Conv(filters=6), Activation()),
        *(GlobalAvgPool(), Dense(units=10)),
    )
)
# Maps of 14, 7 and 3 pixels: the last of at least 5 is layer 6, the second pool, and the rest follows it.
SHRINKING = Model(
    layers=(
        *(Conv(filters=8), Activation(), MaxPool(), Conv(filters=12), Activation(), MaxPool()),
        *(Conv(filters=6, kernel=5, padding="valid"), Activation(), Flatten(), Dropout(rate=0.5), Dense(units=10)),
    )
)
CONVOLVED = [
    name for name, preset in presets().items() if any(row.layer.kind == "conv" for row in walk(summarize(preset.model)))
]


@pytest.fixture
def image(drawn) -> np.ndarray:
    return drawn.test.images[23]


def upsampled(heat: torch.Tensor) -> np.ndarray:
    """Heat `(height, width)` as an image, its maximum 1."""
    large = F.interpolate(heat.relu()[None, None], (28, 28), mode="bilinear", align_corners=False)[0, 0]
    return (large / large.max()).detach().numpy()


def maps_of(network: Network, image: np.ndarray) -> dict[int, torch.Tensor]:
    """The output of each layer by its index, as they run."""
    found, x = {}, to_input(torch.tensor(image[None]))
    for index in network.order:
        x = found[index] = network.layers[index](x)
    return found


def by_hand(network: Network, image: np.ndarray, label: int, layer: int) -> np.ndarray:
    """Grad-CAM as Selvaraju et al. 2017 write it, equations 1 and 2, on the output of a layer."""
    maps = maps_of(network, image)
    last = maps[network.order[-1]][0, label]
    [gradient] = torch.autograd.grad(last, maps[layer])
    return upsampled((gradient.mean((2, 3), keepdim=True) * maps[layer]).sum(1)[0])


def test_after_a_global_average_the_heat_is_the_map_weighted_as_the_dense_layer_does(image):
    network = build(AVERAGED, seed=1).eval()
    heat = grad_cam(network, image, list(range(10)))
    maps = maps_of(network, image)[4][0]  # (6, 14, 14)
    speaking = set()
    for label in range(10):
        weights = network.layers[-1].weight[label]
        wanted = torch.einsum("k,khw->hw", weights, maps) / maps[0].numel()
        if wanted.max() > 0:
            speaking.add(label)
            assert heat[label] == pytest.approx(upsampled(wanted), abs=1e-5)
        else:
            assert heat[label].max() == 0
    assert heat.shape == (10, 28, 28)
    assert heat.dtype == np.float32
    assert 3 <= len(speaking) <= 7


def test_classes_come_in_the_order_asked_for_and_each_by_itself(image):
    network = build(AVERAGED, seed=1)
    together = grad_cam(network, image, [7, 2, 7])
    for heat, label in zip(together, (7, 2, 7), strict=True):
        assert heat == pytest.approx(grad_cam(network, image, [label])[0], abs=1e-6)
    assert not np.allclose(together[0], together[1], atol=0.01)


def test_where_nothing_speaks_for_a_class_the_heat_is_zero(image):
    network = build(AVERAGED, seed=1)
    with torch.no_grad():
        network.layers[-1].weight[3] = -1  # maps after a ReLU are never below 0
        network.layers[-1].weight[4] = 1
    against, for_it = grad_cam(network, image, [3, 4])
    assert np.array_equal(against, np.zeros((28, 28)))
    assert for_it.max() == 1


def test_the_last_map_is_used_that_is_large_enough(image):
    network = build(SHRINKING, seed=2).eval()
    # The second pool and its activation have changed places.
    assert network.order[4:6] == [5, 4]
    assert [row.output for row in summarize(SHRINKING)][5:7] == [(12, 7, 7), (6, 3, 3)]
    heat = grad_cam(network, image, [0, 1, 2, 3])
    for label in range(4):
        assert heat[label] == pytest.approx(by_hand(network, image, label, layer=4), abs=1e-5)
        assert np.abs(heat[label] - by_hand(network, image, label, layer=2)).max() > 0.05


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param((Flatten(), Dense(units=20), Activation(), Dense(units=10)), id="dense only"),
        pytest.param((MaxPool(), Flatten(), Dense(units=10)), id="maps without a convolution"),
        pytest.param((MaxPool(size=7), Conv(filters=4), Flatten(), Dense(units=10)), id="all maps too small"),
    ],
)
def test_a_network_without_a_convolved_map_has_no_heat(image, layers):
    assert grad_cam(build(Model(layers=layers)), image, [0]) is None


def test_a_network_is_left_in_evaluation_mode_without_hooks_or_gradients(image):
    network = build(SHRINKING.replace(layers=(BatchNorm(), *SHRINKING.layers))).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = grad_cam(network, image, [1])
    assert not network.training
    assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert np.array_equal(grad_cam(network, image, [1]), first)


def test_a_pixel_that_does_not_matter_has_no_heat():
    """One bright corner, and a network that sees only brightness: the heat lies there, not elsewhere."""
    layers = (Conv(filters=1, kernel=3), Activation(), GlobalAvgPool(), Dense(units=10))
    network = build(Model(layers=layers, input_scale="unit"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1)
        network.layers[0].bias.zero_()
    image = np.zeros((28, 28), np.uint8)
    image[2:6, 20:24] = 255
    heat = grad_cam(network, image, [0])[0]
    assert heat.max() == 1
    assert np.all(heat[1:7, 19:25] > 0)
    heat[1:7, 19:25] = 0
    assert heat.max() == 0


@pytest.mark.parametrize("name", CONVOLVED)
def test_every_preset_with_convolutions_gives_a_heat_for_each_class(name, image):
    heat = grad_cam(build(presets()[name].model), image, [0, 9])
    assert heat.shape == (2, 28, 28)
    assert heat.dtype == np.float32
    assert (heat.min() >= 0, heat.max() <= 1) == (True, True)
    assert {float(each.max()) for each in heat} <= {0.0, 1.0}


def test_nearly_all_presets_have_convolutions():
    assert set(presets()) - set(CONVOLVED) == {"team4-ann", "patel-basic"}
