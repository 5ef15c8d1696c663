"""The Home page: what it is, the first training, and the list of runs with all that can be done there."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest

from fmexplore.data.fashion_mnist import FILES
from fmexplore.errors import NotAllowed
from fmexplore.jobs import queue
from fmexplore.runs.archive import pack_run
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import SHIPPED, read_settings
from fmexplore.training.progress import Snapshot
from fmexplore.ui import shared
from fmexplore.ui.session import HOME_PAGE as HOME
from fmexplore.ui.session import TRAIN_PAGE as TRAIN


def test_it_says_what_it_is_and_what_to_do_first(app):
    page = app().open(HOME)
    assert page.at.title[0].value == "Watch a network learn to tell clothes apart"
    assert not page.buttons["Train one now"].disabled
    assert "No runs yet" in page.text


@pytest.mark.parametrize("page", [HOME, TRAIN])
def test_a_server_that_forgets_its_runs_says_so(app, monkeypatch, page):
    warning = "deletes all runs when it restarts"
    assert warning not in app().open(page).text
    forgetful = dataclasses.replace(read_settings(), forgets=True)
    with monkeypatch.context() as patched:
        patched.setattr(shared, "settings", lambda: forgetful)
        assert warning in app().open(page).text


def test_train_one_now_queues_the_quick_preset_and_shows_it(app, store):
    page = app().open(HOME).click("Train one now")
    (run,) = store.own_runs()
    assert run.config.preset == "quick"
    assert run.status.state == "queued"
    assert page.link == run.id
    assert "Start training" in page.buttons


def test_the_shipped_run_is_shown_growing(app, monkeypatch):
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [Run(SHIPPED / "quick", shipped=True)])
    page = app().open(HOME)
    assert "classes come apart" in page.text
    assert page.at.get_by_key("strip")
    assert page.names == ["quick"]
    page.choose_row(0)
    assert {"Open", "Use as a new configuration"} <= page.buttons.keys()
    assert not {"Delete", "Star"} & page.buttons.keys()


def test_a_shipped_run_that_did_not_begin_at_nothing_is_not_shown_growing(app, monkeypatch):
    found = [Run(SHIPPED / name, shipped=True) for name in ("best", "solid", "quick")]
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: found)
    assert "The confusion matrix of the shipped run quick at" in app().open(HOME).text
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: found[:2])
    assert "The confusion matrix of the shipped run solid at" in app().open(HOME).text
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: found[:1])
    assert "classes come apart" not in app().open(HOME).text


def test_a_run_chosen_at_home_leads_to_its_page(app, make_run):
    run = make_run(name="mine")
    page = app().open(HOME).set("picked_run", run.id)
    assert page.link == run.id
    assert "**mine**" in page.text


# --- the data set ---


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    folder = tmp_path / "nothing"
    folder.mkdir()
    monkeypatch.setenv("FMEXPLORE_DATA", str(folder))


@pytest.mark.parametrize("screen", [HOME, TRAIN])
def test_without_the_data_set_it_is_offered(app, no_data, screen):
    page = app().open(screen)
    assert page.at.subheader[0].value == "First, download the data set"
    assert "31 MB" in page.text
    page.click("Download the data")
    (folder,) = (folder for folder in shared.queue().jobs.iterdir() if "fetch" in folder.name)
    assert "Starting" in page.text
    assert "Download the data" not in page.buttons
    page.open(screen)
    assert "Starting" in page.text, "a second visit shows the same fetch"
    write_status(folder, queue.read_status(folder).replace(state="failed", error="The network is down: try again."))
    page.run()
    assert page.errors == [r"The network is down\: try again."]
    assert "Download the data" in page.buttons


@pytest.mark.parametrize("screen", [HOME, TRAIN])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_damaged_file_is_named(app, drawn_folder, screen, name):
    assert name in FILES
    file = drawn_folder / f"{name}.gz"
    file.write_bytes(file.read_bytes()[:20])
    page = app().open(screen)
    assert page.at.subheader[0].value == "The data set is damaged"
    assert name in page.errors[0]


# --- the list of runs ---


def test_runs_are_listed_newest_first_with_their_figures(app, make_run, tiny):
    make_run(name="older")
    measured = {"validation_accuracy": 0.8, "measured": True}
    peeking = tiny.replace(training={"validation": "test", "epochs": 1})
    make_run("stopped", name="newer", config=peeking, result=measured)
    page = app().open(HOME)
    rows = page.at.dataframe[0].value
    assert sorted(rows["name"]) == ["newer", "older"]
    newer = rows[rows["name"] == "newer"].iloc[0]
    assert (newer["preset"], newer["accuracy"], newer["state"]) == ("tiny (peeks)", 80.0, "stopped")


def test_a_run_is_renamed(app, make_run):
    run = make_run()
    page = app().open(HOME).choose_row(0)
    page.set(f"name_home_{run.id}", "  my *first* run ")
    assert page.names == ["my *first* run"]
    assert run.label.name == "my *first* run"


def test_a_run_is_starred_and_the_star_removed(app, make_run):
    run = make_run(name="mine")
    page = app().open(HOME).choose_row(0).click("Star")
    assert run.label.starred
    assert page.names == ["★ mine"]
    page.click("Remove star")
    assert not run.label.starred
    assert page.names == ["mine"]


def test_a_run_is_opened(app, make_run):
    run = make_run()
    page = app().open(HOME).choose_row(0).click("Open")
    assert page.link == run.id
    assert "79.0 % of the test images and 80.0 % of the validation images are right" in page.text


def test_a_run_becomes_the_next_configuration(app, make_run, tiny):
    config = tiny.replace(training={"epochs": 7.5})
    make_run(config=config)
    page = app().open(HOME).choose_row(0).click("Use as a new configuration")
    assert page.at.session_state["draft"] == config.model_dump(mode="json")
    assert page.at.get_by_key("field:epochs").value == 7.5


def test_deleting_asks_first_and_can_be_undone(app, make_run, store):
    run = make_run(name="precious [run](x)")
    page = app().open(HOME).choose_row(0).click("Delete")
    assert r"precious \[run\]\(x\) and its curves" in page.text
    assert store.own_runs()
    page.click("Keep the run")
    assert store.own_runs()
    assert "Keep the run" not in page.buttons
    page.click("Delete")
    page.at.get_by_key("confirm_delete").click().run()
    page.whole()
    assert not store.own_runs()
    assert page.names == []
    assert r"precious \[run\](x) was deleted" in page.text
    page.click("Undo")
    assert page.names == ["precious [run](x)"]
    assert store.find(run.id).status.state == "finished"
    assert "was restored" in page.text
    page.click("Dismiss")
    assert "was restored" not in page.text


def tags_of(page) -> str:
    """The key of the field with the tags of the chosen runs."""
    (found,) = (each.key for each in page.at.multiselect if each.key.startswith("tags_home_"))
    return found


def test_several_runs_are_compared_and_too_many_are_not(app, make_run, store):
    for number in range(7):
        make_run(name=f"run {number}")
    runs = store.own_runs()
    page = app().open(HOME).choose_row(0, 2, 1)
    page.click("Compare 3 runs")
    assert page.query["runs"] == ",".join(run.id for run in (runs[0], runs[2], runs[1]))
    page.open(HOME).choose_row(*range(7))
    assert page.buttons["Compare 7 runs"].disabled
    assert "take some out" in page.buttons["Compare 7 runs"].help


def test_several_runs_are_deleted_and_brought_back_together(app, make_run, store):
    for name in ("first", "second", "third"):
        make_run(name=name)
    page = app().open(HOME)
    chosen = [page.names.index(name) for name in ("first", "third")]
    page.choose_row(*chosen).click("Delete 2 runs")
    page.at.get_by_key("confirm_delete").click().run()
    assert page.whole().names == ["second"]
    assert "2 runs were deleted" in page.text
    page.click("Undo")
    assert sorted(page.names) == ["first", "second", "third"]
    assert "2 runs were restored" in page.text


def test_what_cannot_be_deleted_stays_and_the_rest_can_be_brought_back(app, make_run, store):
    training, ended = make_run("running", name="training", started=4e9, ended=None), make_run(name="ended")
    page = app().open(HOME).choose_row(0, 1).click("Delete 2 runs")
    page.at.get_by_key("confirm_delete").click().run()
    assert [run.id for run in store.own_runs()] == [training.id]
    assert "ended was deleted" in page.whole().errors[0]
    assert "stop it first" in page.errors[0]
    page.click("Undo")
    assert {run.id for run in store.own_runs()} == {training.id, ended.id}


def test_shipped_runs_among_several_are_only_compared(app, make_run, monkeypatch):
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [Run(SHIPPED / "quick", shipped=True)])
    make_run(name="mine")
    page = app().open(HOME).choose_row(0, 1)
    assert {"Compare 2 runs", "Delete 1 run"} <= page.buttons.keys()
    assert "Shipped runs are only read" in page.text


def test_a_note_and_tags_stand_in_the_list_and_tags_choose_runs(app, make_run):
    other, run = make_run(name="other"), make_run(name="mine")
    page = app().open(HOME)
    assert list(page.at.dataframe[0].value) == [
        *("name", "accuracy", "test", "minutes", "state", "preset", "parameters")
    ]
    page.choose_row(page.names.index("mine"))
    page.set(f"note_home_{run.id}", " half the epochs ").set(tags_of(page), ["homework", " week 3 "])
    assert (run.label.note, run.label.tags) == ("half the epochs", ("homework", "week 3"))
    rows = page.at.dataframe[0].value.set_index("name")
    assert list(rows.loc["mine", "tags"]) == ["homework", "week 3"]
    assert rows.loc["mine", "note"] == "half the epochs"
    page.at.get_by_key("tags_shown_home").set_value(["homework"]).run()
    assert page.whole().names == ["mine"]
    assert other.label.tags == ()


def test_tags_of_several_runs_are_changed_together_or_not_at_all(app, make_run, store):
    first, second = make_run(name="first"), make_run(name="second")
    store.relabel(first, "local", tags=["Old", "both"])
    store.relabel(second, "local", tags=["both"])
    page = app().open(HOME).choose_row(0, 1)
    assert page.at.get_by_key(tags_of(page)).value == ["both"]
    page.set(tags_of(page), ["new", "old"])
    assert (first.label.tags, second.label.tags) == (("Old", "new"), ("new", "old"))
    page.set(tags_of(page), ["new", "x" * 25])
    assert "at most 24 characters" in page.errors[0]
    assert (first.label.tags, second.label.tags) == (("Old", "new"), ("new", "old"))


def test_the_run_in_the_link_goes_with_its_deletion(app, make_run):
    run = make_run()
    page = app().open(TRAIN, run=run.id).set("details", "Earlier runs").choose_row(0).click("Delete")
    page.at.get_by_key("confirm_delete").click().run()
    page.whole()
    assert page.link is None
    assert "Undo" in page.buttons


def test_a_chosen_row_does_not_become_another_run_when_the_list_grows(app, make_run):
    make_run(name="mine")
    page = app().open(HOME).choose_row(0)
    assert "Delete" in page.buttons
    make_run(name="of another tab")
    page.run()
    assert "Delete" not in page.buttons


def test_a_run_that_trains_is_not_deleted(app, make_run, store):
    make_run("running", started=4e9, ended=None)  # has just been started
    page = app().open(HOME).choose_row(0).click("Delete")
    page.at.get_by_key("confirm_delete").click().run()
    assert "stop it first" in page.whole().errors[0]
    assert store.own_runs()


def test_a_run_that_could_not_be_deleted_stays_in_the_link(app, make_run):
    run = make_run("running", started=4e9, ended=None)
    page = app().open(TRAIN, run=run.id).set("details", "Earlier runs").choose_row(0).click("Delete")
    page.at.get_by_key("confirm_delete").click().run()
    assert "stop it first" in page.whole().errors[0]
    assert page.link == run.id


@pytest.mark.parametrize("file", ["config.json", "status.json"])
@pytest.mark.parametrize("content", ["{", '{"format": 7}', "[" * 100_000])
def test_a_broken_run_is_listed_and_the_pages_stay_usable(app, make_run, file, content):
    broken = make_run(name="broken one")
    make_run(name="whole one")
    (broken.path / file).write_text(content)
    page = app().open(HOME)
    states = dict(zip(page.names, page.at.dataframe[0].value["state"], strict=True))
    assert states == {"broken one": "broken", "whole one": "finished"}
    page.choose_row(page.names.index("broken one"))
    assert "Delete" in page.buttons
    assert "Open" not in page.buttons
    assert file in page.errors[0]
    page.open(TRAIN, run=broken.id)
    assert file in page.errors[0]
    assert not page.buttons["Start training"].disabled


@pytest.mark.parametrize("content", ["{", '{"format": 7}', "3"])
def test_broken_metrics_leave_the_rest_of_the_page_usable(app, make_run, content):
    broken = make_run(name="broken one")
    broken.metrics_path.write_text(content + "\n")
    page = app()
    page.open(HOME)
    page.at.query_params["run"] = broken.id
    page.at.switch_page(TRAIN).run()
    assert page.errors
    assert not page.at.exception
    assert not page.buttons["Start training"].disabled
    assert "Use as a new configuration" in page.buttons


def zip_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def load(page, content: bytes) -> None:
    page.at.get_by_key("zip_home").set_value(("run.zip", content, "application/zip")).run()
    page.click("Load the run")


def test_a_run_is_loaded_from_its_zip(app, make_run, store):
    run = make_run()
    page = app().open(HOME)
    load(page, pack_run(run))
    assert "was loaded" in page.text
    assert len(page.names) == 2
    assert [other.config for other in store.own_runs()] == [run.config] * 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK", "not a whole zip"), (zip_of({"../x": ""}), "climbs out"), (zip_of({"a [b](c).txt": ""}), r"\[b\](c)")],
)
def test_a_foreign_zip_is_refused_with_its_reason(app, make_run, store, content, reason):
    make_run()
    page = app().open(HOME)
    load(page, content)
    assert reason in page.errors[0]
    assert len(store.own_runs()) == 1


def test_a_run_whose_finite_weights_answer_nothing_is_refused_at_once(app, make_run, store):
    run = make_run()
    run.write_weights({name: np.full_like(each, 1e30) for name, each in run.read_weights().items()})
    page = app().open(HOME)
    load(page, pack_run(run))
    assert "no usable answers" in page.errors[0]
    assert len(store.own_runs()) == 1


# --- a hosted server ---


def test_owners_do_not_see_each_others_runs(hosted, store):
    ann, bob = hosted("a").open(HOME), hosted("b").open(HOME)
    ann.click("Train one now")
    assert len(ann.open(HOME).names) == 1
    assert bob.run().names == []
    (run,) = store.own_runs()
    assert run.status.owner not in ("a" * 32, "local"), "the key itself is kept secret"
    assert [picker.label for picker in bob.at.sidebar.selectbox] == []


def test_a_browser_without_a_key_is_no_owner_yet(app, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_HOSTED", "1")
    page = app().open(HOME)
    assert page.buttons["Train one now"].disabled
    assert page.open(TRAIN).buttons["Start training"].disabled


@pytest.mark.parametrize("key", ["", "short", "../../etc", "g" * 32, "A" * 32])
def test_a_cookie_that_is_no_key_makes_no_owner(app, monkeypatch, key):
    monkeypatch.setenv("FMEXPLORE_HOSTED", "1")
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", {"fmexplore_owner": key})
    assert app().open(HOME).buttons["Train one now"].disabled


def test_the_cookie_makes_the_owner_of_the_next_visit(app, hosted, monkeypatch, store):
    hosted("a").open(HOME).click("Train one now")
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", {"fmexplore_owner": "a" * 32})
    assert len(app().open(HOME).names) == 1


def test_how_long_a_run_is_kept_is_said(hosted, store):
    page = hosted("a").open(HOME).click("Train one now").open(HOME)
    assert page.at.dataframe[0].value["state"][0] == "queued"
    (run,) = store.own_runs()
    write_status(run.path, run.status.replace(state="stopped"))
    assert "stopped, kept until" in page.run().at.dataframe[0].value["state"][0]
    store.relabel(run, run.status.owner, starred=True)
    assert page.run().at.dataframe[0].value["state"][0] == "stopped"


def test_another_owners_run_is_not_deleted_by_its_id(hosted, store):
    hosted("a").open(HOME).click("Train one now")
    (run,) = store.own_runs()
    bob = hosted("b").open(HOME)
    bob.at.session_state["deleting"] = run.id
    bob.run()
    assert "Keep the run" not in bob.buttons
    with pytest.raises(NotAllowed):
        shared.store().delete(run, "b" * 16)


def test_the_weights_at_its_snapshots_are_offered_where_there_are_some(app, make_run, downloads):
    run = make_run()
    app().open(HOME).choose_row(0)
    assert "With weights of its snapshots" not in downloads
    half, few = {n: v.astype(np.float16) for n, v in run.read_weights().items()}, np.zeros((1, 10), np.float16)
    run.write_snapshot(Snapshot(7, 0.5, "", few, np.zeros(1, np.uint8), few, half))
    app().open(HOME).choose_row(0)
    for label, name in (("Download", f"{run.id}.zip"), ("With weights of its snapshots", f"{run.id}-snapshots.zip")):
        content, given = downloads[label]
        assert given == name
        with zipfile.ZipFile(io.BytesIO(content)) as whole:
            there = "snapshots/0000007.weights.safetensors" in whole.namelist()
        assert there is (label != "Download")
