"""Predictions for photos: calibrated probabilities, "unsure", and how good both are on labelled photos. Arrays only.

A photo is called unsure where its score says that it shows none of the ten classes (out-of-distribution detection).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from fmexplore.data.fashion_mnist import CLASS_NAMES, GROUPS
from fmexplore.evaluation.predictions import calibration
from fmexplore.photos.labelled import LabelledPhoto
from fmexplore.schema import Schema

SHOES = frozenset(GROUPS["shoes"])
COVERAGE = 0.95  # share of the photos of clothes that get an answer; the others are called unsure
TEMPERATURES = (0.1, 10.0)
NEAR_ZERO = 0.01  # weight of the penalty on biases; best for people whose photos were left out of the fit
FEWEST = 30  # photos that a group needs to count in the mean of the groups


Bias = Annotated[float, Field(ge=-1e3, le=1e3)]


class PhotoFit(Schema):
    """The calibration of a run for photos; the default is for a run that was not trained on any."""

    temperature: float = Field(1.0, ge=1e-3, le=1e3)  # logits are divided by it (Guo et al. 2017)
    bias: Annotated[tuple[Bias, ...], Field(min_length=10, max_length=10)] = (0.0,) * 10  # then added to them
    unsure_above: float | None = None  # threshold of `ood_score`; None: unsure below a probability of 50 %
    photos: int = Field(0, ge=0, le=10**9)  # that the run was trained on
    source: str = Field("", max_length=10_000)  # where they come from, for its card


@dataclass(frozen=True)
class PhotoPredictions:
    """Predictions for n photos."""

    probabilities: np.ndarray  # (n, 10) float, calibrated
    ood_score: np.ndarray  # (n,) float; high where a photo shows none of the ten classes
    unsure: np.ndarray  # (n,) bool


def classify(logits: np.ndarray, fit: PhotoFit) -> PhotoPredictions:
    """Calibrated predictions for photos.

    >>> found = classify(np.array([[4.0] + [0.0] * 9, [0.0] * 10]), PhotoFit())
    >>> found.probabilities[0].argmax().item(), found.unsure.tolist()
    (0, [False, True])

    Args:
        logits: (n, 10) float; of a network.
        fit: the calibration of the run. If it was trained to give flat logits for what is none of the ten classes
            (outlier exposure, Hendrycks et al. 2019), the score is minus their standard deviation; else it is one
            minus the confidence.
    """
    probabilities = _softmax(calibrate(logits, fit))
    if fit.unsure_above is None:
        score = 1 - probabilities.max(1)
        return PhotoPredictions(probabilities, score, score > 0.5)
    score = -logits.std(1)
    return PhotoPredictions(probabilities, score, score > fit.unsure_above)


def calibrate(logits: np.ndarray, fit: PhotoFit) -> np.ndarray:
    """Logits `(n, 10)` divided by the temperature, plus the bias: their softmax is calibrated."""
    return logits.astype(float) / fit.temperature + np.array(fit.bias)


def fit_calibration(logits: np.ndarray, photos: Sequence[LabelledPhoto]) -> tuple[float, tuple[float, ...]]:
    """Bias-corrected temperature scaling (Alexandari et al. 2020): the most likely temperature and biases.

    The biases make up for classes that are more or less frequent among photos than in the data set. A penalty holds
    them near zero, as a few hundred photos show some classes rarely or never.

    Args:
        logits: (n, 10) float.
        photos: n labelled photos that the run was not trained on; only those of clothes count.

    Returns:
        The temperature, and ten biases.
    """
    from scipy.optimize import minimize

    known = [number for number, photo in enumerate(photos) if photo.known]
    scaled = logits[known].astype(float)
    right = np.array([[label in counted(photos[number]) for label in range(len(CLASS_NAMES))] for number in known])

    def cost(values: np.ndarray) -> float:
        calibrated = scaled / np.exp(values[0]) + values[1:]
        likelihood = np.logaddexp.reduce(np.where(right, calibrated, -np.inf), axis=1)
        likelihood -= np.logaddexp.reduce(calibrated, axis=1)
        return float(-likelihood.mean() + NEAR_ZERO * (values[1:] ** 2).sum())

    limits = [np.log(TEMPERATURES), *[(-5.0, 5.0)] * len(CLASS_NAMES)]
    found = minimize(cost, np.zeros(1 + len(CLASS_NAMES)), method="L-BFGS-B", bounds=limits).x
    return float(np.exp(found[0])), tuple(float(value) for value in found[1:])


def fit_photos(logits: np.ndarray, photos: Sequence[LabelledPhoto], learnt: int, source: str) -> PhotoFit:
    """The calibration of a run, from photos that were held out of its training.

    Args:
        logits: (n, 10) float; for the held-out photos.
        photos: the n photos.
        learnt: how many photos the run was trained on.
        source: where they come from.
    """
    temperature, bias = fit_calibration(logits, photos)
    fit = PhotoFit(temperature=temperature, bias=bias, unsure_above=0.0, photos=learnt, source=source)
    return fit.replace(unsure_above=unsure_threshold(classify(logits, fit).ood_score, photos))


def unsure_threshold(ood_score: np.ndarray, photos: Sequence[LabelledPhoto], coverage: float = COVERAGE) -> float:
    """The threshold of the score `(n,)` at which a share `coverage` of the photos of clothes gets an answer."""
    return float(np.quantile(ood_score[[photo.known for photo in photos]], coverage))


def counted(photo: LabelledPhoto) -> frozenset[int]:
    """The labels that count as right: for any kind of shoe all three, which photos from above do not tell apart."""
    return photo.labels | SHOES if photo.labels & SHOES else photo.labels


@dataclass(frozen=True)
class Score:
    """How good predictions are on labelled photos; shares from 0 to 1, None where there are no photos to tell."""

    photos: int  # of clothes
    others: int  # of what is none of the ten
    top1: float  # accuracy; the three kinds of shoes count as one
    lenient: float  # accuracy where labels that are also defensible count too
    macro: float  # mean accuracy of the groups with 30 photos or more
    error: float  # expected calibration error
    sure_half: float  # accuracy on the more confident half
    auroc: float | None  # area under the ROC curve of the score, for telling the others from clothes
    answered: float  # share of the clothes that are not called unsure
    refused: float | None  # share of the others that are called unsure
    groups: dict[str, tuple[float, int]]  # accuracy, and how many photos


def score(photos: Sequence[LabelledPhoto], predictions: PhotoPredictions) -> Score:
    """Measure predictions on labelled photos, in the same order; at least one must show clothes."""
    known = np.array([photo.known for photo in photos])
    clothes = [photo for photo in photos if photo.known]
    probabilities = predictions.probabilities[known]
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    right = np.array([label in counted(photo) for label, photo in zip(predicted, clothes, strict=True)])
    lenient = np.array([label in counted(p) | p.lenient for label, p in zip(predicted, clothes, strict=True)])
    names = np.array([group(photo) for photo in clothes])
    groups = {name: (float(right[names == name].mean()), int((names == name).sum())) for name in sorted(set(names))}
    large = [share for share, count in groups.values() if count >= FEWEST] or [share for share, _ in groups.values()]
    surest = np.argsort(-confidence, kind="stable")[: max(1, len(clothes) // 2)]
    return Score(
        photos=len(clothes),
        others=int((~known).sum()),
        top1=float(right.mean()),
        lenient=float(lenient.mean()),
        macro=float(np.mean(large)),
        error=calibration(confidence, right).error,
        sure_half=float(right[surest].mean()),
        auroc=_auroc(predictions.ood_score, ~known),
        answered=float(1 - predictions.unsure[known].mean()),
        refused=float(predictions.unsure[~known].mean()) if (~known).any() else None,
        groups=groups,
    )


def group(photo: LabelledPhoto) -> str:
    """The name of the class of a photo of clothes, "Shoes" for all shoes."""
    return "Shoes" if photo.labels & SHOES else CLASS_NAMES[min(photo.labels)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


def _auroc(values: np.ndarray, positive: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, values)) if positive.any() else None
