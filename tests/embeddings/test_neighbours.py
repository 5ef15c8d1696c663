"""Images as bytes on the principal axes of a network's features, against scikit-learn and exact distances."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.decomposition import PCA

from fmexplore.embeddings.neighbours import DIMENSIONS, FEW, Axes, NeighbourIndex, encode_all, nearest
from fmexplore.settings import PROJECT


def draw(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Features in a box that is turned, half as long in each direction as in the one before, far from the origin."""
    rng = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(np.random.default_rng(99).normal(size=(width, width)))
    lengths = 40 * 0.5 ** np.arange(width)
    return ((rng.random((count, width)) - 0.5) * lengths @ turned + 30).astype(np.float32)


def make_index(features: np.ndarray, **fit: int) -> NeighbourIndex:
    axes = Axes.fit(features, **fit)
    return NeighbourIndex(axes, axes.encode(features), axes.encode(features[:3]))


def exact(features: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.sqrt(((features.astype(float) - query.astype(float)) ** 2).sum(1))


def error(axes: Axes) -> float:
    """The most by which a distance between two points can be wrong: half a byte at both, on every axis."""
    return float(axes.step[0]) * np.sqrt(len(axes.components))


# Axes.


def test_the_axes_are_scikit_learns_principal_ones_up_to_their_sign():
    features = draw(400, 6)
    axes, wanted = Axes.fit(features, 4), PCA(4).fit(features)
    assert axes.mean == pytest.approx(features.mean(0), rel=1e-5)
    assert np.abs((axes.components * wanted.components_).sum(1)) == pytest.approx(np.ones(4), abs=1e-4)


def test_places_are_found_again_in_bytes_to_half_a_step():
    features = draw(400, 6)
    axes = Axes.fit(features, 4)
    places = (features - axes.mean) @ axes.components.T
    back = axes.encode(features) * axes.step + axes.low
    inside = (places >= axes.low) & (places <= axes.low + 255 * axes.step)
    assert inside.mean() > 0.99
    assert np.abs(back - places)[inside].max() <= 0.5001 * axes.step[0]


def test_nearly_all_bytes_are_used_on_the_longest_axis_and_fewer_on_the_others():
    """One step for all axes, so that a byte means the same distance on each."""
    codes = make_index(draw(2000, 6)).train
    spans = codes.max(0).astype(int) - codes.min(0)
    assert spans[0] == 255
    assert spans[1] == pytest.approx(255 / 2, rel=0.1)
    assert spans[2] == pytest.approx(255 / 4, rel=0.1)


def test_what_lies_far_outside_is_moved_to_the_edge():
    axes = Axes.fit(draw(400, 6), 2)
    far = axes.mean + 1e6 * axes.components[0]
    assert axes.encode(np.stack([far, 2 * axes.mean - far]))[:, 0].tolist() == [255, 0]


@pytest.mark.parametrize(("width", "dimensions"), [(5, 5), (64, 64), (100, DIMENSIONS)])
def test_there_are_as_many_dimensions_as_features_up_to_the_most(width, dimensions):
    index = make_index(np.random.default_rng(0).normal(size=(300, width)).astype(np.float32))
    assert index.train.shape == (300, dimensions)
    assert index.train.dtype == np.uint8


def test_features_may_be_of_half_precision():
    features = draw(400, 6)
    coarse = Axes.fit(features.astype(np.float16), 2)
    assert coarse.components.dtype == np.float32
    assert coarse.step == pytest.approx(Axes.fit(features, 2).step, rel=0.01)


def test_fewer_images_than_features_have_axes_too():
    features = draw(4, 10)
    index = make_index(features)
    numbers, distances = index.nearest(index.train[1], np.arange(4), 4)
    assert numbers[0] == 1
    assert distances == pytest.approx(np.sort(exact(features, features[1])), abs=error(index.axes))


@pytest.mark.filterwarnings("error")
def test_features_that_are_all_alike_have_no_distances():
    index = make_index(np.full((300, 8), 3.7, np.float32))
    numbers, distances = index.nearest(index.train[5], np.arange(300), 10)
    assert len(set(numbers)) == 10
    assert distances == pytest.approx(np.zeros(10), abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_feature_that_never_changes_plays_no_part():
    features = draw(400, 6)
    with_constant = np.insert(features, 2, 1000.0, axis=1)
    index, wanted = make_index(with_constant), make_index(features)
    found = index.nearest(index.train[7], np.arange(400), 20)[1]
    assert found == pytest.approx(wanted.nearest(wanted.train[7], np.arange(400), 20)[1], abs=2 * error(index.axes))


def test_a_shortened_index_is_the_one_of_its_first_axes():
    features = draw(400, 6)
    short, wanted = make_index(features).shorten(2), make_index(features)
    assert short.train.shape == (400, 2)
    assert (short.axes.encode(features) == wanted.axes.encode(features)[:, :2]).all()
    assert (short.train == wanted.train[:, :2]).all()


# Neighbours.


def spread(axis_count: int = 3) -> np.ndarray:
    """20 points in random directions, each 10 further from the first, which is more than bytes can get wrong."""
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(20, axis_count))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return (10 * np.arange(20)[:, None] * directions + 500).astype(np.float32)


def test_neighbours_are_those_of_exact_distances_where_these_are_apart():
    features = spread()
    index = make_index(features)
    assert error(index.axes) < 5
    numbers, distances = index.nearest(index.train[0], np.arange(20), 20)
    assert numbers.tolist() == list(range(20))
    assert distances == pytest.approx(10.0 * np.arange(20), abs=error(index.axes))


@pytest.mark.parametrize("count", [1, 5, 400])
def test_no_neighbour_is_further_than_the_exact_one_by_more_than_bytes_can_get_wrong(count):
    features, asked = draw(600, 12), draw(50, 12, seed=1)
    index = make_index(features)
    for query, code in zip(asked, index.axes.encode(asked), strict=True):
        numbers, distances = index.nearest(code, np.arange(600), count)
        apart, wanted = exact(features, query), np.sort(exact(features, query))[:count]
        assert np.all(np.diff(distances) >= 0)
        assert np.abs(distances - apart[numbers]).max() <= error(index.axes)
        assert np.abs(distances - wanted).max() <= error(index.axes)


def test_neighbours_in_bytes_are_exactly_those_of_brute_force():
    index = make_index(draw(600, 12))
    codes = index.train.astype(int)
    for number in range(0, 600, 60):
        apart = ((codes - codes[number]) ** 2).sum(1)
        numbers, distances = index.nearest(index.train[number], np.arange(600), 25)
        assert distances == pytest.approx(np.sqrt(np.sort(apart)[:25]) * index.axes.step[0])
        assert sorted(apart[numbers]) == sorted(apart)[:25]


def test_only_the_images_asked_for_are_neighbours_and_by_their_own_numbers():
    features = spread()
    index = make_index(features)
    among = np.array([19, 4, 11, 2])
    numbers, distances = index.nearest(index.train[0], among, 3)
    assert numbers.tolist() == [2, 4, 11]
    assert distances == pytest.approx([20, 40, 110], abs=error(index.axes))


def test_there_are_no_more_neighbours_than_images():
    index = make_index(spread())
    assert index.nearest(index.train[0], np.array([3, 8]), 100)[0].tolist() == [3, 8]
    assert [len(each) for each in index.nearest(index.train[0], np.zeros(0, int), 5)] == [0, 0]
    assert [len(each) for each in index.nearest(index.train[0], np.arange(20), 0)] == [0, 0]


# Batch by batch, and as arrays.


@pytest.mark.parametrize("fit_images", [1, 100, 250, 300, 5000])
def test_images_in_batches_are_encoded_as_on_axes_of_the_first_ones(fit_images):
    features = draw(730, 6)
    wanted = Axes.fit(features[:fit_images])
    found = list(encode_all((features[start : start + 100] for start in range(0, 730, 100)), fit_images))
    assert all(np.array_equal(axes.components, wanted.components) for axes, _ in found)
    codes = np.concatenate([code for _, code in found])
    differences = np.abs(codes.astype(int) - wanted.encode(features))
    assert codes.shape == (730, 6)
    assert differences.max() <= 1  # sums of other lengths are rounded otherwise
    assert (differences > 0).mean() < 0.001


def test_batches_are_encoded_as_soon_as_there_are_enough():
    features, given = draw(500, 6), []

    def batches():
        for start in range(0, 500, 100):
            given.append(start)
            yield features[start : start + 100]

    seen = [(len(given), len(code)) for _, code in encode_all(batches(), 200)]
    assert seen == [(2, 200), (3, 100), (4, 100), (5, 100)]


def test_no_images_are_no_codes():
    assert list(encode_all(iter(()))) == []


def test_an_index_comes_back_from_its_arrays_as_it_was():
    index = make_index(draw(300, 12), dimensions=5)
    back = NeighbourIndex.from_arrays(load(save(index.to_arrays())))
    assert np.array_equal(back.train, index.train)
    assert np.array_equal(back.test, index.test)
    assert np.array_equal(back.axes.encode(draw(20, 12, 1)), index.axes.encode(draw(20, 12, 1)))
    one, other = (each.nearest(index.test[2], np.arange(300), 9) for each in (index, back))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize("name", ["mean", "components", "low", "step", "train", "test"])
def test_arrays_of_something_else_are_no_index(name):
    arrays = make_index(draw(30, 6)).to_arrays()
    del arrays[name]
    with pytest.raises(KeyError):
        NeighbourIndex.from_arrays(arrays)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "correlation"])
def test_a_few_vectors_have_the_neighbours_that_they_have_among_many(metric):
    rng = np.random.default_rng(3)
    points, vectors = rng.normal(size=(2300, 7)).astype(np.float16), rng.normal(size=(12, 7)).astype(np.float32)
    numbers, distances = nearest(points, vectors, 9, metric)
    for start in range(0, 12, FEW):
        few, near = nearest(points, vectors[start : start + FEW], 9, metric)
        assert few.tolist() == numbers[start : start + FEW].tolist()
        assert near == pytest.approx(distances[start : start + FEW], rel=1e-3, abs=1e-4)


def test_neighbours_of_one_point_come_without_scikit_learn():
    code = (
        "import sys, numpy as np; from fmexplore.embeddings.neighbours import neighbours; "
        "neighbours(np.eye(9), np.array([1]), 3); sys.exit('sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=60).returncode == 0
