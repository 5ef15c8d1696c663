"""A network as a table of layers, and the shape, parameters and FLOPs of each.

Knows no torch, so that the app can show every edit at once; `networks` builds the `nn.Module`. FLOPs are twice the
multiply-adds of convolutions and dense layers, in the forward pass of one image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from fmexplore.errors import ConfigError
from fmexplore.models.layers import Block, DenseBlock, Layer, describe
from fmexplore.models.shapes import Refused, Shape, need_map, text
from fmexplore.schema import Schema

IMAGE_SHAPE = (1, 28, 28)
CLASSES = 10
MAX_PARAMETERS = 50_000_000
MAX_LAYERS = 300
MAX_DEPTH = 4  # blocks in blocks
MONOTONE = ("relu", "leaky_relu", "elu", "tanh")
WIDEST_VECTOR = 4096  # values of a vector that can be examined


@dataclass(frozen=True)
class LayerInfo:
    """One row of a summary: a layer, its output shape and its cost."""

    number: str  # "7", or "7.2.1" inside a block
    layer: Layer
    output: Shape
    tensors: dict[str, Shape] = field(default_factory=dict)  # names and shapes in the state of the torch module
    parameters: int = 0  # trained ones
    flops: int = 0  # of the forward pass, per image
    activations: int = 0  # values kept for the backward pass, per image
    children: tuple[LayerInfo, ...] = ()


class Model(Schema):
    """A network: its layers, how its weights are initialised, and how pixels are scaled before the first layer."""

    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MAX_LAYERS)
    initialization: Literal["torch", "glorot", "he", "dirac"] = "torch"
    input_scale: Literal["unit", "standardized"] = "unit"  # of pixels: 0 to 1, or mean 0 and deviation 1


def summarize(model: Model) -> list[LayerInfo]:
    """The output shape, parameters and FLOPs of every layer of a network.

    >>> from fmexplore.models.layers import Conv, Dense, Flatten
    >>> rows = summarize(Model(layers=(Conv(filters=8), Flatten(), Dense(units=10))))
    >>> [(row.number, row.output, row.parameters) for row in rows]
    [('1', (8, 28, 28), 80), ('2', (6272,), 0), ('3', (10,), 62730)]

    Args:
        model: the layer table.

    Returns:
        One row for each layer; the layers inside a block are its children.

    Raises:
        ConfigError: the table cannot be built; the message has the layer's number and the reason.
    """
    rows = _trace_table(model.layers)
    if rows[-1].output != (CLASSES,):
        raise ConfigError(
            f"Layer {rows[-1].number} ({describe(model.layers[-1])}) is the last and gives {text(rows[-1].output)}, "
            f"but the ten classes need {CLASSES} values: end the table with a dense layer of {CLASSES} units."
        )
    if not parameters(rows):
        raise ConfigError("The table has nothing to train: add a convolution or a dense layer.")
    if (total := parameters(rows)) > MAX_PARAMETERS:
        raise ConfigError(f"The table has {total:,} parameters, more than {MAX_PARAMETERS:,}: use fewer units.")
    return rows


def examine(model: Model) -> tuple[list[LayerInfo], ConfigError | None]:
    """As `summarize`, for a table that is being edited: the rows before the first layer that does not fit, and why.

    Returns:
        All rows and None; or the rows that can be computed, and the error.
    """
    try:
        return summarize(model), None
    except ConfigError as error:
        for count in range(len(model.layers), 0, -1):
            try:
                return _trace_table(model.layers[:count]), error
            except ConfigError:
                continue
        return [], error


def walk(rows: list[LayerInfo] | tuple[LayerInfo, ...]) -> Iterator[LayerInfo]:
    """All rows, each block followed by the rows inside it."""
    for row in rows:
        yield row
        yield from walk(row.children)


def execution_order(layers: tuple[Layer, ...]) -> list[int]:
    """The order in which a torch module runs the layers, as positions in the table.

    Max pooling runs before a monotone activation that precedes it in the table: the result is the same, with less work.
    """
    order = list(range(len(layers)))
    for index in range(len(layers) - 1):
        first, second = layers[index], layers[index + 1]
        if first.kind == "activation" and first.function in MONOTONE and second.kind == "max_pool":
            order[index], order[index + 1] = index + 1, index
    return order


def layer_choices(model: Model) -> list[tuple[str, str, Shape]]:
    """The layers whose output can be examined: number, description and output shape of each.

    Left out are dropout and flatten, which change no value; vectors of more than 4,096 values; and an activation that
    runs after the max pooling behind it, as its output is never computed.

    Raises:
        ConfigError: as in `summarize`.
    """
    order, chosen = execution_order(model.layers), []
    for count, row in enumerate(summarize(model), start=1):
        too_wide = len(row.output) == 1 and row.output[0] > WIDEST_VECTOR
        if max(order[:count]) == count - 1 and row.layer.kind not in ("dropout", "flatten") and not too_wide:
            chosen.append((row.number, describe(row.layer), row.output))
    return chosen


def parameters(rows: list[LayerInfo]) -> int:
    """How many trained parameters the layers of a summary have together."""
    return sum(row.parameters for row in rows)


def flops(rows: list[LayerInfo]) -> int:
    """The FLOPs of a forward pass of one image."""
    return sum(row.flops for row in rows)


def tensor_shapes(rows: list[LayerInfo]) -> dict[str, Shape]:
    """The name and shape of every tensor in the `state_dict` of the torch module that the summary describes."""
    return {name: shape for row in walk(rows) for name, shape in row.tensors.items()}


def _trace_table(layers: tuple[Layer, ...]) -> list[LayerInfo]:
    return _trace(layers, IMAGE_SHAPE, "", "layers.", iter(range(MAX_LAYERS)))


def _trace(layers: tuple[Layer, ...], shape: Shape, number: str, name: str, budget: Iterator[int]) -> list[LayerInfo]:
    rows: list[LayerInfo] = []
    for index, layer in enumerate(layers):
        if next(budget, None) is None:  # at once, as repeats in repeats would take forever
            raise ConfigError(f"The table has more than {MAX_LAYERS} layers, with those inside blocks: remove some.")
        try:
            rows.append(_trace_layer(layer, shape, f"{number}{index + 1}", f"{name}{index}.", budget))
        except Refused as refused:
            raise ConfigError(f"Layer {number}{index + 1} ({describe(layer)}) does not fit: {refused}.") from None
        shape = rows[-1].output
    return rows


def _trace_layer(layer: Layer, shape: Shape, number: str, name: str, budget: Iterator[int]) -> LayerInfo:
    if isinstance(layer, Block):
        return _trace_block(layer, shape, number, name, budget)
    output = layer.output(shape)
    tensors = layer.tensors(shape)
    return LayerInfo(
        number,
        layer,
        output,
        tensors={name + key: value for key, value in tensors.items()},
        parameters=sum(math.prod(value) for key, value in tensors.items() if key not in layer.frozen()),
        flops=layer.flops(shape, output),
        activations=math.prod(output),
    )


def _trace_block(layer: Block, shape: Shape, number: str, name: str, budget: Iterator[int]) -> LayerInfo:
    if number.count(".") >= 2 * MAX_DEPTH:
        raise Refused(f"it is inside {MAX_DEPTH} other blocks: move it out of some")
    children: list[LayerInfo] = []
    outputs: list[Shape] = []
    current = shape
    for position, (key, chain) in enumerate(layer.branches(), start=1):
        rows = _trace(chain, current, f"{number}.{position}.", f"{name}{key}.", budget)
        children += rows
        outputs.append(rows[-1].output if rows else current)
        if isinstance(layer, DenseBlock):
            need_map(shape)
            if outputs[-1][1:] != shape[1:]:
                raise Refused(
                    f"its layers turn {text(current)} into {text(outputs[-1])}, and only maps of one height and "
                    "width can be joined: keep stride 1 and 'same' padding inside"
                )
            current = (current[0] + outputs[-1][0], *shape[1:])
    output = current if isinstance(layer, DenseBlock) else layer.join(outputs)
    return LayerInfo(
        number,
        layer,
        output,
        parameters=sum(row.parameters for row in children),
        flops=sum(row.flops for row in children),
        activations=sum(row.activations for row in children) + math.prod(output),
        children=tuple(children),
    )
