"""Reads confusion matrices: nested brackets, tables with and without names, margins, R and Weka, TP FP FN TN in words.

Knows how they are printed. What is not square is no confusion matrix; which axis is true is known where it is said.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from fmexplore.checker.cells import LONGEST_LINE, count_of, is_cut, is_number, tokens_of
from fmexplore.checker.matrix_cells import MAX_CLASSES, matrix_of
from fmexplore.checker.matrix_tables import SAID, find_tables
from fmexplore.checker.scores import Axis, Matrix

MOST_FOUND = 1_000  # squares of brackets that are looked at
_COUNTS_IN_WORDS = re.compile(
    r"(?<![\w])(?:(?P<short>TP|FP|FN|TN)|(?P<long>(?:true|false)[\s_-]*(?:positives?|negatives?)))(?:\s*\(\w+\))?"
    r"s?\s*(?:[:=]|\s)\s*(?P<count>\d[\d,]{0,14})(?![\d.]*\d?%|\.\d)",
    re.I,
)
_FOUR = r"\s*,\s*(t[np]|f[np])" * 3
_UNPACKED = re.compile(rf"\(?\b(t[np]|f[np]){_FOUR}\b\)?\s*[:=]\s*[\[(]?\s*(\d+)" + r"[\s,]+(\d+)" * 3, re.I)
_BRACKETS = re.compile(r"\[\s{0,40}\[[^\[\]]{0,20000}\](?:[\s,.…]{0,80}\[[^\[\]]{0,20000}\])*[\s,.…]{0,80}\]")
_ROWS_ARE = re.compile(r"\brows?\W{0,3}(?:are|is|=|:|show|for)?\W{0,3}(?:the\s)?(true|actual|pred)", re.I)


def find_matrices(lines: list[str]) -> list[Matrix]:
    """The confusion matrices in a text, in its order; lines of other readers are empty."""
    found = list(_bracketed(lines))
    taken = {line for matrix in found for line in matrix.lines}
    rest = ["" if place in taken else line for place, line in enumerate(lines)]
    found += find_tables(rest)
    taken = {line for matrix in found for line in matrix.lines}
    found += _counts_in_words(["" if place in taken else line for place, line in enumerate(lines)])
    return sorted((_with_what_is_said(matrix, lines) for matrix in found), key=lambda matrix: matrix.lines[:1])


def _with_what_is_said(matrix: Matrix, lines: list[str]) -> Matrix:
    """The matrix with what the lines above it say of it."""
    above = [line for line in lines[max(0, matrix.lines[0] - 4) : matrix.lines[0] + 1] if len(line) < 400]
    said = next((found[1].lower() for line in above if (found := _ROWS_ARE.search(line))), "")
    axis: Axis | None = matrix.axis or (("predicted" if said == "pred" else "true") if said else None)
    return replace(matrix, axis=axis, sure=matrix.sure or any(SAID.search(line) for line in above))


# Nested brackets, as numpy, torch and lists print them.


def _bracketed(lines: list[str]) -> Iterator[Matrix]:
    text = "\n".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    line_of, place = 0, 0
    for found in itertools.islice(_BRACKETS.finditer(text), MOST_FOUND):
        while starts[line_of + 1] <= found.start():
            line_of += 1
        begin = line_of
        end = begin
        while starts[end + 1] < found.end():
            end += 1
        taken = tuple(range(begin, end + 1))
        rows, row_lines = [], []
        for inner in re.finditer(r"\[([^\[\]]*)\]", found[0]):
            rows.append(inner[1])
            place = found.start() + inner.start()
            while starts[begin + 1] <= place:
                begin += 1
            row_lines.append(begin)
        if is_cut(found[0]):
            yield Matrix((), problem="A matrix is cut with dots: print it whole.", lines=taken)
            continue
        cells = _consistent_cells(rows)
        matrix = matrix_of(cells, row_lines) if cells else None
        if matrix and matrix.size > 1:
            yield replace(matrix, lines=taken, sure=False)


def _consistent_cells(rows: list[str]) -> list[list[str]] | None:
    """The cells of rows within brackets: commas separate them, or else thousands, whichever gives a square."""
    if len(rows) > MAX_CLASSES:
        return None
    spaced = all("," not in row for row in rows) or all(re.search(r",\s", row) for row in rows)
    for commas in (True, False):
        cells = [tokens_of(row, commas) for row in rows]
        if {len(row) for row in cells} == {len(rows)} and all(is_number(each) for row in cells for each in row):
            return cells
        if spaced:
            return None
    return None


# The four counts of two classes.


def _counts_in_words(lines: list[str]) -> Iterator[Matrix]:
    found: dict[str, tuple[float, int]] = {}
    for place, line in enumerate(lines):
        if len(line) > LONGEST_LINE or not re.search(r"[TF][PN]|[tf][pn]|positive|negative", line, re.I):
            continue
        pairs = [(each["short"] or _initials(each["long"]), each["count"]) for each in _COUNTS_IN_WORDS.finditer(line)]
        if unpacked := _UNPACKED.search(line):
            pairs = list(zip(unpacked.groups()[:4], unpacked.groups()[4:]))
        for key, count in pairs:
            value = count_of(count.rstrip(","))
            if value is not None:
                found.setdefault(key.upper(), (value, place))
    if len(found) == 4:
        (tp, a), (fp, b), (fn, c), (tn, d) = (found[key] for key in ("TP", "FP", "FN", "TN"))
        if max(a, b, c, d) - min(a, b, c, d) < 12 and tp + fp + fn + tn > 0:
            taken = tuple(sorted({a, b, c, d}))
            yield Matrix(((tn, fp), (fn, tp)), ("negative", "positive"), "true", lines=taken, row_lines=(d, a))


def _initials(words: str) -> str:
    """TP of "True positives"."""
    return words[0].upper() + ("P" if "pos" in words.lower() else "N")
