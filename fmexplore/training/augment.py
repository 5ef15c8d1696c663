"""Augmentation of a batch of images, each with random changes of its own. Knows tensors; no training and no data set.

Flip and shift are index arithmetic on uint8, rotation and scale are one resampling: a third of the time that kornia
takes for the two that short trainings use.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fmexplore.models.networks import to_input
from fmexplore.training.config import Augmentation

SIDE = 28
BEST_JPEG = 95  # the highest quality that is drawn
# The table for luminance of the JPEG standard (ITU T.81, K.1), at quality 50.
_JPEG_STEPS = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)


def augment(images: Tensor, index: Tensor, epoch: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Change each image of a batch at random.

    Args:
        images: (n, 28, 28) uint8.
        index: (n,) int; their positions in the data set. With the epoch it decides alternating flips: an image that is
            mirrored in one epoch is not mirrored in the next.
        epoch: number of the epoch, from 0.
        how: which changes to make, and how large they may be.
        generator: source of random numbers.

    Returns:
        (n, 1, 28, 28) float32, 0 to 1; the input of a network.
    """
    n = len(images)

    def draw(low: float = -1, high: float = 1) -> Tensor:
        return torch.rand(n, generator=generator).mul_(high - low).add_(low).to(images.device)

    if how.flip != "none":
        flipped = draw() > 0 if how.flip == "random" else (index * 2654435761 // 65536 + epoch) % 2 == 1
        images = torch.where(flipped[:, None, None], images.flip(2), images)
    if how.upside_down:
        images = torch.where((draw(0, 1) < how.upside_down)[:, None, None], images.flip(1), images)
    if how.shift:
        images = _shift(images, how.shift, generator)
    x = _change_light(_resample(to_input(images), how, draw), how, draw, generator)
    if how.jpeg:
        x = _compress(x, how.jpeg * (BEST_JPEG / how.jpeg) ** draw(0, 1))
    if how.erasing:
        x = _erase(x, draw(0, 1) < how.erasing, draw(0.02, 0.33), draw(), draw(0, 1), draw(0, 1))
    return x


def _resample(x: Tensor, how: Augmentation, draw: Callable[..., Tensor]) -> Tensor:
    """Rotation, scale, shear, blur and larger pixels, as far as they are asked for."""
    if how.rotation or how.scale:
        angle, scale = draw() * math.radians(how.rotation), 1 + draw() * how.scale
        x = _rotate_and_scale(x, angle, scale)
    if how.shear:
        x = _shear(x, draw() * how.shear)
    if how.blur:
        x = _blur(x, draw(0, 1) * how.blur)
    if how.pixelate:
        x = _pixelate(x, draw(1, max(1, how.pixelate)))
    return x


def _change_light(x: Tensor, how: Augmentation, draw: Callable[..., Tensor], generator: torch.Generator) -> Tensor:
    """Stripes, gradient, gain, gamma, contrast, brightness, noise and negatives, as far as they are asked for."""
    if how.texture:
        x = _stripe(x, draw(0, 1) * how.texture, draw(0, 4), draw(1, 4), draw(0, 1))
    if how.gradient:
        x = _darken(x, draw(0, 1) * how.gradient, draw() * math.pi)
    if how.gain:
        x = x * (1 - draw(0, 1) * how.gain)[:, None, None, None]
    if how.gamma:
        x = x.clamp(0, 1) ** (1 + draw(0, 1) * how.gamma)[:, None, None, None]
    if how.contrast:
        x = (x - 0.5) * (1 + draw() * how.contrast)[:, None, None, None] + 0.5
    if how.brightness:
        x = x + (draw() * how.brightness)[:, None, None, None]
    if how.noise:
        noise = torch.randn(len(x), 1, SIDE, SIDE, generator=generator).to(x.device)
        x = x + noise * (draw(0, 1) * how.noise)[:, None, None, None]
    if how.contrast or how.brightness or how.noise:
        x = x.clamp(0, 1)
    if how.invert:
        x = torch.where((draw(0, 1) < how.invert)[:, None, None, None], 1 - x, x)
    return x


def mix(x: Tensor, how: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Mix each image with another one of the batch, by Mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019).

    Mixup blends whole images, CutMix replaces a rectangle; the share or rectangle is the same for the whole batch.

    Args:
        x: (n, 1, 28, 28) float, 0 to 1.
        how: how likely CutMix is, and how strong Mixup.
        generator: source of random numbers.

    Returns:
        The mixed images, like `x`; the position of each image's partner, (n,) int64; and the weight of its own label,
        0 to 1, the rest being that of the partner's.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    draw = np.random.default_rng(seed)
    partners = torch.from_numpy(draw.permutation(len(x))).to(x.device)
    if draw.random() < how.cutmix:
        side = SIDE * math.sqrt(1 - draw.beta(1, 1))
        (top, bottom), (left, right) = (_span(draw.uniform(0, SIDE), side) for _ in range(2))
        mixed = x.clone()
        mixed[:, :, top:bottom, left:right] = x[partners, :, top:bottom, left:right]
        return mixed, partners, 1 - (bottom - top) * (right - left) / SIDE**2
    if how.mixup:
        share = float(draw.beta(how.mixup, how.mixup))
        return x * share + x[partners] * (1 - share), partners, share
    return x, partners, 1.0


def seeded_generator(*entropy: int) -> torch.Generator:
    """A source of random numbers that follow from `entropy`, such as seed and epoch: other numbers, other results."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))


def _span(middle: float, side: float) -> tuple[int, int]:
    return max(0, round(middle - side / 2)), min(SIDE, round(middle + side / 2))


def _shift(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    padded = F.pad(images, (most, most, most, most))
    moves = torch.randint(0, 2 * most + 1, (2, len(images)), generator=generator).to(images.device)
    window = torch.arange(SIDE, device=images.device)
    rows = (moves[0, :, None] + window)[:, :, None]
    columns = (moves[1, :, None] + window)[:, None, :]
    return padded[torch.arange(len(images), device=images.device)[:, None, None], rows, columns]


def _rotate_and_scale(x: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
    cosine, sine = angle.cos() / scale, angle.sin() / scale
    zero = torch.zeros_like(cosine)
    matrix = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _shear(x: Tensor, lean: Tensor) -> Tensor:
    """Move each row by `lean` pixels for each pixel that it lies below the middle."""
    zero, one = torch.zeros_like(lean), torch.ones_like(lean)
    matrix = torch.stack([one, lean, zero, zero, one, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, list(x.shape), align_corners=False), align_corners=False)


def _blur(x: Tensor, deviation: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own standard deviation, in pixels."""
    n, reach = len(x), 3 * math.ceil(float(deviation.max()))
    places = torch.arange(-reach, reach + 1, device=x.device)
    weights = torch.exp(-0.5 * (places / deviation.clamp(min=1e-3)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    rows = F.conv2d(x.reshape(1, n, SIDE, SIDE), weights[:, None, :, None], padding=(reach, 0), groups=n)
    return F.conv2d(rows, weights[:, None, None, :], padding=(0, reach), groups=n).reshape(n, 1, SIDE, SIDE)


def _pixelate(x: Tensor, side: Tensor) -> Tensor:
    """Squares of one grey, as many across as fit with that side, in pixels: the mean of the pixels in each."""
    across = (SIDE / side).round().clamp(1, SIDE)
    cells = ((torch.arange(SIDE, device=x.device) + 0.5) * across[:, None] / SIDE).floor()
    same = (cells[:, :, None] == cells[:, None, :]).to(x.dtype)
    mean = (same / same.sum(2, keepdim=True))[:, None]
    return mean @ x @ mean.transpose(2, 3)


def _darken(x: Tensor, amount: Tensor, angle: Tensor) -> Tensor:
    """Full light at one edge or corner, falling evenly to 1 - `amount` at the opposite one."""
    place = torch.arange(SIDE, device=x.device) - (SIDE - 1) / 2
    down, right = angle.sin()[:, None, None], angle.cos()[:, None, None]
    ramp = down * place[:, None] + right * place
    ramp = ramp / ramp.amax((1, 2), keepdim=True)  # -1 to 1
    return x * (1 - amount[:, None, None] * (ramp + 1) / 2)[:, None]


def _stripe(x: Tensor, strength: Tensor, direction: Tensor, width: Tensor, begin: Tensor) -> Tensor:
    """Stripes in one of four directions, 1 to 3 pixels wide, in which 1 - `strength` of the light is left.

    What is black stays black, so that only the garment gets them. `direction` and `width` are rounded down, `begin` is
    a share of two stripes.
    """
    place = torch.arange(SIDE, device=x.device)
    rows, columns = place[:, None].expand(SIDE, SIDE), place.expand(SIDE, SIDE)
    along = torch.stack([columns, rows + columns, rows, rows - columns])[direction.long().clamp(0, 3)]
    width = width.floor().clamp(1, 3)[:, None, None]
    dark = ((along + (begin[:, None, None] * 2 * width).floor()) / width).floor() % 2 == 1
    return x * torch.where(dark, 1 - strength[:, None, None], 1.0)[:, None]


def _compress(x: Tensor, quality: Tensor) -> Tensor:
    """What is left of a grey picture after JPEG of that quality, 1 to 100, as libjpeg computes it.

    Each block of 8 x 8 pixels is made a sum of cosines (DCT), whose weights are rounded to multiples of a table.
    """
    fill, place = -SIDE % 8, torch.arange(8, device=x.device)
    cosines = torch.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    whole = torch.block_diag(*[cosines] * ((SIDE + fill) // 8)).to(x.device)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None, None]
    steps = ((_JPEG_STEPS.to(x.device) * percent + 50) / 100).floor().clamp(1, 255)
    steps = steps.repeat(1, 1, *[(SIDE + fill) // 8] * 2)
    pixels = F.pad(x * 255, (0, fill, 0, fill), mode="replicate").round() - 128
    weights = ((whole @ pixels @ whole.T) / steps).round() * steps
    return ((whole.T @ weights @ whole + 128).round().clamp(0, 255) / 255)[..., :SIDE, :SIDE]


def _erase(x: Tensor, chosen: Tensor, area: Tensor, aspect: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """A black rectangle of 2 to 33 % of the image, aspect ratio 0.3 to 3.3 (Zhong et al. 2017, section 3)."""
    ratio = torch.exp(aspect * math.log(1 / 0.3))
    height = (SIDE * (area * ratio).sqrt()).clamp(1, SIDE - 1).round()
    width = (SIDE * (area / ratio).sqrt()).clamp(1, SIDE - 1).round()
    top, left = (top * (SIDE + 1 - height)).floor(), (left * (SIDE + 1 - width)).floor()
    position = torch.arange(SIDE, device=x.device)
    rows = (position >= top[:, None]) & (position < (top + height)[:, None])
    columns = (position >= left[:, None]) & (position < (left + width)[:, None])
    hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return x.masked_fill(hole[:, None], 0.0)
