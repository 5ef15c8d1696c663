"""Checks a summary of a network: recomputes its layers from those before them, and their totals. Knows no text."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fmexplore.checker.check_totals import check_totals
from fmexplore.checker.layer_kinds import WINDOWED, PrintedLayer, Shape, fits, known, shape_text
from fmexplore.checker.layer_readings import read_layer, suggest
from fmexplore.checker.lone_rows import find_lone_rows
from fmexplore.checker.readings import Reading
from fmexplore.checker.results import Finding, Outcome, Table
from fmexplore.checker.single_change import LayerRow, explain_by_one_change
from fmexplore.checker.summaries import Summary
from fmexplore.checker.torch_rows import find_wrong_rows
from fmexplore.checker.torch_sizes import check_sizes

MOST_PROBLEMS = 60  # after so many layers that cannot be true, the others are not recomputed
MOST_READ = 4_000  # layers of a network that are recomputed, which takes about a second
MOST_EXPLAINED = 6  # layers that cannot be true for which the nearest true one is looked for
MOST_MERGED = 24  # readings of a layer whose shapes are compared
MOST_MIXED = 5  # convolutions without a padding for which all ways are tried


def check_summary(summary: Summary) -> Outcome:
    """Recompute each layer of a summary from those before it, and the totals; where they differ, find the mistake."""
    summary, assumed = _assume_padding(summary)
    rows = recompute(summary)
    notes: list[Finding] = []
    if summary.assumed:
        rows, notes = _without_assumed_order(summary, rows)
    findings = [Finding("contradicts", row.problem, (row.layer.line,), row.proof) for row in rows if row.problem]
    wrong = {place for place, row in enumerate(rows) if row.problem}
    alone = list(find_wrong_rows(summary))
    alone = [each for each in alone if each.row not in wrong]
    wrong |= {each.row for each in alone}
    for lone in [*alone, *find_lone_rows(summary, wrong)]:
        findings.append(Finding("contradicts", lone.problem, lone.lines, lone.proof))
        rows[lone.row] = replace(rows[lone.row], problem=lone.problem)
    sums = [*check_totals(summary, rows), *check_sizes(summary)]
    broken = findings or any(finding.status == "contradicts" for finding in sums)
    findings += sums
    if broken:
        findings += explain_by_one_change(summary, rows)
    findings[:0] = _what_agrees(summary, rows)
    findings += notes
    if assumed:
        findings.append(Finding("note", assumed))
    columns = ("layer", "printed shape", "shape", "printed parameters", "parameters", "read as")
    table = Table(
        "Layers", columns, tuple(_cells(row) for row in rows if row.layer.kind != "container" or row.layer.parameters)
    )
    kind = summary.form if summary.words else "layer summary"
    notes_on_rows = _unchecked(rows)
    if len(rows) > MOST_READ:
        notes_on_rows = (f"Only the first {MOST_READ:,} of {len(rows):,} rows were recomputed.", *notes_on_rows)
    return Outcome(kind, tuple(findings), (table,), notes_on_rows)


def _what_agrees(summary: Summary, rows: list[LayerRow]) -> list[Finding]:
    """The layers that fit; only where something of them was recomputed that is not nothing do they agree."""
    agreeing = [row for row in rows if row.agrees and not row.problem]
    telling = [row for row in agreeing if _tells(row)]
    count = sum(row.layer.kind != "container" for row in rows)
    if not agreeing:
        return []
    lines = tuple(row.layer.line for row in agreeing)
    if not telling:
        text = f"{len(agreeing)} of {count} layers can be as printed, whatever they get."
        if summary.words:
            some = f"{len(agreeing)} of {count} layers"
            text = f"Shapes and parameters of {some} were computed; none are printed beside them."
        if summary.form == "PyTorch module":
            text = f"The parameters of {len(agreeing)} of {count} modules were computed from their arguments."
        return [Finding("note", text, lines)]
    return [Finding("agrees", f"Shapes and parameters of {len(agreeing)} of {count} layers fit.", lines)]


def _tells(row: LayerRow) -> bool:
    if row.shape_agrees and any(known(shape) or (shape and row.layer.channels) for shape in row.inputs):
        return bool(row.layer.parameters or row.layer.output or row.layer.channels)
    return bool(row.layer.parameters and row.reading and row.reading.parameters is not None and row.reading.words)


def _unchecked(rows: list[LayerRow]) -> tuple[str, ...]:
    count = sum(row.layer.kind != "container" for row in rows)
    unknown = [row.layer for row in rows if not row.layer.kind]
    kinds = dict.fromkeys(layer.type or layer.name for layer in unknown)
    open_ones = [
        row.layer.name
        for row in rows
        if row.layer.kind not in ("", "container", "input") and not row.agrees and not row.problem
    ]
    notes = []
    if unknown:
        names = _listed([layer.name for layer in unknown])
        what = f"; of kinds that are not known: {_listed(list(kinds))}" if any(layer.type for layer in unknown) else ""
        notes.append(f"Not recomputed ({len(unknown)} of {count} layers): {names}{what}.")
    if open_ones:
        missing = "as it is not printed what they get"
        notes.append(f"Not judged, {missing} ({len(open_ones)} of {count} layers): {_listed(open_ones)}.")
    return tuple(notes)


def _assume_padding(summary: Summary) -> tuple[Summary, str]:
    """Where the words leave the padding of convolutions open: that with which the printed numbers fit, 'valid' first.

    Where none fits, any of them shows that; where there are too many ways to try them all, it stays open.
    """
    opened = [place for place, layer in enumerate(summary.layers) if layer.kind == "conv" and layer.padding is None]
    if not summary.words or not opened or summary.start is None:
        return summary, ""
    ways: list[Sequence[str]] = [("valid",) * len(opened), ("same",) * len(opened)]
    if len(opened) <= MOST_MIXED:
        ways = list(dict.fromkeys([*ways, *itertools.product(("valid", "same"), repeat=len(opened))]))
    tried = [_padded(summary, opened, way) for way in ways]
    chosen = next((at for at, each in enumerate(tried) if _is_consistent(each)), None)
    if chosen is None and len(opened) > MOST_MIXED:
        return summary, ""
    way = ways[chosen or 0]
    if len(set(way)) == 1:
        return tried[chosen or 0], f"The padding is not stated: {way[0]!r} is taken for every convolution."
    return tried[chosen or 0], f"The padding is not stated: {', '.join(map(repr, way))} are taken."


def _padded(summary: Summary, places: list[int], way: Sequence[str]) -> Summary:
    layers = list(summary.layers)
    for place, padding in zip(places, way):
        layers[place] = replace(layers[place], padding=padding)
    return replace(summary, layers=tuple(layers))


def _is_consistent(summary: Summary) -> bool:
    rows = recompute(summary)
    return not any(row.problem for row in rows) and all(
        finding.status != "contradicts" for finding in check_totals(summary, rows)
    )


def _without_assumed_order(summary: Summary, rows: list[LayerRow]) -> tuple[list[LayerRow], list[Finding]]:
    """A subclass of Keras' Model prints its layers as they were made: with several breaks, the order is not known."""
    breaks = [
        place
        for place, row in enumerate(rows)
        if row.problem and next(read_layer(row.layer, [], summary.style), None) is not None
    ]
    apart = [place for place, before in zip(breaks, [-9, *breaks]) if place - before > 2]
    if len(apart) < 2:
        return rows, []
    layers = tuple(
        replace(layer, sources=None if layer.sources and layer.sources[0] >= 0 else layer.sources)
        for layer in summary.layers
    )
    text = "Several layers do not fit those above them: the rows need not be in the order in which they are used."
    return recompute(replace(summary, layers=layers)), [Finding("note", text)]


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


def _cells(row: LayerRow) -> tuple[str, ...]:
    layer, reading = row.layer, row.reading
    unknown = not reading and not row.problem
    counted = None if reading is None else reading.parameters if reading.parameters is not None else layer.calculated
    return (
        layer.name,
        shape_text(layer.output) if layer.output else "",
        shape_text(reading.output) if reading and reading.output else "",
        "" if layer.parameters is None else f"{layer.parameters:,}",
        "" if counted is None else f"{counted:,}",
        (reading.words if reading else "") or ("not recomputed" if unknown else ""),
    )


def _as(reading: Reading) -> str:
    return f" as {reading.words}" if reading.words and reading.output and 0 not in reading.output else ""


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown + (", ..." if len(names) > 4 else "")
