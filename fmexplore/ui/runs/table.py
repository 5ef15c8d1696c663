"""The list of runs: one table, and for the chosen rows what can be done with them."""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from fmexplore.errors import FMExploreError, NoAnswers, RunBroken
from fmexplore.models.table import parameters, summarize
from fmexplore.runs.archive import pack_run
from fmexplore.runs.records import MAX_NAME, MAX_NOTE, MAX_TAGS
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.settings import MAX_ZIP_MB
from fmexplore.ui import messages, session, shared, url, widgets
from fmexplore.ui.runs.deletion import ask_to_delete, confirm
from fmexplore.ui.selection.runs import MOST


def run_list(key: str) -> None:
    """All runs that this owner may see: own ones first, then shipped ones."""
    if shared.settings().forgets:
        st.info(widgets.FORGETS)
    runs = session.runs()
    if runs:
        chosen = _table(_with_tags(runs, key), key)
        if not chosen:
            st.caption(
                "Choose a row to open, compare, rename, tag, download or delete that run, or several to compare, tag "
                "or delete them together."
            )
        elif len(chosen) == 1:
            _actions(chosen[0], key)
        else:
            _actions_on_several(chosen, key)
    else:
        st.info("No runs yet. Train one: it stays here until you delete it.")
    _upload(key)


def _with_tags(runs: Sequence[Run], key: str) -> list[Run]:
    """The runs with all tags that are chosen; where no run has a tag there is no choice."""
    known = _known_tags(runs)
    if not known:
        return list(runs)
    name = f"tags_shown_{key}"
    st.session_state[name] = [tag for tag in st.session_state.get(name, ()) if tag in known]  # its last run may be gone
    wanted = st.pills("Only runs with the tags", known, selection_mode="multi", key=name, persist_state="session")
    found = [run for run in runs if run.label.has_tags(wanted)]
    if not found:
        st.info("No run has all of these tags: take one of them out.")
    return found


def _known_tags(runs: Sequence[Run]) -> list[str]:
    """In alphabetical order, each once."""
    return sorted({tag.casefold(): tag for run in runs for tag in run.label.tags}.values(), key=str.casefold)


def _table(runs: Sequence[Run], key: str) -> list[Run]:
    if not runs:
        return []
    rows = [_row(run) for run in runs]
    columns: dict[str, Any] = {
        "name": st.column_config.TextColumn("Name"),
        "tags": st.column_config.ListColumn("Tags", width="medium"),
        "accuracy": st.column_config.NumberColumn("Validation accuracy", format="%.1f %%"),
        "test": st.column_config.NumberColumn("Test accuracy", format="%.1f %%"),
        "minutes": st.column_config.NumberColumn("Minutes", format="%.1f"),
        "state": st.column_config.TextColumn("State"),
        "preset": st.column_config.TextColumn("Preset"),
        "parameters": st.column_config.NumberColumn("Parameters", format="localized"),
        "note": st.column_config.TextColumn("Note", width="medium"),
    }
    unused = {name for name in ("tags", "note") if not any(row[name] for row in rows)}
    event = widgets.table(
        [{name: value for name, value in row.items() if name not in unused} for row in rows],
        key=f"runs_{key}_{_digest(runs)}",  # a row's number means another run when the list changes
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=columns,
    )
    return [runs[place] for place in event["selection"]["rows"] if place < len(runs)]


def _digest(runs: Sequence[Run]) -> str:
    return hashlib.sha256(",".join(run.id for run in runs).encode()).hexdigest()[:12]


def _row(run: Run) -> dict:
    label = run.label
    row = {"name": f"★ {run.title}" if label.starred else run.title, "tags": list(label.tags)}
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
            "note": label.note,
        }
    except FMExploreError:
        return row | {"state": "broken", "note": label.note}


def _days_left(run: Run, status: Status) -> str:
    """How long a hosted server keeps a run, in words; empty where it keeps it for good."""
    days = shared.settings().max_age_days
    if not days or status.active or run.label.starred:
        return ""
    return time.strftime("kept until %d %b", time.localtime((status.ended or status.created) + days * 86400))


def _actions(run: Run, key: str) -> None:
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
            _label(run, key, broken)
        if not broken:
            offer_download(run, key)
            if run.snapshot_weights_steps():
                offer_download(run, f"{key}_whole", snapshot_weights=True)
        if not run.shipped:
            st.button("Delete", key=f"delete_{key}", on_click=ask_to_delete, args=([run],))
    confirm([run])


def _label(run: Run, key: str, broken: bool) -> None:
    """Name, tags, note and star of an own run."""
    label = run.label
    with st.popover("Name, tags, note", disabled=broken):
        name, note = f"name_{key}_{run.id}", f"note_{key}_{run.id}"
        st.text_input(
            "Name",
            label.name,
            max_chars=MAX_NAME,
            key=name,
            on_change=lambda: _relabel([run], name=st.session_state[name].strip()),
        )
        _tag([run], key)
        st.text_area(
            "Note",
            label.note,
            max_chars=MAX_NOTE,
            key=note,
            on_change=lambda: _relabel([run], note=st.session_state[note].strip()),
        )
    st.button(
        "Remove star" if label.starred else "Star",
        key=f"star_{key}",
        on_click=lambda: _relabel([run], starred=not label.starred),
    )


