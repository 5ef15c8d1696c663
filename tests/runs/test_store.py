"""Run folders: made, found, read when damaged, deleted, shipped."""

import json
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fmexplore.embeddings.neighbours import Axes, NeighbourIndex
from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, RunBroken, RunNotFound, StorageError
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs import store as run_store
from fmexplore.runs.derived import Derived
from fmexplore.runs.metrics import MetricsReader
from fmexplore.runs.run import unpack
from fmexplore.runs.status import Status, own_process, write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings
from fmexplore.training.loop import Snapshot


def weights_for(config) -> dict[str, np.ndarray]:
    shapes = tensor_shapes(summarize(config.model))
    return {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}


def snapshot(step: int = 7) -> Snapshot:
    logits, labels = np.ones((5, 10), np.float16), np.arange(5, dtype=np.uint8)
    return Snapshot(step, 0.5, "abc", logits, labels, np.ones((5, 16), np.float16))


@pytest.fixture
def run(store, tiny):
    """A finished run with one snapshot and two reports."""
    run = store.create(tiny, state="finished", ended=1.0)
    run.write_weights(weights_for(tiny))
    run.write_snapshot(snapshot())
    run.append_metrics({"kind": "report", "step": 7})
    run.append_metrics({"kind": "end", "step": 9})
    return run


def files_of(folder) -> dict:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- making and finding ---


def test_a_new_run_is_queued_and_reads_back(store, tiny):
    run = store.create(tiny, "ann")
    assert run.config == tiny
    assert (run.status.state, run.status.owner) == ("queued", "ann")
    assert run.title.startswith("tiny, ")
    assert "-tiny-" in run.id
    assert [found.id for found in store.own_runs()] == [run.id]


def test_a_run_whose_network_cannot_be_built_leaves_no_folder(store, tiny):
    broken = tiny.replace(model={"layers": [{"kind": "flatten"}]})
    with pytest.raises(ConfigError, match="Layer 1"):
        store.create(broken)
    assert store.own_runs() == []


def test_a_run_that_cannot_be_written_leaves_no_folder(store, tiny, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        store.create(tiny)
    assert list(store.folder.iterdir()) == []


def test_runs_are_found_by_id_shipped_name_and_unique_prefix(store, run):
    store.ship(run, "quick-one")
    assert store.find(run.id).path == run.path
    assert store.find("quick-one").shipped
    assert store.find("quick-o").id == "quick-one"
    assert store.find(run.id[:-1]).id == run.id


def test_a_prefix_of_several_runs_names_them_all(store, tiny):
    ids = [store.create(tiny).id for _ in range(2)]
    with pytest.raises(RunNotFound, match="several") as caught:
        store.find("20")
    assert all(name in str(caught.value) for name in ids)


def test_an_unknown_run_gets_a_near_suggestion(store, run):
    with pytest.raises(RunNotFound, match=f"did you mean {run.id}"):
        store.find(run.id[:-1] + "0")
    with pytest.raises(RunNotFound, match="python -m fmexplore runs"):
        store.find("zzzzzz")


@pytest.mark.parametrize(
    "text", ["", "../x", "..", ".", ".trash", "/etc", "x" * 10_000, "a\nb", "\0", "./{id}", "{path}"]
)
def test_no_text_ever_becomes_a_path(store, run, text):
    text = text.format(id=run.id, path=run.path)
    with pytest.raises(RunNotFound):
        store.find(text)
    with pytest.raises(RunNotFound):
        store.restore(text, "local")
    assert run.status.state == "finished"


def test_foreign_files_and_hidden_folders_among_the_runs_are_not_runs(store, run):
    (store.folder / "notes.txt").write_text("x")
    (store.folder / ".hidden").mkdir()
    (store.folder / "Has Spaces").mkdir()
    assert [found.id for found in store.own_runs()] == [run.id]


# --- reading what is damaged ---


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"model": 3}', b"[" * 100_000])
@pytest.mark.parametrize(("file", "what"), [("config.json", "config"), ("status.json", "status")])
def test_a_broken_description_is_named(store, run, file, what, content):
    (run.path / file).write_bytes(content)
    with pytest.raises(RunBroken, match=file):
        getattr(store.find(run.id), what)


