"""Checks a summary of a network: recomputes its layers from those before them, and their totals. Knows no text."""

import math
from dataclasses import dataclass, field, replace

from fmexplore.checker.check_totals import check_totals
from fmexplore.checker.layer_kinds import PrintedLayer, Style
from fmexplore.checker.layer_readings import Reading, read_layer, suggest
from fmexplore.checker.parse_summaries import Summary
from fmexplore.checker.results import Finding, Outcome, Table
from fmexplore.checker.single_change import LayerRow, explain_by_one_change
from fmexplore.models.shapes import Shape, text
from fmexplore.models.table import IMAGE_SHAPE

MOST_PROBLEMS = 12  # after so many layers that cannot be true, the others are not recomputed


def check_summary(summary: Summary) -> Outcome:
    """Recompute each layer of a summary from those before it, and the totals; where they differ, find the mistake."""
    assumed = ""
    if summary.words and any(layer.kind == "conv" and layer.padding is None for layer in summary.layers):
        summary, assumed = _assume_padding(summary)
    rows = _recompute(summary)
    findings = [Finding("contradicts", row.problem) for row in rows if row.problem]
    sums = check_totals(summary, rows)
    broken = findings or any(finding.status == "contradicts" for finding in sums)
    findings += sums
    if broken:
        findings += explain_by_one_change(summary, rows, _start(summary))
    printed = [row for row in rows if row.layer.parameters is not None or row.layer.output or summary.words]
    checked = [row for row in printed if row.reading and not row.guess]
    if not any(row.problem for row in rows) and checked:
        findings.insert(0, Finding("agrees", f"Shapes and parameters of {len(checked)} of {len(rows)} layers fit."))
    if assumed:
        findings.append(Finding("note", f"The padding is not stated: {assumed!r} is taken for every convolution."))
    columns = ("layer", "printed shape", "shape", "printed parameters", "parameters", "read as")
    unknown = [row.layer.name for row in rows if row.unchecked]
    alone = [
        row.layer.name
        for row in rows
        if not (row.reading or row.problem or row.unchecked or row.layer.kind == "container")
    ]
    notes = [
        f"{why} ({len(names)} of {len(rows)} layers): {_listed(names)}."
        for names, why in ((unknown, "Not recomputed"), (alone, "Checked roughly, as their inputs are not printed"))
        if names
    ]
    return Outcome(
        "network in words" if summary.words else "layer summary",
        tuple(findings),
        (Table("Layers", columns, tuple(_cells(row) for row in rows)),),
        tuple(notes),
    )


def _assume_padding(summary: Summary) -> tuple[Summary, str]:
    """Where the words leave the padding of convolutions open: 'valid', as in Keras, unless only 'same' fits."""
    tried = []
    for padding in ("valid", "same"):
        layers = [
            replace(layer, padding=padding) if layer.kind == "conv" and layer.padding is None else layer
            for layer in summary.layers
        ]
        tried.append((replace(summary, layers=tuple(layers)), padding))
    return next((each for each in tried if _is_consistent(each[0])), tried[0])


def _is_consistent(summary: Summary) -> bool:
    rows = _recompute(summary)
    return not any(row.problem for row in rows) and all(
        finding.status != "contradicts" for finding in check_totals(summary, rows)
    )


def _recompute(summary: Summary) -> list[LayerRow]:
    """Every layer, recomputed from what the layers before it pass on."""
    begin = next((layer.output for layer in summary.layers if layer.kind == "input" and layer.output), None)
    network = _Network(summary, begin or _start(summary))
    for layer in summary.layers:
        network.add(layer)
    return network.rows


@dataclass
class _Network:
    """The layers of a summary as far as they were recomputed."""

    summary: Summary
    start: Shape  # what the first layer gets
    rows: list[LayerRow] = field(default_factory=list)
    made: list[Shape | None] = field(default_factory=list)  # what each layer passes on; None: not known
    problems: int = 0

    def add(self, layer: PrintedLayer) -> None:
        """Recompute the next layer."""
        sources = [self._output(source) for source in self._sources(layer) or ()]
        inputs = self._inputs(layer, sources)
        row = self._read(layer, inputs, complete=0 < len(inputs) >= len(sources))
        passed = inputs[0] if inputs and not layer.kind and self.summary.words else None
        self.rows.append(row)
        self.problems += bool(row.problem)
        self.made.append(layer.output or (row.reading.output if row.reading else passed))

    def _sources(self, layer: PrintedLayer) -> tuple[int, ...] | None:
        return (len(self.rows) - 1,) if self.summary.words else layer.sources

    def _output(self, source: int) -> Shape | None:
        return self.start if source < 0 else self.made[source]

    def _inputs(self, layer: PrintedLayer, sources: list[Shape | None]) -> list[Shape]:
        """The shapes that a layer gets, as far as they are known: printed beside it, or made by its sources."""
        if layer.kind == "input":
            return [layer.output or self.start]
        return [layer.input] if layer.input else [shape for shape in sources if shape]

    def _read(self, layer: PrintedLayer, inputs: list[Shape], complete: bool) -> LayerRow:
        style = self.summary.style
        if not layer.kind or layer.kind == "container":
            return LayerRow(layer, None, unchecked=not layer.kind)
        if self._says_nothing_of(layer) or self.problems >= MOST_PROBLEMS:
            return LayerRow(layer, None, unchecked=True)
        if complete:
            return _check_layer(layer, inputs, style)
        # Without its inputs, it may still follow the row above it.
        above = self._output(len(self.rows) - 1)
        reading = next(read_layer(layer, [above], style), None) if above else None
        return LayerRow(layer, reading) if reading else _check_alone(layer, style)

    def _says_nothing_of(self, layer: PrintedLayer) -> bool:
        return layer.output is None and layer.parameters is None and not self.summary.words


