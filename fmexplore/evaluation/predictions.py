"""A network's predictions and the metrics computed from them. Knows modules and arrays; no run and no path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from fmexplore.data.fashion_mnist import Split

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

BATCH = 125  # fits a cache: one of 500 takes up to twice as long, one of 10,000 five times and 2.5 GB
BINS = 15  # of the calibration curve, as in Guo et al. 2017
ImageOrder = Literal["confidence", "margin", "boundary", "number"]


@dataclass(frozen=True)
class Predictions:
    """Logits `(n, 10) float32` and labels `(n,) uint8` of the same n images.

    >>> found = Predictions(np.array([[9.0, 1, 0], [2, 3, 0]], np.float32), np.array([0, 0], np.uint8))
    >>> found.accuracy, found.predicted.tolist()
    (0.5, [0, 1])
    """

    logits: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def usable(self) -> bool:
        """Whether all probabilities and losses are numbers: infinite logits, or such differences, give none."""
        with np.errstate(invalid="ignore", over="ignore"):
            return bool(np.isfinite(self.logits - self.logits.max(1, keepdims=True)).all())

    @cached_property
    def predicted(self) -> np.ndarray:
        """The predicted class, the one with the largest logit, `(n,) int64`."""
        return self.logits.argmax(1)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether the predicted class is the true one, `(n,) bool`."""
        return self.predicted == self.labels

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, `(n, 10) float32`."""
        exponentials = np.exp(self.logits - self.logits.max(1, keepdims=True))
        return exponentials / exponentials.sum(1, keepdims=True)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, `(n,) float32`, 0.1 to 1."""
        return self.probabilities.max(1)

    @cached_property
    def margin(self) -> np.ndarray:
        """The probability of the predicted class minus that of the second most probable one, `(n,)`, 0 to 1."""
        first_two = np.partition(self.probabilities, -2, axis=1)[:, -2:]
        return first_two[:, 1] - first_two[:, 0]

    @property
    def boundary_distance(self) -> np.ndarray:
        """How far the largest logit lies above that of the true class, `(n,)`.

        Where the prediction is right: above the second largest.
        """
        top = self.logits.max(1)
        rival = np.take_along_axis(self.logits, self.labels[:, None].astype(int), 1)[:, 0]
        return top - np.where(self.right, np.partition(self.logits, -2, axis=1)[:, -2], rival)

    @property
    def accuracy(self) -> float:
        """The share of images whose predicted class is the true one, 0 to 1."""
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
    """The network's predictions for all images of a split, in evaluation mode.

    Args:
        network: the network; afterwards in the mode (training or evaluation) in which it came.
        split: images and labels.
        precision: "fp32", or "bf16" for mixed precision.
    """
    batches = predict_batches(network, split.images, precision=precision)
    return Predictions(np.concatenate([logits for logits, _ in batches]), split.labels)


