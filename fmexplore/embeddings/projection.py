"""Maps of two or three dimensions, by PCA, t-SNE or UMAP. Knows arrays; no network, run or page.

A map is centred, and the root mean square distance of its points from the centre is 1. The same seed gives the same
map. Long steps report their progress, so that a caller can pause, stop or cancel within about a second.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from fmexplore.embeddings import umap_loop
from fmexplore.embeddings.neighbours import Metric, neighbours, principal_axes
from fmexplore.errors import ConfigError
from fmexplore.schema import Schema

PCA_FIRST = 128  # wider points are reduced to 50 axes before the search for neighbours
PCA_WIDTH = 50
SMALL = 3000  # up to here Barnes-Hut t-SNE is faster than that by FFT
MOST_IN_SPACE = 10_000  # images that three-dimensional t-SNE is allowed, as it takes minutes
WARM_RATE = 0.25  # at which a map goes on that has begun elsewhere; anew: 1
TSNE_RADIUS = 30  # that t-SNE gives a few thousand images
# What computes a map. Raise a number whenever the same settings begin to give another map, also where a library is the
# reason: maps that were stored before are then computed again.
VERSIONS = {"pca": 1, "tsne": 1, "umap": 1}


class ProjectionConfig(Schema):
    """How a map is computed; settings of other methods than `method` are ignored."""

    method: Literal["pca", "tsne", "umap"] = "umap"
    dimensions: Literal[2, 3] = 2
    seed: int = Field(0, ge=0, lt=2**32)
    sample: int = Field(0, ge=0, le=70_000)  # how many of the images, drawn by the seed; 0: all
    perplexity: float = Field(30.0, ge=1, le=500)
    learning_rate: Literal["auto"] | Annotated[float, Field(gt=0, le=1e6)] = "auto"
    iterations: int = Field(250, ge=0, le=5000)
    early_exaggeration_iterations: int = Field(125, ge=0, le=5000)
    initialization: Literal["pca", "random", "spectral"] = "pca"
    neighbours: int = Field(15, ge=2, le=200)
    min_distance: float = Field(0.1, ge=0, le=1)
    metric: Metric = "euclidean"

    def stored_key(self, **source: str) -> dict[str, object]:
        """What a stored map depends on: the algorithm and its version, `source` (what the points are), the settings.

        >>> ProjectionConfig(method="pca").stored_key(images="4c7b")
        {'algorithm': 'pca', 'version': 1, 'images': '4c7b', 'dimensions': 2, 'sample': 0}
        """
        seeded = self.method != "pca" or self.sample
        names = ["dimensions", "sample", *(["seed"] if seeded else []), *_OWN_FIELDS[self.method]]
        settings = {name: getattr(self, name) for name in sorted(names)}
        return {"algorithm": self.method, "version": VERSIONS[self.method], **source, **settings}

    def key(self, **source: str) -> str:
        """Ten letters and digits that are the same for equal stored keys."""
        key = self.stored_key(**source)
        if key["version"] == 1 and not source:
            # Keys once were the settings alone. Version 1 keeps those: files of shipped and own runs, and outlines in
            # links, go by them.
            del key["version"]
            key = dict(sorted({"method": key.pop("algorithm"), **key}.items()))
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:10]

    def choose(self, count: int) -> np.ndarray:
        """The positions of the images to project, out of `count`, ascending: all, or a random sample."""
        if not self.sample or self.sample >= count:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, self.sample, replace=False))


STANDARD = (  # that a shipped run brings along for its test images
    *(ProjectionConfig(method=method) for method in ("pca", "tsne", "umap")),
    ProjectionConfig(method="pca", dimensions=3),
)
_OWN_FIELDS = {
    "pca": (),
    "tsne": ("perplexity", "learning_rate", "iterations", "early_exaggeration_iterations", "initialization"),
    "umap": ("neighbours", "min_distance", "metric"),
}


class Stopped(Exception):
    """Raised by a progress callback to end the computation with the positions reached so far."""


class ProgressCallback(Protocol):
    """Called with the share of the work that is done, what is being done, and the positions `(n, d) float32` so far.

    It may wait to pause the computation, raise Stopped once it was given positions, or raise anything else to cancel.
    """

    def __call__(self, share: float, message: str, positions: np.ndarray | None = None, /) -> None: ...


@dataclass(frozen=True)
class Projected:
    """A map of n points in d dimensions."""

    coordinates: np.ndarray  # (n, d) float32
    explained_variance: np.ndarray | None = None  # (d,): share of the variance along each axis; PCA only
    stopped: bool = False  # before the method had finished


def project(
    points: np.ndarray,
    config: ProjectionConfig,
    report: ProgressCallback = lambda *_: None,
    start: np.ndarray | None = None,
) -> Projected:
    """Project points to a map of two or three dimensions.

    >>> points = np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0], [2, 1, 0]])
    >>> found = project(points, ProjectionConfig(method="pca"))
    >>> found.coordinates.shape, found.explained_variance.round(2).tolist()
    ((4, 2), [0.91, 0.09])

    Args:
        points: (n, width) float.
        config: the method and its settings; `config.sample` is ignored, see `ProjectionConfig.choose`.
        report: called as the computation goes on, see `ProgressCallback`.
        start: (n, d) float; positions from which t-SNE and UMAP go on, instead of beginning anew.

    Raises:
        ConfigError: too few or too many points for the settings, or values that are not finite.
    """
    points = points.astype(np.float32)
    _check(points, config)
    if config.method == "pca":
        mean, components, shares = principal_axes(points, config.dimensions)
        missing = config.dimensions - len(components)
        coordinates = np.pad((points - mean) @ components.T, ((0, 0), (0, missing)))
        return Projected(standardize(coordinates), np.pad(shares, (0, missing)))
    positions: list[np.ndarray] = []

    def report_standardized(share: float, message: str, current: np.ndarray | None = None) -> None:
        if current is not None:
            positions[:] = [standardize(current)]
        report(share, message, *positions)

    layout = _tsne if config.method == "tsne" else _umap
    try:
        return Projected(standardize(layout(points, config, report_standardized, start)))
    except Stopped:
        if not positions:
            raise
        return Projected(positions[0], stopped=True)


def standardize(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates `(n, d)` centred and scaled to a root mean square distance of 1 from the centre, as float32."""
    coordinates = coordinates - coordinates.mean(0, dtype=np.float64)
    return (coordinates / (radius(coordinates) or 1)).astype(np.float32)


