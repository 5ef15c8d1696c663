"""A small network that segments the garment on a photo, and its training. Knows torch and arrays; no labels.

A U-Net (Ronneberger et al. 2015) on 160 x 160 pixels, trained on the masks of u2netp (Qin et al. 2020).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from fmexplore.errors import RunBroken
from fmexplore.photos.foreground import overlap
from fmexplore.photos.synthetic import draw_scene
from fmexplore.settings import PROJECT
from fmexplore.storage import write_bytes

SIDE = 160
WIDTHS = (24, 40, 72, 104, 128)  # of the maps of 80, 40, 20, 10 and 5
WEIGHTS = PROJECT / "checkpoints" / "segmenter.safetensors"
RATE, WARMUP, BATCH = 2e-3, 0.1, 32


class Segmenter(nn.Module):
    """The network. Photos (n, 3, 160, 160) float from 0 to 1 give logits of masks, (n, 1, 160, 160)."""

    def __init__(self) -> None:
        super().__init__()
        first, *rest = WIDTHS
        self.stem = _block(3, first, stride=2, kernel=5)
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in zip(WIDTHS, rest, strict=False)
        )
        self.up = nn.ModuleList(_block(b + a, a) for a, b in reversed(list(zip(WIDTHS, rest, strict=False))))
        self.head = nn.Conv2d(first, 4, 3, padding=1)  # four: one for each pixel of the twice as fine mask

    def forward(self, photos: Tensor) -> Tensor:
        maps = [self.stem((photos - 0.5) / 0.25)]
        for down in self.down:
            maps.append(down(maps[-1]))
        x = maps.pop()
        for up in self.up:
            x = up(torch.cat([F.interpolate(x, scale_factor=2.0), maps.pop()], 1))
        return F.pixel_shuffle(self.head(x), 2)


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


@dataclass(frozen=True)
class SegmentationSet:
    """Photos with the masks that a larger network gave them, to train on."""

    photos: np.ndarray  # (n, 160, 160, 3) uint8
    masks: np.ndarray  # (n, 160, 160) uint8, 0 background to 255 garment

    def take(self, index: np.ndarray) -> "SegmentationSet":
        """The examples at these positions, (k,) int."""
        return SegmentationSet(self.photos[index], self.masks[index])


@dataclass(frozen=True)
class SegmentationProgress:
    """How far the training of a segmenter is."""

    step: int
    steps: int
    loss: float
    overlap: float | None = None  # mean on the held-out examples, after an epoch


def fit_segmenter(
    network: Segmenter,
    examples: SegmentationSet,
    held_out: SegmentationSet,
    drawn: np.ndarray,
    epochs: int = 40,
    batch_size: int = BATCH,
    seed: int = 0,
    bf16: bool = False,
) -> Iterator[SegmentationProgress]:
    """Train a segmenter, yielding its progress after each step.

    Each batch is flipped, turned, scaled and recoloured; a third of its photos get the background of another photo,
    and an eighth are replaced by synthetic photos.

    Args:
        network: trained in place.
        examples: to train on, at least one batch of them.
        held_out: to measure the overlap on after each epoch.
        drawn: (m, 28, 28) uint8; images of the data set for the synthetic photos.
        epochs: how many times to go through the examples.
        batch_size: at least 8.
        seed: of the order and the augmentation.
        bf16: whether to train in mixed precision.
    """
    generator = torch.Generator().manual_seed(seed)
    draw = np.random.default_rng(seed)
    backgrounds = _backgrounds(examples)
    steps = epochs * (len(examples.photos) // batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=WARMUP)
    network.to(memory_format=torch.channels_last).train()
    whole = len(examples.photos) // batch_size * batch_size
    order = np.concatenate([draw.permutation(len(examples.photos))[:whole] for _ in range(epochs)])
    for step, index in enumerate(order.reshape(steps, batch_size)):
        photos, masks = _tensors(examples.photos[index], examples.masks[index])
        swapped = torch.from_numpy(draw.random(batch_size) < 1 / 3)
        others = _picture_tensor(backgrounds[draw.integers(len(backgrounds), size=int(swapped.sum()))])
        photos[swapped] = photos[swapped] * masks[swapped] + others * (1 - masks[swapped])
        scenes = batch_size // 8
        background = backgrounds[draw.integers(len(backgrounds), size=scenes)]
        chosen = drawn[draw.integers(len(drawn), size=scenes)]
        photos[:scenes], masks[:scenes] = _scenes(chosen, background, draw)
        photos, masks = _distort(photos, masks, generator)
        with torch.autocast("cpu", torch.bfloat16, bf16):
            logits = network(photos.to(memory_format=torch.channels_last)).float()
        chance = logits.sigmoid()
        dice = 1 - (2 * (chance * masks).sum((1, 2, 3)) + 1) / ((chance + masks).sum((1, 2, 3)) + 1)
        loss = F.binary_cross_entropy_with_logits(logits, masks) + dice.mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        ends = (step + 1) % (steps // epochs) == 0
        yield SegmentationProgress(step + 1, steps, loss.item(), mean_overlap(network, held_out) if ends else None)
    network.eval()


def find_garment(network: Segmenter, picture: Image.Image) -> np.ndarray:
    """The mask `(160, 160) float32`, 0 background to 1 garment, of a picture of any size."""
    small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))
    return predict_masks(network, small[None])[0]


def predict_masks(network: Segmenter, photos: np.ndarray) -> np.ndarray:
    """The masks `(n, 160, 160) float32`, 0 to 1, of photos `(n, 160, 160, 3) uint8`."""
    with torch.inference_mode():
        batches = (network(_picture_tensor(photos[i : i + 32])) for i in range(0, len(photos), 32))
        return torch.cat([batch.sigmoid()[:, 0] for batch in batches]).numpy()


def write_segmenter(network: Segmenter, path: Path = WEIGHTS) -> None:
    """Store the network's weights as float16."""
    from safetensors.torch import save

    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    write_bytes(path, save(weights))


