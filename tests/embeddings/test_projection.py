"""Maps: the same from the same seed, as good as others' tools make them, and refused where they cannot be."""

import threading
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from fmexplore.embeddings import projection, umap_loop
from fmexplore.embeddings.neighbours import interpolate_position, nearest, neighbours
from fmexplore.embeddings.projection import STANDARD, ProjectionConfig, Stopped, project, radius, standardize
from fmexplore.embeddings.quality import measure_quality, project_over_time
from fmexplore.errors import ConfigError

pytestmark = pytest.mark.slow

QUICKER = {"iterations": 60, "early_exaggeration_iterations": 40, "perplexity": 10}
METHODS = [ProjectionConfig(method=m, dimensions=d, **QUICKER) for m in ("pca", "tsne", "umap") for d in (2, 3)]
NONLINEAR = [config for config in METHODS if config.method != "pca"]


def name(config: ProjectionConfig) -> str:
    return f"{config.method}-{config.dimensions}"


@pytest.fixture(scope="module")
def blobs():
    """400 points in five heaps, and which heap each is in."""
    points, labels = make_blobs(400, 20, centers=5, cluster_std=2.0, random_state=0)[:2]
    return points.astype(np.float32), labels


# Configurations.


@pytest.mark.parametrize("config", STANDARD)
def test_what_a_shipped_run_brings_is_found_by_the_settings_that_the_page_begins_with(config):
    values = {"method": config.method, "dimensions": config.dimensions, "perplexity": 30.0, "min_distance": 0.1}
    assert ProjectionConfig.parse(values).key() == config.key()
    assert ProjectionConfig.parse(config.model_dump(mode="json")).key() == config.key()


def test_maps_of_version_1_keep_the_keys_that_stand_in_shipped_runs_and_in_links():
    keys = ["e3dcfec8b1", "dbd12c62d6", "bfe18869ab", "bc77d5455b"]
    assert all(version == 1 for version in projection.VERSIONS.values()), "ship the runs again, with their new keys"
    assert [config.key() for config in STANDARD] == keys


@pytest.mark.parametrize("method", projection.VERSIONS)
def test_a_stored_key_begins_with_the_version_of_what_computes_the_map(method, monkeypatch):
    config = ProjectionConfig(method=method)
    keys = set()
    for version in (1, 2, 3):
        monkeypatch.setitem(projection.VERSIONS, method, version)
        begin = list(config.stored_key(images="a").items())[:3]
        assert begin == [("algorithm", method), ("version", version), ("images", "a")]
        keys |= {config.key(), config.key(images="a")}
    assert len(keys) == 6


def test_other_images_are_another_key():
    config = ProjectionConfig()
    assert len({config.key(), config.key(images="a"), config.key(images="b")}) == 3


def test_fields_of_another_method_do_not_change_the_key():
    assert ProjectionConfig(method="umap", perplexity=5).key() == ProjectionConfig(method="umap").key()
    assert ProjectionConfig(method="tsne", neighbours=5).key() == ProjectionConfig(method="tsne").key()
    assert ProjectionConfig(method="pca", seed=1).key() == ProjectionConfig(method="pca").key()


@pytest.mark.parametrize(
    ("method", "change"),
    [
        *[("tsne", {field: value}) for field, value in (("perplexity", 5), ("learning_rate", 100), ("seed", 1))],
        *[("tsne", {"iterations": 5}), ("tsne", {"early_exaggeration_iterations": 5})],
        *[("tsne", {"initialization": "random"}), ("tsne", {"sample": 5}), ("tsne", {"dimensions": 3})],
        *[("umap", {field: value}) for field, value in (("neighbours", 5), ("min_distance", 0.5), ("seed", 1))],
        *[("umap", {"metric": "cosine"}), ("umap", {"method": "tsne"})],
        *[("pca", {"sample": 5}), ("pca", {"dimensions": 3})],
    ],
)
def test_every_field_of_the_method_changes_the_key(method, change):
    config = ProjectionConfig(method=method)
    assert config.replace(**change).key() != config.key()


