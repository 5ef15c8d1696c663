"""What is said of a photo in the end, and how good that is on labelled ones. Arrays only.

Logits of a photo are made calibrated probabilities, and a score of how little it looks like any of the ten classes.
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
COVERAGE = 0.95  # of the photos of clothes get an answer; the others are called unsure
TEMPERATURES = (0.1, 10.0)
NEAR_ZERO = 0.01  # how firmly biases are held there; the likeliest for people who were left out of the fit
FEWEST = 30  # photos that a group needs to count in the mean of the groups


class PhotoFit(Schema):
    """What a run knows of photos besides its weights; the default is for one that never saw any."""

    temperature: float = Field(1.0, gt=0)  # logits are divided by it (Guo et al. 2017)
    bias: Annotated[tuple[float, ...], Field(min_length=10, max_length=10)] = (0.0,) * 10  # then added to them
    unsure_above: float | None = None  # of the score of `classify`; None: less than an even chance is unsure
    photos: int = Field(0, ge=0)  # that it learnt from
    source: str = ""  # where they come from, for its card


@dataclass(frozen=True)
class PhotoPredictions:
    """Of n photos: `probabilities (n, 10)`, `ood_score (n,)`, high for what is none of the ten, `unsure (n,) bool`."""

    probabilities: np.ndarray
    ood_score: np.ndarray
    unsure: np.ndarray


def classify(logits: np.ndarray, fit: PhotoFit) -> PhotoPredictions:
    """Predictions for photos from logits `(n, 10)`.

    The score is how flat the logits are, minus their standard deviation, where the run has learnt to leave them flat
    (outlier exposure, Hendrycks et al. 2019); else what is missing to full confidence.
    """
    probabilities = _softmax(calibrate(logits, fit))
    if fit.unsure_above is None:
        score = 1 - probabilities.max(1)
        return PhotoPredictions(probabilities, score, score > 0.5)
    score = -logits.std(1)
    return PhotoPredictions(probabilities, score, score > fit.unsure_above)


def calibrate(logits: np.ndarray, fit: PhotoFit) -> np.ndarray:
    """Logits `(n, 10)` whose softmax is the chance to be right."""
    return logits.astype(float) / fit.temperature + np.array(fit.bias)


def fit_calibration(logits: np.ndarray, photos: Sequence[LabelledPhoto]) -> tuple[float, tuple[float, ...]]:
    """The likeliest temperature and bias of the classes, for photos of clothes (Alexandari et al. 2020, BCTS).

    The bias says how much more often photos show a class than the data set does; it is held near zero, as a few hundred
    photos show some classes rarely or never.
    """
    from scipy.optimize import minimize

    known = [number for number, photo in enumerate(photos) if photo.known]
    scaled = logits[known].astype(float)
    right = np.array([[label in counted(photos[number]) for label in range(len(CLASS_NAMES))] for number in known])

    def cost(values: np.ndarray) -> float:
        said = scaled / np.exp(values[0]) + values[1:]
        likelihood = np.logaddexp.reduce(np.where(right, said, -np.inf), axis=1) - np.logaddexp.reduce(said, axis=1)
        return float(-likelihood.mean() + NEAR_ZERO * (values[1:] ** 2).sum())

    limits = [np.log(TEMPERATURES), *[(-5.0, 5.0)] * len(CLASS_NAMES)]
    found = minimize(cost, np.zeros(1 + len(CLASS_NAMES)), method="L-BFGS-B", bounds=limits).x
    return float(np.exp(found[0])), tuple(float(value) for value in found[1:])


def fit_photos(logits: np.ndarray, photos: Sequence[LabelledPhoto], learnt: int, source: str) -> PhotoFit:
    """What held-out photos say of a run that learnt from `learnt` others."""
    temperature, bias = fit_calibration(logits, photos)
    fit = PhotoFit(temperature=temperature, bias=bias, unsure_above=0.0, photos=learnt, source=source)
    return fit.replace(unsure_above=unsure_threshold(classify(logits, fit).ood_score, photos))


def unsure_threshold(ood_score: np.ndarray, photos: Sequence[LabelledPhoto], coverage: float = COVERAGE) -> float:
    """The score above which a verdict is unsure, so that `coverage` of the clothes get an answer."""
    return float(np.quantile(ood_score[[photo.known for photo in photos]], coverage))


def counted(photo: LabelledPhoto) -> frozenset[int]:
    """The labels that count as right: pairs of shoes from above do not show which of the three they are."""
    return photo.labels | SHOES if photo.labels & SHOES else photo.labels


@dataclass(frozen=True)
class Score:
    """How good verdicts are on labelled photos; shares from 0 to 1, None where no photo says it."""

    photos: int  # of clothes
    others: int  # of what is none of the ten
    top1: float  # strict; the three kinds of shoes count as one
    lenient: float  # labels that are also defensible count too
    macro: float  # mean of the groups with 30 photos or more
    error: float  # expected calibration error
    sure_half: float  # right among the half that it is most sure of
    auroc: float | None  # of the score, clothes against the others
    answered: float  # share of clothes that are not called unsure
    refused: float | None  # share of the others that are
    groups: dict[str, tuple[float, int]]  # right, and how many


def score(photos: Sequence[LabelledPhoto], verdicts: PhotoPredictions) -> Score:
    """Score verdicts on the photos, in the same order, at least one of which shows clothes."""
    known = np.array([photo.known for photo in photos])
    clothes = [photo for photo in photos if photo.known]
    probabilities = verdicts.probabilities[known]
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    right = np.array([said in counted(photo) for said, photo in zip(predicted, clothes, strict=True)])
    lenient = np.array([said in counted(p) | p.lenient for said, p in zip(predicted, clothes, strict=True)])
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
        auroc=_auroc(verdicts.ood_score, ~known),
        answered=float(1 - verdicts.unsure[known].mean()),
        refused=float(verdicts.unsure[~known].mean()) if (~known).any() else None,
        groups=groups,
    )


def group(photo: LabelledPhoto) -> str:
    """The class of a photo of clothes, all shoes being one."""
    return "Shoes" if photo.labels & SHOES else CLASS_NAMES[min(photo.labels)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


def _auroc(values: np.ndarray, positive: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, values)) if positive.any() else None
