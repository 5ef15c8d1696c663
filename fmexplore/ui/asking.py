"""What the analyst takes long for, asked one thing after the other: how far it is, Cancel, and what there is by now."""

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.errors import AnalysisFailed, ConfigError, FMExploreError, NoAnswers
from fmexplore.ui import formatting, messages, shared, url

POLL_SECONDS = 0.7
SOON_SECONDS = 0.3  # in which short answers are there
MOST_KEPT = 512  # answers of all sessions: eight for each of thirty people who look at an image, and more
FINAL = (ConfigError, NoAnswers)  # errors that are the same when it is asked again
RELIABLE_SECONDS, RELIABLE_SHARE = 3.0, 0.04  # from which on it is said how long it will take


@dataclass
class Known:
    """What is there by now: answers and errors by the names of their steps, and how far the step under way is."""

    answers: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, FMExploreError] = field(default_factory=dict)
    name: str = ""  # of the step under way
    question: Question | None = None  # of that step
    left: list[tuple] = field(default_factory=list)  # keys of the steps that were cancelled or have failed

    @property
    def partial(self) -> dict | None:
        """What the step under way has to show already."""
        return self.question.partial if self.question else None


@dataclass(frozen=True)
class Step:
    """One question: its name, a key that names its answer among all that are asked at this place, and how to ask.

    `ask` gets what is there by now, and gives None where there is nothing to ask. `look` finds an answer that is kept
    elsewhere, None where it is not whole; without it answers are kept in memory, the last ones of all sessions.
    """

    name: str
    key: Hashable
    ask: Callable[[Known], Question | None]
    look: Callable[[], Any] | None = None


def follow(
    place: str, steps: Sequence[Step], show: Callable[[Known], None], cancelled: str, go_on: str = "Go on"
) -> None:
    """Call `show` with what is there, again and again until all steps have their answer.

    One question is under way at a place of a page: one of another image or class takes its place. `cancelled` is said
    where the user has cancelled, beside a button to `go_on`. Errors of steps are shown here.
    """
    arguments = place, steps, show, cancelled, go_on
    if _pump(place, steps).question:
        st.fragment(_draw, run_every=POLL_SECONDS)(*arguments, polling=True)
        return
    with st.container():  # as a fragment has, so that nothing is mounted anew
        _draw(*arguments, polling=False)


def _draw(
    place: str, steps: Sequence[Step], show: Callable[[Known], None], cancelled: str, go_on: str, polling: bool
) -> None:
    url.leave_fragment()
    known = _pump(place, steps)
    if polling != (known.question is not None):
        st.rerun()
    with st.container(key=f"{place}_asked"), messages.boundary():
        if known.question:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.progress(min(known.question.share, 1.0), _say_progress(place, known.question))
                st.button("Cancel", key=f"{place}_cancel", on_click=_cancel, args=(place, steps))
        elif known.left:
            for error in {str(error): error for error in known.errors.values()}.values():
                messages.show_error(error)
            with st.container(horizontal=True, vertical_alignment="center"):
                if not known.errors:
                    st.warning(cancelled)
                if not any(isinstance(error, FINAL) for error in known.errors.values()):
                    text = "Try again" if known.errors else go_on
                    st.button(text, key=f"{place}_again", type="primary", on_click=_ask_again, args=(known.left,))
    with messages.boundary():
        show(known)


def _pump(place: str, steps: Sequence[Step]) -> Known:
    """Ask for the first step that has no answer, and for the next ones as long as that takes no time."""
    known, deadline = Known(), time.monotonic() + SOON_SECONDS
    for step in steps:
        key = (place, step.key)
        try:
            if (answer := _look(step, key)) is not None:
                known.answers[step.name] = answer[0]
                continue
            if key in _given_up():
                known.left.append(key)
                if (error := _given_up()[key]) is not None:
                    known.errors[step.name] = error
                continue
            before = _asked().get(place)
            question = _ask(key, step, known)
            if question is None:
                continue
            # One that was asked before is looked at only: while a script waits, what it has drawn before fades.
            patience = 0.0 if before and before[1] is question else deadline - time.monotonic()
            if not question.wait(max(0.0, patience)):
                known.name, known.question = step.name, question
                break
            _asked().pop(place)
            _answers().put(key, (question.result(),))
            if (answer := _look(step, key)) is None:
                raise AnalysisFailed(f"{step.name}: the answer could not be kept. Look whether the disk is full.")
            known.answers[step.name] = answer[0]
        except FMExploreError as error:
            _given_up()[key] = known.errors[step.name] = error
            known.left.append(key)
    return known


def _look(step: Step, key: tuple) -> tuple[Any] | None:
    """The step's answer, if it is there."""
    if step.look is None:
        return _answers().get(key)
    found = step.look()
    return None if found is None else (found,)


def _ask(key: tuple, step: Step, known: Known) -> Question | None:
    """The question under way, if it is that of the step; else that is cancelled, and the step's asked."""
    place = key[0]
    before = _asked().get(place)
    if before and before[0] == key:
        return before[1]
    if before:
        _asked().pop(place)[1].cancel()
    if (question := step.ask(known)) is not None:
        _asked()[place] = key, question, time.monotonic()
    return question


def _say_progress(place: str, question: Question) -> str:
    """Its message, and how long it will take, if that can be said."""
    message = question.message or "Waiting to begin"
    if not question.share:  # waiting for its turn does not count
        _asked()[place] = (*_asked()[place][:2], time.monotonic())
    took = time.monotonic() - _asked()[place][2]
    if took < RELIABLE_SECONDS or not RELIABLE_SHARE < question.share < 1 or message.endswith("left"):
        return message
    return f"{message}, about {formatting.duration(took / question.share - took)} left"


def _cancel(place: str, steps: Sequence[Step]) -> None:
    """End the question under way, and ask for none of the others."""
    if asked := _asked().pop(place, None):
        asked[1].cancel()
    for step in steps:
        with suppress(FMExploreError):  # what was deleted meanwhile is told by the next look
            if _look(step, (place, step.key)) is None:
                _given_up().setdefault((place, step.key), None)


def _ask_again(keys: Sequence[tuple]) -> None:
    for key in keys:
        _given_up().pop(key, None)


@shared.keep(1)
def _answers() -> shared.Recent[tuple, tuple[Any]]:
    return shared.Recent(MOST_KEPT)


def _asked() -> dict[str, tuple[tuple, Question, float]]:
    """The question under way at each place of this session: the key of its step, itself, and since when."""
    return st.session_state.setdefault("questions_asked", {})


def _given_up() -> dict[tuple, FMExploreError | None]:
    """The steps that this session has cancelled, or that failed with an error."""
    return st.session_state.setdefault("questions_given_up", {})
