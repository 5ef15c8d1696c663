"""Fine-tuning a copy of a run on one's own photos, and what that changed."""

from concurrent.futures import Future
from contextlib import suppress

import numpy as np
import streamlit as st

from fmexplore.analysis.client import Question
from fmexplore.errors import FMExploreError
from fmexplore.photos.cutouts import teaching_config
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process
from fmexplore.ui import formatting, messages, session, shared
from fmexplore.ui.predict.table import label_table, predict_all
from fmexplore.ui.selection import photos
from fmexplore.ui.selection.photos import OTHER, Photo

FEWEST, HOLD_BACK = 2, 6  # labelled photos to begin; from so many on, every third is held back to check


def fine_tuning(run: Run) -> None:
    """Label photos, press the button, see what it cost and brought."""
    labelled = [photo for photo in photos.photos().values() if photo.label is not None]
    held_back = labelled[2::3] if len(labelled) >= HOLD_BACK else []
    taught = [photo for photo in labelled if photo not in held_back]
    st.subheader(f"Teach a copy of {formatting.plain(run.title)} your clothes", anchor=False)
    left, right = st.columns([60, 40], gap="large")
    with left:
        found = predict_all(run)
        label_table(list(photos.photos().values()), found, photos.verdicts(found, run))
    with right:
        st.markdown(
            "Choose in the column *true class* what your photos show. A copy of the network then learns from them, "
            "among images of the data set so that it forgets nothing: transfer learning, in seconds. "
            + (f"{len(held_back)} of your photos are held back, to see whether it only memorised the others."
               if held_back else f"From {HOLD_BACK} labelled photos on, every third is held back as a check.")
        )  # fmt: skip
        question: Question | None = st.session_state.get("teaching")
        st.button(
            _words(len(taught)), key="start_teaching",
            type="primary", on_click=messages.act, args=(lambda: _start(run, taught, held_back),),
            disabled=len(taught) < FEWEST or question is not None or not session.owner(),
        )  # fmt: skip
        if len(labelled) < FEWEST:
            st.caption(f"Label at least {FEWEST} photos first.")
        if question is not None:
            st.fragment(_watch, run_every=0.5)(question)
        elif copy := _taught_run():
            with messages.boundary():
                _compare(run, copy, *st.session_state.taught_with)


def _words(photos: int) -> str:
    if photos < 2:
        return "Teach it this photo" if photos else "Teach it"
    return f"Teach it these {photos} photos"


def _start(run: Run, taught: list[Photo], held_back: list[Photo]) -> None:
    if "teaching" in st.session_state or len(taught) < FEWEST:  # a browser may press a button that is off
        return
    targets = np.array([np.eye(10)[photo.label] if photo.label != OTHER else np.full(10, 0.1) for photo in taught])
    queue = shared.training_queue()
    copy = queue.keep(
        teaching_config(run.config), session.owner(), name=f"{run.title}, taught {len(taught)} photos"[:80],
        task="teach", state="running", **own_process(),
    )  # fmt: skip
    try:
        question = shared.analyst().ask(
            "teach",
            run=run,
            copy=copy,
            pictures=[photo.picture for photo in taught],
            hows=[photo.how for photo in taught],
            targets=targets.astype(np.float32),
        )
    except FMExploreError:
        queue.discard(copy)
        raise

    def end(answer: Future) -> None:
        if question.askers < 1 or answer.exception():  # cancelled, perhaps too late
            with suppress(FMExploreError):
                queue.discard(copy)

    st.session_state.taught_with = run, [photo.id for photo in taught], [photo.id for photo in held_back]
    st.session_state.taught_run, st.session_state.teaching = copy, question
    question.answer.add_done_callback(end)  # whatever becomes of this session


def _watch(question: Question) -> None:
    if st.session_state.get("teaching") is not question:  # it was cancelled
        st.rerun()
    if not question.answer.done():
        st.progress(question.share, question.message or "Waiting for its turn")
        st.button("Cancel", on_click=messages.act, args=(lambda: _cancel(question),))
        return
    st.session_state.pop("teaching", None)
    try:
        question.result()
    except FMExploreError as error:
        st.session_state.pop("taught_run", None)
        session.notify(str(error), wrong=True)
    st.rerun()


def _cancel(question: Question) -> None:
    question.cancel()
    st.session_state.pop("teaching", None)
    if copy := st.session_state.pop("taught_run", None):
        shared.queue().discard(copy)  # at once: the answer may be long in coming


def _taught_run() -> Run | None:
    """The run that was taught last, if it is still there."""
    try:
        return shared.store().get(st.session_state.taught_run.id) if "taught_run" in st.session_state else None
    except FMExploreError:
        return None


def _compare(run: Run, copy: Run, parent: Run, taught: list[str], held_back: list[str]) -> None:
    """Before and after: on the photos that it saw, on those held back, on the test images; `run` is the shown one."""
    rows = {"photos it was trained on": taught, "photos held back": held_back}
    lines = ["| right | before | after |", "|---|---|---|"]
    for name, ids in rows.items():
        chosen = [photo for photo in photos.photos().values() if photo.id in ids and photo.label is not None]
        if chosen:
            before, after = (f"{_right(each, chosen)} of {len(chosen)}" for each in (parent, copy))
            lines.append(f"| {name} | {before} | {after} |")
    tests = (formatting.percent(each.status.result.test_accuracy, 2) for each in (parent, copy))
    lines.append(f"| the 10,000 test images | {' | '.join(tests)} |")
    st.markdown("\n".join(lines))
    if not held_back:
        st.caption("It was trained on these photos: only new photos tell whether it recognises clothes better.")
    if run != copy:
        name = formatting.plain(copy.title)
        st.button(f"Use {name} from now on", on_click=session.select_run, args=(copy.id,))


def _right(run: Run, chosen: list[Photo]) -> int:
    verdicts = photos.verdicts([photos.predict(photo, run) for photo in chosen], run)
    return int(photos.is_right(chosen, verdicts).sum())
