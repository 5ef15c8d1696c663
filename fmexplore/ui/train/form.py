"""The left column of the Train page: preset, settings, what it will cost, *Start training*."""

from typing import Any

import streamlit as st

from fmexplore.errors import ConfigError
from fmexplore.jobs.budget import plan_training
from fmexplore.jobs.estimates import estimate, known_execution, read_speed
from fmexplore.models.table import examine, flops, parameters
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset, presets
from fmexplore.ui import formatting, messages, session, shared, widgets
from fmexplore.ui.formatting import num
from fmexplore.ui.train.fields import GROUPS, LABELS, MAIN, Field


def training_form() -> None:
    """Everything to set up and start a training."""
    with messages.boundary():
        session.take_preset()
    config = session.draft()
    _preset_picker(config)
    _budget(config)
    left, right = st.columns(2)
    for position, field in enumerate(MAIN):
        with (left, right)[position % 2]:
            _widget(field, config)
    _more(config)
    error = _cost(config)
    hosted_owner_missing = not session.owner()
    st.button(
        "Start training",
        type="primary",
        width="stretch",
        disabled=error is not None or hosted_owner_missing,
        on_click=_start,
    )
    if shared.settings().forgets:
        st.caption(widgets.FORGETS)


def _preset_picker(config: RunConfig) -> None:
    names = list(presets())
    options = names if config.preset in names else [config.preset, *names]
    st.session_state["field:preset"] = config.preset
    st.selectbox(
        "Preset",
        options,
        key="field:preset",
        help="A network with its training settings: our own presets, the papers' eleven systems, and the "
        "architectures they cite.",
        on_change=lambda: session.set_draft(find_preset(st.session_state["field:preset"]).config),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        preset = presets().get(config.preset)
        if preset is None:
            st.caption("Your own layer table.")
        else:
            st.caption(preset.about + ".", help=f"Source: {preset.source}")
            if config != preset.config:
                st.button("Undo my changes", type="tertiary", on_click=session.set_draft, args=(preset.config,))
        if config.training.peeks:
            widgets.peeks_badge()


def _budget(config: RunConfig) -> None:
    """The time that there is, and the button that chooses what learns most in it."""
    st.session_state["field:minutes"] = config.training.minutes
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(
            "Time limit, minutes", 0.1, 10_000.0, key="field:minutes", step=1.0, format="%g", placeholder="no limit",
            on_change=lambda: messages.act(lambda: session.change_draft("minutes", st.session_state["field:minutes"])),
            help="The run ends after this time on any machine: the number of epochs is adapted during the run.",
        )  # fmt: skip
        st.button(
            "Choose the best preset for this time",
            disabled=config.training.minutes is None,
            on_click=_choose,
            help="The network, epochs and augmentation with the highest accuracy measured for this time.",
        )


def _choose() -> None:
    def choose() -> None:
        minutes = session.draft().training.minutes
        assert minutes  # else there is no button
        plan = plan_training(minutes, shared.settings())
        session.set_draft(plan.config)
        training = plan.config.training
        session.notify(
            f"{plan.config.preset} for about {num(training.epochs):g} epochs: "
            f"{formatting.percent(plan.accuracy)} of the "
            "validation images should then be right."
        )

    messages.act(choose)


def _more(config: RunConfig) -> None:
    group = st.pills("More settings", list(GROUPS), key="more_settings", wrap=True)
    if not group:
        return
    with st.container(border=True):
        left, right = st.columns(2)
        for position, field in enumerate(GROUPS[group]):
            with (left, right)[position % 2]:
                _widget(field, config)


def _widget(field: Field, config: RunConfig) -> None:
    key = f"field:{field.path}"
    value = _read(field, config)
    st.session_state.setdefault(key, value)
    arguments: dict[str, Any] = {
        "key": key,
        "help": field.help or None,
        "on_change": _changed,
        "args": (field,),
        "disabled": field.path == "early_stopping.patience" and config.training.early_stopping is None,
    }
    if field.choices == (False, True):
        st.checkbox(field.label, **arguments)
    elif field.choices:
        st.selectbox(field.label, field.choices, format_func=lambda choice: LABELS.get(choice, choice), **arguments)
    else:
        number = type(value)
        st.number_input(
            field.label,
            number(min(field.low, value)),  # a value from the command line may lie outside
            number(max(field.high, value)),
            step=number(field.step),
            format=field.format,
            **arguments,
        )


def _read(field: Field, config: RunConfig) -> Any:
    if field.path.startswith("early_stopping"):
        stopping = config.training.early_stopping
        if field.path.endswith("monitor"):
            return stopping.monitor if stopping else "never"
        return stopping.patience if stopping else 3
    value: Any = config.training
    for name in field.path.split("."):
        value = getattr(value, name)
    # A number input keeps to the type of its first value: 0 and 0.0 differ.
    return float(value) if isinstance(value, int | float) and isinstance(field.step, float) else value


def _changed(field: Field) -> None:
    path, value = field.path, st.session_state[f"field:{field.path}"]
    if path == "early_stopping.monitor":
        patience = st.session_state.get("field:early_stopping.patience", 3)
        path, value = "early_stopping", None if value == "never" else {"monitor": value, "patience": patience}
    before = st.session_state.draft
    messages.act(lambda: session.change_draft(path, value))
    if st.session_state.draft == before:  # refused: show what still holds
        del st.session_state[f"field:{field.path}"]


def _cost(config: RunConfig) -> ConfigError | None:
    """What the training will take; the error that forbids it, if one does."""
    rows, error = examine(config.model)
    if error:
        messages.show_error(error)
        return error
    st.markdown(f"**{num(parameters(rows)):,}** parameters · **{num(flops(rows) / 1e6):.1f}** MFLOPs an image")
    _limits()
    speed = read_speed(shared.settings())
    if speed is None:
        st.caption("Training time not known yet: the speed of this machine is being measured.")
        widgets.await_speed()
        return None
    cost = estimate(config, speed, known_execution(shared.settings(), config), rows=rows)
    low, high = formatting.duration(cost.low), formatting.duration(cost.high)
    sure = f" ({low} to {high})" if low != high else ""
    st.markdown(
        f"About **{formatting.duration(cost.seconds)}**{sure} and **{num(cost.memory_mb / 1000):.1f} GB** of memory",
        help=f"Estimated {cost.basis}.",
    )
    limit = shared.settings().max_minutes
    if limit and cost.seconds > 60 * limit:
        st.warning(f"The run will be stopped after {num(limit):g} minutes and keep the weights of that moment.")
    return None


def _limits() -> None:
    """What this server allows, before it bites."""
    limits = shared.settings()
    parts = {
        f"a run may take {num(limits.max_minutes or 0):g} minutes": limits.max_minutes,
        f"{num(limits.max_queued or 0):g} of your runs may wait": limits.max_queued,
        f"{num(limits.max_runs or 0):g} are kept": limits.max_runs,
        f"for {num(limits.max_age_days or 0):g} days unless starred": limits.max_age_days,
        f"all runs together may use {num((limits.max_disk_mb or 0) / 1000):g} GB": limits.max_disk_mb,
    }
    if texts := [text for text, limit in parts.items() if limit]:
        st.caption(f"On this server {', '.join(texts)}.")


def _start() -> None:
    def start() -> None:
        run = shared.training_queue().submit_run(session.draft(), session.owner())
        session.select_run(run.id)

    messages.act(start)
