"""Channels: what excites them against a plain search, ablation against weights of zero, and the ranking."""

import numpy as np
import pytest
import torch

from fmexplore.data.fashion_mnist import Split
from fmexplore.errors import ConfigError
from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.evaluation.predictions import predict
from fmexplore.evaluation.significance import compare_accuracies
from fmexplore.inside.ablation import Ranking, Without, measure_without, rank_channels
from fmexplore.inside.channels import Preference, Responses, find_responses, first_kernels, kernels_of, patches_of
from fmexplore.inside.fields import receptive_field
from fmexplore.models.layers import Activation, Conv, Dense, Dropout, Flatten, GlobalAvgPool, MaxPool, Residual
from tests.inside.networks import TABLES, passes_of

SMALL = (
    Conv(filters=5),
    Activation(),
    MaxPool(size=4),
    Conv(filters=6),
    Activation(),
    GlobalAvgPool(),
    Dense(units=10),
)


@pytest.fixture(scope="module")
def passes():
    return passes_of(SMALL, seed=3)


@pytest.fixture(scope="module")
def split(drawn) -> Split:
    return drawn.test  # 160 images: two batches


def outputs(passes, name: str, split: Split) -> np.ndarray:
    return np.stack([passes.trace(image).values[name] for image in split.images])


@pytest.mark.parametrize("name", ["2", "4", "7"])
def test_the_strongest_images_places_and_means_are_those_of_a_plain_search(passes, split, name):
    shares = []
    found, all_of = find_responses(passes, name, split, shares.append), outputs(passes, name, split)
    flat = all_of.reshape(len(split), all_of.shape[1], -1)
    strongest = flat.max(2)
    for channel in range(flat.shape[1]):
        assert np.allclose(found.values[channel], np.sort(strongest[:, channel])[::-1][:9], atol=1e-5)
        for number, (y, x), value in zip(found.numbers[channel], found.places[channel], found.values[channel]):
            at = all_of[number, channel]
            assert (at[y, x] if at.ndim else at) == pytest.approx(value, abs=1e-5)
        for label in range(10):
            wanted = flat[split.labels == label, channel].mean()
            assert found.means[channel, label] == pytest.approx(wanted, abs=1e-5)
    assert shares == [125 / 160, 1]
    assert found.numbers.shape == (flat.shape[1], 9)


def test_fewer_images_than_patches_and_a_class_without_images(passes, split):
    found = find_responses(passes, "4", split.take(np.array([0, 1, 2])))
    assert found.numbers.shape == (6, 3)
    assert np.isnan(found.means[:, 3:]).all()
    assert np.isfinite(found.means[:, :3]).all()


def test_a_patch_is_what_the_channel_saw(passes, split):
    found = find_responses(passes, "4", split)
    cut = patches_of(passes, "4", found, split.images, range(1, 4))
    assert (cut.shape, cut.dtype) == ((3, 9, 14, 14), np.uint8)
    y, x = (int(each) for each in found.places[2, 5])
    top, left, bottom, right = receptive_field(passes.graph, "4", 2, y, x).box
    seen = split.images[found.numbers[2, 5], top:bottom, left:right]
    assert seen.sum() == cut[1, 5].sum()
    with pytest.raises(ConfigError, match="channel is 6, and layer 4"):
        patches_of(passes, "4", found, split.images, range(4, 7))


def test_of_512_channels_one_page_is_cut_out(split):
    wide = passes_of(TABLES["wide"])
    found = find_responses(wide, "3", split.take(np.arange(20)))
    assert found.values.shape == (512, 9)
    assert patches_of(wide, "3", found, split.images, range(480, 512)).shape == (32, 9, 12, 12)


def test_a_layer_whose_maps_have_one_pixel_sees_the_whole_image(split):
    passes = passes_of(TABLES["one by one"])
    found = find_responses(passes, "2", split)
    cut = patches_of(passes, "2", found, split.images, range(2))
    assert np.array_equal(cut[0, 0], split.images[found.numbers[0, 0]])


