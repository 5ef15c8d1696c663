"""Small parts that several pages use: data gate, choice of the view, buttons, badges, downloads."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import DataError, RunBroken
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.runs.records import Hardening
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, read_status
from fmexplore.textfiles import csv_text
from fmexplore.training.config import RunConfig
from fmexplore.ui import formatting, messages, preferences, session, shared, url
from fmexplore.ui.charts.table import curves_table

FORGETS = "This server deletes all runs when it restarts: download those that you want to keep."


def choice_in_link(name: str, known: tuple[str, ...]) -> str | None:
    """A query parameter that is one of the known values; another one is reported and ignored."""
    value = st.query_params.get(name)
    if value is None or value in known:
        return value
    messages.warn([url.left_out(name, value, f"one of {', '.join(known)}")])
    return None


def class_in_link(name: str) -> int | None:
    """A query parameter that is a class; another one is reported and ignored."""
    text = choice_in_link(name, tuple(map(str, range(len(CLASS_NAMES)))))
    return None if text is None else int(text)


def choose_class(label: str, key: str, everything: str, **options: Any) -> None:
    """A choice of the class in the link, or of none, which is called `everything`; another one closes the card."""
    named = st.query_params.get("class")
    classes = [str(each) for each in range(len(CLASS_NAMES))]
    st.session_state[key] = named if named in classes else None
    st.selectbox(
        label,
        classes,
        index=None,
        format_func=lambda text: CLASS_NAMES[int(text)],
        key=key,
        placeholder=everything,
        on_change=lambda: url.go(**{"class": st.session_state[key], "image": None}),
        **options,
    )


def choose_view(
    names: dict[str, str], view: str, key: str, shared_by: Mapping[str, Sequence[str]] = {}, **changes: object
) -> None:
    """The views of a page with the one in the link, where the first is not named; `changes` come with another one.

    A parameter of the link in `shared_by` stays from one of its views to another, and goes with any other one.
    """

    def choose() -> None:
        chosen = st.session_state[key]
        gone = [name for name, views in shared_by.items() if view not in views or chosen not in views]
        url.go(view=None if chosen == next(iter(names)) else chosen, **changes, **dict.fromkeys(gone))

    st.session_state[key] = view
    st.segmented_control(
        "View",
        list(names),
        format_func=names.__getitem__,
        key=key,
        required=True,
        label_visibility="collapsed",
        on_change=choose,
    )


def mark_several() -> None:
    """The choice whether a click in a matrix marks one cell more: where there is no key to hold, the only way."""
    st.toggle(
        "Mark several cells",
        key=url.SEVERAL,
        help="Each click marks one more cell, or takes its mark away. With a keyboard, hold Ctrl, Shift or ⌘ instead.",
        persist_state="session",
    )


def data_gate() -> bool:
    """Whether the data set is there; if not, say so and offer to get it."""
    try:
        shared.dataset()
        return True
    except DataError as error:
        problem = str(error)
    missing = _is_missing()
    with st.container(border=True):
        st.subheader("First, download the data set" if missing else "The data set is damaged")
        if missing:
            st.write("fmexplore needs Fashion-MNIST: 70,000 small pictures of clothes, a download of 31 MB.")
        else:
            messages.show_error(problem)
        _fetch_panel(missing)
    return False


def _is_missing() -> bool:
    try:
        fashion_mnist.find_folder()
        return False
    except DataError:
        return True


def _fetch_panel(missing: bool) -> None:
    folder = st.session_state.get("fetch_job")
    status = _fetch_status(folder)
    if status is None or not status.active:
        if status and status.error:
            messages.show_error(status.error)
        st.button(
            "Download the data" if missing else "Download the data again",
            type="primary",
            on_click=messages.act,
            args=(_start_fetch,),
        )
        return
    st.fragment(_follow_fetch, run_every=0.5)(folder)


def _start_fetch() -> None:
    st.session_state.fetch_job = shared.queue().submit("fetch", session.owner())


def _fetch_status(folder) -> Status | None:
    try:
        return read_status(folder) if folder else None
    except RunBroken:
        return None


def _follow_fetch(folder) -> None:
    status = _fetch_status(folder)
    if status is None or not status.active:
        st.rerun()
        return
    st.progress(status.progress or 0.0, status.message or "Starting")


def await_speed() -> None:
    """Run the page again once this machine has been measured."""

    def look() -> None:
        if read_speed(shared.settings()):
            st.rerun()

    if read_speed(shared.settings()) is None:
        st.fragment(look, run_every=1)()


def train_button(
    label: str, config: RunConfig, primary: bool = False, where: str = "", hardening: Hardening | None = None
) -> None:
    """A button that says how long this training takes here, starts it and leads to it; off without the data set.

    `where` follows the time, where the page also says how long it took elsewhere; `hardening` is kept with the run.
    """
    speed = read_speed(shared.settings())
    if speed:
        seconds = estimate(config, speed, known_execution(shared.settings(), config)).seconds
        label = f"{label}, about {formatting.duration(seconds)}{where}"
    off = not session.owner() or _is_missing()
    # The key keeps a click that comes just as the label learns how long it takes.
    kind = "primary" if primary else "secondary"
    st.button(
        label,
        key="train_now",
        type=kind,
        disabled=off,
        on_click=messages.act,
        args=(lambda: _train(config, hardening),),
    )
    await_speed()


def _train(config: RunConfig, hardening: Hardening | None) -> None:
    run = shared.training_queue().submit_run(config, session.owner())
    if hardening:
        run.write_hardening(hardening)
    url.open_page(session.TRAIN_PAGE, run=run.id)


def await_answer(question: Question, message: str) -> Any:
    """The answer of the analyst, with a bar while it takes more than a moment. Raises FMExploreError.

    Call it in a container that is always there: else all below is mounted anew when the bar has gone.
    """
    if not question.wait(0.2):
        bar = st.progress(question.share, question.message or message)
        while not question.wait(0.2):
            bar.progress(question.share, question.message or message)
        bar.empty()
    return question.result()


def state_badge(run: Run, status: Status) -> None:
    """The state of a run as a coloured word."""
    if run.shipped or status.state == "finished":
        st.badge("shipped" if run.shipped else "finished", color="green")
    elif status.state == "running":
        st.badge(status.state, color="blue")
    elif status.state == "failed":
        st.badge(status.state, color="red")
    else:
        st.badge(status.state, color="orange")


def warn_of_peeking(run: Run) -> None:
    """Where the validation images of the run, on which something was measured, are the test images."""
    if run.config.training.peeks:
        with st.container(horizontal=True, vertical_alignment="center"):
            peeks_badge()
            st.caption("Its validation images are the test images.")


def peeks_badge() -> None:
    """A badge for runs that use the test set for validation."""
    st.badge(
        "as published: peeks",
        color="orange",
        help="It uses the test set for validation, as the paper did. Its accuracy is therefore a little too good.",
    )


def table(rows: Sequence[dict], column_config: dict[str, Any] | None = None, **options: Any) -> Any:
    """`st.dataframe`, whose numbers have the decimal sign that this browser prefers; they sort as numbers all the same.

    A column's own format has the point, or the browser's sign: with a comma each number is written here.
    """
    config = dict(column_config or {})
    shown: Any = rows
    if rows and preferences.preference("decimal") == "comma":
        import pandas as pd

        formats: dict[str, Any] = {}
        shown = pd.DataFrame(rows)
        for name in map(str, shown.select_dtypes("number")):
            column = config.get(name, {})
            kind = column.get("type_config") or {}
            formats[name] = partial(_with_comma, kind.get("format"))
            config[name] = {**column, "type_config": {**kind, "type": "number", "format": None}}
        shown = shown.style.format(formats)
    return st.dataframe(shown, column_config=config, **options)


def _with_comma(pattern: str | None, value: float) -> str:
    """A number as the format of a column writes it, as in "%.1f %%", but with the preferred sign."""
    if value != value:
        return ""
    if pattern is None or pattern == "localized":
        return f"{formatting.num(round(value, 4)):,}" if pattern else f"{formatting.num(round(value, 4))}"
    return f"{formatting.num(pattern % value)}"


def download_curves(runs: Sequence[tuple[str, Callable[[], list[dict]], bool]], name: str) -> None:
    """A button that downloads the curves of runs: id, metrics when they are asked for, whether it peeks, of each."""

    def table() -> str:
        return csv_text(*curves_table((run, lines(), peeks) for run, lines, peeks in runs))

    download(
        "Curves, CSV",
        table,
        name,
        "text/csv",
        type="tertiary",
        help="All reports of the training as a table. The names of the columns say set and unit.",
    )


def download(label: str, data: str | Callable[[], str | bytes], name: str, mime: str, **options: object) -> None:
    """A download button; `data` may be a function that is called when the button is pressed.

    The press must not run the script again: the run would drop the function before the browser has asked for it.
    """
    st.download_button(label, data, name, mime, on_click="ignore", **options)  # type: ignore[arg-type]
