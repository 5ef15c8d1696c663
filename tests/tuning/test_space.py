"""What a search may vary: read, checked, applied."""

import json

import pytest

from fmexplore.errors import ConfigError
from fmexplore.training.config import RunConfig, TrainConfig
from fmexplore.training.presets import find_preset
from fmexplore.tuning.layer_axes import LAYER_AXES
from fmexplore.tuning.space import FIXED, Choice, Range, Space, parse_axes, settings


@pytest.fixture
def quick() -> RunConfig:
    return find_preset("quick").config


def test_a_whole_number_is_one_however_it_is_written(quick):
    space = parse_axes(["convolutions=2.0,3.0"])
    space.check(quick)
    assert repr(space.axes["convolutions"].values) == "(2, 3)"
    with pytest.raises(ConfigError, match="a value twice"):
        parse_axes(["dropout=0,0.0"])


def test_axes_are_read_as_they_are_written():
    space = parse_axes([
        "learning-rate=log:0.01:0.3", "batch_size=16:64:3", "filters=16,24,32", "nesterov=true,false",
        "optimizer=adam, sgd", "augmentation.flip=none,random",
    ])  # fmt: skip
    assert space.axes == {
        "learning_rate": Range(low=0.01, high=0.3, log=True),
        "batch_size": Range(low=16, high=64, points=3),
        "filters": Choice(values=(16, 24, 32)),
        "nesterov": Choice(values=(True, False)),
        "optimizer": Choice(values=("adam", "sgd")),
        "augmentation.flip": Choice(values=("none", "random")),
    }
    again = Space.parse(json.loads(space.model_dump_json()))
    assert again == space
    assert [type(value) for value in again.axes["nesterov"].values] == [bool, bool]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rate=0.3:0.1", "learning_rate is 0.3 to 0.1, and the low end is above the high one: swap them."),
        ("learning_rate=log:0:1", "begin above 0, or leave out log"),
        ("learning_rate=log:-1:1", "begin above 0, or leave out log"),
        ("learning_rate=0:nan", "write a range as low:high"),
        ("learning_rate=1:2:3:4", "write a range as low:high"),
        ("learning_rate", "write it as name=low:high"),
        ("learning_rate=", "write it as name=low:high"),
        ("learning_rate=0.1,0.1", "learning_rate has a value twice"),
        ("learning_rate=0.1,x", "learning_rate has the value 'x': it takes numbers"),
        ("learning_rate=0.1,-2", "learning_rate is -2: it should be greater than 0"),
        ("learning_rate=-1:1", "learning_rate is -1.0: it should be greater than 0"),
        ("batch_size=0.5:3", "takes whole numbers only"),
        ("batch_size=1,64", "batch_size is 1: it should be greater than or equal to 2"),
        ("optimizer=1:2", "list its values, among sgd, adam"),
        ("optimizer=adam,foo", "optimizer has the value 'foo': choose among sgd, adam"),
        ("nesterov=1,0", "nesterov has the value 1: it takes true and false"),
        ("kernel=0,3", "kernel has the value 0: it goes from 1 to 28"),
        ("epohcs=1,2", "there is no such setting: choose among epochs, batch_size"),
        ("early_stopping=1", "there is no such setting"),
        *((f"{name}=1,2", f"{name} cannot be varied: {reason}") for name, reason in FIXED.items()),
    ],
)
def test_what_cannot_be_varied_names_the_setting_its_value_and_the_remedy(text, said, quick):
    with pytest.raises(ConfigError) as raised:
        parse_axes([text]).check(quick)
    assert said in str(raised.value)


def test_an_axis_twice_and_none_at_all_are_refused():
    with pytest.raises(ConfigError, match="names epochs twice"):
        parse_axes(["epochs=1,2", "epochs=3"])
    with pytest.raises(ConfigError, match="--vary is missing"):
        parse_axes([])


def test_every_setting_can_be_varied_or_says_why_not(quick):
    """Also one that is added later: it is found by itself, with its kind."""
    top = {name.partition(".")[0] for name in settings()} | set(FIXED)
    assert top == {*TrainConfig.model_fields, *LAYER_AXES}
    for name, setting in settings().items():
        values = setting.choices or ("0.5", "0.9") if setting.kind != "int" else ("3", "5")
        parse_axes([f"{name}={','.join(values)}"]).check(quick)


def test_an_axis_that_changes_nothing_is_refused_before_the_start():
    with pytest.raises(ConfigError, match="the table has no convolution"):
        parse_axes(["filters=8,16"]).check(find_preset("team4-ann").config)


def test_trials_need_validation_images_and_no_limit_of_time(quick):
    space = parse_axes(["epochs=1,2"])
    for change, said in (({"validation": "test"}, "choose 'share'"), ({"minutes": 3}, "set epochs")):
        with pytest.raises(ConfigError, match=said):
            space.check(quick.replace(training=quick.training.replace(**change)))


def test_values_change_the_configuration_and_nothing_else(quick):
    space = parse_axes(["learning_rate=0.1,0.2", "augmentation.shift=0,2", "filters=8,16", "convolutions=2,4"])
    values = {"learning_rate": 0.2, "augmentation.shift": 2, "filters": 12, "convolutions": 4}
    found = space.configure(quick, values)
    augmentation = quick.training.augmentation.replace(shift=2)
    assert found.training == quick.training.replace(learning_rate=0.2, augmentation=augmentation.model_dump())
    assert [layer.filters for layer in found.model.layers if layer.kind == "conv"] == [12, 24, 24, 48]


def test_a_corner_whose_table_cannot_be_built_is_allowed_in_the_space_and_refused_as_a_trial(quick):
    space = parse_axes(["kernel=2,3"])
    space.check(quick)
    assert space.configure(quick, {"kernel": 3})
    with pytest.raises(ConfigError, match="needs an odd kernel"):
        space.configure(quick, {"kernel": 2})


def test_a_grid_has_the_points_of_each_axis():
    space = parse_axes(["learning_rate=log:0.01:1:3", "batch_size=2:5:3", "optimizer=adam,sgd", "l1=0.5:0.5"])
    assert space.grid() == {
        "learning_rate": pytest.approx([0.01, 0.1, 1]), "batch_size": [2, 4, 5], "optimizer": ["adam", "sgd"],
        "l1": [0.5],
    }  # fmt: skip
    assert space.grid_size() == 18
    with pytest.raises(ConfigError, match=r"write learning_rate=log:0\.01:1:5 for five"):
        parse_axes(["learning_rate=log:0.01:1"]).grid()
