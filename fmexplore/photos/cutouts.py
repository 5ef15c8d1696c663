"""Labelled photos as training images: garments are cut out once, then augmented as photos of clothes vary.

Knows Pillow and arrays; the training itself is `loop.train`, which gets them as additional images.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from fmexplore.data.fashion_mnist import Split
from fmexplore.photos.conversion import OURS, Conversion, convert, turn_and_crop
from fmexplore.photos.files import load_photo
from fmexplore.photos.foreground import Finder, as_alpha, find_foreground, foreground_box
from fmexplore.photos.labelled import LabelledPhoto
from fmexplore.training.config import Augmentation, RunConfig
from fmexplore.training.presets import MUON

CUT_SIDE = 84  # of a garment that has been cut out: three times what the network sees
MARGIN = 0.08  # around it, so that a mask can be too large
LENIENT = 0.15  # share of a target that goes to labels that are only defensible
VARIED = Conversion(foreground="alpha")
TRAINING = MUON.replace(
    epochs=8,
    learning_rate=0.05,
    rest_learning_rate=0.005,
    label_smoothing=0.05,
    augmentation=Augmentation(flip="alternating", erasing=0.25),
)
TEACHING = TRAINING.replace(epochs=2, learning_rate=0.01, rest_learning_rate=0.001, snapshots=0)
VARIANTS = 1500  # augmented images of all photos together, when a run is fine-tuned on a few
REHEARSED = 3000  # images of the data set among them, so that the run does not forget them


def teaching_config(parent: RunConfig) -> RunConfig:
    """How a copy of a run with that configuration is fine-tuned on a few photos; it keeps the parent's split."""
    training = TEACHING.replace(**asdict(parent.training.split_config))
    return RunConfig(preset="taught", model=parent.model, training=training)


def cut_out(photo: Image.Image, find: Finder, how: Conversion = OURS) -> Image.Image:
    """The garment of a photo with a small margin: RGBA, at most 84 pixels a side, transparent outside the mask.

    Args:
        photo: RGB or RGBA, as `files.open_photo` gives it.
        find: the network that finds the garment, as in `conversion.convert`.
        how: the settings of the conversion.
    """
    photo, _ = turn_and_crop(photo, how)
    mask, _, _ = find_foreground(photo, how.foreground, find, how.strokes)
    if mask is None:
        mask = np.ones(photo.size[::-1], np.float32)
    left, top, right, bottom = foreground_box(mask) or (0, 0, *photo.size)
    margin = round(MARGIN * max(right - left, bottom - top))
    box = (left - margin, top - margin, right + margin, bottom + margin)
    page = photo.convert("RGB")
    if not how.negate:  # it is bright already, and variants are negated
        page = ImageOps.invert(page)
    page, alpha = page.crop(box), as_alpha(mask).crop(box)
    for part in (page, alpha):  # together, Pillow would blacken what is transparent
        part.thumbnail((CUT_SIDE, CUT_SIDE), Image.Resampling.BOX)
    page.putalpha(alpha)
    return page


def vary(garment: Image.Image, draw: np.random.Generator) -> np.ndarray:
    """A random variant of a cut-out garment: moved, lit and masked differently, then converted to an image.

    Args:
        garment: RGBA, as `cut_out` gives it.
        draw: source of random numbers.

    Returns:
        (28, 28) uint8.
    """
    garment = _move(garment, draw)
    garment.putalpha(_corrupt_mask(garment.getchannel("A"), draw))
    if np.asarray(garment.getchannel("A")).max() < 128:
        return np.zeros((28, 28), np.uint8)
    garment = _light(garment, draw)
    how = VARIED.replace(sharpen=bool(draw.random() < 0.8), negate=bool(draw.random() < 0.93))
    return convert(garment, how, lambda _: np.zeros((1, 1))).image


