"""What a network makes of images without a channel, and which channels of a layer matter to a class.

Knows modules and arrays; no run, no path. Images come in batches, so that only results are in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import Split
from fmexplore.errors import ConfigError
from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.evaluation.predictions import BATCH
from fmexplore.inside.channels import CLASSES, Report
from fmexplore.inside.graph import IMAGE, SOFTMAX

if TYPE_CHECKING:
    from torch import Tensor

    from fmexplore.inside.passes import Passes

RANKED_ON = 1000  # validation images, on which the first channels of a ranking are measured, by who asks for a split
MEASURED = 20  # channels of a ranking whose effect is measured, not only estimated


@dataclass(frozen=True)
class Without:
    """How many images of each class a network classifies correctly with and without one channel of a layer."""

    channel: int
    right: np.ndarray  # (10,) int: without it
    before: np.ndarray  # (10,) int: with it
    lost: np.ndarray  # (10,) int: with it, but not without it
    images: np.ndarray  # (10,) int: of each class

    def interval(self, label: int | None = None) -> tuple[float, float, float]:
        """Accuracy without it and its 95 % Wilson interval, on the images of a class or on all; 0 to 1.

        NaN where there are no images.
        """
        right, _, _, images = self._counts(label)
        if not images:
            return (float("nan"),) * 3
        return right / images, *accuracy_interval(right, images)

    def change(self, label: int | None = None) -> float:
        """The accuracy without it minus that with it, -1 to 1; NaN where there are no images."""
        right, before, _, images = self._counts(label)
        return (right - before) / images if images else float("nan")

    def change_interval(self, label: int | None = None, tests: int = 1) -> tuple[float, float]:
        """The 95 % confidence interval of that change; NaN where there are no images.

        It is that of paired images, with half an image more in each of the four cells (Agresti, Min 2005): without
        that it would have no width where nothing was lost. Where it is the most extreme one of several `tests`, it is
        made wider by Bonferroni's correction.
        """
        right, before, lost, images = self._counts(label)
        if not images:
            return (float("nan"),) * 2
        away, won = lost + 0.5, right - before + lost + 0.5
        middle = (won - away) / (images + 2)
        spread = math.sqrt(((won + away) / (images + 2) - middle**2) / (images + 2))
        margin = NormalDist().inv_cdf(1 - 0.025 / tests) * spread
        return max(-1.0, middle - margin), min(1.0, middle + margin)

    def _counts(self, label: int | None) -> tuple[int, int, int, int]:
        """Of a class, or of all: right without it, right with it, lost, images."""
        chosen = slice(None) if label is None else [label]
        right, before, lost, images = (
            int(each[chosen].sum()) for each in (self.right, self.before, self.lost, self.images)
        )
        return right, before, lost, images


@dataclass(frozen=True)
class Ranking:
    """The channels of a layer by how much they matter to a class, the most important first."""

    label: int
    channels: np.ndarray  # (channels,) int
    estimates: np.ndarray  # (channels,) float32: estimated change of the loss in nats when it is off, by size
    measured: tuple[Without, ...]  # of the first ones

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name, as they are stored; `from_arrays` makes it again."""
        right, lost = (
            np.array([getattr(each, name) for each in self.measured], np.int64).reshape(-1, CLASSES)
            for name in ("right", "lost")
        )
        counts = [(each.before, each.images) for each in self.measured[:1]]
        return {
            "label": np.array([self.label]),
            "channels": self.channels,
            "estimates": self.estimates,
            "right": right,
            "lost": lost,
            "counts": np.array(counts, np.int64).reshape(-1, CLASSES),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Ranking:
        """The ranking whose `to_arrays` gave these. Raises KeyError where one is missing."""
        channels = arrays["channels"]
        rows = zip(channels.tolist(), arrays["right"], arrays["lost"], strict=False)
        counts = arrays["counts"]
        measured = tuple(Without(channel, right, counts[0], lost, counts[1]) for channel, right, lost in rows)
        return cls(int(arrays["label"][0]), channels, arrays["estimates"], measured)


def measure_without(
    passes: Passes, name: str, channels: list[int], split: Split, report: Report = lambda _: None
) -> list[Without]:
    """How a network classifies images when channels of a layer are off: each of them alone gives 0 everywhere.

    What comes before the layer is computed once for all of them.

    Args:
        passes: the network.
        name: of the step.
        channels: of the step.
        split: images and labels; those of validation, as a choice made on the test images would peek.
        report: called as it goes on.

    Raises:
        ConfigError: there is no such step or channel.
    """
    import torch

    from fmexplore.inside.passes import as_input

    graph = passes.graph
    _require_before_logits(passes, name)
    for channel in channels:
        graph[name].require(channel, 0, 0)
    wanted = {name, *graph.beside(name)}
    right, lost = (np.zeros((len(channels), CLASSES), int) for _ in range(2))
    before = np.zeros(CLASSES, int)
    for start in range(0, len(split), BATCH):
        labels = split.labels[start : start + BATCH]
        with torch.inference_mode():
            known = passes.complete({IMAGE: as_input(split.images[start : start + BATCH])}, wanted)
            with_it = passes.logits(known).argmax(1).numpy() == labels
            before += _count(labels, with_it)
            for place, channel in enumerate(channels):
                off = known[name].clone()
                off[:, channel] = 0
                without = passes.logits({**known, name: off}).argmax(1).numpy() == labels
                right[place] += _count(labels, without)
                lost[place] += _count(labels, with_it & ~without)
                report((start + BATCH * (place + 1) / len(channels)) / (len(split) + BATCH))
    images = np.bincount(split.labels, minlength=CLASSES)
    report(1.0)
    return [Without(channel, right[place], before, lost[place], images) for place, channel in enumerate(channels)]


def rank_channels(
    passes: Passes, name: str, label: int, split: Split, measured: int = MEASURED, report: Report = lambda _: None
) -> Ranking:
    """The channels of a layer that matter to a class, by gradient times activation (Molchanov et al. 2017, eq. 8).

    The estimate is the mean over the images of the class of |activation times gradient of the loss|, summed over the
    map. For the first ones the change is measured on all images.

    Args:
        passes: the network.
        name: of the step.
        label: the class, 0 to 9.
        split: images and labels; those of validation.
        measured: of how many channels the effect is measured.
        report: called as it goes on.

    Raises:
        ConfigError: there is no such step, it comes after the logits, or there is no image of the class.
    """
    import torch

    from fmexplore.inside.passes import as_input

    _require_before_logits(passes, name)
    members = np.flatnonzero(split.labels == label)
    if not len(members):
        raise ConfigError(f"class is {label}, of which there is no image among these {len(split):,}: take more.")
    sums = torch.zeros(passes.graph[name].channels)
    for start in range(0, len(members), BATCH):
        images = split.images[members[start : start + BATCH]]
        activation, gradient = _activation_and_gradient(passes, name, as_input(images), label)
        product = (activation * gradient).flatten(2).sum(2) if activation.dim() == 4 else activation * gradient
        sums += product.abs().sum(0)
        report(0.1 * start / len(members))
    estimates = (sums / len(members)).numpy()
    order = np.argsort(-estimates, kind="stable")
    chosen = [int(each) for each in order[:measured]]
    found = measure_without(passes, name, chosen, split, lambda share: report(0.1 + 0.9 * share)) if chosen else []
    return Ranking(label, order, estimates[order], tuple(found))


def _activation_and_gradient(passes: Passes, name: str, inputs: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """The output of a step and the gradient of the loss, summed over the images, with respect to it."""
    import torch
    import torch.nn.functional as F

    graph = passes.graph
    with torch.no_grad():
        known = passes.complete({IMAGE: inputs}, {name, *graph.beside(name)})
    known[name] = known[name].detach().requires_grad_()  # dropout hands on the tensor itself, which others may read
    loss = F.cross_entropy(passes.logits(known), torch.full((len(inputs),), label), reduction="sum")
    [gradient] = torch.autograd.grad(loss, known[name])
    return known[name].detach(), gradient


def _require_before_logits(passes: Passes, name: str) -> None:
    if passes.graph[name].name == SOFTMAX:
        raise ConfigError("layer is 'softmax', which comes after the logits: choose a layer before them.")


def _count(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How many of each class are chosen, (10,) int."""
    return np.bincount(labels[chosen], minlength=CLASSES)
