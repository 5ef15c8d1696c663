"""The network that finds the garment on a photo: shapes, training on drawn photos, its file, the shipped one."""

import numpy as np
import pytest
import torch
from PIL import Image

from fmexplore.errors import RunBroken
from fmexplore.photos import segmentation
from fmexplore.photos.foreground import overlap
from fmexplore.photos.segmentation import (
    SIDE,
    WEIGHTS,
    SegmentationSet,
    Segmenter,
    find_garment,
    fit_segmenter,
    load_segmenter,
    predict_masks,
    write_segmenter,
)
from fmexplore.photos.synthetic import draw_scene

pytestmark = pytest.mark.slow


def draw_examples(count: int, seed: int = 0) -> SegmentationSet:
    """Bright rectangles on dark ground."""
    rng = np.random.default_rng(seed)
    photos = rng.integers(20, 60, (count, SIDE, SIDE, 3)).astype(np.uint8)
    masks = np.zeros((count, SIDE, SIDE), np.uint8)
    for photo, mask in zip(photos, masks, strict=True):
        left, top = rng.integers(20, 60, 2)
        width, height = rng.integers(50, 80, 2)
        photo[top : top + height, left : left + width] = rng.integers(180, 250, 3)
        mask[top : top + height, left : left + width] = 255
    return SegmentationSet(photos, masks)


def drawn_images() -> np.ndarray:
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 5:24, 7:21] = 200
    return images


@pytest.fixture
def network() -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Segmenter().eval()


@pytest.fixture(scope="module")
def taught() -> tuple[Segmenter, list, SegmentationSet, float]:
    """A network, what was said while it was taught for 15 steps, and held-out examples with the overlap before."""
    examples, held_out = draw_examples(24), draw_examples(8, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Segmenter()
    before = segmentation.mean_overlap(network, held_out)
    said = list(fit_segmenter(network, examples, held_out, drawn_images(), epochs=5, batch_size=8))
    return network, said, held_out, before


# Shapes.


def test_a_logit_is_given_for_each_pixel(network):
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 1, SIDE, SIDE)


def test_masks_are_soft_and_found_photo_by_photo(network):
    photos = draw_examples(34).photos  # more than one batch
    masks = predict_masks(network, photos)
    assert masks.shape == (34, SIDE, SIDE)
    assert masks.dtype == np.float32
    assert masks.min() > 0
    assert masks.max() < 1
    assert np.abs(masks[33] - predict_masks(network, photos[33:])[0]).max() < 1e-4


@pytest.mark.parametrize(("mode", "size"), [("RGB", (480, 360)), ("RGBA", (30, 200)), ("L", (28, 28))])
def test_a_picture_of_any_size_has_a_mask(network, mode, size):
    assert find_garment(network, Image.new(mode, size)).shape == (SIDE, SIDE)


def test_examples_are_taken_with_their_masks():
    examples = draw_examples(5)
    few = examples.take(np.array([4, 1]))
    assert np.array_equal(few.photos, examples.photos[[4, 1]])
    assert np.array_equal(few.masks, examples.masks[[4, 1]])


# Teaching.


def test_it_learns_to_find_what_is_bright(taught):
    network, said, held_out, before = taught
    losses = [each.loss for each in said]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert said[-1].overlap > before + 0.15
    assert segmentation.mean_overlap(network, held_out) == pytest.approx(said[-1].overlap, abs=0.01)


def test_each_step_is_told_and_after_each_epoch_the_overlap(taught):
    said = taught[1]
    assert [(each.step, each.steps) for each in said] == [(step, 15) for step in range(1, 16)]
    assert [each.step for each in said if each.overlap is not None] == [3, 6, 9, 12, 15]


def test_a_taught_network_is_ready_to_be_asked(taught):
    assert not taught[0].training


def test_the_same_seed_teaches_the_same():
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(3)
        progress = next(fit_segmenter(Segmenter(), draw_examples(8), draw_examples(1), drawn_images(), 1, 8, seed))
        losses.append(progress.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] != pytest.approx(losses[2], rel=1e-4)


def test_training_does_not_change_the_examples():
    examples, before = draw_examples(8), draw_examples(8)
    list(fit_segmenter(Segmenter(), examples, draw_examples(1), drawn_images(), 1, 8))
    assert np.array_equal(examples.photos, before.photos)
    assert np.array_equal(examples.masks, before.masks)


@pytest.mark.parametrize("learning", [True, False])
def test_a_network_that_is_judged_goes_on_as_it_was(network, learning):
    segmentation.mean_overlap(network.train(learning), draw_examples(2))
    assert network.training == learning


def test_it_is_judged_by_its_mean_overlap(monkeypatch, network):
    examples = draw_examples(4)
    empty = SegmentationSet(examples.photos, np.zeros_like(examples.masks))
    monkeypatch.setattr(segmentation, "predict_masks", lambda _, photos: (examples.masks / 255).astype(np.float32))
    assert segmentation.mean_overlap(network, examples) == 1
    assert segmentation.mean_overlap(network, empty) == 0


# Its file.


def test_a_network_comes_back_from_its_file(taught, tmp_path):
    network, _, held_out, _ = taught
    path = tmp_path / "folder" / "segmenter.safetensors"
    write_segmenter(network, path)
    back = load_segmenter(path)
    assert not back.training
    assert np.abs(predict_masks(back, held_out.photos) - predict_masks(network, held_out.photos)).max() < 0.02
    assert load_segmenter(path) is back


def damage_nothing(content: bytes) -> None:
    return None


@pytest.mark.parametrize(
    "damage",
    [damage_nothing, lambda content: content[:1000], lambda content: b"x" * 1000, lambda content: b""],
    ids=["missing", "cut off", "foreign", "empty"],
)
def test_a_file_that_is_missing_or_damaged_is_named(network, tmp_path, damage):
    path = tmp_path / "segmenter.safetensors"
    write_segmenter(network, path)
    content = damage(path.read_bytes())
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(RunBroken, match=r"segmenter\.safetensors is missing or damaged \(.*bring the file back\."):
        load_segmenter(path)


def test_weights_of_another_network_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"stem.0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(RunBroken, match=r"other\.safetensors is missing or damaged"):
        load_segmenter(tmp_path / "other.safetensors")


# The shipped one.


def test_the_shipped_file_is_small():
    assert WEIGHTS.stat().st_size < 2e6


@pytest.mark.parametrize("seed", range(6))
def test_the_shipped_one_finds_a_drawn_garment(seed):
    image = np.zeros((28, 28), np.uint8)
    image[3:26, 9:19] = 190  # a shirt
    image[4:11, 3:25] = 170
    scene, mask = draw_scene(image, np.random.default_rng(seed), SIDE)
    assert overlap(find_garment(load_segmenter(), Image.fromarray(scene)), mask) > 0.8
