"""Trials as people see them: a line for each in trials.jsonl. Knows no Optuna."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from fmexplore.schema import Schema
from fmexplore.tuning.space import Value

TrialState = Literal["complete", "pruned", "failed"]
KEPT = 10  # trials whose weights are kept


class TrialRecord(Schema):
    """A trial that has ended; one that was interrupted and went on is one trial, with the number that it had first."""

    trial: int  # from 0, in the order in which they began
    state: TrialState
    parameters: dict[str, Value]
    validation_accuracy: float | None = None  # of a pruned trial the last that was reported
    run: str | None = None  # the id of its run; None where it was refused before one was made
    reason: str = ""  # why it failed
    second: float | None = None  # the second objective
    seconds: float | None = None  # from its start to its end
    ended: float | None = None  # seconds since 1970
    place: str = ""  # of the server that has its run, where several share the study
    reports: dict[int, float] = Field(default_factory=dict)  # validation accuracy by epoch


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The complete trial with the highest validation accuracy, the earlier of two equal ones."""
    found = [each for each in records if each.state == "complete" and each.validation_accuracy is not None]
    return max(found, key=lambda each: (each.validation_accuracy, -each.trial), default=None)


def with_weights(records: Iterable[TrialRecord], count: int = KEPT) -> set[str]:
    """The runs that keep their weights: those of the best trials, pruned ones among them."""
    found = [each for each in records if each.run and each.validation_accuracy is not None]
    found.sort(key=lambda each: (each.validation_accuracy, -each.trial), reverse=True)
    return {each.run for each in found[:count] if each.run}


def pareto_front(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The complete trials that no other beats in accuracy without being worse in the second objective; small first."""
    found = [e for e in records if e.state == "complete" and e.validation_accuracy is not None and e.second is not None]
    front: list[TrialRecord] = []
    for each in sorted(found, key=lambda e: (e.second, -(e.validation_accuracy or 0), e.trial)):
        if not front or (each.validation_accuracy or 0) > (front[-1].validation_accuracy or 0):
            front.append(each)
    return front
