"""Reads what PyTorch prints of a module: its parts with their arguments, one inside the other.

Only the parts of a Sequential are sure to follow each other. Their parameters follow from the arguments.
"""

import ast
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fmexplore.checker.layer_kinds import WITHOUT_PARAMETERS, PrintedLayer, find_kind, find_rank
from fmexplore.checker.summaries import LONGEST_LINE, Summary, Sums, Totals, is_rule, plain

MOST_DEPTH = 200
_PART = re.compile(
    r"^(?:\((?P<name>[^()\s]*)\):\s?)?(?:\((?P<span>\d+-\d+)\):\s)?(?:(?P<copies>\d{1,4}) x )?"
    r"(?P<type>[A-Za-z_][\w.]*)\((?P<arguments>.*)$",
    re.A,
)
_OPENS = re.compile(r"^\W{0,4}(?:[\w.]+\s?[:=]\s?)?(?P<type>[A-Z]\w*)\($", re.A)
_STATED = re.compile(
    r"(?:parameters?|params)\b\D{0,40}?(?P<after>\d[\d,]{2,18})(?![\d.])"
    r"|(?<![\d.,])(?P<before>\d[\d,]{2,18})\s+(?:total\s+|trainable\s+)*param",
    re.I | re.A,
)


@dataclass
class _Open:
    in_order: bool
    last: int | None  # the row that made what the next part gets; -1: the input of the network
    known: bool  # whether that is known
    row: int


def opens_module(lines: Sequence[str], place: int) -> bool:
    """Whether a module's print begins in that line."""
    line = plain(lines[place])
    if len(line) > 200 or not _OPENS.match(line) or place + 1 >= len(lines):
        return False
    below = plain(lines[place + 1]).strip()
    found = _PART.match(below) if len(below) <= LONGEST_LINE else None
    return bool(found and (found["name"] is not None or found["span"]))


def read_modules(lines: Sequence[str], start: int, stop: int) -> Summary | None:
    """The module that is printed from line `start` on."""
    root = _OPENS.match(plain(lines[start]))
    if not root:
        return None
    tree = _Tree([_Open(root["type"] == "Sequential", -1, True, -1)])
    taken = [start]
    for place in range(start + 1, stop):
        if not tree.stack or not tree.add(plain(lines[place]), place):
            break
        taken.append(place)
    if not tree.layers:
        return None
    totals = _read_totals(lines, taken[-1] + 1, stop)
    taken += totals.lines
    return Summary(
        "torch", "PyTorch module", tuple(tree.layers), totals, None, complete=not tree.stack, lines=tuple(taken)
    )


@dataclass
class _Tree:
    """The parts of a module on their way, and those that are still open."""

    stack: list[_Open]
    layers: list[PrintedLayer] = field(default_factory=list)

    def add(self, line: str, place: int) -> bool:
        """Whether the line is a part, or the end of one."""
        text = line.strip()
        found = _PART.match(text) if len(line) <= LONGEST_LINE else None
        if text in (")", "),"):
            closed = self.stack.pop()
            if self.stack and closed.row >= 0:
                above = self.stack[-1]
                above.last, above.known = (closed.last, closed.known) if closed.in_order else (None, False)
        elif found and (found["name"] is not None or found["span"]):
            self._add_part(found, place)
        else:
            return not text or is_rule(line)
        return True

    def _add_part(self, found: re.Match[str], place: int) -> None:
        kind, parent, inner = find_kind(found["type"]), self.stack[-1], len(self.stack) > 1
        known = parent.in_order and parent.known and parent.last is not None
        if found["arguments"] == "" and len(self.stack) < MOST_DEPTH:
            self.layers.append(_container(found, kind, place, inner))
            in_order = found["type"] == "Sequential" and not found["copies"]
            self.stack.append(_Open(in_order, parent.last if known else None, known, len(self.layers) - 1))
            return
        values = _read_arguments(found["arguments"].rstrip(",").removesuffix(")"))
        sources = (parent.last,) if known and parent.last is not None else None
        self.layers.append(replace(_layer(found, kind, place, values, sources), inner=inner))
        parent.last, parent.known = len(self.layers) - 1, not found["copies"]


def _read_totals(lines: Sequence[str], start: int, stop: int) -> Totals:
    """What is said of the number of parameters in the lines below."""
    sums = Sums()
    for place in range(start, min(start + 8, stop)):
        line = plain(lines[place])
        if opens_module(lines, place) or re.search(r"Layer \(type", line):
            break
        if sums.add(line, place):
            continue
        if found := _STATED.search(line[:300]):
            total = int((found["after"] or found["before"]).replace(",", ""))
            return replace(sums.totals(), total=total, lines=(place,))
    return sums.totals()


def _name(found: re.Match[str]) -> str:
    return f"{found['type']} {found['span'] or found['name'] or ''}".strip()


def _container(found: re.Match[str], kind: str, place: int, inner: bool) -> PrintedLayer:
    """A module of others; its own parameters, if it has any, are not printed."""
    plain_one = kind == "container"
    return PrintedLayer(
        _name(found),
        "container" if plain_one else "",
        calculated=0 if plain_one else None,
        inner=inner,
        line=place,
        type=found["type"],
        counted=not found["copies"],
    )


