"""Axes that change the layer table, on tables of every kind."""

import pytest

from fmexplore.errors import ConfigError
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Residual
from fmexplore.models.table import Model, summarize, walk
from fmexplore.training.presets import find_preset, presets
from fmexplore.tuning.layer_axes import set_convolutions, set_dense, set_dropout, set_filters, set_kernel


def convolutions(model: Model) -> list[Conv]:
    return [row.layer for row in walk(summarize(model)) if isinstance(row.layer, Conv)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_table_gets_as_many_convolutions_each_with_its_norm_and_activation(count):
    model = set_convolutions(find_preset("quick").model, count)
    kinds = [layer.kind for layer in model.layers]
    assert [kinds.count(kind) for kind in ("conv", "batch_norm", "activation")] == [count] * 3
    assert kinds.count("max_pool") == 3  # pooling stays, so that the dense layer sees maps of the same size
    assert summarize(model)


def test_a_repeated_convolution_keeps_the_size_of_its_map():
    strided = Conv(filters=8, kernel=5, stride=2, padding="valid")
    model = Model(layers=(strided, Activation(), MaxPool(), Flatten(), Dense(units=10)))
    longer = set_convolutions(model, 3)
    copy = strided.replace(stride=1, padding="same")
    expected = (strided, Activation(), *(copy, Activation()) * 2, MaxPool(), Flatten(), Dense(units=10))
    assert longer.layers == expected
    assert summarize(longer)[-1].output == (10,)


def test_all_filters_keep_their_ratio_to_the_first_also_inside_blocks():
    block = Residual(layers=(Conv(filters=32), BatchNorm(), Conv(filters=32)))
    model = Model(layers=(Conv(filters=16), Conv(filters=32), block, Flatten(), Dense(units=10)))
    assert [conv.filters for conv in convolutions(set_filters(model, 4))] == [4, 8, 8, 8]
    assert [conv.filters for conv in convolutions(set_filters(model, 16))] == [16, 32, 32, 32]


def test_a_kernel_size_holds_for_all_but_the_convolutions_of_1_by_1():
    resnet = find_preset("resnet").model
    before, after = ([conv.kernel for conv in convolutions(each)] for each in (resnet, set_kernel(resnet, 5)))
    assert after == [1 if kernel == 1 else 5 for kernel in before]
    assert {1, 3} == set(before)


def test_hidden_dense_layers_get_the_width_and_a_table_without_any_gets_one():
    units = [layer.units for layer in set_dense(find_preset("lenet-5").model, 40).layers if isinstance(layer, Dense)]
    assert units == [40, 40, 10]
    units = [layer.units for layer in set_dense(find_preset("quick").model, 40).layers if isinstance(layer, Dense)]
    assert units == [40, 10]


def test_dropout_layers_get_the_rate_and_a_table_without_any_gets_one():
    assert [each.rate for each in set_dropout(find_preset("quick").model, 0.3).layers if isinstance(each, Dropout)] == [
        0.3
    ]
    alexnet = set_dropout(find_preset("alexnet").model, 0.1)
    assert [each.rate for each in alexnet.layers if isinstance(each, Dropout)] == [0.1, 0.1]


@pytest.mark.parametrize("change", [set_convolutions, set_filters, set_kernel])
def test_what_a_table_does_not_have_is_named_with_the_remedy(change):
    with pytest.raises(ConfigError, match=r"is 3, and the table has n.+ vary something else"):
        change(find_preset("team4-ann").model, 3)


def test_every_preset_takes_each_axis_or_says_why_not():
    for preset in presets().values():
        for change, value in ((set_convolutions, 2), (set_filters, 8), (set_kernel, 3), (set_dense, 8)):
            try:
                assert summarize(change(preset.model, value))
            except ConfigError as error:
                assert "the table has no" in str(error), (preset.id, change)
