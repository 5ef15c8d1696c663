"""A run as a zip: there and back, and what is refused without a trace."""

import io
import json
import random
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from fmexplore.errors import NoAnswers, RunBroken, StorageError
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos.scoring import PhotoFit
from fmexplore.runs import archive
from fmexplore.runs.archive import pack_run, unpack_run
from fmexplore.runs.records import LABEL_FILE, Label, Report
from fmexplore.runs.status import write_status
from fmexplore.settings import MAX_ZIP_MB
from fmexplore.training.progress import Snapshot

LINE = {"kind": "epoch", "step": 4, "steps": 8, "epoch": 0.5, "seconds": 2.0, "train_loss": 1.5}


@pytest.fixture
def run(store, tiny):
    rng = np.random.default_rng(0)
    run = store.create(tiny, "ann", state="finished", result={"test_accuracy": 0.5, "epoch": 2})
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    run.append_metrics(LINE)
    return run


@pytest.fixture
def parts(run) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack_run(run))) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def zip_of(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def files_in(store) -> dict:
    return {path: path.is_file() and path.read_bytes() for path in store.folder.rglob("*")}


def refuse(store, content: bytes, reason: str) -> None:
    before = files_in(store)
    with pytest.raises(RunBroken, match=reason):
        unpack_run(store, content, "bob")
    assert files_in(store) == before


def change(parts: dict[str, bytes], file: str, path: str, value: object) -> dict[str, bytes]:
    """The parts with one value of a JSON file replaced."""
    values = json.loads(parts[file])
    *outer, last = path.split(".")
    inner = values
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return {**parts, file: json.dumps(values).encode()}


def test_the_weights_at_its_snapshots_are_in_the_zip_where_asked_for_and_are_checked(store, run, monkeypatch):
    half = {name: value.astype(np.float16) for name, value in run.read_weights().items()}
    few = np.zeros((1, 10), np.float16)
    run.write_snapshot(Snapshot(7, 0.5, "", few, np.zeros(1, np.uint8), few, half))
    assert unpack_run(store, pack_run(run), "bob").snapshot_weights_steps() == []
    whole = pack_run(run, snapshot_weights=True)
    copy = unpack_run(store, whole, "bob")
    assert copy.snapshot_weights_steps() == [7]
    assert all(np.array_equal(v, run.read_snapshot_weights(7)[n]) for n, v in copy.read_snapshot_weights(7).items())
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    run.write_snapshot(Snapshot(9, 0.5, "", few, np.zeros(1, np.uint8), few, half))
    size = run.snapshot_weights_path(9).stat().st_size + sum(value.nbytes for value in run.read_weights().values())
    with monkeypatch.context() as less:
        less.setattr(archive, "MAX_ZIP_MB", (size + 100) / 0.9e6)
        fitting = pack_run(run, snapshot_weights=True)
    assert unpack_run(store, fitting, "bob").snapshot_weights_steps() == [9]
    name = "snapshots/0000007.weights.safetensors"
    refuse(store, zip_of({**parts, name: save({"a": few})}), "does not fit its layer table")
    refuse(store, zip_of({**parts, name: b"broken"}), "is damaged")
    refuse(store, zip_of({**parts, "snapshots/../../x.weights.safetensors": b""}), "climbs out")


def test_a_run_comes_back_from_its_zip(store, run):
    copy = unpack_run(store, pack_run(run), "bob")
    assert copy.id != run.id
    assert copy.config == run.config
    assert copy.read_metrics() == [LINE]
    assert all(np.array_equal(value, copy.read_weights()[name]) for name, value in run.read_weights().items())
    assert (copy.status.state, copy.status.owner, copy.status.result) == ("finished", "bob", run.status.result)
    assert {found.id for found in store.own_runs()} == {run.id, copy.id}
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".")]
    assert pack_run(copy)


def test_what_people_say_of_a_run_is_in_its_zip(store, run):
    store.relabel(run, "ann", name="mine", starred=True, note="half the epochs", tags=["homework"])
    assert unpack_run(store, pack_run(run), "bob").label == run.label