def test_the_seed_of_pca_matters_where_it_draws_the_sample():
    config = ProjectionConfig(method="pca", sample=5)
    assert config.replace(seed=1).key() != config.key()
    assert not np.array_equal(config.replace(seed=1).choose(1000), config.choose(1000))


def test_the_sample_is_drawn_without_repeats_and_in_order():
    chosen = ProjectionConfig(sample=300).choose(1000)
    assert len(np.unique(chosen)) == 300
    assert np.array_equal(np.sort(chosen), chosen)
    assert np.array_equal(ProjectionConfig(sample=300).choose(200), np.arange(200))


def test_a_setting_that_cannot_be_is_refused_by_its_name():
    with pytest.raises(ConfigError, match="method is 'lda'"):
        ProjectionConfig.parse({"method": "lda"})
    with pytest.raises(ConfigError, match="learning_rate is 'fast'"):
        ProjectionConfig.parse({"learning_rate": "fast"})


# Maps.


@pytest.mark.parametrize("config", METHODS, ids=name)
def test_the_same_seed_gives_the_same_map(blobs, config):
    points, _ = blobs
    first, second = project(points, config), project(points, config)
    assert np.array_equal(first.coordinates, second.coordinates)
    assert first.coordinates.shape == (400, config.dimensions)
    assert first.coordinates.dtype == np.float32


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_another_seed_gives_another_map(blobs, config):
    a, b = project(blobs[0], config).coordinates, project(blobs[0], config.replace(seed=1)).coordinates
    assert not np.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("config", METHODS, ids=name)
def test_a_map_is_centred_and_one_unit_in_radius(blobs, config):
    coordinates = project(blobs[0], config).coordinates
    assert np.abs(coordinates.mean(0)).max() < 1e-5
    assert radius(coordinates) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_neighbours_stay_neighbours_and_heaps_stay_heaps(blobs, config):
    points, labels = blobs
    found = measure_quality(points, project(points, config).coordinates, labels)
    assert found.map_agreement > 0.98
    assert found.trustworthiness > 0.9


@pytest.mark.parametrize("initialization", ["pca", "random", "spectral"])
def test_tsne_begins_as_it_is_told(blobs, initialization):
    seen = []
    config = ProjectionConfig(method="tsne", **QUICKER, initialization=initialization)
    project(blobs[0], config, lambda share, message, positions=None: seen.append(positions))
    first = next(positions for positions in seen if positions is not None)
    flat = PCA(2).fit_transform(blobs[0])
    likeness = np.abs(np.corrcoef(first.T, flat.T)[:2, 2:]).max()
    assert (likeness > 0.8) == (initialization == "pca")


@pytest.mark.parametrize("metric", ["cosine", "manhattan", "correlation"])
def test_umap_takes_every_metric(blobs, metric):
    points, labels = blobs
    coordinates = project(points, ProjectionConfig(metric=metric)).coordinates
    assert measure_quality(points, coordinates, labels).map_agreement > 0.9


def test_pca_is_that_of_scikit_learn_up_to_its_scale(blobs):
    points, _ = blobs
    found = project(points, ProjectionConfig(method="pca", dimensions=3))
    peer = PCA(3).fit(points)
    wanted = standardize(peer.transform(points))
    signs = np.sign((found.coordinates * wanted).sum(0))
    assert np.allclose(found.coordinates * signs, wanted, atol=1e-4)
    assert np.allclose(found.explained_variance, peer.explained_variance_ratio_, atol=1e-5)


def test_points_wider_than_many_give_the_same_axes(blobs):
    wide = np.random.default_rng(0).normal(size=(30, 90)).astype(np.float32)
    found = project(wide, ProjectionConfig(method="pca"))
    wanted = standardize(PCA(2).fit_transform(wide))
    assert np.allclose(np.abs(found.coordinates), np.abs(wanted), atol=1e-4)


