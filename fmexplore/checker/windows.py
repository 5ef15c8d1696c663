"""What sizes a sliding window can make of others, for the settings that a text leaves open.

Knows one axis at a time, no layer. Every function takes a size before, a size after and the side of a window, each None
where it is not known, and is true wherever some setting that the libraries allow turns the first into the second.
"""

from functools import cache

from fmexplore.checker.layer_kinds import Size, Style

MOST_DILATION = 8  # together with a stride
MOST_STRIDE = 16  # of a transposed convolution
MOST_PADDING = 256  # that is tried; a window that allows more is taken to fit
_SIDES = (2, 3, *range(4, 15), 1)

Setting = tuple[int, int, int, int]  # side, stride, padding and dilation; a padding of SAME is Keras' "same"
SAME = -1


def slides(before: Size, after: Size, side: Size, style: Style, padding: str) -> bool:
    """Whether a convolution can; `padding` is "valid" or "same" in Keras, and any in torch."""
    if before is None or after is None:
        return True
    if style == "torch":
        return _slides_torch(before, after, side)
    if padding == "same":
        return _steps(before, after)
    if side is None:
        return after <= before
    if side == 1:
        return _steps(before, after)
    if any(before - dilation * (side - 1) == after for dilation in _dilations(before - after, side)):
        return True
    return any(
        _steps(before - dilation * (side - 1), after)
        for dilation in range(1, MOST_DILATION + 1)
        if before > dilation * (side - 1)
    )


def _dilations(lost: int, side: int) -> tuple[int, ...]:
    return (lost // (side - 1),) if lost > 0 and lost % (side - 1) == 0 else ()


def _steps(before: int, after: int) -> bool:
    """Whether some stride makes `after` of so many places: the most that are not more than it are just as many."""
    if after < 1 or before < 1:
        return False
    stride = -(-before // after)
    return -(-before // stride) == after


@cache
def _slides_torch(before: int, after: int, side: Size) -> bool:
    """Stride 1: any padding and dilation. A longer stride: with paddings that a window can reach."""
    if after < 1:
        return False
    if side is None:
        return True
    if side == 1 and (after >= before and (after - before) % 2 == 0):
        return True
    if side > 1 and ((side - 1) % 2 == 1 or (after - before) % 2 == 0):
        return True
    if side > MOST_PADDING:
        return True
    for dilation in range(1, MOST_DILATION + 1):
        wide = dilation * (side - 1)
        most = max(wide, 3) if dilation == 1 else (wide + 1) // 2
        for padding in range(min(most, before + 3) + 1):
            free = before + 2 * padding - wide
            if free >= 1 and _steps_with_stride(free, after):
                return True
    return False


def _steps_with_stride(free: int, after: int) -> bool:
    if after == 1:
        return True
    stride = (free - 1) // (after - 1)
    return stride >= 2 and (free - 1) // stride + 1 == after


@cache
def grows(before: Size, after: Size, side: Size, style: Style) -> bool:
    """Whether a transposed convolution can."""
    if before is None or after is None or side is None or side > MOST_PADDING:
        return True
    for stride in range(1, MOST_STRIDE + 1):
        if style == "keras" and after in (before * stride, before * stride + max(side - stride, 0)):
            return True
        for dilation in range(1, 5):
            wide = dilation * (side - 1)
            for padding in range(wide + 1):
                base = (before - 1) * stride + wide + 1 - 2 * padding
                if 0 <= after - base < max(stride, dilation):
                    return True
    return False


def pools(before: Size, after: Size, side: Size, style: Style) -> bool:
    """Whether a pooling can."""
    if before is None or after is None:
        return True
    if side is None:
        return 1 <= after <= before + (style == "torch")
    return bool(pool_settings(before, after, style, (side,)))


@cache
def pool_settings(before: int, after: int, style: Style, sides: tuple[int, ...] = ()) -> frozenset[Setting]:
    """Usual settings of a pooling that turn `before` into `after`; the last of a setting tells rounding up."""
    found = set()
    for side in sides or (*_SIDES, before):
        for stride in dict.fromkeys((side, 2, 1, 3, 4)):
            paddings = (0, SAME) if style == "keras" else range(min(side // 2, MOST_PADDING) + 1)
            for padding in paddings:
                for up in (0,) if style == "keras" else (0, 1):
                    if _pooled(before, side, stride, padding, up) == after:
                        found.add((side, stride, padding, up))
    return frozenset(found)


def _pooled(before: int, side: int, stride: int, padding: int, up: int) -> int:
    if padding == SAME:
        return -(-before // stride)
    free = before + 2 * padding - side
    if free < 0:
        return 0
    count = (free + up * (stride - 1)) // stride + 1
    return count - (up and (count - 1) * stride >= before + padding)


@cache
def slide_settings(before: int, after: int, side: int, style: Style) -> frozenset[Setting]:
    """Usual settings of a convolution that turn `before` into `after`: padding keeps the size at most."""
    found = set()
    for dilation in (1, 2, 3, 4, 6, 8, 12) if side > 1 else (1,):
        wide = dilation * (side - 1)
        for stride in dict.fromkeys((1, 2, 3, 4, side)):
            if style == "keras":
                if -(-before // stride) == after:
                    found.add((side, stride, SAME, dilation))
                if before > wide and -(-(before - wide) // stride) == after:
                    found.add((side, stride, 0, dilation))
                continue
            most = max((wide + 1) // 2 + (stride > 1), 1)
            for padding in range(min(most, MOST_PADDING) + 1):
                free = before + 2 * padding - wide - 1
                if free >= 0 and free // stride + 1 == after:
                    found.add((side, stride, padding, dilation))
            if stride == 1 and before == after:
                found.add((side, 1, SAME, dilation))
            if stride == dilation == 1 and after + wide >= before and (after + wide - before) % 2 == 0:
                found.add((side, 1, (after + wide - before) // 2, 1))
    return frozenset(found)


def slid(before: Size, side: Size, stride: int, padding: str | int, dilation: int) -> Size:
    """The size that a window with known settings makes; None where it is not known, 0 where none fits."""
    if before is None:
        return None
    if padding == "same":
        return -(-before // stride)
    if side is None:
        return None
    return max((before + 2 * (0 if padding == "valid" else int(padding)) - dilation * (side - 1) - 1) // stride + 1, 0)
