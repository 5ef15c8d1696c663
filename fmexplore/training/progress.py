"""What a training yields while it runs. Knows arrays and not torch, so that importing it is fast."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from fmexplore.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Snapshot:
    """The network at one step of a run: its predictions for the validation images, and features of the first ones.

    `weights` are those of its state by name, float16 (counters as they are), empty where they would take too much room.
    """

    step: int
    epoch: float
    digest: str  # SHA-256 of the weights
    logits: np.ndarray  # (n, 10) float16
    labels: np.ndarray  # (n,) uint8
    features: np.ndarray  # (min(n, 2000), width) float16
    weights: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """What has happened in a training since the last Progress; metrics that were not measured are None.

    Its `kind` says what was measured. "step": nothing, a batch or a part of an evaluation is done. "report": the
    training metrics since the last report, sometimes with those of a few validation images. "epoch": the means over
    the epoch and the metrics of all validation images. "snapshot": the same in the middle of an epoch. "end": the
    metrics of the final weights on the validation images and, this once, on the test images.
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
