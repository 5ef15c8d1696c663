"""Builds the torch module of a layer table. Knows nothing of training, files or data.

Two things are done differently from the table, as that is faster on a CPU: max pooling runs before a monotone
activation (the same values and, but for ties, gradients, on a quarter of the data), and dropout compares random bytes
instead of drawing a float for each value.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from fmexplore.models import layers as kinds
from fmexplore.models.layers import Block, Layer
from fmexplore.models.shapes import Shape
from fmexplore.models.table import IMAGE_SHAPE, LayerInfo, Model, execution_order, summarize

MEAN, DEVIATION = 0.2860, 0.3530  # of the training pixels / 255
WIDEST_FEATURES = 512


class Network(nn.Module):
    """The torch module of a layer table; `layers[i]` is layer i + 1 of the table.

    Calling it with images, (n, 1, 28, 28) float from 0 to 1, gives logits, (n, 10).
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        rows = summarize(model)
        self.standardized = model.input_scale == "standardized"
        numbers = count()
        self.layers = _chain(model.layers, IMAGE_SHAPE, rows, numbers)
        self.order = execution_order(model.layers)
        dense = [index for index, layer in enumerate(model.layers) if layer.kind == "dense"]
        self.last_dense = dense[-1] if dense else None
        shapes = [IMAGE_SHAPE, *(row.output for row in rows)]
        self.flatten = next(
            (i for i, layer in enumerate(model.layers) if layer.kind == "flatten" and len(shapes[i]) == 3), None
        )
        self.averages_features = (
            len(dense) == 1 and self.flatten is not None and math.prod(shapes[dense[0]]) > WIDEST_FEATURES
        )
        self.dropouts = [module for module in self.modules() if isinstance(module, ByteDropout)]

    def forward(self, images: Tensor) -> Tensor:
        return self.logits_and_features(images)[0]

    def logits_and_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(n, 10)`, and the input of the last dense layer `(n, width)`.

        Where that is a flattened map of more than 512 values, the features are the means of its channels.
        """
        x = self._scaled(images)
        maps, features = x, None
        for index in self.order:
            layer = self.layers[index]
            if index == self.last_dense:
                features = maps.mean((2, 3)) if self.averages_features else x
            elif index == self.flatten:
                maps = x
            x = layer(x)
        return x, x if features is None else features

    def output_of(self, number: int, images: Tensor) -> Tensor:
        """The output of layer `number`, from 1, which must be one of `table.layer_choices`."""
        x = self._scaled(images)
        for index in self.order[:number]:
            x = self.layers[index](x)
        return x

    def _scaled(self, images: Tensor) -> Tensor:
        return (images - MEAN) / DEVIATION if self.standardized else images

    def seed_dropout(self, *entropy: int) -> None:
        """Seed the next dropout masks by `entropy`, so that a resumed run draws the same ones."""
        for dropout in self.dropouts:
            dropout.seed(*entropy)


def build(model: Model, seed: int = 0) -> Network:
    """The network of a layer table, with random weights.

    Args:
        model: the layer table.
        seed: of the weights; torch's own generator is left as it is.

    Raises:
        ConfigError: the table cannot be built, as in `table.summarize`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(model)
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                _initialize(module, model.initialization)
    return network.to(memory_format=torch.channels_last)


def to_input(images: Tensor) -> Tensor:
    """The input of a network: images (n, 28, 28) uint8 as (n, 1, 28, 28) float32 from 0 to 1, in channels_last."""
    return (images.float() / 255)[..., None].permute(0, 3, 1, 2)


class ByteDropout(nn.Module):
    """Dropout with masks of random bytes from numpy's SFC64, faster than torch's on a CPU; its rate is in 256ths."""

    def __init__(self, rate: float, number: int) -> None:
        super().__init__()
        self.threshold, self.number = min(round(rate * 256), 255), number
        self.generator = np.random.Generator(np.random.SFC64(number))

    def seed(self, *entropy: int) -> None:
        """Make the next masks depend on `entropy` and the layer's number only."""
        self.generator = np.random.Generator(np.random.SFC64([*entropy, self.number]))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.threshold == 0:
            return x
        words = self.generator.integers(0, 2**64 - 1, (x.numel() + 7) // 8, np.uint64, endpoint=True)
        # 0 or 1 as bytes: torch multiplies by them faster than by bools, to the same result.
        kept = (words.view(np.uint8)[: x.numel()] >= self.threshold).view(np.uint8)
        keep = torch.from_numpy(kept).to(x.device)
        keep = keep.as_strided(x.shape, torch.empty_like(x).stride())  # laid out in memory as x is
        return _Drop.apply(x, keep, 256 / (256 - self.threshold))


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, keep, scale):
        ctx.save_for_backward(keep)
        ctx.scale = scale
        return (x * keep).mul_(scale)

    @staticmethod
    def backward(ctx, *grad_outputs):
        (keep,) = ctx.saved_tensors
        return (grad_outputs[0] * keep).mul_(ctx.scale), None, None


class _LogitScale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class _GlobalPool(nn.Module):
    def __init__(self, largest: bool) -> None:
        super().__init__()
        self.largest = largest

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3)) if self.largest else x.mean((2, 3))


class _PixelUnshuffle(nn.PixelUnshuffle):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).contiguous(memory_format=torch.channels_last)


class _Chain(nn.ModuleList):
    """Layers in the order in which they run, with the table's numbers as names."""

    def __init__(self, layers: nn.ModuleList, order: list[int]) -> None:
        super().__init__(layers)
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        for index in self.order:
            x = self[index](x)
        return x


class _Residual(nn.Module):
    def __init__(self, layers: _Chain, shortcut: _Chain) -> None:
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.shortcut(x)


class _Inception(nn.Module):
    def __init__(self, paths: list[_Chain]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([path(x) for path in self.paths], 1)


class _DenseBlock(nn.Module):
    def __init__(self, repeats: list[_Chain]) -> None:
        super().__init__()
        self.repeats = nn.ModuleList(repeats)

    def forward(self, x: Tensor) -> Tensor:
        for layers in self.repeats:
            x = torch.cat([x, layers(x)], 1)
        return x


def _chain(layers: tuple[Layer, ...], shape: Shape, rows: Sequence[LayerInfo], numbers: Iterator[int]) -> nn.ModuleList:
    """`rows` are those of the layers in the summary; `numbers` are for their dropouts."""
    modules = []
    for layer, row in zip(layers, rows, strict=True):
        modules.append(_module(layer, shape, row, numbers))
        shape = row.output
    return nn.ModuleList(modules)


def _block_chains(layer: Block, shape: Shape, row: LayerInfo, numbers: Iterator[int]) -> list[_Chain]:
    chains, rest, current = [], list(row.children), shape
    for _, chain in layer.branches():
        inner, rest = rest[: len(chain)], rest[len(chain) :]
        chains.append(_Chain(_chain(chain, current, inner, numbers), execution_order(chain)))
        if layer.kind == "dense_block":
            current = (current[0] + inner[-1].output[0], *shape[1:])
    return chains


def _module(layer: Layer, shape: Shape, row: LayerInfo, numbers: Iterator[int]) -> nn.Module:
    match layer:
        case kinds.Dropout():
            return ByteDropout(layer.rate, next(numbers))
        case kinds.Residual():
            return _Residual(*_block_chains(layer, shape, row, numbers))
        case kinds.Inception():
            return _Inception(_block_chains(layer, shape, row, numbers))
        case kinds.DenseBlock():
            return _DenseBlock(_block_chains(layer, shape, row, numbers))
    return _MODULES[type(layer)](layer, shape)


def _batch_norm(layer: kinds.BatchNorm, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    norm = kind(shape[0], eps=layer.epsilon, momentum=layer.momentum)
    norm.weight.requires_grad_(layer.learn_weight)
    return norm


_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU}
_MODULES: dict[type, Callable[..., nn.Module]] = {  # of a layer and the shape that it gets
    kinds.Conv: lambda layer, shape: nn.Conv2d(
        shape[0], layer.filters, layer.kernel, layer.stride, layer.pixels, bias=layer.bias
    ),
    kinds.BatchNorm: _batch_norm,
    kinds.Activation: lambda layer, _: _ACTIVATIONS[layer.function](),
    kinds.MaxPool: lambda layer, _: nn.MaxPool2d(layer.size, layer.stride, layer.padding),
    kinds.AvgPool: lambda layer, _: nn.AvgPool2d(layer.size, layer.stride, layer.padding),
    kinds.GlobalMaxPool: lambda *_: _GlobalPool(True),
    kinds.GlobalAvgPool: lambda *_: _GlobalPool(False),
    kinds.PixelUnshuffle: lambda layer, _: _PixelUnshuffle(layer.factor),
    kinds.Flatten: lambda *_: nn.Flatten(),
    kinds.Dense: lambda layer, shape: nn.Linear(shape[0], layer.units, bias=layer.bias),
    kinds.LogitScale: lambda layer, _: _LogitScale(layer.factor),
}


def _initialize(module: nn.Conv2d | nn.Linear, how: str) -> None:
    """Glorot uniform and He normal as Keras has them, with zero biases; dirac for convolutions on torch's default."""
    if how == "dirac" and isinstance(module, nn.Conv2d):
        nn.init.dirac_(module.weight[: module.in_channels].detach())
    if how not in ("glorot", "he"):
        return
    (nn.init.xavier_uniform_ if how == "glorot" else nn.init.kaiming_normal_)(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
