"""The right side of the Train page: one run's curves, progress and controls, live while it trains."""

from collections.abc import Iterator

import numpy as np
import streamlit as st

from fmexplore.evaluation.confusion import most_confused
from fmexplore.evaluation.predictions import find_overfitting
from fmexplore.models.table import examine
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, read_request
from fmexplore.ui import display_options, formatting, messages, session, shared, url, widgets
from fmexplore.ui.charts.curves import learning_curves
from fmexplore.ui.charts.live import draw_curves
from fmexplore.ui.components.confusion_grid import Picked, confusion_grid
from fmexplore.ui.components.layer_table import layer_table
from fmexplore.ui.formatting import num
from fmexplore.ui.runs.table import run_list
from fmexplore.ui.train.presets import preset_list
from fmexplore.ui.train.results import explain_loss_gap, finding, next_steps
from fmexplore.ui.train.taught import is_taught, show_lesson

POLL_SECONDS = 0.7
CHART_HEIGHT = 430
SMOOTHING, HIGHEST_SMOOTHING = 0.6, 0.95
CONFUSION, LAYERS, EARLIER, PRESETS = "Confusion so far", "Layers", "Earlier runs", "Presets"


def live_run() -> Run | None:
    """Show the run in the link, or the one that comes nearest to what people want to see, and return it.

    Raises RunNotFound for one that is not there.
    """
    display_options.recall({"smoothing": display_options.Span(0.0, HIGHEST_SMOOTHING, SMOOTHING)})
    run = session.run_to_watch()
    if run is None:
        st.info("Nothing has been trained yet. Choose a preset and click *Start training*.")
        return None
    with messages.boundary():
        status = run.status
        _header(run, status)
        # A paused one may be resumed from another tab.
        pause = POLL_SECONDS if status.active else 5 * POLL_SECONDS if status.resumable else None
        if status.active and read_request(run.path):
            pause = POLL_SECONDS / 3
        st.fragment(_curves, run_every=pause)(run, (status.state, shared.dispatcher().problem))
        _controls(run, status)
        next_steps(run, status)
        return run
    return None


def run_details(run: Run | None) -> None:
    """What is shown below the chart: one view at a time, and only the chosen one is computed."""
    views = [CONFUSION, LAYERS, EARLIER, PRESETS] if run else [LAYERS, EARLIER, PRESETS]
    view = st.segmented_control(
        "Details", views, default=views[0], key="details", label_visibility="collapsed", required=True, width="stretch"
    )
    with messages.boundary():
        if view == LAYERS:
            _layers()
        elif view == EARLIER:
            run_list(key="earlier")
        elif view == PRESETS:
            preset_list()
        elif view == CONFUSION and run:
            st.fragment(_confusion, run_every=2 * POLL_SECONDS if run.status.active else None)(run)


def _header(run: Run, status: Status) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{formatting.plain(run.title)}**", width="content")
        widgets.state_badge(run, status)
        if run.config.training.peeks:
            widgets.peeks_badge()


def _curves(run: Run, shown: tuple[str, str]) -> None:
    with messages.boundary():
        status, lines = run.status, shared.metrics(run)
        if (status.state, shared.dispatcher().problem) != shown:
            st.rerun()  # the whole page: its buttons, its polling and what stands above depend on both
        if is_taught(status):
            show_lesson(run, status)
            return
        title = finding(run, status, lines)
        st.subheader(title, anchor=False)
        overfit = _overfit_epoch(lines)
        smoothing = st.session_state.get("smoothing", SMOOTHING)
        options = learning_curves(lines, _overlay(run), smoothing, overfit, run.config.training.epochs)
        draw_curves(options, height=CHART_HEIGHT, key=f"curves_{run.id}", alt=title)
        if overfit is not None:
            st.markdown(
                f"From epoch {overfit:.0f} on, validation loss rises while training loss still falls: the network "
                "memorises its training images (overfitting). Fewer epochs, dropout, augmentation or early "
                "stopping help.",
                width=720,
            )
        elif why := explain_loss_gap(run.config, status, lines):
            st.caption(why)
        _progress(run, status, lines)


