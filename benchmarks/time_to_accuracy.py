"""How long our own presets take to the accuracies that the papers claim, beside the time that Keras needs.

    .venv/bin/python -m benchmarks.time_to_accuracy --keras-python .venv-peers/bin/python --out result.json

Trains `quick` and `solid` with three seeds each, as the app's worker does, and reads the test set once at the end of
each. Training seconds are those of the steps with all reports, validations and snapshots; the closing evaluation on
test and validation images is told apart. Keras trains one epoch of `codered-final` after a warm-up between them, which
is multiplied by the paper's 15 epochs. What other processes took meanwhile is printed: read the figures of a quiet run.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.apart import Watch, run_apart
from benchmarks.peers import write
from benchmarks.report import machine
from fmexplore.machine import processor

CLAIMS = {"quick": 0.9168, "solid": 0.9340}  # of codered-final after 15 epochs, and of patel-final after 100
KERAS_EPOCHS, IMAGES = 15, 60_000


def train_one(preset: str, seed: int) -> dict:
    """One whole training in this process."""
    from fmexplore.machine import prepare_process

    prepare_process()
    import torch

    from fmexplore.data import fashion_mnist
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train
    from fmexplore.training.presets import find_preset

    config, images = find_preset(preset).config, fashion_mnist.load()
    training = config.training.replace(seed=seed)
    run = train(config.model, training, images, choose_execution(config.model, training))
    watch, learnt = Watch(), 0.0
    for progress in run:
        if progress.kind == "epoch":
            learnt = progress.seconds
        if progress.kind == "end":
            break
    return {
        **{"preset": preset, "seed": seed, "training_seconds": learnt, "seconds": progress.seconds},
        **{"validation": progress.validation_accuracy, "test": progress.test_accuracy, "epochs": progress.epoch},
        "parameters": sum(p.numel() for p in run.state.network.parameters() if p.requires_grad),
        "others": watch.result(1)["others"],
        "versions": f"torch {torch.__version__}, {run.execution.precision}, {run.execution.threads} threads",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keras-python", metavar="PATH", help="interpreter with requirements-peers.txt")
    parser.add_argument("--out", type=Path, help="where the raw results go, as JSON")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(train_one(options.one[0], int(options.one[1]))))
        return
    found: list[dict] = []
    keras: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), IMAGES)
        for seed in range(options.seeds):
            for preset in CLAIMS:
                found.append(run_apart("time_to_accuracy", "--one", preset, str(seed)))
                print(found[-1], flush=True)
            if options.keras_python:
                arguments = ("--one", "keras", "--folder", folder)
                keras.append(run_apart("throughput", *arguments, python=options.keras_python))
                print(keras[-1], flush=True)
    print("\n" + machine(f"Python {platform.python_version()}", found[0]["versions"]))
    needed = 0.0
    if keras:
        needed = KERAS_EPOCHS * IMAGES / statistics.median(one["images_per_second"] for one in keras)
        print(f"{KERAS_EPOCHS} epochs of codered-final with {keras[0]['versions']}: {needed:.0f} s")
    for preset, claim in CLAIMS.items():
        rows = [row for row in found if row["preset"] == preset]
        seconds = statistics.median(row["training_seconds"] for row in rows)
        tests = ", ".join(f"{row['test']:.2%}" for row in rows)
        passed = sum(row["test"] > claim for row in rows)
        ratio = f", 1/{needed / seconds:.1f} of Keras' time" if keras else ""
        print(f"{preset}: {seconds:.1f} s of training{ratio}; test {tests}; {passed} of {len(rows)} past {claim:.2%}")
    if options.out:
        raw = {"date": time.strftime("%Y-%m-%d"), "cpu": processor(), "ours": found, "keras": keras}
        options.out.write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
