"""What a training yields while it runs. Knows arrays, not torch, so that any reader can import it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fmexplore.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Snapshot:
    """The network at one point of a run: predictions for the validation images and features of the first of them."""

    step: int
    epoch: float
    digest: str  # SHA-256 of the weights
    logits: np.ndarray  # (n, 10) float16
    labels: np.ndarray  # (n,) uint8
    features: np.ndarray  # (min(n, 2000), width) float16


@dataclass(frozen=True)
class Progress:
    """What has happened since the last one.

    `step`: one batch or part of an evaluation, without figures. `report`: figures since the last report, and often
    of a few validation images. `epoch`: running means of the epoch and all validation images. `snapshot`: all
    validation images at another point. `end`: the same of the returned weights, and the test set, once.
    """

    kind: Literal["step", "report", "epoch", "snapshot", "end"]
    step: int
    steps: int
    epoch: float
    seconds: float
    images_per_second: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    predictions: Predictions | None = None  # of all validation images
    test_predictions: Predictions | None = None
    snapshot: Snapshot | None = None