@lru_cache(maxsize=2)
def load_segmenter(path: Path = WEIGHTS) -> Segmenter:
    """The segmenter of that file, by default the shipped one. Raises RunBroken where it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = Segmenter()
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunBroken(f"{path} is missing or damaged ({error}): bring the file back.") from None
    return network.to(memory_format=torch.channels_last).eval()


def mean_overlap(network: Segmenter, examples: SegmentationSet) -> float:
    """The mean intersection over union of the network's masks and those of the examples, 0 to 1."""
    learning = network.training
    found = predict_masks(network.eval(), examples.photos)
    network.train(learning)
    return float(np.mean([overlap(a, b / 255) for a, b in zip(found, examples.masks, strict=True)]))


def _picture_tensor(photos: np.ndarray) -> Tensor:
    return torch.tensor(photos).permute(0, 3, 1, 2).float().div(255)


def _tensors(photos: np.ndarray, masks: np.ndarray) -> tuple[Tensor, Tensor]:
    return _picture_tensor(photos), torch.tensor(masks)[:, None].float().div(255)


def _backgrounds(examples: SegmentationSet) -> np.ndarray:
    """The photos with what the masks cover filled in from around it."""
    filled = np.empty_like(examples.photos)
    for start in range(0, len(filled), 64):
        photos, masks = _tensors(examples.photos[start : start + 64], examples.masks[start : start + 64])
        free = (masks < 0.1).float()
        colours, weights = (F.avg_pool2d(each, 16) for each in (photos * free, free))
        for _ in range(SIDE // 16):  # what is free spreads into what is not
            known = weights > 0.05
            colours, weights = (
                torch.where(known, each, F.avg_pool2d(F.pad(each, (1, 1, 1, 1), "replicate"), 3, 1))
                for each in (colours, weights)
            )
        around = F.interpolate(colours / weights.clamp(min=1e-3), size=(SIDE, SIDE), mode="bilinear").clamp(0, 1)
        both = photos * free + around * (1 - free)
        filled[start : start + 64] = both.mul(255).byte().permute(0, 2, 3, 1).numpy()
    return filled


def _scenes(images: np.ndarray, backgrounds: np.ndarray, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Images of the data set as if photographed, half of them on a page, half on another photo's background."""
    scenes = [
        draw_scene(image, draw, SIDE, background if draw.random() < 0.5 else None)
        for image, background in zip(images, backgrounds, strict=True)
    ]
    photos = np.stack([photo for photo, _ in scenes])
    return _tensors(photos, np.stack([(255 * mask).astype(np.uint8) for _, mask in scenes]))


def _distort(photos: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Another place, angle, size and light for each photo, the mask moving with it."""
    n = len(photos)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    angle, mirror = draw(-0.35, 0.35), torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    across, along = draw(0.75, 1.15), draw(0.75, 1.15)
    cosine, sine = angle.cos(), angle.sin()
    x = torch.stack([cosine * across * mirror, -sine * along, draw(-0.15, 0.15)], 1)
    y = torch.stack([sine * across * mirror, cosine * along, draw(-0.15, 0.15)], 1)
    grid = F.affine_grid(torch.stack([x, y], 1), [n, 1, SIDE, SIDE], align_corners=False)
    photos = F.grid_sample(photos, grid, padding_mode="reflection", align_corners=False)
    masks = F.grid_sample(masks, grid, padding_mode="reflection", align_corners=False)
    grey = photos.mean(1, keepdim=True)
    photos = grey + (photos - grey) * draw(0.3, 1.5, 1, 1, 1)
    slope = torch.linspace(-1, 1, SIDE)
    light = 1 + draw(-0.2, 0.2, 1, 1, 1) * slope + draw(-0.2, 0.2, 1, 1, 1) * slope[:, None]
    photos = (photos * light * draw(0.6, 1.3, 1, 1, 1) * draw(0.9, 1.1, 3, 1, 1)).clamp(0, 1)
    return photos.pow(draw(0.7, 1.4, 1, 1, 1)) + torch.randn(photos.shape, generator=generator) * 0.01, masks
