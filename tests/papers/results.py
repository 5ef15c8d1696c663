"""Trainings and reproductions as they would be stored, made without training."""

import numpy as np

from fmexplore.papers.reproduction import PUBLISHED, ChangedImages, Epoch, Reproduction, Training, Trainings, plan
from fmexplore.robustness.changes import CHANGES


def epoch(test=0.9, train=0.95, seen=0.96, **changes):
    losses = {"train_loss": 0.2, "seen_loss": 0.15, "test_loss": 0.3}
    return Epoch(train_accuracy=train, seen_accuracy=seen, test_accuracy=test, **{**losses, **changes})


def training(*epochs, seed=0, kept=None, confusion=None):
    matrix = np.diag([900] * 10) + 100 * np.roll(np.eye(10, dtype=int), 1, 1) if confusion is None else confusion
    return Training(
        seed=seed,
        date="2026-01-01",
        command="a command",
        device="cpu",
        processor="a processor",
        cores=2,
        others=0.0,
        threads=2,
        precision="fp32",
        versions={"torch": "2"},
        seconds=60.0,
        epochs=epochs,
        kept=len(epochs) - 1 if kept is None else kept,
        confusion=tuple(map(tuple, np.array(matrix).tolist())),
    )


def reproduction(system, *trainings, **others):
    variants = {PUBLISHED: trainings, **others}
    config = plan("patel-basic")[PUBLISHED].config
    return Reproduction(
        system=system,
        variants={name: Trainings(config=config, trainings=found) for name, found in variants.items() if found},
    )


def changed_images(clean, middle, images=2000):
    """Of so many images `clean` are right unchanged, and of each change as many as `middle` says, or none."""
    right = {name: (middle.get(name, 0),) * len(change.amounts) for name, change in CHANGES.items()}
    return ChangedImages(
        config=plan("patel-basic")[PUBLISHED].config,
        date="2026-01-01",
        command="a command",
        versions={"torch": "2"},
        changes=1,
        test_accuracy=clean / images,
        images=images,
        right={"clean": (clean,), **right},
    )