def predict_batches(
    network: Network, images: np.ndarray, with_features: int = 0, precision: str = "fp32"
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """As `predict`, one batch at a time, so that a caller can act in between.

    Args:
        network: the network; between batches in the mode in which it came.
        images: (n, 28, 28) uint8.
        with_features: how many images, from the first, to give features of.
        precision: "fp32", or "bf16" for mixed precision.

    Yields:
        Logits of the next images, (batch, 10) float32, and the features of those among the first `with_features`,
        (batch or fewer, width) float32, or None where there are none.
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


def order_images(predictions: Predictions, positions: np.ndarray, by: ImageOrder) -> np.ndarray:
    """Positions of images in the order in which a page shows them; equal ones keep their order.

    Args:
        predictions: for all images.
        positions: (k,) int; those to sort.
        by: "confidence" or "margin", the largest first; "boundary", the smallest distance first; "number", unchanged.

    Returns:
        (k,) int.
    """
    if by == "number":
        return positions
    key = {"confidence": -predictions.confidence, "margin": -predictions.margin}.get(by)
    chosen = (predictions.boundary_distance if key is None else key)[positions]
    return positions[np.argsort(chosen, kind="stable")]


def top_k_accuracy(predictions: Predictions, k: int) -> float:
    """The share of images whose true class is among the `k` most probable classes, 0 to 1."""
    best = np.argpartition(-predictions.logits, k - 1, axis=1)[:, :k]
    return float((best == predictions.labels[:, None]).any(1).mean())


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram: images in bins of equal width by confidence, without the empty bins. All `(bins,)`."""

    confidence: np.ndarray  # the mean confidence of the bin's images, 0 to 1
    accuracy: np.ndarray  # the share of them that is right, 0 to 1
    counts: np.ndarray  # how many they are

    @property
    def error(self) -> float:
        """The expected calibration error (Guo et al. 2017, equation 3), 0 to 1; 0 is perfectly calibrated."""
        return float(np.abs(self.accuracy - self.confidence) @ self.counts / self.counts.sum())


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """How often predictions of each confidence are right: the reliability diagram (Guo et al. 2017, section 2).

    >>> sure, right = np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False])
    >>> found = calibration(sure, right, bins=10)
    >>> found.accuracy.tolist(), round(found.error, 2)  # 90 % sure, but right in 75 % of the cases
    ([0.75], 0.15)

    Args:
        confidence: (n,) float; the probability of the predicted class, 0 to 1.
        right: (n,) bool; whether that class is the true one.
        bins: how many of equal width there are between 0 and 1.
    """
    confidence = confidence.astype(float)
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are open below, closed above
    counts = np.bincount(number, minlength=bins)
    there = counts > 0
    sums = [np.bincount(number, weights, bins)[there] for weights in (confidence, right)]
    return Calibration(sums[0] / counts[there], sums[1] / counts[there], counts[there])


def coverage_curve(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The accuracy of the k most confident predictions, for each k (the accuracy-coverage curve).

    Args:
        predictions: of n images.

    Returns:
        Coverage, (n,) float: the share k / n of images that get an answer; and the accuracy on those, (n,) float.
    """
    right = predictions.right[np.argsort(-predictions.confidence, kind="stable")]
    answered = np.arange(1, len(right) + 1)
    return answered / len(right), np.cumsum(right) / answered


def coverage_at(predictions: Predictions, accuracy: float) -> float:
    """The largest coverage at which the accuracy is at least `accuracy`, both 0 to 1; 0 where it never is."""
    coverage, reached = coverage_curve(predictions)
    enough = np.flatnonzero(reached >= accuracy)
    return float(coverage[enough[-1]]) if len(enough) else 0.0


def learnt_and_forgotten(before: Predictions, after: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Images that a network has learnt and that it has forgotten between two points of a training.

    Args:
        before: predictions at the earlier point.
        after: predictions for the same images at the later one.

    Returns:
        Positions of those that were wrong and are right now, and of those that were right and are wrong now: the
        forgetting events of Toneva et al. 2019.
    """
    return np.flatnonzero(~before.right & after.right), np.flatnonzero(before.right & ~after.right)


def find_overfitting(train_loss: list[float], validation_loss: list[float]) -> int | None:
    """The epoch, from 0, after which a training overfits: validation loss rises while training loss falls.

    >>> find_overfitting([0.5, 0.4, 0.3, 0.2], [0.45, 0.40, 0.42, 0.47])
    1

    Args:
        train_loss: after each epoch.
        validation_loss: after each epoch, as many.

    Returns:
        The epoch with the lowest validation loss, if at least two follow it, the last with a validation loss more
        than 2 % above it and a lower training loss; else None.
    """
    if len(validation_loss) < 3:
        return None
    lowest = int(np.argmin(validation_loss))
    after = len(validation_loss) - 1 - lowest
    rising = validation_loss[-1] > 1.02 * validation_loss[lowest] and train_loss[-1] < train_loss[lowest]
    return lowest if after >= 2 and rising else None
