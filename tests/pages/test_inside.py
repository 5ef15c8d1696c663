"""The Inside page: the way of one image, and the heat map of changes, what is behind a cell, other runs beside it."""

from concurrent.futures import Future
from urllib.parse import parse_qsl

import numpy as np
import pytest

from fmexplore.analysis.inside import trace_image
from fmexplore.analysis.server import ANALYSES
from fmexplore.analysis.task import NullProgress
from fmexplore.errors import AnalysisFailed
from fmexplore.models.layers import Activation, Conv, Dense, Flatten, GlobalAvgPool, MaxPool, Residual
from fmexplore.models.table import Model
from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import CLEAN, ROWS, Row, Sheet, compare_sheets
from fmexplore.runs.derived import Derived
from fmexplore.runs.records import Hardening
from fmexplore.runs.store import RunStore
from fmexplore.training.progress import Snapshot
from fmexplore.ui import shared
from fmexplore.ui.inside.words import figure
from fmexplore.ui.robustness.page import finding
from fmexplore.ui.robustness.words import phrase
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import INSIDE_PAGE as INSIDE
from fmexplore.ui.session import PREDICT_PAGE as PREDICT
from fmexplore.ui.session import TRAIN_PAGE as TRAIN

MIRROR = Row("mirror", 1)


def drawn_sheet(labels, seed: int = 0, right: float = 0.8) -> Sheet:
    rng = np.random.default_rng(seed)
    shape = len(ROWS), len(labels)
    wrong = (labels + rng.integers(1, 10, shape)) % 10
    predicted = np.where(rng.random(shape) < right, labels, wrong).astype(np.uint8)
    return Sheet(labels, predicted, np.full(len(ROWS), len(labels)))


@pytest.fixture
def tried(trained, store, drawn):
    """Writes a run with answers that are right so often."""

    def make(name: str = "mine", seed: int = 0, right: float = 0.8, **options):
        run = trained(name, seed=seed, **options)
        Derived(run, store.settings).write_sheet("test", drawn, drawn_sheet(drawn.test.labels, seed, right))
        return run

    return make


def sheet_of(run, store, drawn) -> Sheet | None:
    return Derived(run, store.settings).read_sheet("test", drawn)


def cells(page) -> dict[tuple[str, int], str]:
    lines = page.given("change_grid")["lines"]
    return {(line["name"], at): cell["text"] for line in lines for at, cell in enumerate(line["cells"], 1)}


def test_the_heat_map_has_all_rows_with_their_accuracy_and_interval(app, tried, store, drawn, desk):
    run = tried()
    page, found = app().open(INSIDE, view="robustness", run=run.id), sheet_of(run, store, drawn)
    assert cells(page) == {tuple(row): f"{100 * found.tally(row).accuracy:.1f}" for row in ROWS[1:]}
    (line,) = (line for line in page.given("change_grid")["lines"] if line["name"] == "noise")
    low, high = found.tally(Row("noise", 4)).interval
    assert f"95 % interval {100 * low:.1f} to {100 * high:.1f} %" in line["cells"][3]["label"].replace("\u00a0", " ")
    assert "measure_robustness" not in desk.asked
    assert "mine recognises" in page.text


def test_what_is_not_kept_is_asked_for_and_then_kept(app, make_run, desk, store, drawn):
    run = make_run(weights="random")
    page = app().open(INSIDE, view="robustness", run=run.id)
    assert desk.asked.count("measure_robustness") == 1
    assert sheet_of(run, store, drawn).whole
    page.run()
    assert desk.asked.count("measure_robustness") == 1
    assert len(cells(page)) == 78