def radius(coordinates: np.ndarray) -> float:
    """The root mean square distance of points `(n, d)` from their centre."""
    return float(np.sqrt(np.square(coordinates - coordinates.mean(0), dtype=np.float64).sum(1).mean()))


def _check(points: np.ndarray, config: ProjectionConfig) -> None:
    count = len(points)
    if not count:
        raise ConfigError("There are no images to project: choose another split.")
    if not np.isfinite(points).all():
        raise ConfigError("Some features are no numbers, so they have no place on a map: choose another run or layer.")
    if config.method == "tsne" and config.perplexity > (count - 1) / 3:
        raise ConfigError(
            f"perplexity is {config.perplexity:g}, and {count:,} images allow at most {max(0, (count - 1) // 3)}: "
            "lower it, or take more images."
        )
    if config.method == "tsne" and config.dimensions == 3 and count > MOST_IN_SPACE:
        raise ConfigError(
            f"sample is {config.sample}, and t-SNE in 3 dimensions takes at most {MOST_IN_SPACE:,} images: "
            "take a sample, or UMAP."
        )
    if config.method == "umap" and config.neighbours > count - 1:
        raise ConfigError(
            f"neighbours is {config.neighbours}, and {count:,} images allow at most {count - 1}: "
            "lower it, or take more images."
        )


