"""The guided tour: six steps through one story, each a link with a sentence, which a later visit can go on with.

It ends with three things to try next, which the home page then offers in its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import FMExploreError
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.papers.reported import PRINTED
from fmexplore.runs.run import Run
from fmexplore.training.presets import find_preset
from fmexplore.ui import formatting, session, shared, url
from fmexplore.ui.components.bookmark import keep_bookmark
from fmexplore.ui.formatting import num

COOKIE, PARAMETER = "fmexplore_tour", "tour"
SHIRT, TOP = CLASS_NAMES.index("Shirt"), CLASS_NAMES.index("T-shirt/top")
PAPER = "codered-final"


@dataclass(frozen=True)
class TourStep:
    """Where a step leads, with the parameters of its link for the runs of the tour, and what to do there."""

    title: str
    page: Callable[[list[Run]], str]
    text: Callable[[list[Run]], str]
    parameters: Callable[[list[Run]], dict[str, str]]


def _train_text(runs: list[Run]) -> str:
    if runs and runs[0].status.active:
        return (
            f"Your run *{formatting.plain(runs[0].title)}* is training: watch the loss fall. Go on when it has ended."
        )
    if runs and not runs[0].shipped:
        name = formatting.plain(runs[0].title)
        return f"Your run *{name}* has ended: the next steps are about it. To train another, click *Start training*."
    config, speed = find_preset(session.FIRST).config, read_speed(shared.settings())
    seconds = estimate(config, speed, known_execution(shared.settings(), config)).seconds if speed else None
    time = f", for about {formatting.duration(seconds)}" if seconds else ""
    return (
        f"Click *Start training* and watch the loss fall{time}. Go on when it has ended, or at once with the run "
        f"*{session.FIRST}* that comes with the app."
    )


def _paper_text(_: list[Run]) -> str:
    accuracy = PRINTED[PAPER].metrics["test_accuracy"]
    return formatting.unbroken(
        f"A student paper printed {num(accuracy):g} % for this network. It was trained again: see which claims hold."
    )


def _change_text(runs: list[Run]) -> str:
    if _changed(runs):
        return "Both runs side by side: what did the change cost, and is the difference significant?"
    return "Halve the epochs, or turn off an augmentation under *More settings*, and start again: what does it cost?"


def _start_parameters(runs: list[Run]) -> dict[str, str]:
    return _first(runs) if runs and runs[0].status.active else {"preset": session.FIRST, **_first(runs)}


def _change_parameters(runs: list[Run]) -> dict[str, str]:
    return {"runs": ",".join(run.id for run in pair)} if (pair := _changed(runs)) else _start_parameters(runs)


STEPS = (
    TourStep("Train a network", lambda _: session.TRAIN_PAGE, _train_text, _start_parameters),
    TourStep(
        "Open shirt against T-shirt",
        lambda _: session.CONFUSIONS_PAGE,
        lambda _: (
            "The marked cell shows the shirts that the network takes for T-shirts. Open one: would you have known?"
        ),
        lambda runs: {**_first(runs), "split": "test", "true": str(SHIRT), "pred": str(TOP)},
    ),
    TourStep(
        "See them on the map",
        lambda _: session.EMBEDDINGS_PAGE,
        lambda _: "The same shirts are marked here. Images that lie close together are similar to the network.",
        lambda runs: {**_first(runs), "split": "test", "selected": f"t{SHIRT}p{TOP}"},
    ),
    TourStep(
        "Try a photo",
        lambda _: session.PREDICT_PAGE,
        lambda _: "Click a sample, or take a photo of your own clothes, and see how it is converted step by step.",
        lambda _: {"run": session.FOR_PHOTOS},
    ),
    TourStep("Compare with a paper", lambda _: session.PAPERS_PAGE, _paper_text, lambda _: {"system": PAPER}),
    TourStep(
        "Change one thing",
        lambda runs: session.COMPARE_PAGE if _changed(runs) else session.TRAIN_PAGE,
        _change_text,
        _change_parameters,
    ),
)
DONE = len(STEPS) + 1  # in place of a step, once the last one was finished


def _runs(active: bool = False) -> list[Run]:
    """One's own runs of the first preset that have ended, the newest first, then the shipped one; with `active`, before
    them all that are under way."""
    found, training = [], []
    for run in shared.store().owned_by(session.owner()):
        try:
            if run.config.preset.endswith(session.FIRST) and run.status.state in ("finished", "stopped"):
                found.append(run)
            elif active and run.status.active:
                training.append(run)
        except FMExploreError:
            continue
    shipped = session.shipped_run(session.FIRST)
    return [*training, *found, *([shipped] if shipped else [])]


def _first(runs: list[Run]) -> dict[str, str]:
    return {"run": runs[0].id} if runs else {}


def _changed(runs: list[Run]) -> tuple[Run, Run] | None:
    """The last run and the one before that was trained otherwise."""
    for other in runs[1:]:
        if (other.config.training, other.config.model) != (runs[0].config.training, runs[0].config.model):
            return runs[0], other
    return None


def _now() -> int:
    """The number of the step that is shown, from 1; 0 outside the tour, `DONE` after its end."""
    named = st.query_params.get(PARAMETER, "")
    if named.isascii() and named.isdecimal() and len(named) == 1 and 1 <= int(named) <= len(STEPS):
        st.session_state.tour = int(named)
    return st.session_state.get("tour", 0)


def _link(number: int, label: str) -> None:
    step, runs = STEPS[number - 1], _runs_of(number)
    st.page_link(step.page(runs), label=label, query_params={**step.parameters(runs), PARAMETER: str(number)})


def _runs_of(number: int) -> list[Run]:
    """The runs that a step is about: only the first one watches a training."""
    return _runs(active=number == 1)


def _end(done: bool = False) -> None:
    st.session_state.tour, st.session_state.tour_closed = DONE if done else 0, False
    url.go(**{PARAMETER: None})


def invite() -> None:
    """The way into the tour, back to where this browser left it or, after its end, to what comes next."""
    left = str(st.session_state.get("tour", st.context.cookies.get(COOKIE, "")))
    if left == str(DONE):
        _link(1, "Take the tour again")
        _things_to_try()
        return
    number = int(left) if left in map(str, range(1, len(STEPS) + 1)) else 0
    _link(number or 1, f"Go on with the tour: {STEPS[number - 1].title}" if number else "Take the tour")


def _things_to_try() -> None:
    runs = _runs()
    first = _first(runs)
    things = {
        "Train it with other settings": (session.TRAIN_PAGE, {"preset": session.FIRST, **first}),
        "Look for wrong labels": (session.CONFUSIONS_PAGE, {**first, "view": "suspects"}),
        "Check a paper's figures": (session.PAPERS_PAGE, {"view": "check"}),
    }
    st.markdown("**Three things to try next:**", width="content")
    for words, (page, parameters) in things.items():
        st.page_link(page, label=words, query_params=parameters)


def bar(page: str) -> None:
    """The step that is shown, above every page while the tour lasts; `page` is the address of the page below."""
    number = _now()
    if number == DONE and not st.session_state.get("tour_closed"):
        with st.container(key="tour", border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("**That was the tour.**", width="content")
            _things_to_try()
            st.button("Close", key="end_tour", type="tertiary", on_click=_close)
    elif 0 < number < DONE:
        runs, step = _runs_of(number), STEPS[number - 1]
        with st.container(key="tour", border=True, gap="xsmall"):
            st.markdown(f"**Tour, {number} of {len(STEPS)}: {step.title}.** {step.text(runs)}")
            with st.container(horizontal=True, vertical_alignment="center"):
                if page != Path(step.page(runs)).stem:
                    _link(number, "Show me")
                if number < len(STEPS):
                    _link(number + 1, f"Next: {STEPS[number].title}")
                else:
                    st.button("Finish the tour", key="finish_tour", on_click=_end, args=(True,))
                if number > 1:
                    with st.container(key="tour_back", width="content"):
                        _link(number - 1, "One step back")
                if number < len(STEPS):
                    st.button("End the tour", key="end_tour", type="tertiary", on_click=_end)
    if "tour" in st.session_state:
        keep_bookmark(COOKIE, str(number or ""))


def _close() -> None:
    """Take the bar away; the home page goes on offering what it says."""
    st.session_state.tour_closed = True