def _overfit_epoch(lines: list[dict]) -> float | None:
    epochs = [line for line in lines if line["kind"] == "epoch" and {"train_loss", "validation_loss"} <= line.keys()]
    found = find_overfitting([line["train_loss"] for line in epochs], [line["validation_loss"] for line in epochs])
    return None if found is None else epochs[found]["epoch"]


def _overlay(run: Run) -> list[tuple[str, list[dict]]]:
    """Names and metrics of the runs that were chosen to lie beneath."""
    chosen = {other.id: other for other in _other_runs(run) if other.id in st.session_state.get("overlay_runs", ())}
    names = formatting.tell_apart([run, *chosen.values()])
    return [(names[other.id], shared.metrics(other)) for other in chosen.values()]


def _other_runs(run: Run) -> list[Run]:
    return [other for other in session.runs() if other != run]


def _progress(run: Run, status: Status, lines: list[dict]) -> None:
    if status.error:
        messages.show_error(status.error)
    if status.state == "queued":
        _place_in_queue(run)
        return
    if not lines:
        if status.active:
            st.progress(0.0, status.message or "Starting")
        return
    share = lines[-1]["step"] / lines[-1]["steps"]
    words = " · ".join(_progress_in_words(run, status, lines, share))
    if share < 1 or status.active:
        st.progress(min(share, 1.0), words)
    else:
        st.caption(words)


def _progress_in_words(run: Run, status: Status, lines: list[dict], share: float) -> Iterator[str]:
    """Progress, speed, duration and pending commands of a run; `share` is that of its steps."""
    last = lines[-1]
    epoch = f"{num(last['epoch']):.2f}" if share < 1 else formatting.epochs(last["epoch"])
    yield f"epoch {epoch} of {num(run.config.training.epochs):g}"
    if rate := next((line["images_per_second"] for line in reversed(lines) if "images_per_second" in line), None):
        yield f"{num(rate):,.0f} images/s"
    if status.state == "running" and share > 0:
        left = last["seconds"] * (1 - share) / share
        yield f"{formatting.duration(left)} left" if share < 1 else "measuring the final accuracy"
    else:
        yield f"{formatting.duration(last['seconds'])} of training"
        if status.execution:
            threads = f"{status.execution.threads} thread" + "s" * (status.execution.threads > 1)
            yield f"{status.execution.precision}, {threads}"
    if status.active and (asked := read_request(run.path)):
        yield {"STOP": "stopping", "PAUSE": "pausing"}[asked]
    if status.message:
        yield status.message


def _place_in_queue(run: Run) -> None:
    queue, owner = shared.queue(), session.owner()
    waiting = queue.waiting()
    place = waiting.index(run.path) if run.path in waiting else 0
    ahead = [Run(path) for path in [*queue.running(), *waiting[:place]]]
    names = [formatting.plain(other.title) if other.status.owner == owner else "someone else's run" for other in ahead]
    st.progress(0.0, f"Waiting in the queue, {len(ahead)} ahead" if ahead else "Starting in a moment")
    if names:
        turns = " Users take turns." if shared.settings().hosted else ""
        st.caption(f"Ahead in the queue: {', '.join(names)}.{turns}")


