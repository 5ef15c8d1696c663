"""Training settings: what they allow, and that they survive JSON."""

import json

import pytest

from fmexplore.data.fashion_mnist import SplitConfig
from fmexplore.errors import ConfigError
from fmexplore.models.layers import Dense, Flatten
from fmexplore.models.table import Model
from fmexplore.training.config import Augmentation, EarlyStopping, Execution, RunConfig, TrainConfig
from fmexplore.training.presets import presets

MODEL = Model(layers=(Flatten(), Dense(units=10)))


@pytest.mark.parametrize("name", presets())
def test_the_run_of_every_preset_survives_json(name):
    config = presets()[name].config
    assert RunConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_a_run_with_every_option_survives_json():
    training = TrainConfig(
        epochs=0.25,
        augmentation=Augmentation(flip="alternating", shift=2, rotation=10, erasing=0.5),
        early_stopping=EarlyStopping(monitor="accuracy", patience=7),
        schedule="warmup-linear",
    )
    config = RunConfig(preset="mine-1", model=MODEL, training=training)
    assert RunConfig.parse(json.loads(config.model_dump_json())) == config


def test_how_the_images_are_split_stays_two_fields_in_json_and_is_one_value_in_code():
    values = TrainConfig(validation="share", validation_share=0.2).model_dump(mode="json")
    assert (values["validation"], values["validation_share"]) == ("share", 0.2)
    assert "split_config" not in values
    assert TrainConfig.parse(values).split_config == SplitConfig("share", 0.2)
    assert TrainConfig().split_config == SplitConfig(), "as is taken where there is no run"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("epochs", 0),
            ("epochs", -1),
            ("epochs", 1001),
            ("batch_size", 1),
            ("batch_size", 5000),
            ("batch_size", 2.5),
        ),
        *(("seed", -1), ("seed", 2**31), ("learning_rate", 0), ("momentum", 1), ("beta2", 1), ("epsilon", 0)),
        *(("warmup", 1), ("weight_decay", -1), ("l1", -1), ("label_smoothing", 1), ("validation_share", 0.6)),
        *(("snapshots", 101), ("threads", 65), ("device", "tpu"), ("precision", "fp16"), ("schedule", "linear")),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field} is {value!r}: it should be "):
        TrainConfig.parse({field: value})


def test_early_stopping_without_validation_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match=r"^early_stopping needs .* choose 'share'\.$"):
        TrainConfig.parse({"validation": "none", "early_stopping": {}})
    assert TrainConfig.parse({"validation": "test", "early_stopping": {}}).early_stopping == EarlyStopping()


@pytest.mark.parametrize(("validation", "peeks"), [("share", False), ("none", False), ("test", True)])
def test_only_a_run_that_validates_on_the_test_set_peeks(validation, peeks):
    assert TrainConfig.parse({"validation": validation}).peeks is peeks


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "../a", "a" * 41, "ä"])
def test_a_preset_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(ConfigError, match=r"^preset is "):
        RunConfig.parse({"preset": name, "model": MODEL.model_dump(mode="json")})


def test_a_run_of_another_format_is_refused():
    with pytest.raises(ConfigError, match=r"^format is 2: it should be 1\.$"):
        RunConfig.parse({"format": 2, "model": MODEL.model_dump(mode="json")})


def test_a_machine_runs_in_one_of_two_precisions():
    assert Execution.parse({"precision": "bf16"}).precision == "bf16"
    with pytest.raises(ConfigError, match=r"^precision is 'auto'"):
        Execution.parse({"precision": "auto"})