def test_our_umap_loop_is_that_of_umap_learn(blobs, monkeypatch):
    from umap import layouts

    called = []

    def record(*arguments):
        called.append(arguments)

    monkeypatch.setattr(umap_loop, "compile_epoch", lambda: record)
    project(blobs[0], ProjectionConfig())
    ours = list(called)
    called.clear()
    positions, _, head, tail, count, every = ours[0][:6]
    a, b, states = ours[0][6:9]
    monkeypatch.setattr(layouts, "_get_optimize_layout_euclidean_single_epoch_fn", lambda parallel: record)
    start = np.array([0, 0, 0])
    layouts.optimize_layout_euclidean(
        positions, positions, head, tail, len(ours), count, every, a, b, start, move_other=True
    )
    assert len(called) == len(ours) == umap_loop.EPOCHS
    offset = states - called[0][8]
    assert (offset == offset[0]).all()
    for our, its in zip(ours, called, strict=True):
        for position, (one, other) in enumerate(zip(our, its, strict=True)):
            assert position == 8 or np.allclose(one, other), position


# How it goes on.


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_it_tells_how_far_it_is_and_shows_where_images_are(blobs, config):
    shares, shown = [], []

    def report(share, message, positions=None):
        assert message
        shares.append(share)
        shown.extend([] if positions is None else [positions.copy()])

    project(blobs[0], config, report)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.2
    assert shares[-1] > 0.9
    assert len(shown) > 10
    assert all(each.shape == (400, config.dimensions) and np.isfinite(each).all() for each in shown)
    assert radius(shown[-1]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_stopped_it_keeps_what_there_is(blobs, config):
    shown = []

    def report(share, message, positions=None):
        if positions is not None and share > 0.5:
            shown.append(positions.copy())
            raise Stopped

    found = project(blobs[0], config, report)
    assert found.stopped
    assert np.array_equal(found.coordinates, shown[0])
    assert len(shown) == 1
    assert not project(blobs[0], config).stopped


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_given_up_it_ends_there(blobs, config):
    class GivenUp(Exception):
        pass

    def report(share, message, positions=None):
        if positions is not None:
            raise GivenUp

    with pytest.raises(GivenUp):
        project(blobs[0], config, report)


def test_two_umaps_and_torch_at_once_leave_the_process_alive(blobs):
    import torch

    wanted = project(blobs[0], ProjectionConfig()).coordinates
    found, done = [], threading.Event()

    def convolve():
        layer, x = torch.nn.Conv2d(1, 16, 3), torch.zeros(50, 1, 28, 28)
        while not done.is_set():
            layer(x)

    beside = threading.Thread(target=convolve)
    both = [
        threading.Thread(target=lambda: found.append(project(blobs[0], ProjectionConfig()).coordinates))
        for _ in range(2)
    ]
    for thread in (beside, *both):
        thread.start()
    for thread in both:
        thread.join()
    done.set()
    beside.join()
    assert len(found) == 2
    assert all(np.array_equal(each, wanted) for each in found)


# Too few, too many, too alike.


def test_a_perplexity_that_the_images_do_not_allow_is_refused_with_the_largest_one():
    points = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(ConfigError, match="perplexity is 17, and 50 images allow at most 16"):
        project(points, ProjectionConfig(method="tsne", perplexity=17))
    assert project(points, ProjectionConfig(method="tsne", perplexity=16, iterations=5)).coordinates.shape == (50, 2)


def test_more_neighbours_than_there_are_is_refused_with_the_largest_number():
    points = np.random.default_rng(0).normal(size=(10, 4))
    with pytest.raises(ConfigError, match="neighbours is 15, and 10 images allow at most 9"):
        project(points, ProjectionConfig())


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(
    "values", [{"method": "pca"}, {"method": "tsne", "perplexity": 3}, {"method": "umap", "neighbours": 9}]
)
def test_ten_images_have_a_map(values, dimensions):
    points = np.random.default_rng(0).normal(size=(10, 4))
    coordinates = project(points, ProjectionConfig(**values, dimensions=dimensions)).coordinates
    assert coordinates.shape == (10, dimensions)
    assert np.isfinite(coordinates).all()
    assert radius(coordinates) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("config", METHODS, ids=name)
def test_features_that_are_all_the_same_still_have_a_map(config):
    assert np.isfinite(project(np.full((60, 5), 3.0), config).coordinates).all()


@pytest.mark.parametrize("config", METHODS, ids=name)
def test_constant_features_among_others_change_nothing_but_rounding(blobs, config):
    points = np.concatenate([blobs[0], np.full((400, 3), 7.0, np.float32)], 1)
    assert np.isfinite(project(points, config).coordinates).all()


def test_fewer_images_than_dimensions_leave_the_rest_at_zero():
    found = project(np.array([[1.0, 0], [0, 1.0]]), ProjectionConfig(method="pca", dimensions=3))
    assert found.coordinates.shape == (2, 3)
    assert np.allclose(found.coordinates[:, 1:], 0, atol=1e-6)
    assert np.allclose(np.abs(found.coordinates[:, 0]), 1, atol=1e-5)
    assert project(np.ones((1, 4)), ProjectionConfig(method="pca")).coordinates.tolist() == [[0, 0]]


def test_no_images_and_no_numbers_are_refused():
    with pytest.raises(ConfigError, match="no images to project"):
        project(np.zeros((0, 4)), ProjectionConfig(method="pca"))
    with pytest.raises(ConfigError, match="are no numbers"):
        project(np.array([[0, np.nan], [1, 2]]), ProjectionConfig(method="pca"))


def test_tsne_in_space_refuses_more_images_than_it_can_do_in_minutes():
    with pytest.raises(ConfigError, match="at most 10,000 images"):
        project(np.zeros((10_001, 2)), ProjectionConfig(method="tsne", dimensions=3))


# Neighbours and places.


def distances(a: np.ndarray, b: np.ndarray, metric: str) -> np.ndarray:
    from scipy.spatial.distance import cdist

    kind: Any = "cityblock" if metric == "manhattan" else metric
    return cdist(a.astype(float), b.astype(float), kind)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "correlation"])
