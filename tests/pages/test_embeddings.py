"""The Embeddings page: maps of every kind, what is selected on them, and what the link says in vain."""

import base64
import io
import re
from concurrent.futures import Future

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import torch
from PIL import Image
from safetensors.numpy import save

from fmexplore.analysis import maps as map_analysis
from fmexplore.analysis.server import ANALYSES
from fmexplore.analysis.task import NullProgress
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import AnalysisFailed, FMExploreError
from fmexplore.models.networks import build, to_input
from fmexplore.runs.derived import Derived, kept_files
from fmexplore.runs.run import Run
from fmexplore.training.progress import Snapshot
from fmexplore.ui import shared
from fmexplore.ui.embeddings import canvas
from fmexplore.ui.formatting import image_name
from fmexplore.ui.selection.map_area import Selection
from fmexplore.ui.session import EMBEDDINGS_PAGE as EMBEDDINGS
from fmexplore.ui.session import HOME_PAGE as HOME
from tests.outlines import even_odd

FIRST = 640  # id of the first test image of the drawn data set
VIEWS = ("map", "pair", "time", "trust")
SMALL = {"map_sample": 60, "map_iterations": 50, "map_perplexity": 5.0, "map_neighbours": 5}
TRIANGLE = ((-1.0, -1.0), (1.2, -0.9), (0.1, 1.3))


class Asked:
    """A question as the pages see it; open until it is answered."""

    def __init__(self, name: str, arguments: dict) -> None:
        self.name, self.arguments = name, arguments
        self.share, self.message, self.partial = 0.0, "", None
        self.paused, self.askers, self.stopped = False, 1, False
        self.answer: Future = Future()

    def work(self) -> None:
        try:
            self.answer.set_result(ANALYSES[self.name](NullProgress(), **self.arguments))
        except FMExploreError as error:
            self.answer.set_exception(error)

    def wait(self, seconds: float) -> bool:
        return self.answer.done()

    def result(self, seconds: float | None = None) -> object:
        return self.answer.result(0)

    def cancel(self) -> None:
        self.answer.set_exception(AnalysisFailed("It was given up."))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def stop(self) -> None:
        self.stopped = True


