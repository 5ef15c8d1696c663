"""Checks the statistics by class of R's caret against its matrix, and the totals of YOLO's validation."""

from collections.abc import Iterator
from itertools import chain

from fmexplore.checker.parse_statistics import DETECTED, ClassStatistics, Detections
from fmexplore.checker.results import Finding, Outcome, Printed, number
from fmexplore.checker.scores import Matrix

MOST_PROBLEMS = 12
_Range = tuple[float, float]


def check_class_statistics(block: ClassStatistics, matrix: Matrix | None) -> Outcome:
    """What follows from the other statistics of a class, and from the matrix above them, if there is one."""
    findings = list(_within_classes(block))
    fitting = None if matrix is None or matrix.problem or matrix.decimals is not None else _places(block, matrix)
    if matrix is not None and fitting is not None:
        findings += _against_matrix(block, matrix, fitting)
    wrong = [each for each in findings if each.status == "contradicts"][:MOST_PROBLEMS]
    right = next((each for each in findings if each.status == "agrees"), None)
    notes = [each for each in findings if each.status == "note"][:MOST_PROBLEMS]
    unchecked = () if fitting is not None else ("No matrix is printed that the statistics by class belong to.",)
    return Outcome("statistics by class", (*([] if wrong or not right else [right]), *wrong, *notes), (), unchecked)


def _places(block: ClassStatistics, matrix: Matrix) -> list[int] | None:
    """Where the classes stand in the matrix; None where their names are not those of the matrix."""
    if block.broken or matrix.axis != "predicted":
        return None
    if block.positive:
        return [matrix.names.index(block.names[0])] if matrix.size == 2 and block.names[0] in matrix.names else None
    if list(matrix.names) == block.names:
        return list(range(matrix.size))
    return None


def _within_classes(block: ClassStatistics) -> Iterator[Finding]:
    """Balanced accuracy, detection rate and F1 follow from other statistics of the same class."""
    for at, name in enumerate(block.names):
        values = {key: row[at] for key, row in block.values.items() if at < len(row)}
        rules = (
            ("balanced accuracy", ("sensitivity", "specificity"), lambda a, b: (a + b) / 2, "their mean"),
            ("detection rate", ("sensitivity", "prevalence"), lambda a, b: a * b, "their product"),
            ("f1", ("pos pred value", "sensitivity"), _harmonic, "their harmonic mean"),
        )
        for key, parts, rule, words in rules:
            printed, (one, other) = values.get(key), (values.get(part) for part in parts)
            if printed is None or one is None or other is None:
                continue
            low, high = rule(max(one.low, 0), max(other.low, 0)), rule(min(one.high, 1), min(other.high, 1))
            lines = tuple(block.places[each] for each in (key, *parts))
            if not printed.allows(low, high):
                text = (
                    f"{name}: the {key} is {printed.text}, but {parts[0]} and {parts[1]} give {(low + high) / 2:.4f}."
                )
                yield Finding("contradicts", text, lines, f"It is {words}: {one.text}, {other.text}.")
            else:
                yield Finding("agrees", "Statistics of each class follow from its others.", tuple(block.lines))


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


