"""Compares printed metrics with our trainings and gives each a verdict with its reason. Trains nothing.

A metric *holds* where the printed value differs from the mean of our seeds by at most two standard deviations or, if
that is more, 0.7 percentage points (0.02 nats for a loss); else it *fails*. It *cannot be known* where another value
of a setting that the paper does not print would make it hold. What the paper's own numbers rule out *contradicts
itself*.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fmexplore.evaluation.confusion import class_report
from fmexplore.papers.reported import MEASURES, Measure, PublishedReport
from fmexplore.papers.reproduction import PUBLISHED, Epoch, Reproduction, Training
from fmexplore.training.published import find_system

Verdict = Literal["holds", "fails", "cannot be known", "contradicts itself", "not trained yet"]
TONES: dict[Verdict, str] = {  # how each is coloured
    "holds": "good",
    "fails": "bad",
    "cannot be known": "unknown",
    "contradicts itself": "odd",
    "not trained yet": "unknown",
}
POINTS, NATS = 0.7, 0.02


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds, in `unit`."""

    mean: float
    deviation: float
    seeds: int
    unit: str = "%"

    @property
    def tolerance(self) -> float:
        """How far a printed value may differ from the mean and still hold."""
        return max(2 * self.deviation, POINTS if self.unit == "%" else NATS)

    def covers(self, value: float) -> bool:
        """Whether a printed value differs from the mean by at most the tolerance."""
        return abs(value - self.mean) <= self.tolerance + 1e-9

    def __str__(self) -> str:
        digits = 3 if self.unit == "nats" else 2
        unit = f" {self.unit}"
        seeds = "one seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            f"{self.mean:.{digits}f}{unit} ({seeds})"
            if self.seeds == 1
            else f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}{unit} ({seeds})"
        )


@dataclass(frozen=True)
class AssessedClaim:
    """A claim of a paper with its verdict."""

    about: str
    printed: str  # by the paper
    found: str  # in our trainings
    verdict: Verdict
    reason: str
    measure: Measure | None = None  # where the claim is a metric
    value: float | None = None  # that the paper prints of it, in percent or nats
    ours: Spread | None = None  # what our trainings gave, where there are some


def spread_of(values: Sequence[float], unit: str = "%") -> Spread:
    """The mean and standard deviation of at least one value; the deviation of a single one is 0."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Spread(statistics.fmean(values), deviation, len(values), unit)


def value_of(epoch: Epoch, measure: Measure) -> float:
    """A metric in percent or nats. Where the test set was used for validation, test metrics are validation metrics."""
    value = getattr(epoch, measure)
    if value is None:
        value = getattr(epoch, measure.replace("validation", "test"))
    return value if measure.endswith("loss") else 100 * value


def measured(trainings: Sequence[Training], measure: Measure) -> Spread | None:
    """A metric over our seeds; None where there is no training yet."""
    values = [value_of(each.result, measure) for each in trainings]
    return spread_of(values, _unit(measure)) if values else None


def assess_metric(reproduction: Reproduction, measure: Measure, value: float) -> AssessedClaim:
    """Compare a metric that a paper prints, in percent or nats, with our trainings."""
    name, text = MEASURES[measure], _text(value, measure)
    trainings = published(reproduction)
    ours = measured(trainings, measure)
    if ours is None:
        return untrained(name, text, reproduction.system, measure, value)
    if ours.covers(value):
        reason = f"The printed value lies within {_difference(ours.tolerance, measure)} of our mean."
        return AssessedClaim(name, text, str(ours), "holds", reason, measure, value, ours)
    verdict, reason = _explain(_Outlier(reproduction, measure, value, ours))
    return AssessedClaim(name, text, str(ours), verdict, reason, measure, value, ours)


@dataclass(frozen=True)
class _Outlier:
    """A printed metric that does not hold in our trainings with the paper's settings."""

    reproduction: Reproduction
    measure: Measure
    value: float
    ours: Spread

    @property
    def trainings(self) -> tuple[Training, ...]:
        return published(self.reproduction)

    @property
    def epochs(self) -> int:
        return len(self.trainings[0].epochs)

    @property
    def away(self) -> str:
        """How far it differs from our mean: the beginning of every reason."""
        side = "above" if self.value > self.ours.mean else "below"
        return f"The printed value lies {_difference(abs(self.value - self.ours.mean), self.measure)} {side} our mean"

    @property
    def best(self) -> Spread:
        """The metric at the best epoch of each training, chosen afterwards."""
        pick = min if self.measure.endswith("loss") else max
        values = [pick(value_of(epoch, self.measure) for epoch in each.epochs) for each in self.trainings]
        return spread_of(values, self.ours.unit)


def _explain(outlier: _Outlier) -> tuple[Verdict, str]:
    """Why a metric may differ, by the first rule that explains it."""
    return next(found for explain in _EXPLANATIONS if (found := explain(outlier)))


def _another_number_of_epochs(outlier: _Outlier) -> tuple[Verdict, str] | None:
    if "epochs" not in find_system(outlier.reproduction.system).assumed:
        return None
    for number, each in enumerate(zip(*(training.epochs for training in outlier.trainings)), start=1):
        other = spread_of([value_of(epoch, outlier.measure) for epoch in each], outlier.ours.unit)
        if other.covers(outlier.value):
            unprinted = f"but the paper does not print how many epochs it took, and after {number} we get {other}."
            return "cannot be known", f"{outlier.away}; {unprinted}"
    return None


def _another_setting(outlier: _Outlier) -> tuple[Verdict, str] | None:
    for name, alternative in find_system(outlier.reproduction.system).alternatives.items():
        other = measured(_of(outlier.reproduction, name), outlier.measure)
        if not other or not other.covers(outlier.value):
            continue
        if alternative.against:
            return "fails", f"{outlier.away}; with {name}, which is not what the paper says, we get {other}."
        unprinted = f"but the paper does not print every setting, and with {name} we get {other}."
        return "cannot be known", f"{outlier.away}; {unprinted}"
    return None


