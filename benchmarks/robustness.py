"""How long the sheet of a run takes: its first pass of 1,000 images, all images, and the changes alone.

    python -m benchmarks.robustness [--run quick] [--images 10000] [--changes mirror,noise] [--amounts]

Needs the data set. Nothing that was kept is used, nothing is kept. With `--amounts` it prints the amounts of all
changes as a table in Markdown instead.
"""

import argparse
import time

import numpy as np

from benchmarks.report import machine
from fmexplore.machine import prepare_process

prepare_process(trains=False)

from fmexplore.analysis.images import network_of  # noqa: E402
from fmexplore.data import fashion_mnist  # noqa: E402
from fmexplore.evaluation.predictions import predict_batches  # noqa: E402
from fmexplore.robustness.changes import CHANGES  # noqa: E402
from fmexplore.robustness.sheet import CLEAN, FIRST, Sheet, fill_sheet, rows_of  # noqa: E402
from fmexplore.runs.store import RunStore  # noqa: E402
from fmexplore.settings import read_settings  # noqa: E402


def amounts() -> str:
    """The changes with their amounts, as a table in Markdown."""
    lines = ["| change | 1 | 2 | 3 | 4 | 5 | unit | what it is |", "|---|---|---|---|---|---|---|---|"]
    for change in CHANGES.values():
        several = len(change.amounts) > 1
        shown = [f"{amount:g}" for amount in change.amounts] if several else ["yes", *([""] * 4)]
        unit = change.unit if several else ""
        lines.append(f"| `{change.name}` | {' | '.join(shown)} | {unit} | {change.explanation} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="quick")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--changes", default=",".join(CHANGES))
    parser.add_argument("--amounts", action="store_true")
    arguments = parser.parse_args()
    if arguments.amounts:
        print(amounts(), end="")
        return
    data, run = fashion_mnist.load(), RunStore(read_settings()).find(arguments.run)
    count = min(arguments.images, len(data.test))
    images, rows = data.test.images[:count], [CLEAN, *rows_of(arguments.changes.split(","))]
    ids = data.addresses.ids("test", np.arange(count))
    network = network_of(run)

    def answer(changed: np.ndarray) -> np.ndarray:
        return np.concatenate([logits for logits, _ in predict_batches(network, changed)])

    def nothing(changed: np.ndarray) -> np.ndarray:
        return np.zeros((len(changed), 10), np.float32)

    print(machine())
    answer(images[:250])
    for name, ask in (("with the network", answer), ("the changes alone", nothing)):
        sheet, first = Sheet.empty(data.test.labels[:count]), None
        started, cpu = time.perf_counter(), time.process_time()
        for _ in fill_sheet(ask, images, ids, sheet, rows):
            if first is None and (sheet.counts >= min(FIRST, count)).sum() == len(rows):
                first = time.perf_counter() - started
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        early = f", first pass {first:.1f} s" if first is not None else ""
        print(f"{len(rows)} rows of {count:,} images, {name}: {seconds:.1f} s ({used:.1f} s of processor time){early}")


if __name__ == "__main__":
    main()
