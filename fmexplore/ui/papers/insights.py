"""What reproducing the papers' systems shows: the effect of peeking and of remedies, and all networks compared."""

import streamlit as st

from fmexplore.models.table import flops, parameters, summarize
from fmexplore.papers.insights import Network, Remedy, networks, peeking, published_pair, remedies
from fmexplore.papers.reported import HUMAN, MARKS
from fmexplore.papers.reproduction import NOISE, read_reproduction, systems
from fmexplore.papers.verdicts import spread_of
from fmexplore.training.published import SYSTEMS
from fmexplore.ui import formatting, shared, widgets
from fmexplore.ui.charts.papers import networks_chart, peeking_chart, remedies_chart
from fmexplore.ui.charts.template import draw
from fmexplore.ui.formatting import num

AXES = {"parameters": "Parameters", "minutes": "Minutes of training"}


def peeking_meter() -> None:
    """How much better an accuracy gets when the test set chooses the epoch."""
    rows = peeking(read_reproduction)
    if not rows:
        _nothing("codered-final")
        return
    mean = sum(row.gain.mean for row in rows) / len(rows)
    st.subheader(f"Choosing the epoch by the test set makes a result look {num(mean):.2f} points better", anchor=False)
    left, right = st.columns([52, 48], gap="large")
    with left:
        draw(peeking_chart(rows), height=60 + 44 * len(rows), key="peeking", alt="Points gained by peeking")
    with right:
        st.write(
            "Each bar: the best test accuracy over all epochs, minus the test accuracy of the epoch that validation "
            "images choose. The line is ± one standard deviation over seeds. Several papers chose the epoch by the "
            "test set; here each of them is trained again with validation images of its own."
        )
    table = [
        {
            "System": row.system,
            "Chosen by the test set": f"{num(str(row.best))}",
            "By validation images": f"{num(str(row.chosen))}",
            "Images held out": row.validation_images,
        }
        for row in rows
    ]
    count = st.column_config.NumberColumn(format="localized")
    widgets.table(table, {"Images held out": count}, hide_index=True, height="content")


def remedies_drawn() -> None:
    """What each remedy against overfitting does to the gap and to the accuracy."""
    rows, pair = remedies(read_reproduction), published_pair(read_reproduction)
    tried = [row for row in rows if row.name != NOISE]
    noise = next((row for row in rows if row.name == NOISE), None)
    if len(tried) < 2:
        _nothing("codered-base")
        return
    st.subheader(_remedy_finding(tried), anchor=False)
    left, right = st.columns([56, 44], gap="large")
    with left:
        chart = remedies_chart(rows, pair if len(pair) > 1 else ())
        draw(chart, height=430, key="remedies", alt="Test accuracy over the gap, for each remedy")
    with right:
        st.write(
            "Farther left: a smaller gap between training and held-out accuracy. Higher: a better network. A remedy "
            "that only moves left closes the gap but does not improve the network. Teal: the base network of CodeRed, "
            "each remedy alone. Between its seeds alone the accuracy varies by up to "
            + formatting.unbroken(f"{num(rows[0].accuracy.tolerance):.1f} points.")
        )
        if noise:
            st.write(formatting.unbroken(_noise_finding(noise, rows[0])))
        if len(pair) > 1:
            (first, last), names = pair, ("gap", "accuracy")
            gap, accuracy = (
                f"{num(getattr(first, name).mean):.1f} to {num(getattr(last, name).mean):.1f}" for name in names
            )
            st.write(
                f"Violet: Venkatesh's first network and the one with all remedies. The gap goes from {gap} points, the "
                + formatting.unbroken(f"accuracy from {accuracy} %.")
            )
    table = [
        {
            "Remedy": row.name,
            "Test accuracy": f"{num(str(row.accuracy))}",
            "Gap": f"{num(str(row.gap))}".replace("-", "−"),
            "What it is": row.about,
        }
        for row in [*rows, *(pair if len(pair) > 1 else ())]
    ]
    widgets.table(table, hide_index=True, height="content")


