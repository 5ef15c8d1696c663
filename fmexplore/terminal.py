"""What the command line shows of work while it goes on: a bar on a terminal, JSON lines, or nothing."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fmexplore.analyses import Silent, Task
from fmexplore.run import Run

if TYPE_CHECKING:
    from fmexplore.progress import Progress


@contextmanager
def show_bar(name: str, as_json: bool) -> Iterator[Task]:
    """A task that moves a bar on a terminal."""
    if as_json or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        moving = bar.add_task(name, total=1.0)

        class Shown(Silent):
            def report(self, share: float, message: str = "", partial: Any = None) -> None:
                bar.update(moving, completed=share, description=message or name)

        yield Shown()


@contextmanager
def follow_training(as_json: bool, run: Run) -> Iterator[Callable[["Progress"], None]]:
    """What to do with each Progress: print it as JSON, move a bar on a terminal, or nothing."""
    if as_json:
        from fmexplore.tasks import metrics_line

        def write(progress: "Progress") -> None:
            if progress.kind != "step":
                print(json.dumps(metrics_line(progress)), flush=True)

        yield write
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(run.config.preset, total=None, figures="starting")

            def move(progress: "Progress") -> None:
                figures: dict[str, Any] = {}
                if progress.train_loss is not None:
                    figures["figures"] = f"epoch {progress.epoch:.2f}  loss {progress.train_loss:.3f}"
                bar.update(task, total=progress.steps, completed=progress.step, **figures)

            yield move
    else:
        yield lambda _: None