def test_neighbours_are_those_of_brute_force(metric):
    points = np.random.default_rng(0).normal(size=(2500, 8)).astype(np.float16)
    positions = np.arange(0, 2500, 2)
    numbers, found = neighbours(points, positions, 6, metric)
    wanted = distances(points[positions], points, metric)
    wanted[np.arange(len(positions)), positions] = np.inf
    assert np.array_equal(numbers, np.argsort(wanted, 1)[:, :6])
    assert np.allclose(found, np.sort(wanted, 1)[:, :6], atol=1e-5)


def test_an_image_is_not_its_own_neighbour_among_others_in_its_place():
    numbers, found = neighbours(np.zeros((30, 3)), np.arange(30), 4)
    assert numbers.shape == (30, 4)
    assert not (numbers == np.arange(30)[:, None]).any()
    assert not found.any()


def test_the_nearest_to_another_vector_may_be_any_of_the_points():
    points = np.array([[0.0, 0], [1, 0], [5, 0]])
    numbers, found = nearest(points, np.array([[0.9, 0]]), 9)
    assert numbers.tolist() == [[1, 0, 2]]
    assert np.allclose(found, [[0.1, 0.9, 4.1]])


def test_a_new_image_lies_between_its_neighbours_nearer_to_the_nearer():
    coordinates = np.array([[0.0, 0], [4, 0], [0, 8]])
    assert np.allclose(interpolate_position(np.array([[0, 1]]), np.array([[1.0, 3]]), coordinates), [[1, 0]])
    assert np.allclose(interpolate_position(np.array([[1, 2]]), np.array([[0.0, 2]]), coordinates), [[4, 0]], atol=1e-6)
    assert np.allclose(interpolate_position(np.array([[0, 1]]), np.array([[0.0, 0]]), coordinates), [[2, 0]])


# Quality.


def test_trustworthiness_is_that_of_scikit_learn_on_the_same_sample(blobs):
    points, labels = blobs
    coordinates = points[:, :2]
    assert measure_quality(points, coordinates, labels).trustworthiness == pytest.approx(
        trustworthiness(points, coordinates, n_neighbors=12)
    )
    chosen = np.sort(np.random.default_rng(3).choice(400, 100, replace=False))
    assert measure_quality(points, coordinates, labels, sample=100, seed=3).trustworthiness == pytest.approx(
        trustworthiness(points[chosen], coordinates[chosen], n_neighbors=12)
    )


