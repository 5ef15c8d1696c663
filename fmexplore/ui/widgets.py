"""Small parts that several pages use: error boundary, data gate, choice of the view, texts of figures."""

import csv
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.logger import get_logger

from fmexplore.analysis.client import Question
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import PLURALS
from fmexplore.errors import DataError, FMExploreError, RunBroken
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, read_status
from fmexplore.training.config import RunConfig
from fmexplore.ui import session, shared, url

FORGETS = "This server deletes all runs when it restarts: download those that you want to keep."


@contextmanager
def boundary() -> Iterator[None]:
    """Show an error inside as its message; never a traceback."""
    try:
        yield
    except FMExploreError as error:
        st.error(unlinked(str(error)))
    except Exception:
        get_logger(__name__).exception("page failed")
        st.error("Something went wrong on this page. Reload it; the server's log has the details.")


def plain(text: str) -> str:
    """Text that a person has typed, so that markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|$:~-])", r"\\\1", text)


def unlinked(message: str) -> str:
    """A message whose `code` stays code, while a link or picture in what it quotes stays text."""
    return re.sub(r"([\[\]<>$:])", r"\\\1", message).replace("www.", "www\\.")


def choice_in_link(name: str, known: tuple[str, ...]) -> str | None:
    """A query parameter that is one of the known values; another one is said to be left out."""
    value = st.query_params.get(name)
    if value is None or value in known:
        return value
    warn([url.left_out(name, value, f"one of {', '.join(known)}")])
    return None


def warn(problems: Iterable[str]) -> None:
    """Show warnings about invalid values in a link."""
    for problem in problems:
        st.warning(unlinked(problem))


def choose_view(names: dict[str, str], view: str, key: str, **changes: object) -> None:
    """The views of a page with the one in the link; the first is not said there. Another one brings `changes` along."""

    def choose() -> None:
        chosen = st.session_state[key]
        url.go(view=None if chosen == next(iter(names)) else chosen, **changes)

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


def act(action: Callable[[], str | None], undo: str | None = None) -> None:
    """Run an action in a callback and report the result: its returned message, or its error."""
    try:
        if message := action():
            session.tell(message, undo)
        elif (shown := session.told()) and shown["wrong"]:
            session.dismiss()
    except FMExploreError as error:
        session.tell(str(error), wrong=True)


def show_told() -> None:
    """The message of the last action, with *Undo* after a deletion."""
    told = session.told()
    if not told:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        (st.error if told["wrong"] else st.info)(unlinked(told["message"]))
        if told["undo"]:
            st.button("Undo", on_click=act, args=(lambda: _restore(told["undo"]),))
        st.button("Dismiss", key="dismiss_told", on_click=session.dismiss, type="tertiary")


def _restore(run_id: str) -> str:
    run = shared.queue().restore(run_id, session.owner())
    return f"{run.title} was restored."


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
            st.error(unlinked(problem))
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
            st.error(unlinked(status.error))
        st.button("Download the data" if missing else "Download the data again", type="primary", on_click=_start_fetch)
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


def train_button(label: str, config: RunConfig, primary: bool = False) -> None:
    """A button that says how long this training takes here, starts it and leads to it; off without the data set."""
    speed = read_speed(shared.settings())
    if speed:
        seconds = estimate(config, speed, known_execution(shared.settings(), config)).seconds
        label = f"{label}, about {duration(seconds)}"
    off = not session.owner() or _is_missing()
    # The key keeps a click that comes just as the label learns how long it takes.
    kind = "primary" if primary else "secondary"
    st.button(label, key="train_now", type=kind, disabled=off, on_click=act, args=(lambda: _train(config),))
    await_speed()


def _train(config: RunConfig) -> None:
    url.lead(session.TRAIN_PAGE, run=shared.queue().submit_run(config, session.owner()).id)


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


def peeks_badge() -> None:
    """A badge for runs that use the test set for validation."""
    st.badge(
        "as published: peeks",
        color="orange",
        help="It uses the test set for validation, as the paper did. Its accuracy is therefore a little too good.",
    )


def plural(label: int, start: bool = False) -> str:
    """The name of a class for several of it, as within a sentence or at its start: "shirts", "T-shirts"."""
    name = PLURALS[label]
    return name if start or name[1] == "-" else name.lower()


def percent(value: float | None, digits: int = 1) -> str:
    """A share as text, as in "91.9 %", which no line breaks apart."""
    return "–" if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def epochs(count: float) -> str:
    """Of a training, with as many of two decimals as it needs."""
    return f"{round(count, 2):g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def download(label: str, data: str | Callable[[], str | bytes], name: str, mime: str, **options: object) -> None:
    """A download button; `data` may be a function that is called when the button is pressed.

    The press must not run the script again: the run would drop the function before the browser has asked for it.
    """
    st.download_button(label, data, name, mime, on_click="ignore", **options)  # type: ignore[arg-type]


def csv_text(header: Iterable[str], rows: Iterable[Iterable]) -> str:
    """A table as CSV with a line for its head."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def tell_apart(runs: Iterable[Run]) -> dict[str, str]:
    """Titles by id, with the end of the id where two are the same: Streamlit takes an option by its text."""
    runs = list(runs)
    counts = Counter(run.title for run in runs)
    return {
        run.id: run.title if run.shipped or counts[run.title] == 1 else f"{run.title} ({run.id[-4:]})" for run in runs
    }


def run_texts(runs: Iterable[Run]) -> dict[str, str]:
    """Name, accuracy and state by id, as the pickers of runs show them; no two are the same."""
    runs = list(runs)
    return {run.id: f"{name} · {_news(run)}" for run, name in zip(runs, tell_apart(runs).values(), strict=True)}


def _news(run: Run) -> str:
    try:
        accuracy = run.status.result.validation_accuracy
        figure = f"{percent(accuracy)} · " if accuracy is not None else ""
        return figure + ("shipped" if run.shipped else run.status.state)
    except RunBroken:
        return "broken"


def days_left(run: Run, status: Status) -> str:
    """How long a hosted server keeps a run, in words; empty where it keeps it for good."""
    days = shared.settings().max_age_days
    if not days or status.active or run.label.starred:
        return ""
    return time.strftime("kept until %d %b", time.localtime((status.ended or status.created) + days * 86400))
