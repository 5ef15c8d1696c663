"""Checks a pasted text for numbers that cannot be true: summaries of networks, classification reports, matrices.

Knows which parser and which check each part of a text needs; those are in the other modules of this package.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fmexplore.checker.cells import pieces_of
from fmexplore.checker.check_layers import check_summary
from fmexplore.checker.check_statistics import check_class_statistics, check_detections
from fmexplore.checker.compare_scores import check_parts
from fmexplore.checker.parse_claims import find_claims
from fmexplore.checker.parse_matrices import find_matrices
from fmexplore.checker.parse_reports import find_tables
from fmexplore.checker.parse_score_lists import find_dictionaries, find_lists
from fmexplore.checker.parse_statistics import find_detections, find_statistics
from fmexplore.checker.parse_summaries import find_summaries
from fmexplore.checker.results import Finding, Table, Verdict, read_accuracy
from fmexplore.checker.scores import Axis, Claim, Matrix, Report
from fmexplore.errors import ConfigError

MAX_CHARACTERS = 1_048_576  # 1 MB
MOST_LINES = 10_000  # with more, a text could take longer than a second
MOST_PARTS = 50
UNDERSTOOD = (
    "a Keras or torchinfo summary, a network in words (conv 32 3x3 valid relu | maxpool 2 | ... | total 590,346), "
    "a scikit-learn classification report, lists of precision, recall and F1, or a confusion matrix of counts"
)


@dataclass(frozen=True)
class Checked:
    """The results of checking a text."""

    kinds: tuple[str, ...]  # of its parts, such as "layer summary"
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    unchecked: tuple[str, ...]  # sentences about what could not be checked

    @property
    def verdict(self) -> Verdict:
        """Consistent only where something was recomputed and agrees, and nothing contradicts."""
        found = {finding.status for finding in self.findings}
        return "contradiction" if "contradicts" in found else "consistent" if "agrees" in found else "unknown"


def check_text(text: str, accuracy: str | float | None = None, rows: Axis | None = None) -> Checked:
    """Recompute the numbers in a text, and find those that cannot be true.

    >>> found = check_text("28x28x1 | conv 32 3x3 valid relu | maxpool 2 | flatten | dense 10 | total 63,050")
    >>> for finding in found.findings:
    ...     print(finding.text)
    Shapes and parameters of 4 of 4 layers were computed; none are printed beside them.
    The layers add up to 54,410 parameters, but the printed total is 63,050.
    The total of 63,050 fits only with 'same' padding in the first convolution.
    >>> found.verdict
    'contradiction'

    Args:
        text: summaries of networks, classification reports or confusion matrices, as printed; other text around them
            is ignored.
        accuracy: a claimed accuracy to compare with them, as printed ("89", "89 %", "0.89"): its digits tell how it
            was rounded.
        rows: what the rows of a confusion matrix are, where the text does not say it: "true" classes or "predicted".

    Raises:
        ConfigError: the text has more than 1,048,576 characters or is none, or the accuracy is no number.
    """
    claim = None if accuracy is None or accuracy == "" else read_accuracy(accuracy)
    refuse_unreadable(text)
    every = lines_of(text)
    lines = every[:MOST_LINES]
    summaries = find_summaries(lines)
    left = _without(lines, (summary.lines for summary in summaries))
    blocks, detections = find_statistics(left), list(find_detections(left))
    left = _without(left, (tuple(each.lines) for each in (*blocks, *detections)))
    reports = _find_reports(left)
    left = _without(left, (report.lines for report in reports))
    matrices = [replace(matrix, axis=matrix.axis or rows) for matrix in find_matrices(left)]
    left = _without(left, (matrix.lines for matrix in matrices if len(matrix.lines) > 1))
    claims = find_claims(left) + ([Claim("accuracy", claim)] if claim else [])
    parts, notes = check_parts(lines, left, reports[:MOST_PARTS], matrices[:MOST_PARTS], claims)
    outcomes = [*(check_summary(summary) for summary in summaries), *parts]
    outcomes += [check_class_statistics(block, _above(matrices, block.lines[0])) for block in blocks[:MOST_PARTS]]
    outcomes += [check_detections(table) for table in detections[:MOST_PARTS]]
    unchecked = [each for outcome in outcomes for each in outcome.unchecked] + notes
    if len(reports) > MOST_PARTS or len(matrices) > MOST_PARTS:
        unchecked.append(f"Only the first {MOST_PARTS} reports and matrices were checked.")
    if len(every) > MOST_LINES:
        unchecked.append(f"Only the first {MOST_LINES:,} of {len(every):,} lines were checked.")
    if not outcomes:
        unchecked.insert(0, f"Nothing to check was found in the text: it should hold {UNDERSTOOD}.")
    return Checked(
        tuple(outcome.kind for outcome in outcomes),
        tuple(finding for outcome in outcomes for finding in outcome.findings),
        tuple(table for outcome in outcomes for table in outcome.tables),
        tuple(dict.fromkeys(unchecked)),
    )


def lines_of(text: str) -> list[str]:
    """The lines that findings count, without the marks that would steer a terminal or turn the direction of writing."""
    return re.sub(r"[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "", text).splitlines()


def refuse_unreadable(text: str) -> None:
    """Raise ConfigError for what is no text or too long."""
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"The text has {len(text):,} characters: at most {MAX_CHARACTERS:,} (1 MB) are checked, give a part."
        )
    if not text.strip():
        raise ConfigError(f"The text is empty: give {UNDERSTOOD}.")
    if "\0" in text:
        raise ConfigError(f"The text is not text but binary data: give {UNDERSTOOD}.")


def _without(lines: Sequence[str], taken: Iterable[tuple[int, ...]]) -> list[str]:
    """The lines, empty where a reader has taken them, so that every reader counts lines of the whole text."""
    gone = {line for each in taken for line in each}
    return ["" if place in gone else line for place, line in enumerate(lines)]


def _above(matrices: list[Matrix], line: int) -> Matrix | None:
    """The last matrix that is printed above a line."""
    return next((each for each in reversed(matrices) if each.lines and each.lines[0] < line), None)


def _find_reports(lines: list[str]) -> list[Report]:
    found = list(find_dictionaries(lines))
    lines = _without(lines, (report.lines for report in found))
    found += find_tables(pieces_of(lines))
    lines = _without(lines, (report.lines for report in found))
    return sorted([*found, *find_lists(lines)], key=lambda report: report.lines[:1])
