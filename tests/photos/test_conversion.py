"""Photos converted step by step, on pictures drawn here."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from fmexplore.errors import ConfigError
from fmexplore.photos.conversion import BLACK, OURS, WAYS, Conversion, convert, turn_and_crop
from fmexplore.photos.files import open_photo
from fmexplore.photos.foreground import WHITE, Stroke, foreground_box
from tests.photos.pictures import colour_at, pack, two_halves

NAMES = ["upright", "foreground", "trim", "resize", "sharpen", "centre", "negate", "grey"]


def never(picture: Image.Image) -> np.ndarray:
    raise AssertionError("the network must not be asked")


def finder(left: float, top: float, right: float, bottom: float):
    """Finds a garment in that part of the picture, in a mask of 160 x 160."""

    def find(picture: Image.Image) -> np.ndarray:
        mask = np.zeros((160, 160), np.float32)
        mask[round(160 * top) : round(160 * bottom), round(160 * left) : round(160 * right)] = 1
        return mask

    return find


def nothing(picture: Image.Image) -> np.ndarray:
    return np.zeros((160, 160), np.float32)


def on_page(garment: tuple[int, int, int, int], size=(120, 160), grey: int = 40, page=WHITE) -> Image.Image:
    """A grey rectangle (left, top, right, bottom) on a page."""
    picture = Image.new("RGB", size, page)
    picture.paste((grey,) * 3, garment)
    return picture


def steps_of(photo: Image.Image, how: Conversion, find=never) -> dict:
    return {step.name: step for step in convert(photo, how, find).steps}


def test_transparency_is_the_mask_and_no_network_is_asked():
    picture = Image.new("RGBA", (100, 100), (200, 200, 200, 0))
    picture.paste((30, 30, 30, 255), (30, 20, 70, 80))
    converted = convert(open_photo(pack(picture, "PNG"), "cut.png"), OURS, never)
    assert converted.found == "alpha"
    assert foreground_box(converted.mask) == (30, 20, 70, 80)
    assert "transparency" in converted.steps[1].note
    assert converted.image[:, 0].max() == 0
    assert converted.image[14, 14] == pytest.approx(225, abs=3)


@pytest.mark.parametrize("colour", [WHITE, BLACK])
def test_a_picture_of_one_colour_is_converted_and_its_step_says_that_nothing_was_found(colour):
    converted = convert(open_photo(pack(Image.new("RGB", (90, 60), colour), "PNG"), "plain.png"), OURS, nothing)
    assert converted.found == "none"
    assert converted.mask is None
    step = converted.steps[1]
    assert step.note == "None was found: put the garment on a plain background, or paint over it."
    assert not step.done


# The seven steps of the data set's paper: known answers.


def test_a_rectangle_on_a_page_is_trimmed_reduced_centred_and_negated_exactly():
    photo = on_page((30, 50, 70, 106), grey=40)  # 40 x 56: halved
    converted = convert(photo, WAYS["seven"].replace(sharpen=False), never)
    wanted = np.zeros((28, 28), np.uint8)
    wanted[:, 4:24] = 255 - 40
    assert np.array_equal(converted.image, wanted)
    steps = {step.name: step for step in converted.steps}
    assert steps["trim"].picture.shape == (56, 40, 3)
    assert steps["resize"].picture.shape == (28, 20, 3)
    assert steps["centre"].picture.shape == (28, 28, 3)


def test_a_wide_garment_is_centred_from_top_to_bottom():
    image = convert(on_page((20, 30, 76, 58), grey=0), WAYS["seven"].replace(sharpen=False), never).image
    wanted = np.zeros((28, 28), np.uint8)
    wanted[7:21] = 255
    assert np.array_equal(image, wanted)


def test_rows_and_columns_are_left_out_where_a_smooth_reduction_takes_means():
    stripes = np.zeros((56, 56, 3), np.uint8)
    stripes[1::2] = 200  # every other row
    how = WAYS["seven"].replace(trim="none", sharpen=False, negate=False)
    skipped = convert(Image.fromarray(stripes), how, never).image
    assert len(np.unique(skipped)) == 1  # only rows of one kind are left
    assert skipped[0, 0] in (0, 200)
    smooth = convert(Image.fromarray(stripes), how.replace(resize="smooth"), never).image
    assert smooth[5:-5, 5:-5] == pytest.approx(np.full((18, 18), 100), abs=8)


@pytest.mark.parametrize(("grey", "shape"), [(243, (40, 30)), (242, (80, 60))])  # 5 % of 255 is 12.75
def test_edges_within_5_percent_of_the_colour_of_the_corners_are_trimmed(grey, shape):
    photo = on_page((30, 40, 90, 120), grey=grey)
    photo.paste((0, 0, 0), (45, 60, 75, 100))
    trimmed = steps_of(photo, WAYS["seven"])["trim"].picture
    assert trimmed.shape[:2] == shape


def test_margins_that_are_not_all_of_the_corners_colour_stay():
    photo = on_page((30, 40, 90, 120))
    ImageDraw.Draw(photo).point((60, 0), BLACK)  # one pixel of dirt
    assert steps_of(photo, WAYS["seven"])["trim"].picture.shape[:2] == (120, 60)


def test_the_corners_may_have_several_colours():
    photo = on_page((30, 40, 90, 120), grey=0)
    photo.paste((180, 150, 120), (0, 130, 120, 160))
    trimmed = steps_of(photo, WAYS["seven"])["trim"].picture
    assert trimmed.shape[:2] == (80, 60)


def test_sharpening_is_pillows_and_changes_edges_only():
    photo = on_page((0, 0, 60, 160), grey=100, page=(160,) * 3)
    how = WAYS["seven"].replace(trim="none", centre=False, negate=False)
    steps = steps_of(photo, how)
    assert steps["sharpen"].done
    wanted = Image.fromarray(steps["resize"].picture).filter(ImageFilter.UnsharpMask(1, 60, 0))
    assert np.array_equal(steps["sharpen"].picture, np.asarray(wanted))
    assert steps["sharpen"].picture[5, 13, 0] < 100
    assert steps["sharpen"].picture[5, 14, 0] > 160
    assert steps["sharpen"].picture[5, 2, 0] == 100


def test_squash_is_no_more_than_a_square_in_grey():
    converted = convert(on_page((30, 50, 70, 106)), WAYS["squash"], never)
    wanted = on_page((30, 50, 70, 106)).resize((28, 28), Image.Resampling.LANCZOS).convert("L")
    assert np.array_equal(converted.image, np.asarray(wanted))


# Ours, with a network that finds what it is told to.


def scene() -> Image.Image:
    """A dark rectangle (0.25 to 0.75 by 0.2 to 0.8) on a table: bright wood with a stripe."""
    photo = on_page((50, 40, 150, 160), (200, 200), 40, (190, 150, 110))
    photo.paste((120, 90, 60), (0, 0, 200, 10))
    return photo


FOUND = finder(0.25, 0.2, 0.75, 0.8)


def test_what_the_network_finds_is_set_on_black_cut_out_and_made_as_large_as_28_pixels():
    converted = convert(scene(), OURS.replace(sharpen=False), FOUND)
    assert converted.found == "network"
    assert converted.mask.shape == (200, 200)
    assert foreground_box(converted.mask) == (50, 40, 150, 160)
    filled = converted.image > 100
    assert foreground_box(filled.astype(float)) == (2, 0, 25, 28)  # 100 x 120: 23 x 28
    assert converted.image[:, :2].max() == converted.image[:, 25:].max() == 0
    assert converted.image[2:26, 4:23] == pytest.approx(np.full((24, 19), 215), abs=3)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_has_the_same_steps_and_ends_with_the_image(way):
    converted = convert(scene(), WAYS[way], FOUND)
    assert [step.name for step in converted.steps] == NAMES
    assert np.array_equal(converted.steps[-1].image, converted.image)
    for step in converted.steps:
        assert step.picture.dtype == step.image.dtype == np.uint8
        assert step.picture.shape[2:] == (3,)
        assert step.image.shape == (28, 28)
        assert step.title
        assert step.note.endswith(".")
    assert converted.image.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "first", "off"),
    [
        ({"foreground": "none"}, "foreground", "foreground"),
        ({"trim": "none"}, "trim", "trim"),
        ({"trim": "corners"}, "trim", None),  # the soft edge of the mask stays
        ({"resize": "skip"}, "resize", None),
        ({"sharpen": False}, "sharpen", "sharpen"),
        ({"centre": False}, "resize", "centre"),  # its shape is lost when it is reduced
        ({"turn": 90}, "upright", None),
        ({"crop": (0.1, 0, 1, 1)}, "upright", None),
    ],
    ids=str,
)
def test_a_switch_changes_nothing_before_its_step(change, first, off):
    photo = scene().filter(ImageFilter.GaussianBlur(1))
    before, after = steps_of(photo, OURS, FOUND), steps_of(photo, OURS.replace(**change), FOUND)
    same = [name for name in NAMES if np.array_equal(before[name].picture, after[name].picture)]
    place = NAMES.index(first)
    assert same[:place] == NAMES[:place]
    assert first not in same
    assert "grey" not in same
    switched = [name for name in NAMES if before[name].done and not after[name].done]
    assert switched == ([off] if off else [])


def test_without_negation_the_background_is_black_all_the_same_and_the_garment_stays_dark():
    plain, negated = (convert(scene(), OURS.replace(negate=negate), FOUND) for negate in (False, True))
    assert plain.image[:, 0].max() == negated.image[:, 0].max() == 0
    assert plain.image[14, 14] == pytest.approx(40, abs=3)
    assert negated.image[14, 14] == pytest.approx(215, abs=3)
    done = [next(s.done for s in each.steps if s.name == "negate") for each in (plain, negated)]
    assert done == [False, True]


def test_where_the_network_finds_none_the_border_is_asked_and_the_note_says_so():
    converted = convert(on_page((50, 40, 150, 160), (200, 200)), OURS, nothing)
    assert converted.found == "border"
    assert converted.steps[1].note.startswith("The network found none, so it is what differs in colour")
    assert foreground_box(converted.mask) == pytest.approx((50, 40, 150, 160), abs=2)


def test_where_the_border_is_wanted_the_network_is_not_asked():
    converted = convert(on_page((50, 40, 150, 160), (200, 200)), OURS.replace(foreground="border"), never)
    assert converted.found == "border"
    assert converted.steps[1].note == "It is what differs in colour from the border of the photo."


def test_where_transparency_is_wanted_and_there_is_none_the_border_is_asked():
    assert convert(scene(), OURS.replace(foreground="alpha"), never).found == "border"


def test_where_none_is_wanted_nothing_is_looked_for():
    converted = convert(scene(), OURS.replace(foreground="none"), never)
    assert (converted.found, converted.mask) == ("none", None)
    assert converted.steps[1].note == "Switched off: the background stays."


def test_a_stroke_adds_to_the_garment_and_another_takes_away():
    photo = scene()
    more = Stroke(points=((0.1, 0.5), (0.25, 0.5)), radius=0.05)
    less = Stroke(points=((0.5, 0.5),), radius=0.05, keep=False)
    converted = convert(photo, OURS.replace(strokes=(more, less)), FOUND)
    assert converted.mask[100, 25] == 1
    assert converted.mask[100, 100] == 0
    assert converted.mask[60, 60] == 1
    assert converted.steps[1].note == "Found by a small network trained for that. Corrected by hand."
    assert foreground_box(converted.mask)[0] < 25


def test_a_later_stroke_covers_an_earlier_one():
    add, remove = (Stroke(points=((0.5, 0.5),), radius=0.1, keep=keep) for keep in (True, False))
    assert convert(scene(), OURS.replace(strokes=(add, remove)), FOUND).mask[100, 100] == 0
    assert convert(scene(), OURS.replace(strokes=(remove, add)), FOUND).mask[100, 100] == 1


def test_a_garment_can_be_painted_where_nothing_is_looked_for():
    stroke = Stroke(points=((0.5, 0.3), (0.5, 0.7)), radius=0.1)
    converted = convert(scene(), OURS.replace(foreground="none", strokes=(stroke,)), never)
    assert converted.steps[1].note == "Painted by hand."
    assert converted.steps[1].done
    assert foreground_box(converted.mask) == pytest.approx((80, 40, 120, 160), abs=2)


def test_all_of_the_garment_painted_over_leaves_an_empty_picture():
    stroke = Stroke(points=((0, 0.5), (1, 0.5)), radius=0.5, keep=False)
    converted = convert(scene(), OURS.replace(strokes=(stroke,)), FOUND)
    assert converted.mask.max() == 0
    assert converted.image.max() == 0


# Turned and cut.


@pytest.mark.parametrize(
    ("turn", "size", "red"), [(0, (80, 40), (0.1, 0.5)), (90, (40, 80), (0.5, 0.1)), (180, (80, 40), (0.9, 0.5))]
)
def test_a_photo_is_turned_clockwise(turn, size, red):
    turned, note = turn_and_crop(two_halves(), Conversion(turn=turn))
    assert turned.size == size
    assert colour_at(turned, *red) == "red"
    assert colour_at(turned, 1 - red[0], 1 - red[1]) == "blue"
    assert note == (f"Turned by {turn} degrees." if turn else "As the camera says it was held.")


def test_what_is_cut_is_counted_on_the_turned_photo():
    cut, note = turn_and_crop(two_halves(), Conversion(turn=270, crop=(0, 0, 1, 0.25)))
    assert cut.size == (40, 20)
    assert {colour_at(cut, x, 0.5) for x in (0.1, 0.9)} == {"blue"}
    assert note == "Turned by 270 degrees and cut to the box that was drawn."


def test_the_network_sees_the_photo_as_it_was_turned_and_cut():
    seen = []

    def find(picture: Image.Image) -> np.ndarray:
        seen.append(picture)
        return FOUND(picture)

    how = OURS.replace(turn=90, crop=(0, 0.5, 1, 1))
    converted = convert(two_halves(), how, find)
    assert [each.size for each in seen] == [(40, 40)]
    assert colour_at(seen[0], 0.5, 0.5) == "blue"
    assert converted.mask.shape == (40, 40)


def test_of_a_small_photo_at_least_a_pixel_is_cut_out():
    small = Image.new("RGB", (28, 28), "red")
    cut, _ = turn_and_crop(small, Conversion(crop=(0.49, 0.98, 0.51, 1)))
    assert cut.size == (1, 1)


@pytest.mark.parametrize("crop", [(0.5, 0, 0.51, 1), (0, 0.3, 1, 0.3), (0.8, 0, 0.2, 1)])
def test_a_crop_that_is_too_thin_is_refused(crop):
    with pytest.raises(ConfigError, match=r"crop is \(.*left, top, right, bottom, at least 0.02 apart"):
        OURS.replace(crop=crop)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"turn": 45}, "turn"),
        ({"crop": (-0.1, 0, 1, 1)}, "crop"),
        ({"foreground": "magic"}, "foreground"),
        ({"strokes": [{"points": [], "radius": 0.1}]}, "points"),
        ({"strokes": [{"points": [[0.5, 2]]}]}, "points"),
        ({"strokes": [{"points": [[0.5, 0.5]], "radius": 0}]}, "radius"),
    ],
    ids=str,
)
def test_other_settings_that_make_no_sense_are_named(change, field):
    with pytest.raises(ConfigError, match=field):
        OURS.replace(**change)


def test_a_conversion_comes_back_from_json():
    how = OURS.replace(turn=90, crop=(0.1, 0.2, 0.9, 1), strokes=(Stroke(points=((0.5, 0.5),)),))
    assert Conversion.parse(how.model_dump(mode="json")) == how