def test_a_cell_opens_the_images_that_it_costs_as_they_were_changed(app, tried, store, drawn):
    run = tried()
    page = app().open(INSIDE, view="robustness", run=run.id).send("change_grid", "pick", ["mirror", 1])
    found = sheet_of(run, store, drawn)
    assert (page.query["change"], page.query["severity"]) == ("mirror", "1")
    assert page.images == found.flipped(MIRROR).tolist()
    captions = [item["caption"] for item in page.given(page.gallery)["items"]]
    assert captions[0].startswith("predicted:\n")
    assert "of those mirrored" in page.text
    before = page.images
    page.open_image(before[1])
    assert page.query["image"] == str(before[1])
    assert f"Test image {before[1]}" in page.text
    page.go("next")
    assert page.query["image"] == str(before[2])
    page.go("close")
    assert page.images == before


def test_a_class_has_its_own_figures_and_images(app, tried, store, drawn):
    run = tried()
    page = app().open(INSIDE, view="robustness", run=run.id, change="blur", severity="2").set("robustness_class", "9")
    found = sheet_of(run, store, drawn)
    assert page.query["class"] == "9"
    assert cells(page)["blur", 2] == f"{100 * found.tally(Row('blur', 2), 9).accuracy:.1f}"
    assert page.images == found.flipped(Row("blur", 2), 9).tolist()
    assert "unchanged ankle boots" in page.text


def test_changes_that_the_training_had_are_marked_and_no_finding(app, tried, tiny, store, drawn):
    training = tiny.training.replace(augmentation={"flip": "random", "shift": 2})
    run = tried(config=tiny.replace(training=training))
    page = app().open(INSIDE, view="robustness", run=run.id)
    assert [line["name"] for line in page.given("change_grid")["lines"] if line["marked"]] == ["shift", "mirror"]
    assert "trained with this change" in page.given("change_grid")["mark"]
    sheet = sheet_of(run, store, drawn)
    sheet.predicted[ROWS.index(MIRROR)] = (sheet.labels + 1) % 10
    assert "0 % of those mirrored" in finding(sheet, "x", None, None, frozenset()).replace("\u00a0", " ")
    assert "mirrored" not in finding(sheet, "x", None, None, frozenset({"mirror"}))


def test_others_stand_beside_with_difference_and_test(app, tried, drawn):
    runs = tried("first", right=0.9), tried("second", seed=1, right=0.5)
    page = (
        app()
        .open(INSIDE, view="robustness", run=runs[0].id, change="noise", severity="2")
        .set("robustness_beside", [runs[1].id])
    )
    assert page.query["beside"] == runs[1].id
    table = page.at.dataframe[0].value
    assert list(table["change"])[:2] == ["clean", "gain"]
    assert len(table) == 1 + len(CHANGES)
    gains = table["second"] - table["first"]
    assert np.allclose(gains, table["second, difference"])
    assert set(table["second, p"].str.partition(",")[0]) == {"significant"}
    assert "of the errors of first" in page.text
    assert "at severity 2" in page.text


def test_one_beside_that_was_never_tried_leads_to_where_it_is(app, tried, trained):
    run, other = tried(), trained("other", seed=3)
    page = app().open(INSIDE, view="robustness", run=run.id, beside=other.id)
    assert any("other has not been tried" in each.proto.label for each in page.at.page_link)
    page.open(INSIDE, view="robustness", run=run.id, beside=f"gone,{run.id}")
    assert "There is no run 'gone'" in page.text


def test_a_sheet_in_the_making_is_shown_as_far_as_it_is(app, tried, store, drawn, monkeypatch):
    run = tried()
    sheet = sheet_of(run, store, drawn)
    sheet.counts[40:] = 0
    Derived(run, store.settings).write_sheet("test", drawn, sheet)
    failed = lambda task, **arguments: (_ for _ in ()).throw(AnalysisFailed("It was ended."))  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setitem(ANALYSES, "measure_robustness", failed)
        page = app().open(INSIDE, view="robustness", run=run.id)
        assert "It was ended." in page.text
        page.run()
        assert "…" in cells(page).values()
        assert "It was ended." in page.text
    page.click("Try again")
    assert "…" not in cells(page).values()