@pytest.mark.parametrize(("field", "value"), [("tags", ["a,b"]), ("note", "n" * 2001), ("name", 3), ("colour", "red")])
def test_a_label_that_cannot_be_is_refused(store, run, parts, field, value):
    label = {**Label().model_dump(mode="json"), field: value}
    refuse(store, zip_of({**parts, LABEL_FILE: json.dumps(label).encode()}), "cannot|can be used")


def test_what_a_run_knows_of_photos_is_in_its_zip(store, run):
    fit = PhotoFit(temperature=1.7, unsure_above=-0.6, photos=2300, source="people, CC0")
    run.write_photo_fit(fit)
    assert unpack_run(store, pack_run(run), "bob").photo_fit == fit


def saved_state(run, **scalars) -> tuple[dict[str, np.ndarray], dict]:
    """As `TrainState.save` gives it."""
    window = {"loss": 0.0, "right": 0, "seen": 0, "steps": 0, "seconds": 0.0}
    place = {"step": 3, "steps": 8, "due": "", "seconds": 1.5, "stopped": False, "waited": 0, "window": window}
    weights = {f"weights.{name}": value for name, value in run.read_weights().items()}
    return weights | {"optimizer.0.0.momentum_buffer": np.ones(3, np.float32)}, {**place, **scalars}


@pytest.mark.parametrize("state", ["stopped", "paused", "interrupted", "failed"])
def test_a_run_that_did_not_finish_comes_back_as_it_was_and_can_go_on(store, run, state):
    write_status(run.path, run.status.replace(state=state, error="The disk was full."))
    store.relabel(run, "ann", name="half a run", starred=True)
    run.write_resume(*saved_state(run))
    copy = unpack_run(store, pack_run(run), "bob")
    assert (copy.status.state, copy.status.error, copy.status.resumable) == (state, "The disk was full.", True)
    assert (copy.label.name, copy.label.starred) == ("half a run", True)
    assert copy.read_resume()[1] == run.read_resume()[1]
    assert copy.weights_digest == run.weights_digest


def test_a_run_that_was_under_way_comes_back_as_interrupted(store, run):
    write_status(run.path, run.status.replace(state="running"))
    run.write_resume(*saved_state(run))
    assert unpack_run(store, pack_run(run), "bob").status.state == "interrupted"


def test_a_run_that_diverged_or_was_taught_says_so_elsewhere_too(store, run):
    write_status(run.path, run.status.replace(state="failed", diverged=True, task="distill"))
    status = unpack_run(store, pack_run(run), "bob").status
    assert (status.state, status.diverged, status.task, status.resumable) == ("failed", True, "distill", False)


def test_a_saved_state_that_would_make_the_zip_too_large_stays_behind_and_that_is_told(store, run, monkeypatch):
    write_status(run.path, run.status.replace(state="stopped"))
    run.write_resume(*saved_state(run))
    monkeypatch.setattr(archive, "MAX_UNPACKED_MB", 0.01)
    content = pack_run(run)
    monkeypatch.undo()
    status = unpack_run(store, content, "bob").status
    assert (status.state, status.lost, status.resumable) == ("stopped", True, False)


def test_a_zip_of_an_earlier_version_comes_back_as_finished(store, run, parts):
    old = {name: parts[name] for name in archive.FILES}
    copy = unpack_run(store, zip_of(old), "bob")
    assert (copy.status.state, copy.label.name) == ("finished", "")


def test_weights_that_are_no_numbers_are_neither_packed_nor_taken(store, run, parts):
    lost = {name: np.full_like(value, np.nan) for name, value in run.read_weights().items()}
    refuse(store, zip_of({**parts, "model.safetensors": save(lost)}), "infinite or not numbers")
    run.write_weights(lost)
    with pytest.raises(NoAnswers, match="has no usable answers"):
        pack_run(run)


@pytest.mark.parametrize(
    ("change_it", "reason"),
    [
        (lambda arrays, scalars: scalars.update(step=-5), "not a saved state"),
        (lambda arrays, scalars: scalars.update(steps=10**400), "not a saved state"),
        (lambda arrays, scalars: scalars.update(seconds=-1e9), "not a saved state"),
        (lambda arrays, scalars: scalars.update(window=None), "not a saved state"),
        (lambda arrays, scalars: arrays.pop(next(iter(arrays))), "does not fit"),
        (lambda arrays, scalars: arrays.update({"elsewhere.x": np.ones(2, np.float32)}), "does not fit"),
        (lambda arrays, scalars: arrays.update({next(iter(arrays)): np.ones(7, np.float32)}), "does not fit"),
    ],
)
def test_a_saved_state_that_does_not_fit_is_refused(store, run, parts, change_it, reason):
    arrays, scalars = saved_state(run)
    change_it(arrays, scalars)
    content = save(arrays, {"scalars": json.dumps(scalars)})
    refuse(store, zip_of({**parts, "state.safetensors": content}), reason)


