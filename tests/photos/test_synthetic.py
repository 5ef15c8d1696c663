"""Images of the data set as if photographed, and the way back: what a run says of the photo."""

import numpy as np
import pytest
from PIL import Image

from fmexplore.analysis.images import predict_images
from fmexplore.analysis.photos import find_mask, recognize
from fmexplore.analysis.task import NullProgress
from fmexplore.photos.conversion import OURS, convert
from fmexplore.photos.foreground import overlap
from fmexplore.photos.synthetic import draw_scene, outline
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings


def bag(grey: int = 180) -> np.ndarray:
    """A bright frame with a black middle."""
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 4:24] = grey
    image[11:17, 9:19] = 0
    return image


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("side", [64, 160, 320])
def test_a_scene_and_its_mask_have_the_side_that_was_asked_for(side):
    scene, mask = draw_scene(bag(), rng(), side)
    assert (scene.shape, scene.dtype) == ((side, side, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((side, side), np.float32)
    assert mask.min() == 0
    assert mask.max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_mask_is_where_the_scene_differs_from_its_background(seed):
    background = np.full((160, 160, 3), (20, 200, 240), np.uint8)
    scene, mask = draw_scene(bag(), rng(seed), 160, background)
    differs = np.abs(scene.astype(int) - background).max(2) > 100  # half of it
    assert overlap(mask, differs.astype(float)) > 0.95
    assert np.array_equal(scene[mask == 0], background[mask == 0])


def test_what_is_bright_on_the_image_is_dark_on_the_photo_and_the_page_is_bright():
    scene, mask = draw_scene(bag(220), rng())
    grey = scene.mean(2)
    assert grey[mask == 0].mean() > 170
    whole = np.zeros((28, 28), np.uint8)
    whole[6:22, 4:24] = 220
    scene, mask = draw_scene(whole, rng())
    assert scene.mean(2)[mask == 1].mean() < 60


def test_dark_parts_inside_a_garment_belong_to_it_and_are_bright_on_the_photo():
    scene, mask = draw_scene(bag(255), rng())
    inside = scene.mean(2)[mask == 1]
    assert inside.min() < 10  # the frame
    assert inside.max() > 180  # its middle
    solid = bag()
    solid[6:22, 4:24] = 180
    _, filled = draw_scene(solid, rng())
    assert overlap(mask, filled) == 1


def test_the_same_generator_draws_the_same_scene_and_another_one_another():
    one, again, other = (draw_scene(bag(), rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one[0], again[0])
    assert np.array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])
    assert overlap(one[1], other[1]) < 0.95


def test_scenes_from_one_generator_differ():
    draw = rng()
    masks = [draw_scene(bag(), draw)[1] for _ in range(5)]
    assert all(overlap(masks[0], mask) < 0.95 for mask in masks[1:])


def test_neither_the_image_nor_the_background_is_changed():
    image, background = bag(), np.full((160, 160, 3), 90, np.uint8)
    draw_scene(image, rng(), 160, background)
    assert np.array_equal(image, bag())
    assert set(np.unique(background)) == {90}


# Outlines.


def test_the_outline_includes_dark_parts_inside():
    found = outline(bag())
    wanted = np.zeros((28, 28), bool)
    wanted[6:22, 4:24] = True
    assert found.dtype == bool
    assert np.array_equal(found, wanted)


def test_the_outline_reaches_the_edge_of_the_image():
    image = np.zeros((28, 28), np.uint8)
    image[:, 6:22] = 100
    assert np.array_equal(outline(image), image > 0)


def test_what_is_nearly_black_is_not_in_the_outline():
    image = bag()
    image[:4] = 8
    assert np.array_equal(outline(image), outline(bag()))


# The way back.


@pytest.mark.slow
@pytest.mark.real
def test_a_run_says_of_a_photographed_image_what_it_says_of_the_image(real):
    images, draw = real.test.images[:200], rng()
    scenes = (Image.fromarray(draw_scene(image, draw, 320)[0]) for image in images)
    back = np.stack([convert(scene, OURS, find_mask).image for scene in scenes])
    run = RunStore(Settings()).find("quick")
    said, wanted = recognize(NullProgress(), run, back)[0], predict_images(NullProgress(), run, images)[0]
    assert (said.argmax(1) == wanted.argmax(1)).mean() >= 0.9
