"""Which pixels speak for a class, or for one class against another, by four methods. Knows modules and arrays.

Guided backpropagation is left out: its maps hardly change when the network is scrambled (Adebayo et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from fmexplore.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from fmexplore.models.networks import Network

Method = Literal["gradient", "integrated gradients", "grad-cam", "occlusion"]
METHODS: tuple[Method, ...] = ("gradient", "integrated gradients", "grad-cam", "occlusion")
Fill = Literal["black", "mean", "blurred"]
FILLS: tuple[Fill, ...] = ("black", "mean", "blurred")
SIDE = 28
BLUR = 3.0  # pixels of standard deviation: no seam or sleeve is left
POSITIONS = 96  # occluded images in a batch: fits a cache
FIRST_STEPS, MOST_STEPS = 32, 2048  # of integrated gradients
TOLERANCE = 0.01  # of completeness
Report = Callable[[float], None]  # called with the share that is done; may raise to end the work


@dataclass(frozen=True)
class Target:
    """What is explained: the logit of a class, or the difference of its logit and that of another class."""

    label: int
    against: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("class", self.label), ("other class", self.against)):
            if value is not None and not 0 <= value <= 9:
                raise ConfigError(f"{name} is {value}: choose one of 0 to 9.")
        if self.label == self.against:
            raise ConfigError(f"other class is {self.against}, the class itself: choose another one.")

    def of(self, logits: Tensor) -> Tensor:
        """Its values `(n,)` for logits `(n, 10)`."""
        return logits[:, self.label] - (0 if self.against is None else logits[:, self.against])


@dataclass(frozen=True)
class Occluder:
    """A square patch that is moved over an image: its side and step in pixels, and what it shows."""

    patch: int = 5
    stride: int = 1
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        for name, value in (("patch", self.patch), ("stride", self.stride)):
            if not 1 <= value <= SIDE:
                raise ConfigError(f"{name} is {value}: choose 1 to {SIDE} pixels.")
        if self.fill not in FILLS:
            raise ConfigError(f"fill is {self.fill!r}: choose one of {', '.join(FILLS)}.")

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Top and left of the patch at each position; the last ones touch the border."""
        starts = sorted({*range(0, SIDE - self.patch + 1, self.stride), SIDE - self.patch})
        return [(top, left) for top in starts for left in starts]

    @cached_property
    def masks(self) -> np.ndarray:
        """Which pixels are covered at each position, `(positions, 28, 28) bool`."""
        masks = np.zeros((len(self.corners), SIDE, SIDE), bool)
        for mask, (top, left) in zip(masks, self.corners, strict=True):
            mask[top : top + self.patch, left : left + self.patch] = True
        return masks

    def filling(self, images: np.ndarray) -> np.ndarray:
        """What shows where images `(n, 28, 28)` from 0 to 1 are covered, `(n, 28, 28) float32`.

        "mean" is the mean pixel of the data set: black is its background, so that a black patch hides nothing there.
        """
        if self.fill == "blurred":
            from scipy.ndimage import gaussian_filter

            return gaussian_filter(images.astype(np.float32), (0, BLUR, BLUR))
        from fmexplore.models.networks import MEAN

        return np.full_like(images, MEAN if self.fill == "mean" else 0.0, np.float32)


STANDARD = Occluder()


@dataclass(frozen=True)
class Attribution:
    """What each pixel contributes to a target, `heat (28, 28) float32`: positive where it speaks for it."""

    method: Method
    target: Target
    heat: np.ndarray
    score: float  # the target's value for the image
    steps: int = 0  # of integrated gradients
    error: float | None = None  # theirs: how far the sum is from score - score of black, as a share of that

    @property
    def complete(self) -> bool:
        """Whether integrated gradients add up within 1 %."""
        return self.error is not None and self.error <= TOLERANCE


