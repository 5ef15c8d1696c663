"""Reads summaries of networks as Keras 2 and 3, torchinfo and torchsummary print them, or written in words.

Knows how they are printed, not what a layer does: that is in `layer_readings`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fmexplore.checker.layer_kinds import PrintedLayer, Style, find_kind
from fmexplore.checker.parse_words import COUNT_IN_WORDS, LONGEST_LINE, NUMBER, read_words, whole
from fmexplore.errors import ConfigError
from fmexplore.models.shapes import Shape

MAX_LAYERS = 400
_TOTALS = re.compile(rf"(total|non-trainable|trainable|optimizer)\s+param(?:eter)?s\s*[:=]?\s*({NUMBER})", re.I)
_KERAS_ROW = re.compile(rf"(?P<name>\S.*?) ?(?P<shape>[\[(]{{1,2}}None[^)]*\)[\])]*|\?|multiple) (?P<count>{NUMBER})")
_TORCH_ROW = re.compile(
    r"^(?P<tree>[\s│├└─|+]*)(?P<type>\w+)(?:\s*\((?P<name>[^)]*)\))?(?::\s*(?P<depth>\d+)-\d+|-\d+)"
)
_CELL = re.compile(r"\[[^\[\]]*\]|\(recursive\)|\([\d,]+\)|--|True|False|Partial|[\d.,]+%?")
_COLUMN = re.compile(r"Input Shape|Output Shape|Param #|Param %|Kernel Shape|Mult-Adds|Trainable", re.I)


@dataclass(frozen=True)
class Summary:
    """The layers of a network as printed, and the totals below them."""

    style: Style
    words: bool  # written in words, where no shapes are printed
    layers: tuple[PrintedLayer, ...]
    total: int | None = None
    trainable: int | None = None
    frozen: int | None = None
    optimizer: int = 0
    lines: tuple[int, ...] = ()  # of the whole text, from 0, that belong to it


def find_summaries(lines: Sequence[str]) -> list[Summary]:
    """The summaries of networks in a text, each with the numbers of its lines; lines of other readers are empty."""
    heads = [place for place, line in enumerate(lines) if re.search(r"Layer \(type", line[:400], re.I)]
    cuts = [0, *heads[1:], len(lines)]
    found = []
    for start, end in pairwise(cuts):
        summary, rest = read_summary("\n".join(lines[start:end]))
        left = Counter(rest.splitlines())
        taken = []
        for place in range(start, end):
            if left[lines[place]] > 0:
                left[lines[place]] -= 1
            else:
                taken.append(place)
        if summary:
            found.append(replace(summary, lines=tuple(taken)))
    return found


def read_summary(text: str) -> tuple[Summary | None, str]:
    """Find the summary of a network in a text.

    Returns:
        The summary, or None; and the text without its lines.

    Raises:
        ConfigError: it has more than 400 layers.
    """
    for read in (_read_boxed, _read_torch, _read_keras, read_words):
        layers, rest, style = read(text)
        if len(layers) > MAX_LAYERS:
            raise ConfigError(f"The summary has {len(layers):,} layers: at most {MAX_LAYERS} are checked, give a part.")
        if layers:
            break
    else:
        return None, text
    words = read is read_words
    sums, kept = _read_sums(rest, words)
    if read is _read_torch:
        kept = [line for line in kept if not re.search(r"\bmult-adds|\(MB\)|^=+$|^-+$", line)]
    summary = Summary(
        style,
        words,
        tuple(_without_assumed_order(layers, text)),
        sums.get("total"),
        sums.get("trainable"),
        sums.get("non-trainable"),
        sums.get("optimizer", 0),
    )
    return summary, "\n".join(kept)


def _read_sums(lines: list[str], words: bool) -> tuple[dict[str, int], list[str]]:
    """The first number of each sum, and the lines that hold none of the usual ones."""
    sums: dict[str, int] = {}
    kept = []
    for line in lines:
        if found := _TOTALS.search(line[:LONGEST_LINE]):
            sums.setdefault(found[1].lower(), whole(found[2]))
        else:
            kept.append(line)
    for line in kept if words else ():
        for found in COUNT_IN_WORDS.finditer(line[:LONGEST_LINE]):
            sums.setdefault("total", whole(found[1] or found[2]))
    return sums, kept


def _without_assumed_order(layers: list[PrintedLayer], text: str) -> list[PrintedLayer]:
    """A subclass of Keras' Model prints its layers as they were made, which need not follow each other."""
    named = re.search(r'^Model: "(?!sequential|functional|model)', text, re.M)
    if named and all(layer.sources == (place - 1,) for place, layer in enumerate(layers)):
        return [replace(layer, sources=None) for layer in layers]
    return layers


