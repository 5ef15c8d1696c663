"""Brings together what a text holds of reports, matrices and stated scores: which belong together, and if they fit.

A report is compared with a matrix in every reading of it: its rows true or predicted, its classes in another order.
Only where none fits, and both are of the same images, they contradict each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fmexplore.checker.check_matrix import check_matrix, names_of, scores_of
from fmexplore.checker.check_scores import check_report
from fmexplore.checker.parse_claims import count_accuracies
from fmexplore.checker.results import Finding, Outcome, number
from fmexplore.checker.scores import SCORES, Claim, Matrix, Report

NEAR = 8  # lines, empty ones not counted, between parts that belong to each other
MOST_PROBLEMS = 12
TURNED = "only transposed: its rows are the predictions, its columns the true classes"


def check_parts(
    lines: list[str], left: list[str], reports: list[Report], matrices: list[Matrix], claims: list[Claim]
) -> tuple[list[Outcome], list[str]]:
    """Check reports and matrices, each with what belongs to it; and sentences on claims that belong to none.

    `left` are the lines of no table, as many as `lines`.
    """
    pairs = _pairs(reports, matrices)
    alone = len(reports) + len(matrices) - len(pairs) == 1
    single = alone and count_accuracies(left) < 2
    claims = [_with_strictness(claim, lines, [*reports, *matrices], claims, single) for claim in claims]
    accuracies = [claim for claim in claims if claim.score == "accuracy"]
    outcomes = []
    for place, report in enumerate(reports):
        own = accuracies if alone and not matrices else []
        outcome = check_report(report, own)
        compared = _compare_best(report, matrices, pairs.get(place), lines)
        outcomes.append(replace(outcome, findings=(*outcome.findings, *compared)))
    for matrix in matrices:
        near = claims if alone else [claim for claim in claims if claim.line is not None]
        outcomes.append(check_matrix(matrix, [replace(claim, strict=claim.strict and alone) for claim in near]))
    asked = any(claim.line is None for claim in claims)
    notes = []
    if asked and not reports and not matrices:
        notes.append("A layer summary says nothing about accuracy: give a report or a confusion matrix with it.")
    elif asked and not alone:
        what = "reports" if len(reports) > 1 else "matrices" if len(matrices) > 1 else "tables of several systems"
        notes.append(f"An accuracy cannot be compared with several {what}: give only the one that it belongs to.")
    return outcomes, notes


def _pairs(reports: list[Report], matrices: list[Matrix]) -> dict[int, Matrix]:
    """Which matrix belongs to which report: as many of each in turn, or there is one of each."""
    if len(reports) != len(matrices) or not reports:
        return {}
    order = sorted([*((each.lines[:1], 0) for each in reports), *((each.lines[:1], 1) for each in matrices)])
    kinds = [kind for _, kind in order]
    in_turn = all(kinds[place] != kinds[place + 1] for place in range(0, len(kinds), 2))
    return dict(enumerate(matrices)) if in_turn else {}


def _with_strictness(
    claim: Claim, lines: list[str], parts: list[Report | Matrix], claims: list[Claim], alone: bool
) -> Claim:
    """A claim of a text is surely about the only table beside it, if the text states no other."""
    if claim.line is None:
        return claim
    others = {each.printed.text for each in claims if each.score == claim.score and each.line is not None}
    near = any(_between(lines, claim.line, edge) <= NEAR for part in parts for edge in (part.lines[0], part.lines[-1]))
    return replace(claim, strict=alone and near and len(others) == 1)


def _between(lines: list[str], first: int, last: int) -> int:
    low, high = sorted((first, last))
    return sum(bool(line.strip()) for line in lines[low + 1 : high][: 10 * NEAR])


def _compare_best(report: Report, matrices: list[Matrix], own: Matrix | None, lines: list[str]) -> list[Finding]:
    """The comparison with the matrix that belongs to a report; else only with one that fits it."""
    if not report.rows or report.unread:
        return []
    if own:
        edges = [(a, b) for a in (report.lines[0], report.lines[-1]) for b in (own.lines[0], own.lines[-1])]
        gap = min(_between(lines, a, b) for a, b in edges)
        return compare_report(report, own, strict=gap <= NEAR)
    for matrix in matrices:
        found = compare_report(report, matrix, strict=False)
        if any(finding.status == "agrees" for finding in found):
            return found
    return []


@dataclass(frozen=True)
class _Reading:
    """A way to read a matrix beside a report, rows being true classes; with what then does not fit."""

    words: str
    matrix: Matrix
    problems: tuple[tuple[str, int, str], ...]  # message, line, proof


def compare_report(report: Report, matrix: Matrix, strict: bool) -> list[Finding]:
    """Compare the scores of a report with those that a matrix gives, in each reading of the matrix.

    Args:
        report: with all its rows.
        matrix: of counts or of shares.
        strict: whether the text leaves no doubt that both are of the same predictions.
    """
    if matrix.problem or matrix.size != len(report.rows):
        return []
    both = tuple(dict.fromkeys((*report.lines, *matrix.lines)))
    if matrix.decimals is not None:
        return _compare_shares(report, matrix, both)
    readings = list(_readings(report, matrix))
    fitting = next((each for each in readings if not each.problems), None)
    if fitting:
        found = [Finding("agrees", "Every figure of the report is what the matrix gives, within rounding.", both)]
        if fitting.words:
            found.append(Finding("note", f"The matrix fits the report {fitting.words}.", matrix.lines))
        return found
    nearest = min(readings, key=lambda each: len(each.problems))
    other = [
        name
        for name, row, counts in zip(names_of(matrix), report.rows, nearest.matrix.rows)
        if row.support is not None and row.support != sum(counts)
    ]
    if len(other) > 2 or (len(other) > 1 and len(report.rows) == 2 and not strict):
        return [Finding("note", "The matrix and the report are of different images: they are not compared.", both)]
    if not strict or not (matrix.sure or _mostly_fits(nearest, report)):
        return [Finding("note", "The matrix does not give the report: they may be of different predictions.", both)]
    rule = "No reading of the matrix fits: neither its rows nor its columns as true classes."
    return [
        Finding("contradicts", message, (line,), f"{proof} {rule}")
        for message, line, proof in nearest.problems[:MOST_PROBLEMS]
    ]


def _mostly_fits(reading: _Reading, report: Report) -> bool:
    """Whether most classes fit, so that the matrix cannot be of another network."""
    wrong = {line for _, line, _ in reading.problems} & {row.line for row in report.rows}
    return len(wrong) <= max(2, len(report.rows) // 2)


def _readings(report: Report, matrix: Matrix) -> Iterator[_Reading]:
    turned = matrix.turned()
    ways = [("", matrix), (TURNED, turned)]
    if matrix.axis == "predicted":
        ways = [("", turned), ("only transposed: its rows are the true classes", matrix)]
    for words, each in ways:
        yield _Reading(words, each, tuple(_problems(report, each)))
    for words, each in ways:
        if order := _order(report, each):
            rows = tuple(tuple(each.rows[row][column] for column in order) for row in order)
            again = replace(each, rows=rows)
            described = "only with its classes in another order" + (f", and {words}" if words else "")
            yield _Reading(described, again, tuple(_problems(report, again)))


def _order(report: Report, matrix: Matrix) -> list[int] | None:
    """The places of the report's classes in the matrix by their names, else by their numbers of images."""
    by_name = _places([row.name for row in report.rows], matrix.names)
    by_count = _places([number(row.support or 0) for row in report.rows], [number(sum(row)) for row in matrix.rows])
    order = by_name or by_count or ([1, 0] if matrix.size == 2 else None)
    return None if order == list(range(matrix.size)) else order


