"""Work that the command line waits for, and what it shows of it: a bar on a terminal, JSON lines, or nothing."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fmexplore.analysis.task import NullProgress, Task
from fmexplore.data import fashion_mnist
from fmexplore.errors import ConfigError
from fmexplore.runs.run import Run
from fmexplore.runs.status import LOCAL_OWNER, RESUMABLE, clear_requests, own_process, write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings
from fmexplore.storage import strict_json
from fmexplore.training.config import RunConfig, TrainConfig, change_settings

if TYPE_CHECKING:
    from fmexplore.training.progress import Progress


RunName = Annotated[str, typer.Argument(metavar="RUN", help="An id, a shipped name or a unique prefix.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other setting: --set optimizer=sgd, --set augmentation.shift=2."),
]
ResumeOption = Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run that was not finished.")]


def print_json(values: Any) -> None:
    """One line of JSON, which strict parsers read too: the only way in which commands print some."""
    print(strict_json(values), flush=True)


def list_changes(set_: list[str] | None, **settings: object) -> list[str]:
    """What `change_settings` takes: of settings with an option of their own, unless None, then those of `--set`."""
    return [f"{name}={value}" for name, value in settings.items() if value is not None] + (set_ or [])


def resume_run(store: RunStore, text: str) -> Run:
    """The unfinished run of that name, marked as running here. Raises ConfigError, RunNotFound, NotAllowed."""
    run = store.find(text)
    store.require_owner(run, LOCAL_OWNER)
    status = run.status
    if status.study:
        raise ConfigError(f"{run.id} is a trial: go on with `python -m fmexplore study resume {status.study}`.")
    if status.state not in RESUMABLE and (status.state != "running" or status.alive):
        raise ConfigError(f"{run.id} is {status.state}: only a run that was not finished can be resumed.")
    fashion_mnist.check()  # better now than as a failed run
    clear_requests(run.path)
    write_status(run.path, status.replace(state="running", **own_process()))
    return run


def begin_from(
    store: RunStore, parent: Run, task: str, training: TrainConfig, changes: list[str], preset: str | None = None
) -> Run:
    """A new run, marked as running here, with the network and the weights of `parent`, trained as `training` says.

    It is evaluated on the validation images of `parent`, which has not learnt from them. `changes` are those of
    `--set`. Raises ConfigError, DataError, RunBroken, StorageError.
    """
    fashion_mnist.check()
    before, weights = parent.config.training, parent.read_weights()
    kept = training.replace(**asdict(before.split_config))
    config = RunConfig(
        preset=preset or parent.config.preset, model=parent.config.model, training=change_settings(kept, changes)
    )
    run = store.create(config, state="running", task=task, **own_process())
    run.write_weights(weights)  # where it begins, also when it is resumed before it was ever saved
    return run


def train_here(run: Run, as_json: bool, command: str, **extra: Any) -> None:
    """Do the work of a run in this process and print how it ended; Ctrl-C saves it.

    Raises typer.Exit with code 1 when it is not finished; before, it prints how `command` goes on.
    """
    from fmexplore.jobs.job import Job
    from fmexplore.jobs.worker import run_job

    job = Job(run.path, read_settings())

    def interrupt(*_: object) -> None:
        job.interrupted = True

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with follow_training(as_json, run) as listen:
            run_job(job, listen=listen, **extra)
    finally:
        signal.signal(signal.SIGINT, before)
    status = run.status
    if status.error:
        print(status.error, file=sys.stderr)
    result = status.reached
    last = {
        "run": run.id,
        "validation_accuracy": result.validation_accuracy,
        "test_accuracy": result.test_accuracy,
        "seconds": round(result.seconds, 2),
    }
    text = f"{run.id} {status.state} after {result.seconds:.0f} s: {accuracies(run)}"
    print_json(last) if as_json else print(text, flush=True)
    if status.state != "finished":
        if not status.error:
            print(f"Go on with: python -m fmexplore {command} --resume {run.id}", file=sys.stderr)
        raise typer.Exit(1)


def spell(*words: object, **options: object) -> str:
    """A command of this program as one types it; options that are None are left out."""
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
    return shlex.join([*map(str, words), *given])


def accuracies(run: Run) -> str:
    """Its validation and test accuracy in words."""
    result = run.status.reached
    parts = (("validation", result.validation_accuracy), ("test", result.test_accuracy))
    return ", ".join(f"{name} {value:.2%}" for name, value in parts if value is not None) or "no accuracy yet"


@contextmanager
def show_bar(name: str, as_json: bool) -> Iterator[Task]:
    """A task that moves a bar on a terminal."""
    if as_json or not sys.stderr.isatty():
        yield NullProgress()
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        moving = bar.add_task(name, total=1.0)

        class Shown(NullProgress):
            def report(self, share: float, message: str = "", partial: Any = None) -> None:
                bar.update(moving, completed=share, description=message or name)

        yield Shown()


@contextmanager
def follow_training(as_json: bool, run: Run) -> Iterator[Callable[["Progress"], None]]:
    """What to do with each Progress: print it as JSON, move a bar on a terminal, or nothing."""
    if as_json:
        from fmexplore.jobs.tasks import metrics_line

        def write(progress: "Progress") -> None:
            if progress.kind != "step":
                print_json(metrics_line(progress))

        yield write
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[metrics]}"),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(run.config.preset, total=None, metrics="starting")

            def move(progress: "Progress") -> None:
                metrics: dict[str, Any] = {}
                if progress.train_loss is not None:
                    metrics["metrics"] = f"epoch {progress.epoch:.2f}  loss {progress.train_loss:.3f}"
                bar.update(task, total=progress.steps, completed=progress.step, **metrics)

            yield move
    else:
        yield lambda _: None
