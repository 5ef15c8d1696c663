"""The command `robustness`: how often a run is right about changed images, a line for each change and severity."""

from typing import Annotated

import numpy as np
import typer

from fmexplore.analysis.task import NullProgress
from fmexplore.cli.terminal import AsJson, RunName, print_json, show_bar
from fmexplore.data import fashion_mnist
from fmexplore.errors import ConfigError
from fmexplore.machine import prepare_process
from fmexplore.robustness.changes import CHANGES, SEVERITIES
from fmexplore.robustness.sheet import CLEAN, Row, Sheet, mean_accuracy, rows_of
from fmexplore.runs.run import Arrays
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings

commands = typer.Typer()
SPLITS = ("test", "validation")


@commands.command()
def robustness(
    run: RunName,
    split: Annotated[str, typer.Option(help="test, or validation for choosing among networks.")] = "test",
    changes: Annotated[
        str | None, typer.Option(metavar="NAME,…", help=f"Default: all, {', '.join(CHANGES)}.", show_default=False)
    ] = None,
    images: Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a run on changed images: light, geometry, dirt, five severities each."""
    if split not in SPLITS:
        raise ConfigError(f"--split is {split!r}: choose test or validation.")
    names = [name.strip() for name in changes.split(",")] if changes is not None else list(CHANGES)
    if unknown := [name for name in names if name not in CHANGES]:
        raise ConfigError(f"--changes names {unknown[0]!r}: choose among {', '.join(CHANGES)}.")
    found, data = RunStore(read_settings()).find(run), fashion_mnist.load()
    there = data.select(split, found.config.training.split_config)
    if there is None:
        raise ConfigError(f"--split is {split!r}, and {found.title} was trained without validation images: take test.")
    if images is not None and not 1 <= images <= len(there):
        raise ConfigError(f"--images is {images}: choose 1 to {len(there)}, as many as {split} images there are.")
    prepare_process(trains=False)
    from fmexplore.analysis.robustness import robustness_sheet

    rows, count = rows_of(names), images or len(there)
    if as_json:
        lines = _Lines(rows, count, there.labels)
        lines.print_known(robustness_sheet(lines, found, split, rows, count, first=count))
        return
    with show_bar("Changed images", as_json) as task:
        sheet = robustness_sheet(task, found, split, [CLEAN, *rows], count)
    _print_table(sheet.first(count), found.title, split, list(dict.fromkeys(row.change for row in rows)))


class _Lines(NullProgress):
    """Prints each row as soon as it and those before it are known."""

    def __init__(self, rows: list[Row], count: int, labels: np.ndarray) -> None:
        self.left, self.count, self.labels = list(rows), count, labels

    def report(self, share: float, message: str = "", partial: Arrays | None = None) -> None:
        assert partial is not None
        self.print_known(Sheet(self.labels, partial["predicted"], partial["counts"]))

    def print_known(self, sheet: Sheet) -> None:
        while self.left and len(sheet.answered(self.left[0])[0]) >= self.count:
            print_json(_as_values(sheet.first(self.count), self.left.pop(0)))


def _as_values(sheet: Sheet, row: Row) -> dict[str, object]:
    tally = sheet.tally(row)
    return {
        "change": row.change,
        "severity": row.severity,
        "amount": CHANGES[row.change].amount(row.severity),
        "accuracy": tally.accuracy,
        "interval": list(tally.interval),
        "images": tally.images,
    }


def _print_table(sheet: Sheet, title: str, split: str, names: list[str]) -> None:
    clean = sheet.tally(CLEAN)
    low, high = clean.interval
    print(f"{title}: {clean.accuracy:.2%} right of {clean.images:,} {split} images (95 %: {low:.2%} to {high:.2%})")
    heads = "".join(f"{severity:>9}" for severity in range(1, SEVERITIES + 1))
    print(f"{'severity':<13}{heads}{'mean':>9}  amount")
    for name in names:
        change, rows = CHANGES[name], rows_of([name])
        shares = "".join(f"{sheet.tally(row).accuracy:>9.1%}" for row in rows).ljust(9 * SEVERITIES)
        amounts = f"{', '.join(f'{each:g}' for each in change.amounts)} {change.unit}" if len(rows) > 1 else ""
        print(f"{name:<13}{shares}{mean_accuracy(sheet, name):>9.1%}  {amounts}".rstrip())
