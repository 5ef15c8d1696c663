"""The layer table: its shapes, parameters and FLOPs are torch's, and impossible tables are refused by number."""

import json
from typing import get_args

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from fmexplore.errors import ConfigError
from fmexplore.models.layers import (
    LAYER_KINDS,
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    DenseBlock,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Inception,
    Layer,
    LogitScale,
    MaxPool,
    PixelUnshuffle,
    Residual,
    describe,
)
from fmexplore.models.networks import Network, build
from fmexplore.models.table import Model, examine, flops, parameters, summarize, tensor_shapes, walk
from fmexplore.training.presets import presets

END = (Flatten(), Dense(units=10))


def table(*layers: Layer) -> Model:
    return Model(layers=layers)


def refusal(*layers: Layer) -> str:
    with pytest.raises(ConfigError) as caught:
        summarize(table(*layers))
    return str(caught.value)


def check_against_torch(model: Model, network: Network) -> None:
    rows = summarize(model)
    assert tensor_shapes(rows) == {name: tuple(v.shape) for name, v in network.state_dict().items()}
    assert parameters(rows) == sum(p.numel() for p in network.parameters() if p.requires_grad)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert network.eval()(torch.rand(1, 1, 28, 28)).shape == (1, 10)
    assert flops(rows) == counter.get_total_flops()


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    return {name: build(preset.model) for name, preset in presets().items()}


@pytest.mark.parametrize("name", presets())
def test_tensors_parameters_and_flops_of_every_preset_are_torchs(name, networks):
    check_against_torch(presets()[name].model, networks[name])


@pytest.mark.parametrize("kind", LAYER_KINDS)
def test_a_layer_of_every_kind_is_built_as_its_row_says(kind):
    conv = {"kind": "conv", "filters": 8}
    inside = {"residual": {"layers": [conv]}, "inception": {"paths": [[conv]]}, "dense_block": {"layers": [conv]}}
    before = {"kind": "flatten"} if kind == "dense" else conv
    layers = [before, {"kind": kind, **inside.get(kind, {})}, {"kind": "flatten"}, {"kind": "dense", "units": 10}]
    model = Model.parse({"layers": layers})
    check_against_torch(model, build(model))


def test_every_kind_that_a_table_may_have_can_be_chosen_by_its_name():
    union, _ = get_args(Layer)
    assert {*LAYER_KINDS.values()} == {*get_args(union)}


@pytest.mark.parametrize("name", presets())
def test_the_output_of_every_layer_of_every_preset_has_the_promised_shape(name, networks):
    network, rows = networks[name].eval(), summarize(presets()[name].model)
    found: dict[int, tuple[int, ...]] = {}
    hooks = [
        layer.register_forward_hook(
            lambda _module, _input, output, index=index: found.update({index: output.shape[1:]})
        )
        for index, layer in enumerate(network.layers)
    ]
    with torch.no_grad():
        network(torch.rand(2, 1, 28, 28))
    for hook in hooks:
        hook.remove()
    assert set(found) == set(range(len(rows)))
    for index, row in enumerate(rows):
        runs_before_its_pool = network.order[index] > index  # both then give the pooled map
        assert found[index] == rows[index + 1 if runs_before_its_pool else index].output, row.number


@pytest.mark.parametrize("name", presets())
def test_every_preset_survives_json(name):
    model = presets()[name].model
    assert Model.parse(json.loads(json.dumps(model.model_dump(mode="json")))) == model


def test_every_kind_survives_json():
    pools = (MaxPool(size=3, stride=1, padding=1), AvgPool(), GlobalMaxPool(), GlobalAvgPool())
    plain = (Conv(padding=2, bias=False), BatchNorm(learn_weight=False), Activation(function="elu"), *pools)
    model = table(
        *plain,
        *(PixelUnshuffle(factor=4), Dropout(rate=0.3), Flatten(), Dense(bias=False), LogitScale(factor=2)),
        Residual(layers=plain, shortcut=(Conv(),)),
        Inception(paths=((Conv(),), (), plain)),
        DenseBlock(layers=plain, repeat=2),
    )
    assert Model.parse(json.loads(json.dumps(model.model_dump(mode="json")))) == model


def test_the_parameters_of_a_block_are_those_of_its_layers():
    rows = summarize(table(DenseBlock(repeat=3, layers=(Conv(filters=2), BatchNorm())), *END))
    assert rows[0].parameters == sum(row.parameters for row in rows[0].children)
    assert rows[0].output == (1 + 3 * 2, 28, 28)
    assert [row.number for row in rows[0].children] == ["1.1.1", "1.1.2", "1.2.1", "1.2.2", "1.3.1", "1.3.2"]


def test_a_batch_norm_weight_that_is_kept_at_one_is_no_parameter():
    rows = summarize(table(Conv(filters=8), BatchNorm(), BatchNorm(learn_weight=False), *END))
    assert (rows[1].parameters, rows[2].parameters) == (16, 8)


def test_walk_visits_the_layers_of_a_block_right_after_it():
    rows = summarize(table(Conv(filters=1), Residual(layers=(Conv(filters=1),), shortcut=(Dropout(),)), *END))
    assert [row.number for row in walk(rows)] == ["1", "2", "2.1.1", "2.2.1", "3", "4"]


