"""Reads the tables of torchinfo: of its rows only those inside a Sequential are sure to follow each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fmexplore.checker.layer_kinds import PrintedLayer, find_kind, find_rank
from fmexplore.checker.summaries import (
    BRACKETS,
    LONGEST_LINE,
    MOST_FOREIGN,
    Summary,
    Sums,
    batch_in,
    is_elided,
    is_rule,
    plain,
    read_count,
    shape_in,
)

_INFO_ROW = re.compile(
    r"^(?P<tree>(?:[│|]\s{1,8})*(?:[├└]─+|\+\s))?(?P<type>\w+)(?:\s\((?P<name>[^()\s]*)\))?"
    r"(?::\s?(?P<depth>\d{1,3})(?:-(?P<index>\d{1,6}))?)?(?=\s|$)",
    re.A,
)
_CELL = re.compile(rf"{BRACKETS}|\(recursive\)|\([\d,]+\)|--|True|False|Partial|\d[\d,.]*%?", re.A)
_TENSOR = re.compile(r"\s[├└]─\d[\d,]*(?:\s|$)")  # a row for one tensor of the layer above
_COLUMN = re.compile(r"Input Shape|Output Shape|Param #|Param %|Kernel Shape|Mult-Adds|Trainable", re.I)


def is_info_head(line: str) -> bool:
    """Whether a line heads the columns of torchinfo, whatever they are."""
    return bool(re.search(r"Layer \(type(?::depth-idx| \(var_name\))", line[:LONGEST_LINE]))


def is_info_row(line: str) -> bool:
    """Whether a line is a row of torchinfo with its branches."""
    found = _INFO_ROW.match(plain(line)) if len(line) <= LONGEST_LINE else None
    return bool(found and found["tree"])


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
            if foreign >= MOST_FOREIGN or sums:
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
        shape_in(cells.get("output shape", "")),
        read_count(number) if number[:1].isdigit() else 0 if number == "--" and kind else None,
        None,
        shape_in(cells.get("input shape", "")),
        kernel=_kernel(cells.get("kernel shape", ""), find_rank(row["type"])),
        counted=number != "recursive",  # its parameters are those of an earlier row
        frozen=count.startswith("("),
        inner=depth > 1,
        line=place,
        rank=find_rank(row["type"]),
        type=row["type"],
        batch=batch_in(cells.get("output shape", "")),
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


def _kernel(cell: str, rank: int) -> tuple[int, ...] | None:
    sides = [int(side) for side in re.findall(r"\d{1,4}", cell)]
    if not rank or not sides or 0 in sides:
        return None
    return tuple(sides) if len(sides) == rank else (sides[0],) * rank if len(sides) == 1 else None
