"""Runs are deleted: the question before, the deletion, and what is told of it with the way back."""

from collections.abc import Sequence

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, session, shared


def ask_to_delete(runs: Sequence[Run]) -> None:
    """Have `confirm` ask from the next run of the script on."""
    st.session_state.deleting = [run.id for run in runs]


def confirm(runs: Sequence[Run]) -> None:
    """Ask before these runs are deleted, if that was asked for."""

    def close() -> None:
        st.session_state.pop("deleting", None)

    def ask() -> None:
        one = len(runs) == 1
        what = formatting.plain(runs[0].title) if one else ", ".join(formatting.plain(run.title) for run in runs)
        st.write(f"{what} and {'its' if one else 'their'} curves, snapshots and weights are deleted.")
        st.write("You can undo this for a day.")
        with st.container(horizontal=True):
            if st.button("Delete", key="confirm_delete", type="primary"):
                close()
                _delete(runs)
                st.rerun()
            if st.button("Keep the run" if one else "Keep the runs", key="keep_run"):
                close()
                st.rerun()

    if runs and st.session_state.get("deleting") == [run.id for run in runs]:
        title = "Delete this run?" if len(runs) == 1 else f"Delete these {len(runs)} runs?"
        st.dialog(title, on_dismiss=close)(ask)()


def _delete(runs: Sequence[Run]) -> None:
    """Delete what can be deleted, and say what could not."""
    gone: dict[str, str] = {}
    problems: list[str] = []
    for run in runs:
        title = run.title
        try:
            shared.store().delete(run, session.owner())
            gone[run.id] = title
        except FMExploreError as error:
            problems.append(str(error))
    if st.query_params.get("run") in gone:
        session.select_run(None)
    titles = list(gone.values())
    done = f"{titles[0]} was deleted." if len(titles) == 1 else f"{len(titles)} runs were deleted." if titles else ""
    session.notify(" ".join(text for text in (done, *problems) if text), undo=list(gone), wrong=bool(problems))
