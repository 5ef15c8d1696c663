"""The ten class colours, and those of compared runs: apart for every kind of sight, and visible on both grounds."""

import itertools
import tomllib
from pathlib import Path

import pytest
from coloraide import Color

import fmexplore
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.charts.base import CLASS_COLORS, RUN_COLORS, RUN_SYMBOLS

ROOT = Path(fmexplore.__file__).resolve().parent.parent
COLORS = [Color(color) for color in CLASS_COLORS]


RUNS = [Color(color) for color in RUN_COLORS]


def distance(pair: tuple[int, int], sight: str, colors: list[Color] = COLORS) -> float:
    """CIEDE2000."""
    first, second = (colors[n] if sight == "normal" else colors[n].filter(sight) for n in pair)
    return first.delta_e(second, method="2000")


@pytest.mark.parametrize("sight", ["normal", "protan", "deutan"])
def test_any_two_classes_are_told_apart(sight):
    assert len(COLORS) == len(CLASS_NAMES)
    pairs = itertools.combinations(range(len(COLORS)), 2)
    assert min(distance(pair, sight) for pair in pairs) >= 12


@pytest.mark.parametrize("pair", [(6, 0), (6, 2), (6, 4), (4, 2), (7, 9), (7, 5)])
def test_classes_that_networks_confuse_are_farther_apart(pair):
    assert min(distance(pair, sight) for sight in ("normal", "protan", "deutan")) >= 18


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_is_seen_on_the_ground(theme):
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    ground = config["theme"][theme]["backgroundColor"]
    assert min(color.contrast(ground) for color in COLORS) >= 2.5
    assert min(color.contrast(ground) for color in RUNS) >= 2.95


@pytest.mark.parametrize("sight", ["normal", "protan", "deutan"])
def test_any_two_compared_runs_are_told_apart_by_colour_and_mark(sight):
    assert len(set(RUN_SYMBOLS)) == len(RUNS) == 6
    assert min(distance(pair, sight, RUNS) for pair in itertools.combinations(range(len(RUNS)), 2)) >= 20