@pytest.mark.parametrize("name", ["ending.json", "label.json"])
@pytest.mark.parametrize("content", [b"{", b'{"state": "running"}', b'{"name": 3}', b'{"task": "fetch"}', b"[]"])
def test_an_ending_or_a_name_that_cannot_be_is_refused(store, run, parts, name, content):
    refuse(store, zip_of({**parts, name: content}), "The zip")


@pytest.mark.parametrize("value", [None, 10**400, -(10**400), float("nan"), float("inf"), -1, "x", [], {}])
@pytest.mark.parametrize("name", [*Report.model_fields])
def test_reports_from_elsewhere_are_refused_or_read_by_everyone(store, run, parts, name, value):
    """Figures that are null are left out, and no number is so large that it breaks a page."""
    line = json.dumps({**LINE, name: value}).encode()
    try:
        copy = unpack_run(store, zip_of({**parts, "metrics.jsonl": line}), "bob")
    except RunBroken as error:
        assert name in str(error) or "not JSON" in str(error)
        return
    assert value is None
    assert copy.read_metrics() == [{key: kept for key, kept in LINE.items() if key != name}]


@pytest.mark.parametrize("name", [*Report.model_fields])
def test_a_figure_on_the_disk_that_cannot_be_is_left_out(run, name):
    """Where an earlier version took it from elsewhere."""
    run.metrics_path.write_text(json.dumps({**LINE, name: 10**400}) + "\n")
    if name in ("kind", "step", "steps", "epoch", "seconds"):
        with pytest.raises(RunBroken, match=f"broken line .*{name} is"):
            run.read_metrics()
    else:
        assert run.read_metrics() == [{key: kept for key, kept in LINE.items() if key != name}]


@pytest.mark.parametrize("content", [b"{", b'{"temperature": 0}', b"[]", b"\xff"])
def test_what_makes_no_sense_of_photos_is_refused(store, run, parts, content):
    refuse(store, zip_of({**parts, "photo.json": content}), "The zip is not a run")


def test_a_run_without_weights_has_no_zip(store, tiny):
    with pytest.raises(RunBroken, match="does not exist yet"):
        pack_run(store.create(tiny))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_is_refused(store, run, content):
    refuse(store, content, "not a whole zip")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_off_zip_is_refused(store, run, share):
    content = pack_run(run)
    refuse(store, content[: int(share * len(content))], "not a whole zip")


def test_a_zip_that_is_too_big_is_refused(store, run):
    refuse(store, b"\0" * (MAX_ZIP_MB * 10**6 + 1), f"at most {MAX_ZIP_MB} MB")


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "..\\x", "status.json", "sub/config.json", "sub/", "a\nb"])
def test_foreign_names_and_names_that_climb_are_refused(store, run, parts, tmp_path, name):
    refuse(store, zip_of({**parts, name: b"x"}), "climbs" if name == "../../x" else "no part of a run")
    assert not list(tmp_path.parent.glob("x"))


@pytest.mark.parametrize("name", archive.FILES)
def test_a_zip_with_a_missing_file_is_refused(store, run, parts, name):
    refuse(store, zip_of({key: value for key, value in parts.items() if key != name}), f"has no {name}")


@pytest.mark.parametrize("name", archive.FILES)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(store, run, parts, name):
    bomb = zip_of({**parts, name: b"\0" * 101_000_000})
    assert len(bomb) < 1_000_000
    refuse(store, bomb, "unpacks to more than 100 MB")