@pytest.mark.parametrize("content", [b"", b"{", b"x" * 5000])
@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("model.safetensors", lambda run: run.read_weights()),
        ("resume/state.safetensors", lambda run: run.read_resume()),
        ("snapshots/0000007.safetensors", lambda run: run.read_snapshot(7)),
    ],
)
def test_broken_arrays_are_named(run, file, read, content):
    if file.startswith("resume"):
        run.write_resume(weights_for(run.config), {"step": 1})
    (run.path / file).write_bytes(content)
    with pytest.raises(RunBroken, match=file):
        read(run)


@pytest.mark.parametrize("file", ["model.safetensors", "snapshots/0000007.safetensors"])
def test_cut_off_arrays_are_named(run, file):
    path = run.path / file
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunBroken, match=file):
        run.read_weights() if file.startswith("model") else run.read_snapshot(7)


@pytest.mark.parametrize("scalars", [None, "", "{", "[" * 100_000])
def test_a_saved_state_without_its_scalars_is_named(run, scalars):
    (run.path / "resume").mkdir()
    metadata = None if scalars is None else {"scalars": scalars}
    save_file({"weights.a": np.zeros(2)}, run.path / "resume" / "state.safetensors", metadata)
    with pytest.raises(RunBroken, match=r"state\.safetensors"):
        run.read_resume()


def test_a_missing_snapshot_is_named(run):
    with pytest.raises(RunBroken, match=r"0000008\.safetensors is missing"):
        run.read_snapshot(8)


def test_weights_that_do_not_fit_the_table_are_refused(run):
    whole = weights_for(run.config)
    first = next(iter(whole))
    extra = {**whole, "layers.99.weight": np.zeros(3, np.float32)}
    fewer = {name: value for name, value in whole.items() if name != first}
    other = {**whole, first: np.zeros((9, 1, 3, 3), np.float32)}
    for weights, name in ((extra, "layers.99.weight"), (fewer, first), (other, first)):
        run.write_weights(weights)
        with pytest.raises(RunBroken, match=f"model.safetensors does not fit its layer table: {name}"):
            run.read_weights()
    run.write_weights(whole)
    assert run.read_weights().keys() == whole.keys()


def test_a_run_without_weights_says_so_and_one_that_is_paused_has_those_of_its_saved_state(store, tiny):
    run = store.create(tiny)
    with pytest.raises(RunBroken, match=r"model\.safetensors does not exist yet"):
        run.read_weights()
    whole = weights_for(tiny)
    best = {name: value + 1 for name, value in whole.items()}
    run.write_resume({f"weights.{name}": value for name, value in whole.items()}, {})
    assert all((run.read_weights()[name] == value).all() for name, value in whole.items())
    both = {f"weights.{n}": v for n, v in whole.items()} | {f"best.{n}": v for n, v in best.items()}
    run.write_resume(both, {})
    assert all((run.read_weights()[name] == value).all() for name, value in best.items())


def test_a_saved_state_reads_back_and_can_be_forgotten(run):
    assert run.read_resume() is None
    arrays = {"weights.a": np.arange(6, dtype=np.float32).reshape(2, 3), "optimizer.0.0.step": np.array(3, np.float32)}
    run.write_resume(arrays, {"step": 3, "loss": 0.1 + 0.2})
    found, scalars = run.read_resume()
    assert all(np.array_equal(found[name], value) for name, value in arrays.items())
    assert scalars == {"step": 3, "loss": 0.1 + 0.2}
    run.forget_resume()
    run.forget_resume()
    assert run.read_resume() is None


def test_snapshots_read_back_and_foreign_files_beside_them_are_no_snapshots(run):
    (run.path / "snapshots" / "notes.safetensors").write_text("x")
    (run.path / "snapshots" / ".0000009.safetensors.1-2.tmp").write_text("x")
    assert run.snapshot_steps() == [7]
    arrays, metadata = run.read_snapshot(7)
    assert {name: value.shape for name, value in arrays.items()} == {
        "logits": (5, 10),
        "labels": (5,),
        "features": (5, 16),
    }
    assert metadata == {"epoch": "0.5", "digest": "abc"}


def test_a_damaged_label_is_no_label(store, run):
    store.relabel(run, "local", name="mine", starred=True)
    assert (run.title, run.label.starred) == ("mine", True)
    store.relabel(run, "local", starred=False)
    assert (run.label.name, run.label.starred) == ("mine", False)
    (run.path / "label.json").write_text("{")
    assert run.title.startswith("tiny, ")
    with pytest.raises(ConfigError, match="name"):
        store.relabel(run, "local", name="x" * 81)


