"""What single channels of a layer respond to, and their kernels.

Knows modules and arrays; no run, no path. Images come in batches, so that only results are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES, Split
from fmexplore.evaluation.predictions import BATCH
from fmexplore.inside.fields import Field, cut_out, receptive_field
from fmexplore.inside.graph import IMAGE

if TYPE_CHECKING:
    from fmexplore.inside.passes import Passes

CLASSES = len(CLASS_NAMES)
PATCHES = 9  # of the images that excite a channel most
MOST_EXCITED = 10_000  # images among which those are sought, by who asks for a whole split
ALIKE = 0.1  # means of classes are alike that differ by no more than this share of their range, or of the largest
FEW = 3  # classes that can be said to be those that a channel responds to
Report = Callable[[float], None]  # called with the share that is done; may raise to end the work


@dataclass(frozen=True)
class Responses:
    """What the channels of a layer respond to, among n images. Of a vector each value is a channel."""

    numbers: np.ndarray  # (channels, k) int32: positions of the images that excite it most, the strongest first
    places: np.ndarray  # (channels, k, 2) int16: row and column of the largest activation there
    values: np.ndarray  # (channels, k) float32: that activation
    means: np.ndarray  # (channels, 10) float32: its mean activation by true class; NaN for a class without images

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name, as they are stored."""
        return dict(vars(self))

    def is_silent(self, channel: int) -> bool:
        """Whether it is 0 everywhere, for all images."""
        return not self.values[channel].any() and not np.nan_to_num(self.means[channel]).any()

    def preference(self, channel: int) -> Preference | None:
        """The classes to which a channel responds most or least; None where it responds to no class in particular.

        That is so where the means of all classes are alike: they differ by less than a tenth of the largest one by
        size. Else it responds most to the class with the highest mean, and to those whose means are less than a tenth
        of the range of all means below it, if these are three at most; failing that least, by the same rule.
        """
        means = self.means[channel]
        order = [int(label) for label in np.argsort(-means, kind="stable") if np.isfinite(means[label])]
        if not order:
            return None
        highest, lowest = float(means[order[0]]), float(means[order[-1]])
        near = ALIKE * (highest - lowest)
        if highest - lowest <= ALIKE * max(abs(highest), abs(lowest)):
            return None
        most = [label for label in order if highest - means[label] < near]
        least = [label for label in reversed(order) if means[label] - lowest < near]
        if len(most) <= FEW:
            return Preference(True, tuple(most), order[len(most)])
        return Preference(False, tuple(least), order[-1 - len(least)]) if len(least) <= FEW else None

    def excited(self, channel: int) -> np.ndarray:
        """Which of its images excite it, (k,) bool: those where it is above 0; all where it is above 0 for none."""
        values = self.values[channel]
        return (values > 0) | (values.max(initial=-np.inf) <= 0)

    def most_selective(self) -> int:
        """The channel whose highest class mean is furthest above its next one."""
        ranked = np.sort(np.nan_to_num(self.means, nan=-np.inf), axis=1)
        leads = ranked[:, -1] - ranked[:, -2]
        return int(np.argmax(np.where(np.isfinite(leads), leads, 0)))


@dataclass(frozen=True)
class Preference:
    """Classes to which a channel responds most or least, the first most so, and the class that comes next."""

    most: bool
    labels: tuple[int, ...]
    next: int


def find_responses(passes: Passes, name: str, split: Split, report: Report = lambda _: None) -> Responses:
    """The images that excite each channel of a layer most, and its mean activation by class, in one pass.

    Args:
        passes: the network.
        name: of the step.
        split: n images and their labels.
        report: called after each batch.

    Raises:
        ConfigError: there is no such step.
    """
    import torch
    import torch.nn.functional as F

    from fmexplore.inside.passes import as_input

    step, count = passes.graph[name], min(PATCHES, len(split))
    values = torch.full((step.channels, 0), -torch.inf)
    numbers, flat = (torch.zeros((step.channels, 0), dtype=torch.long) for _ in range(2))
    sums = torch.zeros(step.channels, CLASSES, dtype=torch.double)
    for start in range(0, len(split), BATCH):
        images, labels = split.images[start : start + BATCH], split.labels[start : start + BATCH]
        with torch.inference_mode():
            output = passes.complete({IMAGE: as_input(images)}, [name])[name]
            output = output.reshape(len(images), step.channels, -1)
            strongest, where = output.max(2)
            values = torch.cat([values, strongest.T], 1)
            flat = torch.cat([flat, where.T], 1)
            found = torch.arange(start, start + len(images)).expand(step.channels, -1)
            numbers = torch.cat([numbers, found], 1)
            values, chosen = values.topk(min(count, values.shape[1]), 1)
            numbers, flat = numbers.gather(1, chosen), flat.gather(1, chosen)
            one_hot = F.one_hot(torch.from_numpy(labels.astype(np.int64)), CLASSES).double()
            sums += output.mean(2).double().T @ one_hot
        report(min(1.0, (start + BATCH) / len(split)))
    images_of = np.bincount(split.labels, minlength=CLASSES)
    with np.errstate(invalid="ignore"):
        means = (sums.numpy() / images_of).astype(np.float32)
    places = np.stack(np.divmod(flat.numpy(), step.size[1]), -1).astype(np.int16)
    return Responses(numbers.numpy().astype(np.int32), places, values.numpy(), means)


def patches_of(passes: Passes, name: str, found: Responses, images: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """What some channels saw where they were excited most, `(channels, k, height, width)` in the dtype of the images.

    Args:
        passes: the network.
        name: of the step.
        found: the responses of its channels.
        images: (n, 28, 28), those of `found`.
        channels: which.

    Raises:
        ConfigError: the step has no such channels.
    """
    for channel in channels:
        passes.graph[name].require(channel, 0, 0)

    @cache
    def field_at(y: int, x: int) -> Field:
        return receptive_field(passes.graph, name, None, y, x)

    cut = [
        [cut_out(images[number], field_at(*place)) for number, place in zip(numbers, places.tolist(), strict=True)]
        for numbers, places in zip(found.numbers[list(channels)], found.places[list(channels)], strict=True)
    ]
    return np.array(cut)


def first_kernels(passes: Passes) -> tuple[str, np.ndarray] | None:
    """The first convolution's name and kernels `(filters, channels, kernel, kernel) float32`; None without one."""
    name = next((name for name, step in passes.graph.steps.items() if step.kind == "conv"), None)
    return (name, kernels_of(passes, name)) if name else None


def kernels_of(passes: Passes, name: str) -> np.ndarray:
    """The kernels of a convolution, `(filters, channels, kernel, kernel) float32`; empty for other layers."""
    step = passes.graph[name]
    if step.kind != "conv":
        return np.zeros((0, 0, 0, 0), np.float32)
    return np.ascontiguousarray(passes.network.state_dict()[f"{step.module}.weight"].numpy())