class Pending:
    """A question that is under way."""

    share, message, askers, cancelled = 0.3, "Changed images: blur, severity 2, about 2 min left", 1, False

    def __init__(self, sheet: Sheet) -> None:
        self.answer: Future = Future()
        self.partial = {"predicted": sheet.predicted, "counts": sheet.counts}

    def wait(self, seconds: float) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


def test_while_it_is_computed_what_there_is_can_be_looked_at_and_the_rest_cancelled(app, trained, drawn, monkeypatch):
    sheet = drawn_sheet(drawn.test.labels)
    sheet.counts[40:], sheet.counts[:40] = 0, 100
    pending, run = Pending(sheet), trained()
    monkeypatch.setattr(shared.analyst(), "ask", lambda name, **arguments: pending)
    page = app().open(INSIDE, view="robustness", run=run.id, change="gain", severity="2")
    assert pending.message in page.text
    assert cells(page)["gain", 2] == f"{100 * sheet.tally(Row('gain', 2)).accuracy:.1f}"
    assert cells(page)["mirror", 1] == "…"
    assert page.images == sheet.flipped(Row("gain", 2)).tolist()
    page.click("Cancel")
    assert pending.cancelled
    assert "Go on" in page.buttons
    page.click("Go on")
    assert pending.message in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"change": "fog"}, "change='fog'"),
        ({"change": "mirror", "severity": "3"}, "severity='3'"),
        ({"change": "blur", "severity": "x"}, "severity='x'"),
        ({"class": "10"}, "class='10'"),
        ({"split": "train"}, "split='train'"),
        ({"image": "99999"}, "Image 99,999 is not among the test images"),
    ],
)
def test_nonsense_in_the_link_is_told_and_left_out(app, tried, query, told):
    page = app().open(INSIDE, view="robustness", run=tried().id, **query)
    assert any(told in warning.replace("\\", "") for warning in page.warnings), page.warnings
    assert len(cells(page)) == 78


def test_a_run_without_validation_images_is_shown_on_test_images(app, make_run, tiny, store, drawn):
    run = make_run(config=tiny.replace(training=tiny.training.replace(validation="none")))
    Derived(run, store.settings).write_sheet("test", drawn, drawn_sheet(drawn.test.labels))
    page = app().open(INSIDE, view="robustness", run=run.id, split="validation")
    assert page.at.get_by_key("robustness_split").options == ["Test"]
    assert "without validation images" in page.text


def test_without_a_run_or_while_it_trains_it_says_what_to_do(app, trained):
    page = app().open(INSIDE)
    assert "Nothing has been trained yet." in page.text
    run = trained(state="running", pid=1)
    page.open(INSIDE, view="robustness", run=run.id)
    assert "once it has ended with its weights" in page.text or "has no" in page.text


def test_every_change_has_its_phrase():
    assert phrase(Row("rotation", 4)) == "turned by 30°"
    assert phrase(Row("mirror", 1)) == "mirrored"
    assert len({phrase(row) for row in ROWS[1:]}) == 78


def test_a_training_against_a_change_is_offered_once_and_starts_with_the_same_settings(app, tried, store):
    run = tried()
    page = app().open(INSIDE, view="robustness", run=run.id, change="noise", severity="3")
    (label,) = (label for label in page.buttons if label.startswith("Train it against this"))
    page.click(label)
    (started,) = (each for each in store.own_runs() if each != run)
    before, after = run.config, started.config
    assert after.training.augmentation.noise > 0
    assert after.training.replace(augmentation=before.training.augmentation) == before.training
    assert (after.model, after.preset) == (before.model, before.preset)
    assert started.hardening == Hardening(parent=run.id, change="noise")
    page.open(INSIDE, view="robustness", run=started.id, change="noise", severity="3")
    assert not page.has("train_now")


