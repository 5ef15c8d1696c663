"""The Train page: setting up, starting, and what it shows of a run."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from fmexplore.errors import NotAllowed
from fmexplore.jobs.budget import plan_training
from fmexplore.jobs.estimates import update_speed
from fmexplore.models.table import parameters, summarize
from fmexplore.runs.records import Hardening, Lesson
from fmexplore.runs.run import Run
from fmexplore.runs.status import read_request
from fmexplore.runs.store import RunStore
from fmexplore.settings import SHIPPED, read_settings
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset, presets
from fmexplore.ui import shared
from fmexplore.ui.session import HOME_PAGE as HOME
from fmexplore.ui.session import TRAIN_PAGE as TRAIN
from fmexplore.ui.train.fields import GROUPS


def draft(page) -> RunConfig:
    return RunConfig.parse(page.at.session_state["draft"])


# --- what it shows ---


def test_with_nothing_trained_it_says_what_to_do(app):
    page = app().open(TRAIN)
    assert "Nothing has been trained yet" in page.text
    assert not page.buttons["Start training"].disabled
    assert page.at.get_by_key("details").options == ["Layers", "Earlier runs", "Presets"]


def test_a_link_shows_its_run(app, make_run):
    run = make_run(name="chosen")
    make_run(name="newer")
    page = app().open(TRAIN, run=run.id)
    assert "**chosen**" in page.text
    title = "79.0 % of the test images and 80.0 % of the validation images are right after 3 epochs, in 3 s"
    assert title in page.text, "both accuracies, each with its images"
    options = {f"{name} · validation 80.0\N{NO-BREAK SPACE}% · finished" for name in ("newer", "chosen")}
    assert set(page.at.get_by_key("picked_run").options) == options
    assert page.at.get_by_key(f"curves_{run.id}")
    assert "T-shirts are taken for shirts: 1 of 6 times" in page.text
    assert page.at.get_by_key("picked_run").value == run.id


def test_without_a_link_the_active_run_is_shown(app, make_run):
    make_run("running", started=4e9, ended=None, name="active")
    make_run(name="newer")
    assert "**active**" in app().open(TRAIN).text


@pytest.fixture
def shipped(monkeypatch):
    """The runs that come with the app, `best` before `quick`."""
    runs = [Run(SHIPPED / name, shipped=True) for name in ("best", "photo", "quick", "solid")]
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: runs)


def test_the_curves_are_those_of_the_preset_in_the_form(app, shipped):
    assert app().open(TRAIN, preset="solid").at.get_by_key("picked_run").value == "solid"
    page = app().open(TRAIN)
    assert (draft(page).preset, page.at.get_by_key("picked_run").value) == ("quick", "quick")
    assert "92.2 % of the test images and 92.9 % of the validation images are right after 1.7 epochs" in page.text
    assert not {"Pause", "Stop training", "Resume"} & page.buttons.keys()


def test_a_run_that_was_trained_against_a_change_is_not_that_of_the_preset(app, shipped, make_run):
    better = make_run(config=find_preset("quick").config, weights="random", result={"validation_accuracy": 0.99})
    assert app().open(TRAIN, preset="quick").at.get_by_key("picked_run").value == better.id
    better.write_hardening(Hardening(parent="quick", change="noise"))
    assert app().open(TRAIN, preset="quick").at.get_by_key("picked_run").value == "quick"


@pytest.mark.parametrize("name", ["20990101-000000-gone-abcd", "../../etc/passwd", "", "é", "a" * 5000])
def test_an_unknown_run_is_told_and_the_page_stays_usable(app, name):
    page = app().open(TRAIN, run=name)
    assert not name or "There is no run" in page.errors[0]
    page.set("field:preset", "lenet-5")
    assert page.click("Start training").link


def test_a_link_cannot_put_a_link_or_picture_of_its_own_on_the_page(app):
    page = app().open(TRAIN, run="![x](http://evil.example/x.png)[prize](http://evil.example)")
    assert r"!\[x\](http" in page.errors[0]
    assert r"\[prize\](http" in page.errors[0]


def test_a_link_with_a_preset_starts_from_it(app):
    assert draft(app().open(TRAIN, preset="lenet-5")) == find_preset("lenet-5").config


def test_an_unknown_preset_starts_from_the_quick_one(app):
    page = app().open(TRAIN, preset="nonsense")
    assert draft(page).preset == "quick"
    assert "There is no preset 'nonsense'" in page.errors[0], "at once, and not with the next press"


def test_the_link_names_a_preset_only_as_long_as_the_form_is_that_preset(app, layer_editor):
    page = app().open(TRAIN, preset="lenet-5")
    page.set("field:epochs", 2.5)
    assert "preset" not in page.query
    assert draft(page).training.epochs == 2.5
    page.open(TRAIN, preset="lenet-5")
    assert draft(page) == find_preset("lenet-5").config, "Back brings the preset again"
    page.set("field:preset", "vgg")
    assert "preset" not in page.query
    page.open(TRAIN, preset="lenet-5").edit_layers(find_preset("vgg").model.model_dump(mode="json")["layers"])
    assert (draft(page).preset, "preset" in page.query) == ("custom-lenet-5", False)


def test_a_run_that_peeks_says_so(app, make_run):
    badge = "as published: peeks"
    page = app().open(TRAIN, preset="codered-final")
    assert badge in page.text
    page.set("field:preset", "quick")
    assert badge not in page.text
    peeking = make_run(config=find_preset("codered-final").config)
    assert badge in page.open(TRAIN, run=peeking.id).text


def test_a_run_that_goes_on_from_a_trained_network_says_so_in_its_title(app, shipped):
    text = app().open(TRAIN, run="best").text
    assert "after 3 more epochs, starting from a trained network, in 17 min" in text


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ""),
        ({"label_smoothing": 0.1}, "its labels are smoothed (0.1)."),
        ({"augmentation": {"flip": "random", "cutmix": 0.5}}, "its images are augmented (mirror, CutMix)."),
        (
            {"augmentation": {"shift": 2}, "label_smoothing": 0.2, "weight_average": 0.9},
            "its images are augmented (shift), its labels are smoothed (0.2) and validation uses the average",
        ),
    ],
    ids=["none", "smoothed", "augmented", "several"],
)
def test_a_training_loss_above_the_validation_loss_is_explained_by_the_settings_of_the_run(
    app, make_run, tiny, changes, reasons
):
    config = tiny.replace(training=tiny.training.replace(**changes))
    words = "Training loss lies above validation loss"
    for lower, told in ((0.1, bool(reasons)), (0.9, False)):
        text = app().open(TRAIN, run=make_run(losses=(lower,), config=config).id).text
        assert (words in text) is told
        assert not told or reasons in text


def test_dropout_and_soft_targets_are_reasons_too(app, make_run, tiny, shipped):
    layers = [*find_preset("alexnet").model.layers]
    config = tiny.replace(model=find_preset("alexnet").model.replace(layers=layers))
    run = make_run(losses=(0.1,), config=config, weights="")
    assert "the harder task here: dropout is on." in app().open(TRAIN, run=run.id).text
    distilled = app().open(TRAIN, run="best").text
    assert "its images are augmented (mirror) and it also learns soft targets for augmented images" in distilled


def test_a_finished_run_offers_where_to_go_next_and_one_that_trains_does_not(app, make_run):
    before, run = make_run(name="before"), make_run(name="mine")
    page = app().open(TRAIN, run=run.id)
    ways = {link.label: link.proto.query_string for link in page.at.page_link}
    assert ways["What it confuses"] == ways["Its map of the images"] == f"run={run.id}"
    assert ways["Compare with before"] == f"runs={run.id}%2C{before.id}"
    assert page.has("download_next")
    active = make_run("running", started=4e9, ended=None)
    assert "What it confuses" not in {link.label for link in page.open(TRAIN, run=active.id).at.page_link}
    assert "What it confuses" not in {
        link.label for link in page.open(TRAIN, run=make_run(weights="").id).at.page_link
    }, "nothing to ask about images"


def test_overfitting_is_told_where_it_begins(app, make_run):
    run = make_run(losses=(0.6, 0.4, 0.45, 0.5))
    text = app().open(TRAIN, run=run.id).text
    assert "From epoch 2 on, validation loss rises while training loss still falls" in text


def test_a_run_that_does_not_overfit_is_not_accused(app, make_run):
    run = make_run(losses=(0.6, 0.5, 0.4, 0.3))
    assert "validation loss rises" not in app().open(TRAIN, run=run.id).text


def test_a_taught_run_says_what_it_was_taught_and_what_that_changed(app, make_run):
    run = make_run(losses=(), task="teach", result={"test_accuracy": 0.946, "seconds": 120})
    page = app().open(TRAIN, run=run.id)
    assert "taught photos" in page.at.subheader[0].value, "an earlier version kept no more of it"
    lesson = Lesson(parent="best", photos=5, clothes=4, right_before=1, right_after=3, test_before=0.949)
    run.write_lesson(lesson)
    page.run()
    assert page.at.subheader[0].value == "Taught 5 photos: 3 of 4 are recognised, 1 were before"
    assert "| photos it was taught | 1 of 4 | 3 of 4 |" in page.text
    assert "| test images | 94.90 % | 94.60 % |" in page.text
    assert not page.at.get("echarts_chart"), "there are no epochs to draw"
    assert "epochs" not in page.at.subheader[0].value


def test_a_run_that_diverged_says_what_the_weights_that_it_keeps_reach(app, make_run):
    result = {"validation_accuracy": 0.764, "epoch": 2.5, "measured": True}
    run = make_run("failed", diverged=True, result=result)
    text = app().open(TRAIN, run=run.id).text
    assert "Training diverged after 2.5 epochs; the weights that it keeps get 76.4 % of the validation" in text
    lost = make_run("failed", diverged=True, weights="", result={"epoch": 0.1})
    assert "before it had learnt anything usable" in app().open(TRAIN, run=lost.id).text


def test_why_a_run_failed_is_told_and_it_can_be_resumed(app, make_run):
    run = make_run("failed", error="The loss became infinite: try a tenth of [it](x).")
    page = app().open(TRAIN, run=run.id)
    assert page.errors == [r"The loss became infinite\: try a tenth of \[it\](x)."]
    page.click("Resume")
    assert run.status.state == "queued"
    assert not page.errors


def test_a_run_that_diverged_offers_a_lower_learning_rate_instead(app, make_run):
    run = make_run("failed", error="The loss became infinite.", diverged=True)
    page = app().open(TRAIN, run=run.id)
    assert "Resume" not in page.buttons
    page.click("Try a tenth of the learning rate")
    assert draft(page).training.learning_rate == pytest.approx(run.config.training.learning_rate / 10)


def test_a_typed_name_is_shown_as_it_is(app, make_run):
    run = make_run(name="**bold** [x](y) <b>")
    assert r"**\*\*bold\*\* \[x\]\(y\) \<b\>**" in app().open(TRAIN, run=run.id).text


def test_every_state_has_its_buttons(app, make_run):
    buttons = {
        "queued": {"Stop training"},
        "running": {"Pause", "Stop training"},
        "paused": {"Resume"},
        "stopped": {"Resume"},
        "interrupted": {"Resume"},
        "failed": {"Resume"},
        "finished": set(),
    }
    page = app()
    for state, wanted in buttons.items():
        run = make_run(state, started=4e9, ended=None if state in ("queued", "running") else 1e9)
        page.open(TRAIN, run=run.id)
        assert page.buttons.keys() & {"Pause", "Stop training", "Resume"} == wanted, state
    trial = make_run("running", started=4e9, ended=None, study="mine")  # its study has them
    assert not page.open(TRAIN, run=trial.id).buttons.keys() & {"Pause", "Stop training", "Resume"}


def test_pause_and_stop_ask_the_worker(app, make_run):
    run = make_run("running", started=4e9, ended=None)
    page = app().open(TRAIN, run=run.id).click("Pause")
    assert read_request(run.path) == "PAUSE"
    page.click("Stop training")
    assert read_request(run.path) == "STOP"


def test_a_queued_run_says_what_is_before_it(app, make_run):
    make_run("running", started=4e9, ended=None, name="first")
    page = app().open(TRAIN, preset="lenet-5").click("Start training")
    assert "Waiting in the queue, 1 ahead" in page.text
    assert "Ahead in the queue: first" in page.text
    assert page.at.get_by_key("details").options[0] == "Confusion so far"


def test_earlier_runs_are_laid_beneath(app, make_run):
    old, run = make_run(name="old"), make_run(name="new")
    page = app().open(TRAIN, run=run.id).set("overlay_runs", [old.id])
    spec = json.loads(page.at.get_by_key(f"curves_{run.id}").proto.spec)
    assert [one["name"] for one in spec["series"]].count("old") == 2


def test_tabs_that_show_one_run_at_once_read_its_reports_once(app, make_run):
    run = make_run(losses=(0.5,))
    shared.metrics(run)
    lines = len(run.read_metrics())
    with ThreadPoolExecutor(8) as threads:
        for _ in range(30):
            run.append_metrics({"kind": "report", "step": 1, "steps": 1, "epoch": 1.0, "seconds": 1.0})
            lines += 1
            assert {len(found) for found in threads.map(lambda _: shared.metrics(run), range(8))} == {lines}


# --- setting up ---


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_can_be_chosen_and_shows_its_parameters(app, name):
    page = app().open(TRAIN).set("field:preset", name)
    rows = summarize(find_preset(name).model)
    assert f"**{parameters(rows):,}** parameters" in page.text
    assert not page.errors
    assert not page.buttons["Start training"].disabled
    for group in GROUPS:
        page.set("more_settings", group)
    assert draft(page) == find_preset(name).config, "looking at the settings changes none"


def test_a_preset_changes_cost_once_the_machine_is_known(app):
    page = app().open(TRAIN)
    assert "not known yet" in page.text
    update_speed(read_settings(), flops_per_second=1e11, step_seconds=1e-4, worker_mb=500)
    quick = page.run().text
    assert "About **" in quick
    costs = {page.set("field:preset", name).text.partition("About ")[2][:40] for name in ("quick", "vgg", "resnet")}
    assert len(costs) == 3


def test_an_edit_changes_the_draft_and_survives_other_pages(app):
    page = app().open(TRAIN).set("field:epochs", 2.5).set("field:optimizer", "sgd")
    page.set("more_settings", "Augmentation").set("field:augmentation.shift", 3)
    page.open(HOME).open(TRAIN)
    training = draft(page).training
    assert (training.epochs, training.optimizer, training.augmentation.shift) == (2.5, "sgd", 3)
    assert page.at.get_by_key("field:epochs").value == 2.5
    assert page.at.get_by_key("field:optimizer").value == "sgd"
    page.set("more_settings", "Augmentation")
    assert page.at.get_by_key("field:augmentation.shift").value == 3


def test_two_sessions_have_drafts_of_their_own(app):
    one, two = app().open(TRAIN), app().open(TRAIN)
    one.set("field:epochs", 9.0)
    assert two.run().at.get_by_key("field:epochs").value == find_preset("quick").training.epochs


@pytest.mark.parametrize("key", ["field:epochs", "field:batch_size", "field:learning_rate"])
@pytest.mark.parametrize("value", [0, -1])
def test_zero_and_negative_numbers_cannot_be_entered(app, key, value):
    page = app().open(TRAIN)
    assert page.at.get_by_key(key).min > 0
    page.set(key, value)  # as a browser that does not check
    assert page.at.get_by_key(key).value > 0
    found = getattr(draft(page).training, key.removeprefix("field:"))
    assert found == page.at.get_by_key(key).value


def test_settings_that_exclude_each_other_are_refused_and_the_form_keeps_what_holds(app, store):
    page = app().open(TRAIN).set("more_settings", "Against overfitting").set("field:early_stopping.monitor", "loss")
    page.set("more_settings", "Validation and seed").set("field:validation", "none")
    assert "early_stopping needs validation figures" in page.errors[0]
    assert page.at.get_by_key("field:validation").value == "share"
    page.click("Start training")
    assert store.own_runs()[0].config.training.validation == "share"


def test_no_run_is_made_or_resumed_where_the_data_files_were_damaged_meanwhile(app, store, make_run, drawn_folder):
    stopped = make_run("stopped")
    page, path = app().open(TRAIN, run=stopped.id), drawn_folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    for button in ("Resume", "Start training"):
        page.click(button)
        assert any(path.name in error and "is broken or cut off" in error for error in page.errors), button
        assert [(run.id, run.status.state) for run in store.own_runs()] == [(stopped.id, "stopped")]


def test_early_stopping_is_switched_on_and_off(app):
    page = app().open(TRAIN).set("more_settings", "Against overfitting")
    assert page.at.get_by_key("field:early_stopping.patience").disabled
    page.set("field:early_stopping.monitor", "accuracy").set("field:early_stopping.patience", 5)
    stopping = draft(page).training.early_stopping
    assert stopping is not None
    assert (stopping.monitor, stopping.patience) == ("accuracy", 5)
    page.set("field:early_stopping.monitor", "never")
    assert draft(page).training.early_stopping is None


def test_weights_and_pixels_are_chosen_above_the_layers(app):
    page = app().open(TRAIN).set("details", "Layers").set("field:initialization", "he")
    page.set("field:input_scale", "unit")
    assert (draft(page).model.initialization, draft(page).model.input_scale) == ("he", "unit")
    assert draft(page).preset == "custom-quick"


def test_an_edited_layer_changes_parameters_and_the_presets_name(app, layer_editor):
    page = app().open(TRAIN, preset="lenet-5")
    before = page.text
    layers = find_preset("lenet-5").model.model_dump(mode="json")["layers"]
    layers[0]["filters"] = 12
    page.edit_layers(layers)
    assert draft(page).model.layers[0].filters == 12
    assert draft(page).preset == page.at.get_by_key("field:preset").value == "custom-lenet-5"
    assert "Your own layer table" in page.text
    assert page.text != before
    page.set("field:preset", "lenet-5")
    assert draft(page) == find_preset("lenet-5").config


def test_an_impossible_table_names_layer_and_reason_and_cannot_be_started(app, layer_editor):
    page = app().open(TRAIN, preset="codered-base")
    layers = find_preset("codered-base").model.model_dump(mode="json")["layers"]
    without = [layer for layer in layers if layer["kind"] != "flatten"]
    place = next(i for i, layer in enumerate(layers, 1) if layer["kind"] == "flatten")
    page.edit_layers(without)
    assert all(error.startswith(f"Layer {place}") and "put a flatten" in error for error in page.errors)
    assert len(page.errors) == 2, "beside the button and below the table"
    assert page.buttons["Start training"].disabled
    page.edit_layers(layers)
    assert not page.errors
    assert not page.buttons["Start training"].disabled


def test_a_value_that_no_layer_can_have_is_refused_and_changes_nothing(app, layer_editor):
    page = app().open(TRAIN, preset="lenet-5")
    layers = find_preset("lenet-5").model.model_dump(mode="json")["layers"]
    page.edit_layers([{**layers[0], "filters": 0}, *layers[1:]])
    assert "Layer 1, filters is 0" in page.errors[0]
    assert draft(page) == find_preset("lenet-5").config
    layers[0]["filters"] = 7
    page.edit_layers(layers)
    assert not page.errors, "a good edit clears the old refusal"


# --- starting ---


def test_start_queues_exactly_what_is_shown_and_links_to_it(app, store):
    page = app().open(TRAIN).set("field:preset", "lenet-5").set("field:epochs", 0.5).set("field:batch_size", 64)
    page.click("Start training")
    (run,) = store.own_runs()
    assert run.config == draft(page)
    assert (run.config.preset, run.config.training.epochs, run.config.training.batch_size) == ("lenet-5", 0.5, 64)
    assert run.status.state == "queued"
    assert page.link == run.id
    assert "Starting in a moment" in page.text


def test_the_minutes_that_there_are_choose_a_training(app, store):
    page = app().open(TRAIN, preset="lenet-5")
    assert page.at.get_by_key("field:minutes").value is None
    assert page.buttons["Choose the best preset for this time"].disabled
    page.set("field:minutes", 5.0)
    assert (draft(page).preset, draft(page).training.minutes) == ("lenet-5", 5)
    page.click("Choose the best preset for this time")
    assert any("speed is not known yet" in error for error in page.errors)
    update_speed(read_settings(), flops_per_second=5e11, step_seconds=2e-3, worker_mb=500)
    page.run().click("Choose the best preset for this time")
    plan = plan_training(5, read_settings())
    assert draft(page) == plan.config
    assert f"{plan.config.preset} for about {plan.config.training.epochs:g} epochs" in page.text
    assert "About **5 min**" in page.text
    page.click("Start training")
    assert store.own_runs()[0].config == plan.config


def test_two_sessions_that_start_make_two_whole_runs(app, store):
    one, two = app().open(TRAIN, preset="lenet-5"), app().open(TRAIN, preset="vgg")
    one.click("Start training")
    two.click("Start training")
    assert {run.config.preset: run.id for run in store.own_runs()} == {"lenet-5": one.link, "vgg": two.link}
    assert {run.status.state for run in store.own_runs()} == {"queued"}


def test_a_finished_run_becomes_the_next_configuration(app, make_run, tiny):
    run = make_run(config=tiny.replace(training={"epochs": 3.25}))
    page = app().open(TRAIN, run=run.id).click("Use as a new configuration")
    assert draft(page) == run.config
    assert page.at.get_by_key("field:epochs").value == 3.25


# --- a hosted server ---


def test_limits_are_said_before_and_when_they_are_reached(hosted, store, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_MAX_QUEUED", "1")
    page = hosted("a").open(TRAIN, preset="lenet-5")
    update_speed(read_settings(), flops_per_second=1e11, step_seconds=1e-4, worker_mb=500)
    assert "a run may take 10 minutes, 1 of your runs may wait, 12 are kept" in page.run().text
    page.set("field:epochs", 1000.0)
    assert "stopped after 10 minutes and keep the weights of that moment" in page.text
    page.click("Start training").click("Start training")
    assert "this server allows 1" in page.errors[0]
    assert len(store.own_runs()) == 1


def test_another_owners_run_can_be_seen_and_used_but_not_steered(hosted, store):
    ann = hosted("a").open(TRAIN, preset="lenet-5").click("Start training")
    (run,) = store.own_runs()
    bob = hosted("b").open(TRAIN, run=run.id)
    assert "queued" in bob.text
    assert not {"Pause", "Stop training", "Resume"} & bob.buttons.keys()
    assert run.id not in bob.set("details", "Earlier runs").names
    bob.click("Use as a new configuration")
    assert draft(bob).preset == "lenet-5"
    assert "Stop training" in ann.run().buttons
    for action in (shared.queue().stop, shared.queue().pause, shared.queue().resume):
        with pytest.raises(NotAllowed):
            action(run, "someone else")
    assert run.status.state == "queued"


def test_in_the_queue_others_stay_nameless(hosted, store):
    hosted("a").open(TRAIN, preset="lenet-5").click("Start training")
    (run,) = store.own_runs()
    store.relabel(run, run.status.owner, name="secret name")
    bob = hosted("b").open(TRAIN, preset="lenet-5").click("Start training")
    assert "Ahead in the queue: someone else's run" in bob.text
    assert "secret name" not in bob.text
