"""A table of numbers whose rows lead to where they come from: the terms of a sum, or the values of a vector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fmexplore.ui.components import register, sent

_component = register("term_table", "<div class='terms-of-sum'></div>")


@dataclass(frozen=True)
class Entry:
    """A row: its name, its numbers as texts, the number that its bar shows, and whether it leads somewhere."""

    name: str
    numbers: tuple[str, ...]
    size: float
    leads: bool = True
    marked: bool = False


def term_table(
    heads: Sequence[str],
    rows: Sequence[Entry],
    ends: Sequence[tuple[str, str]],
    key: str,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw the rows under `heads`, and below them `ends`, names with a number; `on_pick` gets a row's number."""

    def picked() -> None:
        row = sent(key, "pick")
        if on_pick and isinstance(row, int) and 0 <= row < len(rows) and rows[row].leads:
            on_pick(row)

    largest = max((abs(row.size) for row in rows), default=0) or 1
    entries: list[dict[str, Any]] = [{**vars(row), "size": row.size / largest} for row in rows]
    data = {"heads": list(heads), "rows": entries, "ends": [list(end) for end in ends]}
    _component(key=key, data=data, on_pick_change=picked)