def _remedy_finding(rows: list[Remedy]) -> str:
    base, *others = rows
    best = max(others, key=lambda row: row.accuracy.mean)
    closest = min(others, key=lambda row: row.gap.mean)
    gain, closed = best.accuracy.mean - base.accuracy.mean, base.gap.mean - closest.gap.mean
    tolerance = base.accuracy.tolerance
    words = "No remedy gains more than the variation between seeds"
    if gain > tolerance:
        words = f"{best.name.capitalize()} gains most, {num(gain):.2f} points"
        if closest is best:
            return f"{words}, and closes the gap by {num(closed):.1f}"
    change = closest.accuracy.mean - base.accuracy.mean
    effect = (
        f"{'gains' if change > 0 else 'costs'} "
        f"{num(abs(change)):.2f}{'' if abs(change) > tolerance else ', within the variation between seeds'}"
    )
    return f"{words}; {closest.name} closes the gap most, by {num(closed):.1f} points, and {effect}"


def _noise_finding(noise: Remedy, base: Remedy) -> str:
    change = noise.accuracy.mean - base.accuracy.mean
    effect = (
        f"{'gains' if change > 0 else 'costs'} {num(abs(change)):.1f} points of test accuracy"
        f"{'' if abs(change) > base.accuracy.tolerance else ', within the variation between seeds'}"
    )
    gap = f"{num(noise.gap.mean):.1f}".replace("-", "−")
    return (
        f"Label noise is no remedy; it stands beside them for comparison. A fifth of the training labels drawn anew "
        f"{effect}. Its gap is {gap} points: that to the labels it was given, many of them wrong."
    )


def networks_drawn() -> None:
    """Accuracy against size and against time, with published results."""
    trained = networks(read_reproduction)
    ours = _shipped()
    best = max(ours, key=lambda each: each.accuracy.mean, default=None)
    passed = sum(mark.accuracy < best.accuracy.mean for mark in MARKS) if best else 0
    st.subheader(f"Our best network beats {passed} of {len(MARKS)} published results", anchor=False)
    axis = st.segmented_control(
        "Against", list(AXES), format_func=AXES.__getitem__, key="networks_axis", default="parameters", required=True
    )
    papers = {system.id for system in SYSTEMS}

    def points(found: list[Network]) -> list[tuple[str, float, float]]:
        return [(each.name, getattr(each, axis), each.accuracy.mean) for each in found]

    groups = {
        "the papers' systems, trained here": points([each for each in trained if each.name in papers]),
        "the architectures they cite, trained here": points([each for each in trained if each.name not in papers]),
        "ours": points(_shipped(anew=axis == "minutes")),
    }
    if axis == "parameters":
        reported = [(each.name, float(each.parameters), each.accuracy) for each in MARKS if each.parameters]
        groups["others, as reported"] = reported
    chart = networks_chart(groups, HUMAN.accuracy, AXES[axis].lower())
    draw(chart, height=500, key=f"networks_{axis}", alt=f"Accuracy over {AXES[axis].lower()}")
    if axis == "minutes":
        st.caption(
            "Minutes on the machine that each result names, some of them while it did other work; without runs that "
            "started from trained weights."
        )
    marks = [
        {"Result": each.name, "Accuracy": each.accuracy, "Parameters": each.parameters, "Source": each.source}
        for each in (HUMAN, *MARKS)
    ]
    columns = {
        "Accuracy": st.column_config.NumberColumn(format="%.2f %%"),
        "Parameters": st.column_config.NumberColumn(format="localized"),
    }
    with st.expander("The results of others and their sources"):
        widgets.table(marks, hide_index=True, height="content", column_config=columns)


def _shipped(anew: bool = False) -> list[Network]:
    """The shipped runs of networks of our own; `anew`, those whose minutes are all that it took, as they began at
    nothing."""
    found = []
    for run in shared.store().shipped_runs():
        if run.hardening or run.config.preset in systems():
            continue
        result, rows = run.status.result, summarize(run.config.model)
        if result.test_accuracy is not None and (not anew or run.status.anew):
            accuracy = spread_of([100 * result.test_accuracy])
            found.append(Network(run.id, parameters(rows), flops(rows), accuracy, result.seconds / 60))
    return found


def _nothing(system: str) -> None:
    st.info("Not reproduced yet. To train these networks, run:")
    st.code(f"python -m fmexplore reproduce {system}", language=None)