def test_tags_are_bounded_and_each_is_there_once(store, run):
    store.relabel(run, "local", tags=["Week 3", "homework", "week 3"], note="n" * 2000)
    assert run.label.tags == ("Week 3", "homework")
    assert run.label.has_tags(["WEEK 3", "homework"])
    assert not run.label.has_tags(["homework", "other"])
    wrong = (["x" * 25], ["a,b"], [" a"], [""], ["a\nb"], [str(n) for n in range(13)])
    for tags in wrong:
        with pytest.raises(ConfigError, match="tag"):
            store.relabel(run, "local", tags=tags)
    with pytest.raises(ConfigError, match="note"):
        store.relabel(run, "local", note="n" * 2001)
    assert run.label.tags == ("Week 3", "homework")


# --- metrics ---


def test_a_half_written_last_line_is_left_out_and_a_broken_one_is_named(run):
    with open(run.metrics_path, "ab") as file:
        file.write(b'{"kind": "rep')
    assert [line["step"] for line in run.read_metrics()] == [7, 9]
    with open(run.metrics_path, "ab") as file:
        file.write(b"\n")
    with pytest.raises(RunBroken, match=r"metrics\.jsonl has a broken line"):
        run.read_metrics()
    run.metrics_path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(RunBroken, match=r"metrics\.jsonl"):
        run.read_metrics()


def test_a_reader_follows_growth_and_a_rewrite(store, tiny):
    run = store.create(tiny)
    reader = MetricsReader(run.metrics_path)
    assert reader.refresh() == []
    for step in range(1, 4):
        run.append_metrics({"kind": "report", "step": step})
        assert [line["step"] for line in reader.refresh()] == list(range(1, step + 1))
    with open(run.metrics_path, "ab") as file:
        file.write(b'{"kind": "report", "st')
    assert len(reader.refresh()) == 3
    with open(run.metrics_path, "ab") as file:
        file.write(b'ep": 4}\n')
    assert [line["step"] for line in reader.refresh()] == [1, 2, 3, 4]
    run.keep_metrics(2, "")
    assert [line["step"] for line in reader.refresh()] == [1, 2]
    run.append_metrics({"kind": "report", "step": 30})
    run.append_metrics({"kind": "report", "step": 40})
    assert [line["step"] for line in reader.refresh()] == [1, 2, 30, 40]
    run.metrics_path.unlink()
    run.append_metrics({"kind": "report", "step": 50})
    assert [line["step"] for line in reader.refresh()] == [50]


@pytest.mark.parametrize(
    ("step", "due", "kept"),
    [
        (0, "", []),
        (3, "report", [(2, "report")]),
        (3, "evaluation", [(2, "report"), (3, "report")]),
        (3, "", [(2, "report"), (3, "report"), (3, "epoch")]),
        (5, "", [(2, "report"), (3, "report"), (3, "epoch"), (5, "report")]),
    ],
)
def test_a_resumed_run_keeps_the_reports_that_it_will_not_make_again(store, tiny, step, due, kept):
    run = store.create(tiny)
    for number, kind in ((2, "report"), (3, "report"), (3, "epoch"), (5, "report"), (5, "end")):
        run.append_metrics({"step": number, "kind": kind})
    run.keep_metrics(step, due)
    assert [(line["step"], line["kind"]) for line in run.read_metrics()] == kept