def cut_out_all(
    photos: Sequence[LabelledPhoto], find: Finder, report: Callable[[float], None] = lambda _: None
) -> list[Image.Image]:
    """Cut out the garments of all photos.

    Args:
        photos: the files to read.
        find: the network that finds the garment, as in `conversion.convert`.
        report: called with the share of the work that is done, 0 to 1.

    Raises:
        PhotoError: a file cannot be read or is no usable picture.
    """
    found = []
    for number, photo in enumerate(photos):
        found.append(cut_out(load_photo(photo.path), find))
        report((number + 1) / len(photos))
    return found


def vary_all(
    garments: Sequence[Image.Image],
    targets: np.ndarray,
    times: int,
    seed: int = 0,
    report: Callable[[float], None] = lambda _: None,
) -> Split:
    """Random variants of garments, as training images with soft targets.

    Args:
        garments: n pictures, as `cut_out` gives them.
        targets: (n, 10) float; the probabilities to learn for each garment.
        times: how many variants to make of each.
        seed: of the variants.
        report: called with the share of the work that is done, 0 to 1.

    Returns:
        times * n images with their targets.
    """
    draw = np.random.default_rng(seed)
    images = np.empty((times, len(garments), 28, 28), np.uint8)
    for each in range(times):
        for number, garment in enumerate(garments):
            images[each, number] = vary(garment, draw)
        report((each + 1) / times)
    wanted = np.tile(targets, (times, 1)).astype(np.float32)
    return Split(images.reshape(-1, 28, 28), wanted.argmax(1).astype(np.uint8), wanted)


def _move(garment: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Turn, shear and stretch the garment at random."""
    width, height = garment.size
    side = round(1.3 * max(width, height))
    angle = np.radians(np.clip(draw.normal(0, 9), -30, 30))
    stretch, shear = np.exp(draw.normal(0, 0.09)), draw.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.linalg.inv(turn @ np.array([[stretch, shear], [0, 1 / stretch]]))
    offset = np.array([width, height]) / 2 - back @ np.array([side, side]) / 2
    values = (*back[0], offset[0], *back[1], offset[1])
    moved, alpha = (
        part.transform((side, side), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR)
        for part in (garment.convert("RGB"), garment.getchannel("A"))
    )
    moved.putalpha(alpha)
    return moved


def _corrupt_mask(mask: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Spoil a mask at random, as a network may: too narrow, too wide, or without a part."""
    kind = draw.random()
    if kind < 0.15:
        mask = mask.filter(ImageFilter.MinFilter(3))
    elif kind < 0.4:
        mask = mask.filter(ImageFilter.MaxFilter(int(draw.choice([3, 5]))))
    if draw.random() < 0.15:
        left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
        across, along = (round(draw.uniform(0.03, 0.15) * each) for each in (right - left, bottom - top))
        strips = [
            (left, top, left + across, bottom),
            (right - across, top, right, bottom),
            (left, top, right, top + along),
            (left, bottom - along, right, bottom),
        ]
        mask.paste(0, strips[draw.integers(4)])
    return mask


def _light(garment: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Change colours, light and sharpness at random."""
    mask = garment.getchannel("A")
    values = np.asarray(garment.convert("RGB"), np.float32) / 255
    if draw.random() < 0.5:  # a garment of another colour has another grey
        values = np.repeat((values @ draw.dirichlet([1.2, 1.2, 1.2]))[..., None], 3, -1)
    values = values ** np.exp(draw.normal(0, 0.25))
    values = (values - 0.5) * np.exp(draw.normal(0, 0.2)) + 0.5 + draw.normal(0, 0.08)
    light = draw.normal(0, 0.08, 2)
    side = np.linspace(-1, 1, values.shape[0])
    values = values * (1 + light[0] * side[:, None, None] + light[1] * side[None, :, None])
    lit = Image.fromarray((values.clip(0, 1) * 255).astype(np.uint8))
    if draw.random() < 0.15:
        lit = lit.filter(ImageFilter.GaussianBlur(draw.uniform(0.5, 2)))
    lit.putalpha(mask)
    return lit
