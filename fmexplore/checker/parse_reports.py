"""Reads classification reports: tables whose head names precision and recall, as scikit-learn, Weka and papers have.

Knows how they are printed, not whether they can be true. A line among the rows that cannot be read makes the rest of
the report incomplete. Dictionaries and lists of scores are in `parse_score_lists`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fmexplore.checker.cells import (
    LONGEST_LINE,
    Piece,
    cells_of,
    count_of,
    is_cut,
    is_number,
    is_value,
    plain,
    tokens_of,
    value_of,
)
from fmexplore.checker.results import read_share
from fmexplore.checker.scores import SCORES, ClassRow, Report

MOST_ROWS = 3_000
_COLUMN = re.compile(
    r"(?P<precision>precisions?|prec\.?|pre)|(?P<recall>recalls?|rec|sensitivity)"
    r"|(?P<f1>f1(?:[-_ ]?(?:scores?|measure))?|f[-_ ]?(?:score|measure))|(?P<support>supports?|sup|count|n_?samples)"
    r"|(?P<class>class|label|category|classes|labels)"
    r"|(?P<other>tp rate|fp rate|roc area|prc area|mcc|spe|specificity|geo|iba|auc|accuracy|acc\.?|iou|pred|npv)",
    re.I,
)
_WORD = re.compile(rf"(?:{_COLUMN.pattern})(?![\w-])|(?P<word>\S+)", re.I)
_AVERAGE = re.compile(r"(?:^|[\W_\d])(macro|micro|weighted|samples?)[\s_-]*(?:(?:avg|averaged?|mean)\.?)?$", re.I)
_PLAIN_AVERAGE = re.compile(r"(avg|average|overall|mean|total|sum|all)\.?", re.I)
_SPACED = re.compile(r"\d*[.,]\d+%? [1-9]\d?\d? \d{3}", re.A)  # a count with a space between thousands
_RULE = re.compile(r"[\s\-=+|:_─━═│┃┆┼┤├╞╪╡┌┬┐└┴┘#>*.]*")
_ACCURACY = re.compile(r"(?:^|.*[\W_])(?:test )?(?:accuracy|acc)", re.I)


@dataclass(frozen=True)
class Head:
    """The head of a report: what its columns hold."""

    columns: tuple[str, ...]  # of numbers, in their order; "other" for those that are not checked
    cells: tuple[str, ...] = ()  # the same with the columns of names ("class"), where separators stand between them
    commas: bool = False  # separate the cells
    prefix: tuple[str, ...] = ()  # words before the first column
    percent: bool = False
    rest: tuple[str, ...] = ()  # words after it in the same line, where the whole report stands in one


def read_head(text: str) -> Head | None:
    """The head of a report, if a line is one."""
    lower = text.lower()
    if len(text) > LONGEST_LINE * 50 or ("rec" not in lower and "sens" not in lower) or "pre" not in lower:
        return None
    text = plain(text)
    commas = text.count(",") > 1 and not re.search(r"[|&;\t]", text)
    cells = text.split(",") if commas else cells_of(text)
    kinds = tuple(_kind_of(cell) for cell in cells[:200])
    if {"precision", "recall"} <= set(kinds):
        columns = tuple(kind for kind in kinds if kind not in ("class", ""))
        return Head(columns, kinds, commas, percent="%" in text)
    return _head_of_words(text)


def _kind_of(cell: str) -> str:
    """What a cell of a head names; empty for what is no score."""
    found = _COLUMN.fullmatch(re.sub(r"\(.*\)|[%_*]", " ", cell).replace("'", " ").strip()) if len(cell) < 60 else None
    return (found.lastgroup or "") if found else ""


def _head_of_words(text: str) -> Head | None:
    columns: list[str] = []
    prefix: list[str] = []
    strange = 0
    for found in _WORD.finditer(text[:LONGEST_LINE].replace("|", " ").replace(",", " ")):
        kind, word = found.lastgroup or "", found[0]
        known = kind in ("precision", "recall", "f1", "support", "other")
        if not columns and not known:
            prefix.append(word)
            if len(prefix) > 12 or (re.search(r"[:=]$", word) and kind != "word"):
                return None
        elif kind == "word" and (is_value(word.strip("'\"")) or {"precision", "recall", "f1"} <= set(columns)):
            rest = tuple(text[found.start() :].split())
            break
        else:
            strange += kind == "word"
            columns.append("other" if kind in ("word", "other") else kind)
    else:
        rest = ()
    if (
        strange > 1
        or not {"precision", "recall"} <= set(columns)
        or len(set(columns) - {"other"}) != sum(each != "other" for each in columns)
    ):
        return None
    if "f1" not in columns and "support" not in columns and (rest or strange):
        return None
    return Head(tuple(columns), prefix=tuple(prefix), rest=rest, percent=False)


@dataclass
class _Row:
    name: str
    tokens: dict[str, str]
    line: int


@dataclass
class _Reader:
    """A report as far as its lines were read."""

    head: Head
    start: int
    rows: list[_Row] = field(default_factory=list)
    averages: list[_Row] = field(default_factory=list)
    accuracy: _Row | None = None
    unread: list[int] = field(default_factory=list)
    between: list[Piece] = field(default_factory=list)  # lines since the last row that are none
    lines: list[int] = field(default_factory=list)
    ended: bool = False

    def take(self, piece: Piece) -> None:
        """Read the next line."""
        text = plain(piece.text)
        if _RULE.fullmatch(text) and not is_cut(text):
            self.ended = self.ended or (bool(self.averages) and not text.strip() and len(self.between) > 0)
            return
        row = _row_of(self.head, text, piece.line) if len(text) <= LONGEST_LINE else None
        if row and len(self.rows) < MOST_ROWS:
            self.unread += [each.line for each in self.between if re.search(r"\d", each.text)]
            self.between.clear()
            self.lines.append(piece.line)
            self._sort_in(row)
        elif is_cut(text) or _is_like_a_row(self.head, text):
            self.unread.append(piece.line)
            self.lines.append(piece.line)
        else:
            self.between.append(piece)
            self.ended = len(self.between) > 2 or bool(self.averages)

    def take_words(self) -> None:
        """Read the rows that stand in the line of the head, each a name, its scores and its support."""
        words = [word for word in self.head.rest if word not in ("|", "&", "\\\\", ",")]
        place = 0
        while place < len(words) and not self.averages[1:] and len(self.rows) < MOST_ROWS:
            start, place = place, place + 1
            while place < len(words) and not re.fullmatch(r"[01]?[.,]\d+|nan|\d{1,3}[.,]\d+%?", words[place]):
                place += 1
            name = " ".join(words[start:place])
            figures: list[str] = []
            most = 2 if _ACCURACY.fullmatch(name) else len(self.head.columns)
            while place < len(words) and is_value(words[place]) and len(figures) < most:
                figures.append(words[place])
                place += 1
            row = _row_of(Head(self.head.columns), f"{name} {' '.join(figures)}", self.start)
            if row is None:
                self.unread += [self.start] if figures else []
                return
            self._sort_in(row)

    def _sort_in(self, row: _Row) -> None:
        if row.name == "accuracy":
            self.accuracy = row
        elif row.name.endswith(" avg"):
            self.averages.append(row)
        else:
            self.rows.append(row)

    def report(self) -> Report | None:
        """The report; None where it holds no row that could be read."""
        if not self.rows and not (self.unread and self.averages) and len(self.unread) < 2:
            return None
        scores = [token for row in (*self.rows, *self.averages) for key, token in row.tokens.items() if key in SCORES]
        values = [value_of(token) for token in scores]
        whole = 100.0 if self.head.percent or any(value > 1.0000003 for value in values) else 1.0
        made = {id(row): _class_row(row, whole) for row in (*self.rows, *self.averages, self.accuracy) if row}
        broken = [row.line for row in self.rows if id(row) in made and made[id(row)] is None]
        supports = [row.tokens["support"] for row in self.rows if "support" in row.tokens]
        return Report(
            tuple(found for row in self.rows if (found := made[id(row)])),
            tuple(found for row in self.averages if (found := made[id(row)])),
            made[id(self.accuracy)] if self.accuracy else None,
            classes=bool(supports or self.averages or self.accuracy) or _names_classes(self.head),
            counted=all("." not in token for token in supports),
            unread=tuple(sorted({*self.unread, *broken})),
            lines=tuple(dict.fromkeys([self.start, *self.lines])),
        )


def _names_classes(head: Head) -> bool:
    return "class" in head.cells or any(
        word.strip(":").lower() in ("class", "label", "category", "classes", "labels") for word in head.prefix
    )


def find_tables(pieces: list[Piece]) -> Iterator[Report]:
    """The reports among the lines of a text that have a head, each in the order of the text."""
    reader: _Reader | None = None
    for piece in pieces:
        if head := read_head(piece.text):
            yield from _reports(reader)
            reader = _Reader(head, piece.line)
            if len(head.rest) > 3:
                reader.take_words()
        elif reader:
            reader.take(piece)
            if reader.ended:
                yield from _reports(reader)
                reader = None
    yield from _reports(reader)


def _reports(reader: _Reader | None) -> Iterator[Report]:
    report = reader.report() if reader else None
    if report:
        yield report


def _row_of(head: Head, text: str, line: int) -> _Row | None:
    """A row of a report, by its cells or else by its words."""
    cells = [cell.strip() for cell in (text.split(",") if head.commas else cells_of(text))] if head.cells else []
    if cells and len(cells) == len(head.cells):
        name = " ".join(cell for cell, kind in zip(cells, head.cells) if kind in ("class", "") and cell)
        figures = [
            (kind, cell.replace(" %", "%")) for cell, kind in zip(cells, head.cells) if kind not in ("class", "")
        ]
        right = all(not cell or is_value(cell) for _, cell in figures)
        return _named(name, figures, line) if right else None
    return _row_of_words(head, text, line)


def _row_of_words(head: Head, text: str, line: int) -> _Row | None:
    words = tokens_of(text, head.commas)
    if head.columns[-1:] == ("class",):
        return _row_with_its_name_behind(head, words, line)
    tail = len(words)
    while tail and is_value(words[tail - 1]):
        tail -= 1
    name, figures = words[:tail], words[tail:]
    width = len(head.columns)
    if name and _ACCURACY.fullmatch(" ".join(name)) and 0 < len(figures) <= width:
        figures = [figure for figure in figures if is_number(figure)] or ["nan"]
        return _named("accuracy", [("f1", figures[0]), *_support_of_accuracy(figures)], line)
    ends_in_support = head.columns[-1] == "support"
    if ends_in_support and len(figures) + bool(name) > width and _SPACED.fullmatch(" ".join(figures[-3:])):
        figures[-2:] = [",".join(figures[-2:])]
    if ends_in_support and (len(figures) < width or not _is_count(figures[-1])) and len(figures) >= width - 1:
        width -= 1
    if len(figures) < width or width < 2 or not (name or len(figures) > width or width == len(head.columns)):
        return None
    more, scores = figures[: len(figures) - width], figures[len(figures) - width :]
    if len(more) > 1 or not _are_scores(head, scores, bool(name)):
        return None
    name += more
    return _named(" ".join(name), list(zip(head.columns, scores)), line, head.prefix)


def _are_scores(head: Head, figures: list[str], named: bool) -> bool:
    """Whether figures can be scores: a row of whole numbers is one of a matrix, unless they are percentages."""
    scores = [figure for figure, kind in zip(figures, head.columns) if kind in SCORES]
    whole = [each for each in scores if re.fullmatch(r"\d{2,}|[2-9]", each)]
    return not whole or (named and len(whole) == len(scores) and all(float(each) <= 100 for each in whole))


def _row_with_its_name_behind(head: Head, words: list[str], line: int) -> _Row | None:
    """A row of Weka: its class stands after the figures, but the name of an average before them."""
    width = len(head.columns) - 1
    start = next((place for place, word in enumerate(words) if is_value(word) or word == "?"), len(words))
    figures = words[start : start + width]
    name = words[start + width :] or words[:start]
    if len(figures) < width or not all(is_value(figure) or figure == "?" for figure in figures) or not name:
        return None
    return _named(" ".join(name), list(zip(head.columns, figures)), line)


def _support_of_accuracy(figures: list[str]) -> list[tuple[str, str]]:
    """The count after an accuracy; pandas repeats the accuracy in every column."""
    last = figures[-1]
    return [("support", last)] if len(figures) > 1 and last != figures[0] and _is_count(last) else []


def _is_count(token: str) -> bool:
    return token.lower() in ("nan", "-") or (is_number(token) and not re.fullmatch(r"[01]?[.,]\d*[1-9]\d*|.*%", token))


def _named(name: str, tokens: list[tuple[str, str]], line: int, prefix: tuple[str, ...] = ()) -> _Row | None:
    words = name.split()
    if prefix and len(words) > len(prefix) and all(map(_alike, prefix, words)):
        words = words[len(prefix) :]
    name = " ".join(words).strip(" '*:")
    kept = {kind: token for kind, token in tokens if token and kind not in ("other", "class")}
    if found := _AVERAGE.search(name):
        name = f"{found[1].lower()} avg"
    elif re.search(r"\bavg ?/ ?total$", name, re.I):
        name = "weighted avg"
    elif _PLAIN_AVERAGE.fullmatch(name):
        name = "plain avg"
    elif _ACCURACY.fullmatch(name) and name:
        name = "accuracy"
        shares = [token for kind, token in kept.items() if kind in SCORES]
        count = kept.get("support", "")  # pandas repeats the accuracy in this column too
        kept = ({"f1": shares[0]} if shares else {}) | ({"support": count} if count not in ("", *shares[1:]) else {})
    return _Row(name[:60] or "row", kept, line) if kept else None


def _alike(prefix: str, word: str) -> bool:
    """Whether two words are the same prefix of lines: equal, both numbers, dates or marks."""
    marks = re.compile(r"\W*[\d:.,/T-]+\W*Z?|\W+|\[.*|.*\]")
    return prefix == word or bool(marks.fullmatch(prefix) and marks.fullmatch(word))


def _is_like_a_row(head: Head, text: str) -> bool:
    """Whether a line ends in figures, as the rows do, but not in those of this head."""
    words = tokens_of(text, head.commas)[-12:]
    return sum(is_number(word) and not word.isdigit() for word in words) > 1 or "±" in text or "+/-" in text


def _class_row(row: _Row, whole: float) -> ClassRow | None:
    """The row with its scores; None where one of them is no share."""
    scores = {}
    for key in SCORES:
        token = row.tokens.get(key)
        if token is not None and is_number(token):
            scores[key] = read_share(token, whole)
            if scores[key] is None:
                return None
        elif token is not None:
            scores[key] = None
    support = row.tokens.get("support")
    return ClassRow(row.name, scores, count_of(support) if support else None, row.line)
