"""What each kind of layer makes of its inputs, and what settings a printed layer may have had.

Knows layers one at a time: no summary, no text. What is not printed stays open: a layer has a reading if there is any
way to fill in what is not known. Which sizes a window can make is in `windows`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from fmexplore.checker import windows
from fmexplore.checker.layer_kinds import WINDOWED, PrintedLayer, Shape, Size, Style, both, fits, known, product

LARGEST_SIDE = 1024
MOST_GROUPS = 48  # ways to divide channels into groups
MOST_WINDOWS = 100  # of a layer; where none of so many fits, another may
_USUAL = (3, 1, 5, 7, 2, 4, 11)  # sides of a window
_SUGGESTED = (3, 5, 1, 7, 2, 4, 6, 8, 9, 10, 11)


@dataclass(frozen=True)
class Reading:
    """Settings with which a printed layer would have this output and these parameters; None for what stays open."""

    output: Shape | None
    parameters: int | None
    words: str = ""
    kernel: tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    padding: str | int | tuple[int, ...] | None = None
    bias: bool | None = None
    judged: bool = True  # False: the kind of layer is known, but not what this one does


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
            yield replace(reading, output=both(layer.output, reading.output))


def suggest(layer: PrintedLayer, inputs: Sequence[Shape | None], style: Style) -> list[Reading]:
    """Readings with known settings that come closest to a layer that cannot be true.

    Those with the printed shape come first, and among them those with the most similar number of parameters.
    """
    units = layer.units or _channels_of(layer, style)
    bare = replace(layer, parameters=None, output=None, units=units)
    tries = [bare]
    if layer.kind in WINDOWED:
        sides = (
            [layer.kernel]
            if layer.kernel
            else [(side,) * (layer.rank or _rank_of(layer.output)) for side in _SUGGESTED]
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
        rank = layer.rank or _rank_of(layer.output)
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


def _rank_of(shape: Shape | None) -> int:
    return max(len(shape) - 1, 1) if shape else 2


def _channels_of(layer: PrintedLayer, style: Style) -> Size:
    if not layer.output:
        return None
    first = style == "torch" and layer.kind != "dense"
    return layer.output[0] if first else layer.output[-1]


@dataclass(frozen=True)
class _Use:
    """A layer and its inputs."""

    layer: PrintedLayer
    shape: Shape | None  # the first of the inputs, or the one printed beside the layer
    inputs: list[Shape | None]
    style: Style
    even: bool

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """Where channels can stand: Keras does not print which way round its maps are."""
        return (0,) if self.style == "torch" else (-1,) if self.layer.channels_last else (-1, 0)


def _readings(layer: PrintedLayer, inputs: Sequence[Shape | None], style: Style, even: bool) -> Iterator[Reading]:
    """What a layer of its kind can make of its inputs; its printed values are used where they say which settings."""
    read = _READERS.get(layer.kind)
    if not read:
        return iter(())
    given: list[Shape | None] = [layer.input] if layer.input is not None and len(inputs) < 2 else [*inputs]
    return read(_Use(layer, given[0] if given else None, given, style, even))


def _open(use: _Use) -> Reading:
    made = use.layer.calculated  # from its arguments
    return Reading(use.layer.output, made, judged=made is not None)


def _dense(use: _Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    if shape is not None and not shape:
        yield _open(use)
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
            words = f"{_count(width, 'input')}, {_count(units, 'unit')}, {_bias(bias)}"
            yield Reading(made, (width + bias) * units, words, bias=bias)
        elif units is None or layer.parameters is None:
            yield Reading(made, None, bias=bias)
        elif layer.parameters % units == 0 and layer.parameters // units > bias:
            width = layer.parameters // units - bias
            words = f"{_count(width, 'input')}, {_count(units, 'unit')}, {_bias(bias)}"
            yield Reading(made, layer.parameters, words, bias=bias)
            width = None


def _embedding(use: _Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    size = layer.output[-1] if layer.output else layer.units
    made = (*shape, size) if shape is not None else layer.output
    if layer.parameters is None or size is None:
        yield Reading(made, layer.calculated)
    elif layer.parameters and layer.parameters % size == 0:
        words = f"{layer.parameters // size:,} entries of {size:,} values"
        yield Reading(made, layer.parameters, words)


def _recurrent(use: _Use) -> Iterator[Reading]:
    """Keras: sequences or only the last output; torch: several layers, in both directions."""
    layer, shape, units = use.layer, use.shape, use.layer.output[-1] if use.layer.output else use.layer.units
    if use.style == "torch" or not shape or units is None or shape[-1] is None:
        yield from _recurrent_torch(use, units)
        return
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[layer.kind]
    for made in ((units,), (*shape[:-1], units)):
        for biases in (1, 2, 0):
            words = f"{_count(shape[-1], 'input')}, {_count(units, 'unit')}"
            yield Reading(made, gates * units * (shape[-1] + units + biases), words)
    if layer.type.lower() in ("rnn", "simplernn"):  # of any cell
        yield _open(use)


def _recurrent_torch(use: _Use, units: Size) -> Iterator[Reading]:
    width = use.shape[-1] if use.shape else None
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[use.layer.kind]
    if use.style == "torch" and width and units:
        for depth in range(1, 9):
            for ways in (1, 2):
                hidden = units // ways
                for biases in (2, 0):
                    first = gates * hidden * (width + hidden + biases)
                    later = gates * hidden * (ways * hidden + hidden + biases)
                    words = f"{_count(hidden, 'unit')}, {_count(depth, 'layer')}"
                    yield Reading(use.layer.output, ways * (first + (depth - 1) * later), words)
    yield _open(use)  # with projections, or a width that is not known


def _conv_lstm(use: _Use) -> Iterator[Reading]:
    yield _open(use)


def _bidirectional(use: _Use) -> Iterator[Reading]:
    """Of any recurrent layer; the usual ones are recognised."""
    layer, shape = use.layer, use.shape
    if shape and shape[-1] and layer.output and layer.output[-1] and layer.parameters:
        for units in (layer.output[-1] // 2, layer.output[-1]):
            for gates in (4, 3, 1):
                for biases in (1, 2, 0):
                    count = 2 * gates * units * (shape[-1] + units + biases)
                    if count == layer.parameters:
                        yield Reading(layer.output, count, f"two of {_count(units, 'unit')}")
    yield _open(use)


def _attention(use: _Use) -> Iterator[Reading]:
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
    yield replace(_open(use), output=made)


def _batch_norm(use: _Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not shape:
        yield replace(_open(use), output=shape)
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
                yield Reading(shape, each * channels, f"{each} for each of {_count(channels, 'channel')}")


def _layer_norm(use: _Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not known(shape) or not shape:
        yield replace(_open(use), output=shape)
        return
    widths = [product(shape[axis:]) for axis in reversed(range(len(shape)))] + list(shape)
    if layer.kind == "group_norm":
        widths = [shape[axis] for axis in use.channel_axes]
    for width in dict.fromkeys(widths):
        for each in (2, 1, 0):
            yield Reading(shape, each * (width or 0), f"{each} for each of {width:,}")


def _prelu(use: _Use) -> Iterator[Reading]:
    layer = use.layer
    shape = both(use.shape, layer.output) if fits(use.shape, layer.output) else use.shape
    if not known(shape) or not shape:
        yield replace(_open(use), output=shape)
        return
    yield Reading(shape, 1)
    for size in shape:
        yield Reading(shape, size)
    for left_out in range(1 << min(len(shape), 4)):  # axes that share their slopes
        sizes = [size for axis, size in enumerate(shape) if not left_out >> axis & 1]
        yield Reading(shape, product(tuple(sizes)))


def _global_pool(use: _Use) -> Iterator[Reading]:
    shape, made = use.shape, use.layer.output
    if shape is None:
        yield Reading(made, 0)
        return
    if len(shape) < 2:
        return
    for axis in (-1,) if use.layer.channels_last else (-1, 0):
        ones = (1,) * (len(shape) - 1)
        yield Reading((shape[axis],), 0)
        yield Reading((*ones, shape[-1]) if axis else (shape[0], *ones), 0)


def _resize(use: _Use) -> Iterator[Reading]:
    """Sizes change, channels stay. The way that they change depends on the layer."""
    shape, made, name = use.shape, use.layer.output, use.layer.type.lower()
    if not shape or not made or len(shape) < 2:
        yield Reading(made, 0)
        return
    for axis in use.channel_axes:
        if len(made) != len(shape) or not fits((made[axis],), (shape[axis],)):
            continue
        pairs = [(a, b) for at, (a, b) in enumerate(zip(shape, made)) if at != axis % len(shape) and None not in (a, b)]
        if use.style == "keras" and not all(_resizes(name, a or 0, b or 0) for a, b in pairs):
            continue
        yield Reading(made, 0)


def _resizes(name: str, before: int, after: int) -> bool:
    if name.startswith("upsampling"):
        return after % before == 0 if before else True
    if name.startswith("zeropadding"):
        return after >= before
    if name.startswith("cropping"):
        return after <= before
    return True


def _adaptive_pool(use: _Use) -> Iterator[Reading]:
    shape, made = use.shape, use.layer.output
    if not shape or not made or len(shape) < 2 or (len(made) == len(shape) and fits(made[:1], shape[:1])):
        yield Reading(made, 0)


def _reshape(use: _Use) -> Iterator[Reading]:
    shape, made = use.shape, use.layer.output
    if shape is None or made is None or _may_hold_as_many(shape, made):
        yield Reading(made, 0)


def _may_hold_as_many(one: Shape, other: Shape) -> bool:
    """Whether two shapes can have as many values: what is known of one divides the other."""
    left, right = (math.prod(size for size in shape if size is not None) for shape in (one, other))
    if None in one and None in other:
        return True
    if None in one:
        return left == 0 or right % left == 0
    if None in other:
        return right == 0 or left % right == 0
    return left == right


def _repeat(use: _Use) -> Iterator[Reading]:
    yield Reading((None, *use.shape) if use.shape is not None else use.layer.output, 0)


def _flatten(use: _Use) -> Iterator[Reading]:
    shape, made = use.shape, use.layer.output
    if shape is None:
        yield Reading(made, 0)
    elif use.style == "torch" and made is not None and len(made) > 1:  # only some of the axes
        if _may_hold_as_many(shape, made):
            yield Reading(made, 0)
    elif made is None or (len(made) == 1 and _may_hold_as_many(shape, made)):
        yield Reading(made or (product(shape),), 0)
    else:
        yield Reading((product(shape),), 0)


def _same(use: _Use) -> Iterator[Reading]:
    yield Reading(use.layer.output if use.shape is None else use.shape, 0)


def _input(use: _Use) -> Iterator[Reading]:
    yield Reading(use.layer.output, 0)


def _sum(use: _Use) -> Iterator[Reading]:
    """Sizes of 1 are stretched to those of the other inputs; fewer axes are the last ones."""
    if not use.inputs or None in use.inputs or use.layer.type.lower() == "merge":
        yield Reading(use.layer.output, 0)
        return
    shapes = [shape for shape in use.inputs if shape is not None]
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    made: list[Size] = []
    for sizes in zip(*padded):
        wide = {size for size in sizes if size not in (None, 1)}
        if len(wide) > 1:
            return
        made.append(next(iter(wide)) if wide else None if None in sizes else 1)
    yield Reading(tuple(made), 0)


def _concatenate(use: _Use) -> Iterator[Reading]:
    if not use.inputs or None in use.inputs:
        yield Reading(use.layer.output, 0)
        return
    shapes = [shape for shape in use.inputs if shape is not None]
    if len({len(shape) for shape in shapes}) != 1:
        return
    for axis in reversed(range(len(shapes[0]))):
        rest = [shape[:axis] + shape[axis + 1 :] for shape in shapes]
        if all(fits(rest[0], other) for other in rest):
            sizes = [shape[axis] for shape in shapes]
            total = None if None in sizes else sum(size or 0 for size in sizes)
            yield Reading((*rest[0][:axis], total, *rest[0][axis:]), 0, f"along axis {axis + 1}")


def _convolutions(use: _Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    rank = layer.rank or _rank_of(shape or layer.output)
    lengths = {len(each) for each in (shape, layer.output) if each is not None}
    if lengths - {rank + 1}:
        if use.style == "torch" or (shape is not None and len(shape) > rank + 1):  # no batch, or more axes for it
            yield _open(use)
        return
    for axis in use.channel_axes:
        (channels, before), (filters, after) = (_divided(each, axis, rank) for each in (shape, layer.output))
        if layer.channels is not None:
            if channels not in (None, layer.channels):
                continue
            channels = layer.channels
        yield from _convolutions_along(use, axis, (channels, layer.units or filters), (before, after))


def _convolutions_along(
    use: _Use, axis: int, channels: tuple[Size, Size], sizes: tuple[Shape, Shape]
) -> Iterator[Reading]:
    """Those whose channels stand along an axis; `channels` and `sizes` are each of the input and of the output."""
    ways = _weights(use.layer, *channels, len(sizes[0]))
    for tried, (kernel, count, groups, bias) in enumerate(ways):
        if tried > MOST_WINDOWS:
            yield _open(use)
            return
        for made, settings in _windows_of(use, kernel, *sizes):
            weights = _weights_in_words(kernel, channels[0], groups, bias) if groups else ""
            words = ", ".join(each for each in (weights, _settings_in_words(settings)) if each)
            whole = (channels[1], *made) if axis == 0 else (*made, channels[1])
            yield Reading(whole, count, words, kernel, settings[1], settings[2], bias)


def _divided(shape: Shape | None, axis: int, rank: int) -> tuple[Size, Shape]:
    """Channels and sizes."""
    if shape is None:
        return None, (None,) * rank
    return (shape[0], shape[1:]) if axis == 0 else (shape[-1], shape[:-1])


_Settings = tuple[tuple[int, ...] | None, int | tuple[int, ...] | None, str | int | tuple[int, ...] | None, int]


def _windows_of(
    use: _Use, kernel: tuple[int, ...] | None, before: Shape, after: Shape
) -> Iterator[tuple[Shape, _Settings]]:
    """The sizes that a convolution can make, with the settings in which it does as far as they are known."""
    layer, style = use.layer, use.style
    grown = layer.kind == "transposed"
    paddings: list[str | int | tuple[int, ...] | None] = [layer.padding]
    if layer.padding is None and style == "keras":
        paddings = ["valid", "same"]
    if layer.stride is not None and None not in paddings and not grown:
        for padding in (each for each in paddings if each is not None):
            yield _slid(before, kernel, layer.stride, padding, layer.dilation or 1), (kernel, layer.stride, padding, 1)
        return
    yield from _windows_left_open(use, kernel, before, after, paddings)


def _windows_left_open(
    use: _Use,
    kernel: tuple[int, ...] | None,
    before: Shape,
    after: Shape,
    paddings: Sequence[str | int | tuple[int, ...] | None],
) -> Iterator[tuple[Shape, _Settings]]:
    """As `_windows_of`, where the stride or the padding is not known: the printed sizes, if any settings make them."""
    style = use.style
    sides = kernel or (None,) * len(before)
    if use.layer.kind == "transposed":
        if all(windows.grows(a, b, side, style) for a, b, side in zip(before, after, sides)):
            yield after, (kernel, None, None, 1)
        return
    if known(before) and known(after) and (kernel is None or len(set(kernel)) == 1):
        common = _common_settings(before, after, style, kernel)
        if common and kernel is None:
            yield after, (None, None, None, 1)
            return
        if common:
            best = min(common, key=lambda each: (each[3], each[1], abs(each[2])))
            padding = best[2] if style == "torch" and best[2] != windows.SAME else "same" if best[2] else "valid"
            yield after, (kernel, best[1], padding, best[3])
            return
    if use.even and known(before) and known(after):
        return
    for padding in paddings:
        way = "" if padding is None else str(padding)
        if all(windows.slides(a, b, side, style, way) for a, b, side in zip(before, after, sides)):
            yield after, (kernel, None, None if None in (*before, *after) else padding, 1)
            return


def _common_settings(
    before: Shape, after: Shape, style: Style, kernel: tuple[int, ...] | None
) -> frozenset[windows.Setting]:
    """Usual settings, the same on all axes; of any usual window where it is not known."""
    found: frozenset[windows.Setting] = frozenset()
    for side in (kernel[0],) if kernel else _USUAL:
        pairs = zip(before, after)
        found |= frozenset.intersection(*(windows.slide_settings(a or 0, b or 0, side, style) for a, b in pairs))
    return found


def _slid(
    before: Shape,
    kernel: tuple[int, ...] | None,
    stride: int | tuple[int, ...],
    padding: str | int | tuple[int, ...],
    dilation: int | tuple[int, ...],
) -> Shape:
    rank = len(before)
    sides = kernel or (None,) * rank
    steps, wide = (each if isinstance(each, tuple) else (each,) * rank for each in (stride, dilation))
    pads = padding if isinstance(padding, tuple) else (padding,) * rank
    return tuple(
        windows.slid(size, side, step, pad, apart)
        for size, side, step, pad, apart in zip(before, sides, steps, pads, wide)
    )


def _settings_in_words(settings: _Settings) -> str:
    _, stride, padding, dilation = settings
    words = []
    if padding is not None:
        words.append(f"{padding!r} padding" if isinstance(padding, str) else f"pad {padding}")
    if stride not in (None, 1):
        words.append(f"stride {stride}")
    if dilation > 1:
        words.append(f"dilation {dilation}")
    return ", ".join(words)


# Kernel, parameters, groups and bias; no groups where it is not known how the weights are made up.
_Weights = tuple[tuple[int, ...] | None, int | None, int, bool | None]


def _weights(layer: PrintedLayer, channels: Size, filters: Size, rank: int) -> Iterator[_Weights]:
    """Ways to make up the weights; only those with the printed number of parameters, if there is one."""
    for bias in (True, False) if layer.bias is None else (layer.bias,):
        if filters is None or (layer.parameters is None and layer.kernel is None):
            yield layer.kernel, layer.calculated, 0, bias
        elif layer.parameters is not None:
            yield from _weights_of_count(layer, channels, filters, rank, bias)
        elif channels is None or layer.kernel is None or channels % (layer.groups or 1):
            yield layer.kernel, layer.calculated, 0, bias
        else:
            groups = layer.groups or 1
            count = _COUNTS[layer.kind](channels, filters, math.prod(layer.kernel), groups, bias)
            if count is not None:
                yield layer.kernel, count, groups, bias


def _weights_of_count(layer: PrintedLayer, channels: Size, filters: int, rank: int, bias: bool) -> Iterator[_Weights]:
    """Those with which a convolution has its printed number of parameters."""
    for area, groups in _areas(layer, channels, filters, bias):
        if area is None:
            yield layer.kernel, layer.parameters, groups, bias
            continue
        for kernel in _kernels(area, rank) if layer.kernel is None else (layer.kernel,):
            if math.prod(kernel) == area:
                yield kernel, layer.parameters, groups, bias


def _areas(layer: PrintedLayer, channels: Size, filters: int, bias: bool) -> Iterator[tuple[int | None, int]]:
    """The areas of the kernels, and groups, with which a convolution has its printed parameters."""
    weights = (layer.parameters or 0) - bias * filters
    if weights <= 0 or filters <= 0:
        return
    if layer.kind == "separable":
        yield from _separable_areas(channels, filters, weights)
        return
    if weights % filters:
        return
    each = weights // filters
    if layer.kind == "depthwise":
        if channels is None or (channels > 0 and filters % channels == 0):
            yield each, channels or 1
    elif channels is not None:
        yield from _grouped_areas(layer, channels, filters, each)
    elif layer.kernel is None:
        yield None, 1
    elif each % math.prod(layer.kernel) == 0:
        yield math.prod(layer.kernel), 1


def _grouped_areas(layer: PrintedLayer, channels: int, filters: int, each: int) -> Iterator[tuple[int | None, int]]:
    """Those with `each` weights for a filter, over all channels or over a group of them."""
    ways = (layer.groups,) if layer.groups else _common_divisors(channels, filters)
    for groups in ways[:MOST_GROUPS]:
        if channels and each * groups % channels == 0:
            yield each * groups // channels, groups
    if len(ways) > MOST_GROUPS and layer.kernel is None:
        yield None, 1


def _separable_areas(channels: Size, filters: int, weights: int) -> Iterator[tuple[int | None, int]]:
    """Depthwise kernels for each of several multiples of the channels, then 1x1 over all of them."""
    if channels is None:
        yield None, 1
        return
    for times in range(1, 65):
        area = weights - times * channels * filters
        if area <= 0:
            return
        if channels and area % (times * channels) == 0:
            yield area // (times * channels), times


@cache
def _common_divisors(one: int, other: int) -> tuple[int, ...]:
    """The usual ones first: no groups, and one for each channel."""
    common = math.gcd(one, other)
    found = [each for each in range(1, min(math.isqrt(common), 10_000) + 1) if common % each == 0]
    found += [common // each for each in found]
    return tuple(dict.fromkeys((1, common, *sorted(found))))


@cache
def _kernels(area: int, rank: int) -> tuple[tuple[int, ...], ...]:
    """All windows of that area, those with equal sides first."""
    if rank == 1:
        return ((area,),)
    if rank == 2:
        pairs = [(side, area // side) for side in range(1, LARGEST_SIDE + 1) if area % side == 0]
        found = [pair for pair in pairs if pair[1] <= LARGEST_SIDE]
    else:
        found = [
            (one, two, area // (one * two))
            for one in range(1, 33)
            if area % one == 0
            for two in range(1, 33)
            if area // one % two == 0
        ]
    return tuple(sorted(found, key=lambda each: (max(each) - min(each), each)))


def _plain_count(channels: int, filters: int, area: int, groups: int, bias: bool) -> int:
    return (area * channels // groups + bias) * filters


def _depthwise_count(channels: int, filters: int, area: int, _groups: int, bias: bool) -> int | None:
    return (area + bias) * filters if channels and filters % channels == 0 else None


def _separable_count(channels: int, filters: int, area: int, _groups: int, bias: bool) -> int:
    return channels * (area + filters) + bias * filters


_COUNTS: dict[str, Callable[[int, int, int, int, bool], int | None]] = {
    "conv": _plain_count,
    "transposed": _plain_count,
    "depthwise": _depthwise_count,
    "separable": _separable_count,
}


def _pools(use: _Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    rank = layer.rank or _rank_of(shape or layer.output)
    if shape is not None and len(shape) != rank + 1:
        if use.style == "torch" or len(shape) > rank + 1:
            yield replace(_open(use), parameters=0)
        return
    for axis in use.channel_axes:
        (channels, before), (kept, after) = (_divided(each, axis, rank) for each in (shape, layer.output))
        if layer.output is not None and (len(layer.output) != rank + 1 or not fits((channels,), (kept,))):
            continue
        for sizes, (kernel, stride, padding) in _pooled(use, before, after):
            side = "" if kernel is None else f"window {'x'.join(map(str, kernel))}"
            moved = "" if kernel is None or stride in (None, kernel[0], kernel) else f" stride {stride}"
            padded = "" if padding in (None, "valid", 0) else ", padded"
            channel = kept if channels is None else channels
            made = (channel, *sizes) if axis == 0 else (*sizes, channel)
            yield Reading(made, 0, f"{side}{moved}{padded}", kernel, stride, padding)


_Pooling = tuple[tuple[int, ...] | None, int | tuple[int, ...] | None, str | int | tuple[int, ...] | None]


def _pooled(use: _Use, before: Shape, after: Shape) -> Iterator[tuple[Shape, _Pooling]]:
    layer, style, rank = use.layer, use.style, len(before)
    if layer.kernel and layer.stride is not None and layer.padding is not None:
        sizes = _slid(before, layer.kernel, layer.stride, layer.padding, layer.dilation or 1)
        yield sizes, (layer.kernel, layer.stride, layer.padding)
        return
    if known(before) and known(after):
        sides = (layer.kernel[0],) if layer.kernel and len(set(layer.kernel)) == 1 else ()
        pairs = zip(before, after)
        common = frozenset.intersection(*(windows.pool_settings(a or 0, b or 0, style, sides) for a, b in pairs))
        if common:
            best = min(common, key=lambda each: (each[3], each[2] != 0, each[1] != each[0], each[0] == 1, each[0]))
            padding = "same" if best[2] == windows.SAME else "valid" if style == "keras" else best[2]
            yield after, ((best[0],) * rank, best[1], padding)
            return
        if use.even:
            return
    sides = layer.kernel or (None,) * rank
    if all(windows.pools(a, b, side, style) for a, b, side in zip(before, after, sides)):
        yield after, (layer.kernel, None, None)


_READERS: dict[str, Callable[[_Use], Iterator[Reading]]] = {
    "conv": _convolutions,
    "depthwise": _convolutions,
    "separable": _convolutions,
    "transposed": _convolutions,
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
    "pool": _pools,
    "global_pool": _global_pool,
    "adaptive_pool": _adaptive_pool,
    "resize": _resize,
    "reshape": _reshape,
    "repeat": _repeat,
    "flatten": _flatten,
    "same": _same,
    "input": _input,
    "sum": _sum,
    "concatenate": _concatenate,
}


def _weights_in_words(kernel: tuple[int, ...] | None, channels: Size, groups: int, bias: bool | None) -> str:
    if kernel is None or channels is None:
        return _bias(bias)
    split = f" in {groups:,} groups" if groups > 1 else ""
    return f"{'x'.join(map(str, kernel))} over {_count(channels, 'channel')}{split} {_bias(bias)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def _bias(bias: bool | None) -> str:
    return "with bias" if bias else "without bias"
