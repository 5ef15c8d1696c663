"""The commands about runs: list, show, delete and ship."""

import json
import shutil

import numpy as np
import pytest

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis import shipping
from fmexplore.runs.derived import Derived
from fmexplore.runs.status import write_status
from tests.cli.test_app import sklearns_report


def test_runs_shows_tags_and_takes_only_those_with_all_that_are_named(call, store, tiny):
    first, second, _ = (store.create(tiny, state="finished") for _ in range(3))
    store.relabel(first, "local", name="mine", tags=["Homework", "week 3"], note="half the epochs")
    store.relabel(second, "local", tags=["homework"])
    code, out, _ = call("runs", "--tag", "homework", "--tag", "Week 3", "--json")
    [row] = json.loads(out)
    assert (code, row["run"], row["tags"], row["note"]) == (0, first.id, ["Homework", "week 3"], "half the epochs")
    assert "mine [Homework, week 3]" in call("runs", "--tag", "homework")[1]
    assert call("runs", "--tag", "week 4")[1] == "No run has this tag: week 4\n"


def test_runs_lists_all_also_broken_ones(call, trained, store, tiny):
    store.ship(trained, "quick")
    broken, odd = store.create(tiny), store.create(tiny)
    (broken.path / "status.json").write_text("{")
    values = tiny.model_dump(mode="json")
    values["model"]["layers"] = [{"kind": "flatten"}]
    (odd.path / "config.json").write_text(json.dumps(values))
    code, out, _ = call("runs", "--json")
    rows = {row["run"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == {trained.id, broken.id, odd.id, "quick"}
    assert rows[trained.id]["state"] == "finished"
    assert rows[trained.id]["test_accuracy"] == trained.status.result.test_accuracy
    assert (rows["quick"]["shipped"], rows[trained.id]["shipped"]) == (True, False)
    for run, word in ((broken, "status.json"), (odd, "Layer 1")):
        assert rows[run.id]["state"] == "broken"
        assert word in rows[run.id]["error"]
    code, out, _ = call("runs")
    assert (code, out.count("\n")) == (0, 5), "a line for each, below their head"


def test_no_runs_say_how_to_make_one(call):
    assert call("runs") == (0, "No runs yet: python -m fmexplore train\n", "")
    assert json.loads(call("runs", "--json")[1]) == []


def test_show_gives_settings_result_and_table(call, trained):
    code, out, _ = call("show", trained.id, "--json")
    values = json.loads(out)
    assert code == 0
    assert values["config"] == trained.config.model_dump(mode="json")
    assert (values["run"], values["state"]) == (trained.id, "finished")
    code, out, _ = call("show", trained.id)
    assert code == 0
    assert "conv 8 3x3 same" in out
    assert "batch_size = 32  *" in out
    assert "seed = 0\n" in out


def test_delete_asks_unless_told_not_to(call, trained, store):
    for answer in ("n\n", "\n", ""):
        code, out, _ = call("delete", trained.id, answer=answer)
        assert code == 1
        assert f"({trained.id})?" in out
        assert trained.path.is_dir()
    assert call("delete", trained.id, answer="y\n")[0] == 0
    assert not trained.path.exists()
    store.restore(trained.id, "local")
    code, out, _ = call("delete", trained.id, "--yes")
    assert (code, f"Deleted {trained.id}" in out, trained.path.exists()) == (0, True, False)


@pytest.mark.slow
def test_weights_become_smaller_where_the_accuracy_stays(call, trained, store):
    call("ship", trained.id, "quick")
    shipped = store.find("quick").read_weights()
    assert {value.dtype for value in shipped.values() if value.dtype.kind == "f"} == {np.dtype(np.float16)}
    for name, value in trained.read_weights().items():
        assert np.allclose(shipped[name], value, rtol=1e-3, atol=1e-6)
    assert {value.dtype for value in trained.read_weights().values() if value.dtype.kind == "f"} == {np.dtype("f4")}


@pytest.mark.slow
def test_weights_stay_as_they_are_where_halving_would_change_the_accuracy(call, trained, store):
    status = trained.status
    write_status(trained.path, status.replace(result=status.result.replace(test_accuracy=0.123)))
    call("ship", trained.id, "quick")
    assert {value.dtype for value in store.find("quick").read_weights().values() if value.dtype.kind == "f"} == {
        np.dtype(np.float32)
    }


@pytest.mark.slow
def test_ship_copies_and_a_shipped_run_is_not_deleted(call, trained, store):
    code, out, _ = call("ship", trained.id, "quick")
    assert (code, str(store.shipped / "quick") in out) == (0, True)
    code, out, error = call("delete", "quick", "--yes")
    assert (code, out) == (2, "")
    assert "shipped" in error
    assert (store.shipped / "quick").is_dir()
    assert call("evaluate", "quick", "--json")[0] == 0
    assert call("ship", trained.id, "../x")[0] == 2


@pytest.mark.slow
def test_a_run_is_shipped_with_all_that_its_pages_compute(call, trained, store, drawn, monkeypatch):
    call("ship", trained.id, "quick")
    shipped = store.find("quick")
    names = ["index", "predictions-test", "predictions-train", "predictions-validation"]
    others = ("map-last-test-", "features-last-test", "course-")  # whose tests are with `embed`
    found = sorted(path.stem for path in (shipped.path / "derived").iterdir())
    kept = [name for name in found if not name.startswith(others)]
    assert [name for name in kept if not name.startswith("robustness-test-")] == names
    assert len(kept) == len(names) + 1
    assert Derived(shipped, store.settings).read_sheet("test", drawn).whole
    monkeypatch.setattr(image_analysis, "predict_split", None)  # must not be needed
    for split in ("test", "validation", "train"):
        assert call("evaluate", "quick", "--split", split)[1].endswith(sklearns_report(trained, drawn, split) + "\n")
    assert len(Derived(shipped, store.settings).read_index(drawn).train) == 640


@pytest.mark.slow
def test_a_shipped_run_gets_all_that_is_computed_again_by_one_command(call, trained, store, drawn, monkeypatch):
    monkeypatch.setattr(shipping, "STANDARD", shipping.STANDARD[:1])  # the others take long
    assert call("ship", trained.id)[0] == 2, "it has no plain name"
    call("ship", trained.id, "quick", "--small")
    derived = store.shipped / "quick" / "derived"
    made = {path.name for path in derived.iterdir()}
    before = Derived(store.find("quick"), store.settings).read_sheet("test", drawn)
    shutil.rmtree(derived)
    shutil.rmtree(store.settings.cache)
    code, out, _ = call("ship", "quick", "--small")
    assert (code, str(store.shipped / "quick") in out) == (0, True)
    assert {path.name for path in derived.iterdir()} == made
    again = Derived(store.find("quick"), store.settings).read_sheet("test", drawn)
    assert np.array_equal(before.predicted, again.predicted)


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_what_is_not_finished_is_not_shipped_nor_computed(call, trained, store, state):
    shutil.rmtree(store.settings.cache)
    write_status(trained.path, trained.status.replace(state=state))
    code, _, error = call("ship", trained.id, "quick")
    assert (code, f"is {state}: only a finished run" in error) == (2, True)
    assert not store.settings.cache.exists()
    assert not store.shipped.exists()
