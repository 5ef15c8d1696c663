"""How the weights of a convolution can be made up: kernel, groups and bias. Knows no sizes of maps."""

import math
from collections.abc import Callable, Iterator
from functools import cache

from fmexplore.checker.layer_kinds import PrintedLayer, Size
from fmexplore.checker.readings import bias_text, count_text

LARGEST_SIDE = 1024
MOST_GROUPS = 48  # ways to divide channels into groups

# Kernel, parameters, groups and bias; no groups where it is not known how the weights are made up.
Weights = tuple[tuple[int, ...] | None, int | None, int, bool | None]


def make_weights(layer: PrintedLayer, channels: Size, filters: Size, rank: int) -> Iterator[Weights]:
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


def _weights_of_count(layer: PrintedLayer, channels: Size, filters: int, rank: int, bias: bool) -> Iterator[Weights]:
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


def weights_in_words(kernel: tuple[int, ...] | None, channels: Size, groups: int, bias: bool | None) -> str:
    """The weights as in "3x3 over 1 channel with bias"."""
    if kernel is None or channels is None:
        return bias_text(bias)
    split = f" in {groups:,} groups" if groups > 1 else ""
    return f"{'x'.join(map(str, kernel))} over {count_text(channels, 'channel')}{split} {bias_text(bias)}"
