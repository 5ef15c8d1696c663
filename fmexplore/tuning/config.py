"""The settings of a study, to and from JSON. Knows no Optuna and no file."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fmexplore.errors import ConfigError
from fmexplore.models.table import flops, parameters, summarize
from fmexplore.schema import Schema
from fmexplore.training.config import RunConfig
from fmexplore.tuning.space import Space

Searcher = Literal["grid", "random", "tpe", "gp"]
Pruning = Literal["none", "median", "halving"]
Second = Literal["parameters", "flops", "seconds"]
MOST_TRIALS, MOST_MINUTES, MOST_SEEDS = 100_000, 100_000, 20


class StudyConfig(Schema):
    """A search: from where it starts, what varies, how it chooses, and how long.

    The objective is the validation accuracy; `second` is what shall be small as well, which gives a Pareto front.
    """

    format: Literal[1] = 1
    base: RunConfig
    space: Space
    searcher: Searcher = "tpe"
    pruning: Pruning = "none"
    second: Second | None = None
    trials: int | None = Field(None, ge=1, le=MOST_TRIALS)  # in all, those before an extension included
    minutes: float | None = Field(None, gt=0, le=MOST_MINUTES)  # in all, likewise
    confirm: int = Field(0, ge=0, le=MOST_SEEDS)  # seeds with which the winner is trained again

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.second and self.pruning != "none":
            raise ValueError(
                f"pruning is {self.pruning!r}, and with a second objective no trial can be pruned: choose 'none'."
            )
        if self.trials is None and self.minutes is None and self.searcher != "grid":
            raise ValueError("trials and minutes are missing: say after how many trials or minutes it should end.")
        return self

    @property
    def seed(self) -> int:
        """Of the search and of each trial's training."""
        return self.base.training.seed

    def check(self) -> None:
        """Raises ConfigError for what can be seen to be impossible before the first trial."""
        self.space.check(self.base)
        if self.searcher == "grid":
            self.space.grid()

    def second_value(self, config: RunConfig, seconds: float) -> float:
        """What the second objective is for a trial with that configuration, trained in so many seconds."""
        rows = summarize(config.model)
        return {"parameters": float(parameters(rows)), "flops": float(flops(rows)), "seconds": seconds}[
            self.second or "seconds"
        ]

    def extend(self, trials: int | None, minutes: float | None, done: int, seconds: float) -> StudyConfig:
        """Allow so many more trials, and minutes, than it has had. Raises ConfigError.

        Where only one is given, the other limits no longer.
        """
        if trials is None and minutes is None:
            return self
        if trials is not None and trials < 1:
            raise ConfigError(f"trials is {trials}: extend a study by at least 1.")
        return self.replace(
            trials=None if trials is None else done + trials,
            minutes=None if minutes is None else seconds / 60 + minutes,
        )

    def same_search(self, other: StudyConfig) -> list[str]:
        """The names of the settings in which the searches differ; how long they go on does not matter."""
        budget = {"trials", "minutes", "confirm"}
        names = [name for name in type(self).model_fields if name not in budget]
        return [name for name in names if getattr(self, name) != getattr(other, name)]
