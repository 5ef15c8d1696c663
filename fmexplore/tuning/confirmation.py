"""The winner of a study trained again with new seeds: how optimistic the best of many trials was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmexplore.errors import FMExploreError
from fmexplore.runs.run import Run
from fmexplore.runs.studies import StudyFolder
from fmexplore.schema import Schema
from fmexplore.storage import read_json, write_json
from fmexplore.tuning.records import TrialRecord

FILE = "confirmations.json"


class Confirmation(Schema):
    """One more training of the winner; without accuracies as long as it trains, or where it failed."""

    trial: int
    seed: int
    run: str
    searched: float | None = None  # the validation accuracy with which the trial has won
    validation_accuracy: float | None = None
    test_accuracy: float | None = None

    @classmethod
    def of(cls, winner: TrialRecord, seed: int, run: Run) -> Confirmation:
        """From the run, which has ended."""
        reached = run.status.reached
        return cls(
            trial=winner.trial,
            seed=seed,
            run=run.id,
            searched=winner.validation_accuracy,
            validation_accuracy=reached.validation_accuracy,
            test_accuracy=reached.test_accuracy,
        )


@dataclass(frozen=True)
class Verdict:
    """What the winner reaches with other seeds: means over `seeds` trainings."""

    trial: int
    seeds: int
    searched: float
    validation_accuracy: float
    test_accuracy: float

    @property
    def optimism(self) -> float:
        """By how much the best of the trials was better than its own configuration is on average."""
        return self.searched - self.validation_accuracy


def judge(confirmations: Sequence[Confirmation]) -> Verdict | None:
    """Of the trial that was confirmed last; None as long as none was."""
    done = [each for each in confirmations if each.validation_accuracy is not None and each.test_accuracy is not None]
    if not done:
        return None
    same = [each for each in done if each.trial == done[-1].trial]
    return Verdict(
        same[0].trial,
        len(same),
        same[0].searched or 0.0,
        sum(each.validation_accuracy or 0 for each in same) / len(same),
        sum(each.test_accuracy or 0 for each in same) / len(same),
    )


def read_confirmations(study: StudyFolder) -> list[Confirmation]:
    """All of a study, in the order in which they were begun."""
    try:
        return [Confirmation.parse(values) for values in read_json(study.path / FILE)]
    except (FMExploreError, TypeError):
        return []


def write_confirmations(study: StudyFolder, confirmations: Sequence[Confirmation]) -> None:
    """Keep them. Raises StorageError."""
    write_json(study.path / FILE, [each.model_dump(mode="json") for each in confirmations], within=study.path)
