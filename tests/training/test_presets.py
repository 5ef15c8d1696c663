"""The named starting points: the papers' parameter counts exactly, and that each can be built."""

import pytest
import torch

from fmexplore.errors import ConfigError
from fmexplore.models.networks import build
from fmexplore.models.table import parameters, summarize
from fmexplore.training.presets import find_preset, presets
from fmexplore.training.published import SYSTEMS

PRINTED = {
    "codered-base": 565_386,
    "codered-final": 590_346,
    "team4-cnn": 50_378,
    "team4-ann": 109_386,
    "venkatesh-initial": 98_442,
    "venkatesh-optimised": 98_442,
    "patel-basic": 101_770,
    "patel-cnn-32": 693_962,
    "patel-cnn-64": 1_386_506,
    "patel-cnn-128": 2_058_378,
    "patel-final": 421_642,
}
PRINTED_BY_LAYER = {
    "codered-base": [320, 18_496, 409_856, 131_584, 5_130],
    "codered-final": [320, 18_496, 73_856, 295_168, 65_792, 131_584, 5_130],
    "venkatesh-initial": [160, 4_640, 18_496, 73_856, 1_290],
}


def test_the_papers_systems_are_the_eleven():
    assert [system.id for system in SYSTEMS] == list(PRINTED)


@pytest.mark.parametrize(("name", "count"), PRINTED.items())
def test_a_published_system_has_the_published_number_of_parameters(name, count):
    assert parameters(summarize(find_preset(name).model)) == count


@pytest.mark.parametrize(("name", "counts"), PRINTED_BY_LAYER.items())
def test_every_layer_of_a_published_system_has_the_published_number(name, counts):
    rows = summarize(find_preset(name).model)
    assert [row.parameters for row in rows if row.parameters] == counts


@pytest.mark.parametrize("name", presets())
def test_every_preset_builds_and_gives_ten_finite_logits(name):
    network = build(find_preset(name).model).eval()
    with torch.no_grad():
        logits = network(torch.rand(2, 1, 28, 28))
    assert logits.shape == (2, 10)
    assert logits.isfinite().all()


def test_every_preset_carries_its_own_id_into_its_run():
    assert [preset.config.preset for preset in presets().values()] == list(presets())


def test_every_published_system_says_what_it_assumes_and_where_it_is_from():
    for system in SYSTEMS:
        about = find_preset(system.id).about
        assert system.assumed
        assert all(name in about and value in about for name, value in system.assumed.items())
        assert find_preset(system.id).source == system.source


def test_quick_comes_first():
    assert next(iter(presets())) == "quick"


def test_an_unknown_preset_is_refused_with_the_ids_there_are():
    with pytest.raises(ConfigError) as caught:
        find_preset("lenet")
    assert "'lenet'" in str(caught.value)
    for name in presets():
        assert name in str(caught.value)
