"""Predictions of a network, and the figures computed from them. Knows modules and arrays, never a run or a path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from fmexplore.data.fashion_mnist import Split

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

BATCH = 125  # fits a cache: one of 500 takes up to twice as long, one of 10,000 five times and 2.5 GB
SINGLES, WARM_UP = 60, 5  # images timed one by one, and how many before them do not count
MOST_SECONDS = 20  # that timing may take; fewer images then
BINS = 15  # of the calibration curve, as in Guo et al. 2017
ImageOrder = Literal["confidence", "margin", "boundary", "number"]


@dataclass(frozen=True)
class Predictions:
    """Logits `(n, 10) float32` and labels `(n,) uint8` of the same images; what is computed from them is kept."""

    logits: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, `(n,)`."""
        return self.logits.argmax(1)

    @cached_property
    def right(self) -> np.ndarray:
        """`(n,) bool`."""
        return self.predicted == self.labels

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, `(n, 10) float32`."""
        exponentials = np.exp(self.logits - self.logits.max(1, keepdims=True))
        return exponentials / exponentials.sum(1, keepdims=True)

    @cached_property
    def confidence(self) -> np.ndarray:
        """Probability of the predicted class, `(n,)`."""
        return self.probabilities.max(1)

    @cached_property
    def margin(self) -> np.ndarray:
        """Probability of the predicted class minus that of the runner-up, `(n,)`, 0 to 1."""
        first_two = np.partition(self.probabilities, -2, axis=1)[:, -2:]
        return first_two[:, 1] - first_two[:, 0]

    @property
    def boundary_distance(self) -> np.ndarray:
        """How far the logit of the predicted class is above that of the true class, or of the runner-up if right."""
        top = self.logits.max(1)
        rival = np.take_along_axis(self.logits, self.labels[:, None].astype(int), 1)[:, 0]
        return top - np.where(self.right, np.partition(self.logits, -2, axis=1)[:, -2], rival)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @cached_property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each image in nats, `(n,)`."""
        shifted = self.logits - self.logits.max(1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return -log_probability[np.arange(len(self.labels)), self.labels]

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.mean())


def predict(network: Network, split: Split, precision: str = "fp32") -> Predictions:
    """The network's predictions for a split, in evaluation mode."""
    batches = predict_batches(network, split.images, precision=precision)
    return Predictions(np.concatenate([logits for logits, _ in batches]), split.labels)


