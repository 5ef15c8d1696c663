"""The Confusions page: the matrix and its images, one image, a pair, two runs, figures, suspects, and what is amiss."""

import base64
import hashlib
import io
import json

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from safetensors.numpy import load_file, save

from fmexplore.cli import app as cli
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.label_issues import find_near_duplicates, likely_label_errors
from fmexplore.evaluation.predictions import Predictions, predict
from fmexplore.models.networks import build
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.storage import write_bytes
from fmexplore.training.progress import Snapshot
from fmexplore.ui.formatting import image_name
from fmexplore.ui.images import gallery
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import TRAIN_PAGE as TRAIN

# Each view, and a text that only it has.
VIEWS = {
    "matrix": "Rows are true classes",
    "pair": "images lie where the network is undecided between the two",
    "runs": "They disagree on",
    "figures": "confident on average, by",
    "suspects": "labels are likely errors",
}
NEAR_DUPLICATES = "Near-duplicates in training and test"
SPLITS = {"test": "test images", "validation": "validation images", "train": "training images"}


@pytest.fixture
def known(trained, labels_of):
    """A run of which everything is kept, and its predictions by split."""
    run = trained()
    return run, {split: read_kept(run, split, labels_of(split)) for split in ("test", "validation")}


def read_kept(run: Run, split: str, labels: np.ndarray) -> Predictions:
    """The predictions that `trained` kept, read past the app."""
    folder = run.path.parent.parent / "cache" / "runs" / run.id
    return Predictions(load_file(folder / f"predictions-{split}.safetensors")["logits"], labels)


def numbers_of(drawn, config, split: str) -> np.ndarray:
    """Where the images of a split lie in the data set."""
    located = drawn.locate(split, config.training.split_config)
    return located[1]


