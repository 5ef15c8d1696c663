"""A run that was taught photos, on the Train page: what it was taught and what that changed; it has no curves."""

import streamlit as st

from fmexplore.runs.records import Lesson
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.ui import formatting, session


def is_taught(status: Status) -> bool:
    """Whether the run is a copy of another that was taught photos, and has ended."""
    return status.task == "teach" and not status.active


def taught_finding(run: Run, status: Status) -> str:
    """The title: what the lesson changed, in a sentence."""
    lesson, tested = run.lesson, formatting.percent(status.result.test_accuracy)
    if lesson is None:
        return f"A copy of another run that was taught photos: {tested} of the test images are right"
    photos = f"{lesson.photos} photo" + "s" * (lesson.photos != 1)
    if not lesson.clothes:
        return f"Taught {photos} of nothing that it knows: {tested} of the test images are right"
    known = f"{lesson.right_after} of {lesson.clothes} are recognised, {lesson.right_before} were before"
    return f"Taught {photos}: {known}"


def show_lesson(run: Run, status: Status) -> None:
    """Before and after, as far as it is known, and where to go on."""
    st.subheader(taught_finding(run, status), anchor=False)
    lesson, after = run.lesson, formatting.percent(status.result.test_accuracy, 2)
    if lesson is None:
        st.markdown(f"What photos these were, and what it knew before, was not kept. Test images right: **{after}**.")
    else:
        _table(lesson, after)
        st.caption(
            f"A copy of {formatting.plain(lesson.parent)} that was trained on variants of the photos, among images of "
            f"the data set so that it forgets little, in {formatting.duration(status.result.seconds)}. Only new photos "
            "tell whether it recognises clothes better."
        )
    with st.container(horizontal=True):
        st.page_link(session.PREDICT_PAGE, label="Try it on new photos", query_params={"run": run.id})
        st.page_link(session.CONFUSIONS_PAGE, label="What it confuses now", query_params={"run": run.id})


def _table(lesson: Lesson, after: str) -> None:
    rows = ["| right | before | after |", "|---|--:|--:|"]
    if lesson.clothes:
        counts = (f"{right} of {lesson.clothes}" for right in (lesson.right_before, lesson.right_after))
        rows.append(f"| photos it was taught | {' | '.join(counts)} |")
    rows.append(f"| test images | {formatting.percent(lesson.test_before, 2)} | {after} |")
    st.markdown("\n".join(rows))
