"""The selection in the link: which run, split, cells, image and moment are shown, read as untrusted input.

It is the only place where the selection is kept, so that a link opens the same anywhere and Back walks through it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.runs.derived import SPLITS
from fmexplore.ui.components.confusion_grid import Picked
from fmexplore.ui.components.history import follow_link

SEVERAL = "mark_several"  # whether a click marks one cell more, as with Ctrl
SINCE, MARKED = "since", "marked"  # the choice between the marked images and what was learnt or forgotten
GROUPS_BY = "-"  # between the groups of classes
MOST_DIGITS = 8  # no image and no step has a higher number
MOST_LETTERS = 40  # of the name of a layer
NAMES = ("view", "split", "true", "pred", "image", "snapshot", "other", "right", "groups")
SIDES = ("first", "second", "neither")  # who of two runs is right about an image that they disagree on


@dataclass(frozen=True)
class Link:
    """What the link asks for; None or empty where it says nothing. `problems` names its invalid values."""

    view: str = ""
    split: str | None = None
    picked: Picked = field(default_factory=Picked)
    image: int | None = None
    snapshot: int | None = None
    other: str | None = None
    right: str | None = None
    layer: str | None = None
    channel: int | None = None
    at: tuple[int, int] | None = None  # row and column in a map
    groups: tuple[tuple[int, ...], ...] = ()  # of classes; those in none of them stand alone
    problems: tuple[str, ...] = field(default=())


def read_link(views: tuple[str, ...] = ("",), splits: tuple[str, ...] = SPLITS, names: tuple[str, ...] = NAMES) -> Link:
    """The selection, as far as a page asks for it by `names`; what cannot be understood counts as missing."""
    problems: list[str] = []

    def one(name: str, check: Callable[[str], bool], wanted: str) -> str | None:
        text = st.query_params.get(name)
        if text is None or name not in names:
            return None
        if check(text):
            return text
        problems.append(left_out(name, text, wanted))
        return None

    def number(name: str, wanted: str) -> int | None:
        text = one(name, _is_number, wanted)
        return None if text is None else int(text)

    def classes(name: str) -> tuple[int, ...]:
        parts = one(name, lambda text: all(_is_class(part) for part in text.split(",")), "a class from 0 to 9")
        return tuple(map(int, parts.split(","))) if parts else ()

    true, predicted = classes("true"), classes("pred")
    if true and predicted and len(true) != len(predicted):
        problems.append(
            f"The link names {len(true)} true and {len(predicted)} predicted classes: give as many of each."
        )
        true = predicted = ()
    if (true and not predicted and len(true) > 1) or (predicted and not true and len(predicted) > 1):
        problems.append("The link names several whole classes: the first one is shown.")
    cells = tuple(dict.fromkeys(zip(true, predicted))) if true and predicted else ()
    picked = Picked(cells) if cells else Picked(row=next(iter(true), None), column=next(iter(predicted), None))
    return Link(
        view=one("view", views.__contains__, f"one of {', '.join(filter(None, views))}") or views[0],
        split=one("split", splits.__contains__, f"one of {', '.join(splits)}"),
        picked=picked,
        image=number("image", "the number of an image"),
        snapshot=number("snapshot", "the step of a snapshot"),
        other=one("other", bool, "a run"),
        layer=one("layer", lambda text: 0 < len(text) <= MOST_LETTERS, "a layer"),
        channel=number("channel", "the number of a channel"),
        at=_split_place(one("at", _is_place, "a row and a column, as in 3,5")),
        right=one("right", SIDES.__contains__, f"one of {', '.join(SIDES)}"),
        groups=_split_groups(one("groups", _are_groups, "groups of classes, as in 0,2,4,6-5,7,9")),
        problems=tuple(problems),
    )


def left_out(name: str, text: str, wanted: str) -> str:
    """The warning about a parameter that cannot be understood."""
    return f"The link says {name}={text[:40]!r}, which is not {wanted}: it was ignored."


def go(**changes: object) -> None:
    """Change the link, as one entry in the browser's history; None takes a parameter out of it."""
    values = {**st.query_params.to_dict(), **{name: str(value) for name, value in changes.items() if value is not None}}
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
    if values != st.query_params.to_dict():
        st.query_params.from_dict(values)


def open_page(page: str, **parameters: object) -> None:
    """Open another page, as one step in the browser's history. For callbacks."""
    st.session_state.page_to_open = page, {name: str(value) for name, value in parameters.items()}


def leave_fragment() -> None:
    """Let a callback in a fragment open a page, as its reruns do not reach `follow`; call it first in there."""
    if "page_to_open" in st.session_state:
        st.rerun()


def follow() -> bool:
    """Go to the page that a callback has opened, if one has."""
    if link := st.session_state.pop("page_to_open", None):
        follow_link(*link)
    return link is not None


def pick(picked: Picked, **changes: object) -> None:
    """Mark cells, a row, a column or, if all are empty, nothing."""
    go(**{"true": None, "pred": None, **cell_parameters(picked)}, image=None, **changes)


def fold(groups: Iterable[Iterable[int]]) -> None:
    """Look at groups of classes, or at the ten classes where there are none; what was marked is unmarked."""
    text = GROUPS_BY.join(",".join(map(str, group)) for group in groups if group)
    go(groups=text or None, true=None, pred=None, image=None)


def pick_side(side: str) -> None:
    """Choose which of two runs is right about the images that are shown; the first is not in the link."""
    go(right=None if side == SIDES[0] else side, image=None)


def show_marked() -> None:
    """Let a pressed cell be seen, also where what was learnt since a snapshot has been looked at."""
    st.session_state[SINCE] = MARKED


def cell_parameters(picked: Picked) -> dict[str, str]:
    """How the link says what is marked."""
    true, predicted = (",".join(str(cell[side]) for cell in picked.cells) for side in (0, 1))
    if not picked.cells:
        true, predicted = ("" if head is None else str(head) for head in (picked.row, picked.column))
    return {name: text for name, text in (("true", true), ("pred", predicted)) if text}


def pick_more(before: Picked, event: dict) -> Picked:
    """What is marked after a click in the matrix: the clicked cell, beside those of before if it says `more` or
    several are being marked."""
    if "cell" not in event:
        return Picked(row=event.get("row"), column=event.get("column"))
    cell = (int(event["cell"][0]), int(event["cell"][1]))
    if not (event.get("more") or st.session_state.get(SEVERAL)):
        return Picked((cell,))
    others = tuple(other for other in before.cells if other != cell)
    return Picked(others if cell in before.cells else (*others, cell))


def _are_groups(text: str) -> bool:
    """Whether they are groups of classes, none of which is named twice, and not one group of all ten."""
    named = [part for group in text.split(GROUPS_BY) for part in group.split(",")]
    if not all(map(_is_class, named)):
        return False
    labels = [int(part) for part in named]
    return len(set(labels)) == len(labels) and (GROUPS_BY in text or len(labels) < len(CLASS_NAMES))


def _split_groups(text: str | None) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sorted(map(int, group.split(",")))) for group in text.split(GROUPS_BY)) if text else ()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS


def _is_place(text: str) -> bool:
    return text.count(",") == 1 and all(map(_is_number, text.split(",")))


def _split_place(text: str | None) -> tuple[int, int] | None:
    y, x = map(int, text.split(",")) if text else (None, None)
    return None if y is None or x is None else (y, x)


def _is_class(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 3 and int(text) < len(CLASS_NAMES)