def _controls(run: Run, status: Status) -> None:
    owner, queue = session.owner(), shared.queue()
    mine = shared.store().may_change(run, owner)
    with st.container(horizontal=True):
        if mine and status.active and not status.study:  # else its study is paused or stopped
            if status.state == "running":
                st.button("Pause", on_click=messages.act, args=(lambda: queue.pause(run, owner),))
            st.button("Stop training", on_click=messages.act, args=(lambda: queue.stop(run, owner),))
        elif status.diverged:
            st.button("Try a tenth of the learning rate", type="primary", on_click=_try_tenth, args=(run,))
        elif mine and status.resumable:
            resume = (lambda: shared.training_queue().resume(run, owner),)
            st.button("Resume", type="primary", on_click=messages.act, args=resume)
        st.button("Use as a new configuration", key="reuse", on_click=session.set_draft, args=(run.config,))
        with st.popover("Chart", type="tertiary"):
            others = formatting.tell_apart(_other_runs(run))
            st.multiselect(
                "Compare with earlier runs",
                list(others),
                format_func=lambda run_id: others.get(run_id, run_id),
                key="overlay_runs",
                max_selections=4,
            )
            st.slider("Smoothing within an epoch", 0.0, HIGHEST_SMOOTHING, step=0.05, key="smoothing")
        peeks = run.config.training.peeks
        widgets.download_curves([(run.id, lambda: shared.metrics(run), peeks)], f"{run.id}-curves.csv")


def _try_tenth(run: Run) -> None:
    training = run.config.training
    rates = {"learning_rate": training.learning_rate / 10, "rest_learning_rate": training.rest_learning_rate / 10}
    session.set_draft(run.config.replace(training=training.replace(**rates)))


def _confusion(run: Run) -> None:
    url.leave_fragment()
    with messages.boundary():
        last = next((line for line in reversed(shared.metrics(run)) if "confusion" in line), None)
        if last is None:
            if run.status.active or not (run.has_weights and run.answers):
                st.caption("The confusion matrix appears with the first snapshot of a run that has validation images.")
                return
            st.caption("This run has no reports about validation images.")
            st.page_link(
                session.CONFUSIONS_PAGE, label="See its confusions on the test images", query_params={"run": run.id}
            )
            return
        counts = np.array(last["confusion"])
        true, predicted = most_confused(counts)
        left, right = st.columns([32, 68], gap="large")  # as above, so that the matrix lies below the curves
        with left:
            st.markdown(
                f"**Most often, {formatting.plural(true)} are taken for {formatting.plural(predicted)}: "
                f"{counts[true, predicted]} of {num(counts[true].sum()):,} times**"
            )
            st.caption(
                f"{formatting.moment(last['epoch']).capitalize()}, validation images. Rows are true classes. Click a "
                "cell to see its images."
            )

        def open_cell(event: dict) -> None:
            url.show_marked()
            cell = url.cell_parameters(url.pick_more(Picked(), event))
            url.open_page(session.CONFUSIONS_PAGE, run=run.id, split="validation", **cell)

        with right, st.container(width=640):
            confusion_grid([("the validation images", counts)], "confusion", open_cell)


def _layers() -> None:
    config = session.draft()
    rows, error = examine(config.model)
    st.caption("The layer table of the next training. Shapes, parameters and cost are updated at every edit.")
    start, scale, _ = st.columns([1, 1, 2])
    with start:
        _model_choice(
            "initialization", "Weight initialisation", ("torch", "glorot", "he", "dirac"), config.model.initialization
        )
    with scale:
        _model_choice("input_scale", "Input scaling", ("unit", "standardized"), config.model.input_scale)
    layer_table(
        config.model,
        rows,
        str(error or ""),
        "layer_table",
        on_edit=lambda layers: messages.act(lambda: session.change_model(layers=layers)),
    )
    if error:
        messages.show_error(error)


def _model_choice(name: str, label: str, choices: tuple[str, ...], value: str) -> None:
    key = f"field:{name}"
    st.session_state.setdefault(key, value)
    st.selectbox(
        label,
        choices,
        key=key,
        help={
            "initialization": "How weights are drawn before training: torch's default, Glorot (as Keras), He, or dirac "
            "(convolutions start as the identity).",
            "input_scale": "Unit: 0 to 1. Standardized: mean 0 and standard deviation 1 over the training images.",
        }[name],
        on_change=lambda: messages.act(lambda: session.change_model(**{name: st.session_state[key]})),
    )
