"""Optuna's samplers and pruners for the searchers and prunings of a study. Imports Optuna only inside functions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from fmexplore.tuning.config import Pruning, StudyConfig
from fmexplore.tuning.space import Axis, Choice, settings

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

FIRST_TRIALS = 5  # of which none is pruned by the median
HALVING_FACTOR = 3


def distributions(config: StudyConfig) -> dict[str, BaseDistribution]:
    """What Optuna draws for each axis; a grid draws from its points."""
    if config.searcher == "grid":
        return {name: _distribution(name, Choice(values=tuple(v))) for name, v in config.space.grid().items()}
    return {name: _distribution(name, axis) for name, axis in config.space.axes.items()}


def _distribution(name: str, axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.values)
    if settings()[name].kind == "int":
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def make_sampler(config: StudyConfig, count: int, place: str = "") -> BaseSampler:
    """The sampler for the trial that has `count` before it.

    It is made anew for each trial, with a seed of its own: so a study that was interrupted goes on with the trials that
    it would have had, and two places that share one do not draw the same.
    """
    import optuna

    seed = int.from_bytes(hashlib.sha256(f"{config.seed} {count} {place}".encode()).digest()[:4], "big")
    match config.searcher:
        case "grid":
            return optuna.samplers.GridSampler(config.space.grid(), seed=config.seed)
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed)
        case "gp":
            return optuna.samplers.GPSampler(seed=seed)


def make_pruner(pruning: Pruning) -> BasePruner:
    """The pruner; a step is an epoch."""
    import optuna

    arguments: dict[str, Any] = {"n_startup_trials": FIRST_TRIALS}
    match pruning:
        case "none":
            return optuna.pruners.NopPruner()
        case "median":
            return optuna.pruners.MedianPruner(**arguments)
        case "halving":
            return _halving()


def _halving() -> BasePruner:
    """Successive halving that compares with no trial which was interrupted: it went on as another one."""
    import optuna
    from optuna.trial import TrialState

    class WithoutInterrupted:
        def __init__(self, study: optuna.Study) -> None:
            self._study = study

        def __getattr__(self, name: str) -> Any:
            return getattr(self._study, name)

        def get_trials(self, *arguments: Any, **options: Any) -> list[FrozenTrial]:
            return [each for each in self._study.get_trials(*arguments, **options) if each.state != TrialState.FAIL]

    class Halving(optuna.pruners.SuccessiveHalvingPruner):
        def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
            return super().prune(WithoutInterrupted(study), trial)  # type: ignore[arg-type]

    return Halving(min_resource=1, reduction_factor=HALVING_FACTOR)
