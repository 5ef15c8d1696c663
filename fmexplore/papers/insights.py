"""What the reproductions show beyond single claims. Knows the stored trainings; trains nothing.

How much choosing the epoch on the test set gains, what each remedy against overfitting does, and how accurate networks
of different sizes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.models.table import flops, parameters, summarize
from fmexplore.papers.reproduction import (
    HONEST,
    PUBLISHED,
    REMEDIES,
    Find,
    Training,
    least_disturbed,
    plan,
    remedy_variants,
    systems,
)
from fmexplore.papers.verdicts import Spread, spread_of
from fmexplore.training.presets import find_preset
from fmexplore.training.published import SYSTEMS


@dataclass(frozen=True)
class Peeking:
    """How much test accuracy is gained by choosing the epoch on the test set instead of on validation images."""

    system: str
    gain: Spread  # percentage points
    best: Spread  # test accuracy of the epoch that is best on the test set, in percent
    chosen: Spread  # test accuracy of the epoch that is best on the validation images, in percent
    validation_images: int


@dataclass(frozen=True)
class Remedy:
    """The effect of one remedy against overfitting."""

    name: str
    about: str
    accuracy: Spread  # on the test images, in percent
    gap: Spread  # between the accuracy on training images and on held-out ones, in percentage points


@dataclass(frozen=True)
class Network:
    """The size and accuracy of a reproduced network."""

    name: str
    parameters: int
    flops: int
    accuracy: Spread  # on the test images, in percent
    minutes: float  # of training


def peeking(find: Find) -> list[Peeking]:
    """What choosing the epoch on the test set gains, for each system trained with separate validation images."""
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
    """The base network without a remedy, then with each remedy, as far as they were trained."""
    known = find(REMEDIES).variants
    tried = remedy_variants(plan(REMEDIES)[HONEST].config)
    wanted = [(HONEST, "none", "no remedy"), *((name, name, variant.about) for name, variant in tried.items())]
    return [
        _remedy(name, about, known[key].trainings)
        for key, name, about in wanted
        if key in known and known[key].trainings
    ]


def published_pair(find: Find) -> list[Remedy]:
    """The first network of a paper, and the one with all its remedies, as far as they were trained."""
    names = (("venkatesh-initial", "initial"), ("venkatesh-optimised", "dropout, augmentation, early stopping"))
    trained = [(name, about, find(name).variants.get(PUBLISHED)) for name, about in names]
    return [_remedy(name, about, known.trainings) for name, about, known in trained if known and known.trainings]


def _remedy(name: str, about: str, trainings: Sequence[Training]) -> Remedy:
    results = [each.result for each in trainings]
    gaps = [100 * (each.seen_accuracy - (each.validation_accuracy or each.test_accuracy)) for each in results]
    return Remedy(name, about, spread_of([100 * each.test_accuracy for each in results]), spread_of(gaps, "points"))


def networks(find: Find) -> list[Network]:
    """All reproduced networks: the papers' as published, the cited architectures with one common training."""
    found = []
    for name in systems():
        known = find(name).variants.get(PUBLISHED)
        if known and known.trainings:
            rows = summarize(find_preset(name).model)
            accuracy = spread_of([100 * each.result.test_accuracy for each in known.trainings])
            minutes = least_disturbed(known.trainings).seconds / 60
            found.append(Network(name, parameters(rows), flops(rows), accuracy, minutes))
    return found
