"""How long the analyst's work takes, and what the compact index of neighbours loses against exact search.

    python -m benchmarks.analyses [--preset codered-final] [--rounds 5]

Needs the data set. The predictions are those of an untrained network of that preset, which takes as long as a trained
one; index, neighbours and heat maps are those of the shipped run `quick`.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from benchmarks.peers import build_pytorch
from benchmarks.report import machine
from fmexplore.machine import prepare_process

prepare_process(trains=False)

import torch  # noqa: E402

from fmexplore.data import fashion_mnist  # noqa: E402
from fmexplore.embeddings.neighbours import Axes, NeighbourIndex  # noqa: E402
from fmexplore.evaluation.gradcam import grad_cam  # noqa: E402
from fmexplore.evaluation.predictions import predict, predict_batches  # noqa: E402
from fmexplore.models.networks import build  # noqa: E402
from fmexplore.runs.run import Run  # noqa: E402
from fmexplore.training.presets import find_preset  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent
NEIGHBOURS, QUERIES = 8, 500


def median_seconds(act: Callable[[], object], rounds: int) -> float:
    act()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="codered-final")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    images, run = fashion_mnist.load(), Run(PROJECT / "checkpoints" / "quick", shipped=True)
    print(machine())

    config = find_preset(arguments.preset).config
    network, plain = build(config.model), build_pytorch(config.model_dump(mode="json")).eval()
    pixels = torch.tensor(images.test.images)[:, None]
    idle = psutil.Process().memory_info().rss
    predict(network, images.test)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle
    seconds = median_seconds(lambda: predict(network, images.test), arguments.rounds)
    with torch.no_grad():
        naive = median_seconds(lambda: plain(pixels.float() / 255), arguments.rounds)
    print(
        f"predictions of {arguments.preset} for {len(images.test):,} images: {seconds:.2f} s and {peak / 1e6:.0f} MB, "
        f"in one batch with plain PyTorch {naive:.2f} s: 1/{naive / seconds:.1f}"
    )

    quick = build(run.config.model)
    quick.load_state_dict({name: torch.from_numpy(value) for name, value in run.read_weights().items()})
    seconds = median_seconds(lambda: grad_cam(quick, images.test.images[0], [6, 0]), arguments.rounds)
    print(f"Grad-CAM of two classes: {1000 * seconds:.0f} ms")

    def features(pixels: np.ndarray) -> np.ndarray:
        return np.concatenate([each for _, each in predict_batches(quick, pixels, len(pixels)) if each is not None])

    known, asked = features(images.train.images), features(images.test.images[:QUERIES])
    distances = torch.cdist(torch.from_numpy(asked), torch.from_numpy(known)).numpy()
    exact = np.sort(distances, axis=1)[:, :NEIGHBOURS]
    among = np.arange(len(known))
    for dimensions in (16, 32, 64, 128):
        axes = Axes.fit(known[:10_000], dimensions)
        index = NeighbourIndex(axes, axes.encode(known), axes.encode(asked))
        found = [index.nearest(code, among, NEIGHBOURS)[0] for code in index.test]
        farther = np.mean([distances[q, numbers].mean() / exact[q].mean() for q, numbers in enumerate(found)])
        same = np.mean([(distances[q, numbers] <= exact[q, -1]).mean() for q, numbers in enumerate(found)])
        size, lost = index.train.nbytes / 1e6, farther - 1
        print(
            f"index of {dimensions} dimensions, {size:.1f} MB: {same:.0%} of the {NEIGHBOURS} nearest are found, and "
            f"those found are {lost:.1%} farther away"
        )


if __name__ == "__main__":
    main()
