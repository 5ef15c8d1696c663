"""What is kept beside a run: read back, forgotten with its weights, damaged or foreign as if absent, trimmed."""

import os
import time

import numpy as np
import pytest
from safetensors.numpy import save_file

from fmexplore.data.fashion_mnist import DataSet
from fmexplore.embeddings.neighbours import Axes, NeighbourIndex
from fmexplore.evaluation.latency import Latency
from fmexplore.evaluation.predictions import Predictions
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.derived import FOLDER, Derived, trim
from fmexplore.runs.run import Run
from fmexplore.settings import Settings

SPLITS = {"test": 160, "validation": 64, "train": 576}  # images of the drawn data set in the splits of `tiny`


def weights_for(config, value: float = 0.5) -> dict[str, np.ndarray]:
    shapes = tensor_shapes(summarize(config.model))
    return {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}


@pytest.fixture
def run(store, tiny) -> Run:
    """A finished run with weights."""
    run = store.create(tiny, state="finished", ended=1.0)
    run.write_weights(weights_for(tiny))
    return run


ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(3, dtype=np.uint8)}


def same(found, wanted) -> bool:
    return (
        found is not None
        and found.keys() == wanted.keys()
        and all(map(np.array_equal, found.values(), wanted.values()))
    )


def logits_for(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 10)).astype(np.float32)


def make_index(data: DataSet) -> NeighbourIndex:
    train, test = (part.images.reshape(len(part), -1)[:, :5].astype(np.float32) for part in (data.train, data.test))
    axes = Axes.fit(train)
    return NeighbourIndex(axes, axes.encode(train), axes.encode(test))


def age(derived: Derived, name: str, days: float) -> None:
    os.utime(derived.folder / f"{name}.safetensors", (time.time() - days * 24 * 3600,) * 2)


def names(derived: Derived) -> list[str]:
    return sorted(path.stem for path in derived.folder.glob("*.safetensors"))


# Written and read.


def test_what_was_written_is_read_also_by_another_that_looks(derived, run, store):
    assert derived.read("things") is None
    derived.write("things", ARRAYS)
    assert same(derived.read("things"), ARRAYS)
    assert same(Derived(Run(run.path), store.settings).read("things"), ARRAYS)
    assert derived.read("other") is None
    assert (store.settings.cache / "runs" / run.id / "things.safetensors").is_file()


def test_nothing_is_written_into_the_folder_of_the_run(derived, run):
    before = sorted(run.path.rglob("*"))
    derived.write("things", ARRAYS)
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 5000, b"{}"])
def test_a_damaged_file_is_not_there(derived, content):
    derived.write("things", ARRAYS)
    [path] = derived.paths()
    path.write_bytes(content)
    assert derived.read("things") is None
    assert derived.paths() == []
    derived.write("things", ARRAYS)
    assert same(derived.read("things"), ARRAYS)


def test_a_file_cut_off_anywhere_is_not_there(derived):
    derived.write("things", ARRAYS)
    [path] = derived.paths()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert derived.read("things") is None


def test_a_file_that_names_no_weights_is_not_there(derived, run):
    derived.folder.mkdir(parents=True)
    save_file(ARRAYS, derived.folder / "things.safetensors")
    assert derived.read("things") is None


# And the weights they were computed from.


def test_after_the_run_has_learnt_more_nothing_is_there_until_it_is_computed_again(derived, run, tiny):
    derived.write("things", ARRAYS)
    run.write_weights(weights_for(tiny, 0.25))
    assert derived.read("things") is None
    assert derived.paths() == []
    derived.write("things", {"a": np.zeros(1)})
    assert same(derived.read("things"), {"a": np.zeros(1)})
    run.write_weights(weights_for(tiny))
    assert derived.read("things") is None


def test_what_was_computed_while_the_run_learnt_more_is_not_taken_for_the_new_weights(derived, run, tiny):
    before = run.weights_digest
    run.write_weights(weights_for(tiny, 0.25))
    derived.write("things", ARRAYS, before)
    assert derived.read("things") is None
    run.write_weights(weights_for(tiny))
    assert same(derived.read("things"), ARRAYS)


def test_a_saved_state_counts_as_the_newer_weights_until_it_is_forgotten(derived, run, tiny):
    derived.write("things", ARRAYS)
    run.write_resume({f"weights.{name}": value for name, value in weights_for(tiny, 0.75).items()}, {"step": 3})
    assert derived.read("things") is None
    run.forget_resume()
    assert same(derived.read("things"), ARRAYS)


