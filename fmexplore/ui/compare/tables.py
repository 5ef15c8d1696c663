"""The tables of the Compare page: settings that differ, and what the runs reach and cost."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.evaluation.predictions import Predictions
from fmexplore.evaluation.significance import generalisation_gap
from fmexplore.machine import cores, processor
from fmexplore.training.differences import Difference, config_differences
from fmexplore.ui import formatting, messages, shared, widgets
from fmexplore.ui.charts.base import RUN_COLORS
from fmexplore.ui.formatting import num
from fmexplore.ui.selection.runs import Compared
from fmexplore.ui.train.fields import name_setting, name_value

MANY = 10_000  # images
NONE = "–"


def differences(runs: Sequence[Compared]) -> None:
    """Settings and layers in which not all runs are alike."""
    found = config_differences([each.config for each in runs])
    st.subheader(_differences_finding(found), anchor=False)
    if found:
        rows = [(name_setting(each.name), [name_value(each.name, value) for value in each.values]) for each in found]
        _table("Settings that differ", runs, rows)
    alike = "Everything else is the same." if found else "The same network, the same settings, the same seed."
    st.caption(alike)


def _differences_finding(found: Sequence[Difference]) -> str:
    names = [name_setting(each.name) for each in found if each.chosen]
    layers = [name for name in names if name.startswith("Layer ")]
    parts = [formatting.within(name) for name in names if name not in layers]
    if layers:
        parts.insert(0, f"{len(layers)} layers" if len(layers) > 1 else formatting.within(layers[0]))
    if not parts:
        return "They differ in what the machine chose only" if found else "All settings are the same"
    if len(parts) == 1:
        return f"Only one thing differs: {parts[0]}"
    return f"They differ in {len(parts)} things: {', '.join(parts[:4])}" + (" and more" if len(parts) > 4 else "")


def costs(runs: Sequence[Compared], tested: dict[str, Predictions]) -> None:
    """Accuracies, gap, size and time of each run; unknown values are measured on request."""
    st.subheader(_costs_finding(runs), anchor=False)
    rows: dict[str, Callable[[Compared], str]] = {
        "Test images right": lambda each: _accuracy(_tested(tested, each)),
        "Validation images right": lambda each: _accuracy(each.validation),
        "Training images right": lambda each: _accuracy(each.training),
        "Gap, training to validation": _gap,
        "Epochs": lambda each: formatting.epochs(each.status.result.epoch),
        "Minutes of training": lambda each: f"{num(each.status.result.seconds / 60):.1f}",
        "Parameters": lambda each: f"{num(each.parameters):,}",
        "FLOPs for one image": lambda each: f"{num(each.flops / 1e6):.1f} million",
        "Time for one image": lambda each: _time(each.latency and each.latency.of_one()),
        f"Time for {num(MANY):,} images": lambda each: _time(each.latency and each.latency.of_many(MANY)),
    }
    _table("Results of the runs", runs, [(name, [value(each) for each in runs]) for name, value in rows.items()])
    st.caption(
        formatting.unbroken("In brackets: the 95 % interval of an accuracy; ")
        + "the middle half (interquartile range) of a time. Minutes are those of the machine that trained. A large gap "
        "means overfitting."
    )
    with st.container(), messages.boundary():
        _measure(runs)


def _costs_finding(runs: Sequence[Compared]) -> str:
    cheap, dear = (pick(runs, key=lambda each: each.flops) for pick in (min, max))
    ratio = dear.flops / max(cheap.flops, 1)
    if ratio < 1.1:
        return "Their networks cost about the same"
    times = f"{ratio:.0f}" if ratio >= 10 else f"{num(ratio):.1f}"
    return f"{formatting.plain(dear.name)} needs {times} times the FLOPs per image of {formatting.plain(cheap.name)}"


def _measure(runs: Sequence[Compared]) -> None:
    """The button that starts the measurement of times and gap, and its progress bar."""
    missing = [each for each in runs if each.answers and each.run.has_weights]
    missing = [each for each in missing if each.latency is None or each.training is None]
    machine = f"{processor()}, {cores()} cores"
    if not missing:
        st.caption(f"Times were measured on this machine ({machine}), in batches of 125 images or one by one, in fp32.")
        return
    ids = [each.run.id for each in missing]
    st.button(
        "Measure times and gap here",
        on_click=lambda: st.session_state.update(measured_runs=ids),
        disabled=st.session_state.get("measured_runs") == ids,
        help=f"Runs each network on up to 80,000 images on this machine ({machine}).",
    )
    if shared.queue().running():
        st.caption("A network is training now, which would make the times too long: wait until it ends.")
    if st.session_state.get("measured_runs") != ids:
        return
    try:
        for each in missing:
            if each.latency is None:
                question = shared.analyst().ask("time_network", run=each.run)
                widgets.await_answer(question, f"Timing {formatting.plain(each.name)}")
            if each.training is None:
                each.ask_training()
    except FMExploreError:
        st.session_state.pop("measured_runs")  # else it would be tried again and again
        raise
    st.session_state.pop("measured_runs")
    st.rerun()


def _table(name: str, runs: Sequence[Compared], rows: Sequence[tuple[str, list[str]]]) -> None:
    """Own HTML, for the colours of the runs and for scrolling by keyboard where it is too wide for a phone."""
    heads = (f"<i style='background:{RUN_COLORS[each.place]}'></i>{escape(each.name)}" for each in runs)
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    body = "".join(
        f"<tr><th scope='row'>{escape(row)}</th>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>"
        for row, values in rows
    )
    st.html(
        f"<div class='runs-table' tabindex='0' role='region' aria-label='{escape(name)}'><table>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _tested(tested: dict[str, Predictions], each: Compared) -> tuple[float, int] | None:
    found = tested.get(each.run.id)
    return (found.accuracy, len(found)) if found else None


def _accuracy(found: tuple[float, int] | None) -> str:
    if found is None:
        return NONE
    low, high = accuracy_interval(round(found[0] * found[1]), found[1])
    return f"{formatting.percent(found[0], 2)} ({num(100 * low):.1f} to {num(100 * high):.1f})"


def _gap(each: Compared) -> str:
    training, validation = each.training, each.validation
    if training is None or validation is None:
        return NONE
    gap, margin = generalisation_gap(training, validation)
    return f"{num(100 * gap):.2f} ± {num(100 * margin):.2f} points".replace("-", "−")


def _time(seconds: Any) -> str:
    """The median and, in brackets, the middle half."""
    if not seconds:
        return NONE
    unit, factor = ("ms", 1000) if seconds[0] < 0.1 else ("s", 1)
    middle, low, high = (f"{num(factor * value):.3g}" for value in seconds)
    return f"{middle} {unit} ({low} to {high})"
