"""Estimates of time and memory, from rates and from runs that have finished."""

import json

import pytest

from fmexplore.jobs.estimates import (
    ENOUGH,
    RATIOS_KEPT,
    estimate,
    execution_key,
    keep_execution,
    known_execution,
    learn_from_run,
    read_speed,
    update_speed,
)
from fmexplore.models.layers import Activation, Conv, Dense, Flatten, GlobalAvgPool
from fmexplore.models.table import Model
from fmexplore.settings import Settings
from fmexplore.training.config import Execution

RATES = {"flops_per_second": 1e10, "step_seconds": 0.002, "worker_mb": 400}


@pytest.fixture
def settings(home):
    return Settings(home=home)


@pytest.fixture
def speed(settings):
    return update_speed(settings, **RATES)


def wider(config, filters: int):
    layers = (Conv(filters=filters), Activation(), Conv(filters=filters), GlobalAvgPool(), Dense(units=10))
    return config.replace(model=Model(layers=layers))


def test_estimates_grow_with_flops_and_epochs(speed, tiny):
    seconds = [estimate(wider(tiny, filters), speed).seconds for filters in (4, 8, 16, 32)]
    memory = [estimate(wider(tiny, filters), speed).memory_mb for filters in (4, 8, 16, 32)]
    assert seconds == sorted(set(seconds))
    assert memory == sorted(set(memory))
    longer = [estimate(tiny.replace(training=tiny.training.replace(epochs=n)), speed).seconds for n in (0.5, 1, 2, 4)]
    assert longer == sorted(set(longer))


def test_without_overhead_and_evaluations_time_is_three_forward_passes(settings, tiny):
    dense = tiny.replace(
        model=Model(layers=(Flatten(), Dense(units=10))), training={"epochs": 2, "validation": "none", "snapshots": 0}
    )
    speed = update_speed(settings, flops_per_second=1e6, step_seconds=0, worker_mb=0)
    assert estimate(dense, speed).seconds == pytest.approx(2 * 60_000 * 3 * 2 * 784 * 10 / 1e6)


def test_finished_runs_make_the_estimate_of_their_network_exact(settings, speed, tiny):
    for _ in range(ENOUGH):
        learn_from_run(settings, tiny, seconds=30, epochs=2)
    found = estimate(tiny.replace(training=tiny.training.replace(epochs=2)), read_speed(settings))
    assert found.seconds == found.low == found.high == pytest.approx(30)
    assert f"{ENOUGH} runs of this network" in found.basis
    longer = estimate(tiny.replace(training=tiny.training.replace(epochs=5)), read_speed(settings))
    assert 30 < longer.seconds < 75, "evaluations at snapshots are as many in a longer run"


@pytest.mark.parametrize("place", range(4))
def test_one_run_beside_other_work_does_not_spoil_the_estimate(settings, speed, tiny, place):
    usual = estimate(tiny, speed).seconds
    for number in range(4):
        learn_from_run(settings, tiny, usual * (5 if number == place else 1), tiny.training.epochs)
    found = estimate(tiny, read_speed(settings))
    assert found.seconds == pytest.approx(usual)


def test_a_first_run_that_contradicts_all_else_is_believed_by_half_and_said_to_differ(settings, speed, tiny):
    usual = estimate(tiny, speed).seconds
    learn_from_run(settings, tiny, 5 * usual, tiny.training.epochs)
    found = estimate(tiny, read_speed(settings), Execution(images_per_second=0))
    assert found.low < found.seconds < found.high
    assert found.seconds == pytest.approx(5**0.5 * usual)
    assert "from 1 run of this network here and its FLOPs" in found.basis
    assert "differ by a factor of 5.0" in found.basis


def test_a_short_run_says_nothing_about_longer_ones(settings, speed, tiny):
    learn_from_run(settings, tiny, seconds=4, epochs=2)
    learn_from_run(settings, tiny, seconds=60, epochs=0.2)
    assert read_speed(settings) == speed


