"""Shapes of the data between layers, and how a sliding window changes them. Knows no layer.

A shape is (channels, height, width) of a feature map, or (values,) after a flatten or a global pool.
"""

from typing import Annotated, Literal

from pydantic import Field

Shape = tuple[int, ...]
Padding = Literal["same", "valid"] | Annotated[int, Field(ge=0, le=14)]


class Refused(Exception):
    """A layer cannot take the shape that it gets. `table.summarize` adds the layer's number and raises ConfigError."""


def need_map(shape: Shape) -> None:
    """Raise Refused unless the shape is that of a feature map."""
    if len(shape) != 3:
        raise Refused(
            f"it needs a feature map, but gets {shape[0]} values: move it before the flatten or the global pool"
        )


def slide(shape: Shape, kernel: int, stride: int, padding: int, what: str) -> tuple[int, int]:
    """Height and width of a feature map after a convolution or a pooling.

    >>> slide((1, 28, 28), kernel=3, stride=1, padding=0, what="kernel")
    (26, 26)

    Args:
        shape: (channels, height, width).
        kernel: side of the window, in pixels.
        stride: how far it moves each time.
        padding: pixels added on each side.
        what: what the message calls the window.

    Raises:
        Refused: the shape is no feature map, or smaller than the window.
    """
    need_map(shape)
    height, width = shape[1:]
    if kernel > min(height, width) + 2 * padding:
        room = f" with {padding} of padding" if padding else ""
        raise Refused(
            f"its {kernel} x {kernel} {what} is larger than the {height} x {width} feature map it gets{room}: "
            f"use a smaller {what}, 'same' padding or fewer pools before it"
        )
    return (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1


def pixels(padding: Padding, kernel: int) -> int:
    """The padding in pixels on each side. Raises Refused for "same" with an even kernel."""
    if padding == "same":
        if kernel % 2 == 0:
            raise Refused(f"'same' padding needs an odd kernel, not {kernel}: use {kernel + 1} or padding 'valid'")
        return kernel // 2
    return 0 if padding == "valid" else padding


def text(shape: Shape) -> str:
    """The shape as people write it: "32 x 28 x 28", or "10 values"."""
    return " x ".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} values"
