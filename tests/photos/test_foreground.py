"""Masks of garments: cleaned, found by colour on drawn pictures, painted, compared; Otsu against brute force."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fmexplore.photos.foreground import LEAST, MOST, clean, differs_from_border, otsu, overlap, paint


def mask_of(*boxes: tuple[int, int, int, int], side: int = 100) -> np.ndarray:
    """Ones in boxes of left, top, right, bottom."""
    mask = np.zeros((side, side), np.float32)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def draw_shirt(background: Image.Image, colour: tuple[int, int, int]) -> tuple[Image.Image, np.ndarray]:
    """A T-shirt in the middle of a background, and its true mask."""
    width, height = background.size
    points = [(0.25, 0.2), (0.42, 0.2), (0.5, 0.25), (0.58, 0.2), (0.75, 0.2), (0.88, 0.4), (0.76, 0.47)]
    points += [(0.7, 0.4), (0.7, 0.85), (0.3, 0.85), (0.3, 0.4), (0.24, 0.47), (0.12, 0.4)]
    places, truth = [(x * width, y * height) for x, y in points], Image.new("L", background.size)
    ImageDraw.Draw(background).polygon(places, colour)
    ImageDraw.Draw(truth).polygon(places, 255)
    return background, np.asarray(truth, np.float32) / 255


def noisy(picture: Image.Image, deviation: float = 4) -> Image.Image:
    values = np.asarray(picture, float)
    values += np.random.default_rng(0).normal(0, deviation, values.shape)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def found_overlap(picture: Image.Image, truth: np.ndarray) -> float:
    """Overlap at the size of the found mask."""
    found = differs_from_border(picture)
    shrunk = Image.fromarray(truth).resize(found.shape[::-1], Image.Resampling.BOX)
    return overlap(found, np.asarray(shrunk))


# Cleaning.


def test_a_clean_mask_stays_as_it_is():
    mask = mask_of((30, 20, 70, 80))
    assert np.array_equal(clean(mask), mask)
    assert clean(mask).dtype == np.float32


def test_specks_are_dropped_and_holes_are_filled():
    whole = mask_of((30, 20, 70, 80))
    dirty = whole + mask_of((3, 3, 6, 6), (90, 90, 94, 94))
    dirty[40:50, 45:55] = 0
    assert np.array_equal(clean(dirty), whole)


def test_a_bay_that_is_open_to_the_outside_is_no_hole():
    mask = mask_of((20, 20, 45, 80), (45, 20, 55, 40), (55, 20, 80, 80))  # trousers
    assert np.array_equal(clean(mask), mask)


def test_both_shoes_of_a_pair_are_kept_and_a_smaller_piece_is_not():
    pair = mask_of((10, 30, 40, 80), (60, 30, 85, 80))
    assert np.array_equal(clean(pair + mask_of((45, 5, 55, 25))), pair)  # 200 of 1,500 pixels: under 15 %
    larger = pair + mask_of((45, 2, 55, 25))  # 230
    assert np.array_equal(clean(larger), larger)


def test_soft_edges_near_the_garment_stay_soft_and_those_elsewhere_go():
    mask = mask_of((30, 20, 70, 80))
    mask[20:80, 70] = 0.4
    wanted = mask.copy()
    mask[20:80, 90] = 0.4
    assert np.array_equal(clean(mask), wanted)


@pytest.mark.parametrize(("side", "kept"), [(0, False), (11, False), (14, True), (98, True), (99, False), (100, False)])
def test_what_is_too_small_or_too_large_is_no_garment(side, kept):
    assert kept == (LEAST <= side**2 / 100**2 <= MOST)
    assert (clean(mask_of((0, 0, side, side))) is not None) == kept


def test_holes_count_when_the_size_is_judged():
    frame = mask_of((0, 0, 100, 100))
    frame[1:99, 1:99] = 0  # 4 % of the picture, and all of it once it is filled
    assert clean(frame) is None


# Colours.


@pytest.mark.parametrize(
    ("background", "garment"),
    [
        ((250, 250, 250), (30, 30, 40)),
        ((20, 20, 20), (230, 225, 210)),
        ((40, 120, 60), (200, 60, 50)),
        ((150, 150, 150), (150, 110, 190)),  # as bright, of another colour
    ],
)
def test_a_garment_is_found_on_a_plain_background(background, garment):
    picture, truth = draw_shirt(Image.new("RGB", (300, 400), background), garment)
    assert found_overlap(noisy(picture), truth) > 0.9


def test_a_garment_is_found_where_the_background_has_two_colours():
    """A bright wall and a dark floor, and a garment of the mean of both."""
    background = Image.new("RGB", (400, 400), (240, 235, 225))
    background.paste((40, 30, 25), (0, 260, 400, 400))
    picture, truth = draw_shirt(background, (150, 140, 130))
    assert found_overlap(noisy(picture), truth) > 0.9


def test_the_mask_has_at_most_160_pixels_a_side_and_the_shape_of_the_picture():
    found = differs_from_border(draw_shirt(Image.new("RGB", (600, 300), "white"), (0, 0, 0))[0])
    assert found.shape == (80, 160)
    assert set(np.unique(found)) == {0, 1}


@pytest.mark.filterwarnings("error")
def test_a_border_of_fewer_than_three_colours_is_taken_without_complaint():
    background = Image.new("RGB", (100, 100), "white")
    background.paste((0, 0, 0), (0, 60, 100, 100))
    picture, truth = draw_shirt(background, (200, 30, 30))
    assert found_overlap(picture, truth) > 0.98


@pytest.mark.parametrize("size", [(28, 28), (5, 300), (300, 5)])
def test_small_and_narrow_pictures_have_a_mask_too(size):
    small = Image.new("RGB", size, "white")
    small.thumbnail((160, 160))
    assert differs_from_border(Image.new("RGB", size, "white")).shape == small.size[::-1]


def test_the_same_picture_has_the_same_mask():
    picture = noisy(draw_shirt(Image.new("RGB", (200, 200), (90, 140, 90)), (200, 180, 40))[0], 30)
    assert np.array_equal(differs_from_border(picture), differs_from_border(picture))


# Otsu.


def between(values: np.ndarray, threshold: float) -> float:
    """Variance between the two sides, from the values themselves."""
    low, high = values[values <= threshold], values[values > threshold]
    if not len(low) or not len(high):
        return 0.0
    return len(low) * len(high) / len(values) ** 2 * (low.mean() - high.mean()) ** 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_otsus_threshold_is_that_of_brute_force(seed, share):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(4000) < share, rng.normal(20, 4, 4000), rng.normal(60, 12, 4000))
    best = max(between(values, threshold) for threshold in np.sort(values)[:-1])
    assert between(values, otsu(values)) == pytest.approx(best, rel=0.002)


def test_otsus_threshold_parts_two_values_and_takes_one_without_complaint():
    values = np.repeat([3.0, 9.0], [90, 10])
    assert 3 < otsu(values) <= 9
    assert (values > otsu(values)).sum() == 10
    assert np.isfinite(otsu(np.full(50, 7.0)))


# Brush strokes.


def test_a_dot_is_a_disc_of_the_radius_at_its_place():
    painted = paint(np.zeros((100, 200), np.float32), [(0.25, 0.5)], 0.1, 1)
    rows, columns = np.mgrid[:100, :200]
    disc = (np.hypot(columns - 50, rows - 50) <= 20).astype(np.float32)
    assert painted.dtype == np.float32
    assert overlap(painted, disc) > 0.95


def test_a_stroke_goes_through_all_of_its_points():
    painted = paint(np.zeros((100, 100), np.float32), [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)], 0.05, 1)
    assert painted[10, 50] == painted[50, 90] == painted[10, 90] == 1
    assert painted[50, 50] == painted[90, 10] == 0
    assert painted[:, 50].sum() == pytest.approx(10, abs=2)  # twice the radius


def test_a_stroke_can_take_away_and_leaves_the_rest():
    mask = np.full((50, 50), 0.7, np.float32)
    painted = paint(mask, [(0.5, 0.5)], 0.1, 0)
    assert painted[25, 25] == 0
    assert set(np.unique(painted)) == {np.float32(0), np.float32(0.7)}
    assert np.all(mask == np.float32(0.7))


def test_the_finest_brush_still_paints_a_pixel():
    assert paint(np.zeros((20, 20), np.float32), [(0.5, 0.5)], 0.001, 1).sum() >= 1


# Overlap.


def test_the_overlap_is_the_intersection_over_the_union():
    assert overlap(mask_of((0, 0, 10, 10)), mask_of((5, 0, 15, 10))) == pytest.approx(1 / 3)
    assert overlap(mask_of((0, 0, 10, 10)), mask_of((50, 50, 60, 60))) == 0
    assert overlap(mask_of((0, 0, 10, 10)) * 0.6, mask_of((0, 0, 10, 10))) == 1
    assert overlap(mask_of((0, 0, 10, 10)) * 0.5, mask_of((0, 0, 10, 10))) == 0


def test_two_empty_masks_are_alike():
    assert overlap(mask_of(), mask_of()) == 1
