"""How long a training will take and what memory it needs: from its FLOPs and rates measured on this machine.

Knows two JSON files of the cache; `tasks` does the timing, in a worker.
"""

import hashlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from fmexplore.errors import FMExploreError
from fmexplore.models.table import LayerInfo, flops, parameters, summarize
from fmexplore.schema import Schema
from fmexplore.settings import Settings
from fmexplore.storage import StorageLock, read_cached, read_json, write_json
from fmexplore.training.config import Augmentation, Execution, RunConfig

TRAINING_IMAGES = 60_000
RATIOS_KEPT, KINDS_KEPT = 9, 50
SHORT_SECONDS, SHORT_EPOCHS = 5, 0.25  # a shorter run tells more of its start, and of what else ran, than of its pace
ENOUGH = 3  # runs of a network, for which nothing else counts any more
UNSURE = 1.5  # factor by which an estimate is easily wrong that no run of the network has confirmed
# Fitted to peaks of seven presets (`benchmarks.memory`): what starting to train takes, and how often the bytes of
# activations (as float32) and of weights are held.
STARTED_MB, WEIGHT_COPIES = 180, 12
ACTIVATION_COPIES = {"fp32": 1.8, "bf16": 1.0}


Ratio = Annotated[float, Field(gt=0)]


class Speed(Schema):
    """What was measured here. A step takes `step_seconds` + 3 x FLOPs x batch / `flops_per_second`."""

    flops_per_second: float = Field(gt=0)
    step_seconds: float = Field(ge=0)
    worker_mb: float = Field(ge=0)  # a worker with torch and the data set, before it trains
    bf16: bool = False  # whether bf16 was the faster
    # Measured / estimated from FLOPs, of the last finished runs of each kind.
    ratios: dict[str, tuple[Ratio, ...]] = Field(default_factory=dict)


UNMEASURED = Speed(flops_per_second=1e11, step_seconds=0, worker_mb=600)


@dataclass(frozen=True)
class Estimate:
    """What a training will take; `basis` says where the estimate comes from, and how sure it is.

    It should take from `low` to `high` seconds, as far as measured runs differ from each other and from the estimate.
    """

    seconds: float
    memory_mb: float
    basis: str
    low: float
    high: float


def read_speed(settings: Settings) -> Speed | None:
    """What is known of this machine's speed, or None before it was measured."""
    try:
        return read_cached(settings.cache / "speed.json", _parse)
    except FMExploreError:  # absent or broken: it is measured again
        return None


def _parse(path: Path) -> Speed:
    values = read_json(path)
    if isinstance(values, dict):
        values.pop("seconds_per_epoch", None)  # as former versions kept it: of one run, however short
        if isinstance(values.get("ratios"), list):  # theirs did not say of which network
            del values["ratios"]
    return Speed.parse(values)


def update_speed(settings: Settings, **changes: object) -> Speed:
    """Add to what is known; dicts are merged. The first call must give all fields without a default."""
    with _lock(settings):
        known = read_speed(settings)
        values = known.model_dump(mode="json") if known else {}
        for name, value in changes.items():
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
        speed = Speed.parse(values)
        write_json(settings.cache / "speed.json", speed.model_dump(mode="json"))
    return speed


def known_execution(settings: Settings, config: RunConfig) -> Execution | None:
    """What was chosen when such a training first ran here; choosing again could change its curve."""
    return _read_executions(settings).get(execution_key(config))


def keep_execution(settings: Settings, config: RunConfig, chosen: Execution) -> None:
    """Remember a choice for later trainings of the kind."""
    with _lock(settings):
        known = _read_executions(settings) | {execution_key(config): chosen}
        values = {key: execution.model_dump(mode="json") for key, execution in known.items()}
        write_json(settings.cache / "executions.json", values)


def _read_executions(settings: Settings) -> dict[str, Execution]:
    try:
        return read_cached(settings.cache / "executions.json", _parse_executions)
    except (FMExploreError, AttributeError):  # absent or broken: they are chosen again
        return {}


def _parse_executions(path: Path) -> dict[str, Execution]:
    return {key: Execution.parse(value) for key, value in read_json(path).items()}


def _lock(settings: Settings) -> StorageLock:
    return StorageLock(settings.cache / "speed.lock")


def _unused(augmentation: Augmentation) -> set[str]:
    """The settings that earlier versions did not have, where they are off: the keys stay those of earlier versions."""
    later = ("upside_down", "invert", "shear", "gain", "gamma", "noise", "blur")
    return {name for name in later if not getattr(augmentation, name)}


