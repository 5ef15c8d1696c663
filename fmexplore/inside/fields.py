"""Receptive fields: which pixels a value inside a network can depend on. Knows the graph of steps; no weights.

They are exact: what pooling leaves over at a border, or a kernel that sees only padding, is not in them.
"""

from dataclasses import dataclass

import numpy as np

from fmexplore.inside.graph import IMAGE, Graph, Step
from fmexplore.models.layers import AvgPool, Conv, MaxPool, PixelUnshuffle
from fmexplore.models.table import IMAGE_SHAPE

Box = tuple[int, int, int, int]  # top, left, bottom, right, the last two behind the last pixel: image[top:bottom]


@dataclass(frozen=True)
class Field:
    """The receptive field of a value.

    `box` is the smallest one that holds all pixels it can depend on, within the image, and empty (0, 0, 0, 0) where
    there are none. `reach` is the same without the borders of the image: where it goes beyond them there is padding.
    """

    box: Box
    reach: Box

    @property
    def padded(self) -> bool:
        """Whether it reaches beyond the image."""
        top, left, bottom, right = self.reach
        return top < 0 or left < 0 or bottom > IMAGE_SHAPE[1] or right > IMAGE_SHAPE[2]


@dataclass(frozen=True)
class _Axis:
    """Places along one axis of a map: those within it as bits of a number, and first and last with padding."""

    bits: int
    first: int
    last: int

    @classmethod
    def whole(cls, size: int) -> "_Axis":
        return cls((1 << size) - 1, 0, size - 1)

    @classmethod
    def one(cls, place: int) -> "_Axis":
        return cls(1 << place, place, place)

    @property
    def places(self) -> list[int]:
        return [place for place in range(self.bits.bit_length()) if self.bits >> place & 1]

    def join(self, other: "_Axis") -> "_Axis":
        return _Axis(self.bits | other.bits, min(self.first, other.first), max(self.last, other.last))

    def window(self, kernel: int, stride: int, padding: int, size: int) -> "_Axis":
        """What a sliding window reads along this axis of its source, which has that size."""
        bits = 0
        for place in self.places:
            first = place * stride - padding
            begin, end = max(0, first), min(size, first + kernel)
            if begin < end:
                bits |= ((1 << (end - begin)) - 1) << begin
        return _Axis(bits, self.first * stride - padding, self.last * stride - padding + kernel - 1)

    def unfold(self, factor: int, offset: int | None) -> "_Axis":
        """The places that pixel unshuffle takes: of each square those at the offset, or all."""
        low, high = (0, factor - 1) if offset is None else (offset, offset)
        bits = sum(1 << (place * factor + each) for place in self.places for each in range(low, high + 1))
        return _Axis(bits, self.first * factor + low, self.last * factor + high)


_Region = tuple[int | None, _Axis, _Axis]  # the channel, None for all; rows and columns


def receptive_field(graph: Graph, name: str, channel: int | None = None, y: int = 0, x: int = 0) -> Field:
    """The receptive field of a value, by following what it reads back to the image.

    >>> from fmexplore.models.layers import Conv, Dense, Flatten
    >>> from fmexplore.models.table import Model
    >>> graph = Graph(Model(layers=(Conv(), Conv(stride=2), Flatten(), Dense(units=10))))
    >>> receptive_field(graph, "2", 0, 5, 0)
    Field(box=(8, 0, 13, 3), reach=(8, -2, 13, 3))

    Args:
        graph: of the network.
        name: of the step.
        channel: of the value; None for all channels together, which seldom differ.
        y: row in the map, 0 for a value of a vector.
        x: column in the map, likewise.

    Raises:
        ConfigError: there is no such step or value.
    """
    graph[name].require(channel or 0, y, x)
    # Regions of each step by their channel, as only those of one channel may be joined without losing exactness.
    wanted: dict[str, dict[int | None, _Region]] = {name: {channel: (channel, _Axis.one(y), _Axis.one(x))}}
    for step in reversed(graph.steps.values()):
        for region in wanted.get(step.name, {}).values():
            for source, (key, rows, columns) in _read(graph, step, region):
                before = wanted.setdefault(source, {}).get(key)
                joined = before and (key, before[1].join(rows), before[2].join(columns))
                wanted[source][key] = joined or (key, rows, columns)
    regions = list(wanted.get(IMAGE, {}).values())
    seen = [(rows.places, columns.places) for _, rows, columns in regions if rows.bits and columns.bits]
    box = (0, 0, 0, 0)
    if seen:
        box = (
            *(min(rows[0] for rows, _ in seen), min(columns[0] for _, columns in seen)),
            *(max(rows[-1] for rows, _ in seen) + 1, max(columns[-1] for _, columns in seen) + 1),
        )
    reach = (
        *(min(rows.first for _, rows, _ in regions), min(columns.first for _, _, columns in regions)),
        *(max(rows.last for _, rows, _ in regions) + 1, max(columns.last for _, _, columns in regions) + 1),
    )
    return Field(box, reach)


