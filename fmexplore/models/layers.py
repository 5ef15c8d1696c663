"""The kinds of layer: settings, output shape, weights and FLOPs of each. Knows no layer table and no torch."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from fmexplore.models.shapes import Padding, Refused, Shape, need_map, pixels, slide, text
from fmexplore.schema import Schema

Count = Annotated[int, Field(ge=1, le=4096)]
Window = Annotated[int, Field(ge=1, le=28)]


class _Layer(Schema):
    def output(self, shape: Shape) -> Shape:
        """The output shape for an input of `shape`. Raises Refused where the layer cannot take that."""
        return shape

    def tensors(self, shape: Shape) -> dict[str, Shape]:
        """The names and shapes of its tensors, for an input of `shape`."""
        return {}

    def frozen(self) -> tuple[str, ...]:
        """The names, among those of `tensors`, that are not trained."""
        return ()

    def flops(self, shape: Shape, output: Shape) -> int:
        """FLOPs of a forward pass of one image, from an input of `shape` to an output of shape `output`."""
        return 0

    def branches(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        """The chains of layers inside a block, each with its name in the torch module; empty for other layers."""
        return ()


def _weights(bias: bool, outputs: int, *inputs: int) -> dict[str, Shape]:
    weight: dict[str, Shape] = {"weight": (outputs, *inputs)}
    return weight | {"bias": (outputs,)} if bias else weight


class Conv(_Layer):
    """Two-dimensional convolution with square kernels."""

    kind: Literal["conv"] = "conv"
    filters: Count = 32
    kernel: Window = 3
    stride: Window = 1
    padding: Padding = "same"
    bias: bool = True

    def output(self, shape: Shape) -> Shape:
        return (self.filters, *slide(shape, self.kernel, self.stride, self.pixels, "kernel"))

    @property
    def pixels(self) -> int:
        """Padding in pixels on each side."""
        return pixels(self.padding, self.kernel)

    def tensors(self, shape: Shape) -> dict[str, Shape]:
        return _weights(self.bias, self.filters, shape[0], self.kernel, self.kernel)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * self.kernel**2 * shape[0] * math.prod(output)


class BatchNorm(_Layer):
    """Batch normalisation. `learn_weight=False` keeps its weight at 1; `momentum` is the share of the new batch."""

    kind: Literal["batch_norm"] = "batch_norm"
    learn_weight: bool = True
    momentum: float = Field(0.1, gt=0, le=1)
    epsilon: float = Field(1e-5, gt=0, le=0.1)

    def tensors(self, shape: Shape) -> dict[str, Shape]:
        per_channel = ("weight", "bias", "running_mean", "running_var")
        return {**dict.fromkeys(per_channel, shape[:1]), "num_batches_tracked": ()}

    def frozen(self) -> tuple[str, ...]:
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        return statistics if self.learn_weight else ("weight", *statistics)


class Activation(_Layer):
    """A non-linear function of each value."""

    kind: Literal["activation"] = "activation"
    function: Literal["relu", "gelu", "tanh", "leaky_relu", "elu"] = "relu"


class _Pool(_Layer):
    size: Window = 2
    stride: Window | None = None  # None: the same as size
    padding: Annotated[int, Field(ge=0, le=14)] = 0

    def output(self, shape: Shape) -> Shape:
        if self.padding > self.size // 2:
            raise Refused(f"its padding of {self.padding} is more than half of its size {self.size}")
        return (shape[0], *slide(shape, self.size, self.stride or self.size, self.padding, "window"))


class MaxPool(_Pool):
    """The largest value in each window."""

    kind: Literal["max_pool"] = "max_pool"


class AvgPool(_Pool):
    """The mean of each window."""

    kind: Literal["avg_pool"] = "avg_pool"


class _GlobalPool(_Layer):
    def output(self, shape: Shape) -> Shape:
        need_map(shape)
        return shape[:1]


class GlobalMaxPool(_GlobalPool):
    """The largest value of each channel."""

    kind: Literal["global_max_pool"] = "global_max_pool"


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel."""

    kind: Literal["global_avg_pool"] = "global_avg_pool"


class PixelUnshuffle(_Layer):
    """Turns each square of factor x factor pixels into channels of one pixel."""

    kind: Literal["pixel_unshuffle"] = "pixel_unshuffle"
    factor: Annotated[int, Field(ge=2, le=14)] = 2

    def output(self, shape: Shape) -> Shape:
        need_map(shape)
        if shape[1] % self.factor or shape[2] % self.factor:
            raise Refused(f"a {shape[1]} x {shape[2]} feature map cannot be cut into squares of {self.factor}")
        return shape[0] * self.factor**2, shape[1] // self.factor, shape[2] // self.factor


