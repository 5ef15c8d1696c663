"""What the row of a class in a report allows: how many images were right, and how many predicted.

It tries whole numbers of images. Rows that may be models in place of classes have averages as scores, which obey
weaker rules. Knows no text and no other row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from fmexplore.checker.results import TINY, Printed, fraction, number
from fmexplore.checker.scores import SCORES, ClassRow, Report

MOST_COUNTED = 20_000  # numbers of right images, over all classes, that are tried one by one


@dataclass(frozen=True)
class Range:
    """The lowest and the highest possible value of a number."""

    low: float
    high: float


ANY_SHARE, ANY_NUMBER = Range(0, 1), Range(0, math.inf)


@dataclass(frozen=True)
class ClassReading:
    """What the row of a class allows, or why it cannot be true."""

    row: ClassRow
    support: float
    recall_right: Range  # images of the class that were predicted correctly, by recall and support alone
    right: Range  # the same, by all scores
    predicted: Range  # images that were predicted as the class
    scores: dict[str, Range]
    problem: str = ""
    proof: str = ""


def read_class(row: ClassRow, report: Report, most: int) -> ClassReading:
    """What a row allows, by the first of five cases that it is."""
    each = _as_printed(row, report.counted)
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    if not report.classes:
        return _with_problem(each, *beyond_averages(row))
    if row.support is None:
        return _with_problem(each, *problem_of_f1(row))
    if each.support == 0:
        return each
    if recall and each.right.low > each.right.high:
        return _with_impossible_recall(each, recall)
    if not report.counted or each.right.high - each.right.low > most or not precision or not f1:
        return _by_recall_alone(each)
    return _by_counting(each, precision, f1)


def _with_problem(each: ClassReading, problem: str, proof: str) -> ClassReading:
    return replace(each, problem=problem, proof=proof)


def _as_printed(row: ClassRow, counted: bool) -> ClassReading:
    """The ranges that rounding allows for the scores, and the numbers of right images that the recall allows."""
    scores = {name: Range(each.low, each.high) if (each := row.scores.get(name)) else ANY_SHARE for name in SCORES}
    support, recall = row.support or 0.0, scores["recall"]
    low, high = max(0.0, support * recall.low), min(support, support * recall.high)
    right = Range(math.ceil(low - 1e-7), math.floor(high + 1e-7)) if counted else Range(low, high)
    return ClassReading(row, support, right, right, ANY_NUMBER, scores)


def _with_impossible_recall(each: ClassReading, recall: Printed) -> ClassReading:
    support = number(each.support)
    low = math.floor(each.support * recall.low)
    near = f"{low:,} of {support} give {low / each.support:.4f} and {low + 1:,} give {(low + 1) / each.support:.4f}"
    problem = f"{each.row.name}: no whole number of {support} images gives a recall of {recall.text}."
    proof = f"The recall is right images over {support}; {near}, none of which rounds to {recall.text}."
    return replace(each, recall_right=Range(0, 0), right=Range(0, 0), problem=problem, proof=proof)


def _by_recall_alone(each: ClassReading) -> ClassReading:
    """A score is missing, or there are too many numbers to try: bounds from precision and recall."""
    precision, predicted = each.row.scores.get("precision"), each.predicted
    if precision and precision.low > 0:
        predicted = Range(each.right.low / precision.high, each.right.high / precision.low)
    return _with_problem(replace(each, predicted=predicted), *problem_of_f1(each.row))


def _by_counting(each: ClassReading, precision: Printed, f1: Printed) -> ClassReading:
    """Try every number of right images that the recall allows, and keep those that the other scores allow."""
    tried = range(int(each.right.low), int(each.right.high) + 1)
    counts = ((right, _predicted(right, each.support, precision, f1)) for right in tried)
    found = {right: predicted for right, predicted in counts if predicted is not None}
    if not found:
        return _with_problem(each, *_none_fits(each))
    predicted = Range(min(given.low for given in found.values()), max(given.high for given in found.values()))
    counted = _scores_of_counts(found, each.support)
    scores = {name: _overlap(counted[name], each.scores[name]) for name in SCORES}
    return replace(each, right=Range(min(found), max(found)), predicted=predicted, scores=scores)


def _none_fits(each: ClassReading) -> tuple[str, str]:
    row = each.row
    problem, proof = problem_of_f1(row)
    if problem:
        return problem, proof
    listed = ", ".join(f"{name} {printed.text}" for name in SCORES if (printed := row.scores.get(name)))
    message = f"{row.name}: no whole numbers of images out of {number(each.support)} give {listed} together."
    tried = f"{each.right.low:,.0f} to {each.right.high:,.0f}"
    why = f"The recall allows {tried} right images; for none of these is there a number of predicted images that gives"
    return message, f"{why} the printed precision and F1."


def _scores_of_counts(found: dict[int, Range], support: float) -> dict[str, Range]:
    """The scores that the numbers of images allow."""
    counts = found.items()
    return {
        "precision": Range(
            min(right / predicted.high if predicted.high else 0 for right, predicted in counts),
            max(right / predicted.low if predicted.low else 1 for right, predicted in counts),
        ),
        "recall": Range(min(found) / support, max(found) / support),
        "f1": Range(
            min(2 * right / (support + predicted.high) for right, predicted in counts),
            max(2 * right / (support + predicted.low) for right, predicted in counts),
        ),
    }


def _overlap(counted: Range, printed: Range) -> Range:
    """The intersection of two ranges; the printed one where they do not overlap."""
    low, high = max(counted.low, printed.low), min(counted.high, printed.high)
    apart = counted.low > printed.high or counted.high < printed.low
    return printed if apart else Range(low, high)


def _predicted(right: int, support: float, precision: Printed, f1: Printed) -> Range | None:
    """How many images may have been predicted as a class, if `right` of them correctly; None if no number fits."""
    low, high = float(right), math.inf
    if right == 0:
        f1_fits = f1.low <= TINY or f1.high >= 1 - TINY
        return Range(0, high) if f1_fits and (precision.allows(0) or precision.allows(1)) else None
    low = max(low, math.ceil(right / precision.high - TINY))
    high = math.floor(right / precision.low + 1e-7) if precision.low > 0 else high
    low = max(low, math.ceil(2 * right / f1.high - support - 1e-7)) if f1.high > 0 else high
    high = min(high, math.floor(2 * right / f1.low - support + 1e-7) if f1.low > 0 else high)
    return Range(low, high) if low <= high else None


def problem_of_f1(row: ClassRow) -> tuple[str, str]:
    """Why precision, recall and F1 cannot be true together; empty where they can, and where one is not printed."""
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    if not (precision and recall and f1) or not misfit(row):
        return "", ""
    low, high = _harmonics(precision, recall)
    given = fraction(low, high, f1.digits)
    message = f"{row.name}: precision {precision.text} and recall {recall.text} give an F1 of {given}, not {f1.text}."
    return message, f"{_sum_of_f1(precision, recall)}; with the rounding of both, {fraction(low, high, f1.digits + 2)}."


def _sum_of_f1(precision: Printed, recall: Printed) -> str:
    middle = harmonic((precision.low + precision.high) / 2, (recall.low + recall.high) / 2)
    return f"2 · {precision.text} · {recall.text} / ({precision.text} + {recall.text}) = {middle:.4f}"


def misfit(row: ClassRow) -> bool:
    """Whether F1 is not the harmonic mean of precision and recall, within the rounding of the three."""
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    return bool(precision and recall and f1 and not f1.allows(*_harmonics(precision, recall)))


def _harmonics(precision: Printed, recall: Printed) -> tuple[float, float]:
    low = harmonic(max(precision.low, 0.0), max(recall.low, 0.0))
    return low, harmonic(min(precision.high, 1.0), min(recall.high, 1.0))


def harmonic(precision: float, recall: float) -> float:
    """The harmonic mean of precision and recall, which is F1."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def beyond_averages(row: ClassRow) -> tuple[str, str]:
    """Why scores cannot be true even as averages over classes: then too F1 is at most the harmonic mean."""
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    if not (precision and recall and f1):
        return "", ""
    most = _harmonics(precision, recall)[1]
    least = max(0.0, precision.low + recall.low - 1)
    if f1.low <= most + TINY and f1.high >= least - TINY:
        return "", ""
    bound = f"at most {most:.{f1.digits}f}" if f1.low > most else f"at least {least:.{f1.digits}f}"
    message = f"{row.name}: with precision {precision.text} and recall {recall.text} F1 is {bound}, not {f1.text}."
    rule = "Neither of one class nor of averages over classes can F1 be more than the harmonic mean of precision and"
    return message, f"{rule} recall, nor less than their sum less 1. {_sum_of_f1(precision, recall)}."
