"""Which network and training make the most of a given time, by a table of measured trainings."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np

from fmexplore.errors import ConfigError
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.settings import Settings
from fmexplore.storage import read_json
from fmexplore.training.config import Augmentation, Execution, RunConfig
from fmexplore.training.presets import find_preset

TABLE = Path(__file__).with_name("budget.json")  # written by `benchmarks.budget`, which says what is in it
LEAST_EPOCHS = 0.3
MOST_EPOCHS = 300


@dataclass(frozen=True)
class Plan:
    """A training that fills the time, and the share of held-out images that it should get right."""

    config: RunConfig
    accuracy: float


def plan_training(minutes: float, settings: Settings) -> Plan:
    """The preset, epochs and augmentation with the highest expected accuracy after so many minutes on this machine.

    The run itself keeps to the minutes, whatever the estimate was. Raises ConfigError for too short a time, and where
    the machine was not measured yet.
    """
    if (speed := read_speed(settings)) is None:
        raise ConfigError("This machine's speed is not known yet: try again in a moment.")
    found, least = [], math.inf
    for preset in read_table().trainings:
        config = find_preset(preset).config
        timed = known_execution(settings, config) or _scaled_from_quick(preset, settings)
        once, twice = (
            estimate(config.replace(training=config.training.replace(epochs=epochs)), speed, timed).seconds
            for epochs in (1, 2)
        )
        each, fixed = twice - once, 2 * once - twice
        least = min(least, fixed + LEAST_EPOCHS * each)
        epochs = min((60 * minutes - fixed) / each, MOST_EPOCHS)
        if epochs >= LEAST_EPOCHS:
            training = config.training.replace(
                epochs=float(f"{epochs:.3g}"), minutes=minutes, augmentation=suit_augmentation(epochs)
            )
            found.append(Plan(config.replace(training=training), expected_accuracy(preset, epochs)))
    if not found:
        raise ConfigError(f"minutes is {minutes:g}: this machine needs at least {math.ceil(least / 6) / 10:g}.")
    return max(found, key=lambda plan: plan.accuracy)


def suit_augmentation(epochs: float) -> Augmentation:
    """What suits the length of a training: the longer, the more variety (docs/champion.md)."""
    if epochs < 2:
        return Augmentation()
    if epochs < 6:
        return Augmentation(flip="alternating")
    return Augmentation(flip="alternating", erasing=0.5)


def expected_accuracy(preset: str, epochs: float) -> float:
    """Interpolated between the measured trainings of a preset, in the logarithms of epochs and of the error.

    A training longer or shorter than all that were measured counts as the longest or shortest.
    """
    lengths, accuracies = np.array(read_table().trainings[preset]).T
    return 1 - math.exp(np.interp(math.log(epochs), np.log(lengths), np.log(1 - accuracies)))


@dataclass(frozen=True)
class Table:
    """What was measured on one machine: epochs and accuracies of each preset's trainings, ascending, and its speed."""

    trainings: dict[str, list[tuple[float, float]]]
    images_per_second: dict[str, float]


@cache
def read_table() -> Table:
    """The measured trainings that the package brings along."""
    values = read_json(TABLE)
    rows = sorted((row["preset"], row["epochs"], row["accuracy"]) for row in values["trainings"])
    trainings = {preset: [row[1:] for row in group] for preset, group in groupby(rows, key=lambda row: row[0])}
    return Table(trainings, values["images_per_second"])


def _scaled_from_quick(preset: str, settings: Settings) -> Execution | None:
    """How fast a preset that never ran here should be, as `quick` has: their speeds differ alike on most machines."""
    known, speeds = known_execution(settings, find_preset("quick").config), read_table().images_per_second
    if known is None:
        return None
    return known.replace(images_per_second=known.images_per_second * speeds[preset] / speeds["quick"])
