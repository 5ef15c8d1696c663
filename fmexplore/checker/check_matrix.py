"""Checks a confusion matrix in itself and against claimed scores.

A matrix of counts is exact; only what is printed beside it is rounded. Knows no text; takes matrices of any size.
"""

from collections.abc import Iterator

from fmexplore.checker.results import TINY, Finding, Outcome, Table, number, percent
from fmexplore.checker.scores import SCORES, Claim, Matrix

EACH = 1_000  # test images of Fashion-MNIST of each class
FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
MOST_CLASSES = 1_000
MOST_PROBLEMS = 12


def check_matrix(matrix: Matrix, claims: list[Claim]) -> Outcome:
    """Check a confusion matrix in itself and against claimed scores."""
    kind = "confusion matrix"
    if matrix.problem or matrix.size > MOST_CLASSES:
        too_many = f"The matrix has more than {MOST_CLASSES:,} rows: give a smaller one."
        return Outcome(kind, (Finding("note", matrix.problem or too_many, matrix.lines),), ())
    if matrix.decimals is not None:
        return _check_shares(matrix, [claim for claim in claims if claim.score == "accuracy"])
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows, strict=True)]
    findings = [*_check_margins(matrix, sums, columns)]
    right, total = sum(_diagonal(matrix)), sum(sums)
    digits = max([2, *(claim.printed.digits - 2 for claim in claims if claim.score == "accuracy")])
    accuracy = percent(right / total, digits=digits)
    counted = f"{number(right)} of {number(total)} images are on the diagonal, an accuracy of {accuracy}"
    proof = f"{number(right)} / {number(total)} = {right / total:.6g}."
    findings += _check_accuracies(matrix, claims, right / total, counted, proof)
    findings += _check_other_scores(matrix, claims)
    if not any(finding.status == "agrees" for finding in findings):
        findings.append(Finding("note", f"{counted}.", matrix.lines, proof))
    findings += name_thousands(sums, names_of(matrix), "row sums") if _even(sums) >= _even(columns) else ()
    unchecked = [] if matrix.axis else [_ask_for_axis(sums, columns)]
    if not any(finding.status in ("agrees", "contradicts") for finding in findings):
        unchecked.insert(0, "Nothing is printed beside the matrix that could be compared with it: give an accuracy.")
    return Outcome(kind, tuple(findings), (_table(matrix, sums, columns),), tuple(unchecked))


def _even(counts: list[float]) -> int:
    return sum(count == EACH for count in counts)


def _ask_for_axis(sums: list[float], columns: list[float]) -> str:
    """Which axis is true is not printed; equal sums are a hint and no proof."""
    said = "Whether rows or columns are the true classes is not said, so precision and recall cannot be told apart"
    across = _even(columns) > max(_even(sums), len(columns) / 2)
    hint = "; the columns have 1,000 images each, which suggests that they are the true classes" if across else ""
    return f"{said}{hint}."


def _check_margins(matrix: Matrix, sums: list[float], columns: list[float]) -> Iterator[Finding]:
    names, wrong = names_of(matrix), 0
    for printed, found, what in ((matrix.row_sums, sums, "row"), (matrix.column_sums, columns, "column")):
        for place, (name, wanted, added) in enumerate(zip(names, printed, found)):
            if abs(wanted - added) > TINY * max(added, 1):
                message = f"The {what} of {name} adds up to {number(added)}, not to the printed {number(wanted)}."
                cells = matrix.rows[place] if what == "row" else [row[place] for row in matrix.rows]
                lines = matrix.row_lines[place : place + 1] if what == "row" else matrix.lines[-1:]
                wrong += 1
                if wrong <= MOST_PROBLEMS:
                    yield Finding("contradicts", message, lines, f"{_added(cells)} = {number(added)}.")
    total = matrix.total
    if total is not None and total != sum(sums):
        wrong += 1
        message = f"All cells add up to {number(sum(sums))}, not to the printed {number(total)}."
        yield Finding("contradicts", message, matrix.lines[-1:], f"{_added(sums)} = {number(sum(sums))}.")
    if not wrong and (matrix.row_sums or matrix.column_sums):
        count = len(matrix.row_sums) + len(matrix.column_sums)
        yield Finding("agrees", f"The {count} printed sums of rows and columns are right.", matrix.lines)


def _added(cells: tuple[float, ...] | list[float]) -> str:
    return " + ".join(map(number, cells[:12])) + (" + ..." if len(cells) > 12 else "")


