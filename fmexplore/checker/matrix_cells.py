"""Reads a square of printed numbers as a confusion matrix of counts or shares."""

import re

from fmexplore.checker.cells import count_of, is_number
from fmexplore.checker.scores import Matrix

MAX_CLASSES = 1_000
_COUNT = re.compile(r"\d+(?:\.0*)?|\d{1,3}([,'’]\d{3})+", re.A)
_SHARE = re.compile(r"\d*\.?\d*(e[-+]?\d+)?", re.I | re.A)


def matrix_of(cells: list[list[str]], row_lines: list[int]) -> Matrix | None:
    """A square of printed numbers: counts, or shares of 1 or of 100."""
    tokens = [token for row in cells for token in row]
    if all(_COUNT.fullmatch(token) for token in tokens) and not _are_ones(tokens):
        counts = [[count_of(token) for token in row] for row in cells]
        if any(count is None for row in counts for count in row):
            return None
        rows = tuple(tuple(count or 0.0 for count in row) for row in counts)
        return Matrix(rows, row_lines=tuple(row_lines)) if sum(map(sum, rows)) else None
    plain_numbers = [token.rstrip("%").replace(",", ".") for token in tokens]
    if any(not _SHARE.fullmatch(token) or not is_number(token) for token in plain_numbers):
        return None
    values = [float(token) for token in plain_numbers]
    if max(values) > 100.001 or max(values) == 0:
        return None
    percent = any("%" in token for token in tokens) or max(values) > 1.0001
    decimals = max(len(token.lower().partition("e")[0].partition(".")[2]) for token in plain_numbers)
    size = len(cells)
    rows = tuple(tuple(values[place * size : (place + 1) * size]) for place in range(size))
    return Matrix(rows, decimals=decimals, whole=100.0 if percent else 1.0, row_lines=tuple(row_lines))


def _are_ones(tokens: list[str]) -> bool:
    """Whether cells with decimals are all 0 or 1: an identity matrix of shares, not of counts."""
    return any("." in token for token in tokens) and all(float(token.replace(",", "")) <= 1 for token in tokens)
