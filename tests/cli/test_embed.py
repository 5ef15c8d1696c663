"""`embed`: the arrays it writes, what it prints, and what it refuses."""

import json

import numpy as np
import pytest

from fmexplore.embeddings.projection import STANDARD, ProjectionConfig
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.derived import Derived
from fmexplore.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def store(store, drawn_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where maps are written
    return store


@pytest.fixture
def weightless(store, tiny):
    return store.create(tiny, state="finished", ended=1.0)


@pytest.fixture
def run(weightless):
    rng = np.random.default_rng(0)
    shapes = tensor_shapes(summarize(weightless.config.model))
    weightless.write_weights({name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()})
    return weightless


@pytest.mark.parametrize(("method", "dimensions"), [("pca", 3), ("tsne", 2), ("umap", 2)])
def test_embed_writes_coordinates_labels_and_index(call, run, store, drawn, tmp_path, method, dimensions):
    path = tmp_path / "maps" / "map.npz"
    arguments = ("--method", method, "--dimensions", dimensions, "--out", path, "--json")
    code, out, error = call("embed", run.id, *arguments)
    assert (code, error) == (0, "")
    summary = json.loads(out)
    assert (summary["file"], summary["n"], summary["seconds"] >= 0) == (str(path), 160, True)
    assert ("explained_variance" in summary) == (method == "pca")
    with np.load(path) as arrays:
        assert set(arrays) == {"coordinates", "labels", "index"}
        assert arrays["coordinates"].shape == (160, dimensions)
        assert arrays["coordinates"].dtype == np.float32
        assert np.array_equal(arrays["index"], np.arange(160))
        assert np.array_equal(arrays["labels"], drawn.test.labels)
        config = ProjectionConfig(method=method, dimensions=dimensions)
        kept = Derived(run, store.settings).read_projection("last", "test", config)
        assert np.array_equal(arrays["coordinates"], kept["coordinates"])


@pytest.mark.parametrize("split", ["validation", "train", "all"])
def test_labels_belong_to_the_images_that_were_drawn(call, run, drawn, tmp_path, split):
    path = tmp_path / "map.npz"
    code, _, _ = call("embed", run.id, "--method", "pca", "--split", split, "--sample", 50, "--out", path)
    labels = np.concatenate([drawn.train.labels, drawn.test.labels])
    with np.load(path) as arrays:
        assert (code, len(arrays["index"])) == (0, 50)
        assert np.array_equal(arrays["labels"], labels[arrays["index"]])


def test_pixels_need_no_weights_and_the_file_has_a_name_of_its_own(call, weightless, tmp_path):
    code, out, _ = call("embed", weightless.id, "--method", "pca", "--layer", "pixels", "--seed", 3)
    name = f"{weightless.id}-pixels-test-pca-2d.npz"
    assert (code, out.startswith(f"{name}: 160 images in 2 dimensions")) == (0, True)
    assert "% of the variance" in out
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--method", "lda"), "method is 'lda'"),
        (("--layer", "99"), "layer is '99': choose one of pixels, last, 1,"),
        (("--split", "tests"), "split is 'tests': choose one of"),
        (("--dimensions", "4"), "dimensions is 4"),
        (("--out", "map.csv"), "give it the ending .npz"),
        (("--method", "tsne", "--sample", "20"), "perplexity is 30, and 20 images allow at most 6: lower it"),
        (("--method", "umap", "--sample", "10"), "neighbours is 15, and 10 images allow at most 9: lower it"),
    ],
)
def test_embed_refuses_what_it_cannot_do_in_one_line(call, run, tmp_path, arguments, reason):
    code, out, error = call("embed", run.id, *arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert reason in error
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("remedy", [("tsne", "--perplexity", 6), ("umap", "--neighbours", 9, "--min-distance", 0.5)])
def test_what_a_refusal_advises_can_be_done(call, run, tmp_path, remedy):
    code, _, error = call("embed", run.id, "--sample", "20", "--out", tmp_path / "map.npz", "--method", *remedy)
    assert (code, error) == (0, "")


def test_embed_of_a_run_without_weights_says_so(call, weightless):
    code, _, error = call("embed", weightless.id, "--method", "pca")
    assert (code, "does not exist yet" in error) == (2, True)


def test_ship_computes_the_maps_that_it_brings_along(call, run, store, drawn):
    code, _, error = call("ship", run.id, "quick")
    assert (code, error) == (0, "")
    shipped = Derived(store.get("quick"), Settings(home=store.settings.home / "elsewhere"))
    for config in STANDARD:
        assert shipped.read_projection("last", "test", config)["coordinates"].shape == (160, config.dimensions)
    assert shipped.read_features("last", "test").points.dtype == np.float16
