"""Reads classification reports, as scikit-learn prints them or as lists of scores, and confusion matrices.

Knows how they are printed, not whether they can be true: that is in `check_scores` and `check_matrix`.
"""

import re
from dataclasses import dataclass, field
from itertools import takewhile

from fmexplore.checker.results import MOST_DIGITS, Printed, read_percentage, read_share
from fmexplore.errors import ConfigError

MAX_CLASSES = 1_000
LONGEST_LINE = 5_000
LONGEST_NAME = 4  # words; more are a sentence that ends in numbers
LARGEST_COUNT = 10**9
SCORES = ("precision", "recall", "f1")
_AVERAGES = {
    "macro avg": "macro avg",
    "weighted avg": "weighted avg",
    "micro avg": "micro avg",
    "samples avg": "samples avg",
    "avg / total": "weighted avg",
}
_SHARE = rf"[01]?\.\d{{1,{MOST_DIGITS}}}|\d(?:\.\d{{1,{MOST_DIGITS}}})?e-\d\d?|nan"  # whole numbers are counts
_FIGURE = re.compile(r"[-+]?[\d.]*\d[\d.]*(?:e[-+]?\d+)?%?|nan|inf|-")
_ROW = re.compile(
    rf"(?P<name>\S.*?) (?P<figures>(?:(?:{_SHARE}) ){{2}}(?:{_SHARE}))(?: (?P<count>\d{{1,10}})(?:\.0+)?)?[ \\]*"
)
# pandas repeats the accuracy in every column
_ACCURACY = re.compile(
    rf"accuracy (?P<shares>(?:{_SHARE})(?: (?:{_SHARE})){{0,3}})(?: (?P<count>\d{{1,10}})(?:\.0+)?)?[ \\]*", re.I
)
_LIST = re.compile(r"\W{0,3}(precisions?|recalls?|f1(?:[-\s]scores?)?|supports?)\b([\s\d.%;:=\[\](){}]|nan)+$", re.I)
_CLAIM = re.compile(
    r"(?:^|\b(?:test|claimed|overall|total)[\s-])\s*accuracy\s*(?:of|is|was|[:=])?\s*(\d{1,3}(?:[.,]\d{1,12})?\s*%?)"
    r"(?=[\s.,;)]|$)",
    re.I,
)
_MARGINS = ("all", "total", "sum", "totals", "support", "row total", "column total", "margin")


@dataclass(frozen=True)
class ClassRow:
    """The row of a class in a report; a score is None where it was not printed, or as nan."""

    name: str
    scores: dict[str, Printed | None]
    support: int | None = None


