"""The torch modules: dropout, the order in which layers run, how weights start, and features."""

import math

import pytest
import torch
from torch import nn

from fmexplore.errors import ConfigError
from fmexplore.models.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Inception,
    MaxPool,
    Residual,
)
from fmexplore.models.networks import DEVIATION, MEAN, WIDEST_FEATURES, ByteDropout, build, to_input
from fmexplore.models.table import Model, summarize
from fmexplore.training.presets import presets

END = (Flatten(), Dense(units=10))
TORCH = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "tanh": nn.Tanh, "gelu": nn.GELU}


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


# Dropout.


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.5, 0.9, 0.999])
def test_dropout_keeps_the_mean_and_drops_its_rate(rate):
    dropped = ByteDropout(rate, 0).train()(torch.ones(1_000_000))
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.004)


def test_dropout_does_nothing_in_evaluation():
    x = images()
    assert ByteDropout(0.5, 0).eval()(x) is x


def test_the_same_seed_gives_the_same_mask_and_another_seed_or_layer_another():
    x = torch.ones(1000)

    def mask(number: int, *entropy: int) -> list[float]:
        dropout = ByteDropout(0.5, number)
        dropout.seed(*entropy)
        return dropout(x).tolist()

    assert mask(0, 1, 2) == mask(0, 1, 2)
    assert mask(0, 1, 2) != mask(0, 1, 3)
    assert mask(0, 1, 2) != mask(1, 1, 2)


def test_two_masks_in_a_row_differ():
    dropout = ByteDropout(0.5, 0)
    assert not torch.equal(dropout(torch.ones(1000)), dropout(torch.ones(1000)))


def test_the_gradient_of_dropout_is_its_mask_times_its_scale():
    x = images().requires_grad_()
    out = ByteDropout(0.25, 0)(x)
    weights = torch.rand(x.shape)
    (out * weights).sum().backward()
    kept = out != 0
    assert 0.7 < kept.float().mean() < 0.8
    assert torch.allclose(x.grad, weights * kept * 256 / 192)
    assert torch.allclose(out[kept], x[kept] * 256 / 192)


def test_dropout_takes_maps_of_any_memory_layout():
    x = images().expand(4, 3, 28, 28).contiguous(memory_format=torch.channels_last)
    dropped = ByteDropout(0.5, 0)(x)
    assert dropped.is_contiguous(memory_format=torch.channels_last)
    assert not torch.equal(dropped[:, 0], dropped[:, 1])  # channels have masks of their own


def test_every_dropout_of_a_network_has_its_own_mask_also_in_blocks():
    block = Residual(layers=(Dropout(rate=0.5),), shortcut=(Dropout(rate=0.5),))
    network = build(Model(layers=(Dropout(rate=0.5), block, *END)))
    network.seed_dropout(3)
    masks = [dropout(torch.ones(500)) for dropout in network.dropouts]
    assert len(masks) == 3
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[1], masks[2])


def test_a_seeded_network_repeats_its_training_output():
    network = build(Model(layers=(Conv(filters=8), Dropout(rate=0.5), *END))).train()
    found = []
    for entropy in (5, 5, 6):
        network.seed_dropout(entropy)
        found.append(network(images()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


# The order in which layers run.


@pytest.mark.parametrize("function", TORCH)
def test_pooling_before_an_activation_changes_neither_outputs_nor_gradients(function):
    activation = Activation(function=function)
    model = Model(
        layers=(
            *(Conv(filters=4), activation, MaxPool(), Conv(filters=6), activation),
            *(MaxPool(size=3, stride=2, padding=1), *END),
        )
    )
    plain = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), TORCH[function](), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3, padding=1), TORCH[function](), nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(294, 10)),
    )
    network = build(model)
    plain.load_state_dict({name.removeprefix("layers."): value for name, value in network.state_dict().items()})
    labels = torch.arange(4)
    outputs = [module(images()) for module in (network, plain)]
    for logits in outputs:
        nn.functional.cross_entropy(logits, labels).backward()
    assert torch.allclose(*outputs, atol=1e-5)
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)


def test_only_a_monotone_activation_before_a_max_pool_is_moved():
    def order(*layers) -> list[int]:
        return build(Model(layers=(*layers, *END))).order

    assert order(Activation(), MaxPool()) == [1, 0, 2, 3]
    assert order(Activation(function="gelu"), MaxPool()) == [0, 1, 2, 3]
    assert order(Activation(), AvgPool()) == [0, 1, 2, 3]
    assert order(MaxPool(), Activation()) == [0, 1, 2, 3]


def test_a_block_gives_what_its_layers_give_in_plain_order():
    path = (Conv(filters=3), Activation(), MaxPool(size=3, stride=1, padding=1))
    network = build(Model(layers=(Inception(paths=(path, ())), *END))).eval()
    conv = network.layers[0].paths[0][0]
    wanted = nn.functional.max_pool2d(conv(images()).relu(), 3, 1, 1)
    assert torch.allclose(network.layers[0](images()), torch.cat([wanted, images()], 1), atol=1e-6)


