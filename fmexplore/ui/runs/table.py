"""The list of runs: one table, and for the chosen row what can be done with it."""

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.models.table import parameters, summarize
from fmexplore.runs.archive import pack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.settings import MAX_ZIP_MB
from fmexplore.ui import formatting, messages, session, shared, url, widgets


def run_list(key: str) -> None:
    """All runs that this owner may see: own ones first, then shipped ones."""
    if shared.settings().forgets:
        st.info(widgets.FORGETS)
    runs = session.runs()
    if runs:
        chosen = _table(runs, key)
        if chosen:
            _actions(chosen, key)
        else:
            st.caption("Choose a row to open, compare, rename, star, download or delete it.")
    else:
        st.info("No runs yet. Train one: it stays here until you delete it.")
    _upload(key)


def _table(runs: Sequence[Run], key: str) -> Run | None:
    rows = [_row(run) for run in runs]
    event = st.dataframe(
        rows,
        key=f"runs_{key}_{len(runs)}_{runs[0].id}",  # a row's number means another run when the list changes
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "name": st.column_config.TextColumn("Name"),
            "accuracy": st.column_config.NumberColumn("Validation accuracy", format="%.1f %%"),
            "test": st.column_config.NumberColumn("Test accuracy", format="%.1f %%"),
            "minutes": st.column_config.NumberColumn("Minutes", format="%.1f"),
            "state": st.column_config.TextColumn("State"),
            "preset": st.column_config.TextColumn("Preset"),
            "parameters": st.column_config.NumberColumn("Parameters", format="localized"),
        },
    )
    selected = event["selection"]["rows"]
    return runs[selected[0]] if selected and selected[0] < len(runs) else None


def _row(run: Run) -> dict:
    label = run.label
    row = {"name": f"★ {run.title}" if label.starred else run.title}
    try:
        status, config = run.status, run.config
        accuracy, test = status.reached.validation_accuracy, status.result.test_accuracy
        return row | {
            "accuracy": None if accuracy is None else 100 * accuracy,
            "test": None if test is None else 100 * test,
            "minutes": status.result.seconds / 60,
            "state": "shipped" if run.shipped else ", ".join(filter(None, [status.standing, _days_left(run, status)])),
            "preset": config.preset + (" (peeks)" if config.training.peeks else ""),
            "parameters": parameters(summarize(config.model)),
        }
    except FMExploreError:
        return row | {"state": "broken"}


def _days_left(run: Run, status: Status) -> str:
    """How long a hosted server keeps a run, in words; empty where it keeps it for good."""
    days = shared.settings().max_age_days
    if not days or status.active or run.label.starred:
        return ""
    return time.strftime("kept until %d %b", time.localtime((status.ended or status.created) + days * 86400))


def _actions(run: Run, key: str) -> None:
    owner, store = session.owner(), shared.store()
    broken = not session.is_whole(run)
    if broken:
        with messages.boundary():
            _ = (run.config, run.status)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not broken:
            go: dict[str, Any] = {"on_click": url.open_page}
            st.button(
                "Open", key=f"open_{key}", type="primary", **go, args=(session.TRAIN_PAGE,), kwargs={"run": run.id}
            )
            st.button("Compare", key=f"compare_{key}", **go, args=(session.COMPARE_PAGE,), kwargs={"runs": run.id})
            st.button("Use as a new configuration", key=f"use_{key}", on_click=_use, args=(run,))
        if not run.shipped:
            label = run.label
            with st.popover("Rename", disabled=broken):
                st.text_input(
                    "New name",
                    label.name,
                    max_chars=80,
                    key=f"name_{key}_{run.id}",
                    on_change=lambda: messages.act(
                        lambda: store.relabel(run, owner, name=st.session_state[f"name_{key}_{run.id}"].strip())
                    ),
                )
            st.button(
                "Remove star" if label.starred else "Star",
                key=f"star_{key}",
                on_click=messages.act,
                args=(lambda: store.relabel(run, owner, starred=not label.starred),),
            )
        if not broken:
            offer_download(run, key)
        if not run.shipped:
            st.button("Delete", key=f"delete_{key}", on_click=lambda: st.session_state.update(deleting=run.id))
    if st.session_state.get("deleting") == run.id:
        _confirm(run)


def offer_download(run: Run, key: str) -> None:
    """The button that gives a run as one zip."""
    widgets.download(
        "Download",
        lambda: _pack(run),
        f"{run.id}.zip",
        "application/zip",
        key=f"download_{key}",
        help="Configuration, metrics and weights as one zip file.",
        disabled=not (run.has_weights and run.answers),
    )


def _pack(run: Run) -> bytes:
    """Its zip. Raises NoAnswers: weights that give no numbers are not handed on."""
    if run.status.diverged:  # only the network itself can tell
        shared.analyst().ask("require_answers", run=run).result()
    return pack_run(run)


def _use(run: Run) -> None:
    session.set_draft(run.config)
    url.open_page(session.TRAIN_PAGE)


@st.dialog("Delete this run?", on_dismiss=lambda: st.session_state.pop("deleting", None))
def _confirm(run: Run) -> None:
    st.write(
        f"{formatting.plain(run.title)} and its curves, snapshots and weights are deleted. You can undo this for a day."
    )
    with st.container(horizontal=True):
        if st.button("Delete", key="confirm_delete", type="primary"):
            st.session_state.pop("deleting", None)
            messages.act(lambda: _delete(run), undo=run.id)
            st.rerun()
        if st.button("Keep the run", key="keep_run"):
            st.session_state.pop("deleting", None)
            st.rerun()


def _delete(run: Run) -> str:
    title = run.title
    shared.store().delete(run, session.owner())
    if st.query_params.get("run") == run.id:
        session.select_run(None)
    return f"{title} was deleted."


def _upload(key: str) -> None:
    with st.popover("Load a run from a zip", type="tertiary"):
        file = st.file_uploader(
            f"A zip made by *Download*, at most {MAX_ZIP_MB} MB",
            ["zip"],
            key=f"zip_{key}",
            max_upload_size=MAX_ZIP_MB,
        )
        if file and st.button("Load the run", key=f"load_{key}"):
            messages.act(lambda: f"{shared.queue().load_zip(file.getvalue(), session.owner()).title} was loaded.")
            st.rerun()
