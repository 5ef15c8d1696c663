"""What layers without parameters make of their inputs: pooling over all places, other sizes and axes, merges."""

import math
from collections.abc import Callable, Iterator

from fmexplore.checker.layer_kinds import Shape, Size, fits, product
from fmexplore.checker.readings import Reading, Use


def _global_pool(use: Use) -> Iterator[Reading]:
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


def _resize(use: Use) -> Iterator[Reading]:
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


def _adaptive_pool(use: Use) -> Iterator[Reading]:
    shape, made = use.shape, use.layer.output
    if not shape or not made or len(shape) < 2 or (len(made) == len(shape) and fits(made[:1], shape[:1])):
        yield Reading(made, 0)


def _reshape(use: Use) -> Iterator[Reading]:
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


def _repeat(use: Use) -> Iterator[Reading]:
    yield Reading((None, *use.shape) if use.shape is not None else use.layer.output, 0)


def _flatten(use: Use) -> Iterator[Reading]:
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


def _same(use: Use) -> Iterator[Reading]:
    yield Reading(use.layer.output if use.shape is None else use.shape, 0)


def _input(use: Use) -> Iterator[Reading]:
    yield Reading(use.layer.output, 0)


def _sum(use: Use) -> Iterator[Reading]:
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


def _concatenate(use: Use) -> Iterator[Reading]:
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


READERS: dict[str, Callable[[Use], Iterator[Reading]]] = {
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
