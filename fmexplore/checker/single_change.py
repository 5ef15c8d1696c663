"""Finds the one change of a network with which its summary would be true: a pool, a padding, a kernel or a bias.

Knows summaries whose layers have been recomputed; that is in `check_layers`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fmexplore.checker.layer_kinds import PrintedLayer, Shape
from fmexplore.checker.layer_readings import read_layer
from fmexplore.checker.readings import Reading
from fmexplore.checker.results import Finding
from fmexplore.checker.summaries import Summary

MOST_EDITED = 40  # layers of a network for which single changes are tried
MOST_WRONG = 2  # more layers that cannot be true are no single change
MOST_READ = 600  # layers that are recomputed on the way
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True)
class LayerRow:
    """A layer with the result of recomputing it."""

    layer: PrintedLayer
    reading: Reading | None
    inputs: tuple[Shape | None, ...] = ()
    problem: str = ""  # why it cannot be true
    proof: str = ""
    guess: bool = False  # the reading does not fit what is printed, but is what was probably meant

    @property
    def agrees(self) -> bool:
        """Whether something printed of the layer was recomputed and is right."""
        reading, layer = self.reading, self.layer
        if reading is None or self.guess or not reading.judged:
            return False
        counted = layer.parameters is not None and reading.parameters is not None
        in_words = layer.channels_last and reading.parameters is not None
        return counted or self.shape_agrees or in_words or layer.calculated is not None

    @property
    def shape_agrees(self) -> bool:
        """Whether its shape, or the channels that it takes, follow from what it gets."""
        if self.reading is None or self.guess or not self.reading.judged or None in self.inputs or not self.inputs:
            return False
        return self.layer.output is not None or self.layer.channels is not None


def count_of(row: LayerRow) -> int | None:
    """The printed parameters of a layer, else the recomputed ones; None where they are not known."""
    if row.layer.parameters is not None:
        return row.layer.parameters
    if row.layer.calculated is not None:
        return row.layer.calculated
    return row.reading.parameters if row.reading else None


def explain_by_one_change(summary: Summary, rows: list[LayerRow]) -> list[Finding]:
    """Findings about which single change would make all printed numbers of parameters, and their total, true."""
    total = summary.totals.total
    wrong = [row for row in rows if row.problem and row.reading and row.layer.parameters is not None]
    if len(wrong) == 1 and total is not None and wrong[0].reading:
        row, meant = wrong[0], wrong[0].reading.parameters
        others = [count_of(each) for each in rows if each.layer.counted and each is not row]
        known = None not in others and meant is not None and meant != row.layer.parameters
        if known and sum(each or 0 for each in others) + (meant or 0) == total - summary.totals.optimizer:
            message = f"With {meant:,} for {row.layer.name} the layers add up to the printed total of {total:,}"
            text = f"{message}, so {row.layer.parameters:,} is the error."
            return [Finding("contradicts", text, (row.layer.line, *summary.totals.lines[:1]))]
    counts = [count_of(row) for row in rows if row.layer.counted]
    if not wrong and total is not None and sum(count or 0 for count in counts) == total - summary.totals.optimizer:
        return []
    chain = summary.words or all(row.layer.sources == (place - 1,) for place, row in enumerate(rows))
    if not chain or len(rows) > MOST_EDITED or len(wrong) > MOST_WRONG or (total is None and not wrong):
        return []
    layers = [_settled(row) for row in rows]
    trial = _Trial(layers, summary)
    found = [change for change, edited in _edits(layers) if trial.fits(edited)]
    if not found or trial.read >= MOST_READ:
        return []
    what = f"The total of {total:,}" if total is not None else "What is printed"
    lines = summary.totals.lines[:1]
    if len(found) == 1:
        return [Finding("contradicts", f"{what} fits only {found[0]}.", lines)]
    return [
        Finding("contradicts", f"{what} fits with one change in {len(found)} ways: {'; or '.join(found[:4])}.", lines)
    ]


def _settled(row: LayerRow) -> PrintedLayer:
    """The layer with the settings that it was read with, and without its printed shape."""
    reading, layer = row.reading, replace(row.layer, input=None)
    if layer.kind in ("conv", "pool", "depthwise", "separable", "transposed") and reading and reading.kernel:
        units = layer.units or (layer.output[-1] if layer.output and layer.kind != "pool" else None)
        return replace(
            layer,
            kernel=reading.kernel,
            stride=reading.stride,
            padding=reading.padding,
            bias=reading.bias,
            units=units,
            output=None if reading.stride is not None and reading.padding is not None else layer.output,
        )
    if layer.kind == "dense":
        bias = reading.bias if reading and not row.guess else None
        return replace(layer, bias=bias, units=layer.units or (layer.output[-1] if layer.output else None), output=None)
    return layer if layer.kind in ("", "adaptive_pool", "resize", "reshape") else replace(layer, output=None)


def _edits(layers: list[PrintedLayer]) -> Iterator[tuple[str, list[PrintedLayer]]]:
    """Every network that is one change away, and the change in words."""
    convs = [place for place, layer in enumerate(layers) if layer.kind == "conv"]
    for place, layer in enumerate(layers):
        if layer.kind == "pool":
            before = [each for each in convs if each < place]
            where = f"the pool after {_ordinal(len(before) - 1)}" if before else f"the pool {layer.name}"
            yield from _edits_of_pool(layers, place, where)
    pool = PrintedLayer("pool", "pool", kernel=(2, 2), stride=2, padding="valid", rank=2)
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
    edited = list(layers)
    for place in places:
        edited[place] = replace(layers[place], **changes)  # pyrefly: ignore
    return edited


def _ordinal(number: int) -> str:
    """As in "the third convolution", for number 2."""
    return f"the {ORDINALS[number] if number < len(ORDINALS) else f'{number + 1}th'} convolution"


class _Trial:
    """Tries edited networks, up to a number of layers."""

    def __init__(self, layers: list[PrintedLayer], summary: Summary) -> None:
        self.read = 0
        self._summary = summary
        self._layers = layers
        self._before: list[tuple[Shape | None, int, int]] = []  # each layer: what it gets, and the sums until there
        self._first = next((row.output for row in summary.layers), None)

    def fits(self, layers: list[PrintedLayer]) -> bool:
        """Whether every layer has a reading, and all parameters together are the printed total."""
        same = next((at for at, (one, other) in enumerate(zip(layers, self._layers)) if one is not other), 0)
        begin = min(same, len(self._before) - 1) if self._before else 0
        shape, added, norms = self._before[begin] if self._before else (self._summary.start, 0, 0)
        for place, layer in enumerate(layers[begin:], begin):
            if place == len(self._before) and place <= same:
                self._before.append((shape, added, norms))
            self.read += 1
            if self.read > MOST_READ:
                return False
            if not layer.kind:
                shape, added = layer.output or shape, added + (layer.parameters or 0)
                continue
            if place == 0 and shape is None:
                shape, added = self._first, added + (layer.parameters or 0)
                continue
            reading = next(read_layer(layer, [shape], self._summary.style), None)
            if reading is None or reading.parameters is None or 0 in (reading.output or ()):
                return False
            shape, added = reading.output, added + reading.parameters
            norms += reading.parameters * (layer.kind == "batch_norm")
        totals = self._summary.totals
        if totals.total is None:
            return True
        return totals.total - totals.optimizer in (added, added - norms // 2 if self._summary.words else added)