def _places(wanted: Sequence[str], there: Sequence[str]) -> list[int] | None:
    """Where each of `wanted` is, if both hold the same and nothing twice."""
    same = len(set(there)) == len(there) and sorted(wanted) == sorted(there)
    return [there.index(each) for each in wanted] if same else None


def _problems(report: Report, matrix: Matrix) -> Iterator[tuple[str, int, str]]:
    """What of the report the matrix does not give, its rows being true classes."""
    exact = scores_of(matrix)
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows, strict=True)]
    total = sum(sums)
    for place, (row, values) in enumerate(zip(report.rows, exact)):
        hit = matrix.rows[place][place]
        proofs = {
            "precision": f"{number(hit)} / {number(columns[place])} = {values['precision']:.4f}.",
            "recall": f"{number(hit)} / {number(sums[place])} = {values['recall']:.4f}.",
            "f1": f"2 · {number(hit)} / ({number(sums[place])} + {number(columns[place])}) = {values['f1']:.4f}.",
        }
        for score in SCORES:
            printed = row.scores.get(score)
            divisor = {"precision": columns[place], "recall": sums[place], "f1": sums[place] + columns[place]}[score]
            if printed and divisor and not printed.allows(values[score]):
                message = f"{row.name}: the report prints a {score} of {printed.text}, but the matrix gives"
                yield f"{message} {values[score]:.4f}.", row.line, proofs[score]
        if row.support is not None and row.support != sums[place]:
            message = f"{row.name}: the report has {number(row.support)} images, but the matrix {number(sums[place])}."
            yield message, row.line, "The sum of the row of the matrix."
    weights = {"macro avg": [1 / len(sums)] * len(sums), "weighted avg": [each / max(total, 1) for each in sums]}
    defined = all(sums) and all(columns)
    for row in report.averages if defined else ():
        for score in SCORES if row.name in weights else ():
            value = sum(weight * values[score] for weight, values in zip(weights[row.name], exact))
            printed = row.scores.get(score)
            harmonic = _harmonic_of_means(exact) if score == "f1" and row.name == "macro avg" else value
            if printed and not printed.allows(value) and not printed.allows(harmonic):
                message = f"The {row.name} of {score} is printed as {printed.text}, but the matrix gives {value:.4f}."
                yield message, row.line, "The mean over the classes."
    accuracy = sum(matrix.rows[place][place] for place in range(matrix.size)) / max(total, 1)
    printed = report.accuracy.scores.get("f1") if report.accuracy else None
    if printed and report.accuracy and not printed.allows(accuracy):
        message = f"The report prints an accuracy of {printed.text}, but the matrix gives {accuracy:.4f}."
        yield message, report.accuracy.line, "The diagonal over all."


def _harmonic_of_means(exact: list[dict[str, float]]) -> float:
    precision, recall = (sum(each[score] for each in exact) / len(exact) for score in ("precision", "recall"))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _compare_shares(report: Report, matrix: Matrix, both: tuple[int, ...]) -> list[Finding]:
    """The diagonal of a matrix whose rows add up to the whole is the recall, or the precision of one of predictions."""
    half = 0.5 * 10.0 ** -(matrix.decimals or 0)
    shares = [matrix.rows[place][place] for place in range(matrix.size)]
    for score in ("recall", "precision"):
        printed = [row.scores.get(score) for row in report.rows]
        pairs = list(zip(printed, shares))
        if all(
            each and each.allows((share - half) / matrix.whole, (share + half) / matrix.whole) for each, share in pairs
        ):
            return [Finding("agrees", f"The diagonal of the matrix is the {score} of the report.", both)]
    return [Finding("note", "The diagonal of the matrix is neither the recall nor the precision of the report.", both)]
