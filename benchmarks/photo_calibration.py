"""How firmly the biases of `scoring.fit_calibration` should be held near zero, by people left out of the fit.

    .venv/bin/python -m benchmarks.photo_calibration FOLDER [--run photo] [--rounds 4]

FOLDER has a labels.csv (docs/cli.md). Only the people whom `train-photos` holds out are looked at: in turn a sixth
of them is predicted with a calibration that was fitted to the others.
"""

import argparse
from pathlib import Path

import numpy as np

from fmexplore.machine import prepare_process

prepare_process(trains=False)

from fmexplore.analysis.photos import classify_photos  # noqa: E402
from fmexplore.photos import scoring  # noqa: E402
from fmexplore.photos.labelled import LabelledPhoto, hold_out, read_folder  # noqa: E402
from fmexplore.photos.scoring import PhotoFit, calibrate, classify, counted, fit_calibration, score  # noqa: E402
from fmexplore.runs.store import RunStore  # noqa: E402
from fmexplore.settings import read_settings  # noqa: E402

FIRMNESS = (1000, 1, 0.1, 0.03, 0.01, 0.003)  # 1000: no bias, only a temperature
FOLDS = 6


def left_out(logits: np.ndarray, photos: list[LabelledPhoto], rng: np.random.Generator) -> np.ndarray:
    """Calibrated logits of each photo, by a fit that has not seen its sender."""
    senders = sorted({photo.sender for photo in photos})
    fold_of = dict(zip(senders, rng.integers(0, FOLDS, len(senders)), strict=True))
    folds = np.array([fold_of[photo.sender] for photo in photos])
    found = np.zeros(logits.shape)
    for fold in range(FOLDS):
        others = [photo for photo, each in zip(photos, folds, strict=True) if each != fold]
        temperature, bias = fit_calibration(logits[folds != fold], others)
        found[folds == fold] = calibrate(logits[folds == fold], PhotoFit(temperature=temperature, bias=bias))
    return found


def loss(logits: np.ndarray, photos: list[LabelledPhoto]) -> float:
    """Mean negative log-likelihood of the labels of clothes, in nats."""
    known = [number for number, photo in enumerate(photos) if photo.known]
    found = logits[known]
    right = np.array([[label in counted(photos[number]) for label in range(10)] for number in known])
    likelihood = np.logaddexp.reduce(np.where(right, found, -np.inf), axis=1) - np.logaddexp.reduce(found, axis=1)
    return float(-likelihood.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", default="photo")
    parser.add_argument("--rounds", type=int, default=4, help="of dividing the people anew")
    options = parser.parse_args()
    photos = read_folder(options.folder)
    photos = [photo for photo, out in zip(photos, hold_out(photos), strict=True) if out]
    logits, _ = classify_photos(RunStore(read_settings()).find(options.run), photos)
    print("| held near zero by | right | defensible | ECE | loss |\n|---|---|---|---|---|")
    for firmness in FIRMNESS:
        scoring.NEAR_ZERO = firmness
        rng, rows = np.random.default_rng(0), []
        for _ in range(options.rounds):
            calibrated = left_out(logits, photos, rng)
            found = score(photos, classify(calibrated, PhotoFit()))
            rows.append((found.top1, found.lenient, found.error, loss(calibrated, photos)))
        top1, lenient, error, nats = np.mean(rows, axis=0)
        print(f"| {firmness:g} | {top1:.1%} | {lenient:.1%} | {error:.3f} | {nats:.3f} |")


if __name__ == "__main__":
    main()
