"""Checks whether the scores of a classification report can be true together, within the rounding of their printing.

What each row allows by itself is in `class_rows`; here they are added up. Knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from fmexplore.checker.check_matrix import FASHION_CLASSES, name_thousands
from fmexplore.checker.class_rows import (
    MOST_COUNTED,
    ClassReading,
    Range,
    beyond_averages,
    harmonic,
    misfit,
    problem_of_f1,
    read_class,
)
from fmexplore.checker.results import TINY, Finding, Outcome, Table, fraction, number, percent
from fmexplore.checker.scores import SCORES, Claim, ClassRow, Report

MOST_CLASSES = 1_000
MOST_PROBLEMS = 12


def check_report(report: Report, claims: list[Claim]) -> Outcome:
    """Check a classification report in itself, and against claimed accuracies."""
    kind = "classification report"
    if report.problem or len(report.rows) > MOST_CLASSES:
        too_many = f"The report has {len(report.rows):,} classes: at most {MOST_CLASSES:,} are checked, give a part."
        return Outcome(kind, (Finding("note", report.problem or too_many, report.lines),), ())
    classes = [read_class(row, report, MOST_COUNTED // max(len(report.rows), 1)) for row in report.rows]
    status = "contradicts" if report.classes or _are_classes(report) else "note"
    wrong = [each for each in classes if each.problem][:MOST_PROBLEMS]
    findings = [Finding(status, each.problem, (each.row.line,), each.proof) for each in wrong]
    sound = not any(each.problem for each in classes)
    findings += _fitting_rows(report, classes)
    notes = _missing(report, classes)
    if not report.unread and classes:
        findings += _check_whole(report, classes, claims, sound)
    told = {line for finding in findings if finding.status == "contradicts" for line in finding.lines}
    findings += (each for each in _check_own_scores_of_averages(report) if not told & {*each.lines})
    rows = tuple(_cells(each) for each in classes)
    scores = (column for name in ("precision", "recall", "F1") for column in (name, f"allowed {name}"))
    columns = ("class", "support", "images right", *scores)
    return Outcome(kind, tuple(findings), (Table("Classes", columns, rows),) if rows else (), tuple(notes))


def _are_classes(report: Report) -> bool:
    """Whether nearly all rows have the F1 of one class, which averages of several models would have by chance only."""
    odd = sum(map(misfit, report.rows))
    return odd <= 1 and len(report.rows) - odd > 3


def _fitting_rows(report: Report, classes: list[ClassReading]) -> Iterator[Finding]:
    fitting = [each for each in classes if not each.problem and all(each.row.scores.get(name) for name in SCORES)]
    exact = [each for each in fitting if report.classes or not misfit(each.row)]
    if exact:
        what = ("class" if len(exact) == 1 else "classes") if report.classes else ("row" if len(exact) == 1 else "rows")
        rule = "F1 = 2 · precision · recall / (precision + recall), each within its rounding."
        lines = tuple(dict.fromkeys(each.row.line for each in exact))
        fit = "fits" if len(exact) == 1 else "fit"
        yield Finding("agrees", f"Precision, recall and F1 of {len(exact):,} {what} {fit} each other.", lines, rule)
    loose = [each for each in fitting if not report.classes and misfit(each.row)]
    if loose:
        names = ", ".join(each.row.name for each in loose[:3])
        message = f"{names}: the F1 is not that of the printed precision and recall, but can be if they are averages"
        yield Finding("note", f"{message} over classes.", tuple(each.row.line for each in loose))


def _missing(report: Report, classes: list[ClassReading]) -> list[str]:
    """What could not be checked, and what is missing for it."""
    notes = []
    if report.unread:
        listed = ", ".join(str(line + 1) for line in report.unread[:4]) + (", ..." if len(report.unread) > 4 else "")
        notes.append(
            f"Line {listed} of the text cannot be read, so sums, averages and accuracies are not checked: a row should "
            "be a name, then precision, recall and F1 as 0.88 or 88 %, and the number of images."
        )
    if classes and all(each.row.support is None for each in classes):
        notes.append("No supports are printed: averages weighted by them, and an accuracy, cannot be recomputed.")
    return notes


def _check_whole(report: Report, classes: list[ClassReading], claims: list[Claim], sound: bool) -> Iterator[Finding]:
    """What needs all rows of the report."""
    known = all(each.row.support is not None for each in classes)
    total = sum(each.support for each in classes)
    if not known or total <= 0:
        yield from _check_macro(report, classes, None)
        yield from _check_bounds(report, classes, claims)
        return
    printed = max((row.support for row in _totals(report) if row.support is not None), default=total)
    if printed > total * (1 + 1e-6) and not _fits_alone(report, classes, total):
        lines = tuple(row.line for row in _totals(report))
        message = f"The rows hold {number(total)} of the printed {number(printed)} images, and do not give the averages"
        yield Finding("note", f"{message}: rows are missing, so nothing that needs all of them is checked.", lines)
        return
    yield from _check_supports(report, total)
    if report.accuracy and sound:
        yield from _check_predicted(report, classes, total)
    yield from _check_macro(report, classes, total)
    if report.accuracy or not report.averages:  # each image in one class, each class printed
        yield from _check_accuracy(report, classes, total, claims)
    yield from name_thousands([each.support for each in classes], [each.row.name for each in classes], "supports")


def _check_own_scores_of_averages(report: Report) -> Iterator[Finding]:
    for row in report.averages:
        problem, proof = problem_of_f1(row) if row.name == "micro avg" else beyond_averages(row)
        if problem:
            yield Finding("contradicts", f"The {problem}", (row.line,), proof)


def _totals(report: Report) -> list[ClassRow]:
    """The rows about all images."""
    return [*([report.accuracy] if report.accuracy else []), *report.averages]


def _fits_alone(report: Report, classes: list[ClassReading], total: float) -> bool:
    """Whether the printed rows give the averages and the accuracy, so that none is missing."""
    for row in report.averages:
        for score in SCORES:
            given = _averages_of(row.name, score, classes, total)
            if (
                (printed := row.scores.get(score))
                and given
                and not any(printed.allows(each.low, each.high) for each in given)
            ):
                return False
    accuracy = report.accuracy.scores.get("f1") if report.accuracy else None
    allowed = _share_of(total, [each.recall_right for each in classes])
    return accuracy is None or accuracy.allows(allowed.low, allowed.high)


def _check_supports(report: Report, total: float) -> Iterator[Finding]:
    printed = [row for row in _totals(report) if row.support is not None]
    added = " + ".join(number(row.support or 0) for row in report.rows[:12]) + (
        " + ..." if len(report.rows) > 12 else ""
    )
    proof = f"{added} = {number(total)}."
    every = tuple(dict.fromkeys([*(row.line for row in report.rows), *(row.line for row in printed)]))
    wrong = [row for row in printed if abs((row.support or 0) - total) > 1e-6 * max(total, 1)]
    for row in wrong:
        message = f"The supports add up to {number(total)}, but the row {row.name!r} has {number(row.support or 0)}."
        yield Finding("contradicts", message, (row.line,), f"{proof} Every image is of one of the printed classes.")
    if printed and not wrong:
        yield Finding("agrees", f"The supports add up to {number(total)}, as printed.", every, proof)


def _check_predicted(report: Report, classes: list[ClassReading], total: float) -> Iterator[Finding]:
    low, high = sum(each.predicted.low for each in classes), sum(each.predicted.high for each in classes)
    if not low - 1e-6 * total <= total <= high + 1e-6 * total:
        least, most = f"{math.ceil(low):,}", f"{math.floor(high):,}" if high < math.inf else "any number of"
        message = f"Precision and recall together say that {least} to {most} images were given a class"
        proof = "The images given to a class are those right of it (recall · support) over its precision."
        lines = tuple(row.line for row in report.rows)
        yield Finding("contradicts", f"{message}, but there are {number(total)}.", lines, proof)


def _check_macro(report: Report, classes: list[ClassReading], total: float | None) -> Iterator[Finding]:
    """Compare every average with what the classes give, by any reading of its name."""
    agreed: list[ClassRow] = []
    for row in report.averages:
        fits = wrong = 0
        for score in SCORES:
            printed = row.scores.get(score)
            if printed is None or any(each.row.scores.get(score) is None for each in classes):
                continue
            given = _averages_of(row.name, score, classes, total)
            if any(printed.allows(each.low, each.high) for each in given):
                fits += 1
            elif given and row.name == "plain avg":
                yield Finding(
                    "note", f"The average of {score}, {printed.text}, is none of the usual ones.", (row.line,)
                )
            elif given:
                wrong += 1
                values = fraction(given[0].low, given[0].high, printed.digits + 1)
                message = f"The {row.name} of {score} is printed as {printed.text}, but the classes give {values}."
                yield Finding("contradicts", message, (row.line,), _sum_of_average(row.name, score, classes, total))
        if fits and not wrong:
            agreed.append(row)
    if agreed:
        names = " and the ".join(dict.fromkeys("average" if row.name == "plain avg" else row.name for row in agreed))
        lines = tuple(row.line for row in agreed)
        yield Finding("agrees", f"The {names} can be what the classes give.", lines, "Each within its rounding.")


def _averages_of(name: str, score: str, classes: list[ClassReading], total: float | None) -> list[Range]:
    """What an average of a score can be, by each reading of its name."""
    ranges = [each.scores[score] for each in classes]
    found: list[Range] = []
    if name in ("macro avg", "plain avg"):
        found.append(_weighted(ranges, [1 / len(classes)] * len(classes)))
        seen = [each.support > 0 for each in classes]
        if total and not all(seen):  # some tools leave out classes without images
            found.append(_weighted(ranges, [each / sum(seen) for each in seen]))
        if score == "f1" and all(each.row.scores.get(one) for each in classes for one in SCORES):
            both = [_averages_of("macro avg", one, classes, total)[0] for one in ("precision", "recall")]
            found.append(Range(harmonic(both[0].low, both[1].low), harmonic(both[0].high, both[1].high)))
    if name in ("weighted avg", "plain avg") and total:
        found.append(_weighted(ranges, [each.support / total for each in classes]))
    if name in ("micro avg", "plain avg") and total and score == "recall":
        found.append(_weighted([each.right for each in classes], [1 / total] * len(classes)))
    return found


def _weighted(ranges: list[Range], weights: list[float]) -> Range:
    low = sum(weight * each.low for weight, each in zip(weights, ranges))
    return Range(low, sum(weight * each.high for weight, each in zip(weights, ranges)))


def _sum_of_average(name: str, score: str, classes: list[ClassReading], total: float | None) -> str:
    shown = classes[:6]
    more = " + ..." if len(classes) > 6 else ""
    texts = [printed.text if (printed := each.row.scores.get(score)) else "" for each in shown]
    if name == "weighted avg":
        added = " + ".join(f"{number(each.support)} · {text}" for each, text in zip(shown, texts))
        return f"({added}{more}) / {number(total or 0)}, with the rounding of each."
    mean = f"({' + '.join(texts)}{more}) / {len(classes)}, with the rounding of each"
    return f"{mean}; nor is it the harmonic mean of the other two averages." if score == "f1" else f"{mean}."


def _check_bounds(report: Report, classes: list[ClassReading], claims: list[Claim]) -> Iterator[Finding]:
    """Without supports: an accuracy is a mean of the recalls, so it lies between the lowest and the highest."""
    recalls = [each.scores["recall"] for each in classes if each.row.scores.get("recall")]
    if len(recalls) < len(classes) or not recalls:
        return
    low, high = min(each.low for each in recalls), max(each.high for each in recalls)
    even = _weighted(recalls, [1 / len(recalls)] * len(recalls))
    rule = "The accuracy is the mean of the recalls, weighted by how many images each class has."
    own = report.accuracy.scores.get("f1") if report.accuracy else None
    stated = [Claim("accuracy", own, report.accuracy.line)] if own and report.accuracy else []
    for claim in [*stated, *claims]:
        lines = () if claim.line is None else (claim.line,)
        what = f"An accuracy of {claim.printed.percent}"
        if not claim.printed.allows(low, high):
            message = f"{what} is impossible: the recalls lie between {percent(low)} and {percent(high)}."
            yield Finding("contradicts" if claim.strict else "note", message, lines, rule)
            continue
        digits = max(1, claim.printed.digits - 2)
        fits = "is possible" if claim.printed.allows(even.low, even.high) else "would be impossible"
        images = " of 1,000, as in the test set of Fashion-MNIST," if len(classes) == len(FASHION_CLASSES) else ""
        message = f"with as many images{images} of each class the recalls allow {percent(even.low, even.high, digits)}"
        yield Finding("note", f"{what} {fits} if all classes are as large: {message}.", lines, rule)


def _check_accuracy(
    report: Report, classes: list[ClassReading], total: float, claims: list[Claim]
) -> Iterator[Finding]:
    if any(each.row.scores.get("recall") is None and each.support for each in classes):
        return
    by_recall = _share_of(total, [each.recall_right for each in classes])
    allowed = _share_of(total, [each.right for each in classes])
    digits = max([1, *(claim.printed.digits - 2 for claim in claims)])
    recalls = f"the recalls allow {percent(by_recall.low, by_recall.high, digits)}"
    rule = f"The right images are recall · support, added up over the classes, over all {number(total)}."
    row = report.accuracy.scores.get("f1") if report.accuracy else None
    if row and report.accuracy:
        lines, what = (report.accuracy.line,), f"The accuracy row of {row.text}"
        fits = row.allows(by_recall.low, by_recall.high)
        if not fits:
            yield Finding("contradicts", f"{what} is impossible: {recalls}.", lines, rule)
        elif not row.allows(allowed.low, allowed.high):
            message = f"with precision and F1 the classes allow {percent(allowed.low, allowed.high, digits)}"
            yield Finding("contradicts", f"{what} is impossible: {message}.", lines, rule)
        else:
            yield Finding("agrees", f"{what} is possible: {recalls}.", lines, rule)
        if fits:
            by_recall = Range(max(by_recall.low, row.low), max(row.low, by_recall.low, min(by_recall.high, row.high)))
            allowed = Range(max(allowed.low, row.low), min(allowed.high, row.high))
            recalls += f"; with the accuracy row of {row.text}, {percent(by_recall.low, by_recall.high, digits)}"
    for claim in claims:
        printed, wrong = claim.printed, ""
        if not printed.allows(by_recall.low, by_recall.high):
            wrong = f"{recalls}."
        elif row and min(printed.high, row.high) - max(printed.low, row.low) < TINY:
            wrong = f"the accuracy row has {row.text}."
        elif allowed.low <= allowed.high and not printed.allows(allowed.low, allowed.high):
            wrong = f"with precision and F1 the classes allow {percent(allowed.low, allowed.high, digits)}."
        yield _about_claim(claim, wrong, recalls, rule)


def _about_claim(claim: Claim, wrong: str, recalls: str, rule: str) -> Finding:
    """What follows for a stated accuracy: `wrong` says why it cannot be that of the report."""
    what, lines = f"An accuracy of {claim.printed.percent}", () if claim.line is None else (claim.line,)
    if not wrong:
        return Finding("agrees", f"{what} is possible: {recalls}.", lines, rule)
    if claim.strict:
        return Finding("contradicts", f"{what} is impossible: {wrong}", lines, rule)
    return Finding("note", f"{what} is not that of this report, perhaps of other images: {wrong}", lines, rule)


def _share_of(total: float, counts: list[Range]) -> Range:
    return Range(sum(each.low for each in counts) / total, sum(each.high for each in counts) / total)


def _cells(each: ClassReading) -> tuple[str, ...]:
    right = f"{each.right.low:,.0f} to {each.right.high:,.0f}" if each.support else ""
    cells = [each.row.name, number(each.support) if each.row.support is not None else "", right]
    for score in SCORES:
        printed, allowed = each.row.scores.get(score), each.scores[score]
        cells += [printed.text if printed else "", "" if each.problem else fraction(allowed.low, allowed.high, 4)]
    return tuple(cells)
