"""Garments cut out of photos and varied, to learn from."""

import numpy as np
import pytest
from PIL import Image

from fmexplore.photos.conversion import OURS, WAYS
from fmexplore.photos.cutouts import CUT_SIDE, MARGIN, cut_out, cut_out_all, vary, vary_all
from fmexplore.photos.foreground import Stroke
from fmexplore.photos.labelled import LabelledPhoto

GREEN, SHIRT = (60, 120, 60), (90, 60, 60)


def photo(box=(40, 60, 240, 220), size=(300, 300)) -> Image.Image:
    """A garment as a plain rectangle (left, top, right, bottom) on a lawn."""
    picture = Image.new("RGB", size, GREEN)
    picture.paste(SHIRT, box)
    return picture


def finder(box=(40, 60, 240, 220), size=(300, 300)):
    def find(picture: Image.Image) -> np.ndarray:
        mask = np.zeros(size[::-1], np.float32)
        mask[box[1] : box[3], box[0] : box[2]] = 1
        return mask

    return find


def never(picture: Image.Image) -> np.ndarray:
    raise AssertionError("the network must not be asked")


def garment(grey: int = 60, size=(84, 84), around: int = 200) -> Image.Image:
    """One that has been cut out: dark, opaque but for a margin."""
    width, height = size
    cut = Image.new("RGBA", size, (around, around, around, 0))
    cut.paste((grey, grey, grey, 255), (10, 8, width - 10, height - 8))
    return cut


# Cutting out.


def test_a_garment_is_cut_out_with_a_margin_at_a_side_of_84():
    cut = cut_out(photo(), finder())
    margin = round(MARGIN * 200)
    assert cut.mode == "RGBA"
    assert cut.size == (CUT_SIDE, round(CUT_SIDE * (160 + 2 * margin) / (200 + 2 * margin)))
    alpha = np.asarray(cut.getchannel("A"))
    scale = CUT_SIDE / (200 + 2 * margin)
    edge = round(margin * scale)
    assert alpha[:, : edge - 1].max() == alpha[: edge - 1].max() == 0
    assert alpha[edge + 1 : -edge - 1, edge + 1 : -edge - 1].min() == 255
    assert cut.getpixel((42, 30))[:3] == SHIRT
    assert cut.getpixel((1, 30))[:3] == GREEN  # what a mask that is too large would show


def test_a_small_garment_is_not_enlarged():
    cut = cut_out(photo((40, 60, 80, 100)), finder((40, 60, 80, 100)))
    assert cut.size == (46, 46)


def test_a_margin_beyond_the_photo_is_transparent():
    cut = cut_out(photo((0, 0, 300, 200)), finder((0, 0, 300, 200)))
    assert max(cut.size) == CUT_SIDE
    assert np.asarray(cut.getchannel("A"))[:, 0].max() == 0


