"""Time and trustworthiness of our maps, beside scikit-learn's t-SNE and umap-learn with their defaults.

    .venv/bin/python -m benchmarks.projections                       # the 10,000 test images, about 10 minutes
    .venv/bin/python -m benchmarks.projections --images 2000 --rounds 1

Of the test images as `quick`'s last layer sees them (128 values). Everyone's first call is counted apart, as UMAP
compiles in it; then all take turns, and the median of the rounds is shown with the trustworthiness (k = 12) on 2,000
images, the share of neighbours kept, and the agreement of labels among neighbours on the map.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("fmexplore, PCA", "fmexplore, t-SNE", "scikit-learn, t-SNE", "fmexplore, UMAP", "umap-learn, UMAP")


def ours(method: str, **values: object) -> Callable[[np.ndarray], np.ndarray]:
    from fmexplore.embeddings.projection import ProjectionConfig, project

    config = ProjectionConfig.parse({"method": method, **values})
    return lambda points: project(points, config).coordinates


def scikit_learn_tsne(points: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE

    return TSNE(random_state=0, n_jobs=2).fit_transform(points)


def umap_learn(points: np.ndarray) -> np.ndarray:
    from umap import UMAP

    return UMAP(random_state=0, n_jobs=1).fit_transform(points)


def read_points(images: int) -> tuple[np.ndarray, np.ndarray]:
    from fmexplore.analysis import images as image_analysis
    from fmexplore.data import fashion_mnist
    from fmexplore.embeddings import features
    from fmexplore.runs.run import Run
    from fmexplore.settings import SHIPPED

    test = fashion_mnist.load().test
    network = image_analysis.network_of(Run(SHIPPED / "quick", shipped=True))
    batches = (test.images[start : start + 500] for start in range(0, images, 500))
    gathered = features.gather(features.layer_values(network, "last", batch) for batch in batches)
    return gathered.points[:images].astype(np.float32), test.labels[:images]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="after the first")
    parser.add_argument("--who", nargs="+", choices=NAMES, default=NAMES)
    arguments = parser.parse_args()

    from fmexplore.machine import prepare_process

    prepare_process(trains=False)
    from fmexplore.embeddings.quality import measure_quality

    points, labels = read_points(arguments.images)
    every = (ours("pca"), ours("tsne"), scikit_learn_tsne, ours("umap"), umap_learn)
    makers = {name: make for name, make in zip(NAMES, every, strict=True) if name in arguments.who}
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    figures = {}
    for _ in range(1 + arguments.rounds):
        for name, make in makers.items():
            started = time.perf_counter()
            coordinates = make(points)
            seconds[name].append(time.perf_counter() - started)
            figures[name] = measure_quality(points, coordinates, labels)
    print(f"{len(points):,} points of {points.shape[1]} values, median of {arguments.rounds} after the first")
    print(f"{'':<22}{'first s':>9}{'then s':>9}{'trust':>8}{'kept':>8}{'labels':>8}")
    for name, (first, *others) in seconds.items():
        then = statistics.median(others) if others else first
        found = figures[name]
        print(
            f"{name:<22}{first:>9.2f}{then:>9.2f}"
            f"{found.trustworthiness:>8.4f}{found.kept:>8.3f}{found.map_agreement:>8.3f}"
        )
    print(f"labels among neighbours in feature space: {found.label_agreement:.3f}")


if __name__ == "__main__":
    main()