def tiles(sheet: str, columns: int, count: int) -> np.ndarray:
    """The pictures on a gallery's sheet."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(sheet))))
    rows = pixels.reshape(-1, 28, columns, 28).swapaxes(1, 2)
    return rows.reshape(-1, 28, 28)[:count]


# --- what it opens with ---


@pytest.mark.parametrize("split", SPLITS)
def test_every_view_opens_on_every_split(app, trained, split):
    run, page = trained(weights="random"), app()
    trained("other", seed=1, weights="random")
    for view, text in VIEWS.items():
        page.open(CONFUSIONS, run=run.id, view=view, split=split)
        assert text in page.text
        assert not page.errors
        assert not page.warnings
        assert page.at.get_by_key("confusions_view").value == view
        assert page.at.get_by_key("confusions_split").value == split
        assert view not in ("figures", "runs") or SPLITS[split] in page.text


def test_without_any_run_it_says_what_to_do(app):
    page = app().open(CONFUSIONS)
    assert "Nothing has been trained yet" in page.text
    assert [each.value for each in page.at.page_link] == ["Train a network first"]


def test_the_view_and_the_split_are_changed_in_the_link(app, known):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id).set("confusions_view", "figures")
    assert page.query == {"run": run.id, "view": "figures"}
    assert VIEWS["figures"] in page.text
    page.set("confusions_split", "validation")
    assert page.query == {"run": run.id, "view": "figures", "split": "validation"}
    assert "of 64 validation images are right" in page.text
    page.set("confusions_view", "matrix")
    assert page.query == {"run": run.id, "split": "validation"}


def test_a_change_of_split_leaves_moment_and_image_but_keeps_the_cell(app, known):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id, split="validation", snapshot="20", true="6", pred="6", image="1")
    page.set("confusions_split", "test")
    assert page.query == {"run": run.id, "split": "test", "true": "6", "pred": "6"}


def test_the_run_picker_shows_the_run_that_the_page_shows(app, trained):
    first, second = trained("first"), trained("second", seed=1)
    page = app().open(CONFUSIONS, run=first.id)
    assert page.at.get_by_key("picked_run").value == first.id
    page.open(CONFUSIONS)
    shown = page.at.get_by_key("picked_run").value
    matrix = page.given("confusion_grid")["frames"][0]["counts"]
    page.open(CONFUSIONS, run=shown)
    assert page.given("confusion_grid")["frames"][0]["counts"] == matrix
    page.open(CONFUSIONS, run=first.id, split="validation", snapshot="20", true="6", pred="0")
    page.set("picked_run", second.id)
    assert page.query == {"run": second.id, "split": "validation", "true": "6", "pred": "0"}


def test_the_run_picker_tells_runs_of_the_same_name_apart(app, trained):
    runs = [trained("mine"), trained("mine")]
    for one, other in (runs, runs[::-1]):
        page = app().open(CONFUSIONS, run=one.id)
        assert len(set(page.at.get_by_key("picked_run").options)) == 2
        page.set("picked_run", other.id)
        assert page.query["run"] == other.id


def test_a_cell_of_the_confusion_so_far_leads_to_its_images(app, known, drawn, tiny):
    run, predictions = known
    page = app().open(TRAIN, run=run.id).pick(grid="confusion", cell=(6, 6))
    assert page.query == {"run": run.id, "split": "validation", "true": "6", "pred": "6"}
    wanted = numbers_of(drawn, tiny, "validation")[cells_of(predictions["validation"], (6, 6))]
    assert sorted(page.images) == wanted.tolist() != []


# --- runs that have little, or are amiss ---


def test_a_run_that_trains_and_has_no_snapshot_says_so(app, make_run):
    run = make_run("running", started=4e9, ended=None, weights="", name="young")
    page = app().open(CONFUSIONS, run=run.id)
    assert "young has no snapshot yet" in page.text
    assert [each.value for each in page.at.page_link] == ["Open the run"]


def test_a_run_that_trains_shows_its_last_snapshot_and_says_so(app, trained):
    run, page = trained("busy", state="running", started=4e9, ended=None, weights="", kept={}), app()
    trained("other")
    for view, text in VIEWS.items():
        page.open(CONFUSIONS, run=run.id, view=view)
        assert text in page.text
        assert "busy is still training: this is its latest snapshot" in page.text
        assert page.at.get_by_key("confusions_split").options == ["Validation"]
        assert not page.errors
    grid = page.open(CONFUSIONS, run=run.id).given("confusion_grid")
    assert grid["frame"] == len(grid["frames"]) - 1 == 2
    assert grid["frames"][-1]["caption"].startswith("epoch 3.00")


@pytest.mark.parametrize("split", ["test", "train"])
def test_a_run_that_trains_is_not_shown_on_other_images(app, trained, split):
    run = trained("busy", state="running", started=4e9, ended=None)
    page = app().open(CONFUSIONS, run=run.id, split=split)
    assert page.warnings == [
        f"busy cannot be shown on {SPLITS[split]} before it has ended: these are the validation images."
    ]
    assert sum(map(sum, page.given("confusion_grid")["frames"][-1]["counts"])) == 64


def test_a_run_that_ends_shows_its_end(app, trained):
    run = trained("busy", state="running", started=4e9, ended=None)
    assert "still training" in app().open(CONFUSIONS, run=run.id).text
    write_status(run.path, run.status.replace(state="finished"))
    page = app().open(CONFUSIONS, run=run.id)
    assert "still training" not in page.text
    assert page.at.get_by_key("confusions_split").value == "test"


@pytest.mark.parametrize(
    ("validation", "words"),
    [("share", "ended before its first snapshot"), ("none", "has neither weights nor predictions")],
)
def test_a_run_without_weights_and_snapshots_says_so(app, make_run, tiny, validation, words):
    run = make_run("interrupted", weights="", name="empty", config=tiny.replace(training={"validation": validation}))
    assert f"empty {words}" in app().open(CONFUSIONS, run=run.id).text


def test_a_run_without_weights_but_with_snapshots_shows_its_validation_images(app, trained):
    run, page = trained("lost", state="interrupted", weights="", kept={}), app()
    trained("other")
    for view, text in VIEWS.items():
        page.open(CONFUSIONS, run=run.id, view=view)
        assert text in page.text
        assert not page.errors
        assert page.at.get_by_key("confusions_split").options == ["Validation"]
        page.open(CONFUSIONS, run=run.id, view=view, split="test")
        assert page.warnings == ["lost cannot be shown on test images: these are the validation images."]


def test_a_run_without_validation_images_is_shown_on_the_others(app, make_run, tiny):
    run = make_run(config=tiny.replace(training={"validation": "none"}), weights="random", name="blind")
    page = app().open(CONFUSIONS, run=run.id, split="validation")
    assert page.at.get_by_key("confusions_split").options == ["Test", "Training"]
    assert page.warnings == ["blind cannot be shown on validation images: these are the test images."]
    assert sum(map(sum, page.given("confusion_grid")["frames"][0]["counts"])) == 160
    page.set("confusions_split", "train")
    assert sum(map(sum, page.given("confusion_grid")["frames"][0]["counts"])) == 640


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_run_that_peeks_has_the_test_images_as_both(app, trained, tiny, drawn, split):
    config = tiny.replace(training={"validation": "test"})
    run, page = trained(config=config), app()
    trained("other", seed=1, config=config)
    for view, text in VIEWS.items():
        page.open(CONFUSIONS, run=run.id, split=split, view=view)
        assert text in page.text
        assert not page.errors
    page.open(CONFUSIONS, run=run.id, split=split, true="6").set("images_order", "by number")
    assert page.images == np.flatnonzero(drawn.test.labels == 6).tolist()


def test_predictions_that_are_not_kept_are_asked_for_once(app, make_run, desk, drawn):
    run = make_run(weights="random")
    page, other = app().open(CONFUSIONS, run=run.id), app()
    page.set("confusions_split", "validation").set("confusions_split", "test")
    other.open(CONFUSIONS, run=run.id)
    assert desk.asked == ["predict_split"] * 2
    matrix = np.array(other.given("confusion_grid")["frames"][0]["counts"])
    assert matrix.sum(1).tolist() == np.bincount(drawn.test.labels).tolist()


def test_kept_predictions_that_are_damaged_are_computed_again(app, known, desk):
    run, _ = known
    (kept,) = run.path.parent.parent.glob(f"cache/runs/{run.id}/predictions-test.safetensors")
    kept.write_bytes(kept.read_bytes()[:100])
    page = app().open(CONFUSIONS, run=run.id)
    assert desk.asked == ["predict_split"]
    assert page.has("confusion_grid")


def test_what_a_run_has_learnt_since_replaces_what_was_kept(app, known, drawn, tiny, desk):
    run, _ = known
    page, doubting = app().open(CONFUSIONS, run=run.id), app().open(CONFUSIONS, run=run.id, view="suspects")
    before = doubting.images
    network = build(tiny.model, seed=7)
    run.write_weights({name: np.ascontiguousarray(each.numpy()) for name, each in network.state_dict().items()})
    page.run()
    doubting.run()
    assert desk.asked == ["find_label_errors", "predict_split", "find_label_errors"]
    found = predict(network, drawn.test)
    assert sorted(page.images) == np.flatnonzero(~found.right).tolist()
    assert doubting.images == likely_label_errors(found).tolist() != before


def broken_config(run: Run) -> str:
    (run.path / "config.json").write_text('{"format": 1, "pre')
    return "config.json"


def older_config(run: Run) -> str:
    values = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps({**values, "format": 0}))
    return "config.json"


def foreign_config(run: Run) -> str:
    (run.path / "config.json").write_text('{"format": 2, "network": []}')
    return "config.json"


def missing_config(run: Run) -> str:
    (run.path / "config.json").unlink()
    return "config.json"


def broken_status(run: Run) -> str:
    (run.path / "status.json").write_text("[]")
    return "status.json"


def broken_weights(run: Run) -> str:
    (run.path / "model.safetensors").write_bytes(b"\0" * 100)
    return "model.safetensors"


def foreign_weights(run: Run) -> str:
    run.write_weights({"layers.0.weight": np.zeros(3, np.float32)})
    return "model.safetensors"


def broken_metrics(run: Run) -> str:
    run.metrics_path.write_text("{\n")
    return "metrics.jsonl"


@pytest.mark.parametrize(
    "damage",
    [
        *(broken_config, older_config, foreign_config, missing_config),
        *(broken_status, broken_weights, foreign_weights, broken_metrics),
    ],
)
def test_a_damaged_run_is_told_by_the_name_of_its_file(app, trained, damage):
    run, page = trained(weights="random", kept={}), app()
    name = damage(run)
    for view in VIEWS:
        page.open(CONFUSIONS, run=run.id, view=view, split="validation")
        assert len(page.errors) == 1
        assert str(run.path / name) in page.errors[0].replace("\\", "")


def cut_snapshot(path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def snapshot_without_logits(path) -> None:
    write_arrays(path, {"labels": np.zeros(64, np.uint8)}, {"epoch": "1.0"})


def snapshot_without_labels(path) -> None:
    write_arrays(path, {"logits": np.zeros((64, 10), np.float16)}, {"epoch": "1.0"})


def snapshot_without_epoch(path) -> None:
    write_arrays(path, {"logits": np.zeros((64, 10), np.float16), "labels": np.zeros(64, np.uint8)}, {})


def snapshot_with_more_classes(path) -> None:
    logits = np.eye(12, dtype=np.float16)[np.arange(64) % 12]
    write_arrays(path, {"logits": logits, "labels": np.zeros(64, np.uint8)}, {"epoch": "1.0"})


def snapshot_with_fewer_logits(path) -> None:
    write_arrays(path, {"logits": np.zeros((60, 10), np.float16), "labels": np.zeros(64, np.uint8)}, {"epoch": "1.0"})


def write_arrays(path, arrays: dict, metadata: dict[str, str]) -> None:
    path.write_bytes(save(arrays, metadata))


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_snapshot, snapshot_without_logits, snapshot_without_labels),
        *(snapshot_without_epoch, snapshot_with_more_classes, snapshot_with_fewer_logits),
    ],
)
@pytest.mark.parametrize("moment", ["the last", "another"])
def test_a_damaged_or_foreign_snapshot_is_told_by_its_name(app, trained, damage, moment):
    run = trained(state="running", started=4e9, ended=None)
    path = run.snapshot_path(60 if moment == "the last" else 20)
    damage(path)
    page = app().open(CONFUSIONS, run=run.id)
    assert len(page.errors) == 1
    assert run.id in page.errors[0].replace("\\", "") or "mine" in page.errors[0]


def test_snapshots_of_other_images_are_refused(app, trained, tiny):
    run = trained(state="running", started=4e9, ended=None)
    config = tiny.replace(training={"validation_share": 0.2})
    (run.path / "config.json").write_text(config.model_dump_json())
    page = app().open(CONFUSIONS, run=run.id)
    assert "are about other images than this data set's" in page.errors[0]


def at_its_end(trained) -> Run:
    """A run whose last step is measured and whose worker has not ended."""
    run = trained(state="running", started=4e9, ended=None, losses=(0.6,), snapshots=(20,))
    run.append_metrics({"kind": "end", "step": 20, "steps": 20, "epoch": 1.0, "seconds": 1.0})
    return run


def test_the_last_snapshot_is_shown_until_the_run_has_ended(app, trained):
    run = at_its_end(trained)
    (frame,) = app().open(CONFUSIONS, run=run.id).given("confusion_grid")["frames"]
    assert frame["caption"].startswith("epoch 1.00")
    write_status(run.path, run.status.replace(state="finished", ended=4e9))
    (frame,) = app().open(CONFUSIONS, run=run.id, split="validation").given("confusion_grid")["frames"]
    assert frame["caption"].startswith("the finished network")


def test_a_run_that_ends_while_its_page_is_drawn_breaks_nothing(app, trained, monkeypatch):
    run, answers = trained(), []
    moments = selected_predictions.moments

    def ending(run, split):
        """Of a run that has lost its last snapshot to its end when it is asked for the second time."""
        answers.append(moments(run, split)[: -1 - len(answers)])
        return answers[-1]

    monkeypatch.setattr(selected_predictions, "moments", ending)
    page = app().open(CONFUSIONS, run=run.id, split="validation")
    assert len(page.given("confusion_grid")["frames"]) == 3


def test_a_run_that_is_deleted_while_it_is_waited_for_is_missed_by_the_whole_page(app, trained, store, monkeypatch):
    polls, fragment = [], st.fragment
    monkeypatch.setattr(st, "fragment", lambda act, **options: polls.append(act) or fragment(act, **options))
    run = trained("waiting", state="queued", started=None, ended=None, weights="", kept={}, snapshots=())
    page = app().open(CONFUSIONS, run=run.id)
    assert "has no snapshot yet" in page.text
    store.delete(run, run.status.owner)
    next(
        poll for poll in polls if poll.__name__ == "look"
    )()  # by itself, as Streamlit calls it: what it raises would be all that is seen
    assert "There is no run" in app().open(CONFUSIONS, run=run.id).errors[0]


# --- nonsense in the link ---

NONSENSE = (
    *("", " ", "-1", "-6", "x", "six", "1.5", "1e3", "0x6", "²", "٣", "６", "Ⅵ", "None", "null", "nan", "inf"),
    *("6,", ",6", "6,,0", "6;0", "6 0", "+6", "10,10", "0,1,2,x", "<b>", "[x](y)", "../..", "'", "\x00", "%00", "_"),
    *("9" * 30, "9" * 5000, "0" * 9 + "9" * 30, "0" * 9 + "9" * 5000, "a" * 20000, "1," * 5000, "é" * 300),
)


@pytest.mark.parametrize("name", ["split", "true", "pred", "image", "snapshot", "view", "groups"])
def test_nonsense_in_the_link_is_left_out_and_said(app, trained, name):
    run, page = trained(), app()
    trained("other", seed=1)
    for view, text in VIEWS.items():
        for value in NONSENSE if view == "matrix" else NONSENSE[::6]:
            page.open(CONFUSIONS, **{"run": run.id, "view": view, "split": "validation", name: value})
            assert page.warnings, value[:40]
            assert len(max(page.warnings, key=len)) < 400
            assert not page.errors, value[:40]
            assert (VIEWS["matrix"] if name == "view" else text) in page.text, value[:40]


def test_an_unknown_run_in_the_link_is_said(app, trained):
    trained()
    page = app()
    for value in NONSENSE[1:]:  # an empty one is none
        page.open(CONFUSIONS, run=value)
        assert len(page.errors) == 1, value[:40]
        assert "There is no run" in page.errors[0]
        assert len(page.errors[0]) < 400


def test_an_unknown_other_run_in_the_link_is_said(app, trained):
    run = trained()
    trained("other", seed=1)
    page = app()
    for value in (*NONSENSE[1:], run.id):
        page.open(CONFUSIONS, run=run.id, view="runs", other=value)
        assert VIEWS["runs"] in page.text, value[:40]
        assert len(page.warnings) == 1, value[:40]
        assert len(page.warnings[0]) < 400


@pytest.mark.parametrize(
    "query",
    [
        {"true": "6,0", "pred": "0"},
        {"true": "6", "pred": "0,6"},
        {"true": "6,0"},
        {"pred": "6,0"},
        {"true": "10", "pred": "0"},
        {"true": "6", "pred": "100"},
        {"true": "99,6", "pred": "0,0"},
        {"snapshot": "21"},
        {"snapshot": "0"},
        {"split": "Validation"},
        {"view": "Matrix"},
        {"groups": "0,6-6,2"},
        {"groups": "0,1,2,3,4,5,6,7,8,9"},
    ],
)
def test_what_the_link_cannot_mean_is_left_out_and_said(app, trained, query):
    run, page = trained(), app()
    trained("other", seed=1)
    for view in VIEWS:
        page.open(CONFUSIONS, **{"run": run.id, "view": view, "split": "validation", **query})
        assert page.warnings
        assert not page.errors


@pytest.mark.parametrize("view", ["matrix", "pair", "runs", "suspects"])
def test_an_image_that_is_not_there_is_said_where_images_are_shown(app, trained, view):
    run = trained()
    trained("other", seed=1)
    page = app().open(CONFUSIONS, run=run.id, view=view, image="640")
    assert page.warnings
    assert VIEWS[view] in page.text


def test_lists_of_different_lengths_mark_nothing(app, known):
    run, predictions = known
    page = app()
    for query in ({"true": "6,0", "pred": "0"}, {"true": "6", "pred": "0,6"}):
        page.open(CONFUSIONS, run=run.id, **query)
        grid = page.given("confusion_grid")
        assert (grid["cells"], grid["row"], grid["column"]) == ([], None, None)
        assert sorted(page.images) == np.flatnonzero(~predictions["test"].right).tolist()


def test_of_several_whole_classes_the_first_is_shown(app, known):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="3,4")
    assert len(page.warnings) == 1
    assert sorted(page.images) == np.flatnonzero(predictions["test"].labels == 3).tolist()


def test_what_is_left_of_half_a_cell_is_its_row(app, known):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="3", pred="abc")
    assert len(page.warnings) == 1
    assert sorted(page.images) == np.flatnonzero(predictions["test"].labels == 3).tolist()


def test_a_cell_named_twice_is_one(app, known):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id, true="6,6", pred="0,0")
    once = app().open(CONFUSIONS, run=run.id, true="6", pred="0")
    assert page.images == once.images
    assert not page.warnings


def test_a_parameter_given_twice_does_no_harm(app, known):
    run, predictions = known
    page = app()
    page.open(CONFUSIONS, run=run.id)
    page.at.query_params["true"] = ["3", "4"]
    page.run()
    assert sorted(page.images) == np.flatnonzero(predictions["test"].labels == 4).tolist()


def test_a_link_cannot_put_a_link_or_picture_of_its_own_on_the_page(app, known):
    run, _ = known
    evil = "![x](http://evil.example/x.png)"
    for name in ("run", "split", "true", "image", "view", "other"):
        page = app().open(CONFUSIONS, **{"run": run.id, name: evil})
        assert "![x](" not in page.text, name


# --- what is marked in the matrix ---


def test_the_matrix_holds_the_counts_of_the_shown_images(app, known):
    run, predictions = known
    found = predictions["test"]
    (frame,) = app().open(CONFUSIONS, run=run.id).given("confusion_grid")["frames"]
    for true in range(10):
        for said in range(10):
            count = sum(1 for t, p in zip(found.labels, found.predicted, strict=True) if (t, p) == (true, said))
            assert frame["counts"][true][said] == count


def test_with_nothing_marked_all_mistakes_are_shown(app, known):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id)
    wrong = np.flatnonzero(~predictions["test"].right)
    assert sorted(page.images) == wrong.tolist()
    assert f"{len(wrong)} images are misclassified" in page.text


@pytest.mark.parametrize(("split", "rows"), [("test", range(10)), ("validation", (0, 6))])
def test_every_cell_shows_exactly_its_images(app, known, drawn, tiny, split, rows):
    run, predictions = known
    found, numbers = predictions[split], numbers_of(drawn, tiny, split)
    source = drawn.test if split == "test" else drawn.train
    page = app().open(CONFUSIONS, run=run.id, split=split)
    seen = 0
    for true in rows:
        for said in range(10):
            page.pick(cell=(true, said))
            assert (page.query["true"], page.query["pred"]) == (str(true), str(said))
            wanted = numbers[(found.labels == true) & (found.predicted == said)]
            assert sorted(page.images) == wanted.tolist()
            seen += len(wanted)
            if not len(wanted):
                assert page.find("gallery") == []
                assert "No image here" in page.text
                continue
            given = page.given(page.gallery)
            verdict = "recognised as" if true == said else "taken for"
            for item in given["items"]:
                name = image_name(split, item["id"], true)
                assert item["label"].startswith(f"{name}: {verdict} {CLASS_NAMES[said]}, ")
            pictures = tiles(given["sheet"], given["columns"], len(given["items"]))
            assert (pictures == source.images[page.images]).all()
    assert seen == np.isin(found.labels, list(rows)).sum()


@pytest.mark.parametrize("side", ["row", "column"])
def test_every_head_shows_exactly_its_images(app, known, side):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id)
    for label in range(10):
        page.pick(**{side: label})
        values = found.labels if side == "row" else found.predicted
        assert sorted(page.images) == np.flatnonzero(values == label).tolist()
        assert page.query == {"run": run.id, {"row": "true", "column": "pred"}[side]: str(label)}
        grid = page.given("confusion_grid")
        assert (grid["row"], grid["column"]) == ((label, None) if side == "row" else (None, label))


def test_mistakes_are_marked_among_the_images_of_a_class(app, known):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id, true="6")
    wrong = {item["id"] for item in page.given(page.gallery)["items"] if item["wrong"]}
    assert wrong == set(np.flatnonzero((found.labels == 6) & ~found.right).tolist()) != set()


def cells_of(found: Predictions, *cells: tuple[int, int]) -> list[int]:
    chosen = [n for n in range(len(found)) if (found.labels[n], found.predicted[n]) in cells]
    return sorted(chosen)


def test_cells_are_added_and_taken_away_with_ctrl(app, known):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id).pick(cell=(9, 1)).pick(cell=(9, 4), more=True)
    assert page.query == {"run": run.id, "true": "9,9", "pred": "1,4"}
    assert page.images != []
    assert sorted(page.images) == cells_of(found, (9, 1), (9, 4))
    page.pick(cell=(6, 6), more=True)
    assert sorted(page.images) == cells_of(found, (9, 1), (9, 4), (6, 6))
    assert page.given("confusion_grid")["cells"] == [[9, 1], [9, 4], [6, 6]]
    page.pick(cell=(9, 4), more=True)
    assert sorted(page.images) == cells_of(found, (9, 1), (6, 6))
    page.pick(cell=(3, 3))
    assert sorted(page.images) == cells_of(found, (3, 3)), "a plain click marks it alone"
    page.set("mark_several", True).pick(cell=(2, 2))
    assert sorted(page.images) == cells_of(found, (3, 3), (2, 2)), "without a key to hold"
    page.pick(cell=(2, 2)).set("mark_several", False)
    page.pick(cell=(3, 3), more=True)
    assert page.query == {"run": run.id}, "nothing is marked any more"
    assert sorted(page.images) == np.flatnonzero(~found.right).tolist()


def test_both_directions_of_a_cell_are_shown(app, known):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="6", pred="2").click("Both directions")
    assert page.query == {"run": run.id, "true": "6,2", "pred": "2,6"}
    assert len(page.images) > 2
    assert sorted(page.images) == cells_of(predictions["test"], (6, 2), (2, 6))
    page.click("All mistakes")
    assert page.query == {"run": run.id}


def test_a_cell_of_the_diagonal_has_no_other_direction(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, true="6", pred="6")
    assert "Both directions" not in page.buttons
    assert "All mistakes" in page.buttons


def test_the_pair_of_a_cell_is_a_click_away(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, true="4", pred="8").click("Compare these two classes")
    assert page.query == {"run": known[0].id, "true": "4", "pred": "8", "view": "pair"}
    assert (page.at.get_by_key("pair_first").value, page.at.get_by_key("pair_second").value) == (4, 8)


def test_a_pick_closes_the_image(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, image="3").pick(row=2)
    assert page.query == {"run": known[0].id, "true": "2"}


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("most confident first", lambda p: -np.sort(p.probabilities, 1)[:, -1]),
        ("widest margin first", lambda p: np.sort(p.probabilities, 1)[:, -2] - np.sort(p.probabilities, 1)[:, -1]),
        ("nearest to the decision boundary first", lambda p: p.logits.max(1) - p.logits[np.arange(len(p)), p.labels]),
        ("by number", lambda p: np.arange(len(p))),
    ],
)
def test_mistakes_are_shown_in_the_order_that_is_asked_for(app, known, order, key):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id).set("images_order", order)
    wrong = np.flatnonzero(~found.right)
    wanted = wrong[np.argsort(key(found)[wrong], kind="stable")].tolist()
    assert page.images == wanted
    page.open_image(wanted[5]).go("next")
    assert page.query["image"] == str(wanted[6]), "the card goes the same way"


def test_orders_differ_from_each_other(app, known):
    page, seen = app().open(CONFUSIONS, run=known[0].id), set()
    for order in gallery.ORDERS:
        seen.add(tuple(page.set("images_order", order).images))
    assert len(seen) == len(gallery.ORDERS)


def test_more_images_than_a_page_holds_are_paged(app, known, monkeypatch):
    monkeypatch.setattr(gallery, "PAGE", 7)
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="6").set("images_order", "by number")
    wanted = np.flatnonzero(predictions["test"].labels == 6).tolist()
    (pager,) = page.at.get("pagination")
    assert pager.num_pages == 3
    assert page.images == wanted[:7]
    pager.set_value(3).run()
    assert page.whole().images == wanted[14:] != []
    page.open_image(wanted[15]).go("close")
    assert page.images == wanted[14:], "back on the page that it was opened from"
    page.pick(row=5)
    assert page.images == np.flatnonzero(predictions["test"].labels == 5).tolist()[:7], "another cell, its first page"


def test_a_click_on_an_image_of_the_cell_before_opens_nothing(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, true="6")
    before = page.images[0]
    page.pick(row=5)
    assert before not in page.images
    assert "image" not in page.send(page.gallery, "pick", before).query


def test_a_gallery_holds_200(app, known):
    page = app().open(CONFUSIONS, run=known[0].id)
    assert gallery.PAGE == 200
    assert page.at.get("pagination") == []


# --- one image ---


def test_an_image_is_opened_and_the_card_leads_on_and_back(app, known):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="6").set("images_order", "by number")
    wanted = np.flatnonzero(predictions["test"].labels == 6).tolist()
    link = {"run": run.id, "true": "6"}
    page.open_image(wanted[1])
    assert page.query == {**link, "image": str(wanted[1])}
    assert page.given("image_card")["place"] == "2 of 16"
    assert page.images == []
    page.go("next")
    assert page.query == {**link, "image": str(wanted[2])}
    page.go("previous").go("previous")
    assert page.query == {**link, "image": str(wanted[0])}
    card = page.given("image_card")
    assert (card["previous"], card["next"]) == (False, True)
    page.go("previous")
    assert page.query == {**link, "image": str(wanted[0])}, "there is none before the first"
    page.go("close")
    assert page.query == link
    assert page.images == wanted
    given = page.given(page.gallery)
    assert (given["current"], given["focus"]) == (wanted[0], True)
    assert page.run().given(page.gallery)["current"] is None, "the focus is not taken again"


def test_an_image_that_the_card_has_led_to_on_another_page_is_there_when_it_closes(app, known, monkeypatch):
    monkeypatch.setattr(gallery, "PAGE", 7)
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, true="6").set("images_order", "by number")
    wanted = np.flatnonzero(predictions["test"].labels == 6).tolist()
    for _ in range(2):
        page.open_image(wanted[6]).go("next").go("close")
        assert page.given(page.gallery)["current"] == wanted[7]
        assert page.images == wanted[7:14]
        page.at.get("pagination")[0].set_value(1).run()
        assert page.whole().images == wanted[:7], "its page can be left"


def test_the_card_shows_what_the_network_says(app, known, drawn):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id, image="5")
    card = page.given("image_card")
    assert [bar["name"] for bar in card["bars"]] == list(CLASS_NAMES)
    exponentials = np.exp(found.logits[5])
    assert [bar["probability"] for bar in card["bars"]] == pytest.approx(exponentials / exponentials.sum(), abs=1e-5)
    assert [bar["true"] for bar in card["bars"]].index(True) == found.labels[5]
    assert [bar["predicted"] for bar in card["bars"]].index(True) == found.predicted[5]
    assert (tiles(card["picture"], 1, 1)[0] == drawn.test.images[5]).all()


def test_the_card_shows_neighbours_and_where_the_network_looks(app, trained, drawn, tiny, desk):
    run = trained(weights="random")
    page = app().open(CONFUSIONS, run=run.id, image="5")
    assert desk.asked == ["index_images", "explain"]
    labels = {each.key: page.given(each.key) for each in page.find("gallery")}
    neighbours, heat = labels["neighbours"]["items"], labels["heat"]["items"]
    seen = set(numbers_of(drawn, tiny, "train"))
    assert len(neighbours) == 8
    for item in neighbours:
        assert item["id"] in seen, "it has learnt from it"
        assert item["caption"] == CLASS_NAMES[drawn.train.labels[item["id"]]]
    distances = [float(item["label"].rpartition(" ")[2]) for item in neighbours]
    assert distances == sorted(distances)
    assert len(heat) == 2
    page.go("close").open(CONFUSIONS, run=run.id, image="5")
    app().open(CONFUSIONS, run=run.id, image="5")
    assert desk.asked == ["index_images", "explain"], "both are kept"


def test_a_training_image_is_not_its_own_neighbour(app, trained, drawn, tiny):
    run = trained(weights="random")
    number = int(numbers_of(drawn, tiny, "train")[7])
    page = app().open(CONFUSIONS, run=run.id, split="train", image=str(number))
    neighbours = [item["id"] for item in page.given("neighbours")["items"]]
    assert len(neighbours) == 8
    assert number not in neighbours


def test_the_card_of_a_validation_image_tells_its_history(app, trained, labels_of, drawn, tiny):
    labels = labels_of("validation")
    said = {20: labels.copy(), 40: labels.copy(), 60: labels.copy()}
    said[20][3] = (labels[3] + 1) % 10
    said[60][3] = (labels[3] + 2) % 10
    snapshots = {step: 5 * np.eye(10, dtype=np.float32)[classes] for step, classes in said.items()}
    run = trained(weights="random")
    for step, logits in snapshots.items():
        overwrite(run, step, logits, labels)
    number = int(numbers_of(drawn, tiny, "validation")[3])
    page = app().open(CONFUSIONS, run=run.id, split="validation", image=str(number))
    card = page.given("image_card")
    history = [(chip["text"], chip["note"], chip["right"]) for chip in card["history"][:3]]
    assert history == [
        (CLASS_NAMES[said[20][3]], "epoch 1.00", False),
        (CLASS_NAMES[said[40][3]], "epoch 2.00", True),
        (CLASS_NAMES[said[60][3]], "epoch 3.00", False),
    ]
    assert card["history"][3]["note"] == "end"
    assert card["history_title"].startswith("Over the training: learnt by epoch 2.00, forgotten by epoch 3.00")


def overwrite(run: Run, step: int, logits: np.ndarray, labels: np.ndarray) -> None:
    run.write_snapshot(Snapshot(step, step / 20, "", logits.astype(np.float16), labels, np.zeros((1, 1), np.float16)))


def test_the_card_says_what_other_runs_say(app, trained, labels_of):
    run, other = trained("mine"), trained("other", seed=5)
    found = read_kept(other, "test", labels_of())
    page = app().open(CONFUSIONS, run=run.id, image="5")
    (chip,) = page.given("image_card")["others"]
    assert (chip["text"], chip["note"]) == (CLASS_NAMES[found.predicted[5]], "other")
    assert chip["right"] == bool(found.right[5])


def test_an_image_outside_what_is_marked_has_a_card_without_neighbours_there(app, known):
    run, predictions = known
    outside = int(np.flatnonzero(predictions["test"].labels == 1)[0])
    page = app().open(CONFUSIONS, run=run.id, true="6", image=str(outside))
    card = page.given("image_card")
    assert (card["place"], card["previous"], card["next"]) == ("", False, False)
    page.go("next")
    assert page.query["image"] == str(outside)
    page.go("close")
    assert page.query == {"run": run.id, "true": "6"}


def test_an_image_of_another_split_is_said_not_to_be_there(app, known, drawn, tiny):
    learnt = int(numbers_of(drawn, tiny, "train")[0])
    page = app().open(CONFUSIONS, run=known[0].id, split="validation", image=str(learnt))
    assert page.warnings == [f"Image {learnt} is not among the 64 validation images: choose another one."]
    assert page.images != []


def test_while_it_trains_a_card_says_what_is_missing(app, trained, drawn, tiny):
    run = trained("busy", state="running", started=4e9, ended=None, weights="", kept={})
    number = int(numbers_of(drawn, tiny, "validation")[3])
    page = app().open(CONFUSIONS, run=run.id, image=str(number))
    assert len(page.given("image_card")["bars"]) == 10
    assert "are shown once the run has ended" in page.text


# --- moments of a run ---


def test_the_slider_has_every_snapshot_and_the_end(app, known, labels_of):
    run, predictions = known
    page = app().open(CONFUSIONS, run=run.id, split="validation")
    grid = page.given("confusion_grid")
    captions = [frame["caption"] for frame in grid["frames"]]
    assert [caption.partition(":")[0] for caption in captions] == [
        *("epoch 1.00", "epoch 2.00", "epoch 3.00"),
        "the finished network",
    ]
    assert captions[3].endswith(
        f"{100 * predictions['validation'].right.mean():.1f}\N{NO-BREAK SPACE}% of the validation images right"
    )
    assert grid["frame"] == 3
    for number, step in enumerate((20, 40, 60)):
        logits = run.read_snapshot(step)[0]["logits"]
        right = int((logits.argmax(1) == labels_of("validation")).sum())
        assert captions[number].endswith(f"{100 * right / 64:.1f}\N{NO-BREAK SPACE}% of the validation images right")
        assert sum(grid["frames"][number]["counts"][n][n] for n in range(10)) == right


def test_moving_the_slider_changes_the_link_and_what_is_shown(app, known, labels_of, drawn, tiny):
    run, _ = known
    numbers = numbers_of(drawn, tiny, "validation")
    page = app().open(CONFUSIONS, run=run.id, split="validation", true="9", pred="9", image=str(numbers[0]))
    page.send("confusion_grid", "frame", 1)
    assert page.query == {"run": run.id, "split": "validation", "true": "9", "pred": "9", "snapshot": "40"}
    assert page.given("confusion_grid")["frame"] == 1
    said = run.read_snapshot(40)[0]["logits"].argmax(1)
    labels = labels_of("validation")
    assert sorted(page.images) == numbers[(labels == 9) & (said == 9)].tolist()
    page.send("confusion_grid", "frame", 3)
    assert page.query == {"run": run.id, "split": "validation", "true": "9", "pred": "9"}


def test_the_snapshot_that_is_the_end_is_not_shown_twice(app, trained):
    run = trained()
    end = {"kind": "end", "step": 60, "steps": 60, "epoch": 3.0, "seconds": 3.0}
    run.append_metrics(end)
    grid = app().open(CONFUSIONS, run=run.id, split="validation").given("confusion_grid")
    captions = [frame["caption"].partition(":")[0] for frame in grid["frames"]]
    assert captions == ["epoch 1.00", "epoch 2.00", "the finished network"]


def test_from_the_test_images_a_button_leads_to_the_first_snapshot(app, known):
    page = app().open(CONFUSIONS, run=known[0].id).click("Replay the training on the validation images")
    assert page.query == {"run": known[0].id, "split": "validation", "snapshot": "20"}
    assert page.given("confusion_grid")["frame"] == 0


def test_learnt_and_forgotten_are_those_counted_by_hand(app, trained, labels_of, drawn, tiny):
    run, labels = trained(snapshots=(20, 40)), labels_of("validation")
    numbers = numbers_of(drawn, tiny, "validation")
    wrong = {20: [1, 2, 3, 10], 40: [3, 10, 40, 41]}
    for step, places in wrong.items():
        said = labels.copy()
        said[places] = (labels[places] + 1) % 10
        overwrite(run, step, 5 * np.eye(10, dtype=np.float32)[said], labels)
    page = app().open(CONFUSIONS, run=run.id, split="validation", snapshot="40")
    assert page.at.get_by_key("since").options == ["Marked", "Learnt: 2", "Forgotten: 2"]
    page.set("since", "learnt")
    assert sorted(page.images) == sorted(numbers[[1, 2]].tolist())
    assert "2 images were wrong at epoch 1.00 and are right now" in page.text
    for item in page.given(page.gallery)["items"]:
        label = int(drawn.train.labels[item["id"]])
        assert item["caption"] == f"predicted:\n{CLASS_NAMES[(label + 1) % 10]} → {CLASS_NAMES[label]}"
    page.set("since", "forgotten")
    assert sorted(page.images) == sorted(numbers[[40, 41]].tolist())
    assert "2 images were right at epoch 1.00 and are wrong now" in page.text
    page.set("since", "marked")
    assert sorted(page.images) == sorted(numbers[[3, 10, 40, 41]].tolist())


def test_at_the_first_snapshot_nothing_can_have_been_learnt_since(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, split="validation", snapshot="20")
    assert not page.has("since")
    assert page.send("confusion_grid", "frame", 1).has("since")


def test_a_click_in_the_matrix_shows_the_cell_also_after_what_was_learnt(app, known, drawn, tiny):
    run, predictions = known
    found, numbers = predictions["validation"], numbers_of(drawn, tiny, "validation")
    page = app().open(CONFUSIONS, run=run.id, split="validation").set("since", "learnt").pick(cell=(6, 6))
    assert sorted(page.images) == numbers[(found.labels == 6) & (found.predicted == 6)].tolist()


def test_a_cell_of_the_train_page_is_shown_also_after_what_was_learnt(app, known):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id, split="validation").set("since", "learnt")
    page.open(TRAIN, run=run.id).pick(grid="confusion", cell=(6, 6))
    assert page.images == app().open(CONFUSIONS, run=run.id, split="validation", true="6", pred="6").images


def test_every_view_shows_the_moment_in_the_link(app, trained):
    run, page = trained(), app()
    trained("other", seed=1)
    for view in VIEWS:
        end = page.open(CONFUSIONS, run=run.id, split="validation", view=view).text
        page.open(CONFUSIONS, run=run.id, split="validation", view=view, snapshot="20")
        assert not page.errors
        assert page.text != end, view


# --- how the matrix is drawn ---


def test_numbers_order_and_colour_are_the_ones_chosen_and_stay(app, known):
    page = app().open(CONFUSIONS, run=known[0].id)
    grid = page.given("confusion_grid")
    assert (grid["numbers"], grid["scale"], grid["dim"], grid["order"]) == ("counts", "log", False, list(range(10)))
    page.set("matrix_numbers", "% of true class").set("matrix_order", "tops, dresses, shoes, bag")
    page.set("matrix_log", False).set("matrix_dim", True)
    page.open(TRAIN, run=known[0].id).open(CONFUSIONS, run=known[0].id)
    grid = page.given("confusion_grid")
    assert (grid["numbers"], grid["scale"], grid["dim"]) == ("true", "linear", True)
    assert grid["order"] == [0, 2, 4, 6, 3, 1, 5, 7, 9, 8]


def test_every_order_shows_every_class_once_and_in_its_own_way(app, known):
    page, seen = app().open(CONFUSIONS, run=known[0].id), set()
    for order in page.at.get_by_key("matrix_order").options:
        seen.add(tuple(page.set("matrix_order", order).given("confusion_grid")["order"]))
    assert len(seen) == 5
    assert all(sorted(order) == list(range(10)) for order in seen)


# --- networks at the extremes ---


@pytest.mark.parametrize("answer", ["always right", "always trousers", "always wrong", "undecided", "infinite"])
def test_a_network_at_an_extreme_breaks_no_view(app, trained, labels_of, answer):
    labels = labels_of()
    said = {
        "always right": labels,
        "always trousers": np.ones_like(labels),
        "always wrong": (labels + 1) % 10,
        "undecided": None,
        "infinite": labels,
    }[answer]
    logits = np.zeros((160, 10), np.float32) if said is None else 5 * np.eye(10, dtype=np.float32)[said]
    if answer == "infinite":
        logits *= 1e30
    run, page = trained(kept={"test": logits}), app()
    trained("other", seed=1)
    for view, text in VIEWS.items():
        page.open(CONFUSIONS, run=run.id, view=view, split="test")
        assert text in page.text
        assert not page.errors


def test_nothing_to_mark_is_said_of_a_network_that_is_always_right(app, trained, labels_of):
    run = trained(kept={"test": 5 * np.eye(10, dtype=np.float32)[labels_of()]})
    page = app().open(CONFUSIONS, run=run.id)
    assert "No image is misclassified" in page.text
    assert "No image is misclassified" in page.text
    assert page.images == []


# --- a pair ---


def test_without_a_marked_cell_the_most_confused_pair_is_shown(app, known):
    run, predictions = known
    found = predictions["test"]
    counts = np.zeros((10, 10), int)
    for true, said in zip(found.labels, found.predicted, strict=True):
        counts[true, said] += true != said
    page = app().open(CONFUSIONS, run=run.id, view="pair")
    chosen = page.at.get_by_key("pair_first").value, page.at.get_by_key("pair_second").value
    assert counts[chosen] == counts.max()


def test_a_pair_is_chosen_and_is_the_marked_cell_then(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, view="pair", true="6", pred="2")
    page.set("pair_second", 4)
    assert page.query == {"run": known[0].id, "view": "pair", "true": "6", "pred": "4"}
    page.set("pair_first", 4)
    assert page.query == {"run": known[0].id, "view": "pair", "true": "6", "pred": "4"}, "a pair has two classes"
    assert page.at.get_by_key("pair_first").value == 6


def test_a_pair_shows_its_typical_and_its_mistaken_images(app, known):
    run, predictions = known
    found = predictions["test"]
    page = app().open(CONFUSIONS, run=run.id, view="pair", true="6", pred="2")
    shown = {each.key: page.given(each.key) for each in page.find("gallery")}
    for place, cell in enumerate([(6, 6), (6, 2), (2, 2), (2, 6)]):
        key = f"pair_{place}"
        wanted = cells_of(found, cell)
        if not wanted:
            assert key not in shown
            continue
        ids = [item["id"] for item in shown[key]["items"]]
        assert ids == sorted(wanted, key=lambda n: -found.probabilities[n, cell[1]])[: len(ids)]
        assert len(ids) == min(14, len(wanted))
    assert {"pair_0", "pair_1", "pair_2"} <= shown.keys()
    first = shown["pair_1"]["items"][0]["id"]
    page.send("pair_1", "pick", first)
    assert page.query == {"run": run.id, "view": "pair", "true": "6", "pred": "2", "image": str(first)}
    assert page.has("image_card")
    page.go("close")
    assert page.query == {"run": run.id, "view": "pair", "true": "6", "pred": "2"}
    assert page.given("pair_1")["items"][0]["id"] == first


def test_a_closed_image_of_a_pair_gets_the_focus_back(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, view="pair", true="6", pred="2")
    number = page.given("pair_0")["items"][2]["id"]
    page.send("pair_0", "pick", number).go("close")
    assert page.given("pair_0")["current"] == number
    page.set("confusions_view", "matrix").pick(row=6)
    assert page.given(page.gallery)["current"] is None, "only there, and only once"


# --- two runs ---


def test_names_of_two_runs_are_shown_as_they_were_typed(app, trained):
    first, second = trained("*a*"), trained("[b](c)", seed=5)
    page = app().open(CONFUSIONS, run=first.id, view="runs", other=second.id)
    assert r"below each the predictions of \*a\* and \[b\]\(c\)" in page.text
    assert [option.split(":")[0] for option in page.at.get_by_key("who_is_right").options] == [
        *(r"only \*a\*", r"only \[b\]\(c\)", "neither")
    ]


def test_two_runs_of_one_name_are_told_apart_in_every_sentence(app, trained):
    first, second = trained("same"), trained("same", seed=1)
    page = app().open(CONFUSIONS, run=first.id, view="runs", other=second.id)
    names = [rf"same \({run.id[-4:]}\)" for run in (first, second)]
    assert f"{names[0]} is right on" in page.text
    assert f"In each cell: how many images more or fewer {names[0]} has than {names[1]}." in page.text


def test_two_runs_need_two_runs(app, known):
    page = app().open(CONFUSIONS, run=known[0].id, view="runs")
    assert "No other run can be shown on the same test images" in page.text
    assert [each.value for each in page.at.page_link] == ["Train another one"]


@pytest.fixture
def two(trained, labels_of):
    """Two runs with their predictions for the test images."""
    runs = trained("mine"), trained("theirs", seed=5)
    return runs, [read_kept(run, "test", labels_of()) for run in runs]


def test_two_runs_disagree_where_they_say_different_classes(app, two):
    (run, other), (mine, theirs) = two
    differ = mine.predicted != theirs.predicted
    groups = {
        "first": differ & mine.right,
        "second": differ & theirs.right,
        "neither": differ & ~mine.right & ~theirs.right,
    }
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=other.id)
    counts = {name: int(chosen.sum()) for name, chosen in groups.items()}
    assert page.at.get_by_key("who_is_right").options == [
        f"only mine: {counts['first']}",
        f"only theirs: {counts['second']}",
        f"neither: {counts['neither']}",
    ]
    assert f"They disagree on {sum(counts.values())} of 160 test images" in page.text
    assert f"mine is right on {counts['first']} of them, theirs on {counts['second']}" in page.text
    for name, chosen in groups.items():
        page.set("who_is_right", name)
        assert sorted(page.images) == np.flatnonzero(chosen).tolist() != []
        for item in page.given(page.gallery)["items"]:
            says = [CLASS_NAMES[each.predicted[item["id"]]] for each in (mine, theirs)]
            assert item["caption"] == " / ".join(says)


def test_the_difference_of_two_matrices_is_drawn_and_its_cells_choose_images(app, two):
    (run, other), (mine, theirs) = two
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=other.id)
    grid = page.given("difference_grid")
    assert grid["difference"]
    for true in range(10):
        for said in range(10):
            counts = [len(cells_of(each, (true, said))) for each in (mine, theirs)]
            assert grid["frames"][0]["counts"][true][said] == counts[0] - counts[1]
    page.pick(grid="difference_grid", cell=(6, 6))
    assert page.query == {"run": run.id, "view": "runs", "other": other.id, "true": "6", "pred": "6"}
    only_mine = (mine.labels == 6) & mine.right & ~theirs.right
    assert sorted(page.images) == np.flatnonzero(only_mine).tolist()
    page.set("who_is_right", "second")
    only_theirs = (mine.labels == 6) & ~mine.right & theirs.right
    assert sorted(page.images) == np.flatnonzero(only_theirs).tolist() != [], (
        "those that theirs has in the cell count too"
    )
    page.set("who_is_right", "first")
    page.click("All cells")
    assert page.query == {"run": run.id, "view": "runs", "other": other.id}


def test_another_run_is_chosen_to_compare_with(app, trained):
    run, *others = (trained(name, seed=seed) for seed, name in enumerate(("mine", "one", "two")))
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=others[0].id)
    assert set(page.at.get_by_key("other_run").options) == {
        f"{name} · validation 80.0\N{NO-BREAK SPACE}% · finished" for name in ("one", "two")
    }
    assert ", one " in page.text
    page.set("other_run", others[1].id)
    assert page.query["other"] == others[1].id
    assert ", two " in page.text


def test_runs_with_other_validation_images_are_compared_on_the_test_images(app, trained, tiny):
    run = trained("mine")
    trained("half", config=tiny.replace(training={"validation_share": 0.5}))
    page = app().open(CONFUSIONS, run=run.id, view="runs", split="validation")
    assert "No other run can be shown on the same validation images" in page.text
    page.set("confusions_split", "test")
    assert "They disagree on" in page.text


def test_a_run_against_itself_trained_again_does_not_differ(app, trained):
    run, _ = trained("mine"), trained("same")
    page = app().open(CONFUSIONS, run=run.id, view="runs")
    assert "They disagree on 0 of 160 test images" in page.text
    assert "Both are right equally often" in page.text
    assert "No image here" in page.text


def test_a_run_without_weights_is_compared_by_its_last_snapshot_or_not_offered(app, trained):
    run = trained("mine")
    trained("lost", seed=1, state="interrupted", weights="", kept={})
    page = app().open(CONFUSIONS, run=run.id, view="runs", split="validation")
    assert not page.errors


def test_a_damaged_other_run_does_not_spoil_the_comparison(app, trained):
    run, _ = trained("mine"), trained("theirs", seed=1)
    broken_config(trained("broken", seed=2))
    page = app().open(CONFUSIONS, run=run.id, view="runs")
    assert "They disagree on" in page.text
    assert not page.errors


def test_the_other_run_in_the_picker_becomes_the_first_without_a_complaint(app, two):
    (run, other), _ = two
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=other.id).set("picked_run", other.id)
    assert page.query["run"] == other.id
    assert "theirs against" in page.at.get_by_key("other_run").label
    assert page.warnings == []


# --- figures ---


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_downloaded_figures_are_those_of_the_command_line(app, known, downloads, capsys, split):
    run, _ = known
    app().open(CONFUSIONS, run=run.id, view="figures", split=split)
    capsys.readouterr()
    cli.evaluate(run.id, split, as_json=True)
    content, name = downloads["Metrics, JSON"]
    assert json.loads(content) == json.loads(capsys.readouterr().out)
    assert name == f"{run.id}-{split}.json"


def test_the_downloaded_predictions_have_a_line_for_each_image(app, known, downloads, drawn, tiny):
    run, predictions = known
    found = predictions["validation"]
    app().open(CONFUSIONS, run=run.id, view="figures", split="validation")
    table = pd.read_csv(io.StringIO(downloads["Predictions, CSV"][0]))
    assert table["image"].tolist() == numbers_of(drawn, tiny, "validation").tolist()
    assert table["true"].tolist() == found.labels.tolist()
    assert table["predicted"].tolist() == found.predicted.tolist()
    shares = table[[f"p_{name}" for name in CLASS_NAMES]].to_numpy()
    assert shares == pytest.approx(found.probabilities, abs=1e-6)


def test_the_downloaded_matrix_and_report_are_those_shown(app, known, downloads):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id)
    counts = page.given("confusion_grid")["frames"][0]["counts"]
    page.open(CONFUSIONS, run=run.id, view="figures")
    table = pd.read_csv(io.StringIO(downloads["Matrix, CSV"][0]), index_col=0)
    assert table.to_numpy().tolist() == counts
    assert list(table.index) == list(table.columns) == list(CLASS_NAMES)
    assert not page.at.code, "it is made when it is asked for"
    page.at.session_state["report_text"] = True
    page.at.run()
    assert page.at.code[0].value.split() == downloads["Download"][0].split()


def test_a_snapshots_figures_are_named_after_it(app, known, downloads):
    run, _ = known
    app().open(CONFUSIONS, run=run.id, view="figures", split="validation", snapshot="20")
    assert downloads["Metrics, JSON"][1] == f"{run.id}-validation-step-20.json"
    logits = run.read_snapshot(20)[0]["logits"]
    accuracy = (logits.argmax(1) == run.read_snapshot(20)[0]["labels"]).mean()
    assert json.loads(downloads["Metrics, JSON"][0])["accuracy"] == accuracy


def test_the_table_of_classes_has_their_recall(app, known):
    run, predictions = known
    found = predictions["test"]
    table = app().open(CONFUSIONS, run=run.id, view="figures").at.dataframe[0].value
    assert table["class"].tolist() == list(CLASS_NAMES)
    for label in range(10):
        assert table["recall"][label] == pytest.approx(100 * found.right[found.labels == label].mean())
        assert table["support"][label] == 16


# --- suspects ---


def test_labels_that_the_network_doubts_are_listed_the_most_doubtful_first(app, known):
    run, predictions = known
    wanted = likely_label_errors(predictions["test"]).tolist()
    page = app().open(CONFUSIONS, run=run.id, view="suspects")
    assert page.images == wanted != []
    assert f"{len(wanted)} of 160 labels are likely errors" in page.text
    page.open_image(wanted[2])
    assert page.query == {"run": run.id, "view": "suspects", "image": str(wanted[2])}
    assert page.given("image_card")["place"] == f"3 of {len(wanted)}"
    assert page.images == wanted, "the list stays beside the card"
    page.go("next")
    assert page.query["image"] == str(wanted[3])
    page.go("close")
    assert page.query == {"run": run.id, "view": "suspects"}


def test_suspects_are_looked_for_once(app, known, desk):
    run, _ = known
    page = app().open(CONFUSIONS, run=run.id, view="suspects")
    page.open_image(page.images[0]).go("close").run()
    assert desk.asked.count("find_label_errors") == 1


def test_an_image_in_the_link_is_shown_also_where_nothing_is_doubted(app, trained, labels_of):
    run = trained(kept={"test": 5 * np.eye(10, dtype=np.float32)[labels_of()]})
    page = app().open(CONFUSIONS, run=run.id, view="suspects", image="5")
    assert "0 of 160 labels are likely errors" in page.text
    assert page.has("image_card")


def test_near_duplicates_in_training_and_test_are_shown_nearest_first(app, known, drawn, desk):
    page = app().open(CONFUSIONS, run=known[0].id, view="suspects").set("suspects_kind", NEAR_DUPLICATES)
    numbers, distances = find_near_duplicates(drawn.train.images, drawn.test.images)
    closest = np.argsort(distances, kind="stable")[:60]
    items = page.given("near_duplicates")["items"]
    assert [item["id"] for item in items] == closest.tolist()
    for item, test in zip(items, closest, strict=True):
        labels = CLASS_NAMES[drawn.test.labels[test]], CLASS_NAMES[drawn.train.labels[numbers[test]]]
        assert item["label"] == f"Test image {test}, {labels[0]}, and training image {numbers[test]}, {labels[1]}"
        assert item["caption"].endswith(f", {distances[test]:.1f}")
    assert " 0 of these pairs have different labels." in page.text
    app().open(CONFUSIONS, run=known[0].id, view="suspects").set("suspects_kind", NEAR_DUPLICATES)
    assert desk.asked.count("pair_near_duplicates") == 1


def test_near_duplicates_with_different_labels_are_counted(app, known, drawn, home, desk):
    numbers, distances = find_near_duplicates(drawn.train.images, drawn.test.images)
    numbers = np.where(np.arange(len(numbers)) % 3, numbers, np.roll(numbers, 1))
    write_bytes(
        home / "cache" / "twins.safetensors",
        save({"numbers": numbers.astype(np.int32), "distances": distances.astype(np.float32)}),
    )
    page = app().open(CONFUSIONS, run=known[0].id, view="suspects").set("suspects_kind", NEAR_DUPLICATES)
    closest = np.argsort(distances, kind="stable")[:60]
    different = (drawn.test.labels[closest] != drawn.train.labels[numbers[closest]]).sum()
    assert 0 < different < 60
    assert f" {different} of these pairs have different labels." in page.text
    assert "pair_near_duplicates" not in desk.asked


@pytest.mark.parametrize("split", SPLITS)
def test_a_twin_is_opened_whatever_images_were_shown(app, trained, split):
    run = trained(weights="random")
    page = app().open(CONFUSIONS, run=run.id, view="suspects", split=split).set("suspects_kind", NEAR_DUPLICATES)
    number = page.given("near_duplicates")["items"][3]["id"]
    page.send("near_duplicates", "pick", number)
    assert page.query == {"run": run.id, "view": "suspects", "split": "test", "image": str(number)}
    assert page.given("image_card")["place"] == "4 of 60"
    page.go("close")
    assert page.query == {"run": run.id, "view": "suspects", "split": "test"}
    assert page.has("near_duplicates")


# --- the training images ---


def test_the_training_images_are_asked_about_once(app, trained, desk, drawn, tiny):
    run, other = trained(weights="random"), trained("other", weights="random")
    page, second = app().open(CONFUSIONS, run=run.id, split="train"), app()
    second.open(CONFUSIONS, run=run.id, split="train").pick(row=6)
    page.set("confusions_view", "figures")
    assert desk.asked == ["index_images"]
    numbers = numbers_of(drawn, tiny, "train")
    wanted = numbers[drawn.train.labels[numbers] == 6]
    second.set("images_order", "by number")
    assert second.images == wanted.tolist()
    page.open(CONFUSIONS, run=other.id, split="train")
    assert desk.asked == ["index_images"] * 2


# --- two sessions ---


def test_two_sessions_do_not_see_each_others_selection(app, trained, labels_of):
    first, second = trained("first"), trained("second", seed=5)
    one, two = app().open(CONFUSIONS, run=first.id), app().open(CONFUSIONS, run=second.id, view="matrix")
    one.pick(cell=(6, 6)).set("images_order", "by number")
    two.pick(row=2).set("matrix_numbers", "% of true class")
    wanted = cells_of(read_kept(first, "test", labels_of()), (6, 6))
    assert one.run().images == wanted
    assert one.given("confusion_grid")["numbers"] == "counts"
    assert sorted(two.run().images) == np.flatnonzero(labels_of() == 2).tolist()
    one.open_image(wanted[0])
    assert "image" not in two.run().query
    one.go("close")
    assert two.run().given(two.gallery)["current"] is None
    assert (one.query["run"], two.query["run"]) == (first.id, second.id)


def test_two_sessions_have_suspects_of_their_own_runs(app, trained, labels_of):
    first, second = trained("first"), trained("second", seed=5)
    one = app().open(CONFUSIONS, run=first.id, view="suspects")
    two = app().open(CONFUSIONS, run=second.id, view="suspects")
    for page, run in ((one, first), (two, second), (one, first)):
        assert page.run().images == likely_label_errors(read_kept(run, "test", labels_of())).tolist()
    one.open(CONFUSIONS, run=second.id, view="suspects")
    assert one.images == two.images


# --- a hosted server ---


def test_runs_of_others_are_not_offered(hosted, trained):
    owners = {letter: hashlib.sha256((letter * 32).encode()).hexdigest()[:16] for letter in "ab"}
    _, bob = trained("anns", owner=owners["a"]), trained("bobs", seed=1, owner=owners["b"])
    page = hosted("b").open(CONFUSIONS, run=bob.id, view="runs")
    assert "No other run can be shown" in page.text
    assert "anns" not in page.text
    page.open(CONFUSIONS, run=bob.id, image="5")
    assert page.given("image_card")["others"] == []
    assert len(page.at.get_by_key("picked_run").options) == 1


def test_a_link_to_anothers_run_opens_it_as_on_the_train_page(hosted, trained):
    ann, more = trained("anns", owner="a" * 16), trained("anns other", seed=1, owner="a" * 16)
    page = hosted("b").open(CONFUSIONS, run=ann.id, true="6")
    assert len(page.images) == 16
    assert page.at.get_by_key("picked_run").value == ann.id
    page.open(CONFUSIONS, run=ann.id, view="runs", other=more.id)
    assert "anns other on" in page.text


def test_the_link_says_whose_images_are_shown(app, two):
    (run, other), (mine, theirs) = two
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=other.id, right="second")
    only_theirs = ~mine.right & theirs.right
    assert sorted(page.images) == np.flatnonzero(only_theirs).tolist() != []
    page.set("who_is_right", "neither")
    assert page.query["right"] == "neither"
    page.set("who_is_right", "first")
    assert "right" not in page.query
    page.open(CONFUSIONS, run=run.id, view="runs", other=other.id, right="third")
    assert "right='third'" in page.warnings[0]
    only_mine = mine.right & ~theirs.right
    assert sorted(page.images) == np.flatnonzero(only_mine).tolist()


def test_two_runs_lead_to_all_that_can_be_compared(app, two):
    (run, other), _ = two
    page = app().open(CONFUSIONS, run=run.id, view="runs", other=other.id)
    (way,) = (each for each in page.at.page_link if "Compare" in each.value)
    assert f"runs={run.id}%2C{other.id}" in way.proto.query_string