def test_a_run_without_weights_reads_what_is_there(derived, run):
    derived.write("things", ARRAYS)
    (run.path / "model.safetensors").unlink()
    assert run.weights_digest == ""
    assert same(derived.read("things"), ARRAYS)


# Shipped runs.


def test_a_shipped_run_brings_its_files_along_and_they_come_first(derived, run, store, tmp_path):
    derived.write("things", ARRAYS)
    path = store.ship(run, "quick")
    elsewhere = Derived(Run(path, shipped=True), Settings(home=tmp_path / "elsewhere"))
    assert same(elsewhere.read("things"), ARRAYS)
    elsewhere.write("things", {"a": np.ones(1)})
    elsewhere.write("more", {"a": np.ones(2)})
    assert same(elsewhere.read("things"), ARRAYS)
    assert same(elsewhere.read("more"), {"a": np.ones(2)})
    (path / FOLDER / "things.safetensors").write_bytes(b"damaged")
    assert same(elsewhere.read("things"), {"a": np.ones(1)})


def test_only_what_belongs_to_the_weights_is_shipped(derived, run, store, tiny):
    derived.write("old", ARRAYS)
    run.write_weights(weights_for(tiny, 0.25))
    derived.write("new", ARRAYS)
    derived.write("broken", ARRAYS)
    (derived.folder / "broken.safetensors").write_bytes(b"x")
    path = store.ship(run, "quick")
    assert [file.name for file in (path / FOLDER).iterdir()] == ["new.safetensors"]


def test_a_shipped_run_that_is_shipped_again_keeps_what_it_brought_along(derived, run, store):
    derived.write("things", ARRAYS)
    store.ship(run, "quick")
    for name in ("quick", "copy"):
        store.ship(store.find("quick"), name)
        assert same(Derived(store.find(name), store.settings).read("things"), ARRAYS)
    assert store.find("copy").weights_digest == run.weights_digest


# Predictions and index.


@pytest.mark.parametrize(("split", "count"), SPLITS.items())
def test_predictions_come_back_with_the_labels_of_their_split(derived, drawn, split, count):
    assert derived.read_predictions(split, drawn) is None
    logits = logits_for(count)
    derived.write_predictions(split, Predictions(logits, np.zeros(count, np.uint8)))
    found = derived.read_predictions(split, drawn)
    assert found is not None
    assert np.array_equal(found.logits, logits)
    training = derived.run.config.training
    wanted = drawn.select(split, training.split_config)
    assert np.array_equal(found.labels, wanted.labels)
    assert [derived.read_predictions(other, drawn) for other in SPLITS if other != split] == [None, None]


def test_predictions_for_a_data_set_of_another_size_are_not_there(derived, drawn):
    for split, count in SPLITS.items():
        derived.write_predictions(split, Predictions(logits_for(count), np.zeros(count, np.uint8)))
    smaller = DataSet(drawn.train.take(np.arange(600)), drawn.test.take(np.arange(100)))
    assert [derived.read_predictions(split, smaller) for split in SPLITS] == [None] * 3


@pytest.mark.parametrize(
    "arrays", [{"other": np.zeros((160, 10), np.float32)}, {"logits": np.zeros((160, 9), np.float32)}]
)
def test_arrays_that_are_no_predictions_are_not_there(derived, drawn, arrays):
    derived.write("predictions-test", arrays)
    assert derived.read_predictions("test", drawn) is None


def test_a_run_without_validation_images_has_no_predictions_for_them(store, tiny, drawn):
    run = store.create(tiny.replace(training={"validation": "none"}))
    run.write_weights(weights_for(tiny))
    derived = Derived(run, store.settings)
    derived.write_predictions("validation", Predictions(logits_for(64), np.zeros(64, np.uint8)))
    assert derived.read_predictions("validation", drawn) is None


def test_an_index_comes_back_for_the_data_set_that_it_is_of(derived, drawn):
    assert derived.read_index(drawn) is None
    index = make_index(drawn)
    derived.write("index", index.to_arrays())
    found = derived.read_index(drawn)
    assert found is not None
    assert same(found.to_arrays(), index.to_arrays())
    for train, test in ((600, 160), (640, 100)):
        other = DataSet(drawn.train.take(np.arange(train)), drawn.test.take(np.arange(test)))
        assert derived.read_index(other) is None


