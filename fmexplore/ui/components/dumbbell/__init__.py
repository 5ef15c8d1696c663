"""Printed against measured values: a row for each system, two marks on one scale, a verdict; rows can be picked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmexplore.ui.components import register, sent

_component = register("dumbbell", "<div class='dumbbell'></div>")


@dataclass(frozen=True)
class Row:
    """`printed`, and `mean` more or less `tolerance` where it was measured; `tone` colours the verdict."""

    id: str
    name: str
    note: str
    printed: float
    mean: float | None
    tolerance: float
    verdict: str
    tone: str
    label: str  # for those who point at it or listen


def dumbbell(
    rows: Sequence[Row], key: str, scale: tuple[float, float], current: str, on_pick: Callable[[str], None], label: str
) -> None:
    """Draw the rows on a scale from its first to its second value, in percent; `on_pick` gets the id of a row."""

    def was_picked() -> None:
        if (picked := sent(key, "pick")) is not None:
            on_pick(picked)

    data = {"rows": [vars(row) for row in rows], "scale": list(scale), "current": current, "label": label}
    _component(key=key, data=data, on_pick_change=was_picked)
