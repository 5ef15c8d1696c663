"""Images as points in the feature space of a network: its axes, neighbours there, and a compact index of them.

Array functions; knows no network, run or screen.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

DIMENSIONS = 64  # of the index: docs/performance.md says what it loses
FIT_IMAGES = 10_000
BLOCK = 1000
FEW = 4  # vectors
Metric = Literal["euclidean", "cosine", "manhattan", "correlation"]


def principal_axes(points: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean `(width,)`, axes `(dimensions, width)` and the share of the variance along each, the largest first.

    Fewer where the points `(n, width)` are narrower; with fewer points than axes the last are zero. The largest entry
    of an axis is positive, so that equal points have equal axes.
    """
    points = points.astype(np.float32, copy=False)
    mean = points.mean(0, dtype=np.float64).astype(np.float32)
    centred = points - mean
    wide = points.shape[1] > len(points)  # then the products of points with points have the same eigenvalues
    values, vectors = np.linalg.eigh((centred @ centred.T if wide else centred.T @ centred).astype(np.float64))
    components = vectors[:, ::-1].T[:dimensions]
    if wide:
        components = components @ centred / np.sqrt(np.maximum(values[::-1][:dimensions, None], 1e-12))
        missing = min(dimensions, points.shape[1]) - len(components)
        components, values = np.pad(components, ((0, missing), (0, 0))), np.pad(values, (missing, 0))
    largest = np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1)
    shares = values[::-1][:dimensions].clip(0) / max(values.sum(), 1e-30)
    return mean, np.ascontiguousarray(components * np.where(largest < 0, -1, 1), np.float32), shares