def attribute(
    network: Network,
    image: np.ndarray,
    target: Target,
    method: Method,
    occluder: Occluder = STANDARD,
    report: Report = lambda _: None,
) -> Attribution | None:
    """What each pixel of an image contributes to a target.

    Args:
        network: in evaluation mode; left as it is.
        image: (28, 28) uint8.
        target: what is explained.
        method: "gradient" (Simonyan et al. 2014), "integrated gradients" from black (Sundararajan et al. 2017) with as
            many steps as they need to add up within 1 %, "grad-cam" (Selvaraju et al. 2017), or "occlusion" (Zeiler,
            Fergus 2014): by how much the target falls when a patch covers the pixel, as a mean over its positions.
        occluder: the patch.
        report: called as it goes on.

    Returns:
        The attribution; None for Grad-CAM of a network without a map of at least 5 x 5.

    Raises:
        ConfigError: there is no such method.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}: choose one of {', '.join(METHODS)}.")
    import torch

    from fmexplore.evaluation.gradcam import grad_cam
    from fmexplore.inside.passes import as_input

    inputs = as_input(image[None])
    with torch.inference_mode():
        score = float(target.of(network(inputs)))
    if method == "grad-cam":  # a copy, as it gets hooks, which other threads must not call
        heats = grad_cam(deepcopy(network), image, [target.label], target.against)
        return None if heats is None else Attribution(method, target, heats[0], score)
    if method == "integrated gradients":
        heats, steps, error = integrate_gradients(network, image[None], target, report=report)
        return Attribution(method, target, heats[0], score, steps, error)
    if method == "gradient":
        inputs.requires_grad_()
        [gradient] = torch.autograd.grad(target.of(network(inputs)).sum(), inputs)
        return Attribution(method, target, gradient[0, 0].numpy(), score)
    positions = len(occluder.corners)
    effects = np.empty(positions, np.float32)
    for start, logits in occlude(network, image, occluder):
        effects[start : start + len(logits)] = score - target.of(logits).numpy()
        report(min(1.0, (start + len(logits)) / positions))
    return Attribution(method, target, spread(effects, occluder), score)


def integrate_gradients(
    network: Network,
    images: np.ndarray,
    target: Target,
    steps: int = FIRST_STEPS,
    tolerance: float = TOLERANCE,
    report: Report = lambda _: None,
) -> tuple[np.ndarray, int, float]:
    """Integrated gradients of images from black, with twice as many steps until they add up.

    Args:
        network: in evaluation mode.
        images: (n, 28, 28) uint8.
        target: what is explained.
        steps: of the first trial.
        tolerance: of the sum, as a share of the difference between an image's and black's target; of several images
            the mean.
        report: called with each batch.

    Returns:
        The attributions, (n, 28, 28) float32; the number of steps; and how far the sums are off, as `tolerance`. After
        2,048 steps they are what they are, also where the target of an image is that of black.
    """
    import torch
    from captum.attr import IntegratedGradients

    from fmexplore.inside.passes import as_input

    inputs = as_input(images)

    def score(batch: Tensor) -> Tensor:
        report(0.9 * math.log2(steps) / math.log2(MOST_STEPS))  # how many doublings it takes is not known before
        return target.of(network(batch))

    method = IntegratedGradients(score)
    with torch.inference_mode():
        change = target.of(network(inputs)) - target.of(network(torch.zeros_like(inputs[:1])))
    while True:
        heats = method.attribute(inputs, n_steps=steps, internal_batch_size=max(POSITIONS, len(images)))
        off = (heats.sum((1, 2, 3)) - change).abs().mean() / change.abs().mean().clamp_min(1e-12)
        error = float(off)
        if not error > tolerance or steps >= MOST_STEPS:  # NaN ends it too
            report(1.0)
            return heats[:, 0].detach().float().numpy(), steps, error
        steps *= 2


def occlude(network: Network, image: np.ndarray, occluder: Occluder) -> Iterator[tuple[int, Tensor]]:
    """The logits of an image `(28, 28) uint8` with a patch at each position, in batches.

    Yields the number of the batch's first position, and logits `(batch, 10)`.
    """
    import torch

    shown = image.astype(np.float32)[None] / 255
    pixels, filling = torch.from_numpy(shown), torch.from_numpy(occluder.filling(shown))
    masks = torch.from_numpy(occluder.masks)
    for start in range(0, len(masks), POSITIONS):
        covered = torch.where(masks[start : start + POSITIONS], filling, pixels)
        with torch.inference_mode():
            yield start, network(covered[..., None].permute(0, 3, 1, 2))


def spread(effects: np.ndarray, occluder: Occluder) -> np.ndarray:
    """The mean effect of the positions that cover each pixel, `(28, 28) float32`, 0 where none does.

    `effects (positions,)` are in the order of the occluder's corners.
    """
    masks = occluder.masks
    return (np.tensordot(effects, masks, 1) / np.maximum(masks.sum(0), 1)).astype(np.float32)
