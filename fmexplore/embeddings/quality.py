"""How well a map preserves neighbourhoods, and maps of the same images over the course of a training. Arrays only."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fmexplore.embeddings.neighbours import neighbours as find_neighbours
from fmexplore.embeddings.neighbours import principal_axes
from fmexplore.embeddings.projection import ProgressCallback, ProjectionConfig, Stopped, project, radius
from fmexplore.errors import ConfigError


@dataclass(frozen=True)
class MapQuality:
    """How well the neighbourhoods of feature space are preserved on a map; shares from 0 to 1."""

    trustworthiness: float  # Venna, Kaski 2001; 1: every neighbour on the map is one in feature space
    kept: float  # share of the neighbours in feature space that are neighbours on the map too
    label_agreement: float  # share of the neighbours in feature space that have the image's label
    map_agreement: float  # share of the neighbours on the map that have the image's label
    images: int  # how many were examined
    neighbours: int  # how many of each


def measure_quality(
    points: np.ndarray,
    coordinates: np.ndarray,
    labels: np.ndarray,
    neighbours: int = 12,
    sample: int = 2000,
    seed: int = 0,
) -> MapQuality:
    """Measure how well a map preserves neighbourhoods; trustworthiness as in `sklearn.manifold.trustworthiness`.

    Args:
        points: (n, width) float; the features.
        coordinates: (n, d) float; the map of them.
        labels: (n,) int.
        neighbours: how many of each image; at most (n - 1) / 2.
        sample: how many images to examine, drawn at random where there are more.
        seed: of the sample.

    Raises:
        ConfigError: there are fewer than 4 images.
    """
    from sklearn.manifold import trustworthiness

    if len(points) < 4:
        raise ConfigError(f"There are {len(points)} images, too few to judge a map: take at least 4.")
    if sample < len(points):
        chosen = np.sort(np.random.default_rng(seed).choice(len(points), sample, replace=False))
        points, coordinates, labels = points[chosen], coordinates[chosen], labels[chosen]
    points, everyone = points.astype(np.float32), np.arange(len(points))
    count = min(neighbours, (len(points) - 1) // 2)
    true, _ = find_neighbours(points, everyone, count)
    shown, _ = find_neighbours(coordinates, everyone, count)
    return MapQuality(
        trustworthiness=float(trustworthiness(points, coordinates, n_neighbors=count)),
        kept=float((true[:, :, None] == shown[:, None, :]).any(2).mean()),
        label_agreement=float((labels[true] == labels[:, None]).mean()),
        map_agreement=float((labels[shown] == labels[:, None]).mean()),
        images=len(points),
        neighbours=count,
    )


def project_over_time(
    snapshots: list[np.ndarray], config: ProjectionConfig, report: ProgressCallback = lambda *_: None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Maps of the same images at several points of a training, made comparable, and how far the images moved.

    PCA uses the same axes and the same scale for all. t-SNE and UMAP start each map from the one before; the result is
    rotated and mirrored onto that (orthogonal Procrustes). If stopped, there are only the maps so far.

    Args:
        snapshots: the features at each point of the training, each (n, width) float.
        config: the method and its settings.
        report: called as the computation goes on, see `ProgressCallback`.

    Returns:
        The maps, each (n, d) float32; and between each two the mean distance that an image moved, in radii of the
        later map, (maps - 1,) float32.
    """
    if config.method == "pca":
        mean, components, _ = principal_axes(np.concatenate(snapshots), config.dimensions)
        missing = ((0, 0), (0, config.dimensions - len(components)))
        maps = [np.pad((points.astype(np.float32) - mean) @ components.T, missing) for points in snapshots]
        scale = np.sqrt(np.mean([radius(each) ** 2 for each in maps])) or 1
        return _with_movements([(each / scale).astype(np.float32) for each in maps])
    maps = []
    for number, points in enumerate(snapshots):

        def report_snapshot(
            share: float, message: str, positions: np.ndarray | None = None, number: int = number
        ) -> None:
            done = (number + share) / len(snapshots)
            report(done, f"Snapshot {number + 1} of {len(snapshots)}: {message}", positions if not maps else maps[-1])

        try:
            projected = project(points, config, report_snapshot, maps[-1] if maps else None)
        except Stopped:  # before it had positions; the report had those of the map before
            break
        if projected.stopped and maps:
            break
        maps.append(_align(projected.coordinates, maps[-1]) if maps else projected.coordinates)
        if projected.stopped:
            break
    return _with_movements(maps)


def _align(coordinates: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Turned and mirrored, so that the squared distances to `onto` are least; both are centred."""
    from scipy.linalg import orthogonal_procrustes

    turn, _ = orthogonal_procrustes(coordinates, onto)
    return (coordinates @ turn).astype(np.float32)


def _with_movements(maps: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    moved = [np.linalg.norm(after - before, axis=1).mean() / (radius(after) or 1) for before, after in pairwise(maps)]
    return maps, np.array(moved, np.float32)
