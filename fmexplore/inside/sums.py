"""The sum behind a value inside a network, with all its numbers. Knows arrays and layers; no torch.

Sums are made in float64 of the float32 values that the network has, so that they say what it has computed, up to its
rounding. Every term names the value that it comes from, so from a logit one can walk back to the pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fmexplore.inside.fields import Field, find_source, receptive_field, window_of
from fmexplore.inside.graph import IMAGE, SCALED, Step
from fmexplore.models.shapes import Shape

if TYPE_CHECKING:
    from fmexplore.inside.passes import Trace

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "tanh": math.tanh,
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
}


@dataclass(frozen=True)
class Sum:
    """How a value comes about: `total` is the result in float64, `value` what the network has in float32.

    Terms are in the order in which the layer reads them, for convolutions channel by channel, row by row (`grid`). A
    term is `inputs * weights`, and `total` their sum with the constants of the layer. Of a pooling the weights say
    which pixel won (1, the others 0), or the share of each in the mean. An activation and a batch norm have one term,
    to which their formula is applied; a softmax has the exponentials, after the largest logit was taken away.
    """

    step: str
    kind: str
    place: tuple[int, int, int]  # channel, row and column; 0, 0 for a value of a vector
    value: float
    total: float
    field: Field
    sources: tuple[str, ...]  # the steps of which it reads values
    origins: np.ndarray  # (n,) int: which of the sources a term comes from; -1 for padding
    places: np.ndarray  # (n, 3) int: channel, row, column there; row and column outside of the map for padding
    inputs: np.ndarray  # (n,) float64
    weights: np.ndarray  # (n,) float64
    terms: np.ndarray  # (n,) float64
    grid: Shape  # how the n terms are laid out: (channels, kernel, kernel), or (n,)
    constants: dict[str, float] = field(default_factory=dict)  # bias; mean, variance, epsilon, gamma, beta; factor

    def largest(self, count: int) -> np.ndarray:
        """The positions of the terms that matter most, by size, `(count,) int` or fewer."""
        return np.argsort(-np.abs(self.terms), kind="stable")[:count]

    def origin(self, term: int) -> tuple[str, int, int, int] | None:
        """Step, channel, row and column of the value that a term comes from; None for padding."""
        if self.origins[term] < 0:
            return None
        channel, y, x = (int(each) for each in self.places[term])
        return self.sources[self.origins[term]], channel, y, x


def sum_behind(trace: "Trace", name: str, channel: int, y: int = 0, x: int = 0) -> Sum:
    """How one value of a network comes about from those before it.

    Args:
        trace: of an image through the network.
        name: of the step.
        channel: of the value; its number where the step gives a vector.
        y: row in the map, 0 for a value of a vector.
        x: column in the map, likewise.

    Raises:
        ConfigError: there is no such step or value.
    """
    step = trace.graph[name]
    step.require(channel, y, x)
    place = channel, y, x
    with np.errstate(invalid="ignore", over="ignore"):
        parts = _PARTS.get(step.kind, _copy)(_Read(trace, step, place))
        inputs, weights = parts.inputs.astype(np.float64).ravel(), parts.weights.astype(np.float64).ravel()
        terms = inputs * weights if parts.terms is None else parts.terms
        total = terms.sum() if parts.total is None else parts.total
    return Sum(
        step=name,
        kind=step.kind,
        place=place,
        value=float(_at(trace.values[name], *place)),
        total=float(total),
        field=receptive_field(trace.graph, name, channel, y, x),
        sources=step.sources,
        origins=parts.origins,
        places=parts.places.reshape(-1, 3),
        inputs=inputs,
        weights=weights,
        terms=terms,
        grid=parts.inputs.shape,
        constants=parts.constants,
    )


@dataclass
class _Parts:
    """What differs between the kinds of step; terms are inputs * weights, and the total is their sum, unless given."""

    inputs: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    origins: np.ndarray
    terms: np.ndarray | None = None
    total: float | None = None
    constants: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Read:
    """A value that is explained, and what its step has and reads."""

    trace: "Trace"
    step: Step
    place: tuple[int, int, int]

    @property
    def layer(self) -> Any:
        """The settings of the layer; each function below knows which kind it is."""
        return self.step.layer

    @property
    def before(self) -> np.ndarray:
        """What the (first) source gives."""
        return self.trace.values[self.step.sources[0]]

    def tensor(self, name: str) -> np.ndarray:
        """A tensor of the layer."""
        return self.trace.tensors[f"{self.step.module}.{name}"]

    def one(self, place: tuple[int, int, int], weight: float = 1.0, source: int = 0, **constants: float) -> _Parts:
        """One value of a source as the only term."""
        value = _at(self.trace.values[self.step.sources[source]], *place)
        return _Parts(np.array([value]), np.array([weight]), np.array([place]), np.array([source]), constants=constants)

    def vector(self, weights: np.ndarray) -> _Parts:
        """All values of the source, a vector, as terms."""
        places = np.zeros((len(self.before), 3), int)
        places[:, 0] = np.arange(len(self.before))
        return _Parts(self.before, weights, places, np.zeros(len(places), int))

    def window(self, rows: np.ndarray, columns: np.ndarray, channels: Sequence[int]) -> _Parts:
        """What lies at some rows and columns of some channels, 0 beyond the map."""
        grid = np.stack(np.meshgrid(np.array(channels), rows, columns, indexing="ij"), -1)
        inside = (grid[..., 1] >= 0) & (grid[..., 1] < self.before.shape[1])
        inside &= (grid[..., 2] >= 0) & (grid[..., 2] < self.before.shape[2])
        inputs = np.zeros(inside.shape)
        inputs[inside] = self.before[tuple(grid[inside].T)]
        return _Parts(inputs, np.ones(inside.shape), grid, np.where(inside.ravel(), 0, -1))

    def sliding(self, channels: Sequence[int]) -> _Parts:
        """The window that the layer slides over some channels."""
        kernel, stride, padding = window_of(self.layer)
        _, y, x = self.place
        return self.window(np.arange(kernel) + y * stride - padding, np.arange(kernel) + x * stride - padding, channels)

    def whole(self) -> _Parts:
        """The whole map of the value's channel."""
        return self.window(np.arange(self.before.shape[1]), np.arange(self.before.shape[2]), self.place[:1])


