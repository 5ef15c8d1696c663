"""What each kind of layer makes of its inputs, and what settings a printed layer may have had.

Knows layers one at a time: no summary, no text. What is not printed stays open: a layer has a reading if there is any
way to fill in what is not known. Convolutions and pools are in `window_readings`, layers
without parameters in `shape_readings`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fmexplore.checker import shape_readings
from fmexplore.checker.layer_kinds import WINDOWED, PrintedLayer, Shape, Size, Style, both, fits, known, product
from fmexplore.checker.readings import Reading, Use, bias_text, count_text, open_reading, rank_of
from fmexplore.checker.window_readings import convolutions, pools

_SUGGESTED = (3, 5, 1, 7, 2, 4, 6, 8, 9, 10, 11)  # sides of a window


def read_layer(
    layer: PrintedLayer, inputs: Sequence[Shape | None], style: Style, even: bool = False
) -> Iterator[Reading]:
    """All readings of a layer that fit its printed shape and parameters, the simplest first.

    Args:
        layer: as printed.
        inputs: the shapes of its inputs; none, or None in place of one, where they are not known.
        style: the library that printed it.
        even: only readings with usual settings that are the same on all axes.

    Yields:
        Readings; none for a layer of an unknown kind, or one that cannot be true.
    """
    for reading in _readings(layer, inputs, style, even):
        alike = None in (layer.parameters, reading.parameters) or layer.parameters == reading.parameters
        if alike and fits(layer.output, reading.output):
            made = both(layer.output, reading.output)
            yield reading if made == reading.output else replace(reading, output=made)


def suggest(layer: PrintedLayer, inputs: Sequence[Shape | None], style: Style) -> list[Reading]:
    """Readings with known settings that come closest to a layer that cannot be true.

    Those with the printed shape come first, and among them those with the most similar number of parameters.
    """
    units = layer.units or _channels_of(layer, style)
    bare = replace(layer, parameters=None, output=None, units=units)
    tries = [bare]
    if layer.kind in WINDOWED:
        sides = (
            [layer.kernel] if layer.kernel else [(side,) * (layer.rank or rank_of(layer.output)) for side in _SUGGESTED]
        )
        steps = [layer.stride] if layer.stride else [1, 2]
        paddings = [layer.padding] if layer.padding is not None else ["valid", "same"]
        tries = [
            replace(bare, kernel=kernel, stride=stride, padding=padding)
            for kernel in sides
            for stride in steps
            for padding in paddings
        ]
    elif layer.kind == "pool" and not layer.kernel:
        rank = layer.rank or rank_of(layer.output)
        tries = [
            replace(bare, kernel=(side,) * rank, stride=side, padding=padding)
            for side in (2, 3)
            for padding in ("valid", "same")
        ]
    printed = layer.parameters or 0
    found = [reading for each in tries for reading in _readings(each, inputs, style, False) if reading.judged]
    return sorted(
        (reading for reading in found if reading.parameters is not None),
        key=lambda reading: (not fits(layer.output, reading.output), abs((reading.parameters or 0) - printed)),
    )


def _channels_of(layer: PrintedLayer, style: Style) -> Size:
    if not layer.output:
        return None
    first = style == "torch" and layer.kind != "dense"
    return layer.output[0] if first else layer.output[-1]


def _readings(layer: PrintedLayer, inputs: Sequence[Shape | None], style: Style, even: bool) -> Iterator[Reading]:
    """What a layer of its kind can make of its inputs; its printed values are used where they say which settings."""
    read = _READERS.get(layer.kind)
    if not read:
        return iter(())
    given: list[Shape | None] = [layer.input] if layer.input is not None and len(inputs) < 2 else [*inputs]
    return read(Use(layer, given[0] if given else None, given, style, even))


def _dense(use: Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    if shape is not None and not shape:
        yield open_reading(use)
        return
    units = layer.units or (layer.output[-1] if layer.output else None)
    width = shape[-1] if shape else None
    if layer.channels is not None:
        if width not in (None, layer.channels):
            return
        width = layer.channels
    made = (*shape[:-1], units) if shape else layer.output
    for bias in (True, False) if layer.bias is None else (layer.bias,):
        if width is not None and units is not None:
            words = f"{count_text(width, 'input')}, {count_text(units, 'unit')}, {bias_text(bias)}"
            yield Reading(made, (width + bias) * units, words, bias=bias)
        elif units is None or layer.parameters is None:
            yield Reading(made, None, bias=bias)
        elif layer.parameters % units == 0 and layer.parameters // units > bias:
            width = layer.parameters // units - bias
            words = f"{count_text(width, 'input')}, {count_text(units, 'unit')}, {bias_text(bias)}"
            yield Reading(made, layer.parameters, words, bias=bias)
            width = None


def _embedding(use: Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    size = layer.output[-1] if layer.output else layer.units
    made = (*shape, size) if shape is not None else layer.output
    if layer.parameters is None or size is None:
        yield Reading(made, layer.calculated)
    elif layer.parameters and layer.parameters % size == 0:
        words = f"{layer.parameters // size:,} entries of {size:,} values"
        yield Reading(made, layer.parameters, words)


def _recurrent(use: Use) -> Iterator[Reading]:
    """Keras: sequences or only the last output; torch: several layers, in both directions."""
    layer, shape, units = use.layer, use.shape, use.layer.output[-1] if use.layer.output else use.layer.units
    if use.style == "torch" or not shape or units is None or shape[-1] is None:
        yield from _recurrent_torch(use, units)
        return
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[layer.kind]
    for made in ((units,), (*shape[:-1], units)):
        for biases in (1, 2, 0):
            words = f"{count_text(shape[-1], 'input')}, {count_text(units, 'unit')}"
            yield Reading(made, gates * units * (shape[-1] + units + biases), words)
    if layer.type.lower() in ("rnn", "simplernn"):  # of any cell
        yield open_reading(use)


def _recurrent_torch(use: Use, units: Size) -> Iterator[Reading]:
    """As long a sequence comes out as went in, unless it is packed, where a shape has an axis less."""
    shape, made = use.shape, use.layer.output
    width = shape[-1] if shape else None
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[use.layer.kind]
    if use.style == "torch" and shape and made and len(shape) == len(made) and not fits(shape[:-1], made[:-1]):
        return
    if use.style == "torch" and width and units:
        for depth in range(1, 9):
            for ways in (1, 2):
                hidden = units // ways
                for biases in (2, 0):
                    first = gates * hidden * (width + hidden + biases)
                    later = gates * hidden * (ways * hidden + hidden + biases)
                    words = f"{count_text(hidden, 'unit')}, {count_text(depth, 'layer')}"
                    yield Reading(use.layer.output, ways * (first + (depth - 1) * later), words)
        if use.even and use.layer.parameters is not None:
            return
    yield open_reading(use)  # with projections, or a width that is not known


def _conv_lstm(use: Use) -> Iterator[Reading]:
    yield open_reading(use)


def _bidirectional(use: Use) -> Iterator[Reading]:
    """Of any recurrent layer; the usual ones are recognised."""
    layer, shape = use.layer, use.shape
    if shape and shape[-1] and layer.output and layer.output[-1] and layer.parameters:
        for units in (layer.output[-1] // 2, layer.output[-1]):
            for gates in (4, 3, 1):
                for biases in (1, 2, 0):
                    count = 2 * gates * units * (shape[-1] + units + biases)
                    if count == layer.parameters:
                        yield Reading(layer.output, count, f"two of {count_text(units, 'unit')}")
    yield open_reading(use)


def _attention(use: Use) -> Iterator[Reading]:
    """Its width comes out as it went in; the parameters are recognised where all parts have the usual sizes."""
    layer, shape = use.layer, use.shape
    width = shape[-1] if shape else layer.output[-1] if layer.output else None
    made = (*shape[:-1], None) if shape else layer.output
    if width is None or layer.parameters is None:
        yield Reading(made, layer.calculated, judged=layer.calculated is not None)
        return
    for bias in (1, 0):
        for parts in (4, 3):  # the last of them may have a row of its own
            if parts * width * (width + bias) == layer.parameters:
                yield Reading(made, layer.parameters, f"{parts} projections of {width:,} values")
    if use.style == "keras" and layer.parameters > width and (layer.parameters - width) % (4 * width + 3) == 0:
        all_heads = (layer.parameters - width) // (4 * width + 3)
        yield Reading(made, layer.parameters, f"{width:,} values, heads of {all_heads:,} in all")
    yield replace(open_reading(use), output=made)


def _batch_norm(use: Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not shape:
        yield replace(open_reading(use), output=shape)
        return
    axes = (0,) if use.style == "torch" else dict.fromkeys((len(shape) - 1, *range(len(shape))))
    if layer.channels_last:
        axes = (-1,)
    for axis in axes:
        channels = shape[axis]
        if layer.channels is not None:
            if channels not in (None, layer.channels):
                continue
            channels = layer.channels
        for each in (4, 3, 2) if use.style == "keras" else (2, 0):
            if channels is None:
                if layer.parameters is None or (each and layer.parameters % each == 0):
                    yield Reading(shape, layer.parameters)
            else:
                yield Reading(shape, each * channels, f"{each} for each of {count_text(channels, 'channel')}")


def _layer_norm(use: Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not known(shape) or not shape:
        yield replace(open_reading(use), output=shape)
        return
    widths = [product(shape[axis:]) for axis in reversed(range(len(shape)))] + list(shape)
    if layer.kind == "group_norm":
        widths = [shape[axis] for axis in use.channel_axes]
    for width in dict.fromkeys(widths):
        for each in (2, 1, 0):
            yield Reading(shape, each * (width or 0), f"{each} for each of {width:,}")


def _prelu(use: Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not known(shape) or not shape:
        yield replace(open_reading(use), output=shape)
        return
    yield Reading(shape, 1)
    for size in shape:
        yield Reading(shape, size)
    for left_out in range(1 << min(len(shape), 4)):  # axes that share their slopes
        sizes = [size for axis, size in enumerate(shape) if not left_out >> axis & 1]
        yield Reading(shape, product(tuple(sizes)))


_READERS: dict[str, Callable[[Use], Iterator[Reading]]] = {
    "conv": convolutions,
    "depthwise": convolutions,
    "separable": convolutions,
    "transposed": convolutions,
    "dense": _dense,
    "embedding": _embedding,
    "lstm": _recurrent,
    "gru": _recurrent,
    "rnn": _recurrent,
    "conv_lstm": _conv_lstm,
    "bidirectional": _bidirectional,
    "attention": _attention,
    "batch_norm": _batch_norm,
    "instance_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _layer_norm,
    "prelu": _prelu,
    "pool": pools,
    **shape_readings.READERS,
}
