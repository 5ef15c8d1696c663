"""The commands that train: `train`, and `distill`, which learns from the joint predictions of several runs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fmexplore.cli.terminal import (
    AsJson,
    ResumeOption,
    SetOption,
    begin_from,
    list_changes,
    resume_run,
    show_bar,
    spell,
    train_here,
)
from fmexplore.data import fashion_mnist
from fmexplore.errors import ConfigError
from fmexplore.jobs.budget import plan_training
from fmexplore.jobs.estimates import read_speed
from fmexplore.machine import prepare_process
from fmexplore.runs.status import own_process
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings, read_settings
from fmexplore.textfiles import decode_text
from fmexplore.training.config import Augmentation, RunConfig, change_settings
from fmexplore.training.presets import MUON, find_preset

commands = typer.Typer()
# Gentler than from the start: what is learnt is to be refined. The augmented images bring their own soft targets.
DISTILLING = MUON.replace(
    epochs=3,
    learning_rate=0.05,
    rest_learning_rate=0.005,
    label_smoothing=0,
    augmentation=Augmentation(flip="alternating"),
)
DISTILLATION_AUGMENTATION = Augmentation(flip="alternating", erasing=0.4, cutmix=0.6)  # of what teachers see


@commands.command()
def train(
    preset: Annotated[
        str | None, typer.Option(help="Where to start from; `models` lists them.", show_default="quick")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A run's config.json instead of a preset.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Fractions allowed.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="End by then; without --preset, also choose the preset with the highest accuracy in that time."
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    set_: SetOption = None,
    resume: ResumeOption = None,
    as_json: AsJson = False,
) -> None:
    """Train a network and keep it as a run. Ctrl-C saves it; --resume goes on."""
    prepare_process()
    from fmexplore.training.execution import find_device

    settings = read_settings()
    store = RunStore(settings)
    changes = list_changes(
        set_, epochs=epochs, minutes=minutes, batch_size=batch_size, seed=seed, learning_rate=learning_rate
    )
    if resume:
        if changes or config:
            raise ConfigError("--resume goes on as the run was started: leave the other settings out.")
        run = resume_run(store, resume)
    else:
        if config:
            chosen = RunConfig.parse(read_config(config))
        elif minutes and not preset:
            chosen = _plan(minutes, settings, as_json)
        else:
            chosen = find_preset(preset or "quick").config
        wanted = chosen.replace(training=change_settings(chosen.training, changes))
        fashion_mnist.check()  # better now than as a failed run
        find_device(wanted.training.device)
        run = store.create(wanted, state="running", **own_process())
    train_here(run, as_json, "train")


@commands.command()
def distill(
    teachers: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="The first also gives the student's initial weights.")
    ],
    epochs: Annotated[float | None, typer.Option()] = None,
    times: Annotated[int, typer.Option(min=1, max=20, help="Variants of each training image.")] = 3,
    seed: Annotated[int, typer.Option()] = 0,
    set_: SetOption = None,
    resume: ResumeOption = None,
    as_json: AsJson = False,
) -> None:
    """Train a copy of a run on augmented images and on the joint predictions of several runs (distillation)."""
    prepare_process()
    from fmexplore.analysis.images import network_of
    from fmexplore.training.distillation import draw_soft_targets
    from fmexplore.training.execution import choose_execution

    store, images = RunStore(read_settings()), fashion_mnist.load()
    found = [store.find(name) for name in teachers]
    first, own = found[0], found[0].config.training.split_config
    for each in found:
        if (split := each.config.training.split_config) != own:
            raise ConfigError(
                f"{each.title} has {split.validation_share:.0%} of the training images for validation, {first.title} "
                f"{own.validation_share:.0%}: choose runs with the same, as a teacher must not have learnt from them."
            )
    if resume:
        run = resume_run(store, resume)
    else:
        run = begin_from(store, first, "distill", DISTILLING, list_changes(set_, seed=seed, epochs=epochs))
    networks = [network_of(teacher) for teacher in found]
    config = run.config.training
    learnt = images.select("train", config.split_config)
    assert learnt is not None  # there always are some
    bf16 = choose_execution(run.config.model, config).precision == "bf16"
    with show_bar("Running the teachers", as_json) as task:
        soft_targets = draw_soft_targets(
            networks, learnt.images, times, DISTILLATION_AUGMENTATION, config.seed, bf16, task.report
        )
    train_here(run, as_json, spell("distill", *teachers, times=times), extra=soft_targets, begin=run.read_weights())


def _plan(minutes: float, settings: Settings, quiet: bool) -> RunConfig:
    """The preset and epochs with the highest expected accuracy in that time; measures the machine first if need be."""
    from fmexplore.jobs.tasks import time_machine

    if read_speed(settings) is None:
        time_machine(settings)
    plan = plan_training(minutes, settings)
    if not quiet:
        training = plan.config.training
        print(
            f"{plan.config.preset}, about {training.epochs:g} epochs: {plan.accuracy:.1%} of held-out images expected"
        )
    return plan.config


def read_config(path: Path) -> Any:
    """The values of a run's config.json. Raises ConfigError."""
    try:
        return json.loads(decode_text(path.read_bytes(), str(path)))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--config {path} cannot be read ({error}): give a run's config.json.") from None