def _against_matrix(block: ClassStatistics, matrix: Matrix, places: list[int]) -> Iterator[Finding]:
    total = sum(map(sum, matrix.rows))
    found: list[Finding] = []
    for at, place in enumerate(places):
        hit = matrix.rows[place][place]
        predicted, true = sum(matrix.rows[place]), sum(row[place] for row in matrix.rows)
        rest = total - predicted - true + hit
        sums = {
            "sensitivity": (hit, true),
            "specificity": (rest, total - true),
            "pos pred value": (hit, predicted),
            "neg pred value": (rest, total - predicted),
            "prevalence": (true, total),
            "detection rate": (hit, total),
            "detection prevalence": (predicted, total),
        }
        wrong = [_compared(block, at, key, *pair) for key, pair in sums.items()]
        found += [each for each in wrong if each]
        values = [each for each in (_misfit(block, at, "pos pred value", hit, predicted),) if each]
        values += [each for each in (_misfit(block, at, "neg pred value", rest, total - predicted),) if each]
        if len(values) == 2:  # both follow from a prevalence that can be given to caret
            found = [each for each in found if each.text not in {value.text for value in values}]
            found += [Finding("note", value.text, value.lines, value.proof) for value in values]
    bad = [each for each in found if each.status == "contradicts"]
    classes = len(block.names)
    if len(bad) > max(2, classes):  # of another matrix
        text = "The statistics by class are not those of the matrix: they may be of other predictions."
        yield Finding("note", text, tuple(block.lines))
        return
    if not bad:
        text = "The statistics by class are what the matrix gives, within rounding."
        yield Finding("agrees", text, tuple(chain(block.lines, matrix.lines)))
    yield from found


def _misfit(block: ClassStatistics, at: int, key: str, part: float, whole: float) -> Finding | None:
    found = _compared(block, at, key, part, whole)
    return found if found and found.status == "contradicts" else None


def _compared(block: ClassStatistics, at: int, key: str, part: float, whole: float) -> Finding | None:
    row = block.values.get(key, [])
    printed = row[at] if at < len(row) else None
    if printed is None or not whole or printed.allows(part / whole):
        return None
    text = f"{block.names[at]}: the {key} is printed as {printed.text}, but the matrix gives {part / whole:.4f}."
    return Finding("contradicts", text, (block.places[key],), f"{number(part)} / {number(whole)}.")


def check_detections(table: Detections) -> Outcome:
    """The row of all classes has their instances, and the means of their scores."""
    kind, total, rows = "detection table", table.total, table.rows
    if total is None or len(rows) < 2:
        text = "The row of all classes stands alone: nothing of it can be recomputed."
        return Outcome(kind, (), (), (text,))
    added = sum(row.instances for row in rows)
    ranges = [_mean([row.scores[at : at + 1] for row in rows]) for at in range(len(total.scores))]
    misfits = [
        at
        for at, (printed, mean) in enumerate(zip(total.scores, ranges))
        if printed and mean and not printed.allows(*mean)
    ]
    known = sum(printed is not None and mean is not None for printed, mean in zip(total.scores, ranges))
    lines = (total.line, *(row.line for row in rows))
    sums = " + ".join(number(row.instances) for row in rows[:12]) + (" + ..." if len(rows) > 12 else "")
    findings = []
    whole = not table.unread and added == total.instances
    all_means = known >= 3 and not misfits and not table.unread
    if added > total.instances or (all_means and added != total.instances):
        text = f"The classes have {number(added)} instances, but {number(total.instances)} are printed for all."
        findings.append(Finding("contradicts", text, lines, f"{sums} = {number(added)}."))
    elif whole:
        findings.append(Finding("agrees", f"The classes have {number(added)} instances, as printed.", lines, sums))
    for at in misfits if whole else ():
        printed, mean = total.scores[at], ranges[at]
        assert printed
        assert mean
        name = DETECTED[at % len(DETECTED)]
        text = f"{name} of all classes is printed as {printed.text}, but their mean is {sum(mean) / 2:.4f}."
        findings.append(Finding("contradicts", text, lines, f"The mean of {len(rows)} classes."))
    if whole and known and not misfits:
        findings.append(Finding("agrees", "The scores of all classes are the means of the classes.", lines))
    unchecked = () if whole or findings else ("Classes can be missing below the row of all: it was not recomputed.",)
    return Outcome(kind, tuple(findings), (), unchecked)


def _mean(scores: list[tuple[Printed | None, ...]]) -> _Range | None:
    known = [each for row in scores for each in row if each is not None]
    if len(known) < len(scores):
        return None
    return sum(each.low for each in known) / len(known), sum(each.high for each in known) / len(known)
