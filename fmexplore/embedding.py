"""Images as points in the feature space of a network: a compact index of them, and their neighbours there.

Array functions; knows no network, run or screen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np

DIMENSIONS = 64  # of the index: docs/performance.md says what it loses
FIT_IMAGES = 10_000


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
        mean = features.mean(0)
        centred = features - mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        components = np.ascontiguousarray(vectors[:, ::-1].T[:dimensions], np.float32)
        places = centred @ components.T
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

    def to_arrays(self) -> dict[str, np.ndarray]:
        axes = {field.name: getattr(self.axes, field.name) for field in fields(Axes)}
        return {**axes, "train": self.train, "test": self.test}

    def nearest(self, code: np.ndarray, among: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The `count` training images nearest to a point `(dimensions,) uint8`, out of the numbers `among`.

        Their numbers and their Euclidean distances in feature units, nearest first.
        """
        differences = self.train[among].astype(np.float32) - code
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
