"""Nearest neighbours in feature space: principal axes, exact search, and a compact index of all images.

Knows arrays; no network, run or page.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Literal, TypeVar

import numpy as np

DIMENSIONS = 64  # of the index
FIT_IMAGES = 10_000
BLOCK = 1000
FEW = 4  # queries that are answered without scikit-learn
Fitted = TypeVar("Fitted")
Metric = Literal["euclidean", "cosine", "manhattan", "correlation"]


def principal_axes(points: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal component analysis: the axes along which points vary most.

    >>> mean, axes, shares = principal_axes(np.array([[0.0, 1], [2, 1], [4, 1]]), 1)
    >>> mean.tolist(), axes.tolist(), shares.tolist()
    ([2.0, 1.0], [[1.0, 0.0]], [1.0])

    Args:
        points: (n, width) float.
        dimensions: how many axes, at most; there are no more than `width`.

    Returns:
        The mean of the points, (width,) float32; the axes, (dimensions, width) float32; and the share of the variance
        along each, (dimensions,) float64, the largest first. With fewer points than axes the last axes are zero. The
        entry of an axis with the largest absolute value is positive, so that equal points give equal axes.
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
    """The nearest points of each of some vectors, by exact search.

    >>> points = np.array([[0.0, 0], [1, 0], [5, 0]])
    >>> numbers, distances = nearest(points, np.array([[0.75, 0.0]]), 2)
    >>> numbers.tolist(), distances.tolist()
    ([[1, 0]], [[0.25, 0.75]])

    Args:
        points: (n, width) float.
        vectors: (q, width) float.
        count: how many points to find for each; all n where there are fewer.
        metric: of the distances; "cosine" and "correlation" are 0 for the same direction and 2 for the opposite one.
        report: called with the share of the work that is done, 0 to 1.

    Returns:
        The positions of the points and their distances, (q, count) int64 and float32, nearest first.
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
    """Without scikit-learn: a page asks for one vector, and the import would delay all other sessions."""
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
    """The nearest neighbours of some of the points among all of them, by exact search.

    >>> points = np.array([[0.0, 0], [1, 0], [5, 0]])
    >>> numbers, distances = neighbours(points, np.array([0, 2]), 1)
    >>> numbers.tolist(), distances.tolist()
    ([[1], [1]], [[1.0], [4.0]])

    Args:
        points: (n, width) float.
        positions: (q,) int; whose neighbours to find. No point is its own neighbour.
        count: how many neighbours to find for each; n - 1 where there are fewer.
        metric: of the distances, as in `nearest`.
        report: called with the share of the work that is done, 0 to 1.

    Returns:
        The positions of the neighbours and their distances, (q, count) int64 and float32, nearest first.
    """
    numbers, distances = nearest(points, points[positions], count + 1, metric, report)
    others = numbers != positions[:, None]
    others[others.all(1), -1] = False  # among points in one place it is not always among the first
    shape = len(positions), numbers.shape[1] - 1
    return numbers[others].reshape(shape), distances[others].reshape(shape)


