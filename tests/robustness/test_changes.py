"""Each change against a picture made by hand, and that its result follows from the image and its id alone."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from fmexplore.errors import ConfigError
from fmexplore.robustness import pictures
from fmexplore.robustness.changes import CHANGES, SEVERITIES, change_images, find_change

IDS = np.arange(60_000, 60_040)
EVERY = [(name, severity) for name, change in CHANGES.items() for severity in range(1, len(change.amounts) + 1)]


@pytest.fixture(scope="module")
def drawn_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(IDS), 28, 28)).astype(np.uint8)


def square(value: int = 200) -> np.ndarray:
    """Forty times a square of 8 x 8 in the middle, on black."""
    images = np.zeros((len(IDS), 28, 28), np.uint8)
    images[:, 10:18, 10:18] = value
    return images


def test_there_are_fifteen_with_five_severities_and_three_with_one():
    five = "gain offset gamma gradient contrast rotation shift scale shear noise blur pixelate jpeg occlude texture"
    assert [name for name, change in CHANGES.items() if len(change.amounts) == SEVERITIES] == five.split()
    assert [name for name, change in CHANGES.items() if len(change.amounts) == 1] == ["mirror", "upside-down", "invert"]
    assert len(EVERY) == 78
    assert all(change.explanation.endswith(".") and change.unit for change in CHANGES.values())


@pytest.mark.parametrize(("name", "severity"), EVERY)
def test_it_is_the_same_in_any_batch_order_and_thread(drawn_images, name, severity):
    whole = change_images(drawn_images, IDS, name, severity)
    assert (whole.dtype, whole.shape) == (np.uint8, drawn_images.shape)
    assert not np.array_equal(whole, drawn_images)
    order = np.random.default_rng(1).permutation(len(IDS))
    with ThreadPoolExecutor(2) as pool:
        parts = list(
            pool.map(lambda part: change_images(drawn_images[part], IDS[part], name, severity), np.split(order, [1, 7]))
        )
    assert np.array_equal(np.concatenate(parts), whole[order])


def test_it_is_the_same_in_another_process_which_has_done_nothing_before():
    code = (
        "import hashlib, numpy as np\n"
        "from fmexplore.robustness.changes import CHANGES, change_images\n"
        "images = (np.arange(5 * 784).reshape(5, 28, 28) * 7 % 256).astype(np.uint8)\n"
        "found = [change_images(images, np.arange(5), name, len(CHANGES[name].amounts)) for name in {names}]\n"
        "print([hashlib.sha256(each.tobytes()).hexdigest() for each in found])\n"
    )
    said = []
    for names in (list(CHANGES), list(reversed(CHANGES))):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("{names}", repr(names))], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said.append(eval(done.stdout))
    assert said[0] == said[1][::-1]
    assert len(set(said[0])) == len(CHANGES)


def test_random_numbers_are_evenly_spread_and_differ_between_images_and_changes():
    found = pictures.random_numbers(np.arange(2000), 3, 50)
    assert 0 < found.min() < 1e-4
    assert 1 - 1e-4 < found.max() < 1
    assert np.abs(np.histogram(found, 10)[0] / found.size - 0.1).max() < 0.005
    assert abs(np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]) < 0.01
    assert len(np.unique(found)) == found.size
    other = pictures.random_numbers(np.arange(2000), 4, 50)
    assert abs(np.corrcoef(found.ravel(), other.ravel())[0, 1]) < 0.01


def test_the_place_of_a_change_is_the_same_at_all_severities():
    sides = [np.argmax(change_images(square(), IDS, "shift", severity).sum(1) > 0, axis=1) for severity in (1, 3)]
    assert np.array_equal(np.sign(sides[0] - 10), np.sign(sides[1] - 10))


# --- light ---


@pytest.mark.parametrize(
    ("name", "severity", "expected"),
    [
        ("gain", 1, {0: 0, 200: 160, 255: 204}),
        ("gain", 5, {0: 0, 200: 40, 255: 51}),
        ("offset", 3, {0: 38, 200: 238, 255: 255}),
        ("gamma", 3, {0: 0, 128: 64, 255: 255}),
        ("invert", 1, {0: 255, 200: 55, 255: 0}),
    ],
)
def test_light_gives_each_pixel_its_new_value(name, severity, expected):
    for value, wanted in expected.items():
        assert (change_images(np.full((2, 28, 28), value, np.uint8), IDS[:2], name, severity) == wanted).all()


def test_a_gradient_falls_from_full_light_at_one_side_to_none_at_the_other():
    changed = change_images(np.full((len(IDS), 28, 28), 200, np.uint8), IDS, "gradient", 5).astype(int)
    assert (changed.max((1, 2)) == 200).all()
    assert (changed.min((1, 2)) == 0).all()
    straight = [image for image in changed if (image == image[:, :1]).all()]  # from top to bottom, or the other way
    assert straight
    assert all(np.abs(image[:, 0] - np.linspace(image[0, 0], image[-1, 0], 28)).max() <= 1 for image in straight)
    assert len({(image[0, 0], image[0, -1], image[-1, 0]) for image in changed}) == 8


def test_contrast_keeps_the_mean_and_shortens_the_distance_to_it():
    image = np.full((1, 28, 28), 50, np.uint8)
    image[:, :14] = 150
    changed = change_images(image, IDS[:1], "contrast", 3)
    assert np.unique(changed).tolist() == [78, 122]  # 100 -+ 0.45 x 50, to even


# --- geometry ---


def test_shift_moves_in_each_of_the_four_directions():
    changed = change_images(square(), IDS, "shift", 4)
    middles = {tuple(np.round(ndimage.center_of_mass(image) - np.array(13.5)).astype(int)) for image in changed}
    assert middles == {(-4, 0), (4, 0), (0, -4), (0, 4)}
    assert (changed.sum((1, 2), dtype=int) == square()[0].sum(dtype=int)).all()


def test_rotation_turns_both_ways_as_scipy_does():
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 12:16] = 200
    changed = change_images(np.repeat(image[None], len(IDS), 0), IDS, "rotation", 4).astype(int)
    ways = [ndimage.rotate(image.astype(float), angle, reshape=False, order=1) for angle in (30, -30)]
    which = [int(np.argmin([np.abs(each - way).max() for way in ways])) for each in changed]
    assert set(which) == {0, 1}
    assert max(np.abs(each - ways[at]).max() for each, at in zip(changed, which, strict=True)) <= 1


def test_scale_makes_it_smaller_about_the_middle():
    changed = change_images(square(), IDS, "scale", 5)
    assert (changed == changed[0]).all()
    assert (changed[0, 12:16, 12:16] == 200).all()
    assert changed[0].sum() == pytest.approx(square()[0].sum() / 4, rel=0.01)


def test_shear_moves_rows_by_their_distance_from_the_middle():
    bar = np.zeros((len(IDS), 28, 28), np.uint8)
    bar[:, :, 13:15] = 200
    changed = change_images(bar, IDS, "shear", 1).astype(float)
    columns = (changed * np.arange(28)).sum(2) / changed.sum(2) - 13.5
    slopes = columns[:, -1] - columns[:, 0]
    assert sorted({round(float(slope), 1) for slope in slopes}) == [-2.7, 2.7]


def test_mirror_and_upside_down_reverse_one_axis(drawn_images):
    assert np.array_equal(change_images(drawn_images, IDS, "mirror", 1), drawn_images[:, :, ::-1])
    assert np.array_equal(change_images(drawn_images, IDS, "upside-down", 1), drawn_images[:, ::-1])


# --- dirt ---


def test_noise_has_the_deviation_of_its_amount_and_no_mean():
    grey = np.full((len(IDS), 28, 28), 128, np.uint8)
    added = change_images(grey, IDS, "noise", 2).astype(float) - 128
    assert added.std() == pytest.approx(0.08 * 255, rel=0.02)
    assert abs(added.mean()) < 0.3


def test_blur_spreads_one_pixel_as_a_gaussian():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 14, 14] = 255
    changed = change_images(image, IDS[:1], "blur", 3)[0].astype(float)
    row = changed[14] / changed[14].sum()
    assert (row * (np.arange(28) - 14) ** 2).sum() == pytest.approx(1.1**2, rel=0.05)
    assert np.array_equal(changed, changed.T)


def test_pixelate_leaves_squares_of_their_mean():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :2, :2] = [[0, 100], [100, 200]]
    changed = change_images(image, IDS[:1], "pixelate", 3)[0]
    assert (changed[:2, :2] == 100).all()
    assert changed.sum() == 400


@pytest.mark.parametrize("severity", [1, 5])
def test_jpeg_is_what_a_file_for_each_image_would_give(drawn_images, severity):
    def alone(image: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=int(CHANGES["jpeg"].amount(severity)))
        return np.asarray(Image.open(buffer))

    smooth = ndimage.gaussian_filter(drawn_images, (0, 2, 2))
    for images in (drawn_images, smooth):
        assert np.array_equal(change_images(images, IDS, "jpeg", severity), np.stack([alone(each) for each in images]))


def test_occlude_covers_one_grey_square_somewhere():
    changed = change_images(np.zeros((len(IDS), 28, 28), np.uint8), IDS, "occlude", 2)
    places = set()
    for image in changed:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert (len(rows), len(columns)) == (6, 6)
        assert (image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == pictures.GREY).all()
        places.add((int(rows[0]), int(columns[0])))
    assert len(places) > 30


def test_texture_darkens_half_of_the_garment_in_stripes_and_leaves_black():
    changed = change_images(square(), IDS, "texture", 3)
    assert (changed[square() == 0] == 0).all()
    assert set(np.unique(changed[:, 10:18, 10:18])) == {110, 200}
    shares = (changed[:, 10:18, 10:18] == 110).mean((1, 2))
    assert (abs(shares - 0.5) <= 0.07).all()
    assert len({image.tobytes() for image in changed}) > 8


def test_what_does_not_exist_is_refused_with_what_does():
    with pytest.raises(ConfigError, match="'fog': choose among gain, offset"):
        find_change("fog")
    with pytest.raises(ConfigError, match="severity of gain is 6: choose 1 to 5"):
        change_images(square(), IDS, "gain", 6)
    with pytest.raises(ConfigError, match="severity of mirror is 2: choose 1, its only one"):
        change_images(square(), IDS, "mirror", 2)