def _read_boxed(text: str) -> tuple[list[PrintedLayer], list[str], Style]:
    """Keras 3: cells between │, which go on in lines whose parameter cell is empty."""
    rows: list[list[str]] = []
    rest: list[str] = []
    column = 0  # that says what a layer reads
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃|]", line)[1:-1]] if line.strip()[:1] in "│┃|" else []
        if 3 <= len(cells) <= 5 and len(line) <= LONGEST_LINE and not _TORCH_ROW.match(line):
            if any("Param" in cell for cell in cells):
                rows.append([])
                column = next((place for place, cell in enumerate(cells) if "Connected" in cell), 0)
            elif cells[2] and (rows or "(None" in cells[1]):
                rows.append(cells)
            elif rows and len(rows[-1]) == len(cells):
                rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells)]
            continue
        if set(line.strip()) - set("━─┏┓┡┩├┤└┘┳╇┼┴│+=-_ "):
            rest.append(line)
    layers: list[PrintedLayer] = []
    for row in (row for row in rows if row):
        reads = row[column] if column and column < len(row) else ""
        layers.append(_keras_layer(row[0], row[1], row[2], layers, reads, column > 0))
    return layers, rest, "keras"


def _read_keras(text: str) -> tuple[list[PrintedLayer], list[str], Style]:
    """Keras 2, and Keras 3 without its lines: name (Type), (None, ...) and a count; names may go on below."""
    found: list[list[str]] = []
    rest: list[str] = []
    connected = inside = False
    for line in text.splitlines():
        if len(line) > LONGEST_LINE:
            rest.append(line)
            continue
        connected = connected or "Connected to" in line
        plain = " ".join(line.split())
        if row := _KERAS_ROW.match(plain):
            found.append([row["name"], row["shape"], row["count"], plain[row.end() :].strip()])
            inside = True
        elif inside and found[-1][0].count("(") > found[-1][0].count(")") and re.match(r"\s*\w+\)", line):
            found[-1][0] += line.strip().split(")")[0] + ")"
        elif inside and re.match(r"[\s'\[]*[\w/]+\[\d", line):
            found[-1][3] += " " + line.strip()
        elif _TOTALS.search(line) or not re.fullmatch(r"[\s=_─━-]*|.*Layer \(type\).*", line):
            inside = inside and not _TOTALS.search(line)
            rest.append(line)
    layers: list[PrintedLayer] = []
    for name, shape, count, reads in found:
        layers.append(_keras_layer(name, shape, count, layers, reads, connected))
    return layers, rest, "keras"


def _keras_layer(
    name: str, shape: str, count: str, earlier: list[PrintedLayer], reads: str, connected: bool
) -> PrintedLayer:
    own, _, kind = name.partition("(")
    own = own.strip().lstrip("└ ")
    inner = name.lstrip("│ ").startswith("└")
    sizes = [int(size) for size in re.findall(r"\d{1,7}", shape)] if shape.count("None") == 1 else []
    output: Shape | None = tuple(sizes) if sizes and min(sizes) > 0 else None
    if output and len(output) == 3:
        output = (output[2], output[0], output[1])
    sources: tuple[int, ...] | None = (len(earlier) - 1,)
    if connected:
        names = [
            re.split(r"\[", each)[0] for each in re.sub(r"['\[]*(\w[^\s,]*)", r"\1", reads.replace(",", " ")).split()
        ]
        places = [_place(each.strip("'[]"), earlier) for each in names if each != "-"]
        known = [place for place in places if place is not None]
        sources = tuple(known) if known and len(known) == len(places) else None
    elif inner or (earlier and earlier[-1].inner):
        outer = [place for place, layer in enumerate(earlier) if not layer.inner]
        sources = None if inner else (outer[-1] if outer else -1,)
    number = re.match(NUMBER, count)
    built = number and "unbuilt" not in count
    return PrintedLayer(
        own or "layer",
        find_kind(kind.replace(" ", "").rstrip(")")),
        output,
        whole(number[0]) if built else None,
        sources,
        counted=not inner,
        inner=inner,
    )