def test_metrics_on_a_full_disk_say_so(run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(StorageError, match=r"disk is full.*metrics\.jsonl"):
        run.append_metrics({"kind": "report", "step": 1})


# --- deleting ---


def test_a_deleted_run_can_be_brought_back_as_it_was(store, run):
    before = files_of(run.path)
    store.delete(run, "local")
    assert store.own_runs() == []
    with pytest.raises(RunNotFound):
        store.find(run.id)
    assert store.restore(run.id, "local").path == run.path
    assert files_of(run.path) == before
    with pytest.raises(RunNotFound, match="more than a day ago"):
        store.restore(run.id, "local")


def test_a_run_that_was_deleted_in_another_tab_is_missed(store, run):
    store.delete(run, "local")
    with pytest.raises(RunNotFound, match="was deleted in the meantime"):
        store.delete(run, "local")


def test_a_run_that_runs_or_is_starting_is_not_deleted_but_one_whose_process_is_gone_is(store, run):
    for status in (Status(state="running", **own_process()), Status(state="running", started=time.time())):
        write_status(run.path, status)
        with pytest.raises(NotAllowed, match=r"is training: stop it first"):
            store.delete(run, "local")
    write_status(run.path, Status(state="running", pid=2**22 - 3, process_started=1.0))
    store.delete(run, "local")
    assert store.own_runs() == []


def test_a_broken_run_can_be_deleted(store, run):
    (run.path / "status.json").write_text("{")
    store.delete(run, "local")
    assert store.own_runs() == []


def test_the_trash_is_emptied_after_a_day(store, tiny):
    old, new = store.create(tiny), store.create(tiny)
    store.delete(old, "local")
    os.utime(store.trash / old.id, (time.time() - 24 * 3600 - 5,) * 2)
    store.delete(new, "local")
    assert [path.name for path in store.trash.iterdir()] == [new.id]
    with pytest.raises(RunNotFound):
        store.restore(old.id, "local")
    assert store.restore(new.id, "local").id == new.id


def test_a_day_in_the_trash_begins_with_the_deletion(store, run):
    os.utime(run.path, (time.time() - 30 * 24 * 3600,) * 2)
    store.delete(run, "local")
    store.empty_trash()
    assert store.restore(run.id, "local").read_weights()


# --- owners, shipped runs ---


def changes(store, run):
    return (
        lambda owner: store.relabel(run, owner, name="x"),
        lambda owner: store.relabel(run, owner, starred=True),
        lambda owner: store.delete(run, owner),
    )


def test_in_hosted_mode_only_the_owner_changes_a_run(home, tmp_path, tiny):
    store = RunStore(Settings(home=home, hosted=True), tmp_path / "shipped")
    run = store.create(tiny, "ann")
    before = files_of(store.folder)
    for change in changes(store, run):
        with pytest.raises(NotAllowed, match="belongs to someone else"):
            change("bob")
    assert files_of(store.folder) == before
    store.delete(run, "ann")
    with pytest.raises(NotAllowed, match="belongs to someone else"):
        store.restore(run.id, "bob")
    assert store.restore(run.id, "ann").id == run.id
    for change in changes(store, run):
        change("ann")


def test_in_hosted_mode_nobody_owns_a_run_with_a_broken_status(home, tmp_path, tiny):
    store = RunStore(Settings(home=home, hosted=True), tmp_path / "shipped")
    run = store.create(tiny, "ann")
    (run.path / "status.json").write_text("{")
    with pytest.raises(NotAllowed):
        store.delete(run, "ann")


def test_on_a_laptop_everyone_changes_every_run(store, tiny):
    for change in changes(store, store.create(tiny, "ann")):
        change("bob")
    assert store.own_runs() == []


def test_a_shipped_run_is_only_read(store, run):
    store.ship(run, "quick")
    shipped = store.find("quick")
    before = files_of(store.shipped)
    for change in changes(store, shipped):
        with pytest.raises(NotAllowed, match="shipped"):
            change("local")
    assert files_of(store.shipped) == before


def test_shipping_drops_features_and_keeps_the_rest(store, run):
    (run.path / "worker.log").write_text("x")
    run.write_snapshot(snapshot(9))
    path = store.ship(run, "quick")
    assert sorted(str(file.relative_to(path)) for file in files_of(path)) == [
        *("config.json", "metrics.jsonl", "model.safetensors"),
        *("snapshots/0000007.safetensors", "snapshots/0000009.safetensors", "status.json"),
    ]
    shipped = store.find("quick")
    assert shipped.shipped
    assert shipped.config == run.config
    assert shipped.read_metrics() == run.read_metrics()
    assert shipped.snapshot_steps() == [7, 9]
    assert shipped.read_weights().keys() == run.read_weights().keys()
    arrays, metadata = shipped.read_snapshot(7)
    assert sorted(arrays) == ["labels", "logits"]
    assert metadata == {"epoch": "0.5", "digest": "abc"}
    assert "features" in run.read_snapshot(7)[0]


def test_a_small_one_leaves_out_what_can_soon_be_computed_again(store, run):
    for step in (8, 9, 10):
        run.write_snapshot(snapshot(step))
    derived, points = Derived(run, store.settings), np.random.default_rng(0).normal(size=(300, 64))
    axes = Axes.fit(points)
    derived.write("index", NeighbourIndex(axes, axes.encode(points[:200]), axes.encode(points[200:])).to_arrays())
    for name in ("predictions-train", "predictions-test", "features-last-test", "course-x", "map-last-test-x"):
        derived.write(name, {"coordinates": points, "logits": points.astype(np.float32)})
    path = store.ship(run, "small", small=True)
    kept = sorted(file.stem for file in (path / "derived").iterdir())
    assert kept == ["features-last-test", "index", "map-last-test-x", "predictions-test"]
    assert store.find("small").snapshot_steps() == [7, 10]
    arrays, _ = unpack(path / "derived" / "index.safetensors")
    assert NeighbourIndex.from_arrays(arrays).train.shape == (200, 32)
    assert sorted(file.stem for file in (store.ship(run, "whole") / "derived").iterdir()) == sorted(
        [*kept, "course-x", "predictions-train"]
    )
    assert [file.stem for file in (store.ship(run, "bare", small=True, bare=True) / "derived").iterdir()] == [
        "predictions-test"
    ]


def test_the_weights_at_a_snapshot_come_back_and_are_shipped_only_where_asked_for(store, run, tiny):
    assert run.snapshot_weights_steps() == []
    half = {name: value.astype(np.float16) for name, value in weights_for(tiny).items()}
    run.write_snapshot(replace(snapshot(9), weights=half))
    assert (run.snapshot_steps(), run.snapshot_weights_steps()) == ([7, 9], [9])
    found = run.read_snapshot_weights(9)
    assert all((value == weights_for(tiny)[name]).all() and value.dtype == np.float32 for name, value in found.items())
    assert "features" in run.read_snapshot(9)[0], "and no weights, which pages would wait for"
    with pytest.raises(ConfigError, match="has no weights of step 7: choose one of the steps 9"):
        run.read_snapshot_weights(7)
    run.write_snapshot(replace(snapshot(8), weights={"other": np.ones(1)}))
    with pytest.raises(RunBroken, match="does not fit its layer table"):
        run.read_snapshot_weights(8)
    store.ship(run, "quick")
    assert store.find("quick").snapshot_weights_steps() == []
    store.ship(run, "quick", snapshot_weights=True)
    assert store.find("quick").snapshot_weights_steps() == [8, 9]


def test_shipping_again_replaces_also_by_itself(store, run):
    store.ship(run, "quick")
    (store.shipped / "quick" / "snapshots" / "0000001.safetensors").write_bytes(b"old")
    for source in (run, store.find("quick")):
        store.ship(source, "quick")
        shipped = store.find("quick")
        assert shipped.snapshot_steps() == [7]
        assert shipped.read_snapshot(7)[1] == {"epoch": "0.5", "digest": "abc"}
        assert shipped.read_metrics() == run.read_metrics()
        assert all((value == run.read_weights()[name]).all() for name, value in shipped.read_weights().items())


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "", "A", "a b", ".x", "-x", "a/b", "a\n"])
def test_a_shipped_name_is_a_plain_word(store, run, name):
    with pytest.raises(ConfigError, match="lower-case"):
        store.ship(run, name)
    assert not store.shipped.exists()


