"""Predictions of a network, and the figures computed from them. Knows modules and arrays, never a run or a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmexplore.data import CLASS_NAMES, Split

if TYPE_CHECKING:
    from fmexplore.networks import Network

BATCH = 500  # one batch of 10,000 would take 2.5 GB and four times as long


@dataclass(frozen=True)
class Predictions:
    """Logits `(n, 10) float32` and labels `(n,) uint8` of the same images."""

    logits: np.ndarray
    labels: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, `(n,)`."""
        return self.logits.argmax(1)

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.labels).mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        shifted = self.logits - self.logits.max(1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return float(-log_probability[np.arange(len(self.labels)), self.labels].mean())


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

    from fmexplore.networks import to_input

    was_training, device = network.training, next(network.parameters()).device
    for start in range(0, len(images), BATCH):
        batch = torch.tensor(images[start : start + BATCH], device=device)
        network.eval()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, precision == "bf16"):
            logits, features = network.logits_and_features(to_input(batch))
        network.train(was_training)
        wanted = max(0, min(with_features - start, len(logits)))
        yield logits.float().cpu().numpy(), features[:wanted].float().cpu().numpy() if wanted else None


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts `(10, 10)`; rows are true classes, columns predicted ones."""
    classes = len(CLASS_NAMES)
    flat = labels.astype(np.int64) * classes + predicted
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def class_report(matrix: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class of a confusion matrix; 0 where nothing can be divided."""
    hits = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(1), matrix.sum(0)

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.divide(part, whole, out=np.zeros(len(hits)), where=whole > 0)

    columns = zip(share(hits, predicted), share(hits, support), share(2 * hits, support + predicted), support)
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, (p, r, f, s) in zip(CLASS_NAMES, columns, strict=True)
    ]


def accuracy_interval(right: int, total: int) -> tuple[float, float]:
    """95 % Wilson score interval of an accuracy, as fractions."""
    from scipy.stats import binomtest

    interval = binomtest(right, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


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
