"""Other runs beside the shown one: their accuracy at one severity, and whether the difference is significant."""

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.evaluation.significance import say_p
from fmexplore.robustness.sheet import CLEAN, ROWS, Row, Sheet, corruption_error
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, session, shared, url, widgets
from fmexplore.ui.robustness.pair import offer_pair

MOST = 3
MIDDLE = 3


def choose_beside(run: Run) -> None:
    """Which runs stand beside, kept in the link as `beside`."""
    choices = {each.id: each for each in session.runs() if each != run and session.went_well(each)}
    if not choices:
        return
    names = formatting.tell_apart(choices.values())
    chosen = st.session_state["robustness_beside"] = [each for each in in_link() if each in choices][:MOST]
    st.multiselect(
        "Beside",
        list(choices),
        format_func=lambda run_id: names.get(run_id, run_id),
        key="robustness_beside",
        max_selections=MOST,
        select_all=False,
        placeholder="Other runs",
        width=320,
        on_change=lambda: url.go(beside=",".join(st.session_state.robustness_beside) or None),
    )
    if not chosen:
        offer_pair(run, choices.values())


def in_link() -> list[str]:
    """The ids of the runs beside."""
    return list(dict.fromkeys(filter(None, st.query_params.get("beside", "").split(","))))


def show_beside(run: Run, split: str, sheet: Sheet, row: Row | None, label: int | None) -> None:
    """A table of the runs in the link, at the severity of the marked cell or in the middle."""
    others = _read_others(run, split, sheet)
    if not others:
        return
    severity = row.severity if row and row.change not in _single() else MIDDLE
    rows = tuple(each for each in ROWS if each.severity == severity or each.change in _single())
    names = formatting.tell_apart([run, *(each for each, _ in others)])
    st.subheader(_finding(sheet, others, names, run), anchor=False)
    table: list[dict[str, object]] = []
    for each in (CLEAN, *rows):
        values: dict[str, object] = {"change": each.change, names[run.id]: _percent(sheet, each, label)}
        for other, found in others:
            values[names[other.id]] = _percent(found, each, label)
            compared = (shared.compared_sheets(run, other, split, (CLEAN, *rows)) or {}).get(each)
            if compared and label is None:
                values[f"{names[other.id]}, difference"] = 100 * compared.gain
                mark = "significant" if compared.significant else "not significant"
                values[f"{names[other.id]}, p"] = f"{mark}, {say_p(compared.p_value)}"
        table.append(values)
    config = {
        name: st.column_config.NumberColumn(format="%+.1f" if name.endswith("difference") else "%.1f")
        for name in table[0]
        if name != "change" and not name.endswith(", p")
    }
    widgets.table(table, column_config=config, hide_index=True, height="content")
    tests = "p is that of McNemar's test, with Holm's correction for all rows."
    if label is not None:
        tests = "The difference is tested for all classes together."
    elif not all(each.whole for each in (sheet, *(found for _, found in others))):
        tests = "The difference is tested once all of them have answered all images."
    name = formatting.plain(names[run.id])
    st.caption(f"Accuracy in % at severity {severity}, difference in points to {name}. {tests}")


def _single() -> set[str]:
    return {each.change for each in ROWS} - {each.change for each in ROWS if each.severity > 1} - {CLEAN.change}


def _percent(sheet: Sheet, row: Row, label: int | None) -> float | None:
    tally = sheet.tally(row, label)
    return 100 * tally.accuracy if tally.images else None


def _finding(sheet: Sheet, others: list[tuple[Run, Sheet]], names: dict[str, str], run: Run) -> str:
    """Who is upset least: the mean corruption errors, relative to the shown run."""
    errors = [(corruption_error(found, sheet), names[other.id]) for other, found in others]
    known = [(error, name) for error, name in errors if error is not None]
    if not known:
        return "The same changes, other networks"
    said = [f"{formatting.plain(name)} makes {formatting.percent(error, 0)}" for error, name in known]
    return f"On changed images {' and '.join(said)} of the errors of {formatting.plain(names[run.id])}"


def _read_others(run: Run, split: str, sheet: Sheet) -> list[tuple[Run, Sheet]]:
    """The runs in the link with their answers to the same images; why one is left out is said."""
    others: list[tuple[Run, Sheet]] = []
    for run_id in in_link()[:MOST]:
        try:
            other = shared.store().get(run_id)
            found = shared.sheet(other, split) if other != run else None
        except FMExploreError as error:
            st.warning(formatting.unlinked(f"{error} It was left out."))
            continue
        if other == run:
            continue
        if found is None or not found.counts[0]:
            name = formatting.plain(other.title)
            st.page_link(
                session.INSIDE_PAGE,
                label=f"{name} has not been tried on these changed images yet: try it",
                query_params={"view": "robustness", "run": other.id, "split": split},
            )
        elif len(found.labels) != len(sheet.labels):
            st.info(f"{formatting.plain(other.title)} has other validation images: choose the test images.")
        else:
            others.append((other, found))
    return others