def test_a_training_against_a_change_stands_beside_its_origin_with_what_it_gained_and_cost(app, tried, store, drawn):
    before, after = tried("before", right=0.5), tried("after", seed=1, right=0.9)
    after.write_hardening(Hardening(parent=before.id, change="noise"))
    ways = {
        link.label: dict(parse_qsl(link.proto.query_string)) for link in app().open(TRAIN, run=after.id).at.page_link
    }
    link = {"view": "robustness", "run": after.id, "beside": before.id, "change": "noise"}
    assert ways["What training against noise gained and cost"] == link
    page = app().open(INSIDE, **link)
    first, second = (sheet_of(run, store, drawn) for run in (before, after))
    compared = compare_sheets(first, second, (CLEAN, Row("noise", 3)))
    gains = [f"gained {100 * each.gain:.1f} ± {100 * each.margin:.1f} points" for each in compared.values()]
    (title,) = (each.value for each in page.at.subheader if each.value.startswith("Training against noise"))
    title = title.replace("\u00a0", " ")
    assert title == (
        f"Training against noise {gains[1]} on images with noise of 0.12 (p < 0.0001) and {gains[0]} on unchanged "
        "ones (p < 0.0001)"
    )
    beside = page.given("change_grid_beside")
    assert beside["label"] == "Accuracy of before on changed images, %"
    noise = next(line for line in beside["lines"] if line["name"] == "noise")
    assert noise["cells"][3]["text"] == f"{100 * first.tally(Row('noise', 4)).accuracy:.1f}"
    page.send("change_grid_beside", "pick", ["blur", 2])
    assert (page.query["change"], page.query["severity"], page.query["beside"]) == ("blur", "2", before.id)
    page.open(INSIDE, view="robustness", run=before.id).click("Put after beside it, trained against noise")
    assert (page.query["beside"], page.query["change"]) == (after.id, "noise")
    assert any(each.value.startswith("Training against noise gained") for each in page.at.subheader)
    assert not page.has("robustness_pair")
    store.delete(before, before.status.owner)
    assert "What training against noise gained and cost" not in {
        link.label for link in page.open(TRAIN, run=after.id).at.page_link
    }


def test_the_difference_to_one_beside_is_tested_only_once_all_is_there(app, tried, store, drawn):
    runs = tried("first"), tried("second", seed=1)
    sheet = sheet_of(runs[1], store, drawn)
    sheet.counts[:] = 100
    Derived(runs[1], store.settings).write_sheet("test", drawn, sheet)
    page = app().open(INSIDE, view="robustness", run=runs[0].id, beside=runs[1].id)
    assert list(page.at.dataframe[0].value.columns) == ["change", "first", "second"]
    assert "tested once all of them have answered all images" in page.text


# --- the way of one image ---------------------------------------------------------------------------------------------

LAYERS = (Conv(filters=3), Activation(), MaxPool(), Flatten(), Dense(units=10))


@pytest.fixture
def network(make_run, tiny, labels_of):
    """A run of a small network with random weights, whose kept answers have test image 4 wrong, the first of all."""
    logits = 9 * np.eye(10, dtype=np.float32)[labels_of("test")]
    logits[4] = np.roll(logits[4], 1)
    config = tiny.replace(model=Model(layers=LAYERS))
    return make_run(name="net", config=config, weights="random", kept={"test": logits})


def test_the_page_opens_with_the_way_of_the_first_mistake_and_a_sum_that_is_its_value(app, network, drawn, store):
    page = app().open(INSIDE, run=network.id)
    values = trace_image(NullProgress(), network, drawn.test.images[4])
    assert page.text.find("Test image 4, ") >= 0
    stops = page.given("way_strip")["stops"]
    assert [stop["name"] for stop in stops] == list(values)
    assert [stop["name"] for stop in stops if stop["picture"] is None] == ["4", "5", "softmax"]
    assert len(page.given("way_maps")["items"]) == len(page.given("kernels")["items"]) == 3
    largest = values["1"].max()
    assert page.given("way_terms")["ends"][-1] == ["total", figure(largest)]
    assert page.given("way_map")["values"][0][0] == figure(values["1"][page.given("way_maps")["current"], 0, 0])


