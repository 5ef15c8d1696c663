"""A printed figure beside what came out here, and a verdict with its reason.

A figure *holds* where the printed value lies within the mean of our seeds, more or less the larger of two standard
deviations and 0.7 points (of losses: 0.02 nats); it *fails* outside. It *cannot be known* where another value of a
setting that the paper does not print brings it back inside. What the paper's own figures rule out *contradicts
itself*. Knows results and facts, and trains nothing.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fmexplore.evaluation.confusion import class_report
from fmexplore.papers.reported import MEASURES, Measure, Report
from fmexplore.papers.reproduction import PUBLISHED, Epoch, Reproduction, Training
from fmexplore.training.published import find_system

Verdict = Literal["holds", "fails", "cannot be known", "contradicts itself", "not trained yet"]
TONES: dict[Verdict, str] = {  # what kind of news each is
    "holds": "good",
    "fails": "bad",
    "cannot be known": "unknown",
    "contradicts itself": "odd",
    "not trained yet": "unknown",
}
POINTS, NATS = 0.7, 0.02


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds, in percent or nats."""

    mean: float
    deviation: float
    seeds: int
    unit: str = "%"

    @property
    def tolerance(self) -> float:
        """How far a printed value may lie from the mean."""
        return max(2 * self.deviation, POINTS if self.unit == "%" else NATS)

    def covers(self, value: float) -> bool:
        """Whether a printed value is one that such trainings give."""
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
class Judged:
    """A claim with its verdict; `figure` and `ours` are there where a number was printed and trained for."""

    about: str
    printed: str
    found: str
    verdict: Verdict
    reason: str
    measure: Measure | None = None
    figure: float | None = None
    ours: Spread | None = None


