"""Rules for single rows of torchinfo: modules used again, the ends of a Sequential, multiplications.

Each row contradicts another printed number, whatever stands between the rows.
"""

from collections.abc import Iterator
from dataclasses import replace

from fmexplore.checker.layer_kinds import PrintedLayer, fits, known, shape_text
from fmexplore.checker.layer_readings import read_layer
from fmexplore.checker.lone_rows import LoneRow
from fmexplore.checker.summaries import Summary
from fmexplore.checker.torch_sizes import is_whole, may_leave_out, wrong_multiplications

_CHANNELS_FIRST = {"conv", "transposed", "batch_norm", "instance_norm", "group_norm"}
_CHANNELS_LAST = {"dense", "embedding"}


def find_wrong_rows(summary: Summary) -> Iterator[LoneRow]:
    """The rows of a torchinfo table that contradict what is printed elsewhere in it."""
    if summary.form != "torchinfo summary":
        return
    if is_whole(summary):
        yield from _used_again(summary)
        yield from _ends(summary)
    if wrong := wrong_multiplications(summary):
        text = f"{wrong.name} is printed with {shape_text(wrong.output)} and {wrong.multiplied:,} multiplications and"
        rule = (
            "parameters times places of its output" if "Conv" in wrong.type else "parameters times rows of its output"
        )
        place = next(at for at, layer in enumerate(summary.layers) if layer is wrong)
        yield LoneRow(place, f"{text} additions, which do not fit.", f"They are its {rule}.", (wrong.line,))


def _width(layer: PrintedLayer) -> int | None:
    if not layer.output or layer.kind not in _CHANNELS_FIRST | _CHANNELS_LAST:
        return None
    return layer.output[0 if layer.kind in _CHANNELS_FIRST else -1]


def _used_again(summary: Summary) -> Iterator[LoneRow]:
    """A module that is used again has the channels of one of the rows above it."""
    deepest = max(layer.depth for layer in summary.layers)
    if any(_may_hold(layer, deepest) for layer in summary.layers):
        return
    first: dict[str, set[int | None]] = {}
    for place, layer in enumerate(summary.layers):
        width = _width(layer)
        if layer.counted:
            first.setdefault(layer.type, set()).add(width)
        elif width is not None and (there := first.get(layer.type)) and None not in there and width not in there:
            widths = ", ".join(str(each) for each in sorted(each or 0 for each in there))
            text = f"{layer.name} is used again, with {width:,} channels: no {layer.type} above it has as many."
            yield LoneRow(place, text, f"Those above it have {widths}.", (layer.line,))


def _may_hold(layer: PrintedLayer, deepest: int) -> bool:
    """Whether a row can stand for modules inside it that are not printed."""
    return not layer.holds and layer.depth >= deepest and layer.kind in ("", "container") and not layer.dashed


def _ends(summary: Summary) -> Iterator[LoneRow]:
    """A Sequential puts out what its last row puts out, or what a row used again, and left out, makes of that."""
    layers = summary.layers
    for place, layer in enumerate(layers):
        if layer.type != "Sequential" or not layer.holds or not known(layer.output):
            continue
        last = None
        for at in range(place + 1, len(layers)):
            if layers[at].depth <= layer.depth:
                break
            if layers[at].depth == layer.depth + 1:
                last = at
        made = layers[last].output if last is not None else None
        if last is None or made is None or not known(made) or fits(layer.output, made):
            continue
        if may_leave_out(summary) and any(
            not each.holds and next(read_layer(replace(each, input=None, output=layer.output), [made], "torch"), None)
            for each in layers[:last]
            if each.kind not in ("", "container")
        ):
            continue
        end = layers[last]
        text = f"{layer.name} is printed with {shape_text(layer.output)}, but its last row {end.name} with"
        yield LoneRow(
            last,
            f"{text} {shape_text(made)}.",
            "A Sequential puts out what its last module does.",
            (layer.line, end.line),
        )