def _layer(
    found: re.Match[str],
    kind: str,
    place: int,
    values: dict[str | int, object] | None,
    sources: tuple[int, ...] | None,
) -> PrintedLayer:
    rank = find_rank(found["type"])
    layer = PrintedLayer(_name(found), kind, sources=sources, line=place, rank=rank, type=found["type"])
    if kind in WITHOUT_PARAMETERS and kind != "pool":
        return replace(layer, calculated=0)
    if values is None:
        return layer
    read = _ARGUMENTS.get(kind)
    return read(layer, values) if read else layer


_Values = dict[str | int, object]


def _read_arguments(text: str) -> _Values | None:
    """Arguments by name, or by place those without one; None where they are no Python."""
    if len(text) > LONGEST_LINE:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # such as for 1and
            call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(call, ast.Call):
        return None
    values: _Values = {}
    for name, node in [*enumerate(call.args), *((each.arg or "", each.value) for each in call.keywords)]:
        try:
            values[name] = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            values[name] = None
    return values


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9 else None


def _sides(value: object, rank: int, least: int = 1) -> tuple[int, ...] | None:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**6:
        return (value,) * max(rank, 1)
    if isinstance(value, tuple) and 1 <= len(value) <= 3:
        sides = tuple(each for each in value if isinstance(each, int) and least <= each < 10**6)
        return sides if len(sides) == len(value) else None
    return None


def _convolution(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    channels, filters = _whole(values.get(0)), _whole(values.get(1))
    kernel = _sides(values.get("kernel_size", values.get(2)), layer.rank)
    groups = _whole(values.get("groups", 1))
    if channels is None or filters is None or kernel is None or groups is None:
        return layer
    bias = values.get("bias", True) is not False
    count = filters * channels * math.prod(kernel) // groups + bias * filters
    padding = values.get("padding", 0)
    return replace(
        layer,
        units=filters,
        channels=channels,
        kernel=kernel,
        stride=_sides(values.get("stride", values.get(3, 1)), layer.rank),
        padding=padding if isinstance(padding, str) else _sides(padding, layer.rank, 0),
        dilation=_sides(values.get("dilation", 1), layer.rank),
        groups=groups,
        bias=bias,
        calculated=count,
    )


def _linear(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    width = _whole(values.get("in_features", values.get(0)))
    units = _whole(values.get("out_features", values.get(1)))
    if width is None or units is None:
        return layer
    bias = values.get("bias", True) is not False
    return replace(layer, units=units, channels=width, bias=bias, calculated=(width + bias) * units)


def _norm(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    channels = _whole(values.get("num_features", values.get(0)))
    affine = values.get("affine", layer.kind != "instance_norm") is not False
    if channels is None:
        return layer
    if layer.type.lower().startswith("frozen"):
        affine = False
    return replace(layer, channels=channels, calculated=2 * channels * affine)


def _layer_norm(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    shape = _sides(values.get("normalized_shape", values.get(0)), 1)
    if shape is None:
        return layer
    each = 0 if values.get("elementwise_affine", True) is False else 1 if layer.type.startswith("RMS") else 2
    if each == 2 and values.get("bias", True) is False:
        each = 1
    return replace(layer, calculated=each * math.prod(shape))


def _group_norm(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    channels = _whole(values.get("num_channels", values.get(1)))
    if channels is None:
        return layer
    return replace(layer, channels=channels, calculated=2 * channels * (values.get("affine", True) is not False))


def _embedding(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    entries, size = _whole(values.get(0)), _whole(values.get(1))
    return replace(layer, units=size, calculated=entries * size) if entries and size else layer


def _recurrent(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    width, hidden, depth = _whole(values.get(0)), _whole(values.get(1)), _whole(values.get("num_layers", 1))
    if width is None or hidden is None or depth is None or "proj_size" in values or depth > 1000:
        return layer
    ways = 2 if values.get("bidirectional") is True else 1
    biases = 0 if values.get("bias", True) is False else 2
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[layer.kind]
    first = gates * hidden * (width + hidden + biases)
    later = gates * hidden * (ways * hidden + hidden + biases)
    return replace(layer, channels=width, calculated=ways * (first + (depth - 1) * later))


def _prelu(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    return replace(layer, calculated=_whole(values.get("num_parameters", values.get(0, 1))))


def _pool(layer: PrintedLayer, values: _Values) -> PrintedLayer:
    kernel = _sides(values.get("kernel_size", values.get(0)), layer.rank)
    if kernel is None or values.get("ceil_mode") is True:
        return replace(layer, calculated=0)
    stride = _sides(values.get("stride", values.get(1)), layer.rank) or kernel
    padding = _sides(values.get("padding", values.get(2, 0)), layer.rank, 0)
    dilation = _sides(values.get("dilation", 1), layer.rank)
    return replace(layer, kernel=kernel, stride=stride, padding=padding, dilation=dilation, calculated=0)


_ARGUMENTS = {
    "conv": _convolution,
    "transposed": _convolution,
    "dense": _linear,
    "batch_norm": _norm,
    "instance_norm": _norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
    "lstm": _recurrent,
    "gru": _recurrent,
    "rnn": _recurrent,
    "prelu": _prelu,
    "pool": _pool,
}