def test_from_a_probability_one_walks_back_to_a_pixel_each_step_in_the_link(app, network):
    page = app().open(INSIDE, run=network.id, layer="softmax")
    walked = []
    while page.has("way_terms"):
        rows = page.given("way_terms")["rows"]
        page.send("way_terms", "pick", next(number for number, row in enumerate(rows) if row["leads"]))
        walked.append(page.query["layer"])
    assert walked[:4] == ["5", "4", "3", "2"]
    assert walked[-1] == "image"
    assert {"layer", "channel", "at"} <= set(page.query)
    assert " of 255" in page.text
    page.send("way_strip", "pick", "3")
    assert page.query["layer"] == "3"
    assert not {"channel", "at"} & set(page.query)
    page.send("way_map", "point", [2, 5])
    assert page.query["at"] == "2,5"
    assert "row 2, column 5" in page.text
    assert sum(row["marked"] for row in page.given("way_terms")["rows"]) == 1
    page.click("Next")
    assert (page.query["image"], page.query["at"]) == ("5", "2,5")


def test_many_channels_are_paged_and_sorted_by_strength(app, make_run, tiny, drawn):
    layers = (Conv(filters=70, kernel=1), GlobalAvgPool(), Dense(units=10))
    run = make_run(config=tiny.replace(model=Model(layers=layers)), weights="random")
    page = app().open(INSIDE, run=run.id, image="2", layer="1", channel="69")
    assert [item["id"] for item in page.given("way_maps")["items"]] == list(range(64, 70))
    page.set("way_order", "strongest first")
    means = trace_image(NullProgress(), run, drawn.test.images[2])["1"].mean(axis=(1, 2))
    shown = [item["id"] for item in page.given("way_maps")["items"]]
    ranked = np.argsort(-means, kind="stable").tolist()
    assert shown in (ranked[:64], ranked[64:])
    assert 69 in shown


def test_the_layers_of_a_block_are_shown_where_it_is_chosen(app, make_run, tiny):
    layers = (Residual(layers=(Conv(filters=1), Activation())), Flatten(), Dense(units=10))
    run = make_run(config=tiny.replace(model=Model(layers=layers)), weights="random")
    page = app().open(INSIDE, run=run.id, layer="2")
    closed = [stop["name"] for stop in page.given("way_strip")["stops"]]
    assert not any(name.startswith("1.") for name in closed)
    page.send("way_strip", "pick", "1")
    opened = [stop["name"] for stop in page.given("way_strip")["stops"]]
    assert {"1.1.1", "1.1.2"} <= set(opened)
    assert len(page.given("way_terms")["rows"]) == 2


@pytest.mark.parametrize(
    ("layers", "shown"),
    [
        ((Flatten(), Dense(units=10)), "2"),
        ((Conv(filters=2, kernel=28, padding="valid"), Flatten(), Dense(units=10)), "1"),
    ],
)
def test_networks_without_convolutions_and_with_maps_of_one_value_have_a_way_too(app, make_run, tiny, layers, shown):
    run = make_run(config=tiny.replace(model=Model(layers=layers)), weights="random")
    page = app().open(INSIDE, run=run.id, image="2")
    assert page.given("way_strip")["picked"] == shown
    assert page.has("way_maps") == (shown == "1")
    assert page.has("way_values") == (shown == "2") == ("This layer has no maps" in page.text)
    assert page.given("way_terms")["ends"][0][0] == "the other 768 terms"


