"""Reads summaries as Keras 1 to 3 print them: wrapped, boxed, nested, with and without a column of inputs."""

import re
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from fmexplore.checker.layer_kinds import PrintedLayer, Shape, find_kind, find_rank
from fmexplore.checker.summaries import (
    LONGEST_LINE,
    MOST_FOREIGN,
    Summary,
    Sums,
    is_elided,
    is_rule,
    plain,
    read_count,
    read_sizes,
)

_SIZES = r"(?:None|\d+)?(?:, ?(?:None|\d+))*,? ?"
_TREE = " \t|│└├─+"
_ROW = re.compile(
    rf"^(?P<name>[^\s(|│]+)? ?\((?P<type>(?:[A-Za-z][\w.>]*…?)?) ?(?P<closed>\))? ?"
    rf"(?P<shape>\[?\({_SIZES}\)\]?(?!\s*,)|\[\([^\]]{{0,200}}\]?(?= \d)|multiple\b|\?|unknown\b|--|"
    rf"(?P<cut>\[?\({_SIZES})) ?(?<=[\s)\]e?n-])(?P<count>\d[\d,._'’]*(?: \d{{3}})*)(?![\w.])(?P<rest>.*)$",
    re.A,
)
_HEAD = re.compile(r"Layer\s*\((?:type|name)\)", re.I)
_MODEL = re.compile(r'^\W*Model:\s*"?([\w./ -]{1,80}?)"?\s*$')
_IN_ORDER = re.compile(r"(?:sequential|functional|model)(?:_\d+)?", re.I)
_NODE = re.compile(r"(?<![\w./:+-])([\w./:+-]+(?: [\w./-]+)?…?)\[(\d+)…?\]?(?:\[(\d+)…?\]?)?")


@dataclass
class _Row:
    name: str
    type: str
    shape: str
    count: str
    line: int
    inner: bool
    reads: str = ""
    trained: str = ""
    open_type: bool = False
    wrapped: bool = False  # the shape is cut short, or goes on in a line below
    gap: bool = False  # lines above it were not understood, or stand for rows that are left out


@dataclass
class _Table:
    """A summary on its way."""

    model: str = ""
    headed: bool = True  # else rows above can be missing
    connected: bool = False
    complete: bool = True
    gap: bool = False
    rows: list[_Row] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    taken: list[int] = field(default_factory=list)


def is_keras_head(line: str) -> bool:
    """Whether a line heads the columns of a Keras summary, or could."""
    return bool(_HEAD.search(line[:LONGEST_LINE])) and bool(re.search(r"Output|Param", line[:LONGEST_LINE]))


def is_keras_row(line: str) -> bool:
    """Whether a line is a row of a Keras summary without a box."""
    return "(" in line and len(line) <= 2 * LONGEST_LINE and _match(plain(line)) is not None


def _match(line: str) -> re.Match[str] | None:
    """The parts of a row, with single spaces, without bars and the branches that show what it is inside of."""
    return _ROW.match(" ".join(re.sub("[|│┃]", " ", line.lstrip(_TREE)).split()))


