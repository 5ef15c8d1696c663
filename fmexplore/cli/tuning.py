"""The commands `tune`, which searches hyperparameters, and `study`, which lists, shows, resumes and deletes studies."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from fmexplore.cli.terminal import AsJson, SetOption, list_changes, print_json
from fmexplore.cli.training import read_config
from fmexplore.data import fashion_mnist
from fmexplore.errors import ConfigError, FMExploreError, StudyNotFound
from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.runs.status import LOCAL_OWNER, own_process
from fmexplore.runs.studies import StudyFolder
from fmexplore.settings import read_settings
from fmexplore.training.config import RunConfig, change_settings
from fmexplore.training.presets import find_preset
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.confirmation import Confirmation, judge, read_confirmations
from fmexplore.tuning.estimates import choose_plan, estimate_study
from fmexplore.tuning.records import TrialRecord, best_of, pareto_front
from fmexplore.tuning.space import parse_axes
from fmexplore.tuning.studies import (
    begin_study,
    check_allowed,
    config_of,
    delete_study,
    join_shared,
    new_name,
    summary_of,
    trials_of,
)
from fmexplore.tuning.worker import run_study

commands = typer.Typer()
study_commands = typer.Typer(no_args_is_help=True, help="List, show, resume and delete studies.")
commands.add_typer(study_commands, name="study")
StudyName = Annotated[str, typer.Argument(metavar="NAME", help="`study list` lists them.")]
Trials = Annotated[int | None, typer.Option(min=1, help="End after so many; of an existing study, so many more.")]
Minutes = Annotated[float | None, typer.Option(help="End by then; of an existing study, so many more.")]


@commands.command()
def tune(
    vary: Annotated[
        list[str] | None,
        typer.Option(help="What varies: name=low:high, name=log:low:high or name=a,b,c; again for each setting."),
    ] = None,
    searcher: Annotated[
        str | None, typer.Option(help="grid, random, tpe or gp (Gaussian process).", show_default="tpe")
    ] = None,
    prune: Annotated[str | None, typer.Option(help="none, median or halving.", show_default="none")] = None,
    trials: Trials = None,
    minutes: Minutes = None,
    second: Annotated[
        str | None, typer.Option(help="What shall be small as well: parameters, flops or seconds.")
    ] = None,
    confirm: Annotated[int | None, typer.Option(min=0, help="Train the winner again with so many new seeds.")] = None,
    study: Annotated[str | None, typer.Option(metavar="NAME", help="An existing one is extended.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Choose trials, epochs and pruning that fit --minutes.")] = False,
    preset: Annotated[
        str | None, typer.Option(help="Where to start from; `models` lists them.", show_default="quick")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A run's config.json instead of a preset.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Fractions allowed.")] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search and of each training.")] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    set_: SetOption = None,
    as_json: AsJson = False,
) -> None:
    """Search the settings with the best validation accuracy; each trial is a run. Ctrl-C saves it."""
    queue, owner = JobQueue(read_settings()), LOCAL_OWNER
    changes = list_changes(set_, epochs=epochs, batch_size=batch_size, seed=seed, learning_rate=learning_rate)
    found = _find(queue, study)
    begins = any((vary, preset, config, changes, searcher, prune, second))
    wanted: StudyConfig | None = None
    if found is None or begins:
        base = RunConfig.parse(read_config(config)) if config else find_preset(preset or "quick").config
        base = base.replace(training=change_settings(base.training, changes).model_dump(mode="json"))
        values = {"searcher": searcher, "pruning": prune, "second": second, "confirm": confirm}
        given = {name: value for name, value in values.items() if value is not None}
        limit = trials is None and minutes is None and searcher != "grid"
        wanted = StudyConfig.parse(
            {
                "base": base.model_dump(mode="json"),
                "space": parse_axes(vary or []).model_dump(mode="json"),
                **given,
                "trials": 1 if limit and found is not None else trials,
                "minutes": minutes,
            }
        )
        wanted.check()
    fashion_mnist.check()  # better now than as a failed trial
    if found is not None:
        _require_same(found, wanted)
        begin_study(queue, found, owner, trials, minutes, confirm or 0)
    else:
        assert wanted is not None
        wanted = _prepare(queue, wanted, fit, as_json)
        check_allowed(queue, wanted, owner)
        name = study or new_name(queue, wanted.base.preset)
        found = queue.studies.create(name, wanted.model_dump(mode="json"), owner, state="running", **own_process())
    _search(found, as_json)


def _find(queue: JobQueue, name: str | None) -> StudyFolder | None:
    """The study of that name, here or in the database of several servers; None where it is to be begun."""
    if name is None:
        return None
    with suppress(StudyNotFound):
        return queue.studies.get(name)
    return join_shared(queue, name, state="paused")


def _require_same(found: StudyFolder, wanted: StudyConfig | None) -> None:
    if wanted is not None and (differing := config_of(found).same_search(wanted)):
        raise ConfigError(
            f"The study {found.name} has another {' and '.join(differing)}: leave these options out to extend it, or "
            "give another --study."
        )


def _prepare(queue: JobQueue, config: StudyConfig, fit: bool, quiet: bool) -> StudyConfig:
    """Say what it will take, as far as this machine was measured; with `fit`, make it fit the minutes."""
    if fit:
        plan = choose_plan(config, queue.settings)
        config = plan.config
        _say(plan.about, quiet)
    elif (found := estimate_study(config, queue.settings)) is not None:
        _say(found.about, quiet)
    return config


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(text, flush=True)


def _search(study: StudyFolder, as_json: bool) -> None:
    """Search in this process and print how it went. Raises typer.Exit with code 1 when it did not finish."""
    job = Job(study.path, read_settings())

    def interrupt(*_: object) -> None:
        job.interrupted = True

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        run_study(job, _printer(study, as_json))
    finally:
        signal.signal(signal.SIGINT, before)
    status, trials = study.status, trials_of(study)
    if status.error:
        print(status.error, file=sys.stderr)
    best = best_of(trials)
    if as_json:
        print_json(
            {
                "study": study.name,
                "best_trial": best and best.trial,
                "trials": len(trials),
                "seconds": round(status.result.seconds, 2),
            }
        )
    else:
        _print_end(study, trials)
    if status.state != "finished":
        if not status.error:
            print(f"Go on with: python -m fmexplore study resume {study.name}", file=sys.stderr)
        raise typer.Exit(1)


def _printer(study: StudyFolder, as_json: bool) -> Callable[[TrialRecord | Confirmation], None]:
    def tell(ended: TrialRecord | Confirmation) -> None:
        if as_json:
            print_json(trial_line(ended) if isinstance(ended, TrialRecord) else confirmation_line(ended))
        else:
            print(trial_text(ended) if isinstance(ended, TrialRecord) else _confirmation_text(ended), flush=True)

    del study
    return tell


def trial_line(trial: TrialRecord) -> dict[str, Any]:
    """A trial as `--json` prints it."""
    line: dict[str, Any] = {
        "trial": trial.trial,
        "state": trial.state,
        "parameters": trial.parameters,
        "validation_accuracy": trial.validation_accuracy,
        "run": trial.run,
    }
    line |= {"reason": trial.reason} if trial.reason else {}
    return line | ({"second": trial.second} if trial.second is not None else {})


def confirmation_line(confirmation: Confirmation) -> dict[str, Any]:
    """A confirmation as `--json` prints it."""
    return {
        "confirmation": confirmation.seed,
        "of": confirmation.trial,
        "validation_accuracy": confirmation.validation_accuracy,
        "test_accuracy": confirmation.test_accuracy,
        "run": confirmation.run,
    }


def trial_text(trial: TrialRecord) -> str:
    """A trial in one line."""
    values = "  ".join(f"{name}={_short(value)}" for name, value in trial.parameters.items())
    accuracy = "-" if trial.validation_accuracy is None else f"{trial.validation_accuracy:.2%}"
    return f"{trial.trial:>4}  {trial.state:<9}{accuracy:>8}  {values}  {trial.reason or trial.run or ''}".rstrip()


def _confirmation_text(confirmation: Confirmation) -> str:
    reached = confirmation.validation_accuracy, confirmation.test_accuracy
    validation, test = ("-" if value is None else f"{value:.2%}" for value in reached)
    return f"trial {confirmation.trial} with seed {confirmation.seed}: validation {validation}, test {test}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _print_end(study: StudyFolder, trials: list[TrialRecord]) -> None:
    status, best = study.status, best_of(trials)
    ended = status.message or f"{len(trials)} trials"
    print(f"{study.name} {status.state} after {status.result.seconds:.0f} s. {ended}")
    if best is None:
        print("No trial is complete, so there is no best one.")
        return
    print(f"Best: {trial_text(best).strip()}")
    if config_of(study).second:
        print("Pareto front, the smallest first:")
        for each in pareto_front(trials):
            print(f"{trial_text(each)}  {each.second:g}")
    if verdict := judge(read_confirmations(study)):
        print(
            f"Trial {verdict.trial} again with {verdict.seeds} new seeds: validation "
            f"{verdict.validation_accuracy:.2%}, test {verdict.test_accuracy:.2%} on average. The search had shown "
            f"{verdict.searched:.2%}: {100 * verdict.optimism:+.2f} points."
        )


@study_commands.command("list")
def list_studies(as_json: AsJson = False) -> None:
    """List all studies, newest first."""
    rows: list[dict[str, Any]] = []
    for study in JobQueue(read_settings()).studies.all():
        try:
            rows.append(summary_of(study))
        except FMExploreError as error:
            rows.append({"study": study.name, "state": "broken", "error": str(error)})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        if row["state"] == "broken":
            print(f"{row['study']:<40}{row['state']:<12}{row['error']}")
            continue
        accuracy = "-" if row["validation_accuracy"] is None else f"{row['validation_accuracy']:.2%}"
        trials = f"{row['trials']}" + (f" of {row['of']}" if row["of"] else "")
        print(f"{row['study']:<40}{row['state']:<12}{trials:>12}{accuracy:>10}  {', '.join(row['varied'])}")
    if not rows:
        print("No studies yet: python -m fmexplore tune --vary learning_rate=log:0.01:0.3 --trials 10")


@study_commands.command("show")
def show_study(name: StudyName, as_json: AsJson = False) -> None:
    """Show the trials of a study, the best ones first."""
    study = JobQueue(read_settings()).studies.get(name)
    trials = trials_of(study)
    if as_json:
        confirmations = [confirmation_line(each) for each in read_confirmations(study)]
        lines = [trial_line(trial) for trial in trials]
        config = config_of(study).model_dump(mode="json")
        print_json({**summary_of(study), "trials": lines, "confirmations": confirmations, "config": config})
        return
    _print_end(study, trials)
    for trial in sorted(trials, key=lambda each: -(each.validation_accuracy or 0)):
        print(trial_text(trial))


@study_commands.command("resume")
def resume(name: StudyName, trials: Trials = None, minutes: Minutes = None, as_json: AsJson = False) -> None:
    """Go on with a study where it was, or for more trials or minutes."""
    queue = JobQueue(read_settings())
    study = _find(queue, name) or queue.studies.get(name)
    queue.studies.require_owner(study, LOCAL_OWNER)
    fashion_mnist.check()
    begin_study(queue, study, LOCAL_OWNER, trials, minutes)
    _search(study, as_json)


@study_commands.command("delete")
def delete(
    name: StudyName, yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False
) -> None:
    """Delete a study and the runs of its trials; for a day they are in studies/.trash and runs/.trash."""
    queue = JobQueue(read_settings())
    study = queue.studies.get(name)
    queue.studies.require_owner(study, LOCAL_OWNER)
    runs = len(queue.studies.runs_of(name))
    if not yes and not typer.confirm(f"Delete the study {name} and its {runs} runs?"):
        raise typer.Exit(1)
    delete_study(queue, study, LOCAL_OWNER)
    print(f"Deleted {name} and {runs} runs; until tomorrow they are in {queue.studies.trash} and {queue.store.trash}.")