def test_a_snapshot_shows_the_network_as_it_was(app, network, drawn):
    early = {name: (value + 1).astype(np.float16) for name, value in network.read_weights().items()}
    logits, labels = np.zeros((1, 10), np.float16), np.zeros(1, np.uint8)
    network.write_snapshot(Snapshot(20, 1.0, "", logits, labels, np.zeros((1, 2), np.float16), early))
    page = app().open(INSIDE, run=network.id, image="2", layer="1", channel="0", at="5,5")
    now = page.given("way_map")["values"][5][5]
    page.set("way_moment", 20)
    then = trace_image(NullProgress(), network, drawn.test.images[2], 20)["1"][0, 5, 5]
    assert page.query["snapshot"] == "20"
    assert page.given("way_map")["values"][5][5] == figure(then) != now
    assert "epoch 1.00" in page.text


def test_a_run_without_weights_of_snapshots_leads_to_a_shipped_one_that_has_some(app, network, make_run, monkeypatch):
    def ways():
        links = app().open(INSIDE, run=network.id).at.page_link
        return {each.label: dict(parse_qsl(each.proto.query_string)) for each in links}

    assert not [label for label in ways() if "snapshot by snapshot" in label]
    other = make_run(name="grown", config=network.config, weights="random")
    half = {name: value.astype(np.float16) for name, value in other.read_weights().items()}
    few = np.zeros((1, 10), np.float16)
    other.write_snapshot(Snapshot(20, 1.0, "", few, np.zeros(1, np.uint8), few, half))
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [other])
    label = "See the filters of grown come about, snapshot by snapshot"
    assert ways()[label] == {"run": other.id, "snapshot": "20"}
    other.snapshot_path(20).unlink()  # as a small one is shipped: the epoch is then that of the metrics
    page = app().open(INSIDE, **ways()[label])
    assert "epoch 1.00" in page.text
    assert not page.errors


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"view": "upside"}, "view='upside'"),
        ({"layer": "77"}, "layer='77', which is not a layer of this network"),
        ({"layer": "1", "channel": "3"}, "channel is 3, and layer 1 (conv 3 3x3 same) has 0 to 2"),
        ({"layer": "5", "channel": "1", "at": "0,1"}, "x is 1"),
        ({"at": "3"}, "at='3'"),
        ({"channel": "-1"}, "channel='-1'"),
        ({"image": "99999"}, "Image 99,999 is not among the test images"),
        ({"snapshot": "20"}, "keeps no weights of step 20"),
    ],
)
def test_what_the_link_names_and_is_not_there_is_told_and_left_out(app, network, query, told):
    page = app().open(INSIDE, run=network.id, **query)
    assert any(told in warning.replace("\\", "") for warning in page.warnings), page.warnings
    assert page.given("way_terms")["rows"]


def test_a_card_leads_to_the_way_of_its_image(app, network):
    page = app().open(CONFUSIONS, run=network.id, image="4")
    (link,) = (each.proto for each in page.at.page_link if each.proto.label == "Inside")
    assert dict(parse_qsl(link.query_string)) == {"run": network.id, "split": "test", "image": "4"}


def test_a_photo_of_this_visit_goes_through_too_and_one_that_is_gone_is_told(app, network, drawn):
    page = app().open(PREDICT, run=network.id)
    page.send("photo_samples", "pick", page.given("photo_samples")["items"][0]["id"])
    (link,) = (each.proto for each in page.at.page_link if each.proto.label == "Inside")
    verdict = page.at.subheader[0].value
    page.open(INSIDE, **dict(parse_qsl(link.query_string)), layer="1")
    assert page.at.subheader[0].value == f"Sample T\\-shirt/top: {verdict}"
    assert "Test image" not in page.text
    assert page.given("way_terms")["rows"]
    page.click("Images of the data set")
    assert "photo" not in page.query
    assert "Test image 4, " in page.text
    page.open(INSIDE, run=network.id, photo="0123456789")
    assert any("not among those of this visit" in warning for warning in page.warnings)
    assert "Test image 4, " in page.text