# How weights start.


def test_glorot_weights_fill_their_bounds_and_biases_are_zero():
    layers = (Conv(filters=64), Conv(filters=64), Flatten(), Dense(units=10))
    network = build(Model(layers=layers, initialization="glorot"))
    for module, inputs, outputs in ((network.layers[1], 64 * 9, 64 * 9), (network.layers[3], 64 * 784, 10)):
        bound = math.sqrt(6 / (inputs + outputs))
        assert 0.99 * bound < module.weight.abs().max() <= bound
        assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
        assert module.bias.count_nonzero() == 0


def test_he_weights_are_normal_with_the_deviation_that_their_inputs_ask_for():
    layers = (Conv(filters=64), Conv(filters=64), *END)
    weight = build(Model(layers=layers, initialization="he")).layers[1].weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert weight.abs().max() > 3 * weight.std()  # not uniform


def test_dirac_filters_pass_their_input_on():
    network = build(Model(layers=(Conv(filters=4), Conv(filters=9, bias=False), *END), initialization="dirac"))
    x = torch.rand(2, 4, 28, 28)
    out = network.layers[1](x)
    assert torch.allclose(out[:, :4], x)
    assert not torch.allclose(out[:, 4:8], x)


@pytest.mark.parametrize("how", ["torch", "glorot", "he", "dirac"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(how):
    model = Model(layers=(Conv(filters=4), *END), initialization=how)
    first, same, other = (build(model, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["layers.2.weight"], other["layers.2.weight"])


def test_building_does_not_touch_the_global_random_state():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    build(presets()["team4-cnn"].model, seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_table_that_cannot_be_built_is_refused():
    with pytest.raises(ConfigError, match=r"^Layer 1 \("):
        build(Model(layers=(Dense(units=10),)))


# Input and features.


def test_input_is_the_pixels_over_255_in_a_channel_of_their_own():
    pixels = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    x = to_input(pixels)
    assert x.shape == (3, 1, 28, 28)
    assert torch.equal(x[:, 0], pixels / 255)


def test_a_standardized_network_sees_pixels_less_their_mean_over_their_deviation():
    model = Model(layers=(Conv(filters=2, padding="valid"), *END))
    unit, standardized = build(model), build(model.replace(input_scale="standardized"))
    assert torch.allclose(standardized(images()), unit((images() - MEAN) / DEVIATION), atol=1e-6)


@pytest.mark.parametrize("name", presets())
def test_the_features_of_every_preset_are_at_most_512_wide(name):
    network = build(presets()[name].model).eval()
    with torch.no_grad():
        logits, features = network.logits_and_features(images(2))
        assert torch.equal(logits, network(images(2)))
    assert features.ndim == 2
    assert 1 < features.shape[1] <= WIDEST_FEATURES


def test_features_are_the_input_of_the_last_dense_layer():
    network = build(Model(layers=(Flatten(), Dense(units=20), Activation(), Dense(units=10)))).eval()
    logits, features = network.logits_and_features(images())
    assert features.shape == (4, 20)
    assert torch.allclose(network.layers[3](features), logits)


def test_features_of_a_wide_flattened_map_are_the_mean_of_each_channel():
    network = build(Model(layers=(Conv(filters=7), BatchNorm(), Flatten(), Dropout(), Dense(units=10)))).eval()
    _, features = network.logits_and_features(images())
    maps = network.layers[1](network.layers[0](images()))
    assert torch.allclose(features, maps.mean((2, 3)), atol=1e-6)


def test_features_of_a_small_flattened_map_are_the_map():
    network = build(Model(layers=(Conv(filters=8), MaxPool(size=7), Flatten(), Dense(units=10)))).eval()
    assert network.logits_and_features(images())[1].shape == (4, 128)


def test_features_of_wide_values_that_are_no_map_are_those_values():
    """As a global pool of 600 channels gives, even where a flatten without effect follows."""
    network = build(Model(layers=(Conv(filters=600, kernel=1), GlobalAvgPool(), Flatten(), Dense(units=10)))).eval()
    assert network.logits_and_features(images())[1].shape == (4, 600)


def test_without_a_dense_layer_the_features_are_the_logits():
    network = build(Model(layers=(Conv(filters=10), GlobalAvgPool()))).eval()
    logits, features = network.logits_and_features(images())
    assert torch.equal(logits, features)


def test_layers_have_the_numbers_of_the_table():
    model = presets()["team4-cnn"].model
    network = build(model)
    assert len(network.layers) == len(summarize(model))
    assert isinstance(network.layers[5], nn.Conv2d)
