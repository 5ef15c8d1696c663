"""Checks a confusion matrix in itself, against a claimed accuracy, and against a printed classification report.

A matrix is exact; only what is printed beside it is rounded. Knows no text; takes matrices of any size.
"""

from collections.abc import Iterator

from fmexplore.checker.parse_scores import SCORES, ClassificationReport, Matrix
from fmexplore.checker.results import Finding, Outcome, Printed, Table, percent
from fmexplore.data.fashion_mnist import CLASS_NAMES

EACH = 1_000  # test images of Fashion-MNIST of each class


def check_matrix(matrix: Matrix, claims: list[Printed]) -> Outcome:
    """Check a confusion matrix in itself and against claimed accuracies."""
    size = len(matrix.rows)
    lengths = {len(row) for row in matrix.rows}
    names = _names(matrix)
    if lengths != {size}:
        widths = " or ".join(map(str, sorted(lengths)))
        problem = f"The matrix has {size} rows of {widths} numbers: a confusion matrix has as many columns as rows."
        return Outcome("confusion matrix", (Finding("contradicts", problem),), ())
    findings: list[Finding] = []
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows)]
    for printed, found, what in ((matrix.row_sums, sums, "row"), (matrix.column_sums, columns, "column")):
        for name, wanted, added in zip(names, printed, found):
            if wanted != added:
                problem = f"The {what} of {name} adds up to {added:,}, not to the printed {wanted:,}."
                findings.append(Finding("contradicts", problem))
    across = sum(count != EACH for count in columns) < sum(count != EACH for count in sums)
    if across and size == len(CLASS_NAMES):
        turned = "The columns, not the rows, have 1,000 images each: true classes stand in columns here."
        findings.append(Finding("note", turned))
        findings += check_thousands(columns, names, "columns")
    else:
        findings += check_thousands(sums, names, "row sums")
    right, total = sum(_diagonal(matrix)), sum(sums)
    if total == 0:
        return Outcome("confusion matrix", (*findings, Finding("contradicts", "The matrix holds no images.")), ())
    digits = max([2, *(claim.digits - 2 for claim in claims)])
    accuracy = percent(right / total, digits=digits)
    counted = f"{right:,} of {total:,} images are on the diagonal, an accuracy of {accuracy}"
    if not claims:
        findings.append(Finding("agrees", f"{counted}."))
    for claim in claims:
        fits = claim.allows(right / total)
        findings.append(
            Finding(
                "agrees" if fits else "contradicts",
                f"{counted}, {'as claimed' if fits else f'not the claimed {claim.percent}'}.",
            )
        )
    header = ("class", "row sum", "precision", "recall", "F1")
    rows = tuple(
        (name, f"{support:,}", *(f"{exact[score]:.4f}" for score in SCORES))
        for name, support, exact in zip(names, sums, _scores(matrix))
    )
    return Outcome("confusion matrix", tuple(findings), (Table("What the matrix gives", header, rows),))


def compare_report(report: ClassificationReport, matrix: Matrix) -> list[Finding]:
    """Compare the scores of a classification report with those that the confusion matrix gives."""
    if {len(row) for row in matrix.rows} != {len(matrix.rows)} or len(matrix.rows) != len(report.rows):
        return [
            Finding("contradicts", f"The report has {len(report.rows)} classes and the matrix {len(matrix.rows)} rows.")
        ]
    compared = (_compare_classes, _compare_averages, _compare_accuracy)
    wrong = [Finding("contradicts", problem) for compare in compared for problem in compare(report, matrix)]
    return wrong or [Finding("agrees", "Every figure of the report is what the matrix gives, within rounding.")]


def _compare_classes(report: ClassificationReport, matrix: Matrix) -> Iterator[str]:
    for row, exact, counts in zip(report.rows, _scores(matrix), matrix.rows):
        for score in SCORES:
            printed = row.scores.get(score)
            if printed and not printed.allows(exact[score]):
                problem = f"{row.name}: the report prints a {score} of {printed.text}, but the matrix gives"
                yield f"{problem} {exact[score]:.4f}."
        if row.support is not None and row.support != sum(counts):
            yield f"{row.name}: the report has {row.support:,} images, but the matrix {sum(counts):,}."


def _compare_averages(report: ClassificationReport, matrix: Matrix) -> Iterator[str]:
    scores, sums = _scores(matrix), [sum(row) for row in matrix.rows]
    weights = {
        "macro avg": [1 / len(sums)] * len(sums),
        "weighted avg": [each / max(sum(sums), 1) for each in sums],
    }
    for name, row in report.averages.items():
        for score in SCORES if name in weights else ():
            value = sum(weight * exact[score] for weight, exact in zip(weights[name], scores))
            printed = row.scores.get(score)
            if printed and not printed.allows(value):
                yield f"The {name} of {score} is printed as {printed.text}, but the matrix gives {value:.4f}."


def _compare_accuracy(report: ClassificationReport, matrix: Matrix) -> Iterator[str]:
    accuracy = sum(_diagonal(matrix)) / max(sum(map(sum, matrix.rows)), 1)
    if report.accuracy and not report.accuracy.allows(accuracy):
        yield f"The report prints an accuracy of {report.accuracy.text}, but the matrix gives {accuracy:.4f}."


def _scores(matrix: Matrix) -> list[dict[str, float]]:
    """Precision, recall and F1 of each class; 0 where the divisor is 0."""
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows)]
    return [
        {
            "precision": hit / predicted if predicted else 0.0,
            "recall": hit / support if support else 0.0,
            "f1": 2 * hit / (predicted + support) if predicted + support else 0.0,
        }
        for hit, predicted, support in zip(_diagonal(matrix), columns, sums)
    ]


def _diagonal(matrix: Matrix) -> list[int]:
    """How many images of each class were predicted correctly."""
    return [row[place] for place, row in enumerate(matrix.rows)]


def _names(matrix: Matrix) -> list[str]:
    if len(matrix.names) == len(matrix.rows):
        return list(matrix.names)
    if len(matrix.rows) == len(CLASS_NAMES):
        return list(CLASS_NAMES)
    return [f"class {place}" for place in range(len(matrix.rows))]


def check_thousands(counts: list[int], names: list[str], what: str) -> Iterator[Finding]:
    """Report classes without 1,000 images, where ten classes suggest that this is the test set of Fashion-MNIST."""
    if len(counts) != len(CLASS_NAMES):
        return
    others = [(name, count) for name, count in zip(names, counts) if count != EACH]
    if others and len(others) <= 5:
        listed = ", ".join(f"{name} has {count:,}" for name, count in others)
        yield Finding(
            "contradicts", f"The test set of Fashion-MNIST has 1,000 images of each class, but {listed} ({what})."
        )
    elif others and sum(counts) == len(counts) * EACH:
        yield Finding("note", "These 10,000 images are not the test set of Fashion-MNIST: it has 1,000 of each class.")
