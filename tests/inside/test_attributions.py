"""Attributions: completeness, Captum's own occlusion, the gradient by hand; the checks tell good maps from bad ones."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import Occlusion

from fmexplore.data.fashion_mnist import PLURALS, Split
from fmexplore.errors import ConfigError
from fmexplore.evaluation.gradcam import grad_cam
from fmexplore.inside.attributions import METHODS, Occluder, Target, attribute, integrate_gradients, spread
from fmexplore.inside.checks import DRAWS, POINTS, check_attribution, compare_maps, delete_pixels, scramble
from fmexplore.inside.cues import find_cues
from fmexplore.inside.passes import as_input
from fmexplore.models.layers import Activation, Conv, Dense, Flatten, GlobalMaxPool, MaxPool
from fmexplore.models.networks import build
from fmexplore.training.presets import find_preset
from tests.inside.networks import TABLES, passes_of

SMALL = (
    Conv(filters=6),
    Activation(),
    MaxPool(size=2),
    Conv(filters=8),
    Activation(),
    GlobalMaxPool(),
    Dense(units=10),
)
TARGETS = (Target(3), Target(6, against=0))
QUICK = Occluder(patch=7, stride=7)


@pytest.fixture(scope="module")
def network():
    return passes_of(SMALL, seed=2).network


@pytest.fixture(scope="module")
def image(drawn):
    return drawn.test.images[13]


@pytest.mark.parametrize("target", TARGETS)
def test_integrated_gradients_add_up_to_the_difference_from_black(network, image, target):
    found = attribute(network, image, target, "integrated gradients")
    with torch.no_grad():
        at, black = (target.of(network(as_input(each[None])))[0] for each in (image, np.zeros_like(image)))
    assert found.score == pytest.approx(float(at), abs=1e-5)
    assert abs(found.heat.sum() - float(at - black)) <= 0.0101 * abs(float(at - black))
    assert found.complete
    assert found.steps >= 32


@pytest.mark.parametrize("name", ["lenet-5", "quick"])
def test_integrated_gradients_take_as_many_steps_as_they_need(name, image):
    found = attribute(build(find_preset(name).model, 1).eval(), image, Target(2), "integrated gradients")
    assert found.complete, (found.steps, found.error)


def test_where_nothing_differs_from_black_integrated_gradients_end(network):
    heats, steps, error = integrate_gradients(network, np.zeros((1, 28, 28), np.uint8), Target(0))
    assert (steps, error) == (32, 0)
    assert not heats.any()


@pytest.mark.parametrize(("patch", "stride"), [(7, 3), (4, 4), (10, 6)])
def test_occlusion_with_black_is_captums(network, image, patch, stride):
    target = TARGETS[patch % 2]
    found = attribute(network, image, target, "occlusion", Occluder(patch, stride, "black"))
    wanted = Occlusion(lambda batch: target.of(network(batch))).attribute(
        as_input(image[None]), (1, patch, patch), strides=(1, stride, stride)
    )
    assert np.allclose(found.heat, wanted[0, 0].detach(), atol=1e-5)


def test_a_patch_covers_the_whole_image_and_shows_what_it_should(image):
    for occluder in (Occluder(5, 1), Occluder(6, 5), Occluder(28, 3)):
        assert occluder.masks.any(0).all()
        assert (occluder.masks.sum((1, 2)) == occluder.patch**2).all()
    shown = image[None] / 255
    fills = {fill: Occluder(fill=fill).filling(shown) for fill in ("black", "mean", "blurred")}
    assert not fills["black"].any()
    assert np.unique(fills["mean"]) == pytest.approx([0.286])
    assert fills["blurred"].mean() == pytest.approx(shown.mean(), rel=0.1)
    assert fills["blurred"].std() < 0.7 * shown.std()


def test_the_gradient_is_that_of_a_small_change(network, image):
    target, network = Target(6, against=0), deepcopy(network)
    network.layers[1] = network.layers[4] = torch.nn.GELU()  # no corners
    heat = attribute(network, image, target, "gradient").heat
    place = np.unravel_index(np.abs(heat).argmax(), heat.shape)
    bright = image / 255
    scores = []
    for change in (-1e-3, 1e-3):
        changed = bright.copy()
        changed[place] += change
        with torch.no_grad():
            scores.append(float(target.of(network(as_input(changed[None])))))
    assert (scores[1] - scores[0]) / 2e-3 == pytest.approx(float(heat[place]), rel=0.05)


def test_grad_cam_of_a_class_against_another_is_that_of_the_difference(network, image):
    found = attribute(network, image, Target(3), "grad-cam")
    assert np.array_equal(found.heat, grad_cam(network, image, [3])[0])
    against = attribute(network, image, Target(6, 0), "grad-cam")
    copy = passes_of(SMALL, seed=2).network
    with torch.no_grad():
        copy.layers[-1].weight[6] -= copy.layers[-1].weight[0]
    assert np.allclose(against.heat, grad_cam(copy, image, [6])[0], atol=1e-5)


@pytest.mark.parametrize("name", ["dense only", "one by one", "wide"])
def test_networks_without_maps_of_some_size_have_all_but_grad_cam(name, image):
    network = passes_of(TABLES[name]).network
    for method in METHODS:
        found = attribute(network, image, Target(1), method, QUICK)
        if method == "grad-cam" and name != "wide":
            assert found is None
        else:
            assert found.heat.shape == (28, 28)


def test_a_network_without_numbers_is_no_endless_loop(image):
    passes = passes_of(TABLES["plain"])
    with torch.no_grad():
        passes.network.layers[4].weight.fill_(float("nan"))
    for method in ("gradient", "integrated gradients"):
        found = attribute(passes.network, image, Target(1), method, QUICK)
        assert not found.complete
        check_attribution(passes.network, image, found, QUICK)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Target(10), "class is 10: choose one of 0 to 9"),
        (lambda: Target(1, 1), "other class is 1, the class itself"),
        (lambda: Occluder(patch=29), "patch is 29: choose 1 to 28"),
        (lambda: Occluder(fill="white"), "fill is 'white': choose one of black, mean, blurred"),
        (lambda: attribute(None, None, Target(1), "guided"), "method is 'guided': choose one of gradient"),
    ],
)
def test_settings_that_make_no_sense_are_named(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


# The checks.


def bright_corner():
    """A network whose logit 0 is the brightness of the upper left, and an image with it."""
    passes = passes_of((Flatten(), Dense(units=10)), 0, "unit")
    weights = np.zeros((10, 28, 28), np.float32)
    weights[0, :5, :5] = 1
    with torch.no_grad():
        passes.network.layers[1].weight.copy_(torch.from_numpy(weights.reshape(10, 784)))
        passes.network.layers[1].bias.zero_()
    return passes, np.full((28, 28), 200, np.uint8)


def test_a_map_that_follows_the_weights_passes_and_one_of_edges_does_not():
    passes, image = bright_corner()
    for method in ("gradient", "integrated gradients", "occlusion"):
        found = attribute(passes.network, image, Target(0), method, QUICK)
        checks = check_attribution(passes.network, image, found, QUICK)
        assert checks.similarity.depends_on_weights, method
    same = compare_maps(found.heat, found.heat * 3)
    assert same.rank == pytest.approx(1)
    assert not same.depends_on_weights
    assert compare_maps(np.zeros((28, 28)), np.zeros((28, 28))).depends_on_weights is None


def test_the_scrambled_networks_integrated_gradients_take_as_many_steps_as_the_first(network, image):
    found = attribute(network, image, TARGETS[0], "integrated gradients")
    assert found
    few = replace(found, steps=3)
    wanted, steps, error = integrate_gradients(scramble(network), image[None], TARGETS[0], 3, np.inf)
    assert (steps, error > 0.01) == (3, True)
    assert np.array_equal(check_attribution(network, image, few).scrambled, wanted[0])


def test_pixels_that_are_black_for_both_say_nothing_of_the_network():
    rng, garment = np.random.default_rng(0), np.zeros((28, 28))
    garment[8:20, 8:20] = 1
    maps = [garment * rng.normal(size=(28, 28)) for _ in range(2)]
    assert abs(np.corrcoef([np.abs(each).ravel() for each in maps])[0, 1]) > 0.3
    assert abs(compare_maps(*maps).rank) < 0.2


def test_deleting_what_matters_first_is_faster_than_in_a_random_order():
    passes, image = bright_corner()
    good = delete_pixels(passes.network, image, attribute(passes.network, image, Target(0), "gradient").heat, Target(0))
    bad = delete_pixels(passes.network, image, -attribute(passes.network, image, Target(0), "gradient").heat, Target(0))
    assert good.area < good.random_area < bad.area
    assert good.shares[[0, -1]].tolist() == [0, 1]
    assert good.curve[0] == pytest.approx(1, abs=1e-3)
    assert good.curve[-1] == pytest.approx(0.1)
    assert good.random.shape == (DRAWS, POINTS)
    pair = delete_pixels(passes.network, image, np.zeros((28, 28)), Target(0, 1))
    assert pair.curve[-1] == pytest.approx(0.5)


def test_a_scrambled_network_has_the_same_weights_in_another_order(network):
    other = scramble(network, 1)
    for before, after in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
    assert not torch.equal(network.layers[0].weight, other.layers[0].weight)
    assert torch.equal(other.layers[0].weight, scramble(network, 1).layers[0].weight)


# Cues.


def test_the_cue_of_a_class_is_where_its_bar_lies(drawn):
    """Class k of the drawn images is a bar at its own height, and this network is sure of what is brightest."""
    passes = passes_of((Flatten(), Dense(units=10)), 0, "unit")
    weights = np.zeros((10, 28, 28), np.float32)
    for label in range(10):
        weights[label, 2 + 2 * label : 5 + 2 * label, 4:24] = 1
        weights[label, 4 + 2 * label : 5 + 2 * label, 4:24] = 0.5
    with torch.no_grad():
        passes.network.layers[1].weight.copy_(torch.from_numpy(weights.reshape(10, 784)))
        passes.network.layers[1].bias.zero_()
    shares = []
    found = find_cues(passes, Target(0), drawn.test, Occluder(9, 3), shares.append)
    assert found.images == (drawn.test.labels == 0).sum() == 16
    assert found.place.startswith("upper")
    assert found.occlusion[:5].mean() > 5 * np.abs(found.occlusion[14:]).mean()
    assert found.attribution[2:5].sum() > 0.9 * found.attribution.sum()
    assert set(found.typical) <= set(np.flatnonzero(drawn.test.labels == 0))
    assert len(found.typical) == 9
    assert (found.layer, found.ranking) == (None, None)
    assert shares == sorted(shares)
    pair = find_cues(passes, Target(9, 8), drawn.test, Occluder(9, 3))
    assert pair.place.startswith("lower")


def test_the_sentence_of_cues_says_what_was_found():
    passes = passes_of(SMALL, seed=2)
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28)).astype(np.uint8)
    with torch.no_grad():
        label = int(passes.network(as_input(images)).argmax(1).mode().values)
        labels = np.full(8, label, np.uint8)
    found = find_cues(passes, Target(label), Split(images, labels), QUICK)
    assert found.layer == "5"
    assert len(found.ranking.measured) == 5
    told = replace(found, target=Target(6, 0), worst=0.251, place="lower left", images=1234)
    assert told.sentence == (
        "For shirts against T-shirts the lower left counts most: with it covered, T-shirt/top becomes more probable "
        "than Shirt for 25 % of 1234 recognised validation images."
    )
    assert replace(told, worst=0.004).sentence.count("less than 1 %") == 1
    alone = replace(told, target=Target(8))
    assert alone.sentence.startswith("For bags the lower left counts most: with it covered, 25 % of 1234 ")
    assert alone.sentence.endswith("are taken for another class.")
    assert replace(alone, worst=0).sentence.startswith("No single place decides on bags: of 1234 recognised ")
    with pytest.raises(ConfigError, match=f"{PLURALS[label]}: none of 0 validation images is recognised"):
        find_cues(passes, Target(label), Split(images, np.full(8, (label + 1) % 10, np.uint8)), QUICK)


def test_the_mean_effect_of_a_patch_is_spread_over_what_it_covers():
    occluder = Occluder(14, 14)
    assert spread(np.array([1.0, 2, 3, 4]), occluder)[[0, 0, 27, 27], [0, 27, 0, 27]].tolist() == [1, 2, 3, 4]
