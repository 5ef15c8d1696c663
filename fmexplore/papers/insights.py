"""What the reproductions teach beside the claims: what peeking gains, what remedies cost, where everybody stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.models.table import flops, parameters, summarize
from fmexplore.papers.reproduction import (
    HONEST,
    PUBLISHED,
    REMEDIES,
    Reproduction,
    Training,
    least_disturbed,
    plan,
    remedy_variants,
    systems,
)
from fmexplore.papers.verdicts import Spread, spread_of
from fmexplore.training.presets import find_preset
from fmexplore.training.published import SYSTEMS

Find = Callable[[str], Reproduction]


@dataclass(frozen=True)
class Peeking:
    """What choosing the epoch by the test set gains, in points, over choosing it by validation images."""

    system: str
    gain: Spread
    best: Spread  # test accuracy of the epoch that the test set chooses, in percent
    chosen: Spread  # of the one that validation images choose
    validation_images: int


@dataclass(frozen=True)
class Remedy:
    """What one thing against overfitting does: test accuracy, and the gap between training images and held-out ones."""

    name: str
    about: str
    accuracy: Spread  # percent of test images
    gap: Spread  # points


@dataclass(frozen=True)
class Network:
    """A network that was trained here: where it stands among others."""

    name: str
    parameters: int
    flops: int
    accuracy: Spread
    minutes: float


def peeking(find: Find) -> list[Peeking]:
    """Of each system that was trained with validation images of its own and looked at the test set beside them."""
    found = []
    for system in SYSTEMS:
        variant = HONEST if system.training.peeks else PUBLISHED
        known = find(system.id).variants.get(variant)
        if known is None or not known.trainings:
            continue
        best, chosen = [], []
        for training in known.trainings:
            tests = [100 * epoch.test_accuracy for epoch in training.epochs]
            held_out = [epoch.validation_accuracy or 0 for epoch in training.epochs]
            best.append(max(tests))
            chosen.append(tests[int(np.argmax(held_out))])
        images = round(known.config.training.validation_share * 60_000)
        gain = spread_of([high - low for high, low in zip(best, chosen, strict=True)], "points")
        found.append(Peeking(system.id, gain, spread_of(best), spread_of(chosen), images))
    return found


def remedies(find: Find) -> list[Remedy]:
    """The base network first, then with each remedy, as far as they were trained."""
    known = find(REMEDIES).variants
    tried = remedy_variants(plan(REMEDIES)[HONEST].config)
    wanted = [(HONEST, "none", "no remedy"), *((name, name, variant.about) for name, variant in tried.items())]
    return [
        _remedy(name, about, known[key].trainings)
        for key, name, about in wanted
        if key in known and known[key].trainings
    ]


def published_pair(find: Find) -> list[Remedy]:
    """The network that a paper began with, and the one with all of its remedies."""
    names = (("venkatesh-initial", "initial"), ("venkatesh-optimised", "dropout, augmentation, early stopping"))
    trained = [(name, about, find(name).variants.get(PUBLISHED)) for name, about in names]
    return [_remedy(name, about, known.trainings) for name, about, known in trained if known and known.trainings]


def _remedy(name: str, about: str, trainings: Sequence[Training]) -> Remedy:
    results = [each.result for each in trainings]
    gaps = [100 * (each.seen_accuracy - (each.validation_accuracy or each.test_accuracy)) for each in results]
    return Remedy(name, about, spread_of([100 * each.test_accuracy for each in results]), spread_of(gaps, "points"))


def networks(find: Find) -> list[Network]:
    """All that was reproduced, as published or, of the cited architectures, with the one recipe."""
    found = []
    for name in systems():
        known = find(name).variants.get(PUBLISHED)
        if known and known.trainings:
            rows = summarize(find_preset(name).model)
            accuracy = spread_of([100 * each.result.test_accuracy for each in known.trainings])
            minutes = least_disturbed(known.trainings).seconds / 60
            found.append(Network(name, parameters(rows), flops(rows), accuracy, minutes))
    return found