def spread_of(values: Sequence[float], unit: str = "%") -> Spread:
    """Of at least one value."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Spread(statistics.fmean(values), deviation, len(values), unit)


def value_of(epoch: Epoch, measure: Measure) -> float:
    """In percent or nats. Where the test set served for validation, its figures are both."""
    value = getattr(epoch, measure)
    if value is None:
        value = getattr(epoch, measure.replace("validation", "test"))
    return value if measure.endswith("loss") else 100 * value


def measured(trainings: Sequence[Training], measure: Measure) -> Spread | None:
    """What our seeds gave, or None before one was trained."""
    values = [value_of(each.result, measure) for each in trainings]
    return spread_of(values, _unit(measure)) if values else None


def judge_figure(reproduction: Reproduction, measure: Measure, value: float) -> Judged:
    """A printed figure against ours."""
    name, text = MEASURES[measure], _text(value, measure)
    trainings = published(reproduction)
    ours = measured(trainings, measure)
    if ours is None:
        return untrained(name, text, reproduction.system, measure, value)
    if ours.covers(value):
        reason = f"It lies within {_difference(ours.tolerance, measure)} of our mean."
        return Judged(name, text, str(ours), "holds", reason, measure, value, ours)
    verdict, reason = _explain(reproduction, measure, value, ours)
    return Judged(name, text, str(ours), verdict, reason, measure, value, ours)


def _explain(reproduction: Reproduction, measure: Measure, value: float, ours: Spread) -> tuple[Verdict, str]:
    """Why a figure may lie outside, as far as our trainings can tell."""
    away = (
        f"It lies {_difference(abs(value - ours.mean), measure)} {'above' if value > ours.mean else 'below'} our mean"
    )
    trainings = published(reproduction)
    system = find_system(reproduction.system)
    if "epochs" in system.assumed:
        for number, each in enumerate(zip(*(training.epochs for training in trainings)), start=1):
            other = spread_of([value_of(epoch, measure) for epoch in each], ours.unit)
            if other.covers(value):
                unprinted = f"but the paper does not print how many epochs it took, and after {number} we get {other}."
                return "cannot be known", f"{away}; {unprinted}"
    for name, alternative in system.alternatives.items():
        other = measured(_of(reproduction, name), measure)
        if other and other.covers(value) and alternative.against:
            return "fails", f"{away}; with {name}, which is not what the paper says, we get {other}."
        if other and other.covers(value):
            return (
                "cannot be known",
                f"{away}; but the paper does not print every setting, and with {name} we get {other}.",
            )
    rounding = 0.5 * 10 ** -len(f"{value:g}".partition(".")[2])
    nearest = value + min(rounding, abs(ours.mean - value)) * (1 if ours.mean > value else -1)
    if ours.covers(nearest):
        return "fails", f"{away}; but as rounded as it is printed it may stand for {nearest:g}, which lies within."
    if measure == "train_accuracy":
        seen = spread_of([100 * each.result.seen_accuracy for each in trainings])
        if seen.covers(value):
            return (
                "fails",
                f"{away} as frameworks print it, with dropout on; in evaluation mode we get {seen}, which fits.",
            )
    if measure == "train_loss":
        seen = spread_of([each.result.seen_loss for each in trainings], "nats")
        if seen.covers(value):
            return (
                "fails",
                f"{away} as frameworks print it, with dropout on; in evaluation mode we get {seen}, which fits.",
            )
    pick = min if measure.endswith("loss") else max
    best = spread_of([pick(value_of(epoch, measure) for epoch in each.epochs) for each in trainings], ours.unit)
    epochs = len(trainings[0].epochs)
    if best.covers(value):
        return (
            "fails",
            f"{away} after the last epoch; the best of all {epochs} epochs, picked afterwards, fits: {best}.",
        )
    passed = [_first_within(each, measure, value, ours.tolerance) for each in trainings]
    known = [number for number in passed if number is not None]
    if known:
        after = " or ".join(str(number) for number in sorted({min(known), max(known)}))
        return "fails", f"{away}; our trainings come by it after {after} of {epochs} epochs, and go on."
    reached = "lowest" if pick is min else "highest"
    return "fails", f"{away}; no epoch of ours comes near it, the {reached} is {best}."


def _first_within(training: Training, measure: Measure, value: float, tolerance: float) -> int | None:
    """The first epoch, from 1, whose figure is that near."""
    for number, epoch in enumerate(training.epochs, start=1):
        if abs(value_of(epoch, measure) - value) <= tolerance:
            return number
    return None


def judge_f1(report: Report, reproduction: Reproduction) -> Judged:
    """The mean F1 of a printed report against ours."""
    name, value = "Mean F1 of the report", 100 * float(np.mean(report.f1))
    text, trainings = f"{value:.1f} %", published(reproduction)
    if not trainings:
        return untrained(name, text, reproduction.system)
    ours = _mean_f1(trainings)
    printed_rows = np.array([report.precision, report.recall, report.f1])
    mine = np.mean([_figures(each) for each in trainings], axis=0)
    near = int((np.abs(printed_rows - mine) <= 0.03).sum())
    reason = f"Of its {printed_rows.size} figures {near} lie within 3 points of our mean."
    if ours.covers(value):
        return Judged(name, text, str(ours), "holds", reason)
    for other, alternative in find_system(reproduction.system).alternatives.items():
        tried = _of(reproduction, other)
        if tried and not alternative.against and (found := _mean_f1(tried)).covers(value):
            reason += f" The paper does not print every setting, and with {other} we get {found}."
            return Judged(name, text, str(ours), "cannot be known", reason)
    return Judged(name, text, str(ours), "fails", reason)


def _mean_f1(trainings: Sequence[Training]) -> Spread:
    return spread_of([100 * float(_figures(each)[2].mean()) for each in trainings])


def _figures(training: Training) -> np.ndarray:
    """Precision, recall and F1 of each class, `(3, 10)`."""
    rows = class_report(np.array(training.confusion))
    return np.array([[row[name] for row in rows] for name in ("precision", "recall", "f1")])


def published(reproduction: Reproduction) -> tuple[Training, ...]:
    """The trainings as the paper says."""
    return _of(reproduction, PUBLISHED)


def _of(reproduction: Reproduction, variant: str) -> tuple[Training, ...]:
    found = reproduction.variants.get(variant)
    return found.trainings if found else ()


def untrained(name: str, text: str, system: str, measure: Measure | None = None, value: float | None = None) -> Judged:
    """A claim that waits for a training."""
    reason = f"Train it with: python -m fmexplore reproduce {system}"
    return Judged(name, text, "", "not trained yet", reason, measure, value)


def _unit(measure: Measure) -> str:
    return "nats" if measure.endswith("loss") else "%"


def _text(value: float, measure: Measure) -> str:
    """As a paper prints it."""
    return f"{value:g} {_unit(measure)}"


def _difference(value: float, measure: Measure) -> str:
    return f"{value:.3f} nats" if measure.endswith("loss") else f"{value:.2f} points"