def test_without_a_channel_is_as_with_its_weights_at_zero(split):
    passes = passes_of((*SMALL[:5], Flatten(), Dense(units=10)), seed=4)
    with torch.no_grad():
        passes.network.layers[-1].weight.mul_(30)  # so that it does not say the same of all images
    before = predict(passes.network, split)
    found = measure_without(passes, "4", [2, 5], split)
    conv = passes.network.layers[3]
    for each in found:
        kept = conv.weight.data.clone(), conv.bias.data.clone()
        with torch.no_grad():
            conv.weight[each.channel] = 0
            conv.bias[each.channel] = 0
        after = predict(passes.network, split)
        conv.weight.data, conv.bias.data = kept
        wanted = np.bincount(split.labels[after.right], minlength=10)
        assert each.right.tolist() == wanted.tolist()
        assert each.before.tolist() == np.bincount(split.labels[before.right], minlength=10).tolist()
        assert each.interval() == (after.accuracy, *accuracy_interval(int(after.right.sum()), 160))
        assert each.interval(3) == (wanted[3] / 16, *accuracy_interval(int(wanted[3]), 16))
        assert each.lost.tolist() == np.bincount(split.labels[before.right & ~after.right], minlength=10).tolist()
        compared = compare_accuracies(split.labels, before.predicted, [after.predicted])[0]
        change, (low, high) = each.change(), each.change_interval()
        assert change == pytest.approx(compared.gain)
        assert [low, high] == pytest.approx([change - compared.margin, change + compared.margin], abs=0.02)
    assert {tuple(each.right) for each in found} != {tuple(found[0].before)}, "nothing has changed"


def test_the_interval_of_a_change_holds_it_as_often_as_it_says_and_has_a_width_where_nothing_changed():
    draw, images = np.random.default_rng(5), np.full(10, 100)
    held = 0
    for _ in range(2000):
        cells = draw.multinomial(100, [0.85, 0.08, 0.02, 0.05])  # right with both, only with it, only without it
        right, before, lost = (np.full(10, each) for each in (cells[0] + cells[2], cells[0] + cells[1], cells[1]))
        low, high = Without(0, right, before, lost, images).change_interval(3)
        held += low <= -0.06 <= high
    assert 0.94 < held / 2000 < 0.97
    same = Without(0, images, images, images * 0, images)
    once, of_twenty = same.change_interval(2), same.change_interval(2, tests=20)
    assert same.change(2) == 0
    assert once == (pytest.approx(-0.019, abs=1e-3), pytest.approx(0.019, abs=1e-3))
    assert of_twenty[0] < once[0] < 0 < once[1] < of_twenty[1]
    nothing = Without(0, *[images * 0] * 4)
    assert np.isnan([nothing.change(), *nothing.change_interval()]).all()


def responses_to(*means: float, values: float = 1.0) -> Responses:
    rows = np.full((1, 10), means[-1], np.float32)
    rows[0, : len(means)] = means
    return Responses(np.zeros((1, 9), int), np.zeros((1, 9, 2), int), np.full((1, 9), values, np.float32), rows)


@pytest.mark.parametrize(
    ("means", "wanted"),
    [
        ((0.2, 0.9, 0.4, 0.1), Preference(True, (1,), 2)),
        ((0.2, 0.9, 0.88, 0.1), Preference(True, (1, 2), 0)),
        ((0.9, 0.2, 0.88, 0.87), Preference(False, (1,), 9)),  # to all but one
        ((0.9, 0.9, 0.9, 0.9, 0.9, 0.1), None),  # half of them, and not the others
        ((1.0, 1.05, 1.09), None),  # within a tenth
        ((-1.0, -3.0, -2.9), Preference(True, (0,), 2)),
        ((0.0, np.nan, 0.5, 0.1), Preference(True, (2,), 3)),
        ((0.0,), None),
        ((np.nan,), None),
    ],
)
def test_a_channel_responds_to_classes_in_particular_only_where_their_means_stand_out(means, wanted):
    assert responses_to(*means).preference(0) == wanted