class Dropout(_Layer):
    """Sets a random share `rate` of the values to 0 while training (Srivastava et al. 2014)."""

    kind: Literal["dropout"] = "dropout"
    rate: float = Field(0.25, ge=0, lt=1)


class Flatten(_Layer):
    """Makes one vector of a feature map."""

    kind: Literal["flatten"] = "flatten"

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)


class Dense(_Layer):
    """A fully connected layer."""

    kind: Literal["dense"] = "dense"
    units: Count = 128
    bias: bool = True

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise Refused(f"it gets a feature map of {text(shape)}: put a flatten or a global pool before it")
        return (self.units,)

    def tensors(self, shape: Shape) -> dict[str, Shape]:
        return _weights(self.bias, self.units, shape[0])

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * shape[0] * output[0]


class LogitScale(_Layer):
    """Multiplies every value by a constant."""

    kind: Literal["logit_scale"] = "logit_scale"
    factor: float = Field(0.125, gt=0, le=100)


class Residual(_Layer):
    """Adds the outputs of `layers` and `shortcut`; an empty shortcut passes its input on (He et al. 2016)."""

    kind: Literal["residual"] = "residual"
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=32)
    shortcut: tuple[Layer, ...] = Field((), max_length=8)

    def branches(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        return ("layers", self.layers), ("shortcut", self.shortcut)

    def join(self, outputs: list[Shape]) -> Shape:
        """The output shape for branches with these output shapes. Raises Refused where they do not fit together."""
        inner, shortcut = outputs
        if inner != shortcut:
            raise Refused(
                f"its layers give {text(inner)} but its shortcut gives {text(shortcut)}, and the two are added: "
                "make them equal, for instance with a 1 x 1 convolution in the shortcut"
            )
        return inner


class Inception(_Layer):
    """Runs `paths` in parallel on the same input and concatenates their channels (Szegedy et al. 2015)."""

    kind: Literal["inception"] = "inception"
    paths: tuple[tuple[Layer, ...], ...] = Field(min_length=1, max_length=8)

    def branches(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        return tuple((f"paths.{index}", path) for index, path in enumerate(self.paths))

    def join(self, outputs: list[Shape]) -> Shape:
        """The output shape for branches with these output shapes. Raises Refused where they do not fit together."""
        if len({output[1:] for output in outputs}) > 1 or any(len(output) != 3 for output in outputs):
            sizes = ", ".join(map(text, outputs))
            raise Refused(f"its branches give {sizes}, and only maps of one height and width can be joined")
        return (sum(output[0] for output in outputs), *outputs[0][1:])


class DenseBlock(_Layer):
    """Repeats `layers`; each repetition gets the channels of all before it and adds its own (Huang et al. 2017)."""

    kind: Literal["dense_block"] = "dense_block"
    repeat: Annotated[int, Field(ge=1, le=32)] = 4
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=16)

    def branches(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        return tuple((f"repeats.{index}", self.layers) for index in range(self.repeat))


Block = Residual | Inception | DenseBlock
_Pools = MaxPool | AvgPool | GlobalMaxPool | GlobalAvgPool
_Plain = Conv | BatchNorm | Activation | _Pools | PixelUnshuffle | Dropout | Flatten | Dense | LogitScale
Layer = Annotated[_Plain | Block, Field(discriminator="kind")]
LAYER_KINDS: dict[str, type[_Layer]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        *(Conv, BatchNorm, Activation, MaxPool, AvgPool, GlobalMaxPool, GlobalAvgPool, PixelUnshuffle),
        *(Residual, Inception, DenseBlock, Dropout, Flatten, Dense, LogitScale),
    )
}
for _block in (Residual, Inception, DenseBlock):
    _block.model_rebuild()


def describe(layer: Layer) -> str:
    """The layer in a few words.

    >>> describe(Conv(filters=32))
    'conv 32 3x3 same'
    """
    match layer:
        case Conv():
            stride = f" stride {layer.stride}" if layer.stride > 1 else ""
            padding = layer.padding if isinstance(layer.padding, str) else f"padding {layer.padding}"
            return f"conv {layer.filters} {layer.kernel}x{layer.kernel}{stride} {padding}"
        case Activation():
            return layer.function
        case MaxPool() | AvgPool():
            return f"{layer.kind} {layer.size}"
        case Dropout():
            return f"dropout {layer.rate:g}"
        case Dense():
            return f"dense {layer.units}"
        case PixelUnshuffle() | LogitScale():
            return f"{layer.kind} {layer.factor:g}"
        case _:
            return layer.kind
