"""The Compare page: which runs, their curves and accuracies; verdicts and tables have modules of their own."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.evaluation.predictions import Predictions
from fmexplore.evaluation.significance import compare_accuracies, first_reaching, seed_statistics
from fmexplore.runs.run import Run
from fmexplore.training.differences import seed_groups
from fmexplore.ui import formatting, messages, session, shared, url, widgets
from fmexplore.ui.charts.base import interval_chart
from fmexplore.ui.charts.curves import overlaid_curves
from fmexplore.ui.charts.live import draw_curves
from fmexplore.ui.charts.template import draw
from fmexplore.ui.compare.tables import costs, differences
from fmexplore.ui.compare.verdicts import show_verdicts, tell_finding
from fmexplore.ui.formatting import num
from fmexplore.ui.selection import runs as selected_runs
from fmexplore.ui.selection.runs import MOST, Compared

POLL_SECONDS = 2
CURVES_HEIGHT = 400
ROW_HEIGHT, AXIS_HEIGHT = 44, 76  # of the chart with intervals
FAR_BEHIND = 0.05  # in accuracy: a level that such a run reaches too says nothing about the others
METRICS = {"accuracy": "Accuracy", "loss": "Loss"}
OVER = {"epochs": "Over epochs", "minutes": "Over minutes"}


def compare() -> None:
    shared.analyst()
    runs, problems = selected_runs.read_compared()
    messages.warn(problems)
    reference = _choose(runs)
    if reference is None:
        return
    with st.container():
        tested = _ask_all(runs)
    others = [each for each in runs if each != reference and each.run.id in tested]
    verdicts = []
    if reference.run.id in tested:
        labels, first = tested[reference.run.id].labels, tested[reference.run.id].predicted
        verdicts = compare_accuracies(labels, first, [tested[each.run.id].predicted for each in others])
    st.subheader(tell_finding(runs, reference, others, verdicts), anchor=False)
    with st.container(key="compare_figures"):
        left, right = st.columns([52, 48], gap="large")
    with left, messages.boundary():
        active = any(each.status.active for each in runs)
        st.fragment(_curves, run_every=POLL_SECONDS if active else None)(runs)
    with right, messages.boundary():
        _accuracies(runs, tested)
        if len(verdicts) == 1:
            show_verdicts(runs, reference, others, verdicts)
    if len(verdicts) > 1:
        with messages.boundary():
            show_verdicts(runs, reference, others, verdicts)
    with messages.boundary():
        differences(runs)
    with messages.boundary():
        costs(runs, tested)


# --- which runs ------------------------------------------------------------------------------------------------------


def _choose(runs: list[Compared]) -> Compared | None:
    """The row above everything; the run that the others are compared to, or None while there are too few."""
    choices = selected_runs.read_choices(runs)
    names = formatting.tell_apart(choices.values())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="strip_compared"):
        st.session_state["compared_runs"] = [each.run.id for each in runs]
        st.multiselect(
            "Runs to compare",
            list(choices),
            format_func=lambda run_id: names.get(run_id, run_id),
            key="compared_runs",
            max_selections=MOST,
            select_all=False,
            placeholder="Choose two to six runs",
            help="At most six: take one out to put another one in.",
            on_change=lambda: _go(st.session_state.compared_runs),
        )
        reference = _choose_reference(runs) if len(runs) > 2 else next(iter(runs), None)
    if len(runs) > 1:
        return reference
    _suggest(choices, names, runs)
    return None


def _choose_reference(runs: list[Compared]) -> Compared:
    by_id = {each.run.id: each for each in runs}
    wanted = st.query_params.get("against", "")
    ended = next((each for each in runs if each.answers), runs[0])
    st.session_state["compared_against"] = wanted if wanted in by_id else ended.run.id
    st.selectbox(
        "Against",
        list(by_id),
        format_func=lambda run_id: by_id[run_id].name,
        key="compared_against",
        width=220,
        help="Each other run is tested against this one.",
        on_change=lambda: url.go(against=st.session_state.compared_against),
    )
    return by_id[st.session_state["compared_against"]]


def _go(run_ids: Sequence[str]) -> None:
    url.go(runs=",".join(run_ids) or None, against=None)


def _suggest(choices: dict[str, Run], names: dict[str, str], runs: list[Compared]) -> None:
    """What to do while fewer than two runs are chosen."""
    if len(choices) < 2:
        st.info("A comparison needs two runs: train a network, then a second one with one setting changed.")
        st.page_link(session.TRAIN_PAGE, label="Train a network")
        return
    if runs:
        name = formatting.plain(runs[0].name)
        st.info(f"What should {name} be compared to? Choose another run above, or one of these.")
    else:
        st.info(
            "Choose two to six runs above, or start with one of these. You will see their curves, which settings "
            "differ, whether the difference is statistically significant, and what each costs."
        )
    with st.container(horizontal=True):
        for text, ids in selected_runs.suggest(choices, names, runs):
            st.button(formatting.plain(text), key=f"suggest_{'_'.join(ids)}", on_click=_go, args=(ids,))


def _ask_all(runs: list[Compared]) -> dict[str, Predictions]:
    """Predictions of the test images, by run, of all that have any."""
    found = {}
    for each in runs:
        try:
            if each.answers:
                found[each.run.id] = each.ask_test()
        except FMExploreError as error:
            messages.warn([f"{each.name} is not tested: {error}"])
    return found


# --- the charts ------------------------------------------------------------------------------------------------------


def _curves(runs: list[Compared]) -> None:
    with messages.boundary():
        if any(each.run.status.state != each.status.state for each in runs):
            st.rerun()  # the whole page: what has ended is tested
        metric, over = (
            st.session_state.get(key, first) for key, first in (("curve_figure", "accuracy"), ("curve_over", "epochs"))
        )
        curves = [(each.name, each.points(metric, over)) for each in runs]
        anew = {each.name for each in runs if each.status.anew}  # others began with what a run had learnt
        title = _curves_finding([(name, points) for name, points in curves if name in anew], metric, over)
        st.markdown(f"**{formatting.plain(title)}**")
        options = overlaid_curves(curves, metric, over)
        draw_curves(options, height=CURVES_HEIGHT, key="compared_curves", alt=title)
        with st.container(horizontal=True):
            keep: dict[str, Any] = {"required": True, "label_visibility": "collapsed", "persist_state": "session"}
            st.segmented_control(
                "Metric", list(METRICS), format_func=METRICS.__getitem__, default="accuracy", key="curve_figure", **keep
            )
            st.segmented_control(
                "Axis", list(OVER), format_func=OVER.__getitem__, default="epochs", key="curve_over", **keep
            )
            widgets.download_curves(
                [(each.run.id, partial(shared.metrics, each.run), each.config.training.peeks) for each in runs],
                "curves.csv",
            )
        missing = [formatting.plain(name) for name, points in curves if not points]
        taught = [formatting.plain(name) for name, _ in curves if name not in anew]
        if taught:
            st.caption(f"Began with the weights of an earlier run: {', '.join(taught)}.")
        if missing:
            st.caption(f"Without validation results (not yet measured, or no validation images): {', '.join(missing)}.")


def _curves_finding(curves: list[tuple[str, list[list[float]]]], metric: str, over: str) -> str:
    there = [(name, points) for name, points in curves if points]
    if metric == "loss":
        lowest = min(there, key=lambda each: min(y for _, y in each[1]), default=None)
        return f"{lowest[0]} gets the lowest validation loss" if lowest else "No validation loss yet"
    if len(there) < 2:
        return "Validation accuracy"
    bests = [(max(y for _, y in points), name) for name, points in there]
    top, best = max(bests)
    low = {name: value for value, name in bests if value < top - FAR_BEHIND}
    rest = "".join(f"; {name} at most {formatting.percent(value)}" for name, value in low.items())
    there = [each for each in there if each[0] not in low]
    if len(there) < 2:
        return f"{best} reaches {formatting.percent(top)} validation accuracy{rest}"
    level, places = first_reaching([points for _, points in there])
    ranked = sorted(zip(places, (name for name, _ in there), strict=True))
    (first, quickest), (last, slowest) = ranked[0], ranked[-1]
    after, late = (
        f"{count} {over.removesuffix('s') if count == '1' else over}"
        for count in (f"{num(first):.2g}", f"{num(last):.2g}")
    )
    reached = f"{formatting.percent(level)} validation accuracy"
    if after == late:
        return f"{'The others' if low else 'All'} reach {reached} after {after}{rest}"
    return f"{quickest} reaches {reached} first, after {after}; {slowest} needs {late}{rest}"


def _accuracies(runs: list[Compared], tested: dict[str, Predictions]) -> None:
    """Test accuracy of each run with its interval, and of several seeds as their mean and deviation."""
    accuracies = [tested[each.run.id].accuracy if each.run.id in tested else None for each in runs]
    rows: list[tuple[str, float, float, float, int | None]] = []
    for each, accuracy in zip(runs, accuracies, strict=True):
        if accuracy is not None:
            total = len(tested[each.run.id])
            low, high = accuracy_interval(round(accuracy * total), total)
            rows.append((each.name, low, accuracy, high, each.place))
    if not rows:
        return
    groups = seed_statistics(seed_groups([each.config for each in runs]), accuracies)
    for number, group in enumerate(groups, 1):
        name = f"{group.count} seeds" + (f" ({number})" if len(groups) > 1 else "")
        rows.append((name, group.mean - group.deviation, group.mean, group.mean + group.deviation, None))
    best = max(rows[: len(rows) - len(groups)], key=lambda row: row[2])
    title = f"{best[0]} gets {formatting.percent(best[2], 2)} of the test images right"
    st.markdown(f"**{formatting.plain(title)}**")
    compact = AXIS_HEIGHT + ROW_HEIGHT * len(rows)  # leaves room for the only verdict below it
    height = compact if len(rows) < 3 else CURVES_HEIGHT
    draw(interval_chart(rows), height=height, key="compared_accuracies", alt=title)
    seeds = "; for several seeds, ± one standard deviation" if groups else ""
    st.caption(formatting.unbroken(f"Lines are 95 % intervals{seeds}."))
    for group in groups:
        names = ", ".join(formatting.plain(runs[place].name) for place in group.members)
        st.markdown(
            f"{names} differ only in their seed: {formatting.percent(group.mean, 2)} ± "
            f"{num(100 * group.deviation):.2f} points (mean and standard deviation of "
            f"{group.count}). A difference of that "
            "size says nothing about settings."
        )
