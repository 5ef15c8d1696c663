"""What a study will take, and one that fits a given time."""

import pytest

from fmexplore.errors import ConfigError
from fmexplore.settings import Settings
from fmexplore.training.presets import find_preset
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.estimates import FEWEST_TRIALS, WANTED_TRIALS, choose_plan, estimate_study
from fmexplore.tuning.space import parse_axes
from tests.conftest import know_machine


@pytest.fixture
def machine(home) -> Settings:
    know_machine(home)
    return Settings(home=home)


def study(*axes: str, **settings) -> StudyConfig:
    given = {"trials": 20, **settings}
    space = parse_axes(list(axes or ("learning_rate=log:0.01:0.3", "filters=16,24,32")))
    return StudyConfig(base=find_preset("quick").config, space=space, **given)


def test_nothing_is_said_of_a_machine_that_was_not_measured(home):
    assert estimate_study(study(), Settings(home=home)) is None
    with pytest.raises(ConfigError, match="not known yet"):
        choose_plan(study(minutes=20), Settings(home=home))


def test_twice_the_trials_take_twice_the_time_and_wider_networks_more(machine):
    one, two, wide = (estimate_study(study(*axes), machine) for axes in ((), (), ("filters=64,96",)))
    double = estimate_study(study(trials=40), machine)
    assert one == two
    assert double.seconds == pytest.approx(2 * one.seconds)
    assert one.low < one.seconds < one.high
    assert wide.seconds > one.seconds
    assert wide.memory_mb > one.memory_mb
    assert one.about.startswith("About 20 trials in ")


def test_minutes_limit_the_trials_and_the_confirmation_comes_after_them(machine):
    each = estimate_study(study(trials=1), machine).seconds
    limited = estimate_study(study(trials=None, minutes=each * 7.5 / 60), machine)
    assert limited.trials == 7
    assert limited.high <= each * 7.5 + 1e-6
    confirmed = estimate_study(study(trials=None, minutes=each * 7.5 / 60, confirm=3), machine)
    assert confirmed.high > limited.high


def test_a_grid_has_no_more_trials_than_points(machine):
    assert estimate_study(study("filters=16,24", "dense=8,16", searcher="grid", trials=50), machine).trials == 4


def test_what_cannot_be_built_is_said(machine):
    found = estimate_study(study("kernel=2,3"), machine)
    assert 0 < found.refused < 1
    assert "of the space cannot be built" in found.about
    with pytest.raises(ConfigError, match="None of 40 configurations drawn from the space can be built"):
        estimate_study(study("kernel=2,4"), machine)


@pytest.mark.parametrize("minutes", [4, 8, 20, 60, 500])
def test_choose_for_me_fits_the_time(machine, minutes):
    plan = choose_plan(study(trials=None, minutes=minutes, confirm=3), machine)
    assert plan.estimate.seconds <= 60 * minutes
    assert FEWEST_TRIALS <= plan.config.trials <= WANTED_TRIALS
    assert plan.config.confirm == 3
    assert plan.config.base.training.epochs <= find_preset("quick").config.training.epochs
    assert f"{plan.config.trials} trials" in plan.about


def test_a_time_that_is_too_short_names_how_much_is_needed(machine):
    with pytest.raises(ConfigError, match=r"minutes is 0\.05: 5 short trials take \d"):
        choose_plan(study(minutes=0.05), machine)
    with pytest.raises(ConfigError, match="minutes is missing"):
        choose_plan(study(), machine)


def test_a_grid_stays_one_where_it_fits(machine):
    plan = choose_plan(study("filters=8,16", searcher="grid", trials=None, minutes=500), machine)
    assert (plan.config.searcher, plan.config.trials) == ("grid", 2)
    large = study("filters=8,16", "learning_rate=0.01:0.3:50", searcher="grid", trials=None, minutes=5)
    assert choose_plan(large, machine).config.searcher in ("random", "tpe")
