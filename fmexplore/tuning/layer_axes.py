"""Axes of a search that change the layer table: number of convolutions, filters, kernel size, dense width, dropout.

Knows layer tables only. What cannot be built is left to `summarize` to refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fmexplore.errors import ConfigError
from fmexplore.models.layers import (
    Activation,
    BatchNorm,
    Block,
    Conv,
    Dense,
    DenseBlock,
    Dropout,
    Inception,
    Layer,
    Residual,
)
from fmexplore.models.table import CLASSES, Model

Layers = tuple[Layer, ...]
Kind = TypeVar("Kind", Conv, Dense, Dropout)
MOST_CONVOLUTIONS = 50


def set_convolutions(model: Model, count: int) -> Model:
    """As many convolutions as `count`, those inside blocks not counted: the last ones go, or the last one is repeated.

    A convolution goes with the norm and the activation behind it, while pooling stays; copies have stride 1 and "same"
    padding. Raises ConfigError where there is none to repeat.
    """
    layers = list(model.layers)
    there = [at for at, layer in enumerate(layers) if isinstance(layer, Conv)]
    if not there:
        raise ConfigError(
            f"convolutions is {count}, and the table has none outside of blocks: add one, or vary something else."
        )
    group = _group(layers, there[-1])
    if count > len(there):
        first, *rest = (layers[at] for at in group)
        assert isinstance(first, Conv)
        more = [first.replace(stride=1, padding="same"), *rest] * (count - len(there))
        layers[group[-1] + 1 : group[-1] + 1] = more
    gone = {at for start in there[count:] for at in _group(layers, start)}
    return model.replace(layers=_dump(layer for at, layer in enumerate(layers) if at not in gone))


def _group(layers: list[Layer], start: int) -> list[int]:
    """The places of a convolution, and of the norms and activations that belong to it, also behind a pooling layer."""
    found = [start]
    for at in range(start + 1, len(layers)):
        if isinstance(layers[at], BatchNorm | Activation):
            found.append(at)
        elif layers[at].kind not in ("max_pool", "avg_pool", "dropout"):
            break
    return found


def set_filters(model: Model, filters: int) -> Model:
    """The first convolution has so many filters, and all others the same multiple of what they had, at least one."""
    first = next(_find(model.layers, Conv), None)
    if first is None:
        raise ConfigError(f"filters is {filters}, and the table has no convolution: vary something else.")
    return _change(
        model, Conv, lambda conv: conv.replace(filters=max(1, round(conv.filters * filters / first.filters)))
    )


def set_kernel(model: Model, kernel: int) -> Model:
    """All convolutions have that kernel size, but for those of 1 x 1."""
    if not any(conv.kernel > 1 for conv in _find(model.layers, Conv)):
        raise ConfigError(f"kernel is {kernel}, and the table has no convolution above 1 x 1: vary something else.")
    return _change(model, Conv, lambda conv: conv.replace(kernel=kernel) if conv.kernel > 1 else conv)


def set_dense(model: Model, units: int) -> Model:
    """All hidden dense layers have that width; where there is none, one with ReLU comes before the last."""
    last = _last_dense(model, f"dense is {units}")
    hidden = [at for at in range(last) if isinstance(model.layers[at], Dense)]
    if not hidden:
        layers = [*model.layers[:last], Dense(units=units), Activation(), *model.layers[last:]]
        return model.replace(layers=_dump(layers))
    layers = [each.replace(units=units) if at in hidden else each for at, each in enumerate(model.layers)]
    return model.replace(layers=_dump(layers))


def set_dropout(model: Model, rate: float) -> Model:
    """All dropout layers have that rate; where there is none, one comes before the last dense layer."""
    if any(_find(model.layers, Dropout)):
        return _change(model, Dropout, lambda layer: layer.replace(rate=rate))
    last = _last_dense(model, f"dropout is {rate:g}")
    return model.replace(layers=_dump([*model.layers[:last], Dropout(rate=rate), *model.layers[last:]]))


def _last_dense(model: Model, asked: str) -> int:
    found = [at for at, each in enumerate(model.layers) if isinstance(each, Dense) and each.units == CLASSES]
    if not found:
        raise ConfigError(f"{asked}, and the table has no last dense layer of {CLASSES} units: vary something else.")
    return found[-1]


def _find(layers: Layers, kind: type[Kind]):
    """All layers of a kind, those inside blocks too."""
    for layer in layers:
        if isinstance(layer, kind):
            yield layer
        for _, inner in layer.branches():
            yield from _find(inner, kind)


def _change(model: Model, kind: type[Kind], change: Callable[[Kind], Layer]) -> Model:
    """All layers of a kind changed, those inside blocks too."""

    def walk(layers: Layers) -> list[Layer]:
        return [inside(layer) if isinstance(layer, Block) else change(layer) if isinstance(layer, kind) else layer
                for layer in layers]  # fmt: skip

    def inside(block: Block) -> Layer:
        match block:
            case Residual():
                return block.replace(layers=_dump(walk(block.layers)), shortcut=_dump(walk(block.shortcut)))
            case Inception():
                return block.replace(paths=[_dump(walk(path)) for path in block.paths])
            case DenseBlock():
                return block.replace(layers=_dump(walk(block.layers)))

    return model.replace(layers=_dump(walk(model.layers)))


def _dump(layers) -> list[dict]:
    return [layer.model_dump(mode="json") for layer in layers]


class LayerAxis(NamedTuple):
    """How a value changes the table, and the values that there can be."""

    change: Callable[..., Model]
    kind: type[int] | type[float]
    low: float
    high: float


LAYER_AXES = {
    "convolutions": LayerAxis(set_convolutions, int, 1, MOST_CONVOLUTIONS),
    "filters": LayerAxis(set_filters, int, 1, 4096),
    "kernel": LayerAxis(set_kernel, int, 1, 28),
    "dense": LayerAxis(set_dense, int, 1, 4096),
    "dropout": LayerAxis(set_dropout, float, 0, 0.99),
}