def _check_accuracies(
    matrix: Matrix, claims: list[Claim], accuracy: float, counted: str, proof: str
) -> Iterator[Finding]:
    for claim in claims:
        if claim.score != "accuracy":
            continue
        lines = () if claim.line is None else (claim.line,)
        if claim.printed.allows(accuracy):
            yield Finding("agrees", f"{counted}, as claimed.", (*matrix.lines, *lines), proof)
        elif claim.strict and (matrix.sure or claim.line is None or _is_dominant(matrix)):
            message = f"{counted}, not the claimed {claim.printed.percent}."
            yield Finding("contradicts", message, lines or matrix.lines, f"{proof} It holds whichever axis is true.")
        else:
            message = f"{counted}; {claim.printed.percent} is stated, perhaps of other images"
            yield Finding("note", f"{message}.", lines, proof)


def _is_dominant(matrix: Matrix) -> bool:
    """Whether the largest cells of most rows are on the diagonal, which other tables hardly have."""
    highest = (row[place] > max((*row[:place], *row[place + 1 :])) for place, row in enumerate(matrix.rows))
    return sum(highest) > 0.7 * matrix.size


def _check_other_scores(matrix: Matrix, claims: list[Claim]) -> Iterator[Finding]:
    """Precision, recall, F1 and kappa that the text states: by any averaging and whichever axis is true."""
    for claim in claims:
        if claim.score == "accuracy":
            continue
        turned = () if matrix.axis == "true" else (matrix.turned(),)
        given = {name: value for each in (matrix, *turned) for name, value in _values_of(claim.score, each)}
        lines = () if claim.line is None else (claim.line,)
        fitting = next((name for name, value in given.items() if claim.printed.allows(value)), "")
        stated = f"The stated {claim.score} of {claim.printed.text}"
        listed = "; ".join(f"{name} {value:.4f}" for name, value in list(given.items())[:6])
        if fitting:
            yield Finding("agrees", f"{stated} is {fitting} of the matrix.", (*matrix.lines, *lines), listed)
        else:
            yield Finding("note", f"{stated} is none that the matrix gives, perhaps of other images.", lines, listed)


def _values_of(score: str, matrix: Matrix) -> Iterator[tuple[str, float]]:
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows, strict=True)]
    total, right = sum(sums), sum(_diagonal(matrix))
    if score == "kappa":
        chance = sum(a * b for a, b in zip(sums, columns)) / total**2
        if chance < 1:
            yield "the kappa", (right / total - chance) / (1 - chance)
        return
    values = [each[score] for each in scores_of(matrix)]
    yield "the macro average", sum(values) / len(values)
    yield "the weighted average", sum(value * count for value, count in zip(values, sums)) / total
    yield "the micro average", right / total
    names = names_of(matrix)
    for name, value in zip(names, values) if len(values) < 21 else ():
        yield f"that of {name}", value


def _check_shares(matrix: Matrix, claims: list[Claim]) -> Outcome:
    """A matrix of shares: its rows, its columns or all of it add up to the whole, within the rounding of the cells."""
    kind, whole, size = "confusion matrix of shares", matrix.whole, matrix.size
    cell = 10.0 ** -(matrix.decimals or 0)
    sums = [sum(row) for row in matrix.rows]
    columns = [sum(column) for column in zip(*matrix.rows, strict=True)]
    slack = size * cell / 2 + TINY

    def add_up(found: list[float]) -> list[bool]:
        return [abs(each - whole) <= slack or each == 0 for each in found]

    said = f"{whole:g}{' %' if whole == 100 else ''}, within rounding"
    findings: list[Finding] = []
    if all(add_up(sums)) or all(add_up(columns)):
        what = "row" if all(add_up(sums)) else "column"
        status = "agrees" if matrix.sure or _is_dominant(matrix) else "note"  # 0.5 and 0.5 may be anything
        findings.append(Finding(status, f"Each {what} adds up to {said}.", matrix.lines))
        findings += _compare_diagonal(matrix, claims)
    elif abs(sum(sums) - whole) <= size * size * cell / 2 + TINY:
        right = sum(_diagonal(matrix)) / whole
        status = "agrees" if matrix.sure or _is_dominant(matrix) else "note"
        findings.append(Finding(status, f"All cells add up to {said}.", matrix.lines))
        findings.append(Finding("note", f"An accuracy of {percent(right)} follows, within rounding.", matrix.lines))
    elif matrix.sure and size > 2 and add_up(sums).count(False) == 1:
        findings.append(_odd_row(matrix, sums, add_up(sums).index(False), slack, said))
    else:
        findings.append(Finding("note", f"Neither rows nor columns add up to {said}.", matrix.lines))
    notes = ["The matrix holds shares: how many images each class has is not printed, so no accuracy follows."]
    return Outcome(kind, tuple(findings), (), tuple(notes))