def test_a_zip_that_lies_about_its_sizes_is_refused(store, run, parts):
    bomb = bytearray(zip_of({**parts, "metrics.jsonl": b"\0" * 101_000_000}))
    for place in range(len(bomb) - 4):
        if bomb[place : place + 4] == (101_000_000).to_bytes(4, "little"):
            bomb[place : place + 4] = (1000).to_bytes(4, "little")
    refuse(store, bytes(bomb), "zip")


@pytest.mark.parametrize("name", ["config.json", "result.json", "metrics.jsonl"])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"3", b"null", b"[]", b'"x"', b"{}\n\n{}"])
def test_broken_json_is_refused(store, run, parts, name, content):
    refuse(store, zip_of({**parts, name: content}), "The zip")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epochs", float("nan")),
        ("training.learning_rate", -1),
        ("training.learning_rate", float("inf")),
        ("training.batch_size", -5),
        ("training.batch_size", 10**9),
        ("model.layers.0", {"kind": "conv", "filters": -3}),
        ("model.layers", [{"kind": "flatten"}, {"kind": "dense", "units": 7}]),
        ("model.layers", []),
        ("preset", "../../x"),
        ("format", 2),
        ("owner", "ann"),
    ],
)
def test_impossible_configurations_are_refused(store, run, parts, path, value):
    if path == "model.layers.0":
        layers = json.loads(parts["config.json"])["model"]["layers"]
        path, value = "model.layers", [value, *layers[1:]]
    refuse(store, zip_of(change(parts, "config.json", path, value)), "The zip is not a run that can be used")


def test_a_table_nested_too_deeply_is_refused(store, run, parts):
    layer: dict = {"kind": "conv", "filters": 1}
    for _ in range(150):
        layer = {"kind": "residual", "layers": [layer]}
    layers = [layer, {"kind": "global_avg_pool"}, {"kind": "dense", "units": 10}]
    refuse(store, zip_of(change(parts, "config.json", "model.layers", layers)), r"The zip|does not fit")
    text = '{"kind":"residual","layers":[' * 5000 + "{}" + "]}" * 5000
    content = f'{{"model": {{"layers": [{text}]}}}}'.encode()
    refuse(store, zip_of({**parts, "config.json": content}), "The zip")


@pytest.mark.parametrize(("path", "value"), [("test_accuracy", float("nan")), ("test_accuracy", "x"), ("colour", 1)])
def test_an_impossible_result_is_refused(store, run, parts, path, value):
    refuse(store, zip_of(change(parts, "result.json", path, value)), "The zip")


def test_weights_of_another_network_are_refused(store, run, parts, tiny):
    layers = [layer.model_dump(mode="json") for layer in tiny.model.layers]
    layers[0]["filters"] = 9
    other = change(parts, "config.json", "model.layers", layers)
    refuse(store, zip_of(other), "does not fit its layer table")


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x08" + b"\0" * 7 + b"{}      "])
def test_broken_weights_are_refused(store, run, parts, content):
    refuse(store, zip_of({**parts, "model.safetensors": content}), r"model\.safetensors")


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 4), ("F8_E5M2", 4)])
def test_weights_of_a_type_that_numpy_lacks_are_refused(store, run, parts, kind, size):
    header = json.dumps({"a": {"dtype": kind, "shape": [size], "data_offsets": [0, 4]}}).encode()
    content = len(header).to_bytes(8, "little") + header + b"\0" * 4
    refuse(store, zip_of({**parts, "model.safetensors": content}), r"model\.safetensors")


def test_an_encrypted_zip_is_refused(store, run, parts):
    content = bytearray(zip_of(parts))
    for marker, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(marker)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(marker, place + 4)
    refuse(store, bytes(content), "not a whole zip")


def test_no_damage_to_a_zip_gives_anything_but_a_run_or_a_reason(store, run):
    whole, draw = pack_run(run), random.Random(0)
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(draw.choice((1, 1, 3))):
            content[draw.randrange(len(content))] = draw.randrange(256)
        before = len(store.own_runs())
        try:
            unpack_run(store, bytes(content), "bob")
        except RunBroken:
            refused += 1
            assert len(store.own_runs()) == before
    assert refused > 200
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".")]


def test_a_full_disk_while_unpacking_leaves_no_run(store, run, monkeypatch):
    content, before = pack_run(run), files_in(store)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        unpack_run(store, content, "bob")
    monkeypatch.undo()
    assert files_in(store) == before
