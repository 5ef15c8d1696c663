"""Checks whether the scores of a classification report can be true together, within the rounding of their printing.

It looks for whole numbers of images that give the printed scores. Knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fmexplore.checker.check_matrix import EACH, check_thousands, compare_report
from fmexplore.checker.parse_scores import SCORES, ClassificationReport, ClassRow, Matrix
from fmexplore.checker.results import TINY, Finding, Outcome, Printed, Table, fraction, percent
from fmexplore.data.fashion_mnist import CLASS_NAMES

MOST_COUNTED = 20_000  # numbers of right images, over all classes, that are tried one by one


@dataclass(frozen=True)
class Range:
    """The lowest and the highest possible value of a number."""

    low: float
    high: float


ANY_SHARE, ANY_NUMBER = Range(0, 1), Range(0, math.inf)


@dataclass(frozen=True)
class _Class:
    """What the row of a class allows, or why it cannot be true."""

    row: ClassRow
    support: int
    recall_right: Range  # images of the class that were predicted correctly, by recall and support alone
    right: Range  # the same, by all scores
    predicted: Range  # images that were predicted as the class
    scores: dict[str, Range]
    problem: str = ""


def check_report(report: ClassificationReport, claims: list[Printed], exact: Matrix | None = None) -> Outcome:
    """Check a classification report in itself, against claimed accuracies, and against a matrix printed with it."""
    classes, notes = _read_classes(report)
    findings = [Finding("contradicts", each.problem) for each in classes if each.problem]
    sound = not findings
    if sound:
        findings.append(Finding("agrees", f"Precision, recall and F1 of {len(classes)} classes fit each other."))
    supported = [each for each in classes if each.support > 0]
    total = sum(each.support for each in supported)
    whole = report.accuracy is not None or not report.averages  # each image in one class, each class printed
    if supported and len(supported) == sum(each.row.support != 0 for each in classes):
        findings += _check_supports(report, total)
        if whole and sound:
            findings += _check_predicted(classes, total)
        findings += _check_averages(report, classes, total)
        if whole:
            findings += _check_accuracy(report, classes, total, claims)
    elif claims:
        notes.append("The claimed accuracy cannot be compared with a report without supports.")
    if exact:
        findings += compare_report(report, exact)
    rows = tuple(_cells(each) for each in classes)
    scores = (column for name in ("precision", "recall", "F1") for column in (name, f"allowed {name}"))
    columns = ("class", "support", "images right", *scores)
    return Outcome("classification report", tuple(findings), (Table("Classes", columns, rows),), tuple(notes))


def _read_classes(report: ClassificationReport) -> tuple[list[_Class], list[str]]:
    """What each row allows, and notes on what had to be assumed."""
    rows, notes = report.rows, []
    if all(row.support is None for row in rows) and len(rows) == len(CLASS_NAMES):
        notes.append("No supports are printed: 1,000 images of each class are taken, as in Fashion-MNIST's test set.")
        rows = tuple(ClassRow(row.name, row.scores, EACH) for row in rows)
    return [_read_class(row, MOST_COUNTED // len(rows)) for row in rows], notes


def _read_class(row: ClassRow, most: int) -> _Class:
    """What a row allows, by the first of four cases that it is."""
    each = _as_printed(row)
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    if each.support == 0:
        return _without_images(each)
    if recall and each.right.low > each.right.high:
        return _with_impossible_recall(each, recall)
    if each.right.high - each.right.low > most or not precision or not f1:
        return _by_recall_alone(each)
    return _by_counting(each, precision, f1)


def _as_printed(row: ClassRow) -> _Class:
    """The ranges that rounding allows for the scores, and the numbers of right images that the recall allows."""
    scores = {name: Range(each.low, each.high) if (each := row.scores.get(name)) else ANY_SHARE for name in SCORES}
    support, recall = row.support or 0, scores["recall"]
    right = Range(math.ceil(support * recall.low - 1e-7), math.floor(support * recall.high + 1e-7))
    return _Class(row, support, right, right, ANY_NUMBER, scores)


def _without_images(each: _Class) -> _Class:
    """No images, or no support printed: then only the three scores can be compared with each other."""
    return replace(each, problem=_problem_of_f1(each.row) if each.row.support is None else "")


def _with_impossible_recall(each: _Class, recall: Printed) -> _Class:
    problem = f"{each.row.name}: no whole number of {each.support:,} images gives a recall of {recall.text}."
    return replace(each, recall_right=Range(0, 0), right=Range(0, 0), problem=problem)


def _by_recall_alone(each: _Class) -> _Class:
    """A score is missing, or there are too many numbers to try: bounds from precision and recall."""
    precision, predicted = each.row.scores.get("precision"), each.predicted
    if precision and precision.low > 0:
        predicted = Range(each.right.low / precision.high, each.right.high / precision.low)
    return replace(each, predicted=predicted, problem=_problem_of_f1(each.row))


def _by_counting(each: _Class, precision: Printed, f1: Printed) -> _Class:
    """Try every number of right images that the recall allows, and keep those that the other scores allow."""
    tried = range(int(each.right.low), int(each.right.high) + 1)
    counts = ((right, _predicted(right, each.support, precision, f1)) for right in tried)
    found = {right: predicted for right, predicted in counts if predicted is not None}
    if not found:
        complete = all(each.row.scores.get(name) for name in SCORES)
        none_fits = f"{each.row.name}: no numbers of images give the printed figures."
        return replace(each, problem=_problem_of_f1(each.row) if complete else none_fits)
    predicted = Range(min(given.low for given in found.values()), max(given.high for given in found.values()))
    counted = _scores_of_counts(found, each.support)
    scores = {name: _overlap(counted[name], each.scores[name]) for name in SCORES}
    return replace(each, right=Range(min(found), max(found)), predicted=predicted, scores=scores)


def _scores_of_counts(found: dict[int, Range], support: int) -> dict[str, Range]:
    """The scores that are possible for numbers of right images, each with the numbers of predictions it allows."""
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


def _predicted(right: int, support: int, precision: Printed | None, f1: Printed | None) -> Range | None:
    """How many images may have been predicted as a class, if `right` of them correctly; None if no number fits."""
    low, high = float(right), math.inf
    if right == 0:
        f1_fits = f1 is None or f1.low <= TINY or f1.high >= 1 - TINY
        return Range(0, high) if f1_fits and (precision is None or precision.allows(0) or precision.allows(1)) else None
    if precision:
        low = max(low, math.ceil(right / precision.high - TINY))
        high = math.floor(right / precision.low + 1e-7) if precision.low > 0 else high
    if f1:
        low = max(low, math.ceil(2 * right / f1.high - support - 1e-7))
        high = min(high, math.floor(2 * right / f1.low - support + 1e-7) if f1.low > 0 else high)
    return Range(low, high) if low <= high else None


def _problem_of_f1(row: ClassRow) -> str:
    """Why precision, recall and F1 cannot be true together; empty where they can, and where one is not printed."""
    precision, recall, f1 = (row.scores.get(name) for name in SCORES)
    if not (precision and recall and f1):
        return ""
    low, high = _harmonic(precision.low, recall.low), _harmonic(precision.high, recall.high)
    scores = f"{row.name}: precision {precision.text} and recall {recall.text}"
    if not f1.allows(low, high):
        return f"{scores} give an F1 of {fraction(low, high, f1.digits)}, not {f1.text}."
    if row.support is None or row.support > 20 / max(f1.high - f1.low, TINY):
        return ""
    scores = f"precision {precision.text}, recall {recall.text} and F1 {f1.text}"
    return f"{row.name}: no whole numbers of images out of {row.support:,} give {scores} together."


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _check_supports(report: ClassificationReport, total: int) -> Iterator[Finding]:
    printed = {"accuracy": report.total, **{name: row.support for name, row in report.averages.items()}}
    for name, count in printed.items():
        if count is not None and count != total:
            yield Finding("contradicts", f"The supports add up to {total:,}, but the row {name!r} has {count:,}.")
    counts = [row.support or 0 for row in report.rows]
    yield from check_thousands(counts, [row.name for row in report.rows], "supports")


def _check_predicted(classes: list[_Class], total: int) -> Iterator[Finding]:
    low, high = sum(each.predicted.low for each in classes), sum(each.predicted.high for each in classes)
    if not low - 1e-6 <= total <= high + 1e-6:
        least, most = f"{math.ceil(low):,}", f"{math.floor(high):,}" if high < math.inf else "any number of"
        message = f"Precision and recall together say that {least} to {most} images were given a class"
        yield Finding("contradicts", f"{message}, but there are {total:,}.")


def _check_averages(report: ClassificationReport, classes: list[_Class], total: int) -> Iterator[Finding]:
    right = [each.right for each in classes]
    for name, row in report.averages.items():
        for score in SCORES:
            printed = row.scores.get(score)
            if printed is None or any(each.row.scores.get(score) is None for each in classes):
                continue
            ranges = [each.scores[score] for each in classes]
            if name == "macro avg":
                weights = [1 / len(classes)] * len(classes)
            elif name == "weighted avg":
                weights = [each.support / total for each in classes]
            elif name == "micro avg" and score == "recall":
                ranges, weights = right, [1 / total] * len(classes)
            else:
                continue
            low = sum(weight * each.low for weight, each in zip(weights, ranges))
            high = sum(weight * each.high for weight, each in zip(weights, ranges))
            if not printed.allows(low, high):
                given = fraction(low, high, printed.digits + 1)
                message = f"The {name} of {score} is printed as {printed.text}, but the classes give {given}"
                yield Finding("contradicts", f"{message}.")


def _check_accuracy(
    report: ClassificationReport, classes: list[_Class], total: int, claims: list[Printed]
) -> Iterator[Finding]:
    if any(each.row.scores.get("recall") is None and each.support for each in classes):
        return
    by_recall = _share_of(total, [each.recall_right for each in classes])
    allowed = _share_of(total, [each.right for each in classes])
    digits = max([1, *(claim.digits - 2 for claim in claims)])
    recalls = f"the recalls allow {percent(by_recall.low, by_recall.high, digits)}"
    row = report.accuracy
    if row:
        fits = row.allows(by_recall.low, by_recall.high)
        verdict = "is possible" if fits else "is impossible"
        yield Finding("agrees" if fits else "contradicts", f"The accuracy row of {row.text} {verdict}: {recalls}.")
        if fits and not row.allows(allowed.low, allowed.high):
            message = f"with precision and F1 the classes allow {percent(allowed.low, allowed.high, digits)}"
            yield Finding("contradicts", f"The accuracy row of {row.text} is impossible: {message}.")
        if fits:
            both = Range(max(by_recall.low, row.low), min(by_recall.high, row.high))
            recalls += f"; with the accuracy row of {row.text}, {percent(both.low, max(both.low, both.high), digits)}"
            allowed = Range(max(allowed.low, row.low), min(allowed.high, row.high))
            by_recall = both
    for claim in claims:
        if not claim.allows(by_recall.low, by_recall.high):
            yield Finding("contradicts", f"An accuracy of {claim.percent} is impossible: {recalls}.")
        elif row and min(claim.high, row.high) - max(claim.low, row.low) < TINY:
            yield Finding(
                "contradicts", f"An accuracy of {claim.percent} is impossible: the accuracy row has {row.text}."
            )
        elif allowed.low <= allowed.high and not claim.allows(allowed.low, allowed.high):
            message = f"with precision and F1 the classes allow {percent(allowed.low, allowed.high, digits)}"
            yield Finding("contradicts", f"An accuracy of {claim.percent} is impossible: {message}.")
        else:
            yield Finding("agrees", f"An accuracy of {claim.percent} is possible: {recalls}.")


def _share_of(total: int, counts: list[Range]) -> Range:
    return Range(sum(each.low for each in counts) / total, sum(each.high for each in counts) / total)


def _cells(each: _Class) -> tuple[str, ...]:
    right = f"{each.right.low:,.0f} to {each.right.high:,.0f}" if each.support else ""
    cells = [each.row.name, f"{each.support:,}" if each.support else "", right]
    for score in SCORES:
        printed, allowed = each.row.scores.get(score), each.scores[score]
        cells += [printed.text if printed else "", "" if each.problem else fraction(allowed.low, allowed.high, 4)]
    return tuple(cells)
