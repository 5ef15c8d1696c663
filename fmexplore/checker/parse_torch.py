"""Reads the tables of torchsummary, fastai and Lightning.

torchsummary prints the calls of all modules, but not what each of them gets.
"""

import re
from collections.abc import Sequence

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
    read_rounded,
    shape_in,
)

_SUMMARY_ROW = re.compile(
    rf"^\s*(?P<type>[A-Za-z]\w*)-(?P<index>\d{{1,6}})\s+(?P<shape>{BRACKETS})\s+(?P<count>\d[\d,]*)\s*$", re.A
)
_FASTAI_OLD = re.compile(
    rf"^\s*(?P<type>[A-Z]\w*)\s+(?P<shape>{BRACKETS}|\d+(?: x \d+)*)\s+(?P<count>\d[\d,]*)"
    r"\s+(?P<trained>True|False)\s*$",
    re.A,
)
_FASTAI_ROW = re.compile(r"^\s*(?P<type>[A-Z]\w*)(?:\s+(?P<count>\d[\d,]*)\s+(?P<trained>True|False))?\s*$", re.A)
_FASTAI_SHAPE = re.compile(r"^\s*(?P<shape>\d+(?: x \d+)+(?: x)?)\s*$", re.A)
_LIGHTNING_ROW = re.compile(
    r"^\s*\d{1,5}\s?[|│]\s?[\w.]+\s*[|│]\s?[A-Z]\w*\s*[|│]\s*\d[\d.,]{0,12}(?:\s[KMBT])?\s*(?:[|│]|$)", re.A
)
_LIGHTNING_HEAD = re.compile(r"^\W*Name\s*[|┃│]\s*Type\s*[|┃│]\s*Params", re.I)


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
                    shape_in(row["shape"]),
                    read_count(row["count"]),
                    line=place,
                    rank=find_rank(row["type"]),
                    after=len(layers) - 1 if layers and complete and int(row["index"]) == len(layers) + 1 else None,
                    type=row["type"],
                    batch=batch_in(row["shape"]),
                )
            )
            complete = complete and int(row["index"]) == len(layers)
        elif is_elided(line):
            complete = complete and not layers
        elif sums.add(line, place):
            taken.append(place)
        else:
            foreign += 1
            if foreign >= MOST_FOREIGN or sums:
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
            if foreign >= MOST_FOREIGN or sums:
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
                    shape_in(cells.get("out sizes", "")),
                    rounded[0] if rounded and rounded[0] == rounded[1] else None,
                    None,
                    shape_in(cells.get("in sizes", "")),
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
            if foreign >= MOST_FOREIGN:
                break
    if not layers:
        return None
    return Summary("torch", "Lightning summary", tuple(layers), sums.totals(), None, complete, lines=tuple(taken))