def test_the_most_selective_channel_and_one_that_never_responds():
    both = [responses_to(1, 1.2, 1), responses_to(0, 9, 8, 0), responses_to(0, values=0)]
    found = Responses(*(np.concatenate([getattr(each, name) for each in both]) for name in vars(both[0])))
    assert found.most_selective() == 1
    assert [found.is_silent(channel) for channel in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([3, 1, 0], [True, True, False]),
        ([-1, -2, -3], [True] * 3),
        ([0, 0, 0], [True] * 3),
        ([1, 0, -1], [True, False, False]),
    ],
)
def test_images_excite_a_channel_where_it_is_above_zero_if_it_is_anywhere(values, wanted):
    found = Responses(np.zeros((1, 3), int), np.zeros((1, 3, 2), int), np.array([values], np.float32), np.ones((1, 10)))
    assert found.excited(0).tolist() == wanted


@pytest.mark.parametrize("measured", [0, 2])
def test_a_ranking_comes_back_from_its_arrays(passes, split, measured):
    found = rank_channels(passes, "5", 4, split, measured=measured)
    again = Ranking.from_arrays(found.to_arrays())
    assert [vars(each).keys() for each in again.measured] == [vars(each).keys() for each in found.measured]
    assert [each.change_interval(4) for each in again.measured] == [each.change_interval(4) for each in found.measured]
    with pytest.raises(KeyError):
        Ranking.from_arrays({name: value for name, value in found.to_arrays().items() if name != "lost"})


@pytest.mark.parametrize("name", ["residual", "inception", "dense block", "dense only"])
def test_any_layer_can_be_switched_off_also_within_a_block(name, split):
    passes, few = passes_of(TABLES[name]), split.take(np.arange(10))
    for step in list(passes.graph.steps)[1:-1]:
        [found] = measure_without(passes, step, [0], few)
        assert found.images.sum() == 10
        rank_channels(passes, step, 1, few, measured=0)


def test_channels_are_ranked_by_gradient_times_activation(passes, split):
    found = rank_channels(passes, "5", 4, split, measured=3)
    images = split.images[split.labels == 4]
    activation = torch.from_numpy(outputs(passes, "5", Split(images, np.full(len(images), 4, np.uint8))))
    activation.requires_grad_()
    logits = passes.network.layers[6](passes.network.layers[5](activation))
    loss = torch.nn.functional.cross_entropy(logits, torch.full((len(images),), 4), reduction="sum")
    [gradient] = torch.autograd.grad(loss, activation)
    wanted = (activation * gradient).sum((2, 3)).abs().mean(0).detach().numpy()
    assert found.channels.tolist() == np.argsort(-wanted, kind="stable").tolist()
    assert np.allclose(found.estimates, np.sort(wanted)[::-1], atol=1e-5)
    assert [each.channel for each in found.measured] == found.channels[:3].tolist()


def test_dropout_hands_on_its_input_and_still_has_a_gradient_of_its_own(split):
    block = Residual(layers=(Dropout(), Conv(filters=4, kernel=1)), shortcut=())
    passes = passes_of((Conv(filters=4), block, GlobalAvgPool(), Dense(units=10)))
    of_dropout, of_shortcut = (rank_channels(passes, name, 1, split, measured=0) for name in ("2.1.1", "1"))
    assert not np.allclose(np.sort(of_dropout.estimates), np.sort(of_shortcut.estimates))


def test_work_can_be_ended_and_what_makes_no_sense_is_refused(passes, split):
    def stop(_: float) -> None:
        raise InterruptedError

    for work in (
        lambda: find_responses(passes, "4", split, stop),
        lambda: measure_without(passes, "4", [0], split, stop),
        lambda: rank_channels(passes, "4", 1, split, report=stop),
    ):
        with pytest.raises(InterruptedError):
            work()
    with pytest.raises(ConfigError, match="layer is 'softmax', which comes after the logits"):
        measure_without(passes, "softmax", [0], split)
    with pytest.raises(ConfigError, match="channel is 6, and layer 4"):
        measure_without(passes, "4", [6], split)
    with pytest.raises(ConfigError, match="class is 5, of which there is no image among these 2"):
        rank_channels(passes, "4", 5, split.take(np.array([0, 1])))


def test_the_kernels_of_the_first_convolution(passes):
    name, kernels = first_kernels(passes)
    assert (name, kernels.shape) == ("1", (5, 1, 3, 3))
    assert np.array_equal(kernels, passes.network.layers[0].weight.detach().numpy())
    assert kernels_of(passes, "2").size == 0
    assert first_kernels(passes_of(TABLES["dense only"])) is None
