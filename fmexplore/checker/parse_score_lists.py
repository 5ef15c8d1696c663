"""Reads scores that stand in dictionaries, as scikit-learn's `output_dict`, and in lists, one for each score.

Lists are also what a data frame of a report is when its classes stand in columns.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fmexplore.checker.cells import (
    LONGEST_LINE,
    NOTHING,
    cells_of,
    count_of,
    is_cut,
    is_number,
    plain,
    tokens_of,
    value_of,
)
from fmexplore.checker.results import read_share
from fmexplore.checker.scores import SCORES, ClassRow, Report

_ENTRY = re.compile(r"""(?P<quote>['"])(?P<name>[^'"{}\n]{1,80})(?P=quote)\s*:\s*\{(?P<body>[^{}]{1,600})\}""")
_ITEM = re.compile(r"""['"](?P<key>[\w -]{1,40})['"]\s*:\s*(?:[\w.]+\()?(?P<value>[-+]?[\d.]+(?:e-?\d+)?|nan|NaN)""")
_SHARE = re.compile(r"""['"](?P<key>accuracy)['"]\s*:\s*(?:[\w.]+\()?(?P<value>[\d.]+(?:e-?\d+)?)""")
_LIST = re.compile(
    r"[^\w]{0,6}(?:(?P<precision>precisions?)|(?P<recall>recalls?)|(?P<f1>f1(?:[-_ ]?scores?)?)|(?P<support>supports?))"
    r"(?:\s*(?:scores?|per class|by class|for each class|of each class))?\s*[:=]?\s*(?:(?:np\.)?array\()?"
    r"(?P<open>[\[(]*)",
    re.I,
)
_AVERAGES = ("macro avg", "weighted avg", "micro avg", "samples avg")
MOST_BROKEN = 60  # lines over which one list may go


def find_dictionaries(lines: list[str]) -> Iterator[Report]:
    """The reports that are printed as dictionaries, also in JSON and over several lines."""
    text = "\n".join(lines)
    if "precision" not in text:
        return
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    group: list[tuple[str, dict[str, str], int, int]] = []
    end = 0
    for found in _ENTRY.finditer(text):
        values = {item["key"].lower(): item["value"] for item in _ITEM.finditer(found["body"])}
        if "precision" not in values and "recall" not in values:
            continue
        if group and (found.start() - end > 200 or any(name == found["name"] for name, *_ in group)):
            yield from _report_of(group, text, starts)
            group = []
        group.append((found["name"], values, found.start(), found.end()))
        end = found.end()
    if group:
        yield from _report_of(group, text, starts)


def _report_of(group: list[tuple[str, dict[str, str], int, int]], text: str, starts: list[int]) -> Iterator[Report]:
    first, last = group[0][2], group[-1][3]
    span = text[max(0, first - 100) : last + 100]
    rows, averages = [], []
    for name, values, start, _ in group:
        line = bisect_right(starts, start) - 1
        keys = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
        scores = {key: read_share(values[there]) for key, there in keys.items() if there in values}
        count = count_of(values["support"]) if "support" in values else None
        row = ClassRow(name.lower() if name.lower() in _AVERAGES else name, scores, count, line)
        (averages if name.lower() in _AVERAGES else rows).append(row)
    if not rows:
        return
    found = _SHARE.search(span)
    line = bisect_right(starts, max(0, first - 100) + found.start()) - 1 if found else 0
    accuracy = ClassRow("accuracy", {"f1": read_share(found["value"])}, None, line) if found else None
    supports = [values["support"] for _, values, *_ in group if "support" in values]
    yield Report(
        tuple(rows),
        tuple(averages),
        accuracy,
        classes=bool(supports or averages),
        counted=bool(supports) and all("." not in each for each in supports),
        unread=(bisect_right(starts, first) - 1,) if is_cut(text[first:last]) else (),
        lines=tuple(range(bisect_right(starts, first) - 1, bisect_right(starts, last))),
    )


@dataclass
class _Lists:
    """Lists of scores that follow each other, and what stood above them."""

    above: str
    values: dict[str, list[str]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    line_of: dict[str, int] = field(default_factory=dict)
    gap: int = 0


def find_lists(lines: list[str]) -> Iterator[Report]:
    """The reports that are printed as a list for each score, at least two of them, in any order."""
    lists: _Lists | None = None
    above, place = "", 0
    while place < len(lines):
        key, values, used = _list_at(lines, place)
        if key and lists and key in lists.values:
            yield from _report_of_lists(lists)
            lists = None
        if key:
            lists = lists or _Lists(above)
            lists.values[key], lists.line_of[key], lists.gap = values, place, 0
            lists.lines += range(place, place + used)
        elif lines[place].strip():
            above = lines[place]
            if lists:
                lists.gap += 1
                if lists.gap > 2:
                    yield from _report_of_lists(lists)
                    lists = None
        place += used
    if lists:
        yield from _report_of_lists(lists)


def _list_at(lines: list[str], place: int) -> tuple[str, list[str], int]:
    """The list that begins in a line: of which score, its figures, and how many lines it takes."""
    line = lines[place]
    if len(line) > LONGEST_LINE or not (found := _LIST.match(plain(line))):
        return "", [], 1
    rest, used = plain(line)[found.end() :], 1
    while found["open"] and "]" not in rest and ")" not in rest and used < MOST_BROKEN and place + used < len(lines):
        rest += " " + plain(lines[place + used])[:LONGEST_LINE]
        used += 1
    inner = re.sub(r"[\[\]()]|,\s*dtype=\w+", " ", rest)
    commas = bool(re.search(r"\d,\s|\.\d+,", inner))
    figures = [each.strip(";") for each in tokens_of(inner, commas)]
    right = len(figures) > 1 and all(is_number(each) or each.lower() in NOTHING for each in figures)
    kind = next(key for key in (*SCORES, "support") if found[key])
    return (kind, figures, used) if right else ("", [], 1)


def _report_of_lists(lists: _Lists) -> Iterator[Report]:
    scores = {key: values for key, values in lists.values.items() if key in SCORES}
    if len(scores) < 2:
        return
    taken = tuple(lists.lines)
    sizes = {key: len(values) for key, values in lists.values.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} of {key}" for key, size in sizes.items())
        problem = f"The lists of figures differ in length ({listed}): give one figure of each class."
        yield Report((), problem=problem, lines=taken)
        return
    length = next(iter(sizes.values()))
    whole = 100.0 if any(value_of(each) > 1.0000003 for values in scores.values() for each in values) else 1.0
    names = _names(lists.above, length)
    supports = lists.values.get("support")
    line = lists.lines[0]
    rows = [
        ClassRow(
            names[place] if names else f"class {place}",
            {key: read_share(values[place], whole) for key, values in scores.items()},
            count_of(supports[place]) if supports else None,
            lists.line_of.get("f1", line),
        )
        for place in range(length)
    ]
    yield _sorted(rows, names, supports, taken)


def _sorted(rows: list[ClassRow], names: list[str], supports: list[str] | None, taken: tuple[int, ...]) -> Report:
    """The report, with its averages and its accuracy apart where the names tell them."""
    averages = tuple(replace(row, name=row.name.lower()) for row in rows if row.name.lower() in _AVERAGES)
    accuracy = next((replace(row, support=None) for row in rows if row.name.lower() == "accuracy"), None)
    own = tuple(row for row in rows if row.name.lower() not in _AVERAGES and row.name.lower() != "accuracy")
    counted = bool(supports) and all("." not in each for each in supports or ())
    sure = bool(names) and bool(supports or averages)
    return Report(own, averages, accuracy, classes=sure or bool(supports), counted=counted, lines=taken)


def _names(above: str, length: int) -> list[str]:
    """The names of the columns in the line above the lists, if it has as many."""
    if len(above) > LONGEST_LINE:
        return []
    text = plain(above).strip(" |")
    joined = re.sub(r"\b(macro|weighted|micro|samples) avg\b", r"\1_avg", text)
    for parts in (cells_of(above), text.split(","), re.split(r"\s{2,}", text), joined.split()):
        kept = [part.strip().replace("_avg", " avg") for part in parts if part.strip()]
        if len(kept) == length:
            return kept
    return []