def test_what_former_versions_knew_of_a_single_run_is_left_out(settings, speed):
    path = settings.cache / "speed.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "seconds_per_epoch": {"a": 900.0}, "ratios": [5.0]}))
    assert read_speed(settings) == speed


def test_finished_runs_correct_the_estimates_of_others_by_their_median(settings, speed, tiny):
    other = wider(tiny, 16)
    before = estimate(other, speed)
    for filters, factor in ((2, 1.2), (4, 1.5), (6, 100.0)):
        config = wider(tiny, filters)
        expected = estimate(config, speed).seconds  # `speed` knows no run yet
        learn_from_run(settings, config, factor * expected, config.training.epochs)
    after = estimate(other, read_speed(settings))
    assert after.seconds == pytest.approx(1.5 * before.seconds, rel=1e-3)
    assert "3 finished runs" in after.basis
    assert after.memory_mb == before.memory_mb


def test_only_the_last_runs_count(settings, speed, tiny, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.estimates.KINDS_KEPT", 2)
    for _ in range(RATIOS_KEPT + 5):
        learn_from_run(settings, tiny, 30, 2)
    assert len(read_speed(settings).ratios[execution_key(tiny)]) == RATIOS_KEPT
    for filters in (2, 4):
        learn_from_run(settings, wider(tiny, filters), 30, 2)
    assert list(read_speed(settings).ratios) == [execution_key(wider(tiny, filters)) for filters in (2, 4)]


def test_nothing_is_learnt_from_a_tenth_of_an_epoch_or_before_measuring(home, settings, tiny):
    learn_from_run(settings, tiny, 30, 2)
    assert read_speed(settings) is None
    update_speed(settings, **RATES)
    learn_from_run(settings, tiny, 30, 0.05)
    assert read_speed(settings).ratios == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"flops_per_second": 0}', '{"flops_per_second": NaN}', "[" * 100_000]
)
def test_a_broken_file_counts_as_unknown_and_is_measured_again(settings, speed, content):
    path = settings.cache / "speed.json"
    path.write_text(content)
    assert read_speed(settings) is None
    assert update_speed(settings, **RATES) == speed
    assert read_speed(settings) == speed


def test_a_chosen_execution_is_remembered_for_trainings_of_the_kind(settings, tiny):
    other = tiny.replace(training=tiny.training.replace(batch_size=64))
    keep_execution(settings, tiny, Execution(threads=1))
    keep_execution(settings, other, Execution(threads=2))
    same_kind = tiny.replace(training=tiny.training.replace(seed=9, epochs=1))
    assert known_execution(settings, same_kind) == Execution(threads=1)
    assert known_execution(settings, other) == Execution(threads=2)
    (settings.cache / "executions.json").write_text("{broken")
    assert known_execution(settings, tiny) is None


def test_trainings_that_run_at_the_same_speed_share_a_key(tiny):
    def key(**changes):
        return execution_key(tiny.replace(training=tiny.training.replace(**changes)))

    assert key() == key(epochs=9) == key(seed=5) == key(learning_rate=0.5)
    others = [key(batch_size=8), key(optimizer="sgd"), key(threads=2), key(precision="bf16")]
    assert len({key(), *others, execution_key(wider(tiny, 4))}) == 6


def test_timed_steps_make_an_estimate_that_does_not_depend_on_flops(settings, speed, tiny):
    timed = Execution(images_per_second=1000)
    found = estimate(tiny, speed, timed)
    images = 54_000 * tiny.training.epochs
    evaluated = 6_000 * (tiny.training.snapshots + tiny.training.epochs)
    assert found.seconds == pytest.approx((images + evaluated / 3) / 1000)
    assert "timed" in found.basis
    assert estimate(wider(tiny, 4), speed, timed).seconds == pytest.approx(found.seconds)
