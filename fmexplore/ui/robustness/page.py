"""The Robustness view of the Inside page: which run, images and class, the heat map, and what is behind a cell."""

from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.errors import FMExploreError
from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import CLEAN, ROWS, Row, Sheet, corruption_error
from fmexplore.runs.run import Run
from fmexplore.training.hardening import trained_against
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.change_grid import Cell, Line, change_grid
from fmexplore.ui.formatting import num
from fmexplore.ui.robustness.beside import choose_beside, in_link, show_beside
from fmexplore.ui.robustness.computing import show_sheet
from fmexplore.ui.robustness.flipped import show_flipped
from fmexplore.ui.robustness.pair import pair_finding, pair_in_link
from fmexplore.ui.robustness.words import phrase
from fmexplore.ui.selection import predictions as selected_predictions

MIDDLE = 3  # the severity of the finding
PAIRED = "After ± the 95 % interval of a difference; p is that of McNemar's test, with Holm's correction for both."
EXAMPLE = 0  # the number of the test image in the small pictures, where no class is chosen


def robustness(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    name = formatting.plain(run.title)
    link = url.read_link(("",), ("test", "validation"), ("split", "image"))
    messages.warn(link.problems)
    splits = [each for each in ("test", "validation") if each == "test" or run.config.training.validation == "share"]
    split = link.split if link.split in splits else "test"
    if link.split and link.split != split:
        st.warning(f"{name} was trained without validation images: these are the test images.")
    with row:
        _choose(splits, split)
        choose_beside(run)
    with st.container(key="robustness_body"), messages.boundary():
        show_sheet(run, split, partial(_show, run, split))


def _choose(splits: list[str], split: str) -> None:
    peeking = "Choose a network by validation images: choosing it by test images is peeking."
    selected_predictions.choose_split(splits, split, "robustness_split", peeking)
    widgets.choose_class("Class", "robustness_class", "All classes", width=170)


def _row_in_link() -> Row | None:
    """The marked cell; a severity that its change does not have is told."""
    change = widgets.choice_in_link("change", tuple(CHANGES))
    if change is None:
        return None
    known = tuple(str(row.severity) for row in ROWS if row.change == change)
    return Row(change, int(widgets.choice_in_link("severity", known) or known[len(known) // 2]))


def _show(run: Run, split: str, sheet: Sheet) -> None:
    """All below the row of choices, for what is known by now."""
    with st.container(key="robustness_warnings"):
        label, row = widgets.class_in_link("class"), _row_in_link()
    hardened = trained_against(run.config.training)
    pair = pair_in_link(run, in_link())
    beside = shared.sheet(pair.other(run), split) if pair else None
    if pair and not (beside and beside.counts[0] and len(beside.labels) == len(sheet.labels)):
        pair = None
    told = None
    if pair and label is None:
        told = pair_finding(pair, split, row or Row(pair.change, min(MIDDLE, len(CHANGES[pair.change].amounts))))
    st.subheader(told or finding(sheet, formatting.plain(run.title), label, row, hardened), anchor=False)
    st.caption(f"{_describe(run, split, sheet, label)}{f' {PAIRED}' if told else ''}")
    left, right = st.columns([50, 50] if pair else [52, 48], gap="large")
    with left:
        if pair:
            st.markdown(f"**{formatting.plain(run.title)}**")
        _grid(run, sheet, row, label, "change_grid")
    if pair and beside:
        with right:
            st.markdown(f"**{formatting.plain(pair.other(run).title)}**")
            _grid(pair.other(run), beside, row, label, "change_grid_beside")
        right = st.container()
    with right, messages.boundary():
        show_flipped(run, split, sheet, row, label)
    with messages.boundary():
        show_beside(run, split, sheet, row, label)


def _grid(run: Run, sheet: Sheet, row: Row | None, label: int | None, key: str) -> None:
    labels, hardened = shared.dataset().test.labels, trained_against(run.config.training)
    example = EXAMPLE if label is None else int(np.argmax(labels == label))
    change_grid(
        [_line(sheet, name, label, name in hardened) for name in CHANGES],
        shared.changed_examples(example),
        key,
        lambda change, severity: url.go(change=change, severity=severity, image=None),
        tuple(row) if row else None,
        "trained with this change: no surprise to the network",
        f"Accuracy of {run.title} on changed images, %",
    )


def finding(sheet: Sheet, name: str, label: int | None, row: Row | None, hardened: frozenset[str]) -> str:
    """What the sheet says in a sentence: about the marked cell, else about what the network bears worst at severity 3.

    What it was trained with is none.
    """
    clean = sheet.tally(CLEAN, label)
    if not clean.images:
        return f"{name} is being tried on changed images"
    middles = [Row(each, min(MIDDLE, len(change.amounts))) for each, change in CHANGES.items() if each not in hardened]
    known = [each for each in middles if sheet.tally(each, label).images]
    worst = row or min(known, key=lambda each: sheet.tally(each, label).accuracy, default=None)
    what = "unchanged images" if label is None else f"unchanged {formatting.plural(label)}"
    said = f"{name} recognises {formatting.percent(clean.accuracy, 0)} of {what}"
    if worst is None or not sheet.tally(worst, label).images:
        return said
    share = formatting.percent(sheet.tally(worst, label).accuracy, 0)
    return f"{said}, and {share} of those {phrase(worst)}"


def _describe(run: Run, split: str, sheet: Sheet, label: int | None) -> str:
    clean, words = sheet.tally(CLEAN, label), selected_predictions.words(split)
    images = words if label is None else f"{words} of class {formatting.class_name(label)}"
    parts = [f"Accuracy in % on {num(clean.images):,} {images}"]
    if not sheet.whole:
        few = int(sheet.counts[sheet.counts > 0].min(initial=len(sheet.labels)))
        parts = [f"Accuracy in % on the first {num(few):,} {images} and more"]
    if clean.images:
        parts.append(f"unchanged {formatting.percent(clean.accuracy)} ({formatting.percents(*clean.interval)})")
    error = reference_error(run, split, sheet)
    if error is not None:
        parts.append(f"mean corruption error {formatting.percent(error, 0)} of that of {session.FIRST}")
    return "; ".join(parts) + ". Click a cell to see which images it costs."


def reference_error(run: Run, split: str, sheet: Sheet) -> float | None:
    """The mean corruption error relative to the shipped `quick`; None for itself, and where that has no answers."""
    try:
        reference = shared.store().get(session.FIRST)
        found = shared.sheet(reference, split) if reference != run else None
    except FMExploreError:
        return None
    return corruption_error(sheet, found) if found else None


def _line(sheet: Sheet, name: str, label: int | None, marked: bool) -> Line:
    change = CHANGES[name]
    rows = [each for each in ROWS if each.change == name]
    about = f"{change.explanation}{' The training had this change too.' if marked else ''}"
    return Line(name, about, marked, tuple(_cell(sheet, each, label) for each in rows))


def _cell(sheet: Sheet, row: Row, label: int | None) -> Cell:
    tally = sheet.tally(row, label)
    what = f"{row.change}, severity {row.severity}"
    if not tally.images:
        return Cell("…", 0, f"{what}: not asked yet")
    share, (low, high) = 100 * tally.accuracy, tally.interval
    said = f"{formatting.percent(tally.accuracy)} right of {num(tally.images):,} images {phrase(row)}"
    between = f"95 % interval {formatting.percents(low, high)}"
    return Cell(f"{num(share):.1f}", 1 - tally.accuracy, f"{what}: {said} ({between})")
