"""What trained networks together say of varied training images, for another network to learn from (distillation).

After Hinton, Vinyals, Dean 2015; the teachers are asked about the very images that the pupil sees (Beyer et al. 2022,
section 3), for what they learnt by heart tells nothing. Knows networks and arrays, never a run.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from fmexplore.data.fashion_mnist import Split
from fmexplore.models.networks import Network, to_input
from fmexplore.training.augment import augment, mix
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
    """`times` variants of each of `images (n, 28, 28) uint8` with the mean probabilities of all teachers as targets.

    A teacher's are the mean over an image and its mirror image.
    """
    source = torch.tensor(images)
    order = torch.cat([torch.randperm(len(source), generator=_generator(seed, each)) for each in range(times)])
    varied = np.empty((len(order), 28, 28), np.uint8)
    targets = np.empty((len(order), 10), np.float32)
    for start in range(0, len(order), BATCH):
        index, place = order[start : start + BATCH], slice(start, start + BATCH)
        generator = _generator(seed, times + start)
        x, _, _ = mix(augment(source[index], index, start // len(source), how, generator), how, generator)
        varied[place] = (x[:, 0] * 255).round().byte().numpy()
        targets[place] = _ask(teachers, torch.tensor(varied[place]), bf16)
        report((start + BATCH) / len(order))
    return Split(varied, targets.argmax(1).astype(np.uint8), targets)


def _ask(teachers: Sequence[Network], images: Tensor, bf16: bool) -> np.ndarray:
    both = to_input(torch.cat([images, images.flip(2)]))
    total = torch.zeros(len(images), 10)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, bf16):
        for teacher in teachers:
            first, mirrored = teacher(both).float().softmax(1).chunk(2)
            total += first + mirrored
    return (total / (2 * len(teachers))).numpy()


def _generator(*entropy: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
