"""The base of configuration objects: what it accepts, and how it says what it does not."""

import json

import pytest
from pydantic import ValidationError

from fmexplore.errors import ConfigError
from fmexplore.models.layers import Conv
from fmexplore.models.table import Model
from fmexplore.training.config import RunConfig, TrainConfig


def layer_error(*layers: object) -> str:
    with pytest.raises(ConfigError) as caught:
        Model.parse({"layers": list(layers)})
    return str(caught.value)


def training_error(**values: object) -> str:
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse(values)
    return str(caught.value)


def nest(depth: int) -> dict:
    layer: dict = {"kind": "conv"}
    for _ in range(depth):
        layer = {"kind": "residual", "layers": [layer]}
    return layer


def test_what_is_written_as_json_is_read_back_equal():
    config = TrainConfig(epochs=1.5, optimizer="muon", schedule="one-cycle")
    assert TrainConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_an_object_can_be_given_in_place_of_its_json():
    config = TrainConfig(seed=7)
    assert TrainConfig.parse(config) == config


def test_an_object_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        TrainConfig().seed = 3  # pyrefly: ignore


def test_replace_changes_a_copy():
    config = TrainConfig()
    assert config.replace(seed=3).seed == 3
    assert config.seed == 0


def test_replace_validates_again():
    with pytest.raises(ConfigError, match=r"^epochs is 0: it should be greater than 0\.$"):
        TrainConfig().replace(epochs=0)


def test_a_wrong_value_is_named_with_its_field_and_what_is_allowed():
    assert training_error(optimizer="lion") == (
        "optimizer is 'lion': it should be 'sgd', 'adam', 'adamw', 'rmsprop' or 'muon'."
    )


def test_a_field_inside_a_field_is_named_with_both():
    assert training_error(augmentation={"shift": 99}).startswith("augmentation.shift is 99: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    assert training_error(learning_rate=value) == f"learning_rate is {value}: it should be a finite number."


def test_an_unknown_setting_is_named():
    assert training_error(learnrate=1) == ("learnrate is not a setting that exists: remove it or check its spelling.")


def test_a_missing_field_is_named():
    with pytest.raises(ConfigError, match=r"^model is missing: give it a value\.$"):
        RunConfig.parse({})


def test_a_text_that_does_not_match_is_refused_in_plain_words():
    with pytest.raises(ConfigError, match=r"^preset is 'A b': it should match pattern"):
        RunConfig.parse({"preset": "A b", "model": {"layers": [{"kind": "conv"}]}})


@pytest.mark.parametrize("values", ["text", None, 3, []])
def test_something_that_is_no_object_is_refused(values):
    with pytest.raises(ConfigError, match=r"^the value is .*: it should be a valid dictionary"):
        RunConfig.parse(values)


def test_layers_are_counted_from_one():
    assert layer_error({"kind": "flatten"}, {"kind": "conv", "kernel": 0}) == (
        "Layer 2, kernel is 0: it should be greater than or equal to 1."
    )


def test_a_layer_of_a_run_is_named_without_the_word_model():
    with pytest.raises(ConfigError, match=r"^Layer 1, kernel is 0: "):
        RunConfig.parse({"model": {"layers": [{"kind": "conv", "kernel": 0}]}})


def test_a_layer_in_a_block_has_the_number_that_the_summary_gives_it():
    bad = {"kind": "conv", "filters": -1}
    conv = {"kind": "conv"}
    assert layer_error({"kind": "residual", "layers": [conv, bad]}).startswith("Layer 1.1.2, filters is -1")
    assert layer_error({"kind": "residual", "layers": [conv], "shortcut": [bad]}).startswith("Layer 1.2.1, filters")
    assert layer_error(conv, {"kind": "inception", "paths": [[conv], [], [conv, bad]]}).startswith("Layer 2.3.2, ")
    assert layer_error({"kind": "dense_block", "layers": [bad]}).startswith("Layer 1.1.1, filters")
    inner = {"kind": "residual", "layers": [conv], "shortcut": [bad]}
    assert layer_error(conv, conv, {"kind": "residual", "layers": [inner]}).startswith("Layer 3.1.1.2.1, filters")


def test_an_unknown_kind_is_refused_with_the_kinds_there_are():
    error = layer_error({"kind": "convolution"})
    assert error.startswith("Layer 1, kind is 'convolution': it should be one of 'conv', ")
    assert "'dense_block'" in error


def test_a_missing_kind_is_named():
    assert layer_error({"filters": 3}) == "Layer 1, kind is missing: give it a value."


def test_where_words_and_numbers_are_allowed_both_are_named():
    assert layer_error({"kind": "conv", "padding": 99}) == (
        "Layer 1, padding is 99: it should be 'same' or 'valid', or it should be less than or equal to 14."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("filters", 0), ("filters", -5), ("filters", 10**12), ("kernel", 29), ("stride", 0), ("filters", 2.5)],
)
def test_zero_negative_and_huge_numbers_are_refused_with_their_value(field, value):
    assert layer_error({"kind": "conv", field: value}).startswith(f"Layer 1, {field} is {value}: it should be ")


@pytest.mark.parametrize("rate", [1, -0.1, float("nan")])
def test_a_dropout_rate_that_is_no_share_is_refused(rate):
    assert layer_error({"kind": "dropout", "rate": rate}).startswith(f"Layer 1, rate is {rate}: it should be ")


def test_a_long_value_is_shortened():
    assert len(layer_error({"kind": "conv", "filters": "x" * 10_000})) < 200


def test_an_empty_table_and_one_of_too_many_layers_are_refused():
    assert layer_error() == "layers is []: it should have at least 1 item, not 0."
    error = layer_error(*[{"kind": "flatten"}] * 301)
    assert error.startswith("layers is [")
    assert error.endswith("it should have at most 300 items, not 301.")


def test_a_table_nested_thousands_deep_is_refused():
    assert layer_error(nest(3000)).startswith("Layer 1.1.1.")


def test_defaults_are_valid():
    assert Conv.parse({"kind": "conv"}) == Conv()