def test_a_kernel_larger_than_its_map_is_refused_with_the_layers_number():
    error = refusal(MaxPool(size=7), Activation(), Conv(kernel=5, padding="valid"), *END)
    assert error.startswith(
        "Layer 3 (conv 32 5x5 valid) does not fit: its 5 x 5 kernel is larger than the 4 x 4 feature map"
    )
    summarize(table(MaxPool(size=7), Activation(), Conv(kernel=4, padding="valid"), *END))


def test_padding_counts_when_a_kernel_is_compared_with_its_map():
    assert "the 1 x 1 feature map it gets with 1 of padding" in refusal(
        MaxPool(size=28), Conv(kernel=4, padding=1), *END
    )
    summarize(table(MaxPool(size=28), Conv(kernel=3, padding=1), *END))


@pytest.mark.parametrize("pool", [MaxPool(), AvgPool()])
def test_a_pool_with_nothing_left_to_pool_is_refused(pool):
    error = refusal(pool, pool, pool, pool, pool, *END)  # 14, 7, 3, 1
    assert error.startswith(
        f"Layer 5 ({pool.kind} 2) does not fit: its 2 x 2 window is larger than the 1 x 1 feature map"
    )


def test_a_pool_padded_by_more_than_half_is_refused_as_torch_does():
    assert refusal(MaxPool(size=3, padding=2), *END).startswith("Layer 1 (max_pool 3) does not fit: its padding of 2")


def test_a_dense_layer_on_a_map_is_refused():
    error = refusal(Conv(), Dense(units=10))
    assert error == (
        "Layer 2 (dense 10) does not fit: it gets a feature map of 32 x 28 x 28: "
        "put a flatten or a global pool before it."
    )


@pytest.mark.parametrize("layer", [Conv(), MaxPool(), AvgPool(), GlobalAvgPool(), GlobalMaxPool(), PixelUnshuffle()])
def test_a_layer_that_needs_a_map_is_refused_after_a_flatten(layer):
    assert refusal(Flatten(), layer, Dense(units=10)).startswith(
        f"Layer 2 ({describe(layer)}) does not fit: it needs a feature map, but gets 784 values"
    )


def test_a_dense_block_after_a_flatten_is_refused():
    assert "it needs a feature map" in refusal(Flatten(), DenseBlock(layers=(Dense(),)), Dense(units=10))


def test_same_padding_with_an_even_kernel_is_refused():
    error = refusal(Conv(kernel=4), *END)
    assert error.startswith("Layer 1 (conv 32 4x4 same) does not fit: 'same' padding needs an odd kernel, not 4")


def test_a_map_that_cannot_be_cut_into_squares_is_refused():
    assert refusal(PixelUnshuffle(factor=3), *END).startswith(
        "Layer 1 (pixel_unshuffle 3) does not fit: a 28 x 28 feature map cannot be cut into squares of 3"
    )


@pytest.mark.parametrize("last", [Dense(units=11), Flatten(), Conv(filters=10)])
def test_a_table_that_does_not_end_with_ten_values_is_refused(last):
    before = (Flatten(),) if last.kind == "dense" else ()
    assert refusal(*before, last).startswith(f"Layer {len(before) + 1} ({describe(last)}) is the last and gives ")


def test_a_residual_whose_shortcut_does_not_fit_is_refused():
    error = refusal(Conv(), Residual(layers=(Conv(filters=64, stride=2),)), *END)
    assert error.startswith(
        "Layer 2 (residual) does not fit: its layers give 64 x 14 x 14 but its shortcut gives 32 x 28 x 28"
    )
    summarize(
        table(Conv(), Residual(layers=(Conv(filters=64, stride=2),), shortcut=(Conv(filters=64, stride=2),)), *END)
    )


def test_inception_branches_that_do_not_fit_are_refused():
    error = refusal(Inception(paths=((Conv(filters=8),), (Conv(filters=8, stride=2),))), *END)
    assert error.startswith("Layer 1 (inception) does not fit: its branches give 8 x 28 x 28, 8 x 14 x 14")
    assert refusal(Inception(paths=((Flatten(),), (Flatten(),))), Dense(units=10)).startswith("Layer 1 (inception)")


@pytest.mark.parametrize("layer", [Conv(stride=2), MaxPool(), GlobalAvgPool()])
def test_a_dense_block_that_changes_the_size_of_the_map_is_refused(layer):
    error = refusal(DenseBlock(layers=(layer,)), *END)
    assert error.startswith("Layer 1 (dense_block) does not fit: its layers turn 1 x 28 x 28 into ")


def test_a_layer_inside_a_shortcut_is_refused_with_its_nested_number():
    block = Residual(layers=(Conv(),), shortcut=(Conv(kernel=2),))
    assert refusal(Conv(), Conv(), block, *END).startswith("Layer 3.2.1 (conv 32 2x2 same) does not fit: ")


