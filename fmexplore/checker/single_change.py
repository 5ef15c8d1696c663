"""Finds the one change of a network with which its summary would be true: a pool, a padding, a kernel or a bias.

Knows summaries whose layers have been recomputed; that is in `check_layers`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fmexplore.checker.layer_kinds import PrintedLayer
from fmexplore.checker.layer_readings import Reading, read_layer
from fmexplore.checker.parse_summaries import Summary
from fmexplore.checker.results import Finding
from fmexplore.models.shapes import Shape

MOST_EDITED = 60  # layers of a network for which single changes are tried
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True)
class LayerRow:
    """A layer with the result of recomputing it."""

    layer: PrintedLayer
    reading: Reading | None
    problem: str = ""  # why it cannot be true
    unchecked: bool = False
    guess: bool = False  # the reading does not fit what is printed, but is what was probably meant


def count_of(row: LayerRow) -> int | None:
    """The printed parameters of a layer, else the recomputed ones; 0 for an unchecked layer, None where unknown."""
    if row.layer.parameters is not None:
        return row.layer.parameters
    return row.reading.parameters if row.reading else (0 if row.unchecked else None)


def explain_by_one_change(summary: Summary, rows: list[LayerRow], start: Shape) -> list[Finding]:
    """Findings about which single change would make all printed numbers of parameters, and their total, true."""
    wrong = [row for row in rows if row.problem and row.reading and row.layer.parameters is not None]
    if len(wrong) == 1 and summary.total is not None and wrong[0].reading:
        row, meant = wrong[0], wrong[0].reading.parameters
        others = sum(count_of(each) or 0 for each in rows if each.layer.counted and each is not row)
        if others + meant == summary.total - summary.optimizer and meant != row.layer.parameters:
            message = f"With {meant:,} for {row.layer.name} the layers add up to the printed total of {summary.total:,}"
            return [Finding("note", f"{message}, so {row.layer.parameters:,} is the error.")]
    chain = summary.words or all(row.layer.sources == (place - 1,) for place, row in enumerate(rows))
    if not chain or len(rows) > MOST_EDITED or (summary.total is None and not wrong):
        return []
    layers = [_settled(row) for row in rows]
    found = [change for change, edited in _edits(layers) if _fits(edited, start, summary)]
    if not found:
        return []
    what = f"The total of {summary.total:,}" if summary.total is not None else "What is printed"
    if len(found) == 1:
        return [Finding("note", f"{what} fits only {found[0]}.")]
    return [Finding("note", f"{what} fits with one change in {len(found)} ways: {'; or '.join(found[:4])}.")]


def _settled(row: LayerRow) -> PrintedLayer:
    """The layer with the settings that it was read with, and without its printed shape."""
    reading, layer = row.reading, replace(row.layer, input=None)
    if layer.kind in ("conv", "pool", "depthwise", "separable", "transposed") and reading:
        return replace(
            layer,
            kernel=reading.kernel,
            stride=reading.stride,
            padding=reading.padding,
            bias=reading.bias,
            units=reading.output[0],
            output=None,
        )
    if layer.kind == "dense":
        bias = reading.bias if reading and not row.guess else None
        return replace(layer, bias=bias, units=layer.units or (layer.output[0] if layer.output else None), output=None)
    return layer if layer.kind in ("", "adaptive_pool", "resize", "reshape") else replace(layer, output=None)


def _edits(layers: list[PrintedLayer]) -> Iterator[tuple[str, list[PrintedLayer]]]:
    """Every network that is one change away, and the change in words."""
    convs = [place for place, layer in enumerate(layers) if layer.kind == "conv"]
    for place, layer in enumerate(layers):
        if layer.kind == "pool":
            before = [each for each in convs if each < place]
            where = f"the pool after {_ordinal(len(before) - 1)}" if before else f"the pool {layer.name}"
            yield from _edits_of_pool(layers, place, where)
    pool = PrintedLayer("pool", "pool", kernel=(2, 2), stride=2, padding="valid")
    for number, place in enumerate(convs):
        where = _ordinal(number)
        yield f"with a pool after {where}", [*layers[: place + 1], pool, *layers[place + 1 :]]
        for padding in ("same", "valid"):
            if layers[place].padding != padding:
                yield f"with '{padding}' padding in {where}", _changed(layers, [place], padding=padding)
        yield from _edits_of_kernels(layers, [place], f"in {where}")
    if len(convs) > 1:
        yield from _edits_of_kernels(layers, convs, "in all convolutions")


def _edits_of_pool(layers: list[PrintedLayer], place: int, where: str) -> Iterator[tuple[str, list[PrintedLayer]]]:
    yield f"without {where}", layers[:place] + layers[place + 1 :]
    for side in (2, 3):
        if layers[place].kernel != (side, side):
            windows = _changed(layers, [place], kernel=(side, side), stride=side)
            yield f"with {side}x{side} windows in {where}", windows


def _edits_of_kernels(
    layers: list[PrintedLayer], places: list[int], where: str
) -> Iterator[tuple[str, list[PrintedLayer]]]:
    for side in (1, 2, 3, 4, 5, 7):
        if any(layers[place].kernel != (side, side) for place in places):
            yield f"with {side}x{side} kernels {where}", _changed(layers, places, kernel=(side, side))
    if any(layers[place].bias is not False for place in places):
        yield f"without bias {where}", _changed(layers, places, bias=False)


def _changed(layers: list[PrintedLayer], places: list[int], **changes: object) -> list[PrintedLayer]:
    return [replace(layer, **changes) if place in places else layer for place, layer in enumerate(layers)]  # pyrefly: ignore


def _ordinal(number: int) -> str:
    """As in "the third convolution", for number 2."""
    return f"the {ORDINALS[number] if number < len(ORDINALS) else f'{number + 1}th'} convolution"


def _fits(layers: list[PrintedLayer], start: Shape, summary: Summary) -> bool:
    shape, added, norms = start, 0, 0
    for layer in layers:
        if not layer.kind:
            shape, added = layer.output or shape, added + (layer.parameters or 0)
            continue
        reading = next(read_layer(layer, [shape], summary.style), None)
        if reading is None:
            return False
        shape, added = reading.output, added + reading.parameters
        norms += reading.parameters * (layer.kind == "batch_norm")
    total = summary.total
    return total is None or total - summary.optimizer in (added, added - norms // 2 if summary.words else added)