@dataclass(frozen=True)
class ClassificationReport:
    """A classification report as printed."""

    rows: tuple[ClassRow, ...]
    averages: dict[str, ClassRow] = field(default_factory=dict)  # macro avg, weighted avg, micro avg
    accuracy: Printed | None = None
    total: int | None = None  # beside the accuracy
    unread: tuple[str, ...] = ()  # lines among its rows that are no such row


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as printed, rows true classes; rows may differ in length."""

    rows: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]  # empty where none are printed
    row_sums: tuple[int, ...] = ()  # printed beside the rows
    column_sums: tuple[int, ...] = ()  # printed below the columns


def read_report(text: str) -> tuple[ClassificationReport | None, str]:
    """Find the classification report in a text, with decimal points or commas.

    Returns:
        The report, or None, and the text without its lines. It has no rows where none of several can be read.

    Raises:
        ConfigError: it has more than 1,000 classes, or lists of different lengths.
    """
    found = _ReportLines(_has_decimal_commas(text))
    rest = [line for line in text.splitlines() if not found.take(line)]
    rows = _rows_of_lists(found.lists) if len(found.lists) > 1 and not found.rows else found.rows
    if len(rows) > MAX_CLASSES:
        raise ConfigError(f"The report has {len(rows):,} classes: at most {MAX_CLASSES:,} are checked, give a part.")
    unread = {} if rows and not found.rows else dict.fromkeys(found.unread)
    if len(rows) + len(unread) < 2:
        return None, text
    kept = "\n".join(line for line in rest if line not in unread)
    read = tuple(rows) if len(rows) > 1 else ()
    return ClassificationReport(read, found.averages, found.accuracy, found.total, tuple(unread)), kept


@dataclass
class _ReportLines:
    """What the lines of a report have given so far."""

    commas: bool  # are its decimal points
    rows: list[ClassRow] = field(default_factory=list)
    averages: dict[str, ClassRow] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    accuracy: Printed | None = None
    total: int | None = None
    unread: list[str] = field(default_factory=list)
    begun: bool = False
    between: list[str] = field(default_factory=list)  # lines with figures since the last row

    def take(self, line: str) -> bool:
        """Read a line, and return whether it belongs to a report."""
        if len(line) > LONGEST_LINE:
            return False
        plain = re.sub(r"[\s,;|&]+", " ", _with_points(line, self.commas)).strip()
        if found := _LIST.match(plain):
            self.lists[found[1].lower()[:2]] = re.findall(r"nan|\d[\d.]*%?|\.\d+", plain[found.end(1) :].lower())
        elif plain.lower().startswith("accuracy ") and self.begun:
            return self._take_accuracy(line, _ACCURACY.fullmatch(plain))
        elif found := _ROW.fullmatch(plain):
            self._take_row(_class_row(found))
        elif "precision" in line.lower() and "recall" in line.lower():
            self.begun = True
        else:
            if self.begun and re.search(r"\d", plain):
                (self.unread if _is_like_a_row(plain) else self.between).append(line)
            return False
        return True

    def _take_accuracy(self, line: str, found: re.Match[str] | None) -> bool:
        shares = sorted(found["shares"].split(), key=len) if found else []
        if not found or len({float(share) for share in shares}) > 1:
            self.unread.append(line)
            return False
        self.accuracy, self.total = read_share(shares[0]), int(found["count"]) if found["count"] else None
        self._go_on()
        return True

    def _take_row(self, row: ClassRow) -> None:
        name = row.name.lower()
        if name in _AVERAGES:
            self.averages[_AVERAGES[name]] = row
        else:
            self.rows.append(row)
        self._go_on()

    def _go_on(self) -> None:
        """What stood between two rows was to be one."""
        self.begun = True
        self.unread += self.between
        self.between.clear()


def read_claims(text: str) -> list[str]:
    """The accuracies that a text states, as printed.

    >>> read_claims("Trained for 15 epochs. Test accuracy: 91.68 %")
    ['91.68 %']
    """
    lines = (line for line in text.splitlines() if len(line) < LONGEST_LINE)
    return [found[1].strip() for line in lines for found in _CLAIM.finditer(line)]


def read_matrix(text: str) -> Matrix | None:
    """Find the largest confusion matrix in a text: printed by numpy or pandas, as lists, as CSV, or as rows of counts.

    Returns:
        The matrix, or None.

    Raises:
        ConfigError: it has more than 1,000 classes, or counts of a billion or more.
    """
    lines = _bracketed(text) or [_cells(line) for line in text.splitlines()]
    blocks: list[list[tuple[str, list[int]]]] = [[]]
    for name, counts in lines:
        if len(counts) > 1 and len(name.split()) <= LONGEST_NAME:
            blocks[-1].append((name, counts))
        elif blocks[-1] and (name or counts):
            blocks.append([])
    block = max(blocks, key=len)
    if len(block) < 2:
        return None
    if len(block) > MAX_CLASSES + 2 or max(len(counts) for _, counts in block) > MAX_CLASSES + 2:
        raise ConfigError(f"The matrix has more than {MAX_CLASSES:,} rows or columns: give a smaller one.")
    return _matrix(block)


def _matrix(block: list[tuple[str, list[int]]]) -> Matrix | None:
    names, rows = [name for name, _ in block], [counts for _, counts in block]
    if rows[0] in (list(range(len(rows[0]))), list(range(1, len(rows[0]) + 1))) and len(rows) > len(rows[0]):
        names, rows = names[1:], rows[1:]  # a head of class numbers
    index = [counts[0] for counts in rows]
    square = len(rows) == len(rows[0])
    if not square and index in (list(range(len(rows))), list(range(1, len(rows) + 1))):
        rows = [counts[1:] for counts in rows]  # a first column of class numbers
    column_sums: tuple[int, ...] = ()
    if len(rows) > 2 and names[-1].strip(" :\"'").lower() in _MARGINS:
        column_sums, rows, names = tuple(rows[-1][: len(rows) - 1]), rows[:-1], names[:-1]
    row_sums: tuple[int, ...] = ()
    if len(rows) > 1 and all(len(counts) == len(rows) + 1 for counts in rows):
        near = sum(abs(sum(counts[:-1]) - counts[-1]) <= 0.02 * counts[-1] for counts in rows)
        if column_sums or 2 * near > len(rows):
            row_sums, rows = tuple(counts[-1] for counts in rows), [counts[:-1] for counts in rows]
    if len(rows) < 2 or any(not counts for counts in rows):
        return None
    labels = tuple(name.strip(" :\"'") for name in names)
    return Matrix(tuple(map(tuple, rows)), labels if all(labels) else (), row_sums, column_sums)


def _bracketed(text: str) -> list[tuple[str, list[int]]]:
    """The innermost brackets that hold only counts, wherever lines break, as nested lists and numpy print them."""
    found: list[tuple[str, list[int]]] = []
    for part in re.findall(r"\[([^\[\]]*)\]", text):
        name, counts = _cells(" ".join(part.split()))
        if len(counts) > 1 and not name:
            found.append(("", counts))
    return found if len(found) > 1 else []


def _cells(line: str) -> tuple[str, list[int]]:
    """The label at the beginning of a line and the whole numbers that end it."""
    tokens = [token for token in re.split(r"[\s,;|&\t]+", line.strip(" []|\\,;\t")) if token]
    counts: list[int] = []
    while tokens and re.fullmatch(r"\d+(?:\.0*)?", tokens[-1]):
        token = tokens.pop().partition(".")[0]
        if len(token.lstrip("0")) > 9:
            raise ConfigError(f"{token[:20]}... is too large for a count of images: at most {LARGEST_COUNT:,} is read.")
        counts.append(int(token))
    return " ".join(tokens), counts[::-1]


def _has_decimal_commas(text: str) -> bool:
    """Whether more shares are printed as 0,88 than as 0.88."""
    points = re.findall(r"(?<![\d.,])[01]?\.\d+", text)
    return len(re.findall(r"(?<![\d.,])[01]?,\d+(?![\d.]|,\d)", text)) > len(points)


def _with_points(line: str, commas: bool) -> str:
    """A line with decimal points and nothing between thousands, printed with decimal commas or not."""
    thousands = rf"(?<![\d.,])\d{{1,3}}(?:{'[.]' if commas else ','}\d{{3}})+(?![\d.,])"
    line = re.sub(thousands, lambda found: re.sub(r"\D", "", found[0]), line)
    return re.sub(r"(?<![\d.,])(\d*),(\d+)(?![\d.]|,\d)", r"\1.\2", line) if commas else line


def _is_like_a_row(plain: str) -> bool:
    """Whether a line ends in the figures of a row, some of them printed otherwise."""
    tokens = plain.rstrip(" \\").lower().split(" ")
    figures = list(takewhile(_FIGURE.fullmatch, reversed(tokens)))
    shares = sum("." in each or "%" in each for each in figures)
    return 3 <= len(figures) <= 5 and len(figures) < len(tokens) and shares > 1


def _class_row(found: re.Match[str]) -> ClassRow:
    scores = [read_share(each) for each in found["figures"].split()]
    name, count = found["name"].strip(" \"'"), found["count"]
    return ClassRow(name[:60], dict(zip(SCORES, scores)), int(count) if count else None)


def _rows_of_lists(lists: dict[str, list[str]]) -> list[ClassRow]:
    keys = {"pr": "precision", "re": "recall", "f1": "f1"}
    scores = {keys[key]: values for key, values in lists.items() if key in keys}
    length = max((len(values) for values in scores.values()), default=0)
    if any(len(values) != length for values in scores.values()):
        sizes = ", ".join(f"{len(values)} of {name}" for name, values in scores.items())
        raise ConfigError(f"The lists of figures differ in length ({sizes}): give one figure of each class.")
    supports = lists.get("su", [])
    return [
        ClassRow(
            f"class {place}",
            {name: _share(scores[name][place]) if name in scores else None for name in SCORES},
            int(supports[place]) if len(supports) == length and supports[place].isdigit() else None,
        )
        for place in range(length)
    ]


def _share(text: str) -> Printed | None:
    """A score of a list; above 1 it is a percentage."""
    plain = text.rstrip("%").rstrip(".")
    if re.fullmatch(r"\d{2,3}(\.\d{1,9})?|[2-9](\.\d{1,9})?", plain) and float(plain) <= 100:
        return read_percentage(plain)
    return read_share(plain)
