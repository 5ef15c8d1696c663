"""Reads the tables of torchinfo, torchsummary, fastai and Lightning.

Of torchinfo's rows only those inside a Sequential are sure to follow each other; torchsummary prints the calls of all
modules, but not what each of them gets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fmexplore.checker.layer_kinds import PrintedLayer, Shape, find_kind, find_rank
from fmexplore.checker.summaries import (
    LONGEST_LINE,
    Summary,
    Sums,
    is_elided,
    is_rule,
    plain,
    read_count,
    read_rounded,
    read_sizes,
)

_BRACKETS = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
_INFO_ROW = re.compile(
    r"^(?P<tree>(?:[│|]\s{1,8})*(?:[├└]─+|\+\s))?(?P<type>\w+)(?:\s\((?P<name>[^()\s]*)\))?"
    r"(?::\s?(?P<depth>\d{1,3})(?:-(?P<index>\d{1,6}))?)?(?=\s|$)",
    re.A,
)
_CELL = re.compile(rf"{_BRACKETS}|\(recursive\)|\([\d,]+\)|--|True|False|Partial|\d[\d,.]*%?", re.A)
_TENSOR = re.compile(r"\s[├└]─\d[\d,]*(?:\s|$)")  # a row for one tensor of the layer above
_COLUMN = re.compile(r"Input Shape|Output Shape|Param #|Param %|Kernel Shape|Mult-Adds|Trainable", re.I)
_SUMMARY_ROW = re.compile(
    rf"^\s*(?P<type>[A-Za-z]\w*)-(?P<index>\d{{1,6}})\s+(?P<shape>{_BRACKETS})\s+(?P<count>\d[\d,]*)\s*$", re.A
)
_FASTAI_OLD = re.compile(
    rf"^\s*(?P<type>[A-Z]\w*)\s+(?P<shape>{_BRACKETS}|\d+(?: x \d+)*)\s+(?P<count>\d[\d,]*)"
    r"\s+(?P<trained>True|False)\s*$",
    re.A,
)
_FASTAI_ROW = re.compile(r"^\s*(?P<type>[A-Z]\w*)(?:\s+(?P<count>\d[\d,]*)\s+(?P<trained>True|False))?\s*$", re.A)
_FASTAI_SHAPE = re.compile(r"^\s*(?P<shape>\d+(?: x \d+)+(?: x)?)\s*$", re.A)
_LIGHTNING_ROW = re.compile(
    r"^\s*\d{1,5}\s?[|│]\s?[\w.]+\s*[|│]\s?[A-Z]\w*\s*[|│]\s*\d[\d.,]{0,12}(?:\s[KMBT])?\s*(?:[|│]|$)", re.A
)
_LIGHTNING_HEAD = re.compile(r"^\W*Name\s*[|┃│]\s*Type\s*[|┃│]\s*Params", re.I)
_MOST_FOREIGN = 3


def is_info_head(line: str) -> bool:
    """Whether a line heads the columns of torchinfo, whatever they are."""
    return bool(re.search(r"Layer \(type(?::depth-idx| \(var_name\))", line[:LONGEST_LINE]))


def is_info_row(line: str) -> bool:
    """Whether a line is a row of torchinfo with its branches."""
    found = _INFO_ROW.match(plain(line)) if len(line) <= LONGEST_LINE else None
    return bool(found and found["tree"])


def is_summary_row(line: str) -> bool:
    """Whether a line is a row of torchsummary."""
    return len(line) <= LONGEST_LINE and bool(_SUMMARY_ROW.match(plain(line)))


def is_fastai(lines: Sequence[str], head: int, stop: int) -> bool:
    """Whether the head in that line is that of fastai, by the rows below it."""
    if not re.search(r"Param #\s+Trainable", lines[head][:LONGEST_LINE]):
        return False
    for place in range(head + 1, min(head + 4, stop)):
        line = plain(lines[place])
        if not is_rule(line):
            return bool(_FASTAI_OLD.match(line) or _FASTAI_SHAPE.match(line))
    return False


def is_lightning_head(line: str) -> bool:
    """Whether a line heads the columns of Lightning's summary."""
    return len(line) <= LONGEST_LINE and bool(_LIGHTNING_HEAD.match(line))


