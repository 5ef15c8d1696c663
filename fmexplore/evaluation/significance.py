"""Whether one network is better than another. Knows arrays, never a configuration, a run folder or a screen.

The test is about networks on the same images; what another seed of the same training would give, only several seeds
tell (`seed_statistics`).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.evaluation.confusion import Disagreement, compare

LEVEL = 0.05  # below which a p value says that a difference is more than luck
Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class PairedComparison:
    """A network against a reference on the same images; the first of the disagreement is the reference."""

    disagreement: Disagreement
    images: int
    p_value: float  # where several are tested, after Holm's correction

    @property
    def counts(self) -> tuple[int, int]:
        """Images that only the reference and only the other one gets right: all that the test looks at."""
        return len(self.disagreement.first_right), len(self.disagreement.second_right)

    @property
    def significant(self) -> bool:
        """Whether the difference is more than luck."""
        return self.p_value < LEVEL

    @property
    def gain(self) -> float:
        """How much more of the images the other one gets right, as a fraction."""
        only_reference, only_other = self.counts
        return (only_other - only_reference) / self.images

    @property
    def margin(self) -> float:
        """Half of the 95 % interval of the gain, for paired images (Agresti 2013, section 11.1)."""
        decided = sum(self.counts) / self.images
        return Z * math.sqrt(max(0.0, decided - self.gain**2) / self.images)

    def sentence(self, reference: str, other: str) -> str:
        """What it means, with the names that the two go by."""
        only_reference, only_other = self.counts
        if only_reference == only_other:
            return "They are right equally often."
        better = other if only_other > only_reference else reference
        if self.significant:
            return f"The difference is real: {better} is better ({say_p(self.p_value)})."
        return f"This difference is what luck gives ({say_p(self.p_value)})."


def compare_accuracies(
    labels: np.ndarray, reference: np.ndarray, others: Sequence[np.ndarray]
) -> list[PairedComparison]:
    """A verdict on each of `others` against `reference`: predicted classes `(n,)` of the same images."""
    found = [compare(labels, reference, other) for other in others]
    p_values = correct_holm([each.p_value for each in found])
    return [PairedComparison(each, len(labels), p_value) for each, p_value in zip(found, p_values, strict=True)]


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """The p values as if there had been one test only: with each more, one is likelier to err by luck (Holm 1979)."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def say_p(p_value: float) -> str:
    """As in "p = 0.023"."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


# --- seeds, gap, curves ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeedStatistics:
    """Accuracies of the same training with several seeds."""

    members: tuple[int, ...]  # positions among the runs
    mean: float
    deviation: float  # of the sample

    @property
    def count(self) -> int:
        return len(self.members)


def seed_statistics(groups: Sequence[tuple[int, ...]], accuracies: Sequence[float | None]) -> list[SeedStatistics]:
    """How far seeds alone drive accuracies apart, for each group of trainings of which at least two have an accuracy.

    A group holds the positions among `accuracies` of trainings that differ in nothing but their seed.
    """
    found = []
    for group in groups:
        members = tuple(place for place in group if accuracies[place] is not None)
        if len(members) > 1:
            values = [accuracy for place in members if (accuracy := accuracies[place]) is not None]
            found.append(SeedStatistics(members, statistics.fmean(values), statistics.stdev(values)))
    return found


def generalisation_gap(training: tuple[float, int], validation: tuple[float, int]) -> tuple[float, float]:
    """How much more a network gets right of what it learnt from, and half of the 95 % interval, as fractions.

    Each is an accuracy and the number of images that it was measured on.
    """
    variance = sum(accuracy * (1 - accuracy) / count for accuracy, count in (training, validation))
    return training[0] - validation[0], Z * math.sqrt(variance)


def first_reaching(curves: Sequence[Sequence[Sequence[float]]]) -> tuple[float, list[float]]:
    """The highest level, in steps of 0.001, that every curve of (x, y) points reaches, and where each first does."""
    level = math.floor(1000 * min(max(y for _, y in curve) for curve in curves)) / 1000
    return level, [next(x for x, y in curve if y >= level) for curve in curves]