def test_a_photo_in_which_nothing_is_found_is_taken_whole():
    cut = cut_out(Image.new("RGB", (100, 50), SHIRT), lambda _: np.zeros((50, 100), np.float32))
    alpha = np.asarray(cut.getchannel("A"))
    assert alpha[cut.height // 2, cut.width // 2] == 255
    assert (alpha > 128).mean() == pytest.approx(100 * 50 / (116 * 66), abs=0.03)


def test_what_was_turned_cut_and_painted_by_hand_is_cut_out_so():
    how = OURS.replace(turn=90, crop=(0, 0, 1, 0.5), foreground="none")
    how = how.replace(strokes=(Stroke(points=((0.5, 0.5),), radius=0.2),))
    cut = cut_out(photo(size=(100, 200)), never, how)
    assert cut.size == (84, 56)  # 92 x 62: a disc of 80 pixels of which the edges leave 50, with the margin
    alpha = np.asarray(cut.getchannel("A"))
    assert alpha[28, 42] == 255
    assert alpha[28, 2] == alpha[2, 42] == 0


def test_photos_of_a_folder_are_cut_out_one_after_the_other(tmp_path):
    shares, photos = [], []
    for number, box in enumerate([(40, 60, 240, 220), (40, 60, 240, 100)]):
        photo(box).save(tmp_path / f"{number}.png")
        photos.append(LabelledPhoto(tmp_path / f"{number}.png", frozenset({0})))
    found = cut_out_all(photos, finder(), shares.append)
    assert [each.size for each in found] == [cut_out(photo(), finder()).size] * 2
    assert shares == [0.5, 1]


# Varying.


def test_a_variant_is_an_image_as_those_of_the_data_set():
    found = vary(garment(), np.random.default_rng(0))
    assert (found.shape, found.dtype) == ((28, 28), np.uint8)


def test_variants_differ_and_the_same_generator_gives_the_same_ones():
    draw, again = np.random.default_rng(0), np.random.default_rng(0)
    first = [vary(garment(), draw) for _ in range(10)]
    assert all(np.array_equal(each, vary(garment(), again)) for each in first)
    assert len({each.tobytes() for each in first}) == 10


@pytest.mark.parametrize("size", [(84, 84), (40, 84), (84, 30)])
def test_the_garment_is_in_every_variant(size):
    """Nearly all are negated, so that what is dark is bright; the corners may be garment where it fills its box."""
    draw = np.random.default_rng(0)
    found = np.stack([vary(garment(40, size), draw) for _ in range(60)])
    inside = found[:, 12:16, 12:16].mean((1, 2))
    assert np.median(inside) > 150
    assert (inside > 100).mean() > 0.8
    assert found.reshape(60, -1).max(1).min() > 20


def test_a_narrow_garment_stays_narrow_on_black():
    draw = np.random.default_rng(0)
    found = np.stack([vary(garment(40, (44, 84)), draw) for _ in range(40)])
    assert np.median(found[:, :, [0, 1, 26, 27]]) == 0
    filled = [np.flatnonzero((each > 60).any(1)) for each in found]
    assert np.median([rows[-1] - rows[0] + 1 for rows in filled if len(rows)]) >= 27


def test_what_a_mask_that_is_too_wide_shows_is_the_background():
    """A bright garment before something bright is dark all over; every fourth mask is too wide."""
    draw = np.random.default_rng(0)
    found = np.stack([vary(garment(235, around=235), draw) for _ in range(100)])
    assert (found.max((1, 2)) < 170).mean() > 0.9  # the others are not negated


def test_the_garment_that_is_varied_is_not_changed():
    cut = garment()
    before = np.asarray(cut).copy()
    vary(cut, np.random.default_rng(0))
    assert np.array_equal(np.asarray(cut), before)


def test_a_garment_of_which_nothing_is_left_is_black():
    empty = Image.new("RGBA", (84, 84), (200, 200, 200, 0))
    assert vary(empty, np.random.default_rng(0)).max() == 0


def test_each_garment_has_its_target_in_every_round():
    targets = np.array([[0.7, 0, 0.3, *[0] * 7], np.full(10, 0.1), np.eye(10)[8]])
    shares = []
    found = vary_all([garment(), garment(120), garment(10)], targets, 4, report=shares.append)
    assert found.images.shape == (12, 28, 28)
    assert found.images.dtype == found.labels.dtype == np.uint8
    assert found.targets.dtype == np.float32
    assert found.targets == pytest.approx(np.concatenate([targets] * 4))
    assert found.labels.tolist() == [0, 0, 8] * 4
    assert shares == [0.25, 0.5, 0.75, 1]


def test_variants_of_a_garment_are_in_the_place_of_its_target():
    """A narrow and a wide one, told by how many rows they fill."""
    found = vary_all([garment(20, (36, 84)), garment(20, (84, 36))], np.eye(10)[[1, 8]], 10)
    rows = (found.images > 60).any(2).sum(1)
    assert np.median(rows[found.labels == 1]) > 1.4 * np.median(rows[found.labels == 8])


def test_the_seed_decides_about_the_variants():
    one, again, other = (vary_all([garment()], np.eye(10)[:1], 3, seed=seed).images for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_variants_of_what_is_not_negated_stay_bright_on_black():
    """Such as an image of the data set: nearly all variants are negated, so what they are made of is negated before."""
    picture = Image.new("RGB", (28, 28))
    picture.paste((240, 240, 240), (8, 2, 20, 26))
    garment = cut_out(picture, lambda _: np.zeros((1, 1)), WAYS["squash"])
    draw = np.random.default_rng(0)
    found = np.stack([vary(garment, draw) for _ in range(20)]).astype(int)
    darker = found[:, [0, -1]].mean((1, 2)) < found[:, 12:16, 12:16].mean((1, 2))
    assert darker.mean() > 0.8
