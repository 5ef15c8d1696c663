"""What helps and what does not: variants of a training, evaluated on images that none of them learns from.

    .venv/bin/python -m benchmarks.recipes --network full --epochs 8 "" "weight_average=0.99" \\
        "augmentation.erasing=0.5 augmentation.shift=2"
    .venv/bin/python -m benchmarks.recipes --table

Each variant is a list of settings, as `train --set` takes them, of `quick`'s training with alternating flips.
It learns from five sixths of the training images and is evaluated on the 10,000 others; the test set is not read. A
line of JSON for each is added to --out.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from fmexplore.machine import prepare_process

prepare_process()

from fmexplore.analysis.images import network_of  # noqa: E402
from fmexplore.data import fashion_mnist  # noqa: E402
from fmexplore.data.fashion_mnist import DataSet, Split  # noqa: E402
from fmexplore.evaluation.predictions import Predictions, predict  # noqa: E402
from fmexplore.models.networks import Network  # noqa: E402
from fmexplore.runs.store import RunStore  # noqa: E402
from fmexplore.settings import read_settings  # noqa: E402
from fmexplore.training.config import Augmentation, TrainConfig, change_settings  # noqa: E402
from fmexplore.training.execution import choose_execution  # noqa: E402
from fmexplore.training.loop import train  # noqa: E402
from fmexplore.training.presets import find_preset, staged  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
HELD_OUT = 1 / 6
BASE = find_preset("quick").training.replace(augmentation=Augmentation(flip="alternating"))
OUT = ROOT / "docs" / "data" / "recipes.jsonl"
NETWORKS = {
    **{name: (lambda name=name: find_preset(name).model) for name in ("quick", "solid", "best")},
    "quick-full": lambda: staged(8, (32, 64, 128)),
    "quick-full-thin": lambda: staged(8, (24, 48, 96)),
    "quick-pooled": lambda: staged(32, (64, 128), begin="pooled"),
    "quick-pooled-wide": lambda: staged(48, (96, 160), begin="pooled"),
    "quick-folded": lambda: staged(32, (64, 128), begin="folded"),
    "solid-pooled": lambda: staged(32, (80, 160), begin="pooled"),
    "solid-folded": lambda: staged(64, (128, 256), begin="folded"),
    "solid-wide": lambda: staged(16, (48, 160, 160)),
    "best-deep": lambda: staged(24, (64, 192, 256), convs=3),
    "best-residual": lambda: staged(24, (64, 192, 256), convs=3, residual=True),
    "best-wide": lambda: staged(32, (96, 256, 384)),
}


def variant(text: str, epochs: float, seed: int) -> TrainConfig:
    config = change_settings(BASE, text.split())
    config = config.replace(epochs=epochs, seed=seed, snapshots=0)
    return config.replace(validation="share", validation_share=HELD_OUT)


def measure(network: str, text: str, epochs: float, seed: int, precision: str) -> dict:
    """One training, and what its last evaluation says of the held-out images."""
    model, config, images = NETWORKS[network](), variant(text, epochs, seed), fashion_mnist.load()
    if precision != "auto":  # beside other work, timing could choose otherwise
        config = config.replace(precision=precision, threads=os.cpu_count())
    few = images.test.take(np.arange(min(250, len(images.test))))  # those at which `train` ends: they are not read
    run = train(model, config, DataSet(images.train, few), choose_execution(model, config))
    for progress in run:
        if progress.kind == "epoch":
            right = f"{progress.train_accuracy:.4f} {progress.validation_accuracy:.4f}"
            print(f"  epoch {progress.epoch:6.2f}  {right}  {progress.seconds:6.0f} s", flush=True)
        if progress.kind == "end":
            break
    found, held_out = progress.predictions, run.validation
    assert found
    assert held_out
    both = add_mirrored(run.state.eval_network, held_out, found)
    return {
        **{"network": network, "settings": text, "epochs": epochs, "seed": seed},
        **{"accuracy": found.accuracy, "with_flip": both.accuracy, "loss": found.loss},
        "seconds": round(progress.seconds),
        "parameters": sum(p.numel() for p in run.state.network.parameters() if p.requires_grad),
        "execution": f"{run.execution.precision}, {run.execution.threads} threads",
        "date": time.strftime("%Y-%m-%d"),
    }


def add_mirrored(network: Network, split: Split, found: Predictions) -> Predictions:
    """Those of the mirror images too: the mean of both."""
    mirrored = predict(network, Split(split.images[:, :, ::-1].copy(), split.labels))
    return mean_of([found, mirrored])


def mean_of(several: list[Predictions]) -> Predictions:
    """What several predictions of the same images say together."""
    return Predictions(np.log(np.mean([each.probabilities for each in several], axis=0)), several[0].labels)


def ask_runs(names: list[str], part: str) -> None:
    """What runs reach in one pass, with mirror images, and together; all of the first one's held-out or test images."""
    store, images = RunStore(read_settings()), fashion_mnist.load()
    runs = [store.find(name) for name in names]
    training = runs[0].config.training
    split = images.select(part, training.split_config)
    assert split
    once, both = [], []
    for run in runs:
        network = network_of(run)
        once.append(predict(network, split))
        both.append(add_mirrored(network, split, once[-1]))
    rows = list(zip(names, once, both, strict=True))
    if len(rows) > 1:
        rows.append(("together", mean_of(once), mean_of(both)))
    for name, single, mirrored in rows:
        loss = f"loss {single.loss:.3f}"
        print(f"{name}: {part} {single.accuracy:.2%}, {loss}, with mirror images {mirrored.accuracy:.2%}")


def keep(found: dict, path: Path) -> None:
    with path.open("a") as file:
        file.write(json.dumps(found) + "\n")


def print_table(path: Path) -> None:
    print("| network | settings | epochs | seed | held-out % | with flip | loss | seconds |")
    print("|---" * 8 + "|")
    for line in path.read_text().splitlines():
        row = json.loads(line)
        figures = f"{100 * row['accuracy']:.2f} | {100 * row['with_flip']:.2f} | {row['loss']:.4f} | {row['seconds']}"
        print(f"| {row['network']} | {row['settings']} | {row['epochs']:g} | {row['seed']} | {figures} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*")
    parser.add_argument("--network", choices=NETWORKS, default="best")
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--ask", nargs="+", metavar="RUN", help="what trained runs reach, alone and together")
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="all cores, if not auto")
    options = parser.parse_args()
    for text in options.variants:
        print(f"{options.network}, {options.epochs:g} epochs, seed {options.seed}: {text or 'as it is'}", flush=True)
        found = measure(options.network, text, options.epochs, options.seed, options.precision)
        print(json.dumps(found), flush=True)
        keep(found, options.out)
    if options.ask:
        ask_runs(options.ask, options.part)
    if options.table:
        print_table(options.out)


if __name__ == "__main__":
    main()
