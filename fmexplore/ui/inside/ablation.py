"""Ablation: what a network recognises without a channel, and which channels matter to a class."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.inside.ablation import Ranking, Without
from fmexplore.inside.graph import Graph, Step
from fmexplore.runs.run import Run
from fmexplore.ui import asking, formatting, session, shared, url, widgets
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.inside.words import brief, name_channel, name_value

NBSP = "\N{NO-BREAK SPACE}"


def has_validation(run: Run) -> bool:
    """Whether it can be measured what happens without a channel: a choice made on test images would peek."""
    return run.config.training.validation != "none"


def show_ranking(run: Run, graph: Graph, step: Step, label: int, channel: int) -> Ranking | None:
    """Which channels of a layer matter to a class, the given one marked; None while it is not measured."""
    found: list[Ranking] = []

    def show(known: asking.Known) -> None:
        if ranking := known.answers.get("ranking"):
            found.append(ranking)
            _show(run, graph, step, channel, ranking)

    question = {"run": run, "layer": step.name, "label": label}
    asked = asking.Step(
        "ranking",
        (*shared.folder_and_weights(run), step.name, label),
        lambda _: shared.analyst().ask("rank_for_class", **question),
    )
    cancelled = f"Which channels matter to {formatting.plural(label)} is not measured yet."
    asking.follow("channels_ranking", [asked], show, cancelled)
    return found[0] if found else None


def _show(run: Run, graph: Graph, step: Step, channel: int, ranking: Ranking) -> None:
    st.subheader(say_ranking(graph, step, ranking), anchor=False)
    label, what = ranking.label, formatting.plural(ranking.label)
    rows = []
    for found, estimate in zip(ranking.measured, ranking.estimates, strict=False):
        share, change, between = found.interval(label)[0], found.change(label), found.change_interval(label)
        numbers = (formatting.percent(share), f"{say_change(change)} ({say_interval(*between)})", brief(estimate))
        name = name_value(graph, step.name, found.channel).replace(" ", NBSP)
        rows.append(Entry(name, numbers, change, marked=found.channel == channel))
    left = len(ranking.channels) - len(rows)
    rest = [(f"the other {num(left):,}", f"at most {brief(ranking.estimates[len(rows)])}")] if left else ()
    term_table(
        ("off", "recognised", "change, points", "estimate, nats"),
        rows,
        rest,
        "channels_ranking",
        lambda row: url.go(channel=ranking.measured[row].channel, image=None),
    )
    images = ranking.measured[0].images
    st.caption(
        f"Measured on {num(int(images.sum())):,} validation images, {num(int(images[label])):,} of them {what}; in "
        f"brackets 95 % intervals, that of the title corrected for {len(rows)} channels (Bonferroni). The order is "
        "that of the estimate: activation times gradient of the loss, by size, on average."
    )
    widgets.warn_of_peeking(run)


def say_ranking(graph: Graph, step: Step, ranking: Ranking) -> str:
    """What a class loses without the channel that costs it most surely, in a sentence."""
    label, what = ranking.label, formatting.plural(ranking.label)
    worst, (low, high) = surest_loss(ranking)
    if high >= 0:
        count = len(ranking.measured)
        which = f"any one of {count} channels" if count > 1 else "the only channel"
        return f"Switching off {which} of layer {step.name} loses no {what} significantly"
    share = worst.interval(label)[0]
    figures = (
        f"{formatting.percent(share)} of {what} are recognised, not {formatting.percent(share - worst.change(label))}"
    )
    name = name_channel(graph, step.name, worst.channel)
    return f"Without {name} {figures} (95 % interval of the change {say_interval(low, high)} points)"


def surest_loss(ranking: Ranking) -> tuple[Without, tuple[float, float]]:
    """The channel whose absence costs the class most surely, and the interval of that change, corrected for all."""
    tests = len(ranking.measured)
    intervals = [(found.change_interval(ranking.label, tests), found) for found in ranking.measured]
    between, worst = min(intervals, key=lambda pair: pair[0][1])
    return worst, between


def show_off(run: Run, graph: Graph, step: Step, channel: int) -> None:
    """The accuracy by class without a channel, computed on a press where that is not known."""
    st.markdown("**Ablation: what if it were off?**", help="It gives 0 everywhere, and nothing else is changed.")
    if not has_validation(run):
        _explain_missing(run)
        return
    key = (*shared.folder_and_weights(run), step.name, channel)
    pressed: set = st.session_state.setdefault("switched_off", set())
    if key not in pressed:
        words = f"Switch off {name_channel(graph, step.name, channel)}"
        st.button(words, on_click=pressed.add, args=(key,))
        return

    def show(known: asking.Known) -> None:
        if found := known.answers.get("off"):
            _show_off(run, found)

    question = {"run": run, "layer": step.name, "channel": channel}
    asked = asking.Step("off", key, lambda _: shared.analyst().ask("switch_off", **question))
    asking.follow("channel_off", [asked], show, "The accuracy without it is not measured yet.")


def _show_off(run: Run, found: Without) -> None:
    st.markdown(f"{say_without(found)}.")
    rows = []
    for label in (None, *np.flatnonzero(found.images).tolist()):
        change, between = found.change(label), found.change_interval(label)
        share, low, high = found.interval(label)
        before = formatting.percent(share - change)
        without = f"{formatting.percent(share)} ({formatting.percents(low, high)})"
        name = "all classes" if label is None else CLASS_NAMES[label]
        numbers = (before, without, f"{say_change(change)} ({say_interval(*between)})")
        rows.append(Entry(name, numbers, change, False, label is None))
    term_table(("class", "with it", "without it", "change, points"), rows, (), "channel_off")
    st.caption(f"On {num(int(found.images.sum())):,} validation images. In brackets: 95 % intervals.")
    widgets.warn_of_peeking(run)


def say_without(found: Without) -> str:
    """What the network loses, or gains, without a channel, in a sentence without its end."""
    change, (low, high) = found.change(), found.change_interval()
    share = found.interval()[0]
    figures = f"{formatting.percent(share)} instead of {formatting.percent(share - change)}"
    between = f"95 % interval of the change {say_interval(low, high)} points"
    if low <= 0 <= high:
        said = f"Without it the accuracy does not change significantly: {figures} ({between})"
    else:
        said = f"Without it the accuracy {'falls' if change < 0 else 'rises'}: {figures} ({between})"
    known = np.flatnonzero(found.images)
    worst = int(min(known, key=lambda label: found.change(int(label))))
    lost = f". {formatting.plural(worst, start=True)} lose most, {say_change(found.change(worst))} points"
    return f"{said}{lost}" if found.change_interval(worst, tests=len(known))[1] < 0 else said


def say_change(change: float) -> str:
    """A change of accuracy in points, as in "+1.2", with a proper minus sign."""
    points = round(100 * change, 1)
    return f"{num(points):+.1f}".replace("-", "−") if points else f"{num(0):.1f}"


def say_interval(low: float, high: float) -> str:
    """From one change to another, in points."""
    return f"{say_change(low)} to {say_change(high)}"


def _explain_missing(run: Run) -> None:
    """Why that cannot be measured, and what to do."""
    st.info(
        f"{formatting.plain(run.title)} was trained without validation images. Only on those is it measured what "
        "happens when a channel is off, and which channels matter to a class: train it again with some."
    )
    st.page_link(session.TRAIN_PAGE, label="Open its training", query_params={"run": run.id})