def field_boxes(graph: Graph, name: str) -> np.ndarray:
    """The box of the receptive field at every place of a step, `(height, width, 4) int16`, of all channels together."""
    height, width = graph[name].size
    boxes = [[receptive_field(graph, name, None, y, x).box for x in range(width)] for y in range(height)]
    return np.array(boxes, np.int16)


def cut_out(image: np.ndarray, field: Field) -> np.ndarray:
    """What a value sees of an image `(28, 28)`: its field, with 0 beyond the image, or the image where that is less."""
    top, left, bottom, right = field.reach
    if bottom - top >= image.shape[0] or right - left >= image.shape[1]:
        return image
    height, width = image.shape
    margins = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)))
    padded = np.pad(image, margins)
    top, left = top + margins[0][0], left + margins[1][0]
    return padded[top : top + field.reach[2] - field.reach[0], left : left + field.reach[3] - field.reach[1]]


def _read(graph: Graph, step: Step, region: _Region) -> list[tuple[str, _Region]]:
    """What a step reads of its sources for a region of its output."""
    channel, rows, columns = region
    if not step.sources:
        return []
    source = graph[step.sources[0]]
    (height, width), whole = source.size, (_Axis.whole(source.size[0]), _Axis.whole(source.size[1]))
    match step.layer:
        case Conv() | MaxPool() | AvgPool() as layer:
            kernel, stride, padding = window_of(layer)
            rows, columns = rows.window(kernel, stride, padding, height), columns.window(kernel, stride, padding, width)
            channel = None if isinstance(layer, Conv) else channel
        case PixelUnshuffle(factor=factor):
            i, j = (None, None) if channel is None else divmod(channel % factor**2, factor)
            channel = None if channel is None else channel // factor**2
            rows, columns = rows.unfold(factor, i), columns.unfold(factor, j)
    match step.kind:
        case "global_max_pool" | "global_avg_pool":
            rows, columns = whole
        case "dense" | "softmax":
            channel, (rows, columns) = None, whole
        case "flatten" if source.has_maps:
            if channel is None:
                rows, columns = whole
            else:
                channel, y, x = (int(each) for each in np.unravel_index(channel, source.shape))
                rows, columns = _Axis.one(y), _Axis.one(x)
        case "inception" | "dense_block" | "concatenation" if channel is not None:
            name, channel = find_source(graph, step, channel)
            return [(name, (channel, rows, columns))]
    return [(name, (channel, rows, columns)) for name in step.sources]


def window_of(layer: Conv | MaxPool | AvgPool) -> tuple[int, int, int]:
    """Kernel, stride and padding of a sliding window, in pixels."""
    if isinstance(layer, Conv):
        return layer.kernel, layer.stride, layer.pixels
    return layer.size, layer.stride or layer.size, layer.padding


def find_source(graph: Graph, step: Step, channel: int) -> tuple[str, int]:
    """Of a step that joins channels: from which source one comes, and which it is there."""
    for source in step.sources:
        if channel < graph[source].channels:
            return source, channel
        channel -= graph[source].channels
    raise AssertionError(f"{step.name} has fewer channels")
