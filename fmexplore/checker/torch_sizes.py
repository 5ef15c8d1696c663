"""What torchinfo and torchsummary print of the sizes of outputs and of multiplications, recomputed from their rows.

torchinfo adds up the outputs of all modules that have parameters and no modules inside, torchsummary those of all rows;
both count them twice, as gradients are as large. The rules fire only where no version of the library, no type of
numbers and no row that may be left out gives what is printed.
"""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fmexplore.checker.layer_kinds import PrintedLayer, known, product
from fmexplore.checker.results import Finding
from fmexplore.checker.summaries import Shown, Summary

AGAIN = 1.5  # a part of the network that is used again, and whose rows are left out, would make at least so much more
_TINY = 1e-9
_LEAVES = {
    *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear", "Bilinear"),
    *("Embedding", "EmbeddingBag", "LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell", "PReLU", "RMSNorm"),
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "LayerNorm", "LayerNorm2d", "GroupNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
}
_HALVED = {"conv", "transposed", "dense", "lstm", "gru", "rnn"}  # what automatic mixed precision computes in 16 bits
_SIZES = (1, 2, 4, 8, 16)  # bytes of a number
_UNITS = (1e6, 1024.0**2)  # bytes of a megabyte, in newer and older versions


def check_sizes(summary: Summary) -> list[Finding]:
    """What each rule finds; one that lacks a printed number finds nothing."""
    if summary.form == "torchsummary":
        found = [*_parts(summary), *_outputs_of_torchsummary(summary)]
    elif summary.form == "torchinfo summary":
        found = [*_parts(summary), *_outputs_of_torchinfo(summary), *_multiplications(summary)]
    else:
        found = []
    return found


def _parts(summary: Summary) -> Iterator[Finding]:
    """Input, outputs and parameters make the total."""
    shown = summary.totals.megabytes
    if set(shown) != {"input", "forward", "params", "estimated"}:
        return
    low, high = (sum(getattr(shown[key], end) for key in ("input", "forward", "params")) for end in ("low", "high"))
    total = shown["estimated"]
    lines = tuple(each.line for each in shown.values())
    sums = " + ".join(shown[key].text for key in ("input", "forward", "params"))
    if total.low > high + _TINY or total.high < low - _TINY:
        text = f"The sizes add up to {(low + high) / 2:.2f} MB, but {total.text} MB are printed."
        yield Finding("contradicts", text, lines, sums)


def values_of(layer: PrintedLayer) -> int | None:
    """How many values a row puts out, with those of the whole batch."""
    size = None if layer.output is None else product(layer.output)
    return None if size is None or layer.batch is None else layer.batch * size


def _outputs_of_torchsummary(summary: Summary) -> Iterator[Finding]:
    shown = summary.totals.megabytes.get("forward")
    if shown is None or not summary.complete:
        return
    sizes = [values_of(layer) for layer in summary.layers]
    least = sum(size or 0 for size in sizes)
    made = 2 * 4 * least / 1024**2
    proof = f"2 · 4 bytes · {least:,} values / 1,048,576."
    text = f"The outputs of all rows take {made:.2f} MB, forward and backward"
    if made > shown.high + _TINY or (None not in sizes and made < shown.low - _TINY):
        yield Finding("contradicts", f"{text}, but {shown.text} MB are printed.", (shown.line,), proof)
    elif None not in sizes and made >= 0.01:
        yield Finding("agrees", f"{text}, as printed.", (shown.line,), proof)


@dataclass(frozen=True)
class _Row:
    """A row that torchinfo may count: the least and the most of its values; no most where others are inside it."""

    layer: PrintedLayer
    least: int
    most: int | None
    again: bool


def _counted_rows(summary: Summary) -> list[_Row]:
    deepest = max(layer.depth for layer in summary.layers)
    found = []
    for layer in summary.layers:
        if layer.holds or layer.dashed or layer.parameters == 0:
            continue
        values, again = values_of(layer), not layer.counted
        sure = layer.type in _LEAVES and (again or layer.parameters is not None)
        inside = layer.type not in _LEAVES and layer.depth >= deepest
        most = None if inside else values
        found.append(_Row(layer, values or 0 if sure and not inside else 0, most, again))
    return found


def is_whole(summary: Summary) -> bool:
    """Whether the rows have the printed total of parameters, so that none was cut away by hand."""
    rows = [layer.parameters or 0 for layer in summary.layers if layer.counted]
    return summary.complete and summary.totals.total == sum(rows)


