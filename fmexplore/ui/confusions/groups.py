"""Classes folded into groups: how they are chosen, what they are called, which cells of classes a group's cell is."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES, GROUPS
from fmexplore.evaluation import confusion
from fmexplore.evaluation.predictions import Predictions
from fmexplore.ui import formatting, url
from fmexplore.ui.components.confusion_grid import Picked
from fmexplore.ui.formatting import num
from fmexplore.ui.selection.predictions import Shown

ALL = tuple(range(len(CLASS_NAMES)))
Group = tuple[int, ...]
KNOWN: dict[Group, str] = {tuple(sorted(group)): name for name, group in GROUPS.items() if len(group) > 1}


@dataclass(frozen=True)
class Folding:
    """Which classes count as one: the labels, ascending, of each chosen group; a class in none stands alone."""

    chosen: tuple[Group, ...] = ()

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All ten classes, each in one group, in the order of the first of each."""
        folded = {label for group in self.chosen for label in group}
        return tuple(sorted((*self.chosen, *((label,) for label in ALL if label not in folded))))

    @property
    def folds(self) -> bool:
        """Whether any classes count as one."""
        return len(self.groups) < len(ALL)

    @property
    def names(self) -> list[str]:
        """As the heads of the matrix show them."""
        return [
            KNOWN[group].capitalize() if group in KNOWN else " + ".join(CLASS_NAMES[label] for label in group)
            for group in self.groups
        ]

    def plural(self, number: int, start: bool = False) -> str:
        """A group within a sentence or at its start, as in "shoes" or "T-shirts and shirts"."""
        group = self.groups[number]
        if group in KNOWN:
            return KNOWN[group].capitalize() if start else KNOWN[group]
        first, *others = group
        return " and ".join([formatting.plural(first, start), *map(formatting.plural, others)])

    def matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Counts `(k, k)` between the groups, of those between the classes."""
        return confusion.fold(matrix, self.groups)

    def right(self, predictions: Predictions) -> np.ndarray:
        """Whether each image was given a class of its own group, `(n,) bool`."""
        place = np.empty(len(ALL), int)
        for number, group in enumerate(self.groups):
            place[list(group)] = number
        return place[predictions.labels] == place[predictions.predicted]

    def pick(self, before: Picked, event: dict) -> Picked:
        """What is marked among the classes after a click in the matrix of the groups."""
        if not self.folds:
            return url.pick_more(before, event)
        true, predicted = event["cell"] if "cell" in event else (event.get("row"), event.get("column"))
        cells = self._cells(true, predicted)
        if not event.get("more"):
            return Picked(cells)
        others = tuple(cell for cell in before.cells if cell not in cells)
        return Picked(others if set(cells) <= set(before.cells) else (*others, *cells))

    def marked(self, picked: Picked) -> Picked:
        """What of the groups is marked: each cell, row or column of which all classes are."""
        if not self.folds:
            return picked
        alone = {group[0]: number for number, group in enumerate(self.groups) if len(group) == 1}
        row, column = (None if label is None else alone.get(label) for label in (picked.row, picked.column))
        there, numbers = set(picked.cells), range(len(self.groups))
        return Picked(tuple(c for c in product(numbers, numbers) if set(self._cells(*c)) <= there), row, column)

    def place(self, picked: Picked) -> tuple[int | None, int | None] | None:
        """The one cell, row (true, None) or column (None, predicted) that is marked; None where it is no such."""
        marked, there = self.marked(picked), set(picked.cells)
        if marked.row is not None or marked.column is not None:
            return marked.row, marked.column
        if not marked.cells:
            return None
        (first, last), numbers = marked.cells[0], range(len(self.groups))
        tried = ((first, last), (first, None), *((None, number) for number in numbers))
        return next((each for each in tried if set(self._cells(*each)) == there), None)

    def _cells(self, true: int | None, predicted: int | None) -> tuple[tuple[int, int], ...]:
        """The cells of classes in one of the groups; None is any class."""
        rows, columns = (ALL if number is None else self.groups[number] for number in (true, predicted))
        return tuple(product(rows, columns))


def describe_groups(now: Shown, picked: Picked, folding: Folding, positions: np.ndarray) -> str:
    """The marked images in a sentence, where they are those of groups; else it is empty."""
    count, right = len(positions), folding.right(now.predictions)[positions]
    share = formatting.percent(float(right.mean()) if count else None)
    if picked == Picked():
        some = f"{num(count):,} images are taken for another group: click a cell to see only its images"
        return some if count else "No image is taken for another group"
    if (place := folding.place(picked)) is None:
        return f"{num(count):,} images in {len(picked.cells)} cells of classes" if picked.cells else ""
    true, predicted = place
    if predicted is None and true is not None:
        return f"All {num(count):,} {folding.plural(true)}: {share} are recognised as such"
    if true is None and predicted is not None:
        return f"{num(count):,} images are taken for {folding.plural(predicted)}, {share} of them correctly"
    assert true is not None
    assert predicted is not None
    of = int(np.isin(now.predictions.labels, folding.groups[true]).sum())
    what = "are recognised as such" if true == predicted else f"are taken for {folding.plural(predicted)}"
    return f"{num(count):,} of {num(of):,} {folding.plural(true)} {what}, {formatting.percent(count / max(of, 1))}"


def choose_groups(folding: Folding) -> None:
    """The button with which classes are folded, and its form; the choice is in the link."""
    names = {group: name.capitalize() for group, name in KNOWN.items()}
    known, own = ([group for group in folding.chosen if (group in KNOWN) is kind] for kind in (True, False))
    with st.popover("Group classes", key="group_classes"):
        st.session_state["groups_known"] = known
        st.pills(
            "Count as one class",
            list(names),
            selection_mode="multi",
            format_func=names.__getitem__,
            key="groups_known",
            on_change=lambda: _fold([*st.session_state.groups_known, *own]),
        )
        for number, group in enumerate([*own, ()]):
            _own_group(number, group, [each for each in folding.chosen if each != group])
        if folding.chosen:
            st.button("All ten classes", on_click=_fold, args=([],))


def _own_group(number: int, group: Group, others: list[Group]) -> None:
    key, taken = f"groups_own_{number}", {label for each in others for label in each}
    st.session_state[key] = list(group)
    st.multiselect(
        f"Own group {number + 1}",
        [label for label in ALL if label not in taken],
        format_func=CLASS_NAMES.__getitem__,
        key=key,
        max_selections=len(ALL) - 1,
        select_all=False,
        placeholder="Choose two classes or more",
        on_change=lambda: _fold([*others, st.session_state[key]]),
    )


def _fold(groups: Iterable[Iterable[int]]) -> None:
    """Put these groups into the link; a class stays in the first that names it."""
    seen: set[int] = set()
    kept = []
    for group in groups:
        kept.append(sorted(set(group) - seen))
        seen |= set(kept[-1])
    url.fold(kept)