def test_arrays_that_are_no_index_are_not_there(derived, drawn):
    derived.write("index", ARRAYS)
    assert derived.read_index(drawn) is None


# The limit.


def test_what_was_not_used_for_the_longest_time_goes_first_and_no_more_than_needed(derived, run, store):
    other = Derived(Run(store.folder / "20250101-000000-tiny-abcd"), store.settings)
    block = {"a": np.zeros(25_000, np.float32)}  # 0.1 MB
    for number, (place, days) in enumerate(((derived, 3), (other, 9), (derived, 1), (other, 5), (derived, 7))):
        place.write(f"n{number}", block)
        age(place, f"n{number}", days)
    trim(Settings(home=store.settings.home, max_cache_mb=0.6))
    assert names(derived) + names(other) == ["n0", "n2", "n4", "n1", "n3"]
    trim(Settings(home=store.settings.home, max_cache_mb=0.35))
    assert names(derived) + names(other) == ["n0", "n2", "n3"]
    trim(Settings(home=store.settings.home, max_cache_mb=None))
    assert names(derived) + names(other) == ["n0", "n2", "n3"]


def test_reading_is_using(derived, store):
    block = {"a": np.zeros(25_000, np.float32)}
    for name, days in (("old", 9), ("newer", 5), ("newest", 1)):
        derived.write(name, block)
        age(derived, name, days)
    derived.read("old")
    trim(Settings(home=store.settings.home, max_cache_mb=0.15))
    assert names(derived) == ["old"]


def test_writing_keeps_the_cache_within_its_limit(run, store):
    derived = Derived(run, Settings(home=store.settings.home, max_cache_mb=0.25))
    for number in range(5):
        derived.write(f"n{number}", {"a": np.zeros(25_000, np.float32)})
        age(derived, f"n{number}", 5 - number)
    assert names(derived) == ["n3", "n4"]


def test_what_was_just_written_can_be_read_however_small_the_limit(run, store):
    derived = Derived(run, Settings(home=store.settings.home, max_cache_mb=0.000001))
    derived.write("first", ARRAYS)
    age(derived, "first", 1)
    derived.write("second", ARRAYS)
    assert same(derived.read("second"), ARRAYS)
    assert names(derived) == ["second"]


def test_other_things_in_the_cache_are_left_alone(derived, store):
    speed, twins = store.settings.cache / "speed.json", store.settings.cache / "twins.safetensors"
    derived.write("things", ARRAYS)
    speed.write_bytes(b"x" * 1000)
    twins.write_bytes(b"x" * 1000)
    trim(Settings(home=store.settings.home, max_cache_mb=0.0001))
    assert speed.exists()
    assert twins.exists()


def test_an_empty_cache_needs_no_trimming(home):
    trim(Settings(home=home, max_cache_mb=0.0001))
    assert not home.exists()


# How weights are named.


def test_the_digest_of_the_weights_changes_with_them_and_is_that_of_the_newest(run, store, tiny):
    first = run.weights_digest
    assert len(first) == 64
    assert run.weights_digest == first
    run.write_weights(weights_for(tiny, 0.25))
    second = run.weights_digest
    run.write_resume({f"weights.{name}": value for name, value in weights_for(tiny, 0.75).items()}, {"step": 3})
    third = run.weights_digest
    assert len({first, second, third}) == 3
    run.forget_resume()
    assert run.weights_digest == second
    run.write_weights(weights_for(tiny))
    assert run.weights_digest == first
    assert store.create(tiny).weights_digest == ""


def test_times_of_this_machine_come_back_and_are_not_shipped(derived, run, store):
    derived.write_latency(Latency(np.array([0.001, 0.002]), np.array([0.1])))
    found = derived.read_latency()
    assert found is not None
    assert (found.one.tolist(), found.batches.tolist()) == ([0.001, 0.002], [0.1])
    shipped = Run(store.ship(run, "quick"), shipped=True)
    assert not list(shipped.path.rglob("latency*"))


@pytest.mark.parametrize(
    "arrays", [{"one": np.ones(3)}, {"one": np.zeros(0), "batches": np.zeros(0)}, {"x": np.ones(1)}]
)
def test_arrays_that_are_no_times_are_not_there(derived, arrays):
    derived.write_latency(Latency(np.ones(1), np.ones(1)))
    (path,) = derived.paths()
    derived.write(path.stem, arrays)
    assert derived.read_latency() is None