def _relabel(runs: Sequence[Run], **changes: object) -> None:
    def change() -> None:
        for run in runs:
            shared.store().relabel(run, session.owner(), **changes)

    messages.act(change)


def _tag(runs: Sequence[Run], key: str) -> None:
    """The tags that all these runs have, to take out and to add to."""
    common = [tag for tag in runs[0].label.tags if all(run.label.has_tags([tag]) for run in runs)]
    widget = f"tags_{key}_{_digest(runs)}"

    def change() -> None:
        chosen = [tag.strip() for tag in st.session_state[widget]]
        gone = {tag.casefold() for tag in common} - {tag.casefold() for tag in chosen}
        wanted = [[*(tag for tag in run.label.tags if tag.casefold() not in gone), *chosen] for run in runs]
        for run, tags in zip(runs, wanted, strict=True):
            run.label.replace(tags=tags)  # a tag that cannot be changes none of them
        for run, tags in zip(runs, wanted, strict=True):
            shared.store().relabel(run, session.owner(), tags=tags)

    st.session_state[widget] = common
    st.multiselect(
        "Tags" if len(runs) == 1 else f"Tags that all {len(runs)} runs have",
        list(dict.fromkeys([*common, *_known_tags(session.runs())])),
        key=widget,
        accept_new_options=True,
        max_selections=MAX_TAGS,
        select_all=False,
        placeholder="Choose a tag, or write a new one",
        on_change=messages.act,
        args=(change,),
    )


def _actions_on_several(runs: Sequence[Run], key: str) -> None:
    whole, own = [run for run in runs if session.is_whole(run)], [run for run in runs if not run.shipped]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Compare {len(whole)} runs",
            key=f"compare_{key}",
            type="primary",
            disabled=not 2 <= len(whole) <= MOST,
            help=f"Two to {MOST} runs can be compared: take some out." if len(whole) > MOST else None,
            on_click=url.open_page,
            args=(session.COMPARE_PAGE,),
            kwargs={"runs": ",".join(run.id for run in whole)},
        )
        if own:
            with st.popover("Tags"):
                _tag(own, key)
            runs_ = "1 run" if len(own) == 1 else f"{len(own)} runs"
            st.button(f"Delete {runs_}", key=f"delete_{key}", on_click=ask_to_delete, args=(own,))
        if len(own) < len(runs):
            st.caption("Shipped runs are only read: they cannot be tagged or deleted.")
    confirm(own)


def offer_download(run: Run, key: str, snapshot_weights: bool = False) -> None:
    """The button that gives a run as one zip; with `snapshot_weights` those at its snapshots are in it too."""
    what = "Configuration, metrics, weights, name, tags and note as one zip file"
    widgets.download(
        "With weights of its snapshots" if snapshot_weights else "Download",
        lambda: _pack(run, snapshot_weights),
        f"{run.id}-snapshots.zip" if snapshot_weights else f"{run.id}.zip",
        "application/zip",
        key=f"download_{key}",
        help=f"{what}, and how the network stood at each snapshot, as far as it fits." if snapshot_weights else what,
        disabled=not (run.has_weights and run.answers),
    )


def _pack(run: Run, snapshot_weights: bool) -> bytes:
    """Its zip. Raises NoAnswers: weights that give no numbers are not handed on."""
    if run.status.diverged:  # only the network itself can tell
        shared.analyst().ask("require_answers", run=run).result()
    return pack_run(run, snapshot_weights)


def _use(run: Run) -> None:
    session.set_draft(run.config)
    url.open_page(session.TRAIN_PAGE)


def _upload(key: str) -> None:
    with st.popover("Load a run from a zip", type="tertiary"):
        file = st.file_uploader(
            f"A zip made by *Download*, at most {MAX_ZIP_MB} MB",
            ["zip"],
            key=f"zip_{key}",
            max_upload_size=MAX_ZIP_MB,
        )
        if file and st.button("Load the run", key=f"load_{key}"):
            messages.act(lambda: _load(file.getvalue()))
            st.rerun()


def _load(content: bytes) -> str:
    return f"{shared.queue().load_zip(content, session.owner(), _try_out).title} was loaded."


def _try_out(run: Run) -> None:
    """Ask the network about a few images. Raises NoAnswers, RunBroken where it cannot be used."""
    try:
        shared.analyst().ask("require_answers", run=run).result()
    except (NoAnswers, RunBroken):
        raise
    except FMExploreError:  # too busy to tell: whoever asks first gets the reason
        pass
