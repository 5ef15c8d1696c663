"""A reading of a layer, and a layer with what it gets. Knows no kind of layer."""

from dataclasses import dataclass

from fmexplore.checker.layer_kinds import PrintedLayer, Shape, Style


@dataclass(frozen=True)
class Reading:
    """Settings with which a printed layer would have this output and these parameters; None for what stays open."""

    output: Shape | None
    parameters: int | None
    words: str = ""
    kernel: tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    padding: str | int | tuple[int, ...] | None = None
    bias: bool | None = None
    judged: bool = True  # False: the kind of layer is known, but not what this one does


@dataclass(frozen=True)
class Use:
    """A layer and its inputs."""

    layer: PrintedLayer
    shape: Shape | None  # the first of the inputs, or the one printed beside the layer
    inputs: list[Shape | None]
    style: Style
    even: bool

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """Where channels can stand: Keras does not print which way round its maps are."""
        return (0,) if self.style == "torch" else (-1,) if self.layer.channels_last else (-1, 0)


def open_reading(use: Use) -> Reading:
    """A reading that judges nothing but what the arguments of the layer say."""
    made = use.layer.calculated  # from its arguments
    return Reading(use.layer.output, made, judged=made is not None)


def rank_of(shape: Shape | None) -> int:
    """How many axes of a shape are no channels; 2 where it is not known."""
    return max(len(shape) - 1, 1) if shape else 2


def count_text(number: int, what: str) -> str:
    """As in "1 channel" and "64 channels"."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def bias_text(bias: bool | None) -> str:
    """Whether there is a bias, in words."""
    return "with bias" if bias else "without bias"