def test_only_a_finished_and_whole_run_is_shipped_and_the_old_one_stays(store, run, tiny):
    store.ship(run, "quick")
    before = files_of(store.shipped)
    with pytest.raises(RunBroken, match="is queued: only a finished run"):
        store.ship(store.create(tiny), "quick")
    (run.path / "model.safetensors").unlink()
    with pytest.raises(FMExploreError, match=r"model\.safetensors"):
        store.ship(run, "quick")
    assert files_of(store.shipped) == before


# --- size ---


def test_the_disk_is_counted_with_the_trash(store, run, tiny):
    whole = sum(map(len, files_of(store.folder).values())) / 1e6
    assert store.disk_mb() == pytest.approx(whole)
    store.delete(run, "local")
    assert store.disk_mb() == pytest.approx(whole)
    store.create(tiny)
    assert store.disk_mb() > whole


def test_the_disk_can_be_counted_while_files_come_and_go(store, run):
    done, temporary = threading.Event(), [run.path / f"{number}.tmp" for number in range(20)]

    def write():
        while not done.is_set():
            for path in temporary:
                path.touch()
            for path in temporary:
                path.unlink()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(store.disk_mb() > 0 for _ in range(1500))
    finally:
        done.set()
        writer.join()


def test_a_bfloat16_file_is_broken_not_a_crash(run):
    path = run.path / "model.safetensors"
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(RunBroken, match=r"model\.safetensors"):
        run.read_weights()