def _odd_row(matrix: Matrix, sums: list[float], place: int, slack: float, said: str) -> Finding:
    """The only row that does not add up to the whole."""
    added = f"{sums[place]:.{(matrix.decimals or 0) + 1}f}"
    message = f"The row of {names_of(matrix)[place]} adds up to {added}, not to {said}."
    far = abs(sums[place] - matrix.whole) > 3 * slack  # even if the cells were cut and not rounded
    proof = f"All other rows add up to {matrix.whole:g}, as shares of the images of a class do."
    return Finding("contradicts" if far else "note", message, matrix.row_lines[place : place + 1], proof)


def _compare_diagonal(matrix: Matrix, claims: list[Claim]) -> Iterator[Finding]:
    """Whatever the sizes of the classes, the accuracy lies between the lowest and the highest share of the diagonal."""
    half = 0.5 * 10.0 ** -(matrix.decimals or 0)
    shares = [value for value, row in zip(_diagonal(matrix), matrix.rows) if sum(row)]
    low, high = (min(shares) - half) / matrix.whole, (max(shares) + half) / matrix.whole
    for claim in claims:
        lines = () if claim.line is None else (claim.line,)
        range_ = f"the shares on the diagonal lie between {percent(low)} and {percent(high)}"
        if claim.printed.allows(low, high):
            yield Finding("note", f"An accuracy of {claim.printed.percent} is possible: {range_}.", lines)
        elif claim.strict and (claim.line is None or matrix.sure):
            proof = "The accuracy is a mean of them, weighted by the sizes of the classes."
            yield Finding(
                "contradicts", f"An accuracy of {claim.printed.percent} is impossible: {range_}.", lines, proof
            )


def scores_of(matrix: Matrix) -> list[dict[str, float]]:
    """Precision, recall and F1 of each class, rows being true classes; 0 where the divisor is 0."""
    sums, columns = [sum(row) for row in matrix.rows], [sum(column) for column in zip(*matrix.rows, strict=True)]
    return [
        {
            "precision": hit / predicted if predicted else 0.0,
            "recall": hit / support if support else 0.0,
            "f1": 2 * hit / (predicted + support) if predicted + support else 0.0,
        }
        for hit, predicted, support in zip(_diagonal(matrix), columns, sums)
    ]


def _diagonal(matrix: Matrix) -> list[float]:
    """How many images of each class were predicted correctly."""
    return [row[place] for place, row in enumerate(matrix.rows)]


def names_of(matrix: Matrix) -> list[str]:
    """The names of the classes, as printed, else those of Fashion-MNIST where there are ten, else numbers."""
    if len(matrix.names) == matrix.size:
        return list(matrix.names)
    if matrix.size == len(FASHION_CLASSES):
        return list(FASHION_CLASSES)
    return [f"class {place}" for place in range(matrix.size)]


def _table(matrix: Matrix, sums: list[float], columns: list[float]) -> Table:
    scores = scores_of(matrix.turned() if matrix.axis == "predicted" else matrix)
    first, second = ("precision", "recall") if matrix.axis else ("of its column", "of its row")
    header = ("class", "row sum", "column sum", first, second, "F1")
    rows = tuple(
        (name, number(row), number(column), *(f"{exact[score]:.4f}" for score in SCORES))
        for name, row, column, exact in zip(names_of(matrix), sums, columns, scores)
    )
    return Table("What the matrix gives", header, rows)


def name_thousands(counts: list[float], names: list[str], what: str) -> Iterator[Finding]:
    """A note on classes without 1,000 images, where ten classes suggest that this is the test set of Fashion-MNIST."""
    others = [(name, count) for name, count in zip(names, counts) if count != EACH]
    if len(counts) == len(FASHION_CLASSES) and others and len(others) <= 5:
        listed = ", ".join(f"{name} has {number(count)}" for name, count in others)
        message = f"The test set of Fashion-MNIST has 1,000 images of each class, but here {listed} ({what})"
        yield Finding("note", f"{message}: if this is that set, it cannot be.")