class SlowDesk:
    """In place of the analyst: answers at once, but leaves maps by the methods in `slow` open."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.slow: set[str] = set()

    def ask(self, name: str, **arguments: object) -> Asked:
        question = Asked(name, arguments)
        self.asked.append(question)
        config = arguments.get("config")
        if not (isinstance(config, ProjectionConfig) and config.method in self.slow):
            question.work()
        return question

    def names(self, name: str = "project_images") -> list[Asked]:
        return [question for question in self.asked if question.name == name]


@pytest.fixture
def desk(monkeypatch) -> SlowDesk:
    made = SlowDesk()
    monkeypatch.setattr(shared, "analyst", lambda: made)
    return made


@pytest.fixture(autouse=True)
def no_sheets(monkeypatch):
    """Pictures are asked for one by one, and nothing is written into the project."""
    monkeypatch.setattr(canvas, "sheet_address", lambda: "")


@pytest.fixture
def opened(app):
    """Opens the page in a new tab, with small settings."""

    def open_page(**query: str):
        page = app()
        for key, value in SMALL.items():
            page.at.session_state[key] = value
        return page.open(EMBEDDINGS, **{"method": "pca", **query})

    return open_page


@pytest.fixture
def whole(app):
    """The same with all images of the split."""

    def open_page(**query: str):
        page = app()
        page.at.session_state["map_sample"] = 0
        return page.open(EMBEDDINGS, **{"method": "pca", **query})

    return open_page


@pytest.fixture
def run(trained) -> Run:
    return with_features(trained(weights="random"))


def with_features(run: Run) -> Run:
    """Snapshots whose features move."""
    for step in run.snapshot_steps():
        arrays, metadata = run.read_snapshot(step)
        features = np.random.default_rng(step).normal(0, 1, (len(arrays["labels"]), 16)).astype(np.float16)
        run.write_snapshot(Snapshot(step, float(metadata["epoch"]), "", arrays["logits"], arrays["labels"], features))
    return run


def points_of(page, run: Run | None, store, config: ProjectionConfig | None = None, layer="last", split="test"):
    """The map as it is kept, read past the app: coordinates, and numbers in the part."""
    config = config or ProjectionConfig(method="pca")
    arrays = kept_files(run, layer, shared.dataset(), store.settings).read_projection(layer, split, config)
    assert arrays is not None
    return arrays["coordinates"].astype(np.float64), arrays["index"]


def predicted_of(run: Run, drawn, store, split: str = "test") -> np.ndarray:
    return Derived(run, store.settings).read_predictions(split, drawn).predicted


def lasso(page, outline=TRIANGLE, hidden=(), errors=False, key="scatter_main"):
    """What the script sends after a lasso."""
    event = {"polygon": [list(corner) for corner in outline], "hidden": list(hidden), "errors": errors}
    return page.send(key, "selection", event)


def layer_of(page) -> str | None:
    """The layer that is chosen, or None where there is no choice."""
    return next((box.value for box in page.at.selectbox if box.key == "map_layer"), None)


def type_in(page, text):
    """Type something into the search that is none of its options: AppTest has only those."""
    states, box = page.at._tree.get_widget_states(), page.at.get_by_key("map_search")
    (state,) = (state for state in states.widgets if state.id == box.id)
    state.string_value = text
    page.at._run(states)
    return page.whole()


def marks(page, key="marks_map") -> dict:
    return page.given(key)


# --- what it opens with ---


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("layer", ["last", "pixels", "4"])
def test_every_view_opens_on_every_layer(opened, run, trained, view, layer):
    trained("other", seed=1, weights="random")
    page = opened(run=run.id, view=view, layer=layer)
    assert not page.errors
    assert not page.warnings
    assert page.at.get_by_key("map_view").value == view
    assert layer_of(page) == (None if view == "time" else layer), "snapshots keep only one layer"
    assert len(page.find("scatter")) == {"map": 1, "pair": 2, "time": 1, "trust": 0}[view]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_every_view_opens_with_every_method(opened, run, view, method):
    page = opened(run=run.id, view=view, method=method)
    assert not page.errors
    assert not page.warnings
    assert page.at.get_by_key("map_method").value == method
    assert len(page.find("scatter")) == {"map": 1, "pair": 2, "time": 1, "trust": 0}[view]


def test_every_layer_of_the_list_can_be_mapped(opened, run):
    page = opened(run=run.id)
    layers = page.at.get_by_key("map_layer").options
    assert len(layers) > 4
    for number in range(len(layers)):
        page.at.get_by_key("map_layer").select_index(number).run()
        page.whole()
        assert not page.errors
        assert len(page.find("scatter")) == 1


@pytest.mark.parametrize("split", ["test", "validation", "train", "all"])
def test_every_split_can_be_mapped(opened, run, split):
    page = opened(run=run.id, split=split)
    assert not page.errors
    assert not page.warnings
    assert len(page.find("scatter")) == 1


def test_a_map_in_space_is_shown(opened, run):
    page = opened(run=run.id).set("map_dimensions", 3)
    assert not page.errors
    assert len(page.find("scatter")) == 1
    page.open(EMBEDDINGS, run=run.id, method="pca", selected=Selection(TRIANGLE).text())
    assert "choose two dimensions" in page.text


@pytest.mark.parametrize("view", VIEWS)
def test_without_any_run_there_are_pixels(opened, view):
    page = opened(view=view)
    assert not page.errors
    assert layer_of(page) == (None if view == "time" else "pixels")
    if view == "map":
        assert page.at.get_by_key("map_layer").options == ["Pixels"]
        assert "By pixels, " in page.text
        assert len(page.find("scatter")) == 1
    if view == "time":
        assert "needs a run" in page.text


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("state", "weights", "why"),
    [("running", "random", "is still training"), ("finished", "", "has no weights"), ("failed", "", "has no weights")],
)
def test_a_run_that_cannot_be_asked_is_told_and_there_are_pixels(opened, make_run, view, state, weights, why):
    page = opened(run=make_run(state, name="early", weights=weights).id, view=view)
    assert f"early {why}: this is a map of the pixels." in page.text
    assert not page.errors
    assert layer_of(page) == (None if view == "time" else "pixels")


def test_a_damaged_run_is_told(opened, trained):
    run = trained(weights="random")
    next(run.path.glob("model*")).write_bytes(b"nonsense")
    page = opened(run=run.id)
    assert page.errors


# --- what the link says in vain ---

NONSENSE = ["", " ", "nonsense", "x" * 10_000, "-1", "99999999999999999999", "nan", "%00", "[a](http://b)", "١", "1;2"]


@pytest.mark.parametrize("name", ["view", "layer", "split", "method", "selected", "image", "run"])
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: ascii(value)[:24])
def test_nonsense_in_the_link_is_told_and_breaks_nothing(opened, run, name, value):
    page = opened(**{"run": run.id, name: value})
    if value or name not in ("run", "selected"):  # an empty one says nothing
        told = [*page.warnings, *page.errors]
        assert len(told) == 1, told
        assert len(told[0]) < 500
        if name in ("view", "layer", "split", "method"):
            assert f"{name}=" in told[0]
    assert len(page.find("scatter")) == 1, "the map is there nevertheless"


@pytest.mark.parametrize("view", VIEWS)
def test_nonsense_everywhere_breaks_no_view(opened, run, view):
    page = opened(layer="x", split="y", method="z", selected="q", image="w", run="nobody", view=view)
    told = "\n".join([*page.warnings, *page.errors])
    for name in ("layer", "split", "method"):
        assert f"{name}=" in told
    assert "image=" in told
    assert "pixels" in told


def test_a_layer_that_is_not_there_is_told(opened, run):
    page = opened(run=run.id, layer="99")
    (warning,) = page.warnings
    assert "layer='99'" in warning
    assert "pixels" in warning
    assert page.at.get_by_key("map_layer").value == "last"
    assert len(page.find("scatter")) == 1


def test_an_image_that_is_not_on_the_map_is_told(whole, run):
    page = whole(run=run.id, image="160")
    assert any("Image 160 is not on this map" in warning for warning in page.warnings)
    assert len(page.find("scatter")) == 1


def test_validation_images_that_a_run_does_not_have_are_told(opened, trained, tiny):
    config = tiny.replace(training=tiny.training.replace(validation="test"))
    page = opened(run=trained(config=config, weights="random").id, split="validation")
    (warning,) = page.warnings
    assert "split='validation'" in warning
    assert page.at.get_by_key("map_split").value == "test"


# --- settings ---


def test_a_perplexity_that_is_too_large_is_told_with_the_largest(opened, run):
    page = opened(run=run.id)
    page.at.session_state["map_perplexity"] = 20.0
    page.open(EMBEDDINGS, run=run.id, method="tsne")
    assert any("perplexity is 20, and 60 images allow at most 19" in error for error in page.errors)
    assert len(page.find("scatter")) == 1, "the principal axes are there"
    page.set("map_perplexity", 19.0)
    if "Compute the map" in page.buttons:
        page.click("Compute the map")
    assert not page.errors


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sample", [1, 2, 3, 4, 10])
def test_the_smallest_samples(opened, run, view, sample):
    page = opened(run=run.id)
    page.set("map_sample", sample)
    page.open(EMBEDDINGS, run=run.id, method="pca", view=view)
    if view == "trust" and sample < 4:
        assert any("too few to judge" in error for error in page.errors)
    else:
        assert not page.errors
    assert not page.warnings


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_sample_of_ten_has_a_map_by_every_method(opened, run, method):
    page = opened(run=run.id)
    page.set("map_sample", 10)
    page.at.session_state["map_perplexity"] = 3.0
    page.open(EMBEDDINGS, run=run.id, method=method)
    assert not page.errors
    assert not page.warnings
    assert "of 10 images are misclassified" in page.text


def test_a_changed_setting_marks_the_map_as_stale_and_offers_to_compute_it(opened, run, desk):
    page = opened(run=run.id, method="tsne")
    count = len(desk.names())
    assert "Compute the map" not in page.buttons
    page.set("map_perplexity", 8.0)
    assert "This map was made with the previous settings" in page.text
    assert len(desk.names()) == count, "nothing is computed unasked"
    assert len(page.find("scatter")) == 1
    page.click("Compute the map")
    assert desk.names()[-1].arguments["config"].perplexity == 8.0
    assert "previous settings" not in page.text
    assert "Compute the map" not in page.buttons
    page.set("map_perplexity", 5.0)
    assert "previous settings" not in page.text, "it is kept"


def test_figures_below_a_stale_map_are_not_computed_unasked(opened, run, desk):
    page = opened(run=run.id, method="tsne", view="trust").set("map_perplexity", 8.0)
    assert "previous settings" in page.text
    asked = {question.arguments["config"].perplexity for question in desk.asked if "config" in question.arguments}
    assert 8.0 not in asked


def test_the_map_beside_a_stale_one_has_the_same_settings(opened, run, desk):
    page = opened(run=run.id, method="tsne", view="pair").set("map_perplexity", 8.0)
    assert "previous settings" in page.text
    assert {question.arguments["config"].perplexity for question in desk.names()} <= {5.0, 30.0}


def test_what_is_written_below_a_stale_map_is_about_that_map(opened, run):
    page = opened(run=run.id, method="tsne")
    page.open(EMBEDDINGS, run=run.id, method="tsne", view="trust")
    page.open(EMBEDDINGS, run=run.id, method="tsne")
    (kept,) = re.findall(r"\d+ % of the nearest neighbours are kept", page.text)
    page.set("map_perplexity", 8.0)
    assert "previous settings" in page.text
    assert kept in page.text


def test_a_learning_rate_of_ones_own(opened, run, desk):
    page = opened(run=run.id, method="tsne").set("map_auto_rate", False)
    assert page.at.get_by_key("map_rate").value == 200
    page.click("Compute the map")
    assert desk.names()[-1].arguments["config"].learning_rate == 200
    assert not page.errors


def test_a_selection_on_a_stale_map_is_of_that_map(opened, run, store):
    page = opened(run=run.id, method="tsne").set("map_perplexity", 8.0)
    config = ProjectionConfig(method="tsne", sample=60, iterations=50, perplexity=5.0)
    coordinates, index = points_of(page, run, store, config)
    lasso(page)
    assert sorted(marks(page)["selected"]) == (index[even_odd(coordinates, TRIANGLE)] + FIRST).tolist()


def test_a_change_of_layer_split_or_method_forgets_image_and_selection(opened, run):
    for key, name, value in (
        ("map_layer", "layer", "pixels"),
        ("map_split", "split", "validation"),
        ("map_method", "method", "umap"),
    ):
        page = opened(run=run.id, selected="t6").set(key, value)
        assert page.query == {"run": run.id, "method": "pca", name: value}


# --- selections ---


def test_an_outline_in_the_link_selects_exactly_the_points_inside(whole, run, store):
    text = Selection(TRIANGLE).text()
    page = whole(run=run.id, selected=text)
    coordinates, index = points_of(page, run, store)
    wanted = index[even_odd(coordinates, TRIANGLE)]
    assert 0 < len(wanted) < 160
    assert marks(page)["selected"] == (wanted + FIRST).tolist()
    assert [image_id - FIRST for image_id in page.images] == wanted.tolist()
    assert f"{len(wanted)} of 160 images are selected" in page.text
    assert marks(page)["polygon"] == [list(corner) for corner in TRIANGLE]


def test_a_lasso_selects_the_same_as_the_link_that_it_makes(whole, run, store):
    page = lasso(whole(run=run.id))
    assert page.query["selected"].startswith(Selection(TRIANGLE).text())
    coordinates, index = points_of(page, run, store)
    assert marks(page)["selected"] == (index[even_odd(coordinates, TRIANGLE)] + FIRST).tolist()
    other = whole(**page.query)
    assert marks(other)["selected"] == marks(page)["selected"]
    assert other.images == page.images
    page.click("Clear the selection")
    assert "selected" not in page.query
    assert marks(page)["selected"] == []


def test_a_link_to_an_outline_tells_whoever_has_other_settings(opened, whole, run):
    mine = lasso(opened(run=run.id))
    theirs = whole(**mine.query)
    assert mine.images
    assert any("a map with other settings" in warning for warning in theirs.warnings)
    assert marks(theirs)["selected"] == []


def test_an_outline_is_not_taken_to_a_map_with_other_settings(whole, run):
    page = lasso(whole(run=run.id)).set("map_sample", 60)
    assert "selected" not in page.query or page.warnings


def test_a_lasso_near_the_axes_can_be_read_again(whole, run):
    outline = ((-1.0, 0.000123), (1.2, -0.00056), (0.000345, 1.3))
    page = lasso(whole(run=run.id), outline)
    assert not page.warnings
    assert marks(page)["selected"]


@pytest.mark.parametrize(("hidden", "errors"), [((0, 1, 2, 3), False), ((), True), ((6, 7), True)])
def test_hidden_classes_and_errors_only_keep_identities(whole, run, drawn, store, hidden, errors):
    page = lasso(whole(run=run.id), hidden=hidden, errors=errors)
    coordinates, index = points_of(page, run, store)
    labels, predicted = drawn.test.labels[index], predicted_of(run, drawn, store)[index]
    wanted = even_odd(coordinates, TRIANGLE) & ~np.isin(labels, hidden)
    if errors:
        wanted &= labels != predicted
    assert marks(page)["selected"] == (index[wanted] + FIRST).tolist() != []
    items = page.given(page.gallery)["items"]
    assert [item["id"] for item in items] == (index[wanted] + FIRST).tolist()
    for item in items:
        number = item["id"] - FIRST
        assert item["label"].startswith(image_name("test", number, drawn.test.labels[number]))
        assert item["wrong"] == (drawn.test.labels[number] != predicted_of(run, drawn, store)[number])


def test_an_empty_lasso_says_so(whole, run):
    page = lasso(whole(run=run.id), ((50.0, 50.0), (51.0, 50.0), (50.0, 51.0)))
    assert "0 of 160 images are selected" in page.text
    assert page.images == []
    assert not page.errors


def test_escape_forgets_the_selection(whole, run):
    page = lasso(whole(run=run.id, selected="t6"), ())
    assert "selected" not in page.query


def test_the_class_mix_counts_the_selected_images(whole, run, drawn, store):
    page = lasso(whole(run=run.id))
    coordinates, index = points_of(page, run, store)
    labels = drawn.test.labels[index[even_odd(coordinates, TRIANGLE)]]
    (text,) = re.findall(r"\*\*Selected:\*\* (.+)", page.text)
    counts = [int(count) for count in re.findall(r" (\d+) \(", text)]
    assert counts == sorted(np.bincount(labels)[np.bincount(labels) > 0].tolist(), reverse=True)
    assert sum(counts) == len(labels)


# --- downloads ---


@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_downloads_hold_the_selection_and_the_map(whole, run, drawn, store, downloads, split, dimensions):
    page = whole(run=run.id, split=split, selected="t6").set("map_dimensions", dimensions)
    config = ProjectionConfig(method="pca", dimensions=dimensions)
    coordinates, index = points_of(page, run, store, config, split=split)
    part = drawn.test if split == "test" else drawn.train
    everyone = pd.read_csv(io.StringIO(downloads["Map, CSV"][0]))
    assert list(everyone) == ["part", "image", "true", "predicted", *"xyz"[:dimensions]]
    assert set(everyone["part"]) == {"test" if split == "test" else "train"}
    assert everyone["image"].tolist() == index.tolist()
    assert everyone["true"].tolist() == part.labels[index].tolist()
    assert everyone["predicted"].tolist() == predicted_of(run, drawn, store, split).tolist()
    assert everyone[[*"xyz"[:dimensions]]].to_numpy() == pytest.approx(coordinates, rel=1e-5, abs=1e-9)
    chosen = pd.read_csv(io.StringIO(downloads["Selection, CSV"][0]))
    assert chosen.equals(everyone[everyone["true"] == 6].reset_index(drop=True))
    assert len(chosen)
    arrays = np.load(io.BytesIO(downloads["Map, npz"][0]))
    assert (arrays["coordinates"] == coordinates.astype(np.float32)).all()
    assert arrays["index"].tolist() == index.tolist()
    assert arrays["labels"].tolist() == part.labels[index].tolist()
    assert downloads["Map, npz"][1] == f"{run.id}-last-{split}-pca.npz"


def test_pixels_without_a_run_have_no_predictions_in_the_download(whole, downloads, drawn):
    whole(selected="t3")
    table = pd.read_csv(io.StringIO(downloads["Map, CSV"][0]))
    assert table["predicted"].isna().all()
    assert table["true"].tolist() == drawn.test.labels.tolist()


# --- search ---


def test_a_class_is_found_by_search(whole, run, drawn):
    page = whole(run=run.id).set("map_search", "t6")
    assert page.query["selected"] == "t6"
    wanted = np.flatnonzero(drawn.test.labels == 6) + FIRST
    assert page.images == wanted.tolist() == marks(page)["selected"] == marks(page)["marked"]
    assert "16 of 160 images are selected" in page.text
    assert page.at.get_by_key("map_search").value == "t6"


def test_the_most_frequent_confusion_is_found_by_search(whole, run, drawn, store):
    page = whole(run=run.id)
    predicted = predicted_of(run, drawn, store)
    wrong = np.flatnonzero(predicted != drawn.test.labels)
    cells = [(int(drawn.test.labels[number]), int(predicted[number])) for number in wrong]
    first = max(set(cells), key=cells.count)
    option = f"t{first[0]}p{first[1]}"
    page.set("map_search", option)
    assert page.query["selected"] == option
    wanted = [int(number) + FIRST for number, cell in zip(wrong, cells, strict=True) if cell == first]
    assert page.images == wanted


def test_the_number_of_an_image_of_the_other_part_is_not_taken_for_one_of_this_part(whole, run):
    page = type_in(whole(run=run.id), "training 17")
    assert "image" not in page.query
    assert "'training 17' is neither a class nor an image of this map" in page.run().text
    assert type_in(page, "test 17").query["image"] == "17"


@pytest.mark.parametrize(
    ("text", "found"),
    [("shirt", "t6"), ("ANKLE boots", "t9"), ("tshirt", "t0"), ("Top", "t0"), ("shirts taken for Coats", "t6p4")],
)
def test_a_class_is_found_however_it_is_written(whole, run, text, found):
    assert type_in(whole(run=run.id), text).query["selected"] == found


def test_the_message_about_a_search_in_vain_goes_with_the_next_one_that_finds_something(whole, run):
    page = type_in(whole(run=run.id), "shirtt")
    assert "'shirtt' is neither a class nor an image of this map" in page.errors[0]
    assert not type_in(page, "shirt").errors
    type_in(page, "shirtt")
    assert not page.open(HOME).errors, "nor does it follow to another page"


def test_an_image_is_found_by_its_number(whole, run, drawn):
    page = type_in(whole(run=run.id), "17")
    assert page.query["image"] == "17"
    assert f"{image_name('test', 17, drawn.test.labels[17])}: " in page.text
    assert marks(page)["focus"] == FIRST + 17


@pytest.mark.parametrize(
    "text",
    ["no such thing", "t12", "-1", "²", "1.5", "9" * 30, "9" * 5000, "", "<b>", "999999999", ",", "160"],
    ids=lambda text: ascii(text)[:30],
)
def test_a_search_in_vain_breaks_nothing(whole, run, text):
    page = type_in(whole(run=run.id), text)
    assert [text for text in page.errors if "is neither a class nor an image of this map" not in text] == []
    assert len(page.find("scatter")) == 1
    assert marks(page)["focus"] is None
    assert not marks(page)["selected"]


# --- one image ---


def test_a_point_opens_its_card_and_the_card_closes(whole, run, drawn):
    page = whole(run=run.id).send("scatter_main", "pick", FIRST + 23)
    assert page.query["image"] == "23"
    assert page.has("image_card")
    assert f"{image_name('test', 23, drawn.test.labels[23])}: " in page.text
    page.go("close")
    assert "image" not in page.query
    assert not page.has("image_card")


def test_the_way_leads_through_the_selection(whole, run, drawn):
    numbers = np.flatnonzero(drawn.test.labels == 6).tolist()
    page = whole(run=run.id, selected="t6").open_image(FIRST + numbers[1])
    assert page.query["image"] == str(numbers[1])
    assert page.go("next").query["image"] == str(numbers[2])
    assert page.go("previous").go("previous").query["image"] == str(numbers[0])
    assert page.go("previous").query["image"] == str(numbers[0])
    assert page.go("close").query == {"run": run.id, "method": "pca", "selected": "t6"}


@pytest.mark.parametrize("split", ["test", "validation"])
def test_after_its_card_an_image_has_the_focus_in_the_gallery_again(whole, run, split):
    page = whole(run=run.id, split=split, selected="t6")
    image_id = page.images[2]
    page.open_image(image_id).go("close")
    assert page.given(page.gallery)["current"] == image_id


def test_after_a_walk_onto_the_next_page_the_gallery_turns_to_it(whole, run, monkeypatch):
    monkeypatch.setattr("fmexplore.ui.images.gallery.PAGE", 7)
    monkeypatch.setattr("fmexplore.ui.embeddings.selection.PAGE", 7)
    page = whole(run=run.id, selected="t6")
    last = page.images[-1]
    assert len(page.images) == 7
    page.open_image(last).go("next")
    image_id = FIRST + int(page.query["image"])
    assert image_id > last
    page.go("close")
    assert image_id in page.images


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_are_those_of_brute_force(whole, run, drawn, metric):
    page = whole(run=run.id, image="17")
    page.set("neighbour_distance", metric)
    points = layer_points(run, drawn.test.images)
    assert marks(page)["neighbours"] == [FIRST + number for number in nearest(points, 17, metric)]


def test_neighbours_on_a_sample_are_of_the_sample(opened, run, drawn):
    page = opened(run=run.id)
    config = ProjectionConfig(method="pca", sample=60)
    chosen = config.choose(160)
    page.open(EMBEDDINGS, run=run.id, method="pca", image=str(chosen[5]))
    points = layer_points(run, drawn.test.images[chosen])
    assert marks(page)["neighbours"] == [FIRST + int(chosen[place]) for place in nearest(points, 5, "euclidean")]


def layer_points(run: Run, images: np.ndarray) -> np.ndarray:
    """The last hidden layer as the features file has it, by the network itself."""
    network = build(run.config.model)
    network.load_state_dict({name: torch.tensor(value) for name, value in run.read_weights().items()})
    network.eval()
    with torch.inference_mode():
        features = network.logits_and_features(to_input(torch.tensor(images)))[1]
    return features.numpy().astype(np.float16).astype(np.float64)


def nearest(points: np.ndarray, place: int, metric: str, count: int = 10) -> list[int]:
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    distances = np.linalg.norm(points - points[place], axis=1)
    return [int(each) for each in np.argsort(distances, kind="stable") if each != place][:count]


def test_a_single_picture_is_given_where_there_are_no_sheets(whole, run, drawn):
    page = whole(run=run.id).send("scatter_main", "want", FIRST + 5)
    content = marks(page)["pictures"][str(FIRST + 5)]
    assert (np.array(Image.open(io.BytesIO(base64.b64decode(content)))) == drawn.test.images[5]).all()


# --- trouble, and other people ---


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign", "gone"])
def test_a_broken_projection_file_is_computed_anew(whole, run, store, desk, damage):
    page = whole(run=run.id)
    before, _ = points_of(page, run, store)
    files = Derived(run, store.settings)
    path = files.folder / f"{files.projection_name('last', 'test', ProjectionConfig(method='pca'))}.safetensors"
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"truncated": content[:-100], "empty": b"", "foreign": b"{}" * 500}[damage])
    st.cache_resource.clear()
    count = len(desk.names())
    other = whole(run=run.id)
    assert len(desk.names()) == count + 1
    assert not other.errors
    assert len(other.find("scatter")) == 1
    assert (points_of(page, run, store)[0] == before).all()


@pytest.mark.parametrize("wrong", ["short", "long", "negative"])
def test_a_map_of_other_images_breaks_nothing(whole, run, store, wrong):
    """A file with the right name and numbers of images that do not exist, as after another data set."""
    files = Derived(run, store.settings)
    count = 20 if wrong == "short" else 160
    index = np.arange(count, dtype=np.int32) + {"short": 0, "long": 5000, "negative": -70_000}[wrong]
    arrays = {"coordinates": np.random.default_rng(0).normal(0, 1, (count, 2)).astype(np.float32), "index": index}
    files.write(files.projection_name("last", "test", ProjectionConfig(method="pca")), arrays)
    page = whole(run=run.id)
    assert len(page.find("scatter")) == 1


def test_two_sessions_do_not_see_each_others_selection(whole, run):
    one, two = whole(run=run.id), whole(run=run.id)
    lasso(one)
    two.run()
    assert marks(one)["selected"]
    assert marks(two)["selected"] == []
    assert "selected" not in two.query
    two.set("map_search", "t3")
    one.run()
    assert one.query["selected"].startswith(Selection(TRIANGLE).text())
    two.set("map_dimensions", 3)
    one.run()
    assert one.at.get_by_key("map_dimensions").value == 2


def test_while_a_map_is_computed_the_principal_axes_are_shown(opened, run, desk):
    desk.slow = {"tsne"}
    page = opened(run=run.id, method="tsne")
    assert "Meanwhile, this is the PCA map; t-SNE follows." in page.text
    assert len(page.find("scatter")) == 1
    assert {"Cancel"} <= page.buttons.keys()
    assert not {"Pause", "Stop here"} & page.buttons.keys(), "there is nothing to stop with yet"
    (question,) = [question for question in desk.names() if question.arguments["config"].method == "tsne"]
    chosen = question.arguments["config"].choose(160)
    question.partial = {"coordinates": np.zeros((60, 2), np.float32), "index": chosen.astype(np.int32)}
    question.share = 0.5
    page.run()
    assert {"Pause", "Stop here", "Cancel"} <= page.buttons.keys()
    page.click("Pause")
    assert question.paused
    page.click("Resume")
    assert not question.paused
    page.click("Stop here")
    assert question.stopped
    question.work()
    page.run()
    assert "Cancel" not in page.buttons
    assert page.has("scatter_main")
    assert len([each for each in desk.names() if each.arguments["config"].method == "tsne"]) == 1


def test_after_giving_up_the_page_is_usable(opened, run, desk):
    desk.slow = {"tsne"}
    page = opened(run=run.id, method="tsne").click("Cancel")
    page.run()
    assert "Compute the map" in page.buttons
    assert len(page.find("scatter")) == 1
    count = len(desk.names())
    page.run()
    assert len(desk.names()) == count, "it is not asked again by itself"
    page.set("map_search", "t6")
    assert marks(page)["selected"]
    desk.slow = set()
    page.click("Compute the map")
    assert not page.errors
    assert "Compute the map" not in page.buttons


def test_who_gives_up_is_done_with_it_while_others_go_on_waiting(opened, run, desk, monkeypatch):
    desk.slow = {"tsne"}
    page = opened(run=run.id, method="tsne")
    monkeypatch.setattr(desk.names()[-1], "cancel", lambda: None)
    page.click("Cancel").run()
    assert "Compute the map" in page.buttons
    assert "Cancel" not in page.buttons


def test_a_stopped_map_is_not_judged_and_gives_way_to_the_whole_one(opened, run, store, desk):
    desk.slow = {"tsne"}
    page = opened(run=run.id, method="tsne")
    question, files = desk.names()[-1], Derived(run, store.settings)
    config = question.arguments["config"]
    index = config.choose(160).astype(np.int32)
    arrays = {"coordinates": np.zeros((len(index), 2), np.float32), "index": index, "stopped": np.array([True])}
    files.write(files.projection_name("last", "test", config), arrays)
    question.answer.set_result(arrays)
    page.run()
    assert "This map was stopped early." in page.warnings
    page.open(EMBEDDINGS, run=run.id, method="tsne", view="trust")
    assert "This map was stopped early and is not evaluated" in page.text
    assert not desk.names("measure_map")
    desk.slow = set()
    page.click("Finish it")
    assert not page.warnings
    assert "of an image's" in page.text.lower()


def test_an_analyst_that_dies_is_told(opened, run, desk):
    desk.slow = {"tsne"}
    page = opened(run=run.id, method="tsne")
    desk.names()[-1].answer.set_exception(AnalysisFailed("The process for analyses ended."))
    page.run()
    assert any("The process for analyses ended" in error for error in page.errors)
    assert "Compute the map" in page.buttons


# --- over the run ---


def test_over_the_run_there_is_a_frame_for_each_snapshot(opened, run, monkeypatch):
    seen = []
    original = canvas.scatter

    def scatter(points, *more, **named):
        seen.append(points)
        original(points, *more, **named)

    monkeypatch.setattr(canvas, "scatter", scatter)
    page = opened(run=run.id, view="time")
    (points,) = seen
    assert [re.match(r"epoch [\d.]+", frame.caption)[0] for frame in points.frames] == [
        "epoch 1.00", "epoch 2.00", "epoch 3.00"
    ]  # fmt: skip
    assert len(points.ids) == 60
    moment = r"(before training|epoch \d\.\d\d) \(\d+\s% right\)"
    assert re.search(rf"The images move most between {moment} and {moment}: by \d+\s% of the map's radius", page.text)


def test_a_point_over_the_run_opens_the_image_of_the_validation_images(opened, run, drawn, tiny):
    page = opened(run=run.id, view="time")
    numbers = drawn.locate("validation", tiny.training.split_config)[1]
    numbers = numbers[ProjectionConfig(method="pca", sample=60).choose(len(numbers))]
    page.send("scatter_time", "pick", int(numbers[3]))
    assert page.query["split"] == "validation"
    assert page.query["image"] == str(numbers[3])
    assert "view" not in page.query
    assert f"{image_name('validation', numbers[3], drawn.train.labels[numbers[3]])}: " in page.text


def test_a_run_without_snapshots_has_nothing_to_follow_and_says_so(opened, make_run):
    page = opened(run=make_run(name="bare", weights="random").id, view="time")
    assert "bare has no snapshots of its training" in page.text


def test_over_the_run_snapshots_without_features_are_followed_by_their_outputs(opened, run):
    for step in run.snapshot_steps():
        arrays, metadata = run.read_snapshot(step)
        del arrays["features"]
        run.snapshot_path(step).write_bytes(save(arrays, metadata))
    page = opened(run=run.id, view="time")
    assert page.find("scatter")
    assert "by the ten outputs, as its snapshots have no features" in page.text


# --- side by side ---


def test_a_pair_shows_the_same_selection_on_both_maps(opened, run):
    page = opened(run=run.id, view="pair", selected="t6")
    assert {each.key for each in page.find("scatter")} == {"scatter_pair_0", "scatter_pair_1"}
    assert marks(page, "marks_pair")["selected"]
    assert page.images == marks(page, "marks_pair")["selected"]


def test_a_copied_link_opens_the_same_two_moments(opened, run):
    page = opened(run=run.id, view="pair").set("beside", "moment").set("moment_left", 0)
    look = page.given("copy_link")
    assert look["moment_left"] == "0"
    fresh = opened(run=run.id, view="pair", look="&".join(f"{name}={value}" for name, value in look.items()))
    assert fresh.at.get_by_key("moment_left").value == 0
    assert fresh.at.get_by_key("moment_right").value == len(run.snapshot_steps()) - 1


def test_moments_that_were_chosen_of_one_run_are_not_those_of_the_next(opened, run, trained):
    other = with_features(trained("other", seed=1, weights="random"))
    page = opened(run=run.id, view="pair").set("beside", "moment").set("moment_left", 0).set("moment_right", 1)
    page.open(EMBEDDINGS, run=other.id, view="pair", method="pca")
    steps = other.snapshot_steps()
    assert page.at.get_by_key("moment_left").value == len(steps) // 2 > 0
    assert page.at.get_by_key("moment_right").value == len(steps) - 1 > 1


@pytest.mark.parametrize("kind", ["pixels", "layer", "run", "moment"])
def test_every_kind_of_pair(opened, run, trained, kind):
    trained("other", seed=1, weights="random")
    page = opened(run=run.id, view="pair").set("beside", kind)
    assert not page.errors
    assert len(page.find("scatter")) == 2


@pytest.mark.parametrize(("place", "layer"), [(0, "last"), (1, "pixels")])
def test_a_lasso_selects_on_the_map_that_it_was_drawn_on(opened, run, store, place, layer):
    page = lasso(opened(run=run.id, view="pair"), key=f"scatter_pair_{place}")
    config = ProjectionConfig(method="pca", sample=60)
    coordinates, index = points_of(page, run, store, config, layer)
    assert marks(page, "marks_pair")["selected"] == (index[even_odd(coordinates, TRIANGLE)] + FIRST).tolist() != []
    assert not page.warnings


def test_two_moments_share_selection_and_open_images(opened, run, drawn, tiny):
    page = opened(run=run.id, view="pair").set("beside", "moment")
    numbers = drawn.locate("validation", tiny.training.split_config)[1]
    config = ProjectionConfig(method="pca", sample=60)
    lasso(page, key="scatter_pair_0")
    assert page.query["split"] == "validation"
    index = numbers[config.choose(len(numbers))]
    assert not page.warnings
    assert len(page.find("scatter")) == 2
    selected = marks(page, "marks_pair")["selected"]
    steps = run.snapshot_steps()
    wanted = map_analysis.project_snapshots(NullProgress(), run, config)["coordinates"][len(steps) // 2]
    assert selected == index[even_odd(wanted, TRIANGLE)].tolist() != []
    page.send("scatter_pair_1", "pick", int(index[3]))
    assert page.query["image"] == str(index[3])
    assert f"{image_name('validation', index[3], drawn.train.labels[index[3]])}: " in page.text


def test_a_mistake_opened_from_the_gallery_has_the_next_one_beside_it(whole, run):
    page = whole(run=run.id)
    first, second = page.images[:2]
    page.open_image(first).go("next")
    assert page.query["image"] == str(second - FIRST)


def test_on_a_map_of_both_parts_a_number_is_searched_with_its_part(whole, run):
    page = type_in(whole(run=run.id, split="all"), "test 7")
    assert page.query["image"] == str(FIRST + 7)
    assert marks(page)["focus"] == FIRST + 7


@pytest.mark.parametrize("value", ["nonsense", "t12", "o1~1"])
@pytest.mark.parametrize("view", ["map", "pair"])
def test_a_selection_that_cannot_be_read_is_told_in_every_view_that_shows_it(opened, run, view, value):
    page = opened(run=run.id, view=view, selected=value)
    assert any("selection in the link cannot be read" in warning for warning in page.warnings)
    assert len(page.find("scatter")) == {"map": 1, "pair": 2}[view]