def interpolate_position(numbers: np.ndarray, distances: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Positions of new images on a map: the mean of their neighbours' positions, weighted by the inverse distance.

    Args:
        numbers: (q, k) int; the neighbours of each new image, as `nearest` finds them (about ten).
        distances: (q, k) float; their distances in feature space.
        coordinates: (n, d) float; the map.

    Returns:
        (q, d) float32; an image at distance 0 of a known one gets that one's position.
    """
    weights = 1 / np.maximum(distances.astype(float), 1e-9 * max(float(distances.max(initial=0)), 1e-30))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("qk,qkd->qd", weights, coordinates[numbers]).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Axes:
    """Principal axes of features, and the scale, equal for all axes, on which coordinates are stored as bytes."""

    mean: np.ndarray  # (width,)
    components: np.ndarray  # (dimensions, width)
    low: np.ndarray  # (dimensions,)
    step: np.ndarray  # (1,): feature units per byte

    @classmethod
    def fit(cls, features: np.ndarray, dimensions: int = DIMENSIONS) -> "Axes":
        """Fit the axes to features `(n, width)`; there are no more axes than `width`."""
        features = features.astype(np.float32)
        mean, components, _ = principal_axes(features, dimensions)
        places = (features - mean) @ components.T
        low, high = np.quantile(places, (0.0005, 0.9995), axis=0)
        step = max(float((high - low).max()) / 255, 1e-12)
        return cls(mean, components, low.astype(np.float32), np.array([step], np.float32))

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Features `(n, width)` as bytes `(n, dimensions) uint8`; values outside the scale are clipped."""
        places = (features.astype(np.float32) - self.mean) @ self.components.T
        return ((places - self.low) / self.step).round().clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class NeighbourIndex:
    """The features of all training and test images, as bytes on their principal axes."""

    axes: Axes
    train: np.ndarray  # (n, dimensions) uint8
    test: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "NeighbourIndex":
        """The index whose `to_arrays` gave these arrays. Raises KeyError where one is missing."""
        return cls(Axes(**{field.name: arrays[field.name] for field in fields(Axes)}), arrays["train"], arrays["test"])

    def shorten(self, dimensions: int) -> "NeighbourIndex":
        """The index with only the first `dimensions` axes."""
        axes = Axes(self.axes.mean, self.axes.components[:dimensions], self.axes.low[:dimensions], self.axes.step)
        return NeighbourIndex(axes, self.train[:, :dimensions], self.test[:, :dimensions])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name, as they are stored."""
        axes = {field.name: getattr(self.axes, field.name) for field in fields(Axes)}
        return {**axes, "train": self.train, "test": self.test}

    def nearest(
        self, code: np.ndarray, among: np.ndarray, count: int, part: Literal["train", "test"] = "train"
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images that are nearest to a point, by Euclidean distance.

        Args:
            code: (dimensions,) uint8; the point, as `Axes.encode` gives it.
            among: (k,) int; the positions of the images to search.
            count: how many to find; all k where there are fewer.
            part: the part of the data set that `among` is about.

        Returns:
            The positions of the images and their distances, in units of the features, both (count,), nearest first.
        """
        differences = (self.train if part == "train" else self.test)[among].astype(np.float32) - code
        squares = np.einsum("nd,nd->n", differences, differences)
        count = min(count, len(among))
        nearest = np.argpartition(squares, count - 1)[:count] if count else np.zeros(0, int)
        nearest = nearest[np.argsort(squares[nearest], kind="stable")]
        return among[nearest], np.sqrt(squares[nearest]) * self.axes.step


def fit_to_first(
    batches: Iterable[np.ndarray], fit: Callable[[np.ndarray], Fitted], enough: Callable[[np.ndarray], int]
) -> Iterator[tuple[Fitted, np.ndarray]]:
    """Batches of values, with what was fitted to the first of them.

    Args:
        batches: each (batch, width).
        fit: called once, with the first batches together; with all, where they are fewer than `enough`.
        enough: how many rows to wait for, given a batch.

    Yields:
        What `fit` gave, always the same, and the next rows: those that it was fitted to, then batch by batch.
    """
    waiting: list[np.ndarray] = []
    fitted: Fitted | None = None
    for batch in batches:
        if fitted is None:
            waiting.append(batch)
            if sum(map(len, waiting)) < enough(batch):
                continue
            batch = np.concatenate(waiting)
            waiting.clear()
            fitted = fit(batch)
        yield fitted, batch
    if waiting:
        batch = np.concatenate(waiting)
        yield fit(batch), batch


def encode_all(batches: Iterable[np.ndarray], fit_images: int = FIT_IMAGES) -> Iterator[tuple[Axes, np.ndarray]]:
    """Features as bytes on their principal axes, batch by batch.

    Args:
        batches: features (batch, width) float.
        fit_images: the axes are fitted to that many images, from the first.

    Yields:
        The axes, always the same, and the next images, (m, dimensions) uint8.
    """
    for axes, batch in fit_to_first(batches, lambda first: Axes.fit(first[:fit_images]), lambda _: fit_images):
        yield axes, axes.encode(batch)
