"""What convolutions and pools make of their inputs, with the settings that are printed or any that fit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fmexplore.checker import windows
from fmexplore.checker.layer_kinds import Shape, Size, Style, fits, known
from fmexplore.checker.readings import Reading, Use, open_reading, rank_of
from fmexplore.checker.weights import make_weights, weights_in_words

MOST_WINDOWS = 100  # of a layer; where none of so many fits, another may
_GROUPED = (1, 3, 5, 7, 9, 11)  # usual sides of windows over groups of channels
_USUAL = (3, 1, 5, 7, 2, 4, 11)  # sides of a window


def convolutions(use: Use) -> Iterator[Reading]:
    """Of any rank and kind: plain, depthwise, separable, transposed."""
    layer, shape = use.layer, use.shape
    rank = layer.rank or rank_of(shape or layer.output)
    lengths = {len(each) for each in (shape, layer.output) if each is not None}
    if lengths - {rank + 1}:
        if use.style == "torch" or (shape is not None and len(shape) > rank + 1):  # no batch, or more axes for it
            yield open_reading(use)
        return
    for axis in use.channel_axes:
        (channels, before), (filters, after) = (_divided(each, axis, rank) for each in (shape, layer.output))
        if layer.channels is not None:
            if channels not in (None, layer.channels):
                continue
            channels = layer.channels
        yield from _convolutions_along(use, axis, (channels, layer.units or filters), (before, after))


def _convolutions_along(
    use: Use, axis: int, channels: tuple[Size, Size], sizes: tuple[Shape, Shape]
) -> Iterator[Reading]:
    """Those whose channels stand along an axis; `channels` and `sizes` are each of the input and of the output."""
    ways = make_weights(use.layer, *channels, len(sizes[0]))
    for tried, (kernel, count, groups, bias) in enumerate(ways):
        if tried > MOST_WINDOWS:
            yield open_reading(use)
            return
        if use.even and 1 < groups < (channels[0] or 0) and kernel is not None and kernel[0] not in _GROUPED:
            continue
        for made, settings in _windows_of(use, kernel, *sizes):
            weights = weights_in_words(kernel, channels[0], groups, bias) if groups else ""
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
    use: Use, kernel: tuple[int, ...] | None, before: Shape, after: Shape
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
    use: Use,
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


def pools(use: Use) -> Iterator[Reading]:
    """The largest or the mean of each window."""
    layer, shape = use.layer, use.shape
    rank = layer.rank or rank_of(shape or layer.output)
    if shape is not None and len(shape) != rank + 1:
        if use.style == "torch" or len(shape) > rank + 1:
            yield replace(open_reading(use), parameters=0)
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


def _pooled(use: Use, before: Shape, after: Shape) -> Iterator[tuple[Shape, _Pooling]]:
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
