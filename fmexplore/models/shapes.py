"""Shapes between layers, and what a window that slides over a map makes of them.

A shape is (channels, height, width) of a map, or (values,) after a flatten or a global pool.
"""

from typing import Annotated, Literal

from pydantic import Field

Shape = tuple[int, ...]
Padding = Literal["same", "valid"] | Annotated[int, Field(ge=0, le=14)]


class Refused(Exception):
    """A layer that does not fit where it stands; the summary adds its number."""


def need_map(shape: Shape) -> None:
    """Raises Refused for anything but a map."""
    if len(shape) != 3:
        raise Refused(f"it needs a map, but gets {shape[0]} values: move it before the flatten or the global pool")


def slide(shape: Shape, kernel: int, stride: int, padding: int, what: str) -> tuple[int, int]:
    """Height and width after a window of `kernel` has moved over a map."""
    need_map(shape)
    height, width = shape[1:]
    if kernel > min(height, width) + 2 * padding:
        room = f" with {padding} of padding" if padding else ""
        raise Refused(
            f"its {kernel}x{kernel} {what} is larger than the {height}x{width} map it gets{room}: "
            f"use a smaller {what}, 'same' padding or fewer pools before it"
        )
    return (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1


def pixels(padding: Padding, kernel: int) -> int:
    """Padding in pixels on each side."""
    if padding == "same":
        if kernel % 2 == 0:
            raise Refused(f"'same' padding needs an odd kernel, not {kernel}: use {kernel + 1} or padding 'valid'")
        return kernel // 2
    return 0 if padding == "valid" else padding


def text(shape: Shape) -> str:
    """As in "32x28x28", or "10 values"."""
    return "x".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} values"