def _place(name: str, earlier: list[PrintedLayer]) -> int | None:
    """The one earlier row of that name, either of which may be cut short."""
    exact = [place for place, layer in enumerate(earlier) if layer.name == name]
    stem = name.rstrip("…")
    near = [
        place
        for place, layer in enumerate(earlier)
        if (name != stem and layer.name.startswith(stem))
        or (layer.name[-1:] == "…" and stem.startswith(layer.name[:-1]))
    ]
    found = exact or near
    return found[0] if len(found) == 1 else None


def _read_torch(text: str) -> tuple[list[PrintedLayer], list[str], Style]:
    """torchinfo and torchsummary: Type: depth-index, then cells in the order that the head names."""
    layers: list[PrintedLayer] = []
    rest: list[str] = []
    columns, chain, open_rows = ["output shape", "param #"], False, {0: -1}
    parents: dict[int, bool] = {}  # whether the rows of that depth follow each other
    last: dict[int, int] = {}
    for line in text.splitlines():
        if re.search(r"Layer \(type", line) and len(line) < LONGEST_LINE:
            columns = [name.lower() for name in _COLUMN.findall(line)] or columns
            continue
        row = _TORCH_ROW.match(line) if len(line) <= LONGEST_LINE else None
        cells = dict(zip(columns, _CELL.findall(line[row.end() :]))) if row else {}
        if not row or not cells.get("output shape", "--").startswith(("[", "--")) or "param #" not in cells:
            chain = chain or bool(re.match(r"Sequential\b.*\[", line))
            parents[1] = chain
            root = re.match(r"(\w+)(?: \(\w+\))?\s+(?=(?:--\s+)?\[[\d, -]*\])", line)
            own = dict(zip(columns, _CELL.findall(line[root.end() :]))).get("param #", "") if root else ""
            if own[:1].isdigit() and root:  # parameters outside its layers
                layers.append(PrintedLayer(root[1], "container", parameters=whole(own)))
            if not root:
                rest.append(line)
            continue
        depth = int(row["depth"] or 1)
        follows = parents.get(depth, chain)
        before = last.get(depth, open_rows.get(depth - 1, -1))
        number = cells["param #"].strip("()")
        layer = PrintedLayer(
            f"{row['type']} {row[0].rpartition(':')[2].strip()}" if row["depth"] else row[0].strip(),
            find_kind(row["type"]),
            _torch_shape(cells["output shape"]),
            whole(number) if number[:1].isdigit() else (0 if number == "--" else None),
            (before,) if follows else None,
            _torch_shape(cells.get("input shape", "")),
            kernel=_kernel(cells.get("kernel shape", "")),
            counted=number != "recursive",  # its parameters are those of an earlier row
            frozen=cells["param #"].startswith("("),
            inner=depth > 1,
        )
        for deeper in [each for each in last if each > depth]:
            del last[deeper]
        parents[depth + 1] = row["type"] == "Sequential" and follows
        open_rows[depth], last[depth] = before, len(layers)
        layers.append(layer)
    return layers, rest, "torch"


def _torch_shape(cell: str) -> Shape | None:
    sizes = [int(size) for size in re.findall(r"\d{1,7}", cell.replace("-1", "1", 1))][1:]
    return tuple(sizes) if cell.startswith("[") and sizes and min(sizes) > 0 else None


def _kernel(cell: str) -> tuple[int, int] | None:
    sides = [int(side) for side in re.findall(r"\d{1,3}", cell)]
    return (sides[0], sides[1]) if len(sides) == 2 else (sides[0], sides[0]) if len(sides) == 1 else None