def is_lightning_row(line: str) -> bool:
    """Whether a line is a row of Lightning's summary, without the head."""
    return len(line) <= LONGEST_LINE and bool(_LIGHTNING_ROW.match(line))


@dataclass
class _Open:
    """A torchinfo row that others may be inside of."""

    row: int
    in_order: bool  # a Sequential, whose rows follow each other
    last: int | None  # the row inside it that was read last, or the source of the first one
    index: int = 0


def read_info(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """The torchinfo table whose head, or first row, is line `start`; None where it has no rows."""
    head = plain(lines[start])
    headed = "Layer (type" in head
    columns = [name.lower() for name in _COLUMN.findall(head)] if headed else ["output shape", "param #"]
    rows = _InfoRows("depth-idx" in head or not headed, "var_name" in head)
    taken, sums, complete, foreign = [start] if headed else [], Sums(), True, 0
    for place in range(start + headed, stop):
        line = plain(lines[place])
        if is_elided(line):
            complete = complete and not rows.layers
            rows.leaf = None
        elif is_rule(line) or sums.add(line, place) or _TENSOR.search(line):
            taken += [place] if line.strip() else []
        elif not sums and rows.add(line, place, columns):
            foreign = 0
            taken.append(place)
        else:
            foreign += 1
            if foreign >= _MOST_FOREIGN or sums:
                break
    if not rows.layers:
        return None
    layers = tuple(_containers(rows.layers, rows.depths))
    begin = rows.layers[0].input if rows.depths[0] == 0 else None
    return Summary(
        "torch", "torchinfo summary", layers, sums.totals(), begin, complete, own=not headed, lines=tuple(taken)
    )


@dataclass
class _InfoRows:
    """The rows of torchinfo on their way, and what they are inside of."""

    numbered: bool  # the rows have depths and indices
    named: bool  # the rows have names of variables
    layers: list[PrintedLayer] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    parents: dict[int, _Open] = field(default_factory=dict)
    leaf: int | None = None  # the last row that is no container

    def add(self, line: str, place: int, columns: list[str]) -> bool:
        """Whether the line is a row."""
        row = _INFO_ROW.match(line) if len(line) <= LONGEST_LINE else None
        cells = dict(zip(columns, _CELL.findall(line[row.end() :]))) if row else {}
        if not row or not cells or not (row["tree"] or not self.layers):
            return False
        root = not row["tree"]
        depth = 0 if root else int(row["depth"] or 0) or _depth(row["tree"])
        layer = replace(_info_layer(row, cells, place, depth), after=self.leaf, sources=(-1,) if root else None)
        parent = self.parents.get(depth - 1)
        if parent and parent.in_order:
            layer = _in_order(layer, parent, row, self.numbered, self.named)
        self.layers.append(layer)
        self.depths.append(depth)
        if parent:
            parent.last = len(self.layers) - 1
        self.parents = {at: each for at, each in self.parents.items() if at < depth}
        source = layer.sources[0] if layer.sources else None
        self.parents[depth] = _Open(len(self.layers) - 1, row["type"] == "Sequential", source)
        if layer.kind not in ("", "container") or layer.parameters:
            self.leaf = len(self.layers) - 1
        return True


def _depth(tree: str | None) -> int:
    return len(re.findall(r"[│|]", tree or "")) + 1


def _info_layer(row: re.Match[str], cells: dict[str, str], place: int, depth: int) -> PrintedLayer:
    name = f"{row['type']} {row['depth']}-{row['index']}" if row["index"] else row[0][len(row["tree"] or "") :].strip()
    count = cells.get("param #", "")
    number = count.strip("()")
    kind = find_kind(row["type"])
    added = cells.get("mult-adds", "")
    return PrintedLayer(
        name,
        kind,
        _shape(cells.get("output shape", "")),
        read_count(number) if number[:1].isdigit() else 0 if number == "--" and kind else None,
        None,
        _shape(cells.get("input shape", "")),
        kernel=_kernel(cells.get("kernel shape", ""), find_rank(row["type"])),
        counted=number != "recursive",  # its parameters are those of an earlier row
        frozen=count.startswith("("),
        inner=depth > 1,
        line=place,
        rank=find_rank(row["type"]),
        type=row["type"],
        batch=_batch(cells.get("output shape", "")),
        multiplied=read_count(added) if added[:1].isdigit() else None,
        dashed=number == "--",
        depth=depth,
    )


def _in_order(layer: PrintedLayer, parent: _Open, row: re.Match[str], numbered: bool, named: bool) -> PrintedLayer:
    """A row inside a Sequential gets what the row before it there made, unless rows between them may be hidden."""
    index = int(row["index"]) if row["index"] else None
    name = int(row["name"]) if row["name"] and row["name"].isdigit() else None
    at = index if numbered and index is not None else name if named and name is not None else None
    follows = at is not None and (parent.index == 0 or at == parent.index + 1)
    if named and name is not None and numbered and parent.row + 1 and not parent.index:
        follows = follows and name == 0
    parent.index = at if at is not None else parent.index
    return replace(layer, sources=(parent.last,)) if follows and parent.last is not None else layer


def _containers(layers: list[PrintedLayer], depths: list[int]) -> list[PrintedLayer]:
    """A row with rows inside it is a container: a dash says there that those have its parameters."""
    found = []
    for layer, depth, below in zip(layers, depths, [*depths[1:], -1]):
        holds = below > depth or (depth == 0 and len(layers) > 1)
        if holds or layer.kind == "container":
            layer = replace(layer, kind="container", parameters=layer.parameters or None, holds=below > depth)
        found.append(layer)
    return found


def _shape(cell: str) -> Shape | None:
    sizes = read_sizes(cell) if cell.startswith("[") else None
    return sizes[1:] if sizes and 0 not in sizes else None


def _batch(cell: str) -> int | None:
    """The first size of a shape; 1 where only a -1 stands for it."""
    sizes = read_sizes(cell) if cell.startswith("[") else None
    return None if not sizes else 1 if sizes[0] is None else sizes[0]


def _kernel(cell: str, rank: int) -> tuple[int, ...] | None:
    sides = [int(side) for side in re.findall(r"\d{1,4}", cell)]
    if not rank or not sides or 0 in sides:
        return None
    return tuple(sides) if len(sides) == rank else (sides[0],) * rank if len(sides) == 1 else None


def read_torchsummary(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """The torchsummary table whose head, or first row, is line `start`."""
    layers: list[PrintedLayer] = []
    taken, sums, complete, foreign = [], Sums(), True, 0
    for place in range(start, stop):
        line = plain(lines[place])
        if is_rule(line) or "Layer (type)" in line:
            taken += [place] if line.strip() else []
        elif row := _SUMMARY_ROW.match(line):
            foreign = 0
            taken.append(place)
            layers.append(
                PrintedLayer(
                    f"{row['type']}-{row['index']}",
                    find_kind(row["type"]),
                    _shape(row["shape"]),
                    read_count(row["count"]),
                    line=place,
                    rank=find_rank(row["type"]),
                    after=len(layers) - 1 if layers and complete and int(row["index"]) == len(layers) + 1 else None,
                    type=row["type"],
                    batch=_batch(row["shape"]),
                )
            )
            complete = complete and int(row["index"]) == len(layers)
        elif is_elided(line):
            complete = complete and not layers
        elif sums.add(line, place):
            taken.append(place)
        else:
            foreign += 1
            if foreign >= _MOST_FOREIGN or sums:
                break
    if not layers:
        return None
    return Summary("torch", "torchsummary", tuple(layers), sums.totals(), None, complete, lines=tuple(taken))


def read_fastai(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """The table of fastai's `Learner.summary` whose head is line `start`; its rows do not say what they get."""
    layers: list[PrintedLayer] = []
    taken, sums, shape, foreign = [start], Sums(), None, 0
    for place in range(start + 1, stop):
        line = plain(lines[place])
        if is_rule(line):
            taken += [place] if line.strip() else []
            continue
        old = _FASTAI_OLD.match(line)
        if found := _FASTAI_SHAPE.match(line):
            cut = len(found["shape"]) >= 19  # where fastai cuts it
            shape = None if cut else tuple(int(size) for size in re.findall(r"\d{1,9}", found["shape"]))[1:]
        elif (row := old or _FASTAI_ROW.match(line)) and not sums:
            if old:
                sizes = tuple(int(size) for size in re.findall(r"\d{1,9}", old["shape"]))
                shape = sizes if old["shape"].startswith("[") else sizes[1:]
            kind = find_kind(row["type"])
            layers.append(
                PrintedLayer(
                    row["type"],
                    kind,
                    shape or None,
                    read_count(row["count"]) if row["count"] else 0,
                    frozen=row["trained"] == "False",
                    line=place,
                    rank=find_rank(row["type"]),
                    type=row["type"],
                )
            )
            shape = None  # the rows below it need not have it
        elif not sums.add(line, place):
            foreign += 1
            if foreign >= _MOST_FOREIGN or sums:
                break
            continue
        foreign = 0
        taken.append(place)
    if not layers:
        return None
    return Summary("torch", "fastai summary", tuple(layers), sums.totals(), None, lines=tuple(taken))


def read_lightning(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """Lightning's table whose head is line `start`: its numbers of parameters are rounded, its rows top modules."""
    headed = is_lightning_head(lines[start])
    heads = [cell.strip().lower() for cell in re.split("[|┃│]", plain(lines[start]))] if headed else []
    more = heads[heads.index("params") + 1 :] if "params" in heads else ["mode"]
    layers: list[PrintedLayer] = []
    taken, sums, foreign, complete = [start] if headed else [], Sums(), 0, True
    names: set[str] = set()
    for place in range(start + headed, stop):
        line = plain(lines[place])
        if is_rule(line):
            taken += [place] if line.strip() else []
            continue
        parts = [cell.strip() for cell in re.split("[|┃│]", line.strip().strip("|┃│"))]
        if len(parts) >= 4 and re.fullmatch(r"\d{1,5}", parts[0], re.A) and not sums:
            cells = dict(zip(("name", "type", "params", *more), parts[1:]))
            rounded = read_rounded(cells["params"])
            outer = cells["name"].rpartition(".")[0]
            names.add(cells["name"])
            layers.append(
                PrintedLayer(
                    cells["name"],
                    find_kind(cells["type"]),
                    _shape(cells.get("out sizes", "")),
                    rounded[0] if rounded and rounded[0] == rounded[1] else None,
                    None,
                    _shape(cells.get("in sizes", "")),
                    counted=outer not in names,
                    line=place,
                    rank=find_rank(cells["type"]),
                    rounded=rounded,
                    type=cells["type"],
                )
            )
            foreign = 0
            taken.append(place)
        elif is_elided(line):
            complete = False
        elif sums.add(line, place):
            taken.append(place)
        elif re.match(r"^\d[\d,.]*\s+\S", line.strip()) and sums:
            taken.append(place)  # modules in train mode and the like
        else:
            foreign += 1
            if foreign >= _MOST_FOREIGN:
                break
    if not layers:
        return None
    return Summary("torch", "Lightning summary", tuple(layers), sums.totals(), None, complete, lines=tuple(taken))