def may_leave_out(summary: Summary) -> bool:
    """Whether rows of modules that are used again may be left out, as torchinfo does if it is told to."""
    if not summary.complete or any(not layer.counted for layer in summary.layers):
        return not summary.complete
    places: dict[int, int] = {}
    for layer in summary.layers[1:] if summary.layers[0].depth == 0 else summary.layers:
        found = re.search(r" (\d{1,3})-(\d{1,6})$", layer.name, re.A)
        if not found or int(found[2]) != places.get(int(found[1]), 0) + 1:
            return True
        places[int(found[1])] = int(found[2])
    return False


def _outputs_of_torchinfo(summary: Summary) -> Iterator[Finding]:
    shown = summary.totals.megabytes.get("forward")
    rows = _counted_rows(summary)
    if shown is None or not rows or not is_whole(summary):
        return
    open_end = may_leave_out(summary)
    least = sum(row.least for row in rows)
    exact = all(row.least == row.most for row in rows)
    proof = f"2 · 4 bytes · {least:,} values / 1,000,000."
    text = f"The outputs of all modules with parameters take {8 * least / 1e6:.2f} MB, forward and backward"
    if exact and any(_within(shown, 8 * least / unit, 8 * least / unit) for unit in _UNITS):
        if least * 8 >= 10_000:
            yield Finding("agrees", f"{text}, as printed.", (shown.line,), proof)
        return
    for low, high in _ways(summary, rows, open_end):
        if _within(shown, low, high):
            return
    if shown.high >= AGAIN * 8 * least / max(_UNITS):
        return
    why = f"{proof} No version of torchinfo and no type of numbers gives what is printed."
    yield Finding("contradicts", f"{text}, but {shown.text} MB are printed.", (shown.line,), why)


def _within(shown: Shown, low: float, high: float | None) -> bool:
    return low <= shown.high + _TINY and (high is None or high >= shown.low - _TINY)


def _ways(summary: Summary, rows: list[_Row], open_end: bool) -> Iterator[tuple[float, float | None]]:
    """The least and the most megabytes of all ways to count: of repeated modules, of bytes, of a megabyte."""
    likely = {size for size in _SIZES if _may_have(summary, size)}
    likely = likely | {4} if likely else set(_SIZES)
    for kept in (rows, [row for row in rows if not row.again]):
        least = sum(row.least for row in kept)
        most = None if open_end or any(row.most is None for row in kept) else sum(row.most or 0 for row in kept)
        for unit in _UNITS:
            for size in _SIZES:
                if most is not None or size in likely:
                    yield 2 * size * least / unit, None if most is None else 2 * size * most / unit
        mixed = sum((2 if row.layer.kind in _HALVED else 4) * (row.most or 0) for row in kept)
        yield 4 * least / 1e6, None if any(row.most is None for row in kept) else 2 * mixed / 1e6


def _may_have(summary: Summary, size: int) -> bool:
    """Whether the parameters can have numbers of so many bytes; those of a module with others inside are left out."""
    shown, count = summary.totals.megabytes.get("params"), summary.totals.total
    if shown is None or count is None:
        return True
    return any(_within(shown, size * count / unit, size * count / unit) for unit in _UNITS)


# Multiplications and additions.


def _usual(layer: PrintedLayer, count: int) -> int | None:
    """What torchinfo counts for a module with so many parameters; None where its output is not known."""
    if not known(layer.output) or not layer.output or layer.batch is None:
        return None
    if "Conv" in layer.type:
        return count * layer.batch * math.prod(size or 0 for size in layer.output[1:])
    if layer.type in ("LSTM", "GRU", "RNN"):
        return count * layer.batch * (layer.output[0] or 0)
    return count * layer.batch


def _unusual(layer: PrintedLayer, count: int) -> tuple[int, int] | None:
    """What it counts without and with bias if weights have other names, as with spectral or weight normalisation."""
    if not known(layer.output) or not layer.output or layer.batch is None:
        return None
    units, batch = layer.output[0 if "Conv" in layer.type else -1] or 0, layer.batch
    places = math.prod(size or 0 for size in layer.output[1:]) if "Conv" in layer.type else 1
    first = batch * (layer.output[0] or 0)
    return first * count, first * (count - units) + batch * places * units


