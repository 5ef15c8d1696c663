"""Checks a pasted text for numbers that cannot be true: summaries of networks, classification reports, matrices.

Knows which parser and which check each part of a text needs; those are in the other modules of this package.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fmexplore.checker.check_layers import check_summary
from fmexplore.checker.check_matrix import check_matrix
from fmexplore.checker.check_scores import check_report
from fmexplore.checker.parse_scores import ClassificationReport, Matrix, read_claims, read_matrix, read_report
from fmexplore.checker.parse_summaries import find_summaries
from fmexplore.checker.results import Finding, Outcome, Printed, Table, Verdict, read_accuracy
from fmexplore.errors import ConfigError

MAX_CHARACTERS = 1_000_000
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


def check_text(text: str, accuracy: str | float | None = None) -> Checked:
    """Recompute the numbers in a text, and find those that cannot be true.

    >>> found = check_text("conv 32 3x3 valid relu | maxpool 2 | flatten | dense 10 | total 63,050")
    >>> for finding in found.findings:
    ...     print(finding.text)
    Shapes and parameters of 4 of 4 layers fit.
    The layers add up to 54,410 parameters, but the printed total is 63,050.
    The total of 63,050 fits only with 'same' padding in the first convolution.
    >>> found.verdict
    'contradiction'

    Args:
        text: summaries of networks, classification reports or confusion matrices, as printed; other text around them
            is ignored.
        accuracy: a claimed accuracy to compare with them, as printed ("89", "89 %", "0.89"): its digits tell how it
            was rounded.

    Raises:
        ConfigError: the text has more than a million characters or is none, or the accuracy is no number.
    """
    claim = None if accuracy is None or accuracy == "" else read_accuracy(accuracy)
    _refuse_unreadable(text)
    text = re.sub(r"[\x01-\x08\x0e-\x1f\x7f\ud800-\udfff]", "", text)  # a name with these would reach a terminal
    lines = text.splitlines()
    summaries = find_summaries(lines)
    text = "\n".join(_without(lines, (summary.lines for summary in summaries)))
    reports, text = _read_each(text)
    matrix = read_matrix(text)
    claims = ([claim] if claim else []) + _claims_in(text, claim)
    outcomes = [check_summary(summary) for summary in summaries] + _check_scores(reports, matrix, claims)
    unchecked = [each for outcome in outcomes for each in outcome.unchecked]
    if not outcomes:
        unchecked.append(f"Nothing to check was found in the text: it should hold {UNDERSTOOD}.")
    return Checked(
        tuple(outcome.kind for outcome in outcomes),
        tuple(finding for outcome in outcomes for finding in outcome.findings),
        tuple(table for outcome in outcomes for table in outcome.tables),
        tuple(unchecked),
    )


def _refuse_unreadable(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"The text has {len(text):,} characters: at most {MAX_CHARACTERS:,} are checked, give a part."
        )
    if not text.strip():
        raise ConfigError(f"The text is empty: give {UNDERSTOOD}.")
    if "\0" in text:
        raise ConfigError(f"The text is not text but binary data: give {UNDERSTOOD}.")


def _without(lines: Sequence[str], taken: Iterable[tuple[int, ...]]) -> list[str]:
    """The lines, empty where a reader has taken them, so that every reader counts lines of the whole text."""
    gone = {line for each in taken for line in each}
    return ["" if place in gone else line for place, line in enumerate(lines)]


def _read_each(text: str) -> tuple[list[ClassificationReport], str]:
    report, rest = read_report(text)
    return ([report] if report else []), rest


def _check_scores(reports: list[ClassificationReport], matrix: Matrix | None, claims: list[Printed]) -> list[Outcome]:
    """A single report is compared with the matrix; the claims with the matrix if there is one, else with the report."""
    alone = len(reports) == 1
    own_claims = claims if alone and not matrix else []
    outcomes = [check_report(report, own_claims, matrix if alone else None) for report in reports]
    return [*outcomes, check_matrix(matrix, claims)] if matrix else outcomes


def decode_text(content: bytes, name: str) -> str:
    """The text of a file in UTF-8 or UTF-16. Raises ConfigError, naming the file, where it is neither."""
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not text: give a text file in UTF-8.") from None


def _claims_in(text: str, claim: Printed | None) -> list[Printed]:
    """The accuracies that the text itself states, without the claimed one; at most five."""
    found: dict[str, Printed] = {}
    for stated in read_claims(text):
        try:
            found[stated] = read_accuracy(stated)
        except ConfigError:
            continue
    return [each for stated, each in found.items() if claim is None or stated != claim.text][:5]
