"""Recomputes the layers of a summary, each from what those before it pass on, and says why one cannot be."""

import itertools
from dataclasses import dataclass, field, replace

from fmexplore.checker.layer_kinds import WINDOWED, PrintedLayer, Shape, fits, known, shape_text
from fmexplore.checker.layer_readings import read_layer, suggest
from fmexplore.checker.readings import Reading
from fmexplore.checker.single_change import LayerRow
from fmexplore.checker.summaries import Summary

MOST_PROBLEMS = 60  # after so many layers that cannot be true, the others are not recomputed
MOST_READ = 4_000  # layers of a network that are recomputed, which takes about a second
MOST_EXPLAINED = 6  # layers that cannot be true for which the nearest true one is looked for
MOST_MERGED = 24  # readings of a layer whose shapes are compared


def recompute(summary: Summary) -> list[LayerRow]:
    """Every layer, recomputed from what the layers before it pass on."""
    network = _Network(summary)
    for layer in summary.layers:
        network.add(layer)
    return network.rows


@dataclass
class _Network:
    """The layers of a summary as far as they were recomputed."""

    summary: Summary
    rows: list[LayerRow] = field(default_factory=list)
    made: list[Shape | None] = field(default_factory=list)  # what each layer passes on; None: not known
    problems: int = 0

    def add(self, layer: PrintedLayer) -> None:
        """Recompute the next layer."""
        given: list[Shape | None] = [self._output(source) for source in layer.sources or ()]
        if layer.input is not None and len(given) == 1 and not fits(given[0], layer.input):
            problem = f"{layer.name} is printed to get {shape_text(layer.input)}, but gets {shape_text(given[0])}."
            row = LayerRow(layer, None, tuple(given), problem, "It follows that row in a Sequential.")
        else:
            if layer.input is not None and len(given) < 2:
                given = [layer.input]
            row = self._read(layer, given)
        self.rows.append(row)
        self.problems += bool(row.problem)
        self.made.append(self._passed_on(row, given))

    def _output(self, source: int) -> Shape | None:
        return self.summary.start if source < 0 else self.made[source]

    def _passed_on(self, row: LayerRow, given: list[Shape | None]) -> Shape | None:
        if row.layer.output is not None and known(row.layer.output):
            return row.layer.output
        if row.reading is None or row.guess:
            return row.layer.output
        shapes = [
            each.output for each in itertools.islice(read_layer(row.layer, given, self.summary.style), MOST_MERGED)
        ]
        return _common(shapes)

    def _read(self, layer: PrintedLayer, given: list[Shape | None]) -> LayerRow:
        style, inputs = self.summary.style, tuple(given)
        if layer.kind in ("", "container") or self.problems >= MOST_PROBLEMS or len(self.rows) >= MOST_READ:
            return LayerRow(layer, None, inputs)
        reading = next(read_layer(layer, given, style), None)
        if reading:
            return LayerRow(layer, reading, inputs)
        alone = not any(shape is not None for shape in given)
        if alone or not next(read_layer(layer, [], style), None):
            problem, proof, guess = self._impossible(layer, given)
        else:
            problem, proof, guess = self._does_not_follow(layer, given)
        return LayerRow(layer, guess, inputs, problem, proof, guess=guess is not None)

    def _does_not_follow(self, layer: PrintedLayer, given: list[Shape | None]) -> tuple[str, str, Reading | None]:
        """Why a layer cannot be made of what it gets."""
        style, shapes = self.summary.style, " and ".join(map(shape_text, given))
        nearest = suggest(layer, given, style) if self.problems < MOST_EXPLAINED else []
        proof = f"It gets {shapes}, as the layer it reads is printed, and no settings make it what is printed."
        if not nearest:
            made = f" and gives {shape_text(layer.output)}" if layer.output else ""
            if layer.channels is not None:
                made = f", but it is made for {layer.channels:,}"
                return f"{layer.name} gets {shapes}{made}.", proof, None
            return f"{layer.name} gets {shapes}{made}, which is impossible.", proof, None
        elsewhere = next(read_layer(replace(layer, output=None, units=_units(layer, style)), given, style), None)
        turned = f"{shapes} into {shape_text(layer.output)}"
        if layer.kind in WINDOWED and elsewhere and elsewhere.kernel and layer.output:
            side = elsewhere.words.split(" over")[0]
            text = f"{layer.name} has the {layer.parameters or 0:,} parameters of {side} kernels"
            proof = f"No stride, padding or dilation of a {side} kernel turns {turned}."
            return f"{text}, which cannot turn {turned}.", proof, nearest[0]
        if elsewhere or not fits(layer.output, nearest[0].output):
            alike = [each for each in nearest if layer.parameters in (None, each.parameters)] or nearest
            usual = min(alike, key=lambda each: _distance(layer.output, each.output))
            problem = f"{layer.name} is printed to turn {turned}, but it gives {shape_text(usual.output)}"
            return f"{problem}{_as(usual)}.", proof, usual
        best = nearest[0]
        return _too_many(layer, best), proof, best

    def _impossible(self, layer: PrintedLayer, given: list[Shape | None]) -> tuple[str, str, Reading | None]:
        """Why a layer cannot be, whatever it gets."""
        count, output, style = layer.parameters, layer.output, self.summary.style
        nearest = []
        if any(shape is not None for shape in given) and self.problems < MOST_EXPLAINED:
            nearest = [each for each in suggest(layer, given, style) if fits(layer.output, each.output)]
        best = nearest[0] if nearest else None
        units = _units(layer, style)
        if count is not None and best is not None and best.parameters != count:
            problem = _too_many(layer, best)
        elif count is not None and layer.kind in (*WINDOWED, "dense", "embedding") and units:
            what = {"dense": "units", "embedding": "values an entry"}.get(layer.kind, "filters")
            problem = f"{layer.name} has {count:,} parameters, which no number of inputs gives {units:,} {what}."
        elif count is not None:
            problem = f"{layer.name} has {count:,} parameters, which {shape_text(output)} cannot give it."
        else:
            problem = f"{layer.name} cannot give {shape_text(output)}."
        return problem, _why_impossible(layer, units), best


