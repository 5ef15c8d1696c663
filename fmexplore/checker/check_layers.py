"""Checks a summary of a network: recomputes its layers from those before them, and their totals. Knows no text."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from fmexplore.checker.check_totals import check_totals
from fmexplore.checker.layer_kinds import known, shape_text
from fmexplore.checker.layer_readings import read_layer
from fmexplore.checker.lone_rows import find_lone_rows
from fmexplore.checker.recompute_layers import MOST_READ, recompute
from fmexplore.checker.results import Finding, Outcome, Table
from fmexplore.checker.single_change import LayerRow, explain_by_one_change
from fmexplore.checker.summaries import Summary
from fmexplore.checker.torch_rows import find_wrong_rows
from fmexplore.checker.torch_sizes import check_sizes

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


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown + (", ..." if len(names) > 4 else "")