def _start(summary: Summary) -> Shape:
    """28x28x1, but where the first layer that is not a convolution keeps its input's shape, that shape."""
    for layer in summary.layers:
        if layer.input:
            return layer.input
        if layer.kind in ("same", "batch_norm") and layer.output:
            return layer.output
        if layer.kind and layer.kind != "container":
            return _input_that_fits(layer, summary.style)
    return IMAGE_SHAPE


def _input_that_fits(first: PrintedLayer, style: Style) -> Shape:
    """The first usual shape that the first layer can read, with the printed number of parameters or else without."""
    if not first.output:
        return IMAGE_SHAPE
    for layer in (first, replace(first, parameters=None)):
        for shape in _usual_inputs(first, first.output):
            if next(read_layer(layer, [shape], style), None):
                return shape
    return IMAGE_SHAPE


def _usual_inputs(first: PrintedLayer, output: Shape) -> list[Shape]:
    shapes: list[Shape] = [IMAGE_SHAPE, (3, 28, 28), (1, 32, 32), (3, 32, 32), (28, 28)]
    if len(output) == 1:
        width = max((first.parameters or 0) // output[0] - 1, 1)
        shapes += [output, (784,), (width,), (width + 1,)]
    if len(output) == 3:  # not images of 28 x 28: whatever makes it fit
        side = output[1]
        sizes = [*range(side, side + 12), 2 * side, 2 * side + 1] if side > 28 else []
        shapes += [(channels, size, size) for channels in (1, 3) for size in sizes]
    return shapes


def _check_layer(layer: PrintedLayer, inputs: list[Shape], style: Style) -> LayerRow:
    reading = next(read_layer(layer, inputs, style), None)
    if reading:
        return LayerRow(layer, reading)
    nearest = suggest(layer, inputs, style)
    given = " and ".join(map(text, inputs))
    if not nearest:
        made = f" and gives {text(layer.output)}" if layer.output else ""
        return LayerRow(layer, None, f"{layer.name} gets {given}{made}, which is impossible.")
    best = nearest[0]
    if layer.output not in (None, best.output):
        alike = [each for each in nearest if layer.parameters in (None, each.parameters)] or nearest
        wanted = alike[0]
        problem = (
            f"{layer.name} is printed to turn {given} into {text(layer.output or ())}, but it gives "
            f"{text(wanted.output)}"
        )
        return LayerRow(layer, wanted, f"{problem}{_as(wanted)}.", guess=True)
    fits_elsewhere = next(read_layer(replace(layer, output=None, units=best.output[0]), inputs, style), None)
    if fits_elsewhere and fits_elsewhere.kernel and layer.output:
        side = fits_elsewhere.words.split(" over")[0]
        problem = (
            f"{layer.name} has the {layer.parameters:,} parameters of {side} kernels, "
            f"which turn {given} into {text(fits_elsewhere.output)} and not into {text(layer.output)}."
        )
        return LayerRow(layer, best, problem, guess=True)
    return LayerRow(layer, best, _too_many(layer, best), guess=True)


def _too_many(layer: PrintedLayer, best: Reading) -> str:
    printed = f"{layer.name} has {layer.parameters or 0:,} parameters"
    if layer.kind in ("conv", "separable", "transposed", "depthwise"):
        words = best.words.partition(",")[0]
        return f"{printed}, but {best.output[0]:,} filters of {words} have {best.parameters:,}."
    if best.parameters == 0:
        return f"{printed}, but such a layer has none."
    return f"{printed}, but {best.words} have {best.parameters:,}."


def _check_alone(layer: PrintedLayer, style: Style) -> LayerRow:
    """A layer whose input was not printed: its parameters must fit some number of channels."""
    count, output = layer.parameters, layer.output
    if count is None or not output:
        return LayerRow(layer, None)
    units = output[0] if style == "keras" or layer.kind != "dense" else output[-1]
    area = layer.kernel[0] * layer.kernel[1] if layer.kernel else 1
    if layer.kind in ("conv", "dense"):
        fits = any(rest > 0 and rest % (area * units) == 0 for rest in (count, count - units))
        if not fits:
            what = "filters" if layer.kind == "conv" else "units"
            problem = f"{layer.name} has {count:,} parameters, which no number of inputs gives {units:,} {what}."
            return LayerRow(layer, None, problem)
    elif layer.kind in ("batch_norm", "same", "pool", "flatten"):
        reading = next(read_layer(replace(layer, kind="batch_norm"), [output], style), None)
        fits = bool(reading) if layer.kind == "batch_norm" else count == 0
        if not fits:
            return LayerRow(layer, None, f"{layer.name} has {count:,} parameters, which {text(output)} cannot give it.")
    return LayerRow(layer, None)


def _cells(row: LayerRow) -> tuple[str, ...]:
    layer, reading = row.layer, row.reading
    return (
        layer.name,
        text(layer.output) if layer.output else "",
        text(reading.output) if reading else "",
        "" if layer.parameters is None else f"{layer.parameters:,}",
        f"{reading.parameters:,}" if reading else "",
        (reading.words if reading else "") or ("not recomputed" if row.unchecked else ""),
    )


def _as(reading: Reading) -> str:
    return f" as {reading.words}" if reading.words and math.prod(reading.output) else ""


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown + (", ..." if len(names) > 4 else "")