def execution_key(config: RunConfig) -> str:
    """Equal for trainings that run at the same speed: same network, batch, optimiser, and settings of the execution."""
    training = config.training
    parts = (
        config.model.model_dump_json(),
        training.batch_size,
        training.optimizer,
        training.augmentation.model_dump_json(exclude=_unused(training.augmentation)),
        *(training.precision, training.threads, training.device),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def estimate(
    config: RunConfig, speed: Speed, timed: Execution | None = None, *, rows: list[LayerInfo] | None = None
) -> Estimate:
    """Seconds and memory of a whole training.

    Args:
        config: of the training.
        speed: of this machine.
        timed: what `known_execution` says, where steps of such a training were timed: the estimate is better then.
        rows: the network's, as `summarize` gives them, where they are known already.

    Raises:
        ConfigError: the layer table cannot be built.
    """
    training, rows = config.training, rows or summarize(config.model)
    memory = estimate_memory(config, rows, speed)
    if training.minutes:
        given = 60 * training.minutes
        return Estimate(given, memory, "as you have given it", given, given)
    raw, key = _raw_seconds(config, rows, speed), execution_key(config)
    others = [each for kind, ratios in speed.ratios.items() if kind != key for each in ratios]
    if timed and timed.images_per_second:
        before, basis = _raw_seconds(config, rows, speed, timed), "a few steps that were timed here"
    elif others:
        before, basis = raw * statistics.median(others), f"its FLOPs and {_count(others, 'finished run')} here"
    else:
        before, basis = raw, "its FLOPs and this machine's speed"
    own = [raw * ratio for ratio in speed.ratios.get(key, ())]
    if not own:
        return Estimate(before, memory, f"from {basis}", before / UNSURE, before * UNSURE)
    basis = f"from {_count(own, 'run')} of this network here" + (f" and {basis}" if len(own) < ENOUGH else "")
    # One run may have shared the machine with others: until there are some, what was known before counts as one more.
    found = sorted(own if len(own) >= ENOUGH else [*own, before])
    seconds, (low, high) = _middle(found), _middle_half(found)
    if high > UNSURE * low:
        basis += f"; these differ by a factor of {high / low:.1f}"
    return Estimate(seconds, memory, basis, low, high)


def learn_from_run(settings: Settings, config: RunConfig, seconds: float, epochs: float) -> None:
    """Refine later estimates by a run that took `seconds` for `epochs`; a short one says too little."""
    speed = read_speed(settings)
    if speed is None or epochs < SHORT_EPOCHS or seconds < SHORT_SECONDS:
        return
    length = config.training.replace(epochs=epochs)
    ratio = seconds / _raw_seconds(config.replace(training=length), summarize(config.model), speed)
    with _lock(settings):
        if (speed := read_speed(settings)) is None:
            return
        kinds, key = dict(speed.ratios), execution_key(config)
        kinds[key] = (*kinds.pop(key, ()), ratio)[-RATIOS_KEPT:]  # popped, so that the last used are the last
        kept = dict(list(kinds.items())[-KINDS_KEPT:])
        write_json(settings.cache / "speed.json", speed.replace(ratios=kept).model_dump(mode="json"))


def _count(runs: Sequence[float], name: str) -> str:
    return f"{len(runs)} {name}" + "s" * (len(runs) > 1)


def _middle(values: list[float]) -> float:
    """Their median; of an even number, the geometric mean of the two in the middle, as times differ by factors."""
    return math.sqrt(statistics.median_low(values) * statistics.median_high(values))


def _middle_half(values: list[float]) -> tuple[float, float]:
    """From where to where half of the sorted values lie, from the smallest to the largest where they are few."""
    outside = len(values) // 4
    return values[outside], values[-1 - outside]


def _raw_seconds(config: RunConfig, rows: list[LayerInfo], speed: Speed, timed: Execution | None = None) -> float:
    training, forward = config.training, flops(rows)
    share = training.validation_share if training.validation == "share" else 0
    images = TRAINING_IMAGES * (1 - share)
    held_out = {"share": TRAINING_IMAGES * share, "test": 10_000, "none": 0}[training.validation]
    steps = training.epochs * images / training.batch_size
    evaluated = held_out * (training.snapshots + training.epochs)
    if timed:  # an image takes a third of its training to evaluate
        return (steps * training.batch_size + evaluated / 3) / timed.images_per_second
    return (
        steps * (speed.step_seconds + 3 * forward * training.batch_size / speed.flops_per_second)
        + evaluated * forward / speed.flops_per_second
    )


def estimate_memory(config: RunConfig, rows: list[LayerInfo], speed: Speed | None) -> float:
    """MB that a training of the network with these rows will take, also before this machine has been measured."""
    speed = speed or UNMEASURED
    activations = sum(row.activations for row in rows) * config.training.batch_size * 4 / 1e6
    weights = parameters(rows) * 4 / 1e6
    wanted = config.training.precision
    precision = ("bf16" if speed.bf16 else "fp32") if wanted == "auto" else wanted
    return speed.worker_mb + STARTED_MB + ACTIVATION_COPIES[precision] * activations + WEIGHT_COPIES * weights
