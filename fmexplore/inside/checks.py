"""Whether an attribution can be believed: does it depend on the weights, and do its pixels matter?

Knows modules and arrays; no run, no path.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.inside.attributions import (
    STANDARD,
    Attribution,
    Occluder,
    Report,
    Target,
    attribute,
    integrate_gradients,
)

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

POINTS, DRAWS = 29, 19  # of the deletion curve; all of so many random orders are beaten by chance in 1 of 20 cases
SAME = 0.5  # rank correlation from which a map of a scrambled network is called alike


@dataclass(frozen=True)
class Similarity:
    """How alike two maps are: 1 the same, 0 unlike. NaN where one is flat or not finite."""

    rank: float  # Spearman's rank correlation over the pixels that are not 0 in both, -1 to 1

    @property
    def depends_on_weights(self) -> bool | None:
        """Whether the map of a scrambled network is another one; None where that is unknown."""
        return None if np.isnan(self.rank) else self.rank < SAME


@dataclass(frozen=True)
class Deletion:
    """How the probability of the target falls as the bright pixels become black, the most important first.

    Of a class against another it is that of the class among the two.
    """

    shares: np.ndarray  # (m,) of the bright pixels that have become black, 0 to 1
    curve: np.ndarray  # (m,) probabilities
    random: np.ndarray  # (draws, m): with the pixels in random orders

    @property
    def area(self) -> float:
        """Below the curve, 0 to 1: smaller where the map has found what matters."""
        return float(np.trapezoid(self.curve, self.shares))

    @property
    def random_area(self) -> float:
        """Below the mean of the random curves."""
        return float(np.trapezoid(self.random.mean(0), self.shares))


@dataclass(frozen=True)
class Checks:
    """Both checks of an attribution, and the map of the scrambled network."""

    scrambled: np.ndarray  # (28, 28) float32
    similarity: Similarity
    deletion: Deletion


def check_attribution(
    network: Network,
    image: np.ndarray,
    found: Attribution,
    occluder: Occluder = STANDARD,
    seed: int = 0,
    report: Report = lambda _: None,
) -> Checks:
    """Compare an attribution with that of a scrambled network (Adebayo et al. 2018), and delete its pixels.

    Args:
        network: in evaluation mode; left as it is.
        image: (28, 28) uint8.
        found: its attribution.
        occluder: that was used.
        seed: of what is random.
        report: called as it goes on.
    """
    deletion = delete_pixels(network, image, found.heat, found.target, seed)
    report(0.2)
    scrambled = scramble(network, seed)
    if found.method == "integrated gradients":
        # With as many steps as the first: to add up, a network that has learnt nothing can take thousands.
        heat = integrate_gradients(scrambled, image[None], found.target, found.steps, np.inf)[0][0]
    else:
        other = attribute(
            scrambled, image, found.target, found.method, occluder, lambda share: report(0.2 + 0.8 * share)
        )
        assert other is not None  # it has the layers of the first
        heat = other.heat
    report(1.0)
    return Checks(heat, compare_maps(found.heat, heat), deletion)


def scramble(network: Network, seed: int = 0) -> Network:
    """A copy whose convolutions and dense layers have their own weights in a random order: it has learnt nothing."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(seed)
    copy = deepcopy(network)
    for module in copy.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            values = module.weight.data
            order = torch.randperm(values.numel(), generator=generator)
            values.copy_(values.flatten()[order].reshape(values.shape))
    return copy


def compare_maps(first: np.ndarray, second: np.ndarray) -> Similarity:
    """How alike two maps `(28, 28)` are.

    Pixels that are 0 in both are left out of the ranks: integrated gradients are 0 wherever the image is black,
    whatever the network is.
    """
    from scipy.stats import rankdata

    maps = [each.astype(float) for each in (first, second)]
    there = (maps[0] != 0) | (maps[1] != 0)
    ranked = [each[there] for each in maps]
    if any(not each.size or np.ptp(each) == 0 or not np.isfinite(each).all() for each in ranked):
        return Similarity(float("nan"))
    return Similarity(float(np.corrcoef([rankdata(each) for each in ranked])[0, 1]))


def delete_pixels(network: Network, image: np.ndarray, heat: np.ndarray, target: Target, seed: int = 0) -> Deletion:
    """The deletion curve of a map (Petsiuk et al. 2018), beside those of random orders.

    Args:
        network: in evaluation mode.
        image: (28, 28) uint8.
        heat: (28, 28) float; its largest values are deleted first.
        target: whose probability falls.
        seed: of the random orders.
    """
    import torch

    from fmexplore.inside.passes import as_input

    # Of the bright pixels only: black ones stay as they are, and any map of the garment would beat an order with them.
    rng, bright = np.random.default_rng(seed), np.flatnonzero(image)
    highest = bright[np.argsort(-heat.ravel()[bright], kind="stable")]
    orders = [highest, *(rng.permutation(bright) for _ in range(DRAWS))]
    counts = np.linspace(0, bright.size, POINTS).round().astype(int)
    curves = np.empty((len(orders), POINTS))
    for curve, order in zip(curves, orders, strict=True):
        images = np.repeat(image.reshape(1, -1), POINTS, 0)
        for each, count in zip(images, counts, strict=True):
            each[order[:count]] = 0
        with torch.inference_mode():
            logits = network(as_input(images.reshape(POINTS, *image.shape)))
        if target.against is not None:
            curve[:] = target.of(logits).sigmoid()
        else:
            curve[:] = logits.softmax(1)[:, target.label]
    return Deletion(counts / max(1, bright.size), curves[0], curves[1:])
