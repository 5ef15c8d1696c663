"""The kinds of layer in Keras and torch, and what settings a printed layer may have had.

Knows layers one at a time: no summary, no text. A shape is (channels, height, width) or (values,), as in
`models.shapes`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from fmexplore.models.shapes import Shape

Style = Literal["keras", "torch"]
SAME = (
    "dropout spatialdropout1d spatialdropout2d gaussiandropout gaussiannoise alphadropout dropout1d dropout2d "
    "activation relu relu6 leakyrelu elu selu celu gelu silu swish mish tanh sigmoid hardswish hardsigmoid softplus "
    "softmax logsoftmax softmax2d identity rescaling rescale randomflip randomrotation randomzoom randomtranslation "
    "randomcontrast randombrightness randomheight randomwidth randomerasing activityregularization"
)
_NAMES = {
    "conv": "conv2d convolution2d conv convolution",
    "depthwise": "depthwiseconv2d",
    "separable": "separableconv2d separableconvolution2d",
    "transposed": "conv2dtranspose convtranspose2d",
    "dense": "dense linear fc",
    "batch_norm": "batchnormalization batchnorm2d batchnorm1d batchnorm batchnormalizationv1",
    "layer_norm": "layernormalization layernorm",
    "group_norm": "groupnormalization groupnorm",
    "pool": "maxpooling2d averagepooling2d maxpool2d avgpool2d maxpool avgpool maxpooling averagepooling",
    "global_pool": "globalmaxpooling2d globalaveragepooling2d globalmaxpool2d globalaveragepool2d "
    "globalavgpool globalmaxpool",
    "adaptive_pool": "adaptiveavgpool2d adaptivemaxpool2d",
    "flatten": "flatten",
    "same": SAME,
    "prelu": "prelu",
    "resize": "resizing centercrop randomcrop zeropadding2d upsampling2d upsample cropping2d zeropad2d",
    "reshape": "reshape unflatten permute pixelunshuffle pixelshuffle",
    "input": "inputlayer",
    "sum": "add subtract multiply average maximum minimum",
    "concatenate": "concatenate",
    "container": "sequential functional model modulelist",
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
LARGEST_KERNEL = 11


@dataclass(frozen=True)
class PrintedLayer:
    """A layer as it was printed; None for what was not printed."""

    name: str
    kind: str = ""  # of KINDS; empty for one that is not known
    output: Shape | None = None
    parameters: int | None = None
    sources: tuple[int, ...] | None = None  # rows of its inputs, -1: the input of the network; None: not known
    input: Shape | None = None
    units: int | None = None  # filters of a convolution, units of a dense layer
    kernel: tuple[int, int] | None = None
    stride: int | None = None
    padding: str | int | None = None
    bias: bool | None = None
    counted: bool = True  # in the total of the parameters
    inner: bool = False  # a layer inside another row
    frozen: bool = False


@dataclass(frozen=True)
class Reading:
    """Settings with which a printed layer would have this output and these parameters."""

    output: Shape
    parameters: int
    words: str = ""
    kernel: tuple[int, int] | None = None
    stride: int | None = None
    padding: str | int | None = None
    bias: bool | None = None


def find_kind(name: str) -> str:
    """The kind of a layer class of Keras or torch, even if cut short with an ellipsis; empty where it is not known.

    >>> find_kind("MaxPooling2D"), find_kind("BatchNormaliza…")
    ('pool', 'batch_norm')
    """
    plain = "".join(name.lower().replace("_", "").split())
    if not plain.endswith("…"):
        return KINDS.get(plain, "")
    found = {kind for each, kind in KINDS.items() if each.startswith(plain[:-1])}
    return found.pop() if len(found) == 1 and len(plain) > 3 else ""


def read_layer(layer: PrintedLayer, inputs: list[Shape], style: Style) -> Iterator[Reading]:
    """All readings of a layer that give its printed shape and parameters, the simplest first.

    Args:
        layer: as printed.
        inputs: the shapes of its inputs.
        style: the library that printed it.

    Yields:
        Readings; none for a layer of an unknown kind, or one that cannot be true.
    """
    for reading in _readings(layer, inputs, style):
        if layer.output in (None, reading.output) and layer.parameters in (None, reading.parameters):
            yield reading


def suggest(layer: PrintedLayer, inputs: list[Shape], style: Style) -> list[Reading]:
    """Readings that come closest to a layer that cannot be true: those with the printed shape first, and among
    them those with the most similar number of parameters."""
    units = layer.units or (layer.output[0] if layer.output else None)
    bare = replace(layer, parameters=None, output=None, units=units)
    printed = layer.parameters or 0
    return sorted(
        _readings(bare, inputs, style),
        key=lambda reading: (layer.output not in (None, reading.output), abs(reading.parameters - printed)),
    )


def slide(size: int, kernel: int, stride: int, padding: str | int) -> int:
    """The size of an output along one axis; 0 or less where the window is larger than the input."""
    if padding == "same":
        return -(-size // stride)
    return (size + 2 * (0 if padding == "valid" else int(padding)) - kernel) // stride + 1


@dataclass(frozen=True)
class _Use:
    """A layer and its inputs."""

    layer: PrintedLayer
    shape: Shape  # the first of the inputs, or the one printed beside the layer
    inputs: list[Shape]
    style: Style


def _readings(layer: PrintedLayer, inputs: list[Shape], style: Style) -> Iterator[Reading]:
    """What a layer of its kind can make of its inputs, whatever is printed of its parameters."""
    read = _READERS.get(layer.kind)
    return read(_Use(layer, layer.input or inputs[0], inputs, style)) if read else iter(())


def _dense(use: _Use) -> Iterator[Reading]:
    layer, shape, style = use.layer, use.shape, use.style
    if not layer.units and not layer.output:
        return
    units = layer.units or (_last(layer.output, style) if layer.output else 0)
    width = _last(shape, style)
    made = (units,) if len(shape) == 1 else (units, *shape[1:]) if style == "keras" else (*shape[:-1], units)
    for bias in (True, False) if layer.bias is None else (layer.bias,):
        yield Reading(made, (width + bias) * units, f"{width:,} inputs, {units:,} units, {_bias(bias)}", bias=bias)


def _batch_norm(use: _Use) -> Iterator[Reading]:
    channels = use.shape[0]
    for each in (4, 3, 2) if use.style == "keras" else (2, 0):
        yield Reading(use.shape, each * channels, f"{each} for each of {channels:,} channels")


def _layer_norm(use: _Use) -> Iterator[Reading]:
    usual = use.shape[0] if use.layer.kind == "group_norm" else _last(use.shape, use.style)
    for width in dict.fromkeys((usual, math.prod(use.shape))):
        for each in (2, 1, 0):
            yield Reading(use.shape, each * width, f"{each} for each of {width:,}")


def _prelu(use: _Use) -> Iterator[Reading]:
    for count in dict.fromkeys((math.prod(use.shape), use.shape[0], 1)):
        yield Reading(use.shape, count)


def _global_pool(use: _Use) -> Iterator[Reading]:
    if len(use.shape) == 3:
        channels = use.shape[0]
        yield Reading((channels,), 0)
        yield Reading((channels, 1, 1), 0)


def _resize(use: _Use) -> Iterator[Reading]:
    channels = use.shape[0]
    made = use.layer.output or (channels, 1, 1)
    if len(use.shape) == 3 and len(made) == 3 and made[0] == channels:
        yield Reading(made, 0)


def _reshape(use: _Use) -> Iterator[Reading]:
    made = use.layer.output or use.shape
    if math.prod(made) == math.prod(use.shape):
        yield Reading(made, 0)


def _flatten(use: _Use) -> Iterator[Reading]:
    yield Reading((math.prod(use.shape),), 0)


def _same(use: _Use) -> Iterator[Reading]:
    yield Reading(use.shape, 0)


def _sum(use: _Use) -> Iterator[Reading]:
    if all(each == use.shape for each in use.inputs):
        yield Reading(use.shape, 0)


def _concatenate(use: _Use) -> Iterator[Reading]:
    if len({each[1:] for each in use.inputs}) == 1:
        yield Reading((sum(each[0] for each in use.inputs), *use.shape[1:]), 0)


def _convolutions(use: _Use) -> Iterator[Reading]:
    layer, shape, style = use.layer, use.shape, use.style
    if len(shape) != 3:
        return
    filters = layer.units or (layer.output[0] if layer.output else shape[0])
    weights = list(_weights(layer, shape[0], filters))
    for dilation in (1, 2):
        for kernel, count, words, bias in weights:
            for stride in (layer.stride,) if layer.stride else (1, 2, 3, 4):
                for padding in _paddings(layer, kernel, stride, style):
                    wide = [dilation * (side - 1) + 1 for side in kernel]
                    if layer.kind == "transposed":
                        sizes = [_unslide(n, k, stride, padding) for n, k in zip(shape[1:], wide)]
                    else:
                        sizes = [slide(n, k, stride, padding) for n, k in zip(shape[1:], wide)]
                    if min(sizes) > 0 and (dilation == 1 or max(kernel) > 1):
                        sentence = (
                            f"{words}, {padding!r} padding" if isinstance(padding, str) else f"{words}, pad {padding}"
                        )
                        sentence += f", stride {stride}" * (stride > 1) + ", dilated" * (dilation > 1)
                        yield Reading((filters, *sizes), count, sentence, kernel, stride, padding, bias)


def _weights(layer: PrintedLayer, channels: int, filters: int) -> Iterator[tuple[tuple[int, int], int, str, bool]]:
    """Kernel, parameters, words and bias; only those with the printed number, if there is one."""
    squares = [(side, side) for side in (3, 5, 1, 7, 2, 4, 6, *range(8, LARGEST_KERNEL + 1))]
    others = [pair for side in (3, 5, 7) for pair in ((1, side), (side, 1))]
    for kernel in [layer.kernel] if layer.kernel else [*squares, *others]:
        area = kernel[0] * kernel[1]
        for bias in (True, False) if layer.bias is None else (layer.bias,):
            for groups in _groups(layer, channels, filters):
                if layer.kind == "separable":
                    count = channels * (area + filters) + bias * filters
                else:
                    count = (area * channels // groups + bias) * filters
                if layer.parameters not in (None, count):
                    continue
                split = f" in {groups:,} groups" if groups > 1 else ""
                yield kernel, count, f"{kernel[0]}x{kernel[1]} over {_channels(channels)}{split} {_bias(bias)}", bias


def _groups(layer: PrintedLayer, channels: int, filters: int) -> list[int]:
    if layer.kind == "depthwise":
        return [channels] if filters % channels == 0 else []
    if layer.kind != "conv" or layer.parameters is None:
        return [1]
    common = math.gcd(channels, filters)
    return [1, *(count for count in (2, 4, 8, 16, 32, channels) if count > 1 and common % count == 0)]


def _paddings(layer: PrintedLayer, kernel: tuple[int, int], stride: int, style: Style) -> list[str | int]:
    if layer.padding is not None:
        return [layer.padding]
    if style == "keras":
        return ["valid", "same"]
    return [*range(max(kernel)), *(["same"] if stride == 1 else [])]


def _pools(use: _Use) -> Iterator[Reading]:
    layer, shape = use.layer, use.shape
    if len(shape) != 3:
        return
    windows = [(side, stride) for side in (2, 3, *range(4, 15)) for stride in (side, 2, 1)]
    if layer.kernel:
        windows = [
            (layer.kernel[0], stride) for stride in ((layer.stride,) if layer.stride else (layer.kernel[0], 2, 1))
        ]
    for side, stride in dict.fromkeys(windows):
        for padding in ("valid", "same", *range(1, side // 2 + 1)):
            sizes = [slide(size, side, stride, padding) for size in shape[1:]]
            if min(sizes) > 0:
                moved = "" if stride == side else f" stride {stride}"
                padded = "" if padding == "valid" else ", padded"
                words = f"window {side}x{side}{moved}{padded}"
                yield Reading((shape[0], *sizes), 0, words, (side, side), stride, padding)


_READERS = {
    "conv": _convolutions,
    "depthwise": _convolutions,
    "separable": _convolutions,
    "transposed": _convolutions,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _layer_norm,
    "prelu": _prelu,
    "pool": _pools,
    "global_pool": _global_pool,
    "adaptive_pool": _resize,
    "resize": _resize,
    "reshape": _reshape,
    "flatten": _flatten,
    "same": _same,
    "input": _same,
    "sum": _sum,
    "concatenate": _concatenate,
}


def _unslide(size: int, kernel: int, stride: int, padding: str | int) -> int:
    if isinstance(padding, str):
        return size * stride + (max(kernel - stride, 0) if padding == "valid" else 0)
    return (size - 1) * stride + kernel - 2 * padding


def _last(shape: Shape, style: Style) -> int:
    """What a dense layer works on: Keras' last axis is the channels."""
    return shape[0] if style == "keras" and len(shape) == 3 else shape[-1]


def _channels(count: int) -> str:
    return f"{count:,} channel{'s' if count > 1 else ''}"


def _bias(bias: bool) -> str:
    return "with bias" if bias else "without bias"