def test_weights_are_plain_safetensors(run, tmp_path):
    save_file(run.read_weights(), tmp_path / "copy.safetensors")
    assert load_file(run.path / "model.safetensors").keys() == load_file(tmp_path / "copy.safetensors").keys()


def test_a_run_is_called_by_preset_and_time_until_it_gets_a_name(store, tiny):
    old = store.folder / "20250203-140500-resnet-abcd"
    os.replace(store.create(tiny).path, old)
    found = store.find(old.name)
    assert found.title == "resnet, 03 Feb 14:05"
    store.relabel(found, "local", name="my first")
    assert found.title == "my first"


def test_a_link_finds_a_run_by_its_whole_id_and_names_no_other(store, run):
    assert store.get(run.id) == run
    for text in (run.id[:-1], "", "../" + run.id, run.id.upper()):
        with pytest.raises(RunNotFound) as error:
            store.get(text)
        assert run.id not in str(error.value).replace(repr("../" + run.id), "")


def test_weights_are_those_of_the_newest_state_and_never_those_that_are_not_finite(store, run, tiny):
    newer = {name: value + 1 for name, value in weights_for(tiny).items()}
    run.write_resume({f"weights.{name}": value for name, value in newer.items()}, {"step": 9})
    assert all((value == newer[name]).all() for name, value in run.read_weights().items())
    saved = {f"weights.{name}": value * np.nan for name, value in newer.items()}
    run.write_resume(saved | {f"good.{name}": value for name, value in newer.items()}, {"step": 9})
    assert all((value == newer[name]).all() for name, value in run.read_weights().items())


def test_a_run_that_was_deleted_in_another_tab_is_not_made_again_by_a_star(store, run):
    store.delete(run, "local")
    with pytest.raises(RunNotFound, match="deleted in the meantime"):
        store.relabel(run, "local", starred=True)
    assert store.restore(run.id, "local").config


def test_what_stands_in_the_way_of_an_undo_is_told(store, run):
    store.delete(run, "local")
    (run.path / "something").mkdir(parents=True)
    with pytest.raises(StorageError, match=run.id):
        store.restore(run.id, "local")


def test_a_browser_without_a_key_owns_nothing(home, tmp_path, tiny):
    hosted = RunStore(Settings(home=home, hosted=True), tmp_path / "shipped")
    run = hosted.create(tiny, "ann")
    (run.path / "status.json").write_text("{")
    assert list(hosted.owned_by("")) == []
    with pytest.raises(NotAllowed):
        hosted.delete(run, "")


def test_what_another_process_has_just_taken_from_the_trash_is_no_error(store, tiny):
    store.trash.mkdir(parents=True)
    (store.trash / "a-gone").symlink_to("nowhere")
    run = store.create(tiny)
    store.delete(run, "local")
    assert store.restore(run.id, "local").config == tiny


def test_another_process_that_empties_the_trash_leaves_an_old_run_its_day(store, run, monkeypatch):
    os.utime(run.path, (1, 1))
    real = os.replace

    def replace(source, target):
        real(source, target)
        store.empty_trash()

    monkeypatch.setattr(os, "replace", replace)
    store.delete(run, "local")
    assert (store.trash / run.id).is_dir()


def test_the_disk_is_counted_while_a_worker_removes_a_folder(store, run, tiny, monkeypatch):
    other = store.create(tiny)
    for each in (run, other):
        each.write_resume({"a": np.zeros(1)}, {})
    real = run_store._size

    def size(path):
        for each in (run, other):
            each.forget_resume()
        return real(path)

    monkeypatch.setattr(run_store, "_size", size)
    assert store.disk_mb() > 0


def test_a_folder_beside_the_shipped_runs_is_not_replaced_by_one(store, run):
    papers = store.shipped / "papers"
    papers.mkdir(parents=True)
    (papers / "patel-basic.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"papers is no run: choose another name"):
        store.ship(run, "papers")
    assert (papers / "patel-basic.json").exists()