def _why_impossible(layer: PrintedLayer, units: int | None) -> str:
    count = layer.parameters
    if count is None or not units or layer.kind not in ("conv", "dense", "transposed", "embedding", "batch_norm"):
        return ""
    if layer.kind == "batch_norm":
        return f"It has 2, 3 or 4 values for each of {units:,} channels: {count:,} is none of them."
    if layer.kind == "embedding":
        return f"{count:,} is not a multiple of {units:,}."
    return f"Each has as many weights, with or without one for a bias: {count:,} is not a multiple of {units:,}."


def _units(layer: PrintedLayer, style: str) -> int | None:
    if layer.units or not layer.output:
        return layer.units
    first = style == "torch" and layer.kind not in ("dense", "embedding")
    return layer.output[0] if first else layer.output[-1]


def _distance(one: Shape | None, other: Shape | None) -> int:
    return sum(a != b for a, b in zip(one or (), other or ()))


def _common(shapes: list[Shape | None]) -> Shape | None:
    """What all shapes say alike."""
    if not shapes or None in shapes:
        return None
    sizes = [shape for shape in shapes if shape is not None]
    if len({len(shape) for shape in sizes}) != 1:
        return None
    return tuple(each[0] if len(set(each)) == 1 else None for each in zip(*sizes))


def _too_many(layer: PrintedLayer, best: Reading) -> str:
    printed = f"{layer.name} has {layer.parameters or 0:,} parameters"
    if layer.kind in WINDOWED:
        words = best.words.partition(",")[0]
        filters = _units(layer, "keras") if best.output is None else best.output[-1]
        return f"{printed}, but {filters or 0:,} filters of {words} have {best.parameters or 0:,}."
    if best.parameters == 0:
        return f"{printed}, but such a layer has none."
    return f"{printed}, but {best.words} have {best.parameters or 0:,}."


def _as(reading: Reading) -> str:
    return f" as {reading.words}" if reading.words and reading.output and 0 not in reading.output else ""