def predict_batches(
    network: Network, images: np.ndarray, with_features: int = 0, precision: str = "fp32"
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Logits `(batch, 10) float32`, batch by batch, and features of the first `with_features` images.

    `images` is `(n, 28, 28) uint8`. Between batches the network is in the mode in which it came.
    """
    import torch

    from fmexplore.models.networks import to_input

    was_training, device = network.training, next(network.parameters()).device
    for start in range(0, len(images), BATCH):
        batch = torch.tensor(images[start : start + BATCH], device=device)
        network.eval()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, precision == "bf16"):
            logits, features = network.logits_and_features(to_input(batch))
        network.train(was_training)
        wanted = max(0, min(with_features - start, len(logits)))
        yield logits.float().cpu().numpy(), features[:wanted].float().cpu().numpy() if wanted else None


@dataclass(frozen=True)
class Latency:
    """Seconds that a network took, again and again: for one image `(n,)`, and for batches of BATCH images `(m,)`."""

    one: np.ndarray
    batches: np.ndarray

    def of_one(self) -> tuple[float, float, float]:
        """Seconds for one image: the median, and the two ends of the middle half."""
        return _median(self.one)

    def of_many(self, images: int) -> tuple[float, float, float]:
        """Seconds for so many images, batch by batch, as `of_one`."""
        return _median(self.batches * images / BATCH)


def _median(seconds: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    return float(middle), float(low), float(high)


def time_predictions(network: Network, images: np.ndarray, tell: Callable[[float], None]) -> Latency:
    """How long `predict` takes here, with single images first and then with all `(n, 28, 28)`, or as many as there is
    time for; `tell` hears the share of the work."""
    alone, together = [], []
    for turn in range(SINGLES + WARM_UP):
        alone.append(_time(network, images[turn % len(images)][None]))
        tell(0.2 * turn / SINGLES if turn < SINGLES else 0.2)
        if turn >= WARM_UP and sum(alone) > MOST_SECONDS / 4:
            break
    for start in range(0, len(images) - BATCH + 1, BATCH):
        together.append(_time(network, images[start : start + BATCH]))
        tell(0.2 + 0.8 * (start + BATCH) / len(images))
        if sum(together) > MOST_SECONDS:
            break
    return Latency(np.array(alone[WARM_UP:]), np.array(together or [_time(network, images)]))


def _time(network: Network, images: np.ndarray) -> float:
    begin = time.perf_counter()
    for _ in predict_batches(network, images):
        pass
    return time.perf_counter() - begin


def order_images(predictions: Predictions, positions: np.ndarray, by: ImageOrder) -> np.ndarray:
    """`positions` sorted: the most confident, the widest margin or the nearest to the boundary first, or as they are.

    Equal ones keep their order.
    """
    if by == "number":
        return positions
    key = {"confidence": -predictions.confidence, "margin": -predictions.margin}.get(by)
    chosen = (predictions.boundary_distance if key is None else key)[positions]
    return positions[np.argsort(chosen, kind="stable")]


def top_k_accuracy(predictions: Predictions, k: int) -> float:
    """Share of images whose true class is among the `k` most probable ones."""
    best = np.argpartition(-predictions.logits, k - 1, axis=1)[:, :k]
    return float((best == predictions.labels[:, None]).any(1).mean())


@dataclass(frozen=True)
class Calibration:
    """Images sorted into bins of equal width by confidence; bins without images are left out. All `(bins,)`."""

    confidence: np.ndarray  # mean of the bin
    accuracy: np.ndarray
    counts: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017, equation 3), 0 to 1."""
        return float(np.abs(self.accuracy - self.confidence) @ self.counts / self.counts.sum())


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """How often a network is right when it is that sure; `confidence (n,)` from 0 to 1, `right (n,) bool`."""
    confidence = confidence.astype(float)
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are open below, closed above
    counts = np.bincount(number, minlength=bins)
    there = counts > 0
    sums = [np.bincount(number, weights, bins)[there] for weights in (confidence, right)]
    return Calibration(sums[0] / counts[there], sums[1] / counts[there], counts[there])


def coverage_curve(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Shares of images answered, the most confident first, and the accuracy on those, both `(n,)`."""
    right = predictions.right[np.argsort(-predictions.confidence, kind="stable")]
    answered = np.arange(1, len(right) + 1)
    return answered / len(right), np.cumsum(right) / answered


def coverage_at(predictions: Predictions, accuracy: float) -> float:
    """The largest share of images that can be answered with at least that accuracy; 0 where none can."""
    coverage, reached = coverage_curve(predictions)
    enough = np.flatnonzero(reached >= accuracy)
    return float(coverage[enough[-1]]) if len(enough) else 0.0


def learnt_and_forgotten(before: Predictions, after: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Positions that were wrong and are right now, and that were right and are wrong now (Toneva et al. 2019)."""
    return np.flatnonzero(~before.right & after.right), np.flatnonzero(before.right & ~after.right)


def find_overfitting(train_loss: list[float], validation_loss: list[float]) -> int | None:
    """The position from which validation loss rises while training loss falls, or None.

    It is the lowest validation loss, when at least two figures follow it, all of them above it, the last one by more
    than 2 %, and training loss has fallen since.
    """
    if len(validation_loss) < 3:
        return None
    lowest = int(np.argmin(validation_loss))
    after = len(validation_loss) - 1 - lowest
    rising = validation_loss[-1] > 1.02 * validation_loss[lowest] and train_loss[-1] < train_loss[lowest]
    return lowest if after >= 2 and rising else None
