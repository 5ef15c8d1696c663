"""Augmentation: a draw of its own for each image, repeatable, within its limits."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from fmexplore.models.networks import to_input
from fmexplore.robustness import pictures
from fmexplore.training import augment as module
from fmexplore.training.augment import augment, mix
from fmexplore.training.config import Augmentation

COUNT = 400
KINDS = {
    "flip": Augmentation(flip="random"),
    "alternating": Augmentation(flip="alternating"),
    "shift": Augmentation(shift=3),
    "rotation": Augmentation(rotation=20),
    "scale": Augmentation(scale=0.2),
    "brightness": Augmentation(brightness=0.3),
    "contrast": Augmentation(contrast=0.3),
    "erasing": Augmentation(erasing=0.5),
    "upside down": Augmentation(upside_down=0.5),
    "invert": Augmentation(invert=0.5),
    "shear": Augmentation(shear=0.5),
    "gain": Augmentation(gain=0.8),
    "gamma": Augmentation(gamma=2),
    "noise": Augmentation(noise=0.25),
    "blur": Augmentation(blur=2),
    "pixelate": Augmentation(pixelate=4),
    "gradient": Augmentation(gradient=1),
    "texture": Augmentation(texture=0.9),
    "jpeg": Augmentation(jpeg=4),
}


@pytest.fixture(scope="module")
def same() -> Tensor:
    """One image many times: what differs afterwards was drawn."""
    rng = np.random.default_rng(0)
    return torch.tensor(rng.integers(1, 256, (1, 28, 28), np.uint8)).repeat(COUNT, 1, 1)


def run(images: Tensor, how: Augmentation, seed: int = 0, epoch: int = 0) -> Tensor:
    return augment(images, torch.arange(len(images)), epoch, how, torch.Generator().manual_seed(seed))


def test_without_settings_the_images_are_only_made_input(same):
    assert torch.equal(run(same, Augmentation()), to_input(same))


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_one_batch_are_changed_differently(same, kind):
    different = len(torch.unique(run(same, KINDS[kind]).flatten(1), dim=0))
    # a flip has two outcomes, a shift by up to 3 has 49, half of the images are erased, a slight blur changes nothing,
    # and pixels are 7 to 28 across
    few = {**dict.fromkeys(("flip", "alternating", "upside down", "invert"), 2), "shift": 40, "erasing": COUNT // 3}
    assert different >= {**few, "blur": COUNT * 3 // 4, "pixelate": 20, "jpeg": COUNT * 3 // 4}.get(kind, COUNT - 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_images(same, kind):
    assert torch.equal(run(same, KINDS[kind], 1), run(same, KINDS[kind], 1))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "alternating"])
def test_another_seed_gives_other_images(same, kind):
    assert not torch.equal(run(same, KINDS[kind], 1), run(same, KINDS[kind], 2))


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_stay_between_black_and_white(same, kind):
    x = run(same, KINDS[kind])
    assert x.shape == (COUNT, 1, 28, 28)
    assert 0 <= x.min() <= x.max() <= 1


def test_everything_at_once_stays_between_black_and_white(same):
    how = Augmentation(flip="random", shift=14, rotation=180, scale=0.9, brightness=1, contrast=1, erasing=1)
    x = run(same, how)
    assert x.isfinite().all()
    assert 0 <= x.min() <= x.max() <= 1


def test_the_global_random_state_decides_nothing_and_the_images_stay_as_they_are(same):
    kept = same.clone()
    how = Augmentation(flip="random", shift=2, rotation=10, scale=0.1, brightness=0.1, contrast=0.1, erasing=0.5)
    torch.manual_seed(1)
    first = run(same, how)
    torch.manual_seed(2)
    assert torch.equal(run(same, how), first)
    assert torch.equal(same, kept)


def test_a_random_flip_mirrors_about_half_of_the_images(same):
    x = run(same, KINDS["flip"])
    plain, mirrored = to_input(same), to_input(same).flip(3)
    flipped = (x == mirrored).all((1, 2, 3))
    assert ((x == plain).all((1, 2, 3)) | flipped).all()
    assert 0.4 < flipped.float().mean() < 0.6


def test_an_alternating_flip_turns_every_image_over_from_epoch_to_epoch(same):
    epochs = [run(same, KINDS["alternating"], epoch=epoch) for epoch in range(3)]
    assert torch.equal(epochs[0], epochs[1].flip(3))
    assert torch.equal(epochs[0], epochs[2])
    mirrored = (epochs[0] == to_input(same).flip(3)).all((1, 2, 3))
    assert 0.4 < mirrored.float().mean() < 0.6
    for half in (mirrored[::2], mirrored[1::2]):  # not simply every other image of the data set
        assert 0.4 < half.float().mean() < 0.6


def test_an_alternating_flip_depends_on_the_image_and_not_on_its_place_in_the_batch(same):
    index, generator = torch.arange(COUNT), torch.Generator()
    order = torch.randperm(COUNT)
    straight = augment(same, index, 0, KINDS["alternating"], generator)
    assert torch.equal(augment(same, index[order], 0, KINDS["alternating"], generator), straight[order])


@pytest.mark.parametrize("most", [1, 4, 14])
def test_a_shift_moves_by_at_most_its_pixels_and_by_each_of_them(most):
    images = torch.zeros(COUNT, 28, 28, dtype=torch.uint8)
    images[:, 14, 14] = 255
    x = run(images, Augmentation(shift=most))[:, 0]
    for axis in (1, 2):
        lines = x.amax(3 - axis)
        moved = lines.argmax(1)[lines.amax(1) > 0] - 14
        assert set(moved.tolist()) == set(range(-min(most, 14), min(most, 13) + 1))


def test_shifted_images_are_filled_with_black(same):
    x = run(same, Augmentation(shift=5))
    assert ((x == 0).sum((1, 2, 3)) > 0).float().mean() > 0.9  # the images themselves have no black


def test_a_rotation_by_nothing_leaves_the_image():
    x = torch.rand(5, 1, 28, 28)
    assert torch.allclose(module._rotate_and_scale(x, torch.zeros(5), torch.ones(5)), x, atol=1e-5)


def test_a_quarter_turn_is_a_quarter_turn():
    x = torch.rand(1, 1, 28, 28)
    turned = module._rotate_and_scale(x, torch.tensor([math.pi / 2]), torch.ones(1))
    quarter = [torch.rot90(x, turns, (2, 3)) for turns in (1, 3)]
    assert any(torch.allclose(turned, wanted, atol=1e-4) for wanted in quarter)


def test_a_scale_of_two_doubles_what_is_seen():
    x = torch.zeros(1, 1, 28, 28)
    x[..., 10:18, 10:18] = 1
    doubled = module._rotate_and_scale(x, torch.zeros(1), torch.full((1,), 2.0))
    assert doubled.sum() == pytest.approx(4 * x.sum().item(), rel=0.02)


def test_brightness_adds_the_same_to_every_pixel_within_its_limit():
    images = torch.full((COUNT, 28, 28), 128, dtype=torch.uint8)
    added = run(images, Augmentation(brightness=0.3)) - 128 / 255
    assert added.std((1, 2, 3)).max() < 1e-6
    assert -0.3 <= added.min() < -0.28
    assert 0.28 < added.max() <= 0.3 + 1e-6


def test_contrast_stretches_about_the_middle_within_its_limit():
    images = torch.full((COUNT, 28, 28), 204, dtype=torch.uint8)  # 0.8
    factor = (run(images, Augmentation(contrast=0.2)) - 0.5) / (204 / 255 - 0.5)
    assert 0.8 - 1e-5 <= factor.min() < 0.82
    assert 1.18 < factor.max() <= 1.2 + 1e-5


def holes(images: Tensor, rate: float) -> Tensor:
    return run(images, Augmentation(erasing=rate))[:, 0] == 0


def mixed(how: Augmentation, seed: int = 0):
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(9))
    return x, *mix(x, how, torch.Generator().manual_seed(seed))


def test_mixup_blends_each_image_with_its_partner_by_the_share():
    x, made, partners, share = mixed(Augmentation(mixup=1))
    assert 0 < share < 1
    assert sorted(partners.tolist()) == list(range(40))
    torch.testing.assert_close(made, share * x + (1 - share) * x[partners])


@pytest.mark.parametrize("seed", range(6))
def test_cutmix_takes_one_rectangle_from_the_partner_and_counts_its_pixels(seed):
    x, made, partners, share = mixed(Augmentation(cutmix=1), seed)
    foreign = (made != x)[partners != torch.arange(40)].squeeze(1)
    rows, columns = foreign.any((0, 2)), foreign.any((0, 1))
    assert share == pytest.approx(1 - int(rows.sum()) * int(columns.sum()) / 784)
    assert torch.equal(foreign, (rows[:, None] & columns).expand_as(foreign))
    assert torch.equal(made[:, 0, rows][:, :, columns], x[partners, 0][:, rows][:, :, columns])


def test_cutmix_is_drawn_for_its_share_of_the_batches_and_else_nothing_is_mixed():
    shares = [mixed(Augmentation(cutmix=0.5), seed)[3] for seed in range(200)]
    assert 60 < sum(share == 1 for share in shares) < 140
    x, made, _, share = mixed(Augmentation())
    assert share == 1
    assert torch.equal(made, x)


def test_erasing_takes_its_share_of_the_images(same):
    assert 0.4 < holes(same, 0.5).any(2).any(1).float().mean() < 0.6


def test_an_erased_part_is_one_rectangle_of_2_to_33_per_cent(same):
    found = holes(same, 1)
    rows, columns = found.any(2), found.any(1)
    area = found.sum((1, 2))
    assert torch.equal(area, rows.sum(1) * columns.sum(1))
    for line in (rows, columns):  # without gaps
        assert ((line[:, 1:] != line[:, :-1]).sum(1) <= 2).all()
    share = area / 28**2
    assert 0.015 < share.min() < 0.04  # sides are whole pixels
    assert 0.3 < share.max() < 0.36


def test_erased_rectangles_reach_every_border_and_corner(same):
    found = holes(same, 1)
    for edge in (found[:, 0], found[:, -1], found[:, :, 0], found[:, :, -1]):
        assert edge.any()


def test_upside_down_and_negative_are_two_outcomes_each():
    images = torch.tensor(np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), np.uint8))
    for how, other in (
        (Augmentation(upside_down=0.5), to_input(images).flip(2)),
        (Augmentation(invert=0.5), 1 - to_input(images)),
    ):
        x = run(images, how)
        changed = (x == other).flatten(1).all(1)
        assert (changed | (x == to_input(images)).flatten(1).all(1)).all()
        assert 0.4 < changed.float().mean() < 0.6


def test_gain_and_gamma_only_darken_and_up_to_their_limit():
    grey = torch.full((COUNT, 28, 28), 128, dtype=torch.uint8)
    before = 128 / 255
    for how, least in ((Augmentation(gain=0.5), before / 2), (Augmentation(gamma=1), before**2)):
        x = run(grey, how)[:, 0, 0, 0]
        assert least - 1e-6 <= x.min() < least + 0.02
        assert before - 0.02 < x.max() <= before + 1e-6


def test_noise_has_at_most_its_deviation():
    grey = torch.full((COUNT, 28, 28), 128, dtype=torch.uint8)
    deviations = run(grey, Augmentation(noise=0.1)).flatten(1).std(1)
    assert 0.09 < deviations.max() < 0.11
    assert deviations.min() < 0.01


def test_blur_keeps_the_light_and_spreads_as_scipy_does(monkeypatch):
    from scipy.ndimage import gaussian_filter

    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 14, 10] = 1
    found = module._blur(image, torch.tensor([1.5]))[0, 0]
    wanted = gaussian_filter(image[0, 0].numpy(), 1.5, mode="constant", truncate=4)
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    assert np.abs(found.numpy() - wanted).max() < 1e-4


def test_shear_moves_rows_in_proportion_to_their_distance_from_the_middle():
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 13:15] = 1
    found = module._shear(bar, torch.tensor([0.25]))[0, 0]
    columns = (found * torch.arange(28)).sum(1) / found.sum(1) - 13.5
    assert torch.allclose(columns, -0.25 * (torch.arange(28) - 13.5), atol=1e-4)


def test_what_old_settings_give_is_not_touched_by_the_new_ones(same):
    how = Augmentation(flip="random", shift=2, rotation=10, contrast=0.2, brightness=0.1, erasing=0.5)
    seeded = run(same, how)
    assert torch.equal(run(same, how.replace(noise=0, blur=0, gain=0)), seeded)


def test_larger_pixels_are_those_of_the_changed_images():
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    for across in (20, 14, 7):
        found = module._pixelate(to_input(torch.tensor(images)), torch.full((20,), 28 / across))[:, 0] * 255
        assert np.abs(found.numpy() - pictures.pixelate(images, across)).max() < 1.01  # they are rounded twice
    still = to_input(torch.tensor(images))
    assert torch.allclose(module._pixelate(still, torch.ones(20)), still, atol=1e-6)


def test_jpeg_is_that_of_the_library_but_for_roundings():
    spots = np.random.default_rng(0).normal(120, 300, (20, 28, 28))
    images = pictures.blur(np.clip(spots, 0, 255).astype(np.uint8), 1.5)
    x = to_input(torch.tensor(images))
    for quality in (4, 8, 25, 75):
        found = module._compress(x, torch.full((20,), float(quality)))[:, 0] * 255
        away = np.abs(found.numpy() - pictures.compress(images, quality))
        assert away.mean() < 0.5, "grey levels of 256"
    assert (module._compress(x, torch.full((20,), 4.0)) - x).abs().mean() > 0.02


def test_light_from_one_side_is_full_there_and_least_at_the_other():
    white = torch.ones(8, 1, 28, 28)
    found = module._darken(white, torch.full((8,), 0.7), torch.arange(8) * math.pi / 4)
    for number, light in enumerate(found[:, 0]):
        assert light.max() == pytest.approx(1)
        assert light.min() == pytest.approx(0.3)
        down, right = math.sin(number * math.pi / 4), math.cos(number * math.pi / 4)
        darkest = divmod(int(light.argmin()), 28)
        assert all(abs(step) < 1e-6 or (place > 13) == (step > 0) for place, step in zip(darkest, (down, right)))


def test_stripes_are_as_wide_as_drawn_and_leave_black_black():
    x = torch.ones(4, 1, 28, 28)
    x[..., 20:, :] = 0
    strength, width = torch.full((4,), 0.6), torch.tensor([1.0, 2.5, 3.0, 2.0])
    found = module._stripe(x, strength, torch.tensor([0.0, 2.9, 0.5, 1.0]), width, torch.zeros(4))
    assert found[..., 20:, :].max() == 0
    assert sorted(found.unique().tolist()) == pytest.approx([0, 0.4, 1])
    columns = found[2, 0, 0]
    assert columns[:6].tolist() == pytest.approx([1, 1, 1, 0.4, 0.4, 0.4])
    assert found[1, 0, :4, 5].tolist() == pytest.approx([1, 1, 0.4, 0.4]), "across"
    assert found[3, 0, 0, :4].tolist() == found[3, 0, :4, 0].tolist() == pytest.approx([1, 1, 0.4, 0.4]), "diagonal"