def _copy(read: _Read) -> _Parts:
    """Dropout changes nothing outside of a training."""
    return read.one(read.place)


def _pixel(read: _Read) -> _Parts:
    value = _at(read.trace.values[IMAGE], *read.place)
    constants = {"pixel": 255 * value}
    return _Parts(np.array([value]), np.ones(1), np.array([read.place]), np.array([-1]), constants=constants)


def _scaled(read: _Read) -> _Parts:
    from fmexplore.models.networks import DEVIATION, MEAN

    parts = read.one(read.place, 1 / DEVIATION, mean=MEAN, deviation=DEVIATION)
    parts.total = (float(parts.inputs[0]) - MEAN) / DEVIATION
    return parts


def _weighted(read: _Read, parts: _Parts) -> _Parts:
    """By the weights of a convolution or a dense layer, with its bias."""
    channel = read.place[0]
    parts.weights = read.tensor("weight")[channel].astype(np.float64)
    parts.total = float((parts.inputs * parts.weights).sum())
    if read.layer.bias:
        parts.constants = {"bias": float(read.tensor("bias")[channel])}
        parts.total += parts.constants["bias"]
    return parts


def _batch_norm(read: _Read) -> _Parts:
    names = ("running_mean", "running_var", "weight", "bias")
    mean, variance, gamma, beta = (float(read.tensor(each)[read.place[0]]) for each in names)
    weight, epsilon = gamma / math.sqrt(variance + read.layer.epsilon), read.layer.epsilon
    parts = read.one(read.place, weight, mean=mean, variance=variance, epsilon=epsilon, gamma=gamma, beta=beta)
    parts.total = (float(parts.inputs[0]) - mean) * weight + beta
    return parts


def _activation(read: _Read) -> _Parts:
    parts = read.one(read.place)
    parts.total = FUNCTIONS[read.layer.function](float(parts.inputs[0]))
    return parts


def _unshuffle(read: _Read) -> _Parts:
    (channel, y, x), factor = read.place, read.layer.factor
    which, offset = divmod(channel, factor**2)
    i, j = divmod(offset, factor)
    return read.one((which, y * factor + i, x * factor + j))


def _largest(parts: _Parts) -> _Parts:
    """The first of the largest values has it all; padding never wins."""
    values = np.where(parts.origins < 0, -np.inf, parts.inputs.ravel())
    won = np.zeros(values.size)
    won[values.argmax()] = 1
    parts.total, parts.weights = float(values.max()), won.reshape(parts.inputs.shape)
    return parts


def _mean(parts: _Parts) -> _Parts:
    """Padding counts as 0."""
    parts.weights = np.full(parts.inputs.shape, 1 / parts.inputs.size)
    return parts


def _flatten(read: _Read) -> _Parts:
    if read.before.ndim == 1:
        return read.one(read.place)
    channel, y, x = (int(each) for each in np.unravel_index(read.place[0], read.before.shape))
    return read.one((channel, y, x))


def _residual(read: _Read) -> _Parts:
    both = [_at(read.trace.values[each], *read.place) for each in read.step.sources]
    return _Parts(np.array(both), np.ones(2), np.array([read.place, read.place]), np.array([0, 1]))


def _joined(read: _Read) -> _Parts:
    channel, y, x = read.place
    name, inner = find_source(read.trace.graph, read.step, channel)
    return read.one((inner, y, x), source=read.step.sources.index(name))


def _softmax(read: _Read) -> _Parts:
    parts, largest = read.vector(np.ones(len(read.before))), float(read.before.max())
    parts.terms = np.exp(read.before.astype(np.float64) - largest)
    parts.constants = {"largest": largest, "sum": float(parts.terms.sum())}
    parts.total = float(parts.terms[read.place[0]] / parts.terms.sum())
    return parts


_PARTS: dict[str, Callable[[_Read], _Parts]] = {
    IMAGE: _pixel,
    SCALED: _scaled,
    "conv": lambda read: _weighted(read, read.sliding(range(len(read.before)))),
    "dense": lambda read: _weighted(read, read.vector(np.ones(0))),
    "batch_norm": _batch_norm,
    "activation": _activation,
    "logit_scale": lambda read: read.one(read.place, read.layer.factor, factor=read.layer.factor),
    "pixel_unshuffle": _unshuffle,
    "max_pool": lambda read: _largest(read.sliding(read.place[:1])),
    "avg_pool": lambda read: _mean(read.sliding(read.place[:1])),
    "global_max_pool": lambda read: _largest(read.whole()),
    "global_avg_pool": lambda read: _mean(read.whole()),
    "flatten": _flatten,
    "residual": _residual,
    "inception": _joined,
    "dense_block": _joined,
    "concatenation": _joined,
    "softmax": _softmax,
}


def _at(values: np.ndarray, channel: int, y: int, x: int) -> float:
    return float(values[channel, y, x] if values.ndim == 3 else values[channel])