def read_keras(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """The summary whose head, or first row, is line `start`; None where no row follows. It ends before line `stop`."""
    table = _Table()
    for place in range(max(start - 4, 0), start):
        if found := _MODEL.match(plain(lines[place])):
            table.model = found[1]
            table.taken.append(place)
    head = plain(lines[start])
    table.headed = is_keras_head(head)
    bars = [bar for bar in "┃│|" if head.count(bar) > 1]
    if bars and table.headed:
        _read_boxed(lines, start, stop, table)
    else:
        _read_plain(lines, start, stop, table)
    return _summary(table) if table.rows else None


def _cells(line: str) -> list[str]:
    return [cell.strip(" `*") for cell in re.split("[│┃|]", line.strip().strip("│┃|"))]


def _read_boxed(lines: Sequence[str], start: int, stop: int, table: _Table) -> None:
    """Cells between bars, which go on in lines whose cell of parameters is empty."""
    head = [cell.lower() for cell in _cells(plain(lines[start]))]
    column = {
        what: next((at for at, cell in enumerate(head) if cell.startswith(beginning)), None)
        for what, beginning in (("shape", "output"), ("count", "param"), ("reads", "conn"), ("trained", "trai"))
    }
    table.connected = column["reads"] is not None
    table.taken.append(start)
    foreign = 0
    cells: list[list[str]] = []
    places: list[int] = []
    gaps: list[int] = []
    for place in range(start + 1, stop):
        line = plain(lines[place])
        if is_rule(line):
            table.taken += [place] if line.strip() else []
            continue
        row = _cells(line) if line.strip()[0] in "│┃|" and len(line) <= LONGEST_LINE else []
        if len(row) == len(head):
            foreign = 0
            table.taken.append(place)
            count = row[column["count"]] if column["count"] is not None else ""
            if is_elided(line):
                table.complete, table.gap = False, True
            elif count or not cells:
                cells.append(row)
                places.append(place)
                gaps += [place] if table.gap else []
                table.gap = False
            else:
                cells[-1] = [f"{old} {new}".strip() for old, new in zip(cells[-1], row)]
            continue
        if table.sums.add(line, place):
            table.taken.append(place)
            continue
        foreign, table.gap = foreign + 1, True
        if foreign >= MOST_FOREIGN or table.sums:
            break
    for row, place in zip(cells, places):
        values = {what: row[at] if at is not None else "" for what, at in column.items()}
        name, _, kind = re.sub(r"^[\s│└├─|]+", "", row[0]).partition("(")
        table.rows.append(
            _Row(
                name.strip(),
                re.sub(r"[\s)]", "", kind) if ")" in kind or "…" in kind else f"{kind}…" if kind else "",
                values["shape"],
                values["count"],
                place,
                row[0].startswith(("└", "│", "├")) or "└" in lines[place][:12],
                values["reads"],
                values["trained"],
                gap=place in gaps,
            )
        )


def _read_plain(lines: Sequence[str], start: int, stop: int, table: _Table) -> None:
    """Rows of name (Type), a shape and a count; each of them may go on in the line below."""
    foreign = 0
    for place in range(start, stop):
        line = plain(lines[place])
        if len(line) > LONGEST_LINE:
            break
        if is_rule(line):
            table.taken += [place] if line.strip() else []
            continue
        if place == start and is_keras_head(line):
            table.connected = bool(re.search(r"Conn?ect", line))
            table.taken.append(place)
            continue
        if found := _match(line):
            if table.sums:
                break  # of another summary
            foreign = 0
            table.taken.append(place)
            table.rows.append(_row(found, line, place))
            table.rows[-1].gap, table.gap = table.gap, False
            continue
        if is_elided(line) and table.rows:
            table.complete, table.gap = False, True
            table.taken.append(place)
        elif (table.rows and not table.sums and _continue_row(table.rows[-1], line)) or table.sums.add(line, place):
            table.taken.append(place)
        else:
            foreign, table.gap = foreign + 1, bool(table.rows)
            if foreign >= MOST_FOREIGN or table.sums:
                break


def _row(found: re.Match[str], line: str, place: int) -> _Row:
    rest = found["rest"].strip(" |│")
    trained = re.search(r"(?:^|\s)([YN])(?=\s|$)", rest)
    return _Row(
        found["name"] or "layer",
        found["type"],
        found["shape"],
        found["count"],
        place,
        bool(re.match(r"\s*[|│└├+]", line)),
        rest if "[" in rest else "",
        trained[1] if trained else "",
        open_type=not found["closed"],
        wrapped=found["cut"] is not None,
    )


def _continue_row(row: _Row, line: str) -> bool:
    """Add what a line below says to a row; whether it says anything."""
    text = line.strip(" |│")
    found = re.match(r"([\w…]{0,40})\)(?:\s|$)", text)
    if found and row.open_type:
        row.type, row.open_type, text = row.type + found[1], False, text[found.end() :].strip()
        more = re.match(r"\d*\)", text)
        if row.wrapped and more:
            row.shape += more[0]
        if "[" in text:
            row.reads += " " + text
        return True
    if row.wrapped and (found := re.match(r"(?:,\s*)?[\d, ]{0,40}\)?\s*\)?(?=\s|$)", text)) and found[0].strip():
        row.shape += found[0].strip()
        if "[" in text:
            row.reads += " " + text[found.end() :]
        return True
    if re.match(r"['\[]*[\w./:-]+\[\d", text):
        row.reads += " " + text
        return True
    if "]" in text and not set(text) - set("[]'0123456789, )"):
        return True  # the end of a cell
    return bool(re.fullmatch(r"[\w…]{1,30}\)?", text)) and len(line) - len(line.lstrip()) < 3 and row.open_type


def _summary(table: _Table) -> Summary:
    layers: list[PrintedLayer] = []
    names = _Names()
    in_order = not table.model or bool(_IN_ORDER.fullmatch(table.model))
    connected = table.connected or any(_NODE.search(row.reads) for row in table.rows)
    nested = not all(row.inner for row in table.rows)  # else the bars are those of a box
    outer, within = -1, None  # the last row outside others, and inside the one above
    for row in table.rows:
        kind = find_kind(f"{row.type}…" if row.open_type else row.type)
        built = "unbuilt" not in row.count
        row.inner = row.inner and nested
        sources: tuple[int, ...] | None = None
        after = outer if outer >= 0 else None
        if row.inner:
            after = within
        elif kind == "input":
            sources = ()
        elif connected:
            sources = _sources(row.reads, names)
        elif in_order and not row.gap:
            sources = (outer,)
        layers.append(
            PrintedLayer(
                row.name or "layer",
                kind,
                _shape(row),
                read_count(row.count) if built else None,
                sources,
                counted=not row.inner,
                inner=row.inner,
                frozen=row.trained == "N",
                line=row.line,
                rank=find_rank(row.type),
                after=None if connected or row.gap else after,
                type=row.type,
            )
        )
        if row.inner:
            within = len(layers) - 1
        else:
            outer, within = len(layers) - 1, None
            names.add(row.name, outer)
    lines = tuple(sorted({*table.taken}))
    return Summary(
        "keras",
        "Keras summary",
        tuple(layers),
        table.sums.totals(),
        complete=table.complete and not any(row.gap for row in table.rows),
        own=not (table.headed and (in_order or connected)),
        assumed=not table.model and not connected,
        lines=lines,
    )


def _shape(row: _Row) -> Shape | None:
    """Without the batch. Of a shape that goes on below only the channels are sure."""
    if row.wrapped:
        whole = read_sizes(row.shape) if row.shape.endswith(")") else None
        return (*(None for _ in whole[1:-1]), whole[-1]) if whole and len(whole) > 1 else None
    text = re.sub(r"(?<=\d) (?=\d)", "", row.shape)
    if "…" in text or not re.match(r"\[?\(", text):
        return None
    sizes = read_sizes(text)
    return sizes[1:] if sizes and 0 not in sizes else None


class _Names:
    """The rows by their names, any of which may be cut short or occur twice."""

    def __init__(self) -> None:
        self._rows: dict[str, int | None] = {}
        self._cut: dict[str, int | None] = {}
        self._sorted: list[str] = []

    def add(self, name: str, row: int) -> None:
        """Remember the name of a row."""
        if name in self._rows:
            self._rows[name] = None
            return
        self._rows[name] = row
        if name.endswith("…"):
            self._cut[name[:-1]] = row
        else:
            insort(self._sorted, name)

    def find(self, name: str) -> int | None:
        """The one row of that name."""
        if name in self._rows:
            return self._rows[name]
        if name.endswith("…"):
            stem = name[:-1]
            at = bisect_left(self._sorted, stem)
            near = [each for each in self._sorted[at : at + 2] if each.startswith(stem)]
            return self._rows[near[0]] if len(near) == 1 else None
        stems = [name[:end] for end in range(1, len(name) + 1) if name[:end] in self._cut]
        return self._cut[stems[0]] if len(stems) == 1 else None


def _sources(reads: str, names: _Names) -> tuple[int, ...] | None:
    """The rows that a cell of the last column names; None where one of them is not known."""
    nodes = _NODE.findall(reads.replace("'", " "))
    places = [names.find(name.strip()) if tensor in ("", "0") else None for name, _, tensor in nodes]
    known = tuple(place for place in places if place is not None)
    whole = "…" not in re.sub(r"\[\d*…?\]?(?:\[\d*…?\]?)?", "", reads) and " ..." not in reads
    return known if known and len(known) == len(places) and whole else None
