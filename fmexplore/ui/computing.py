"""What the analyst needs seconds for: shown where it is known, else computed with progress and a way to cancel."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.runs.run import Run
from fmexplore.ui import messages, shared, widgets

POLL_SECONDS = 1.0
SOON_SECONDS = 0.3  # in which small answers are there
MOST_KEPT = 48  # answers, of up to half a MB
Key = tuple[str, ...]  # the kind of the answer, then what it is about
Found = TypeVar("Found")


def show_answer(
    key: Key,
    find: Callable[[], Found | None],
    ask: Callable[[], Question],
    show: Callable[[Found], None],
    *,
    offer: str,
    act: str,
    begin: bool = True,
    take: Callable[[Any], object] | None = None,
    meanwhile: Callable[[Question | None], None] | None = None,
) -> None:
    """Call `show` with what `find` gives; where that is nothing yet, `ask` for it.

    Of the answers of one kind a session has only the last one computed. What was cancelled or has failed, and with
    `begin` off any, waits for a press on the button `act` beside the words `offer`.

    Args:
        key: of the answer.
        find: gives the answer where it is known.
        ask: asks the analyst.
        show: draws it.
        offer: why it is not there; empty where the button says enough.
        act: what the button says that has it computed.
        begin: whether it is asked for at once.
        take: keeps an answer, so that `find` finds it.
        meanwhile: draws what there is already; gets the question while it is under way.
    """
    failed = _take_answer(key, take)
    if (found := find()) is not None:
        show(found)
        return
    if begin and key not in _asked() and key not in _left():
        _begin(key, ask)
        if _asked()[key].wait(SOON_SECONDS):
            failed = _take_answer(key, take)
            if (found := find()) is not None:
                show(found)
                return
    if failed:
        messages.show_error(failed)
        if key not in _left():
            return
    if key in _asked():
        st.fragment(_watch, run_every=POLL_SECONDS)(_asked()[key], key, meanwhile)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if offer and (begin or key in _left()):
            st.warning(offer)
        kind = "primary" if begin else "secondary"
        st.button(act, key=f"begin_{key[0]}", type=kind, on_click=messages.act, args=(lambda: _begin(key, ask),))
    if meanwhile:
        meanwhile(None)


def show_analysis(
    name: str,
    run: Run,
    arguments: dict[str, str | int],
    show: Callable[[Any], None],
    *,
    offer: str,
    act: str,
    begin: bool = True,
) -> None:
    """`show_answer` for what the analyst says of a run; its last answers are kept in memory, for all sessions."""
    show_answer(
        (name, *shared.folder_and_weights(run), *map(str, arguments.values())),
        lambda: known(name, run, **arguments),
        lambda: shared.analyst().ask(name, run=run, **arguments),
        show,
        offer=offer,
        act=act,
        begin=begin,
        take=lambda answer: _answers().put(_name(name, run, arguments), answer),
    )


def known(name: str, run: Run, **arguments: Hashable) -> Any:
    """What the analyst has said, as far as it is kept in memory; else None."""
    return _answers().get(_name(name, run, arguments))


def await_analysis(name: str, run: Run, message: str, **arguments: Hashable) -> Any:
    """What the analyst says within a moment, and is kept in memory too. Raises FMExploreError."""
    if (found := known(name, run, **arguments)) is None:
        found = widgets.await_answer(shared.analyst().ask(name, run=run, **arguments), message)
        _answers().put(_name(name, run, arguments), found)
    return found


def _name(name: str, run: Run, arguments: Mapping[str, Hashable]) -> tuple:
    return name, *shared.folder_and_weights(run), *arguments.values()


@shared.keep(1)
def _answers() -> shared.Recent[tuple, Any]:
    return shared.Recent(MOST_KEPT)


def _begin(key: Key, ask: Callable[[], Question]) -> None:
    for other, question in list(_asked().items()):
        if other[0] == key[0]:
            question.cancel()
            del _asked()[other]
    _left().discard(key)
    _asked()[key] = ask()


def _take_answer(key: Key, take: Callable[[Any], object] | None) -> BaseException | None:
    """Have a finished answer kept; the reason where it has failed."""
    question = _asked().get(key)
    if question is None or not question.answer.done():
        return None
    del _asked()[key]
    if (error := question.answer.exception()) is not None:
        if not isinstance(error, (NoAnswers, ConfigError)):  # which it would be again, and is at once
            _left().add(key)
        return error
    if take:
        take(question.result())
    return None


def _watch(question: Question, key: Key, meanwhile: Callable[[Question | None], None] | None) -> None:
    """How far it is, and what is known by now."""
    if question.answer.done() or _asked().get(key) is not question:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(question.share, 1.0), question.message or "Waiting to begin")
        st.button("Cancel", key=f"cancel_{key[0]}", on_click=_cancel, args=(question, key))
    if meanwhile:
        meanwhile(question)


def _cancel(question: Question, key: Key) -> None:
    question.cancel()
    _asked().pop(key, None)
    _left().add(key)


def _asked() -> dict[Key, Question]:
    """The requests of this session that are under way."""
    return st.session_state.setdefault("answers_asked", {})


def _left() -> set[Key]:
    """What this session has cancelled, or what failed."""
    return st.session_state.setdefault("answers_left", set())