def test_a_map_that_is_the_points_keeps_all_and_a_shuffled_one_nearly_nothing(blobs):
    points, labels = blobs
    same = measure_quality(points, points, labels)
    assert (same.trustworthiness, same.kept) == (pytest.approx(1), 1)
    assert same.map_agreement == same.label_agreement
    shuffled = measure_quality(points, np.random.default_rng(0).permutation(points), labels)
    assert shuffled.kept < 0.1
    assert shuffled.map_agreement == pytest.approx(0.2, abs=0.05)
    assert shuffled.label_agreement == same.label_agreement


def test_agreement_and_kept_are_shares_of_neighbours():
    points = np.array([[0.0], [1], [2.1], [3.3], [10], [11], [12.1]])
    found = measure_quality(points, points[::-1], np.array([0, 0, 0, 1, 1, 1, 1]), neighbours=1)
    assert found.label_agreement == pytest.approx(6 / 7)
    assert (found.images, found.neighbours) == (7, 1)


def test_a_single_class_agrees_with_itself_and_few_images_have_fewer_neighbours(blobs):
    found = measure_quality(blobs[0][:9], blobs[0][:9, :2], np.zeros(9))
    assert (found.label_agreement, found.map_agreement, found.neighbours) == (1, 1, 4)
    with pytest.raises(ConfigError, match="There are 3 images"):
        measure_quality(blobs[0][:3], blobs[0][:3], np.zeros(3))


# Over time.


def turned(points: np.ndarray, seed: int) -> np.ndarray:
    return points @ np.linalg.qr(np.random.default_rng(seed).normal(size=(points.shape[1],) * 2))[0]


def test_pca_over_time_lays_its_axes_through_all_snapshots(blobs):
    points, _ = blobs
    maps, movements = project_over_time([0.1 * points, points, points], ProjectionConfig(method="pca"))
    wanted = standardize(PCA(2).fit_transform(np.concatenate([0.1 * points, points, points])))
    found = np.concatenate(maps)
    wanted = wanted * np.sign((wanted * found).sum(0))
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] == pytest.approx(1, abs=1e-3)
    assert radius(maps[0]) == pytest.approx(0.1 * radius(maps[1]), rel=1e-3)
    assert movements[0] > 0.5
    assert movements[1] == 0


@pytest.mark.parametrize("config", NONLINEAR, ids=name)
def test_each_map_begins_at_the_one_before_and_lies_on_it(blobs, config):
    points, _ = blobs
    snapshots = [points, turned(points, 1), points + np.random.default_rng(0).normal(0, 0.1, points.shape)]
    maps, movements = project_over_time(snapshots, config)
    alone = project(snapshots[2], config.replace(seed=5)).coordinates
    assert [each.shape for each in maps] == [(400, config.dimensions)] * 3
    assert movements.shape == (2,)
    assert movements.max() < 0.8 * np.linalg.norm(alone - maps[1], axis=1).mean()
    turn = maps[1].T @ maps[0]
    assert np.allclose(turn, turn.T, atol=1e-2 * np.abs(turn).max())  # no turn would bring them nearer
    assert radius(maps[1]) == pytest.approx(1, abs=1e-4)


def test_stopped_between_snapshots_it_gives_the_maps_so_far(blobs):
    config = ProjectionConfig(method="tsne", **QUICKER)

    def report(share, message, positions=None):
        if positions is not None and share > 0.5:
            raise Stopped

    maps, movements = project_over_time([blobs[0]] * 3, config, report)
    assert (len(maps), len(movements)) == (1, 0)
    assert np.array_equal(maps[0], project(blobs[0], config).coordinates)


def test_stopped_before_a_snapshot_has_positions_it_gives_the_maps_so_far(blobs):
    def report(share, message, positions=None):
        if positions is not None and message.startswith("Snapshot 2"):
            raise Stopped

    maps, _ = project_over_time([blobs[0]] * 3, ProjectionConfig(method="tsne", **QUICKER), report)
    assert len(maps) == 1
