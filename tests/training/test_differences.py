"""What trainings have apart, against what is written by hand."""

import pytest

from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, GlobalAvgPool
from fmexplore.models.table import Model
from fmexplore.training.config import RunConfig
from fmexplore.training.differences import MOST_LAYERS, config_differences, layer_differences, seed_groups


def network(*layers) -> Model:
    return Model(layers=(*layers, GlobalAvgPool(), Dense(units=10)))


PLAIN = network(Conv(filters=8), Activation(), Conv(filters=16))


def config(model: Model = PLAIN, preset: str = "custom", **training) -> RunConfig:
    return RunConfig(preset=preset, model=model, training=training)


def told(*configs: RunConfig) -> dict:
    return {each.name: each.values for each in config_differences(configs)}


def test_only_what_differs_is_named_with_a_value_of_each():
    found = told(config(epochs=2, learning_rate=0.1), config(epochs=3, learning_rate=0.1), config(epochs=2))
    assert found == {"epochs": (2, 3, 2), "learning_rate": (0.1, 0.1, 0.001)}


def test_alike_configurations_differ_in_nothing():
    assert config_differences([config(seed=3)] * 3) == []


def test_settings_inside_others_have_dotted_names_and_none_where_they_are_not():
    stopping = {"monitor": "accuracy", "patience": 5}
    found = told(config(augmentation={"shift": 2}), config(early_stopping=stopping))
    assert found == {
        "augmentation.shift": (2, 0),
        "early_stopping.monitor": (None, "accuracy"),
        "early_stopping.patience": (None, 5),
    }


def test_presets_and_how_the_network_starts_count_and_the_seed_comes_last():
    model = PLAIN.replace(initialization="he", input_scale="standardized")
    names = list(told(config(preset="one", seed=1), config(model, preset="two", seed=2, weight_decay=0.1)))
    assert names == ["preset", "model.initialization", "model.input_scale", "weight_decay", "seed"]


def test_a_setting_without_effect_has_no_value_and_what_follows_or_is_automatic_is_not_chosen():
    found = config_differences(
        [
            config(optimizer="sgd", momentum=0.8, schedule="cosine", threads=2),
            config(optimizer="adam", momentum=0.9, schedule="one-cycle", warmup=0.3, precision="fp32"),
        ]
    )
    assert {each.name: each.values for each in found} == {
        "optimizer": ("sgd", "adam"),
        "momentum": (0.8, None),
        "nesterov": (False, None),
        "beta1": (None, 0.9),
        "beta2": (None, 0.999),
        "epsilon": (None, 1e-8),
        "schedule": ("cosine", "one-cycle"),
        "warmup": (None, 0.3),
        "threads": (2, 0),
        "precision": ("auto", "fp32"),
    }
    assert [each.name for each in found if each.chosen] == ["optimizer", "schedule"]
    both = config_differences([config(optimizer="sgd", momentum=each, threads=each * 10) for each in (0.1, 0.2)])
    assert [(each.name, each.chosen) for each in both] == [("momentum", True), ("threads", True)]


def test_two_layer_tables_are_told_apart_layer_by_layer():
    wider = network(Conv(filters=8), BatchNorm(), Activation(), Conv(filters=32))
    found = {each.name: each.values for each in layer_differences([PLAIN, wider, PLAIN])}
    assert found == {
        "layer 2": (None, "batch_norm", None),
        "layer 4": ("conv 16 3x3 same", "conv 32 3x3 same", "conv 16 3x3 same"),
    }


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (Conv(bias=True), Conv(bias=False), ("conv 32 3x3 same: bias True", "conv 32 3x3 same: bias False")),
        (BatchNorm(), BatchNorm(momentum=0.4), ("batch_norm: momentum 0.1", "batch_norm: momentum 0.4")),
        (Dropout(rate=0.2), Dropout(rate=0.5), ("dropout 0.2", "dropout 0.5")),
    ],
)
def test_a_layer_is_told_apart_also_by_what_its_description_leaves_out(first, second, texts):
    (found,) = layer_differences([network(first), network(second)])
    assert found.values == texts


def test_networks_with_little_in_common_are_outlined():
    deep = network(*(Conv(filters=count) for count in range(10, 10 + MOST_LAYERS + 1)))
    third = network(Conv(filters=4))
    (found,) = layer_differences([PLAIN, deep, third])
    assert found.name == "network"
    assert found.values == (
        "5 layers: conv 8-16, dense 10",
        f"{MOST_LAYERS + 3} layers: {MOST_LAYERS + 1} x conv, dense 10",
        "3 layers: conv 4, dense 10",
    )


def test_networks_that_an_outline_does_not_tell_apart_still_differ():
    three = [network(Conv(filters=8), Dropout(rate=rate)) for rate in (0.1, 0.2, 0.3)]
    (found,) = layer_differences(three)
    assert len(set(found.values)) == 3


def test_runs_that_differ_in_nothing_but_their_seed_are_a_group():
    configs = [config(seed=1), config(epochs=3), config(seed=2, preset="other-name"), config(seed=3), config(seed=2)]
    assert seed_groups(configs) == [(0, 2, 3)]
    assert seed_groups([config(seed=1), config(seed=1)]) == [], "a repetition is no other seed"
    assert seed_groups([config(seed=1), config(PLAIN.replace(initialization="he"), seed=2)]) == []
