"""Reads the statistics by class of R's caret, and the tables of YOLO's validation. Knows no rules."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fmexplore.checker.cells import LONGEST_LINE, count_of
from fmexplore.checker.results import Printed, read_share

MOST_ROWS = 2_000
STATISTICS = {
    "sensitivity": "sensitivity",
    "recall": "sensitivity",
    "specificity": "specificity",
    "pos pred value": "pos pred value",
    "precision": "pos pred value",
    "neg pred value": "neg pred value",
    "f1": "f1",
    "prevalence": "prevalence",
    "detection rate": "detection rate",
    "detection prevalence": "detection prevalence",
    "balanced accuracy": "balanced accuracy",
}
SIGNIFICANT = 3
DETECTED = ("P", "R", "mAP50", "mAP50-95")
_NAMES = "|".join(sorted(map(re.escape, STATISTICS), key=len, reverse=True))
_PREFIX = re.compile(r"^\s{0,40}(?:#+>?|>)?\s*")  # as notebooks in R have it
_STATISTIC = re.compile(rf"(?P<name>{_NAMES})\b\s*(?P<colon>:)?\s*(?P<values>[\d.eENna\s+-]+)$", re.I | re.A)
_CLASSES = re.compile(r"(?:Class: ?\S.*)$")
_POSITIVE = re.compile(r"'Positive' Class\s*:\s*(?P<name>\S.*?)\s*$")
_DETECTION_HEAD = re.compile(r"\bClass\s+Images\s+(?:Instances|Labels|Targets)\s+(?:Box\()?P\s+R\s+mAP", re.A)
_DETECTION_ROW = re.compile(
    r"^\s*(?P<name>\S.*?)\s+(?P<images>\d{1,9})\s+(?P<count>\d{1,9})(?P<values>(?:\s+(?:\d*\.?\d+(?:e-\d\d)?|nan)){4,12})\s*$",
    re.A,
)


@dataclass
class ClassStatistics:
    """What caret prints for each class, or for the positive one of two."""

    names: list[str] = field(default_factory=list)
    values: dict[str, list[Printed | None]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)  # the line of each statistic
    positive: bool = False  # of the only class that is printed
    broken: bool = False  # a row has another number of values
    lines: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Detected:
    """A row of YOLO's table."""

    name: str
    images: float
    instances: float
    scores: tuple[Printed | None, ...]
    line: int


@dataclass
class Detections:
    """YOLO's table of a validation: all classes together, then each of them."""

    total: Detected | None = None
    rows: list[Detected] = field(default_factory=list)
    unread: bool = False
    digits: int = 0  # the most that a score is printed with
    lines: list[int] = field(default_factory=list)


def find_statistics(lines: list[str]) -> list[ClassStatistics]:
    """The blocks of statistics that caret prints below a matrix, each with all of its classes."""
    found: list[ClassStatistics] = []
    block: ClassStatistics | None = None
    columns: list[str] = []
    since = 0
    for place, full in enumerate(lines):
        line = _PREFIX.sub("", full[: LONGEST_LINE + 1], count=1)
        if not line.strip() or len(full) > LONGEST_LINE:
            continue
        row = _STATISTIC.match(line)
        if found_classes := _CLASSES.match(line):
            columns = [each.strip() for each in re.split(r"\s*\bClass: ?", found_classes[0])[1:]]
            block = block or _opened(found)
            since = 0
        elif row and (columns or row["colon"]):
            block = block or _opened(found)
            _add(block, columns, row, place)
            since = 0
        elif block and (named := _POSITIVE.search(line)):
            block.names, block.positive = [named["name"]], True
            block.lines.append(place)
            block, columns = None, []
        elif block:
            since += 1
            if since > 2:
                block, columns = None, []
            continue
        if block and place not in block.lines:
            block.lines.append(place)
    return [each for each in found if each.names and each.values]


def _opened(found: list[ClassStatistics]) -> ClassStatistics:
    found.append(ClassStatistics())
    return found[-1]


def _add(block: ClassStatistics, columns: list[str], row: re.Match[str], place: int) -> None:
    values = [read_share(each) for each in row["values"].split()]
    key = STATISTICS[" ".join(row["name"].lower().split())]
    if columns:
        if len(values) != len(columns):
            block.broken = True
            return
        known = block.values.setdefault(key, [])
        if columns[0] not in block.names:
            block.names += columns
        if len(known) + len(values) <= len(block.names):  # precision and recall are printed again with other names
            known += values
    elif len(values) == 1:
        block.values.setdefault(key, values)
    block.places.setdefault(key, place)


def find_detections(lines: list[str]) -> Iterator[Detections]:
    """The tables of YOLO's validation; three significant digits are printed there, without zeros at the end."""
    for table in _detections(lines):
        if table.total and table.digits == SIGNIFICANT:
            table.total, *table.rows = (
                replace(row, scores=tuple(each and _to_digits(each) for each in row.scores))
                for row in (table.total, *table.rows)
            )
        yield table


def _to_digits(printed: Printed) -> Printed:
    value = float(printed.text)
    half = 0.5 * 10.0 ** (math.floor(math.log10(value)) - SIGNIFICANT + 1) if value > 0 else 0.5e-3
    return replace(printed, low=value - half, high=value + half)


def _detections(lines: list[str]) -> Iterator[Detections]:
    table: Detections | None = None
    for place, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            continue
        if _DETECTION_HEAD.search(line):
            if table and table.total:
                yield table
            table = Detections(lines=[place])
        elif table and (row := _DETECTION_ROW.match(line)) and len(table.rows) < MOST_ROWS:
            scores = tuple(None if each == "nan" else read_share(each) for each in row["values"].split())
            table.digits = max(table.digits, *(len(each.strip("0.")) for each in row["values"].split()))
            made = Detected(row["name"], count_of(row["images"]) or 0, count_of(row["count"]) or 0, scores, place)
            table.lines.append(place)
            if made.name == "all" and table.total is None:
                table.total = made
            else:
                table.rows.append(made)
        elif table and line.strip() and table.total:
            table.unread = table.unread or (bool(re.search(r"\d\s+\d", line)) and not line.lstrip().startswith("Speed"))
            yield table
            table = None
    if table and table.total:
        yield table
