"""What a map is worth, and maps that follow a network while it learns. Array functions."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fmexplore.embeddings.neighbours import neighbours as find_neighbours
from fmexplore.embeddings.neighbours import principal_axes
from fmexplore.embeddings.projection import ProgressCallback, ProjectionConfig, Stopped, project, radius
from fmexplore.errors import ConfigError


@dataclass(frozen=True)
class Trust:
    """How far neighbours on a map are neighbours in feature space, over `images` of it; shares from 0 to 1."""

    trustworthiness: float  # Venna, Kaski 2001: 1 where no image has a false neighbour on the map
    kept: float  # share of the nearest neighbours in feature space that are so on the map
    label_agreement: float  # share of the neighbours in feature space that have the image's label
    map_agreement: float  # the same of the neighbours on the map
    images: int
    neighbours: int


def trust(
    points: np.ndarray,
    coordinates: np.ndarray,
    labels: np.ndarray,
    neighbours: int = 12,
    sample: int = 2000,
    seed: int = 0,
) -> Trust:
    """Figures for a map `(n, d)` of `points (n, width)`, as `sklearn.manifold.trustworthiness` on the same sample.

    With fewer than 26 images it looks at fewer neighbours. Raises ConfigError for fewer than 4 images.
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
    return Trust(
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
    """Maps `(n, d) float32` of the same images at several times, from points `(n, width)`, and how far images moved.

    PCA lays the axes through all of them together, at one scale. t-SNE and UMAP start each map from the one before;
    it is then turned and mirrored onto that (orthogonal Procrustes, scale kept). Movement, one for each step between
    two maps, is the mean distance that an image went, in radii of the later map. Stopped, it gives the maps so far.
    """
    if config.method == "pca":
        mean, components, _ = principal_axes(np.concatenate(snapshots), config.dimensions)
        missing = ((0, 0), (0, config.dimensions - len(components)))
        maps = [np.pad((points.astype(np.float32) - mean) @ components.T, missing) for points in snapshots]
        scale = np.sqrt(np.mean([radius(each) ** 2 for each in maps])) or 1
        return _with_movements([(each / scale).astype(np.float32) for each in maps])
    maps = []
    for number, points in enumerate(snapshots):

        def tell(share: float, message: str, positions: np.ndarray | None = None, number: int = number) -> None:
            done = (number + share) / len(snapshots)
            report(done, f"Snapshot {number + 1} of {len(snapshots)}: {message}", positions if not maps else maps[-1])

        try:
            projected = project(points, config, tell, maps[-1] if maps else None)
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