def test_a_layer_inside_a_block_inside_a_block_is_refused_with_its_nested_number():
    block = Residual(layers=(Conv(), Inception(paths=((), (Activation(), Dense())))))
    assert refusal(block, *END).startswith("Layer 1.1.2.2.2 (dense 128) does not fit: ")


def test_a_layer_that_only_a_later_repeat_cannot_take_is_refused_with_that_repeat():
    squares = Residual(layers=(Conv(filters=1),))  # adds to one channel only
    assert refusal(DenseBlock(repeat=2, layers=(squares,)), *END).startswith("Layer 1.2.1 (residual) does not fit: ")


def test_more_parameters_than_the_limit_are_refused():
    assert "50,000,000" in refusal(Conv(filters=4096), Conv(filters=4096), *END)


def test_a_table_with_nothing_to_train_is_refused():
    ten = Inception(paths=((PixelUnshuffle(),), (PixelUnshuffle(),), (AvgPool(),), (AvgPool(),)))
    assert refusal(ten, GlobalAvgPool()) == "The table has nothing to train: add a convolution or a dense layer."


def test_layers_inside_blocks_count_towards_the_limit():
    assert "more than 300 layers" in refusal(DenseBlock(repeat=32, layers=(Activation(),) * 10), *END)
    summarize(table(DenseBlock(repeat=8, layers=(*(Activation(),) * 15, Conv(filters=1))), *END))


@pytest.mark.timeout(5)
def test_repeats_in_repeats_are_refused_at_once():
    block = DenseBlock(repeat=32, layers=(Conv(filters=1),))
    for _ in range(3):
        block = DenseBlock(repeat=32, layers=(block,) * 16)
    assert "more than 300 layers" in refusal(block, *END)


def test_blocks_nested_deeper_than_the_limit_are_refused():
    def nested(depth: int) -> Layer:
        return Residual(layers=(nested(depth - 1),)) if depth else Conv(filters=1)

    assert "it is inside 4 other blocks" in refusal(nested(6), *END)
    summarize(table(nested(4), *END))


def test_examining_a_table_that_fits_gives_all_rows_and_no_error():
    model = presets()["resnet"].model
    assert examine(model) == (summarize(model), None)


def test_examining_a_table_being_edited_gives_the_rows_before_the_fault():
    model = table(Conv(filters=4), MaxPool(), Dense(units=10), Activation())
    rows, error = examine(model)
    assert [row.output for row in rows] == [(4, 28, 28), (4, 14, 14)]
    assert str(error).startswith("Layer 3 (dense 10)")


def test_descriptions_name_what_matters():
    described = [Conv(stride=2), Conv(kernel=5, padding=1), Dropout(rate=0.3), Dense(units=7), LogitScale(), Flatten()]
    assert [describe(layer) for layer in described] == [
        *("conv 32 3x3 stride 2 same", "conv 32 5x5 padding 1", "dropout 0.3", "dense 7"),
        *("logit_scale 0.125", "flatten"),
    ]


# Random tables: either refused, or built as promised.

small = st.integers(1, 4)
paddings = st.sampled_from(["same", "valid", 0, 1, 2])
convs = st.builds(Conv, filters=small, kernel=small, stride=st.integers(1, 2), padding=paddings, bias=st.booleans())
pool_options = {"size": small, "stride": st.none() | st.integers(1, 3), "padding": st.integers(0, 1)}
simple = st.one_of(
    convs,
    st.builds(BatchNorm, learn_weight=st.booleans()),
    st.builds(Activation, function=st.sampled_from(["relu", "gelu", "tanh", "leaky_relu", "elu"])),
    st.builds(MaxPool, **pool_options),
    st.builds(AvgPool, **pool_options),
    st.just(PixelUnshuffle()),
    st.builds(Dropout, rate=st.floats(0, 0.99)),
    st.just(LogitScale()),
)
keeping = st.one_of(
    st.builds(Conv, filters=small, kernel=st.sampled_from([1, 3]), bias=st.booleans()), st.just(BatchNorm()), simple
)
chains = st.lists(keeping, min_size=1, max_size=3).map(tuple)
blocks = st.one_of(
    st.builds(Residual, layers=chains, shortcut=st.just(()) | chains),
    st.builds(Inception, paths=st.lists(st.just(()) | chains, min_size=1, max_size=3).map(tuple)),
    st.builds(DenseBlock, layers=chains, repeat=st.integers(1, 3)),
)
ends = st.one_of(
    st.just(END),
    st.just((GlobalMaxPool(), Dense(units=10))),
    st.just((GlobalAvgPool(), BatchNorm(), Flatten(), Dense(units=5), Activation(), Dense(units=10, bias=False))),
    st.just((Dense(units=10),)),
)
tables = st.builds(lambda body, end: table(*body, *end), st.lists(simple | blocks, max_size=6), ends)


@given(tables)
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_table_is_refused_or_built_as_promised(model):
    try:
        summarize(model)
    except ConfigError as error:
        assert str(error).startswith("Layer ")
        with pytest.raises(ConfigError):
            build(model)
        return
    network = build(model)
    check_against_torch(model, network)
    network.train()(torch.rand(3, 1, 28, 28)).sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