def _find_neighbours(
    points: np.ndarray, count: int, metric: Metric, report: ProgressCallback
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours of every point, `(n, count)`: the first tenth of the work."""
    if points.shape[1] > PCA_FIRST and metric == "euclidean":
        mean, components, _ = principal_axes(points, PCA_WIDTH)
        points = (points - mean) @ components.T
    message = f"Finding the neighbours of {len(points):,} images"
    everyone = np.arange(len(points))
    return neighbours(points, everyone, count, metric, lambda share: report(0.1 * share, message))


def _spread(points: np.ndarray, config: ProjectionConfig, start: np.ndarray | None) -> np.ndarray:
    """Where to begin: at `start`, else on the principal axes, a little apart where points are equal."""
    if start is None:
        start = project(points, config.replace(method="pca")).coordinates
    rng = np.random.default_rng(config.seed)
    return start.astype(float) + rng.normal(0, 1e-4, start.shape)


def _tsne(
    points: np.ndarray, config: ProjectionConfig, report: ProgressCallback, start: np.ndarray | None
) -> np.ndarray:
    """By openTSNE (van der Maaten 2014; Linderman et al. 2019), on one thread: a second one gains nothing."""
    import openTSNE
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    numbers, distances = _find_neighbours(points, int(3 * config.perplexity), "euclidean", report)
    affinities = openTSNE.affinity.PerplexityBasedNN(
        perplexity=config.perplexity, knn_index=PrecomputedNeighbors(numbers, distances.astype(float))
    )
    small = config.dimensions == 3 or len(points) <= SMALL
    embedding = openTSNE.TSNEEmbedding(
        _tsne_start(points, config, affinities.P, start),
        affinities,
        negative_gradient_method="bh" if small else "fft",
        theta=1.0 if config.dimensions == 3 else 0.5,
        ints_in_interval=2,  # half the time of 1, and as trustworthy
        learning_rate=config.learning_rate,
    )
    early = config.early_exaggeration_iterations if start is None else 0
    total, done = max(early + config.iterations, 1), 0

    def follow(iteration: int, _: float, current: np.ndarray) -> None:
        report(0.1 + 0.9 * (done + iteration) / total, "t-SNE moves the images", np.asarray(current))

    often = {"callbacks": follow, "callbacks_every_iters": 5, "inplace": True}
    embedding.optimize(early, exaggeration=12, momentum=0.5, **often)
    done = early
    embedding.optimize(config.iterations, momentum=0.8, **often)
    return np.asarray(embedding)


def _tsne_start(points: np.ndarray, config: ProjectionConfig, affinities, start: np.ndarray | None) -> np.ndarray:
    """Where t-SNE begins; `affinities` are the matrix of openTSNE."""
    from openTSNE import initialization

    if start is not None:  # at about the size that it will have, so that little moves
        return _spread(points, config, start) * TSNE_RADIUS
    if config.initialization == "random":
        return initialization.random(len(points), config.dimensions, random_state=config.seed)
    if config.initialization == "spectral" and config.dimensions < len(points) - 1:
        return initialization.spectral(affinities, config.dimensions, random_state=config.seed)
    return _spread(points, config, None) * 1e-4


def _umap(
    points: np.ndarray, config: ProjectionConfig, report: ProgressCallback, start: np.ndarray | None
) -> np.ndarray:
    """By umap-learn (McInnes et al. 2018), as `umap_loop` has it."""
    report(0, "Loading UMAP")
    umap_loop.load()
    count = config.neighbours - 1  # UMAP counts the point itself
    numbers, distances = _find_neighbours(points, count, config.metric, report)
    random = np.random.RandomState(config.seed)
    graph = umap_loop.build_graph(points, numbers, distances, config.metric, random)

    def follow(epoch: int, positions: np.ndarray) -> None:
        report(0.1 + 0.9 * epoch / umap_loop.EPOCHS, "UMAP moves the images", positions)

    return umap_loop.move_points(
        graph,
        _spread(points, config, start),
        min_distance=config.min_distance,
        first_rate=1.0 if start is None else WARM_RATE,
        random=random,
        report=follow,
    )
