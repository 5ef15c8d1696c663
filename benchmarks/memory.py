"""Estimated against real peak memory of trainings, each in a process of its own.

    python -m benchmarks.memory [--preset NAME ...] [--precision fp32|bf16]

Twelve steps are enough: buffers are as large then as they get. The constants of `fmexplore/jobs/estimates.py` come
from here.
"""

import argparse
import subprocess
import sys
from itertools import takewhile

PRESETS = ["quick", "codered-final", "team4-ann", "patel-cnn-128", "alexnet", "resnet", "densenet"]


def measure(preset: str, precision: str) -> None:
    """Train a few steps in this process and print estimate and peak in MB."""
    import resource

    import psutil

    from fmexplore.data import fashion_mnist
    from fmexplore.jobs.estimates import Speed, estimate
    from fmexplore.training.config import Execution
    from fmexplore.training.loop import train
    from fmexplore.training.presets import find_preset

    images = fashion_mnist.load()
    worker_mb = psutil.Process().memory_info().rss / 1e6
    config = find_preset(preset).config
    run = train(config.model, config.training, images, Execution.parse({"precision": precision, "threads": 2}))
    for _ in takewhile(lambda progress: progress.step < 12, run):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = Speed(flops_per_second=1e11, step_seconds=0.001, worker_mb=worker_mb, bf16=precision == "bf16")
    guess = estimate(config, speed).memory_mb
    print(f"{preset:<20} estimated {guess:6.0f} MB   peak {peak:6.0f} MB   ratio {guess / peak:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="*", default=PRESETS)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    arguments = parser.parse_args()
    if len(arguments.preset) == 1:
        from fmexplore.machine import prepare_process

        prepare_process()
        measure(arguments.preset[0], arguments.precision)
        return
    for preset in arguments.preset:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", "--preset", preset, "--precision", arguments.precision],
            check=True,
        )


if __name__ == "__main__":
    main()
