"""The Inside page: the heat map of changes, what is behind a cell, other runs beside it, and what is asked for."""

from concurrent.futures import Future

import numpy as np
import pytest

from fmexplore.analysis.server import ANALYSES
from fmexplore.errors import AnalysisFailed
from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import ROWS, Row, Sheet
from fmexplore.runs.derived import Derived
from fmexplore.ui import shared
from fmexplore.ui.robustness.page import finding
from fmexplore.ui.robustness.words import phrase
from fmexplore.ui.session import INSIDE_PAGE as INSIDE

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
    page, found = app().open(INSIDE, run=run.id), sheet_of(run, store, drawn)
    assert cells(page) == {tuple(row): f"{100 * found.tally(row).accuracy:.1f}" for row in ROWS[1:]}
    (line,) = (line for line in page.given("change_grid")["lines"] if line["name"] == "noise")
    low, high = found.tally(Row("noise", 4)).interval
    assert f"95 % interval {100 * low:.1f} to {100 * high:.1f} %" in line["cells"][3]["label"].replace("\u00a0", " ")
    assert "measure_robustness" not in desk.asked
    assert "mine recognises" in page.text


def test_what_is_not_kept_is_asked_for_and_then_kept(app, make_run, desk, store, drawn):
    run = make_run(weights="random")
    page = app().open(INSIDE, run=run.id)
    assert desk.asked.count("measure_robustness") == 1
    assert sheet_of(run, store, drawn).whole
    page.run()
    assert desk.asked.count("measure_robustness") == 1
    assert len(cells(page)) == 78


def test_a_cell_opens_the_images_that_it_costs_as_they_were_changed(app, tried, store, drawn):
    run = tried()
    page = app().open(INSIDE, run=run.id).send("change_grid", "pick", ["mirror", 1])
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
    page = app().open(INSIDE, run=run.id, change="blur", severity="2").set("robustness_class", "9")
    found = sheet_of(run, store, drawn)
    assert page.query["class"] == "9"
    assert cells(page)["blur", 2] == f"{100 * found.tally(Row('blur', 2), 9).accuracy:.1f}"
    assert page.images == found.flipped(Row("blur", 2), 9).tolist()
    assert "unchanged ankle boots" in page.text


def test_changes_that_the_training_had_are_marked_and_no_finding(app, tried, tiny, store, drawn):
    training = tiny.training.replace(augmentation={"flip": "random", "shift": 2})
    run = tried(config=tiny.replace(training=training))
    page = app().open(INSIDE, run=run.id)
    assert [line["name"] for line in page.given("change_grid")["lines"] if line["marked"]] == ["shift", "mirror"]
    assert "trained with this change" in page.given("change_grid")["mark"]
    sheet = sheet_of(run, store, drawn)
    sheet.predicted[ROWS.index(MIRROR)] = (sheet.labels + 1) % 10
    assert "0 % of those mirrored" in finding(sheet, "x", None, None, frozenset()).replace("\u00a0", " ")
    assert "mirrored" not in finding(sheet, "x", None, None, frozenset({"mirror"}))


def test_others_stand_beside_with_difference_and_test(app, tried, drawn):
    runs = tried("first", right=0.9), tried("second", seed=1, right=0.5)
    page = app().open(INSIDE, run=runs[0].id, change="noise", severity="2").set("robustness_beside", [runs[1].id])
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
    page = app().open(INSIDE, run=run.id, beside=other.id)
    assert any("other has not been tried" in each.proto.label for each in page.at.page_link)
    page.open(INSIDE, run=run.id, beside=f"gone,{run.id}")
    assert "There is no run 'gone'" in page.text


def test_a_sheet_in_the_making_is_shown_as_far_as_it_is(app, tried, store, drawn, monkeypatch):
    run = tried()
    sheet = sheet_of(run, store, drawn)
    sheet.counts[40:] = 0
    Derived(run, store.settings).write_sheet("test", drawn, sheet)
    failed = lambda task, **arguments: (_ for _ in ()).throw(AnalysisFailed("It was ended."))  # noqa: E731
    monkeypatch.setitem(ANALYSES, "measure_robustness", failed)
    page = app().open(INSIDE, run=run.id)
    assert "It was ended." in page.text
    page.run()
    assert "…" in cells(page).values()
    assert "Not all changed images were asked for." in page.warnings
    monkeypatch.undo()


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
    page = app().open(INSIDE, run=run.id, change="gain", severity="2")
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
        ({"view": "upside"}, "view='upside'"),
        ({"change": "fog"}, "change='fog'"),
        ({"change": "mirror", "severity": "3"}, "severity='3'"),
        ({"change": "blur", "severity": "x"}, "severity='x'"),
        ({"class": "10"}, "class='10'"),
        ({"split": "train"}, "split='train'"),
        ({"image": "99999"}, "Image 99,999 is not among the test images"),
    ],
)
def test_nonsense_in_the_link_is_told_and_left_out(app, tried, query, told):
    page = app().open(INSIDE, run=tried().id, **query)
    assert any(told in warning.replace("\\", "") for warning in page.warnings), page.warnings
    assert len(cells(page)) == 78


def test_a_run_without_validation_images_is_shown_on_test_images(app, make_run, tiny, store, drawn):
    run = make_run(config=tiny.replace(training=tiny.training.replace(validation="none")))
    Derived(run, store.settings).write_sheet("test", drawn, drawn_sheet(drawn.test.labels))
    page = app().open(INSIDE, run=run.id, split="validation")
    assert page.at.get_by_key("robustness_split").options == ["Test"]
    assert "without validation images" in page.text


def test_without_a_run_or_while_it_trains_it_says_what_to_do(app, trained):
    page = app().open(INSIDE)
    assert "Nothing has been trained yet." in page.text
    run = trained(state="running", pid=1)
    page.open(INSIDE, run=run.id)
    assert "once it has ended with its weights" in page.text or "has no" in page.text


def test_every_change_has_its_phrase():
    assert phrase(Row("rotation", 4)) == "turned by 30°"
    assert phrase(Row("mirror", 1)) == "mirrored"
    assert len({phrase(row) for row in ROWS[1:]}) == 78


def test_a_training_against_a_change_is_offered_where_there_is_one_and_starts_with_the_same_settings(app, tried, store):
    run = tried()
    page = app().open(INSIDE, run=run.id, change="jpeg", severity="1")
    assert not page.has("train_now")
    page.open(INSIDE, run=run.id, change="noise", severity="3")
    (label,) = (label for label in page.buttons if label.startswith("Train it against this"))
    page.click(label)
    (started,) = (each for each in store.own_runs() if each != run)
    before, after = run.config, started.config
    assert after.training.augmentation.noise > 0
    assert after.training.replace(augmentation=before.training.augmentation) == before.training
    assert (after.model, after.preset) == (before.model, before.preset)
    page.open(INSIDE, run=started.id, change="noise", severity="3")
    assert not page.has("train_now")


def test_the_difference_to_one_beside_is_tested_only_once_all_is_there(app, tried, store, drawn):
    runs = tried("first"), tried("second", seed=1)
    sheet = sheet_of(runs[1], store, drawn)
    sheet.counts[:] = 100
    Derived(runs[1], store.settings).write_sheet("test", drawn, sheet)
    page = app().open(INSIDE, run=runs[0].id, beside=runs[1].id)
    assert list(page.at.dataframe[0].value.columns) == ["change", "first", "second"]
    assert "tested once all of them have answered all images" in page.text
