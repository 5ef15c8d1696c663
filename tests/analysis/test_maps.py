"""Features, maps and their keeping as the analyst does them, and how a question is controlled while it runs."""

import dataclasses
import time

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.numpy import save as pack

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis.maps import layer_features, measure_map, project_images, project_snapshots
from fmexplore.analysis.task import Cancelled, NullProgress
from fmexplore.data.fashion_mnist import DataSet, Split, SplitConfig
from fmexplore.embeddings import projection
from fmexplore.embeddings.features import layer_values
from fmexplore.embeddings.projection import STANDARD, ProjectionConfig, Stopped, project
from fmexplore.embeddings.quality import measure_quality, project_over_time
from fmexplore.errors import AnalysisFailed, ConfigError
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.derived import Derived, Kept, kept_files, trim
from fmexplore.runs.run import Run
from fmexplore.settings import Settings
from fmexplore.training.progress import Snapshot

pytestmark = [pytest.mark.usefixtures("drawn_folder"), pytest.mark.slow]

PCA = ProjectionConfig(method="pca")
TSNE = ProjectionConfig(method="tsne", perplexity=5, iterations=30, early_exaggeration_iterations=20)
PATIENCE = 90


class Follower:
    """A task that keeps what it is told and shown, and may raise."""

    def __init__(self, error: type[Exception] | None = None, at: float = 0.0, unshown: bool = False) -> None:
        self.shares, self.shown, self.error, self.at, self.unshown = [], [], error, at, unshown

    def report(self, share, message="", partial=None) -> None:
        self.shares.append(share)
        if partial is not None:
            self.shown.append(partial)
        if self.error and share >= self.at and (partial is not None or self.unshown):
            raise self.error


