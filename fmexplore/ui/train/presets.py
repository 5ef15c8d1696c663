"""All presets side by side: parameters, what they take here, and which accuracy was measured."""

import statistics
from dataclasses import dataclass

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.models.table import parameters, summarize
from fmexplore.papers.reproduction import PUBLISHED, read_reproduction
from fmexplore.training.presets import Preset, presets
from fmexplore.ui import formatting, session, shared, widgets


@dataclass(frozen=True)
class Measured:
    """The accuracy of a preset, a fraction, and how it was measured, in words."""

    accuracy: float | None = None
    how: str = "not measured"


def preset_list() -> None:
    """The table, with a button that takes the chosen one into the form."""
    rows = [_row(preset) for preset in presets().values()]
    st.markdown(f"**{_finding(rows)}**")
    if read_speed(shared.settings()) is None:
        st.caption("Minutes appear once the speed of this machine has been measured.")
        widgets.await_speed()
    event = widgets.table(
        rows,
        key="preset_list",
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "preset": st.column_config.TextColumn("Preset"),
            "parameters": st.column_config.NumberColumn("Parameters", format="localized"),
            "minutes": st.column_config.NumberColumn("Minutes here", format="%.1f"),
            "basis": st.column_config.TextColumn("Estimated"),
            "accuracy": st.column_config.NumberColumn("Test accuracy", format="%.1f %%"),
            "how": st.column_config.TextColumn("Measured on the 10,000 test images by"),
            "about": st.column_config.TextColumn("About", width="large"),
        },
    )
    chosen = event["selection"]["rows"]
    if not chosen or chosen[0] >= len(rows):
        st.caption("Choose a row to take that preset into the form.")
        return
    preset = list(presets().values())[chosen[0]]
    st.button(f"Take {preset.id} into the form", on_click=session.set_draft, args=(preset.config,))
    st.caption(f"{preset.about}. Source: {preset.source}")


def _row(preset: Preset) -> dict:
    config, speed, table = preset.config, read_speed(shared.settings()), summarize(preset.model)
    cost = estimate(config, speed, known_execution(shared.settings(), config), rows=table) if speed else None
    found = measured(preset)
    return {
        "preset": preset.id,
        "parameters": parameters(table),
        "minutes": cost.seconds / 60 if cost else None,
        "basis": cost.basis if cost else "",
        "accuracy": None if found.accuracy is None else 100 * found.accuracy,
        "how": found.how,
        "about": preset.about,
    }


def measured(preset: Preset) -> Measured:
    """The accuracy on the test images of the shipped run of a preset, else of its trainings for the Papers page."""
    shipped = session.shipped_run(preset.id)
    try:
        if shipped and (accuracy := shipped.status.result.test_accuracy) is not None:
            same = (shipped.config.model, shipped.config.training) == (preset.model, preset.training)
            anew = shipped.status.task == "train" and same
            return Measured(accuracy, "the shipped run" + ("" if anew else ", which was trained further"))
        published = read_reproduction(preset.id).variants.get(PUBLISHED)
    except FMExploreError:
        return Measured()
    if published is None or not published.trainings:
        return Measured()
    accuracies = [training.result.test_accuracy for training in published.trainings]
    seeds = len(accuracies)
    how = "one training" if seeds == 1 else f"{seeds} trainings, mean"
    return Measured(statistics.fmean(accuracies), how + (", chosen by the test set" if preset.training.peeks else ""))


def _finding(rows: list[dict]) -> str:
    best = max(rows, key=lambda row: row["accuracy"] or 0)
    timed = [row for row in rows if row["minutes"] is not None]
    text = f"{best['preset']} is the most accurate"
    if not timed:
        return text
    quickest = min(timed, key=lambda row: row["minutes"])
    return f"{text}; {quickest['preset']} takes {formatting.duration(60 * quickest['minutes'])} here, the least"
