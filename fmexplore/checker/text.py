"""Checks a pasted text for numbers that cannot be true: summaries of networks, classification reports, matrices.

Knows which parser and which check each part of a text needs; those are in the other modules of this package.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fmexplore.checker.check_layers import check_summary
from fmexplore.checker.check_matrix import check_matrix
from fmexplore.checker.check_scores import check_report
from fmexplore.checker.parse_scores import ClassificationReport, Matrix, read_claims, read_matrix, read_report
from fmexplore.checker.parse_summaries import read_summary
from fmexplore.checker.results import Finding, Outcome, Printed, Table, read_accuracy
from fmexplore.errors import ConfigError

MAX_CHARACTERS = 200_000
MOST_TABLES = 20  # of one kind in a text
LONGEST_HEAD = 400
UNDERSTOOD = (
    "a Keras or torchinfo summary, a network in words (conv 32 3x3 valid relu | maxpool 2 | ... | total 590,346), "
    "a scikit-learn classification report, lists of precision, recall and F1, or a confusion matrix of counts"
)
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Checked:
    """The results of checking a text."""

    kinds: tuple[str, ...]  # of its parts, such as "layer summary"
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    unchecked: tuple[str, ...]  # sentences about what could not be checked

    @property
    def consistent(self) -> bool:
        """Whether every finding holds."""
        return all(finding.holds for finding in self.findings)


def check_text(text: str, accuracy: str | float | None = None) -> Checked:
    """Recompute the numbers in a text, and find those that cannot be true.

    >>> found = check_text("conv 32 3x3 valid relu | maxpool 2 | flatten | dense 10 | total 63,050")
    >>> for finding in found.findings:
    ...     print(finding.text)
    Shapes and parameters of 4 of 4 layers fit.
    The layers add up to 54,410 parameters, but the printed total is 63,050.
    The total of 63,050 fits only with 'same' padding in the first convolution.
    >>> found.consistent
    False

    Args:
        text: summaries of networks, classification reports or confusion matrices, as printed; other text around them
            is ignored.
        accuracy: a claimed accuracy to compare with them, as printed ("89", "89 %", "0.89"): its digits tell how it
            was rounded.

    Raises:
        ConfigError: the text has more than 200,000 characters or nothing to check, or the accuracy is no number.
    """
    claim = None if accuracy is None or accuracy == "" else read_accuracy(accuracy)
    _refuse_unreadable(text)
    text = re.sub(r"[\x01-\x08\x0e-\x1f\x7f\ud800-\udfff]", "", text)  # a name with these would reach a terminal
    summaries, text = _read_each(text, r"Layer \(type", read_summary)
    reports, text = _read_each(text, r"precision\b.*\brecall\b", read_report)
    matrix = read_matrix(text)
    claims = ([claim] if claim else []) + _claims_in(text, claim)
    outcomes = [check_summary(summary) for summary in summaries] + _check_scores(reports, matrix, claims)
    unchecked = [each for outcome in outcomes for each in outcome.unchecked]
    if not any(outcome.findings or outcome.tables for outcome in outcomes):
        problem = unchecked[0] if unchecked else f"It should hold {UNDERSTOOD}."
        raise ConfigError(f"Nothing to check was found in the text. {problem}")
    return Checked(
        tuple(outcome.kind for outcome in outcomes),
        tuple(finding for outcome in outcomes for finding in outcome.findings),
        tuple(table for outcome in outcomes for table in outcome.tables),
        (*unchecked, *(_unused_claims(reports, matrix) if claims else ())),
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


def _read_each(text: str, head: str, read: Callable[[str], tuple[_Read | None, str]]) -> tuple[list[_Read], str]:
    """What `read` finds below each heading of a table, and the text without it."""
    parts = [read(part) for part in _parts(text, head)]
    return [found for found, _ in parts if found], "\n".join(rest for _, rest in parts)


def _check_scores(reports: list[ClassificationReport], matrix: Matrix | None, claims: list[Printed]) -> list[Outcome]:
    """A single report is compared with the matrix; the claims with the matrix if there is one, else with the report."""
    alone = len(reports) == 1
    own_claims = claims if alone and not matrix else []
    outcomes = [check_report(report, own_claims, matrix if alone else None) for report in reports]
    return [*outcomes, check_matrix(matrix, claims)] if matrix else outcomes


def _unused_claims(reports: list[ClassificationReport], matrix: Matrix | None) -> Iterator[str]:
    """Why a claimed accuracy could not be compared with anything."""
    if not reports and not matrix:
        yield "A layer summary says nothing about accuracy: give a report or a confusion matrix with it."
    if len(reports) > 1 and not matrix:
        yield "An accuracy cannot be compared with several reports: give only the one that it belongs to."


def _parts(text: str, head: str) -> list[str]:
    """The text divided before each heading of a table but the first; the name of a model above it goes with it."""
    lines = text.splitlines()
    heads = [place for place, line in enumerate(lines) if re.search(head, line[:LONGEST_HEAD], re.I)][:MOST_TABLES]
    cuts = [0]
    for place in heads[1:]:
        named = [near for near in (place - 1, place - 2) if lines[near].startswith("Model: ")]
        cuts.append(named[0] if named else place)
    return ["\n".join(lines[start:end]) for start, end in zip(cuts, [*cuts[1:], len(lines)])]


def _claims_in(text: str, claim: Printed | None) -> list[Printed]:
    """The accuracies that the text itself states, without the claimed one; at most five."""
    found: dict[str, Printed] = {}
    for stated in read_claims(text):
        try:
            found[stated] = read_accuracy(stated)
        except ConfigError:
            continue
    return [each for stated, each in found.items() if claim is None or stated != claim.text][:5]
