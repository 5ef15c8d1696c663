"""The results that the papers print, and the accuracies that others have reached. Facts only.

Accuracies are in percent, as printed; losses in nats.
"""

from dataclasses import dataclass, field
from typing import Literal

Measure = Literal["train_accuracy", "validation_accuracy", "test_accuracy", "train_loss", "validation_loss"]
MEASURES: dict[Measure, str] = {
    "train_accuracy": "Training accuracy",
    "validation_accuracy": "Validation accuracy",
    "test_accuracy": "Test accuracy",
    "train_loss": "Training loss",
    "validation_loss": "Validation loss",
}


@dataclass(frozen=True)
class PublishedReport:
    """A classification report as a paper prints it: one value from 0 to 1, with two digits, for each class."""

    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]


@dataclass(frozen=True)
class PublishedResults:
    """The results that a paper prints for a system."""

    metrics: dict[Measure, float] = field(default_factory=dict)
    report: PublishedReport | None = None
    matrix: tuple[tuple[int, ...], ...] | None = None  # rows are true classes


PRINTED: dict[str, PublishedResults] = {
    "codered-base": PublishedResults({"train_accuracy": 99.28, "validation_accuracy": 91.15, "test_accuracy": 91.14}),
    "codered-final": PublishedResults(
        {"train_accuracy": 93.09, "validation_accuracy": 91.68, "test_accuracy": 91.68},
        PublishedReport(
            (0.88, 0.99, 0.84, 0.91, 0.90, 0.99, 0.75, 0.96, 0.98, 0.97),
            (0.84, 0.98, 0.89, 0.93, 0.86, 0.98, 0.77, 0.97, 0.97, 0.97),
            (0.86, 0.99, 0.87, 0.92, 0.88, 0.98, 0.76, 0.97, 0.98, 0.97),
        ),
        (
            (845, 0, 22, 23, 1, 2, 102, 0, 5, 0),
            (0, 984, 0, 10, 1, 0, 4, 0, 1, 0),
            (15, 0, 890, 7, 32, 0, 56, 0, 0, 0),
            (8, 3, 8, 931, 25, 0, 24, 0, 1, 0),
            (0, 1, 51, 25, 857, 0, 66, 0, 0, 0),
            (0, 0, 0, 0, 0, 980, 0, 11, 0, 9),
            (87, 2, 75, 21, 38, 0, 769, 0, 8, 0),
            (0, 0, 0, 0, 0, 5, 0, 974, 0, 21),
            (1, 0, 9, 2, 2, 2, 11, 3, 968, 2),
            (0, 0, 0, 0, 0, 4, 0, 26, 0, 970),
        ),
    ),
    "team4-cnn": PublishedResults(
        {"test_accuracy": 92},
        PublishedReport(
            (0.83, 0.99, 0.86, 0.91, 0.86, 0.99, 0.81, 0.95, 0.98, 0.98),
            (0.90, 0.98, 0.89, 0.92, 0.87, 0.97, 0.71, 0.98, 0.98, 0.96),
            (0.87, 0.98, 0.87, 0.92, 0.87, 0.98, 0.76, 0.97, 0.98, 0.97),
        ),
    ),
    "team4-ann": PublishedResults(
        {"test_accuracy": 88},
        PublishedReport(
            (0.85, 0.99, 0.80, 0.84, 0.78, 0.95, 0.71, 0.91, 0.96, 0.97),
            (0.79, 0.96, 0.78, 0.91, 0.82, 0.95, 0.69, 0.97, 0.97, 0.91),
            (0.82, 0.98, 0.79, 0.87, 0.80, 0.95, 0.70, 0.94, 0.97, 0.94),
        ),
    ),
    "venkatesh-initial": PublishedResults(
        {"train_accuracy": 98, "validation_accuracy": 91, "train_loss": 0.05, "validation_loss": 0.4078}
    ),
    "venkatesh-optimised": PublishedResults(
        {"train_accuracy": 89.5, "validation_accuracy": 88.96, "train_loss": 0.2814, "validation_loss": 0.2981}
    ),
    "patel-basic": PublishedResults({"train_accuracy": 91, "test_accuracy": 88}),
    "patel-cnn-32": PublishedResults({"train_accuracy": 98, "test_accuracy": 91}),
    "patel-cnn-64": PublishedResults({"train_accuracy": 97, "test_accuracy": 92}),
    "patel-cnn-128": PublishedResults({"train_accuracy": 95, "test_accuracy": 93}),
    "patel-final": PublishedResults({"test_accuracy": 93.4}),
}


@dataclass(frozen=True)
class Mark:
    """The test accuracy, in percent, that somebody else has published; with the parameters where they are given."""

    name: str
    accuracy: float
    source: str
    parameters: int | None = None


_README = "README of zalandoresearch/fashion-mnist, submitted there"
HUMAN = Mark(
    "Human accuracy: crowd-sourced, 1,000 test images, majority of three",
    83.5,
    "README of zalandoresearch/fashion-mnist",
)
MARKS = (
    Mark("2 convolutions, under 100,000 parameters", 92.5, _README, 100_000),
    Mark("2 convolutions, 3 dense layers", 93.2, _README, 1_800_000),
    Mark("VGG16", 93.5, _README, 26_000_000),
    Mark("ResNet18", 94.9, _README),
    Mark("MobileNet", 95.0, _README),
    Mark("DenseNet-BC", 95.4, _README, 768_000),
    Mark("WRN-28-10", 95.99, "Zhong et al. 2017, Random Erasing Data Augmentation, arXiv 1708.04896"),
    Mark("WRN-28-10, random erasing", 96.35, "Zhong et al. 2017, arXiv 1708.04896"),
    Mark("WRN-40-4", 96.7, f"{_README}, not verified", 8_900_000),
    Mark(
        "DARTS, fine-tuned", 96.91, "Tanveer et al. 2020, Fine-Tuning DARTS for Image Classification, arXiv 2006.09042"
    ),
)
