"""What is chosen for a given time: the best of what fits, by the measured table and this machine's speed."""

import pytest

from fmexplore.errors import ConfigError
from fmexplore.jobs import budget
from fmexplore.jobs.budget import Table, expected_accuracy, plan_training, read_table, suit_augmentation
from fmexplore.jobs.estimates import estimate, keep_execution, read_speed, update_speed
from fmexplore.settings import Settings
from fmexplore.training.config import Augmentation, Execution
from fmexplore.training.presets import presets


@pytest.fixture
def settings(home) -> Settings:
    made = Settings(home=home)
    update_speed(made, flops_per_second=5e11, step_seconds=0.002, worker_mb=500)
    return made


@pytest.fixture
def table(monkeypatch):
    rows = {"quick": [(1.0, 0.90), (4.0, 0.92)], "solid": [(1.0, 0.88), (4.0, 0.94)]}
    monkeypatch.setattr(budget, "read_table", lambda: Table(rows, {"quick": 6000, "solid": 3000}))


def test_the_shipped_table_is_of_presets_and_longer_is_better():
    found = read_table().trainings
    assert set(found) == set(read_table().images_per_second) == {"quick", "solid", "best"}
    assert set(found) <= set(presets())
    for points in found.values():
        lengths, accuracies = zip(*points, strict=True)
        assert list(lengths) == sorted(set(lengths))
        assert len(points) > 2
        assert accuracies[-1] == max(accuracies)
        assert 0.8 < min(accuracies) < max(accuracies) < 0.99


def test_between_two_measured_lengths_the_error_falls_by_equal_factors(table):
    assert expected_accuracy("quick", 1) == pytest.approx(0.90)
    assert expected_accuracy("quick", 4) == pytest.approx(0.92)
    assert 1 - expected_accuracy("quick", 2) == pytest.approx((0.1 * 0.08) ** 0.5)


def test_what_was_not_measured_is_not_promised(table):
    assert expected_accuracy("quick", 100) == pytest.approx(0.92)
    assert expected_accuracy("quick", 0.3) == pytest.approx(0.90)


def test_little_time_is_for_the_small_network_and_more_for_the_large_one(settings, table):
    assert plan_training(0.3, settings).config.preset == "quick"
    assert plan_training(20, settings).config.preset == "solid"


@pytest.mark.parametrize("minutes", [0.5, 3, 30])
def test_a_plan_fills_its_time_and_says_so_in_its_config(settings, table, minutes):
    training = plan_training(minutes, settings).config.training
    assert training.minutes == minutes
    assert training.augmentation == suit_augmentation(training.epochs)
    config = plan_training(minutes, settings).config
    without = config.replace(training=training.replace(minutes=None))
    assert estimate(without, read_speed(settings)).seconds == pytest.approx(60 * minutes, rel=0.02)
    assert estimate(config, read_speed(settings)).seconds == 60 * minutes


def test_a_preset_that_never_ran_here_is_taken_for_as_much_slower_as_it_is_elsewhere(settings, table):
    quick = presets()["quick"].config
    keep_execution(settings, quick, Execution(images_per_second=1000))
    speed, solid = read_speed(settings), presets()["solid"].config
    training = plan_training(30, settings).config.training.replace(minutes=None)
    timed = Execution(images_per_second=500)
    assert estimate(solid.replace(training=training), speed, timed).seconds == pytest.approx(1800, rel=0.02)


def test_too_short_a_time_is_refused_with_the_least(settings, table):
    with pytest.raises(ConfigError, match=r"minutes is 0\.001: this machine needs at least 0\.\d"):
        plan_training(0.001, settings)


def test_a_machine_that_was_not_measured_is_told(home, table):
    with pytest.raises(ConfigError, match="speed is not known yet"):
        plan_training(5, Settings(home=home / "new"))


def test_variety_grows_with_the_length():
    shortest, middle, longest = (suit_augmentation(epochs) for epochs in (1, 5, 40))
    assert shortest == Augmentation()
    assert middle.flip == longest.flip == "alternating"
    assert middle.erasing == 0
    assert longest.erasing > 0