def nearest(
    points: np.ndarray,
    vectors: np.ndarray,
    count: int,
    metric: Metric = "euclidean",
    report: Callable[[float], None] = lambda _: None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each of `vectors (q, width)` the `count` nearest of `points (n, width)`, exactly.

    Their numbers and distances, both `(q, min(count, n))`, nearest first. `report` is called with the share done.
    """
    if metric == "correlation":  # is the cosine of what is left without the mean
        points, vectors = (each - each.mean(1, keepdims=True, dtype=np.float32) for each in (points, vectors))
    if metric in ("correlation", "cosine"):  # is half the squared distance between unit vectors
        points, vectors = _unit(points), _unit(vectors)
    find = _search_few if len(vectors) <= FEW else _search_many
    distances, numbers = find(points, vectors, min(count, len(points)), metric == "manhattan", report)
    return numbers, (distances**2 / 2 if metric in ("correlation", "cosine") else distances).astype(np.float32)


def _search_few(
    points: np.ndarray, vectors: np.ndarray, count: int, manhattan: bool, report: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Without scikit-learn: a page asks for one, and loading it would hold up all the others."""
    distances = np.empty((len(vectors), len(points)), np.float32)
    for number, vector in enumerate(vectors.astype(np.float32)):
        for start in range(0, len(points), BLOCK):
            apart = points[start : start + BLOCK].astype(np.float32) - vector
            block = np.abs(apart).sum(1) if manhattan else np.sqrt(np.einsum("nd,nd->n", apart, apart))
            distances[number, start : start + BLOCK] = block
        report((number + 1) / len(vectors))
    first = np.argpartition(distances, count - 1, axis=1)[:, :count]
    order = np.take_along_axis(distances, first, 1).argsort(1, kind="stable")
    numbers = np.take_along_axis(first, order, 1)
    return np.take_along_axis(distances, numbers, 1), numbers


def _search_many(
    points: np.ndarray, vectors: np.ndarray, count: int, manhattan: bool, report: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(
        n_neighbors=count, algorithm="brute", metric="manhattan" if manhattan else "euclidean"
    ).fit(points.astype(np.float32, copy=False))
    found = []
    for start in range(0, len(vectors), BLOCK):
        found.append(search.kneighbors(vectors[start : start + BLOCK].astype(np.float32)))
        report(min(1.0, (start + BLOCK) / len(vectors)))
    distances, numbers = (np.concatenate(each) for each in zip(*found, strict=True))
    return distances, numbers


def neighbours(
    points: np.ndarray,
    positions: np.ndarray,
    count: int,
    metric: Metric = "euclidean",
    report: Callable[[float], None] = lambda _: None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`, for the points at `positions (q,)`, which are not their own neighbours."""
    numbers, distances = nearest(points, points[positions], count + 1, metric, report)
    others = numbers != positions[:, None]
    others[others.all(1), -1] = False  # among points in one place it is not always among the first
    shape = len(positions), numbers.shape[1] - 1
    return numbers[others].reshape(shape), distances[others].reshape(shape)


def interpolate_position(numbers: np.ndarray, distances: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Where new images belong on a map `(n, d)`: between their neighbours, weighted by the inverse distance.

    Numbers and distances `(q, k)` as `nearest` gives them, over ten neighbours or so; `(q, d) float32`. One that
    lies on a known image is put on it.
    """
    weights = 1 / np.maximum(distances.astype(float), 1e-9 * max(float(distances.max(initial=0)), 1e-30))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("qk,qkd->qd", weights, coordinates[numbers]).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Axes:
    """Principal axes of features, and how a point on them becomes bytes; distances in bytes are all to one scale."""

    mean: np.ndarray  # (width,)
    components: np.ndarray  # (dimensions, width)
    low: np.ndarray  # (dimensions,)
    step: np.ndarray  # (1,): feature units per byte

    @classmethod
    def fit(cls, features: np.ndarray, dimensions: int = DIMENSIONS) -> "Axes":
        """From features `(n, width)`; fewer dimensions where they are narrower."""
        features = features.astype(np.float32)
        mean, components, _ = principal_axes(features, dimensions)
        places = (features - mean) @ components.T
        low, high = np.quantile(places, (0.0005, 0.9995), axis=0)
        step = max(float((high - low).max()) / 255, 1e-12)
        return cls(mean, components, low.astype(np.float32), np.array([step], np.float32))

    def encode(self, features: np.ndarray) -> np.ndarray:
        """`(n, dimensions) uint8`; what lies far outside is moved to the edge."""
        places = (features.astype(np.float32) - self.mean) @ self.components.T
        return ((places - self.low) / self.step).round().clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class NeighbourIndex:
    """All training and test images of the data set as bytes on a network's principal axes."""

    axes: Axes
    train: np.ndarray  # (n, dimensions) uint8
    test: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "NeighbourIndex":
        """What `to_arrays` gave. Raises KeyError for other arrays."""
        return cls(Axes(**{field.name: arrays[field.name] for field in fields(Axes)}), arrays["train"], arrays["test"])

    def shorten(self, dimensions: int) -> "NeighbourIndex":
        """The same on its first axes only."""
        axes = Axes(self.axes.mean, self.axes.components[:dimensions], self.axes.low[:dimensions], self.axes.step)
        return NeighbourIndex(axes, self.train[:, :dimensions], self.test[:, :dimensions])

    def to_arrays(self) -> dict[str, np.ndarray]:
        axes = {field.name: getattr(self.axes, field.name) for field in fields(Axes)}
        return {**axes, "train": self.train, "test": self.test}

    def nearest(
        self, code: np.ndarray, among: np.ndarray, count: int, part: Literal["train", "test"] = "train"
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `count` images nearest to a point `(dimensions,) uint8`, out of the numbers `among` of a part.

        Their numbers and their Euclidean distances in feature units, nearest first.
        """
        differences = (self.train if part == "train" else self.test)[among].astype(np.float32) - code
        squares = np.einsum("nd,nd->n", differences, differences)
        count = min(count, len(among))
        nearest = np.argpartition(squares, count - 1)[:count] if count else np.zeros(0, int)
        nearest = nearest[np.argsort(squares[nearest], kind="stable")]
        return among[nearest], np.sqrt(squares[nearest]) * self.axes.step


def encode_all(batches: Iterable[np.ndarray], fit_images: int = FIT_IMAGES) -> Iterator[tuple[Axes, np.ndarray]]:
    """Features, batch by batch, as bytes on axes fitted to the first `fit_images` of them."""
    waiting: list[np.ndarray] = []
    axes = None
    for batch in batches:
        if axes is None:
            waiting.append(batch)
            if sum(map(len, waiting)) < fit_images:
                continue
            batch = np.concatenate(waiting)
            axes = Axes.fit(batch[:fit_images])
        yield axes, axes.encode(batch)
    if axes is None and waiting:
        batch = np.concatenate(waiting)
        axes = Axes.fit(batch)
        yield axes, axes.encode(batch)