def _rounding(outlier: _Outlier) -> tuple[Verdict, str] | None:
    value, mean = outlier.value, outlier.ours.mean
    rounding = 0.5 * 10 ** -len(f"{value:g}".partition(".")[2])
    nearest = value + min(rounding, abs(mean - value)) * (1 if mean > value else -1)
    if not outlier.ours.covers(nearest):
        return None
    meant = f"but rounded as printed it may stand for {nearest:g}, which lies within the tolerance."
    return "fails", f"{outlier.away}; {meant}"


def _evaluation_mode(outlier: _Outlier) -> tuple[Verdict, str] | None:
    results = [each.result for each in outlier.trainings]
    if outlier.measure == "train_accuracy":
        seen = spread_of([100 * each.seen_accuracy for each in results])
    elif outlier.measure == "train_loss":
        seen = spread_of([each.seen_loss for each in results], "nats")
    else:
        return None
    if not seen.covers(outlier.value):
        return None
    sentence = f"as frameworks print it, with dropout on; in evaluation mode we get {seen}, which fits."
    return "fails", f"{outlier.away} {sentence}"


def _best_epoch(outlier: _Outlier) -> tuple[Verdict, str] | None:
    best, epochs = outlier.best, outlier.epochs
    if not best.covers(outlier.value):
        return None
    sentence = f"after the last epoch; the best of all {epochs} epochs, picked afterwards, fits: {best}."
    return "fails", f"{outlier.away} {sentence}"


def _earlier_epoch(outlier: _Outlier) -> tuple[Verdict, str] | None:
    tolerance = outlier.ours.tolerance
    passed = [_first_within(each, outlier.measure, outlier.value, tolerance) for each in outlier.trainings]
    known = [number for number in passed if number is not None]
    if not known:
        return None
    after = " or ".join(str(number) for number in sorted({min(known), max(known)}))
    return "fails", f"{outlier.away}; our trainings pass it after {after} of {outlier.epochs} epochs, and go on."


def _no_epoch(outlier: _Outlier) -> tuple[Verdict, str]:
    reached = "lowest" if outlier.measure.endswith("loss") else "highest"
    return "fails", f"{outlier.away}; none of our epochs comes near it; the {reached} is {outlier.best}."


_EXPLANATIONS: tuple[Callable[[_Outlier], tuple[Verdict, str] | None], ...] = (
    _another_number_of_epochs,
    _another_setting,
    _rounding,
    _evaluation_mode,
    _best_epoch,
    _earlier_epoch,
    _no_epoch,
)


def _first_within(training: Training, measure: Measure, value: float, tolerance: float) -> int | None:
    """The first epoch, from 1, at which the metric differs from `value` by at most the tolerance."""
    for number, epoch in enumerate(training.epochs, start=1):
        if abs(value_of(epoch, measure) - value) <= tolerance:
            return number
    return None


def assess_f1(report: PublishedReport, reproduction: Reproduction) -> AssessedClaim:
    """Compare the mean F1 score of a printed classification report with our trainings."""
    name, value = "Mean F1 of the report", 100 * float(np.mean(report.f1))
    text, trainings = f"{value:.1f} %", published(reproduction)
    if not trainings:
        return untrained(name, text, reproduction.system)
    ours = _mean_f1(trainings)
    printed_rows = np.array([report.precision, report.recall, report.f1])
    mine = np.mean([_class_scores(each) for each in trainings], axis=0)
    near = int((np.abs(printed_rows - mine) <= 0.03).sum())
    reason = f"Of its {printed_rows.size} figures {near} lie within 3 points of our mean."
    if ours.covers(value):
        return AssessedClaim(name, text, str(ours), "holds", reason)
    for other, alternative in find_system(reproduction.system).alternatives.items():
        tried = _of(reproduction, other)
        if tried and not alternative.against and (found := _mean_f1(tried)).covers(value):
            reason += f" The paper does not print every setting, and with {other} we get {found}."
            return AssessedClaim(name, text, str(ours), "cannot be known", reason)
    return AssessedClaim(name, text, str(ours), "fails", reason)


def _mean_f1(trainings: Sequence[Training]) -> Spread:
    return spread_of([100 * float(_class_scores(each)[2].mean()) for each in trainings])


def _class_scores(training: Training) -> np.ndarray:
    """Precision, recall and F1 of each class, `(3, 10)`."""
    rows = class_report(np.array(training.confusion))
    return np.array([[row[name] for row in rows] for name in ("precision", "recall", "f1")])


def published(reproduction: Reproduction) -> tuple[Training, ...]:
    """The trainings with the settings that the paper prints."""
    return _of(reproduction, PUBLISHED)


def _of(reproduction: Reproduction, variant: str) -> tuple[Training, ...]:
    found = reproduction.variants.get(variant)
    return found.trainings if found else ()


def untrained(
    name: str, text: str, system: str, measure: Measure | None = None, value: float | None = None
) -> AssessedClaim:
    """A claim that has no training yet to compare it with."""
    reason = f"Train it with: python -m fmexplore reproduce {system}"
    return AssessedClaim(name, text, "", "not trained yet", reason, measure, value)


def _unit(measure: Measure) -> str:
    return "nats" if measure.endswith("loss") else "%"


def _text(value: float, measure: Measure) -> str:
    """As a paper prints it."""
    return f"{value:g} {_unit(measure)}"


def _difference(value: float, measure: Measure) -> str:
    return f"{value:.3f} nats" if measure.endswith("loss") else f"{value:.2f} points"
