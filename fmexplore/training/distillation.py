"""Soft targets for knowledge distillation (Hinton, Vinyals, Dean 2015). Knows networks and arrays; no run.

The teachers' predictions are for the very images, with their augmentation, that the student is trained on (Beyer et al.
2022, section 3): for unchanged training images they would only repeat the labels.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from fmexplore.data.fashion_mnist import Split
from fmexplore.models.networks import Network, to_input
from fmexplore.training.augment import augment, mix, seeded_generator
from fmexplore.training.config import Augmentation

BATCH = 250


def draw_soft_targets(
    teachers: Sequence[Network],
    images: np.ndarray,
    times: int,
    how: Augmentation,
    seed: int = 0,
    bf16: bool = False,
    report: Callable[[float], None] = lambda _: None,
) -> Split:
    """Augmented training images with the mean predictions of the teachers as soft targets.

    A teacher's prediction is the mean of those for an image and for its mirror image.

    Args:
        teachers: trained networks, in evaluation mode.
        images: (n, 28, 28) uint8.
        times: how many augmented copies to make of each image.
        how: the augmentation.
        seed: of the augmentation.
        bf16: whether the teachers compute in mixed precision.
        report: called with the share of the work that is done.

    Returns:
        times * n images, in random order, with targets (times * n, 10) float32, each of sum 1.
    """
    source = torch.tensor(images)
    order = torch.cat([torch.randperm(len(source), generator=seeded_generator(seed, each)) for each in range(times)])
    varied = np.empty((len(order), 28, 28), np.uint8)
    targets = np.empty((len(order), 10), np.float32)
    for start in range(0, len(order), BATCH):
        index, place = order[start : start + BATCH], slice(start, start + BATCH)
        generator = seeded_generator(seed, times + start)
        x, _, _ = mix(augment(source[index], index, start // len(source), how, generator), how, generator)
        varied[place] = (x[:, 0] * 255).round().byte().numpy()
        targets[place] = _mean_prediction(teachers, torch.tensor(varied[place]), bf16)
        report((start + BATCH) / len(order))
    return Split(varied, targets.argmax(1).astype(np.uint8), targets)


def _mean_prediction(teachers: Sequence[Network], images: Tensor, bf16: bool) -> np.ndarray:
    """Probabilities `(n, 10) float32`, for images `(n, 28, 28) uint8`."""
    both = to_input(torch.cat([images, images.flip(2)]))
    total = torch.zeros(len(images), 10)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, bf16):
        for teacher in teachers:
            first, mirrored = teacher(both).float().softmax(1).chunk(2)
            total += first + mirrored
    return (total / (2 * len(teachers))).numpy()