def _older(layer: PrintedLayer, count: int) -> set[int]:
    """What older versions count: weights alone, for one image."""
    if not known(layer.output) or not layer.output or layer.batch is None:
        return set()
    conv = "Conv" in layer.type
    units = layer.output[0 if conv else -1] or 0
    places = math.prod(size or 0 for size in layer.output[1:]) if conv else 1
    weights = {count, count - units, count // 2}  # of a normalisation half are no weights
    return {each * places * times for each in weights for times in (1, layer.batch)} | weights


def _counts(summary: Summary, layer: PrintedLayer) -> set[int]:
    """How many parameters a module can have: one that is used again has those of an earlier row."""
    if layer.counted:
        return set() if layer.parameters is None else {layer.parameters}
    alike = [each for each in summary.layers if each.type == layer.type and each.counted and each.output]
    axis = 0 if "Conv" in layer.type or "Norm" in layer.type else -1
    return {each.parameters for each in alike if each.parameters and _end(each, axis) == _end(layer, axis)}


def _end(layer: PrintedLayer, axis: int) -> int | None:
    return layer.output[axis] if layer.output else None


def wrong_multiplications(summary: Summary) -> PrintedLayer | None:
    """The only row whose printed multiplications do not follow from its parameters and its output."""
    wrong: list[PrintedLayer] = []
    right = 0
    for layer in summary.layers:
        if layer.multiplied is None or layer.type not in _LEAVES or not known(layer.output):
            continue
        counts = _counts(summary, layer)
        if layer.multiplied in {_usual(layer, count) for count in counts}:
            right += 1
        elif counts and layer.multiplied > max(counts):
            other = {each for count in counts for each in {*(_unusual(layer, count) or ()), *_older(layer, count)}}
            if layer.multiplied in other:
                return None
            wrong.append(layer)
        else:
            return None
    return wrong[0] if len(wrong) == 1 and right else None


def _multiplications(summary: Summary) -> Iterator[Finding]:
    """The total, for each way in which the modules can be counted."""
    shown, rows = summary.totals.mult_adds, _counted_rows(summary)
    if shown is None or not rows or not is_whole(summary) or summary.layers[0].depth:
        return
    modules = [_Module.of(summary, row.layer) for row in rows]
    known_ones = [each for each in modules if each]
    open_end = len(known_ones) < len(modules) or may_leave_out(summary)
    usual = sum(each.usual for each in known_ones)
    sums = _sums(known_ones) if shown.newest else {usual}
    slack = 0
    if not shown.newest:  # older versions count weights only, of one image, and those of blocks again
        sums = {sum(min(each.older) for each in known_ones)}
        slack = usual - min(sums) + (summary.totals.total or 0) * max(layer.depth for layer in summary.layers)
    for low in sums:
        if low <= shown.high + _TINY and (open_end or not shown.low - _TINY > low + slack):
            return
    if shown.high >= AGAIN * usual:
        return
    text = f"The rows need {usual:,} multiplications and additions, but {shown.text} "
    digits = round(math.log10(100 * (shown.high - shown.low)))
    unit = {6: "million ", 9: "billion ", 12: "trillion "}.get(digits, "")
    why = "Of a convolution they are its parameters times the places of its output, of other modules its parameters."
    yield Finding("contradicts", f"{text}{unit}are printed.", (shown.line,), why)


@dataclass(frozen=True)
class _Module:
    """What torchinfo can count for a module: as usual; with weights of other names; in older versions."""

    type: str
    usual: int
    unusual: tuple[int, int]
    older: set[int]

    @classmethod
    def of(cls, summary: Summary, layer: PrintedLayer) -> "_Module | None":
        """Of a row; None where that cannot be known."""
        counts = _counts(summary, layer)
        if layer.type not in _LEAVES or len(counts) != 1:
            return None
        (count,) = counts
        usual, other = _usual(layer, count), _unusual(layer, count)
        if usual is None or other is None:
            return None
        weighed = "Conv" in layer.type or layer.kind == "dense"
        return cls(layer.type, usual, other if weighed else (usual, usual), _older(layer, count) | {usual})


def _sums(modules: list[_Module]) -> set[int]:
    """Sums where of each class none, all, or all but the first or the last are normalised, with and without biases."""
    sums = {0}
    for kind in dict.fromkeys(each.type for each in modules):
        alike = [each for each in modules if each.type == kind]
        usual = sum(each.usual for each in alike)
        made = {usual}
        for bias in (0, 1):
            whole = sum(each.unusual[bias] for each in alike)
            made |= {whole, *(whole - each.unusual[bias] + each.usual for each in (alike[0], alike[-1]))}
        sums = {one + other for one, other in itertools.product(sums, made)}
    return sums
