"""Whether one network is more accurate than another, and how sure that is. Knows arrays; no run folder or page.

The test compares two trained networks on the same images. It says nothing of how far the accuracy of the same training
varies with its seed: for that, see `seed_statistics`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.evaluation.confusion import Disagreement, Z, compare

LEVEL = 0.05  # of significance: a difference with a smaller p value is called significant


@dataclass(frozen=True)
class PairedComparison:
    """McNemar's test of a network against a reference network on the same images."""

    disagreement: Disagreement  # the reference comes first
    images: int
    p_value: float  # where several are tested, after Holm's correction

    @property
    def counts(self) -> tuple[int, int]:
        """How many images only the reference, and only the other network, classifies correctly."""
        return len(self.disagreement.first_right), len(self.disagreement.second_right)

    @property
    def significant(self) -> bool:
        """Whether the two accuracies differ significantly, at the 5 % level."""
        return self.p_value < LEVEL

    @property
    def gain(self) -> float:
        """The accuracy of the other network minus that of the reference, -1 to 1."""
        only_reference, only_other = self.counts
        return (only_other - only_reference) / self.images

    @property
    def margin(self) -> float:
        """Half the width of the 95 % confidence interval of the gain, for paired images (Agresti 2013, 11.1)."""
        decided = sum(self.counts) / self.images
        return Z * math.sqrt(max(0.0, decided - self.gain**2) / self.images)

    def sentence(self, reference: str, other: str) -> str:
        """The result in a sentence, with the names of the reference and of the other network."""
        only_reference, only_other = self.counts
        if only_reference == only_other:
            return "Both are right equally often."
        better = other if only_other > only_reference else reference
        if self.significant:
            return f"The difference is statistically significant ({say_p(self.p_value)}): {better} is better."
        return f"The difference is not statistically significant ({say_p(self.p_value)})."


def compare_accuracies(
    labels: np.ndarray, reference: np.ndarray, others: Sequence[np.ndarray]
) -> list[PairedComparison]:
    """McNemar's test of each network against a reference, with Holm's correction for testing several.

    >>> labels = np.zeros(100, int)
    >>> worse, better = labels.copy(), labels.copy()
    >>> worse[:20], better[:5] = 6, 6  # 20 and 5 shirts predicted where there are none
    >>> (found,) = compare_accuracies(labels, worse, [better])
    >>> found.gain, found.significant, say_p(found.p_value)
    (0.15, True, 'p < 0.0001')

    Args:
        labels: (n,) int; the true classes.
        reference: (n,) int; the classes that the reference predicts.
        others: for each other network the classes that it predicts for the same images, (n,) int.

    Returns:
        One comparison for each of `others`.
    """
    found = [compare(labels, reference, other) for other in others]
    p_values = correct_holm([each.p_value for each in found])
    return [PairedComparison(each, len(labels), p_value) for each, p_value in zip(found, p_values, strict=True)]


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """The p values after Holm's correction (Holm 1979), in the same order.

    Among many tests a small p value turns up by chance; the correction makes up for that.

    >>> correct_holm([0.01, 0.04])
    [0.02, 0.04]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def say_p(p_value: float) -> str:
    """The p value as text, such as "p = 0.023" or "p < 0.0001"."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


@dataclass(frozen=True)
class SeedStatistics:
    """Mean and standard deviation of the accuracies of one training with several seeds."""

    members: tuple[int, ...]  # positions among the runs
    mean: float
    deviation: float  # sample standard deviation

    @property
    def count(self) -> int:
        """How many seeds there are."""
        return len(self.members)


def seed_statistics(groups: Sequence[tuple[int, ...]], accuracies: Sequence[float | None]) -> list[SeedStatistics]:
    """How far the accuracy varies with the seed alone, for each group of which at least two have an accuracy.

    Args:
        groups: each holds the positions, among `accuracies`, of trainings that differ only in their seed.
        accuracies: of all trainings, 0 to 1; None where it is not known.
    """
    found = []
    for group in groups:
        members = tuple(place for place in group if accuracies[place] is not None)
        if len(members) > 1:
            values = [accuracy for place in members if (accuracy := accuracies[place]) is not None]
            found.append(SeedStatistics(members, statistics.fmean(values), statistics.stdev(values)))
    return found


def generalisation_gap(training: tuple[float, int], validation: tuple[float, int]) -> tuple[float, float]:
    """The generalisation gap: how much higher the accuracy is on training images than on validation images.

    Args:
        training: the accuracy on training images, 0 to 1, and how many they are.
        validation: the same of the validation images.

    Returns:
        The gap, and half the width of its 95 % confidence interval.
    """
    variance = sum(accuracy * (1 - accuracy) / count for accuracy, count in (training, validation))
    return training[0] - validation[0], Z * math.sqrt(variance)


def first_reaching(curves: Sequence[Sequence[Sequence[float]]]) -> tuple[float, list[float]]:
    """The highest level, in steps of 0.001, that every curve reaches, and where each first reaches it.

    Args:
        curves: each a list of points (x, y).

    Returns:
        The level y, and for each curve the first x at which it reaches that.
    """
    level = math.floor(1000 * min(max(y for _, y in curve) for curve in curves)) / 1000
    return level, [next(x for x, y in curve if y >= level) for curve in curves]