def give_weights(run: Run, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = tensor_shapes(summarize(run.config.model))
    run.write_weights({name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()})


@pytest.fixture
def run(store, tiny) -> Run:
    run = store.create(tiny, state="finished", ended=1.0)
    give_weights(run, 3)
    return run


def features_of(run: Run, images: np.ndarray, layer: str) -> np.ndarray:
    return layer_values(image_analysis.network_of(run), layer, images).astype(np.float16)


# Features.


@pytest.mark.parametrize("layer", ["last", "4"])
def test_the_features_kept_are_those_of_the_runs_network(run, derived, drawn, layer):
    assert layer_features(NullProgress(), run, layer, "test") is None
    found = derived.read_features(layer, "test")
    assert np.allclose(found.points, features_of(run, drawn.test.images, layer), atol=2e-3)
    assert derived.read_features(layer, "all") is None


def test_features_are_of_the_weights_that_the_run_has(run, derived):
    layer_features(NullProgress(), run, "last", "test")
    give_weights(run, 4)
    assert derived.read_features("last", "test") is None


def pixel_files(store, images, run: Run | None = None) -> Kept:
    return kept_files(run, "pixels", images, store.settings)


def test_pixels_need_neither_run_nor_weights_and_serve_all(store, tiny, drawn):
    weightless = store.create(tiny)
    layer_features(NullProgress(), weightless, "pixels", "test")
    follower = Follower()
    layer_features(follower, None, "pixels", "test")
    assert follower.shares == []
    files = pixel_files(store, drawn)
    assert files.read_features("pixels", "test").points.shape == (160, 64)
    assert [path.parent for path in files.paths()] == [store.settings.cache / "pixels"]


def test_pixels_of_other_validation_images_are_other_files(store, tiny, drawn):
    other = store.create(tiny.replace(training={"validation_share": 0.2}))
    for run, count in ((None, 64), (other, 128)):
        layer_features(NullProgress(), run, "pixels", "validation")
        files = pixel_files(store, drawn, run)
        assert len(files.read_features("pixels", "validation").points) == count


def test_without_a_run_there_are_only_pixels(store):
    with pytest.raises(ConfigError, match="layer is 'last': choose one of pixels"):
        layer_features(NullProgress(), None, "last", "test")


def test_features_that_nobody_wants_any_more_leave_nothing(run, derived):
    with pytest.raises(Cancelled):
        layer_features(Follower(Cancelled, unshown=True), run, "last", "test")
    assert derived.paths() == []


# Maps.


def test_a_map_is_that_of_the_features_and_is_kept(run, derived, drawn):
    found = project_images(NullProgress(), run, "last", "test", TSNE)
    wanted = project(derived.read_features("last", "test").points, TSNE)
    assert np.array_equal(found["coordinates"], wanted.coordinates)
    assert found["index"].tolist() == list(range(160))
    assert not found["stopped"].any()
    kept = derived.read_projection("last", "test", TSNE)
    assert kept.keys() == found.keys()
    assert all(np.array_equal(kept[name], found[name]) for name in found)
    assert derived.read_projection("last", "test", TSNE.replace(seed=1)) is None


def test_a_map_that_is_kept_is_not_made_again(run):
    project_images(NullProgress(), run, "last", "test", TSNE)
    follower = Follower()
    project_images(follower, run, "last", "test", TSNE)
    assert follower.shares == []


@pytest.mark.parametrize("source", ["last", "pixels"])
def test_a_map_of_another_version_of_its_algorithm_is_not_found_and_made_again(run, store, drawn, monkeypatch, source):
    files = kept_files(run, source, drawn, store.settings)
    project_images(NullProgress(), run, source, "test", TSNE)
    monkeypatch.setitem(projection.VERSIONS, "tsne", projection.VERSIONS["tsne"] + 1)
    assert files.read_projection(source, "test", TSNE) is None
    follower = Follower()
    project_images(follower, run, source, "test", TSNE)
    assert follower.shares[-1] > 0.9
    assert files.read_projection(source, "test", TSNE) is not None
    monkeypatch.setitem(projection.VERSIONS, "umap", projection.VERSIONS["umap"] + 1)
    assert files.read_projection(source, "test", TSNE) is not None, "another algorithm's version does not matter"


def test_maps_of_snapshots_of_another_version_are_not_found(run, derived, drawn, monkeypatch):
    give_snapshots(run, drawn)
    project_snapshots(NullProgress(), run, PCA)
    assert derived.read_course(PCA) is not None
    monkeypatch.setitem(projection.VERSIONS, "pca", projection.VERSIONS["pca"] + 1)
    assert derived.read_course(PCA) is None


@pytest.mark.parametrize("part", ["train", "test"])
def test_after_one_pixel_has_changed_neither_the_map_of_pixels_nor_what_it_was_made_of_is_found(store, drawn, part):
    project_images(NullProgress(), None, "pixels", "test", PCA)
    images = drawn.part(part).images.copy()
    images[-1, -1, -1] ^= 1
    other = DataSet(**{"train": drawn.train, "test": drawn.test, part: Split(images, drawn.part(part).labels)})
    before, after = (pixel_files(store, each) for each in (drawn, other))
    assert before.read_projection("pixels", "test", PCA) is not None
    assert after.read_projection("pixels", "test", PCA) is None
    assert after.read_features("pixels", "test") is None


def test_a_data_set_is_named_by_its_images_and_not_by_what_else_is_learnt_from(drawn):
    assert dataclasses.replace(drawn, extra=drawn.test).digest == drawn.digest
    assert DataSet(drawn.test, drawn.train).digest != drawn.digest


@pytest.mark.parametrize("split", ["validation", "train", "all"])
def test_the_index_says_which_images_they_are(run, store, drawn, split):
    config = PCA.replace(sample=30)
    found = project_images(NullProgress(), run, "last", split, config)
    everything = np.concatenate([drawn.train.images, drawn.test.images])
    features = features_of(run, everything[found["index"]], "last")
    assert np.allclose(found["coordinates"], project(features, config).coordinates, atol=0.02)
    assert len(found["index"]) == 30


def test_the_explained_variance_of_pixels_is_of_all_that_varies(store, drawn):
    found = project_images(NullProgress(), None, "pixels", "train", PCA)
    chosen = drawn.locate("train", SplitConfig())[1]
    pixels = drawn.train.images[chosen].reshape(len(chosen), -1) / 255
    values = np.linalg.eigvalsh(np.cov(pixels.T))[::-1]
    assert np.allclose(found["explained_variance"], values[:2] / values.sum(), rtol=1e-2)


def test_a_stopped_map_is_kept_and_made_again_when_it_is_asked_for_again(run, derived):
    found = project_images(Follower(Stopped, 0.8), run, "last", "test", TSNE)
    assert found["stopped"].all()
    assert derived.read_projection("last", "test", TSNE)["stopped"].all()
    again = project_images(NullProgress(), run, "last", "test", TSNE)
    assert not again["stopped"].any()
    assert not np.array_equal(again["coordinates"], found["coordinates"])


def test_a_map_that_nobody_wants_any_more_is_not_kept(run, derived):
    with pytest.raises(Cancelled):
        project_images(Follower(Cancelled), run, "last", "test", TSNE)
    assert derived.read_projection("last", "test", TSNE) is None


def test_what_is_shown_before_the_end_says_which_images_lie_where(run):
    follower = Follower()
    project_images(follower, run, "last", "test", TSNE.replace(sample=40))
    assert follower.shares == sorted(follower.shares)
    assert follower.shown
    assert all(shown["coordinates"].shape == (40, 2) and len(shown["index"]) == 40 for shown in follower.shown)


@pytest.mark.parametrize("content", [b"", b"not a map", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_map_is_not_there_and_made_again(run, derived, content):
    project_images(NullProgress(), run, "last", "test", PCA)
    path = next(path for path in derived.paths() if path.stem.startswith("map-"))
    path.write_bytes(content)
    assert derived.read_projection("last", "test", PCA) is None
    assert len(project_images(NullProgress(), run, "last", "test", PCA)["coordinates"]) == 160


def test_a_map_of_another_shape_is_not_there(derived):
    name = derived.projection_name("last", "test", PCA)
    for coordinates in (np.zeros((3, 3)), np.zeros((4, 2)), np.zeros(3)):
        derived.write(name, {"coordinates": coordinates, "index": np.arange(3)})
        assert derived.read_projection("last", "test", PCA) is None
    derived.write(name, {"coordinates": np.zeros((3, 2))})
    assert derived.read_projection("last", "test", PCA) is None


def test_trust_is_that_of_the_features_and_the_map(run, derived, drawn):
    config = TSNE.replace(sample=100)
    found = measure_map(NullProgress(), run, "last", "test", config, 5)
    kept = derived.read_projection("last", "test", config)
    points = derived.read_features("last", "test").points[kept["index"]]
    assert found == measure_quality(points, kept["coordinates"], drawn.test.labels[kept["index"]], 5)


def test_files_about_pixels_count_towards_the_limit_of_the_cache(store, drawn):
    files = pixel_files(store, drawn)
    for name in ("features-pixels-test", "features-pixels-all"):
        files.write(name, {"a": np.zeros(100_000, np.uint8)})
    trim(Settings(home=store.settings.home, max_cache_mb=0.15))
    assert len(files.paths()) == 1


# Snapshots.


def give_snapshots(run: Run, drawn, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    validation = drawn.select("validation", SplitConfig("share", 0.1))
    points = [rng.normal(size=(64, 6)) + validation.labels[:, None] * step for step in range(count)]
    for step, features in enumerate(points, start=1):
        logits = np.zeros((64, 10), np.float32)
        run.write_snapshot(Snapshot(step, 0.1 * step, "", logits, validation.labels, features.astype(np.float16)))
    return [each.astype(np.float16) for each in points]


@pytest.mark.parametrize("config", [PCA, TSNE], ids=["pca", "tsne"])
def test_snapshots_have_maps_of_the_same_images(run, derived, drawn, config):
    points = give_snapshots(run, drawn)
    found = project_snapshots(NullProgress(), run, config)
    maps, movements = project_over_time(points, config)
    assert np.array_equal(found["coordinates"], np.stack(maps))
    assert np.array_equal(found["movements"], movements)
    assert found["steps"].tolist() == [1, 2, 3]
    assert np.array_equal(found["index"], drawn.locate("validation", SplitConfig("share", 0.1))[1])
    kept = derived.read_course(config)
    assert all(np.array_equal(kept[name], found[name]) for name in found)
    follower = Follower()
    project_snapshots(follower, run, config)
    assert follower.shares == []


def test_stopped_snapshots_are_given_and_not_kept(run, derived, drawn):
    give_snapshots(run, drawn)
    found = project_snapshots(Follower(Stopped, 0.5), run, TSNE)
    assert found["coordinates"].shape == (1, 64, 2)
    assert found["steps"].tolist() == [1]
    assert derived.read_course(TSNE) is None


def test_a_run_without_snapshots_is_refused(run):
    with pytest.raises(ConfigError, match="has no snapshots: train a network of your own"):
        project_snapshots(NullProgress(), run, PCA)


def test_snapshots_without_features_as_shipped_runs_have_are_mapped_by_their_outputs(run, drawn):
    give_snapshots(run, drawn)
    for step in run.snapshot_steps():
        arrays, metadata = run.read_snapshot(step)
        arrays["logits"] = arrays.pop("features").repeat(2, 1)[:, :10]
        run.snapshot_path(step).write_bytes(pack(arrays, metadata))
    found = project_snapshots(NullProgress(), run, PCA.replace(seed=5, sample=20))
    assert found["coordinates"].shape == (3, 20, 2)
    assert found["outputs"].tolist() == [True]


def test_a_snapshot_that_holds_no_numbers_is_left_out_of_the_maps(run, drawn):
    give_snapshots(run, drawn)
    arrays, metadata = run.read_snapshot(2)
    arrays["logits"] = np.full_like(arrays["logits"], np.nan)
    run.snapshot_path(2).write_bytes(pack(arrays, metadata))
    assert project_snapshots(NullProgress(), run, PCA)["steps"].tolist() == [1, 3]


# Shipped runs.


def test_a_shipped_run_brings_maps_of_its_test_images_and_snapshots_and_no_others(run, store, drawn, tmp_path):
    give_snapshots(run, drawn)
    for layer, split in (("last", "test"), ("last", "all"), ("4", "test")):
        project_images(NullProgress(), run, layer, split, PCA)
    project_snapshots(NullProgress(), run, PCA)
    path = store.ship(run, "quick")
    shipped = Derived(Run(path, shipped=True), Settings(home=tmp_path / "elsewhere"))
    here = Derived(run, store.settings)
    found, wanted = (each.read_projection("last", "test", PCA) for each in (shipped, here))
    assert np.abs(found["coordinates"] - wanted["coordinates"]).max() < 2e-3
    assert found["coordinates"].dtype == np.float32
    assert np.array_equal(found["index"], wanted["index"])
    assert np.abs(shipped.read_course(PCA)["coordinates"] - here.read_course(PCA)["coordinates"]).max() < 2e-3
    assert shipped.read_features("last", "test").points.dtype == np.float16
    assert shipped.read_projection("last", "all", PCA) is None
    assert shipped.read_projection("4", "test", PCA) is None
    raw = load_file(path / "derived" / f"{shipped.projection_name('last', 'test', PCA)}.safetensors")
    assert raw["coordinates"].dtype == np.float16


def test_what_is_shipped_is_a_map_by_every_method():
    assert {(config.method, config.dimensions) for config in STANDARD} == {
        *(("pca", 2), ("tsne", 2), ("umap", 2), ("pca", 3)),
    }


# Control of a question in the process.

ADDED = """
import sys, time
from pathlib import Path
from fmexplore.analysis import images as image_analysis
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
from fmexplore.embeddings.projection import Stopped
import numpy as np

fashion_mnist.FILES = {files!r}

def count(task, folder, who=""):
    "Counts in a file until it is let go, showing the number; stopped, it gives the last one."
    number = 0
    while not (Path(folder) / "go").exists():
        number += 1
        (Path(folder) / ("count" + who)).write_text(str(number))
        try:
            task.report(0.5, "Counting", {{"number": np.array([number])}})
        except Stopped:
            return ["stopped", number]
        time.sleep(0.01)
    return ["went", number]

image_analysis.ANALYSES.update(count=count)
"""


def counted(folder, who: str = "") -> int:
    path = folder / f"count{who}"
    return int(path.read_text() or 0) if path.exists() else 0


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def begin(analyst, folder, **arguments):
    question = analyst.ask("count", folder=str(folder), **arguments)
    wait_for(lambda: counted(folder, arguments.get("who", "")) > 2)
    return question


def rest(folder) -> int:
    """The count where it stands still."""
    while True:
        before = counted(folder)
        time.sleep(0.2)
        if counted(folder) == before:
            return before


def test_partial_results_arrive_while_it_goes_on(analyst, tmp_path):
    question = begin(analyst, tmp_path)
    wait_for(lambda: question.partial is not None)
    first = question.partial["number"][0]
    wait_for(lambda: question.partial["number"][0] > first)
    assert not question.answer.done()


@pytest.mark.parametrize("asked_again", [False, True], ids=["resumed", "asked by somebody else"])
def test_a_paused_question_waits_and_goes_on_where_it_was(analyst, tmp_path, asked_again):
    question = begin(analyst, tmp_path)
    question.pause()
    assert question.paused
    number = rest(tmp_path)
    if asked_again:
        assert analyst.ask("count", folder=str(tmp_path)) is question
    else:
        question.resume()
    assert not question.paused
    wait_for(lambda: counted(tmp_path) > number)
    (tmp_path / "go").touch()
    assert question.result(PATIENCE)[0] == "went"


def test_a_paused_question_lets_others_work(analyst, tmp_path):
    question = begin(analyst, tmp_path)
    question.pause()
    number = rest(tmp_path)
    other = begin(analyst, tmp_path, who="other")
    question.resume()
    time.sleep(0.2)
    assert counted(tmp_path) == number  # it is the other's turn
    other.stop()
    assert other.result(PATIENCE)[0] == "stopped"
    wait_for(lambda: counted(tmp_path) > number)


def test_a_stopped_question_is_answered_with_what_there_is(analyst, tmp_path):
    question = begin(analyst, tmp_path)
    question.stop()
    what, number = question.result(PATIENCE)
    assert (what, number) == ("stopped", counted(tmp_path))


@pytest.mark.parametrize("command", ["stop", "cancel"])
def test_a_paused_question_can_be_ended(analyst, tmp_path, command):
    question = begin(analyst, tmp_path)
    question.pause()
    rest(tmp_path)
    getattr(question, command)()
    if command == "stop":
        assert question.result(PATIENCE)[0] == "stopped"
    else:
        with pytest.raises(AnalysisFailed, match="cancelled"):
            question.result(PATIENCE)
    (tmp_path / "go").touch()
    assert analyst.ask("count", folder=str(tmp_path)).result(PATIENCE)[0] == "went"


def test_commands_to_an_answered_question_change_nothing(analyst, tmp_path):
    (tmp_path / "go").touch()
    question = analyst.ask("count", folder=str(tmp_path))
    question.result(PATIENCE)
    for command in ("pause", "resume", "stop", "cancel"):
        getattr(question, command)()
    assert analyst.ask("count", folder=str(tmp_path), who="again").result(PATIENCE) == ["went", 0]


def test_the_same_map_asked_for_twice_is_one_question(analyst, run):
    first, second = (
        analyst.ask("project_images", run=run, layer="last", split="test", config=ProjectionConfig(**TSNE.model_dump()))
        for _ in range(2)
    )
    other = analyst.ask("project_images", run=run, layer="last", split="test", config=TSNE.replace(seed=1))
    assert first is second
    assert other is not first
    arrays = first.result(PATIENCE)
    assert arrays["coordinates"].shape == (160, 2)
    assert not np.array_equal(other.result(PATIENCE)["coordinates"], arrays["coordinates"])
