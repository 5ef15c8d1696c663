"""What a study will take on this machine before it starts, and one that fits a given time.

From what was measured here (`jobs.estimates`), for some configurations drawn from the space; pruning only saves time.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass

from fmexplore.errors import ConfigError
from fmexplore.jobs.estimates import Estimate, Speed, estimate, known_execution, read_speed
from fmexplore.settings import Settings
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.space import Axis, Choice, Value, settings

DRAWN = 40  # configurations
WANTED_TRIALS, FEWEST_TRIALS = 30, 5
LEAST_EPOCHS = 0.5
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.0)  # of the epochs, tried in turn
RESERVE = 0.9  # of the time is planned


@dataclass(frozen=True)
class StudyEstimate:
    """How many trials there will be and what they take, between `low` and `high` seconds; memory of the largest.

    `trials` is None where only the minutes limit it and nothing is known of a trial's time.
    """

    trials: int
    seconds: float
    low: float
    high: float
    memory_mb: float
    refused: float  # share of the configurations that cannot be built

    @property
    def about(self) -> str:
        """In one sentence."""
        refused = f" About {self.refused:.0%} of the space cannot be built." if self.refused else ""
        return (
            f"About {self.trials} trials in {_span(self.low, self.high)}, up to {self.memory_mb / 1000:.1f} GB of "
            f"memory; pruning makes it shorter.{refused}"
        )


@dataclass(frozen=True)
class Plan:
    """A study that fits its minutes, and why it is as it is."""

    config: StudyConfig
    estimate: StudyEstimate
    about: str


def estimate_study(config: StudyConfig, machine: Settings) -> StudyEstimate | None:
    """What a study takes, its confirmation included; None where this machine was not measured yet.

    Raises ConfigError where no configuration that was drawn can be built.
    """
    speed = read_speed(machine)
    return None if speed is None else _estimate(config, machine, speed)


def _estimate(config: StudyConfig, machine: Settings, speed: Speed) -> StudyEstimate:
    each, refused = _sample(config, machine, speed)
    mean, low, high = (statistics.fmean(getattr(one, name) for one in each) for name in ("seconds", "low", "high"))
    limits = [config.trials] if config.trials else []
    limits += [config.space.grid_size()] if config.searcher == "grid" else []
    limits += [max(1, int(60 * config.minutes / mean))] if config.minutes else []
    trials = min(limits)
    trained = trials * (1 - refused) + config.confirm
    search_low, search_high = trained * low, trained * high
    if config.minutes:
        most = 60 * config.minutes
        search_low = min(search_low, most + config.confirm * low)
        search_high = min(search_high, most + config.confirm * high)
    return StudyEstimate(
        trials=trials,
        seconds=min(max(trained * mean, search_low), search_high),
        low=search_low,
        high=search_high,
        memory_mb=max(one.memory_mb for one in each),
        refused=refused,
    )


def _sample(config: StudyConfig, machine: Settings, speed: Speed) -> tuple[list[Estimate], float]:
    """Estimates for configurations drawn evenly from the space, and the share of those that cannot be built."""
    draw, found, error = random.Random(config.seed), [], None
    for _ in range(DRAWN):
        try:
            drawn = config.space.configure(
                config.base, {name: _draw(draw, name, axis) for name, axis in config.space.axes.items()}
            )
            found.append(estimate(drawn, speed, known_execution(machine, drawn)))
        except ConfigError as refused:
            error = refused
    if not found:
        raise ConfigError(f"None of {DRAWN} configurations drawn from the space can be built: {error}")
    return found, 1 - len(found) / DRAWN


def _draw(draw: random.Random, name: str, axis: Axis) -> Value:
    if isinstance(axis, Choice):
        return draw.choice(axis.values)
    share = draw.random()
    value = axis.low * (axis.high / axis.low) ** share if axis.log else axis.low + share * (axis.high - axis.low)
    value = min(max(value, axis.low), axis.high)
    return round(value) if settings()[name].kind == "int" else value


def choose_plan(config: StudyConfig, machine: Settings) -> Plan:
    """The study made to fit its minutes, confirmation included: fewer epochs first, then fewer trials.

    A grid stays one where it fits; else TPE, or random search where there are too few trials to learn from. Raises
    ConfigError without minutes, where this machine was not measured, and where the time is too short.
    """
    if config.minutes is None:
        raise ConfigError("minutes is missing: say how long the search may take.")
    if (speed := read_speed(machine)) is None:
        raise ConfigError("This machine's speed is not known yet: train a run first, or open the app once.")
    room, wanted = 60 * RESERVE * config.minutes, min(WANTED_TRIALS, config.trials or WANTED_TRIALS)
    if config.searcher == "grid":
        size, each = config.space.grid_size(), _mean_seconds(config, machine, speed)
        if each * (size + config.confirm) <= room:
            chosen = config.replace(trials=size)
            return Plan(chosen, _estimate(chosen, machine, speed), f"The grid of {size} trials fits.")
        config = config.replace(searcher="tpe", trials=wanted)
    shorter, each = _shorten(config, wanted, room, machine, speed)
    trials = min(int(room / each) - config.confirm, wanted)
    if trials < FEWEST_TRIALS:
        least = each * (FEWEST_TRIALS + config.confirm) / RESERVE / 60
        raise ConfigError(
            f"minutes is {config.minutes:g}: {FEWEST_TRIALS} short trials take {least:.1f}, so take more minutes or a "
            "smaller network."
        )
    epochs = shorter.base.training.epochs
    searcher = "random" if trials < 2 * FEWEST_TRIALS else config.searcher
    pruning = "median" if epochs >= 3 and not config.second else config.pruning
    searching = (room / RESERVE - config.confirm * each) / 60
    chosen = shorter.replace(trials=trials, searcher=searcher, pruning=pruning, minutes=searching)
    how = f"by {searcher}, pruning {pruning}"
    about = f"{trials} trials of {epochs:g} epochs {how}, in about {room / RESERVE / 60:g} minutes."
    return Plan(chosen, _estimate(chosen, machine, speed), about)


def _shorten(
    config: StudyConfig, wanted: int, room: float, machine: Settings, speed: Speed
) -> tuple[StudyConfig, float]:
    """The study with as many epochs as leave room for the trials, its own at most; and the seconds of a trial."""
    whole = config.base.training.epochs
    fixed = "epochs" in config.space.axes
    for share in (1.0,) if fixed else SHARES:
        epochs = max(float(f"{whole * share:.2g}"), min(whole, LEAST_EPOCHS))
        training = config.base.training.replace(epochs=epochs)
        base = config.base.replace(training=training.model_dump(mode="json"))
        shorter = config.replace(base=base.model_dump(mode="json"))
        each = _mean_seconds(shorter, machine, speed)
        if each * (wanted + config.confirm) <= room or epochs <= LEAST_EPOCHS:
            break
    return shorter, each


def _mean_seconds(config: StudyConfig, machine: Settings, speed: Speed) -> float:
    return statistics.fmean(one.seconds for one in _sample(config, machine, speed)[0])


def _span(low: float, high: float) -> str:
    def words(seconds: float) -> str:
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"

    return words(high) if words(low) == words(high) else f"{words(low)} to {words(high)}"
