"""Where a network looks, and its key visual cues: on the Inside page, with tiny networks."""

from concurrent.futures import Future
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest

from fmexplore.analysis.inside import attribute_image, check_image, find_class_cues, trace_image
from fmexplore.analysis.server import ANALYSES
from fmexplore.analysis.task import NullProgress
from fmexplore.errors import AnalysisFailed
from fmexplore.inside.attributions import METHODS, Attribution, Target
from fmexplore.inside.checks import DRAWS, Deletion, Similarity
from fmexplore.models.layers import Activation, Conv, Dense, Flatten, MaxPool
from fmexplore.models.table import Model
from fmexplore.ui.inside.heat import make_heat, short
from fmexplore.ui.inside.method import say_completeness, say_deletion, say_similarity
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import INSIDE_PAGE as INSIDE
from fmexplore.ui.session import PREDICT_PAGE as PREDICT

LAYERS = (Conv(filters=3), Activation(), MaxPool(), Flatten(), Dense(units=10))
TASK = NullProgress()
LARGE = {"patch": "22", "fill": "black"}  # few positions


@pytest.fixture
def network(make_run, tiny, labels_of):
    """A run of a small network with random weights, whose kept answers have test image 4 wrong, the first of all."""
    logits = 9 * np.eye(10, dtype=np.float32)[labels_of("test")]
    logits[4] = np.roll(logits[4], 1)
    return make_run(
        name="net", config=tiny.replace(model=Model(layers=LAYERS)), weights="random", kept={"test": logits}
    )


def picked(page, key: str):
    return page.at.get_by_key(key).value


def test_a_mistake_is_explained_against_the_true_class_by_all_methods_with_their_checks(app, network, drawn, desk):
    page = app().open(INSIDE, run=network.id, view="looks", **LARGE)
    image = drawn.test.images[4]
    label = int(trace_image(TASK, network, image)["5"].argmax())
    assert label != 4
    assert (picked(page, "looks_class"), picked(page, "looks_against"), picked(page, "chosen_image")) == (label, 4, 4)
    for method in METHODS:
        found = attribute_image(TASK, network, image, method, label, 4, patch=22, fill="black")
        checks = check_image(TASK, network, image, found, patch=22, fill="black")
        trained, scrambled = page.given(f"looks_{method}")["maps"]
        assert trained["values"][9][7] == short(found.heat[9, 7])
        assert scrambled["values"][9][7] == short(checks.scrambled[9, 7])
        assert page.has(f"looks_deletion_{method}")
        assert f"area {checks.deletion.area:.2f}, random {checks.deletion.random_area:.2f}" in page.text
        assert trained["ends"][-1] == short(np.abs(found.heat).max())
        if found.steps:
            assert f"({found.steps:,} steps)" in page.text
            assert "They add up" in page.text
    assert "on average by" in page.text
    before = list(desk.asked)
    other = app().open(INSIDE, run=network.id, view="looks", **LARGE)  # another browser
    assert other.given("looks_occlusion") == page.given("looks_occlusion")
    assert "attribute_image" not in desk.asked[len(before) :]
    page.set("looks_patch", 27)
    assert page.query["patch"] == "27"
    assert desk.asked[len(before) :].count("attribute_image") == 1  # occlusion alone
    page.set("looks_class", 7)
    assert (page.query["class"], page.query["against"]) == ("7", "4")
    page.set("looks_against", None)
    assert "against" not in page.query
    assert "The logit of Sneaker is" in page.text
    page.click("Predicted class")
    assert picked(page, "looks_class") == label


def test_the_image_stays_from_view_to_view_and_a_card_leads_here(app, network):
    page = app().open(CONFUSIONS, run=network.id, image="4")
    (link,) = (each.proto for each in page.at.page_link if each.proto.label == "Where it looks")
    place = dict(parse_qsl(link.query_string))
    assert place == {"run": network.id, "split": "test", "image": "4", "view": "looks"}
    page.open(INSIDE, **place, **LARGE).click("Next")
    assert page.query["image"] == "5"
    page.set("inside_view", "way")
    assert (page.query["image"], "patch" in page.query) == ("5", False)
    assert "Test image 5, " in page.text
    page.set("inside_view", "looks").set("inside_view", "robustness")
    assert not {"image", "split"} & set(page.query)


def test_a_photo_of_this_visit_is_explained_and_one_that_is_gone_is_told(app, network):
    page = app().open(PREDICT, run=network.id)
    page.send("photo_samples", "pick", page.given("photo_samples")["items"][0]["id"])
    (link,) = (each.proto for each in page.at.page_link if each.proto.label == "Inside")
    page.open(INSIDE, **dict(parse_qsl(link.query_string)), view="looks", **LARGE)
    assert "without its mirror image" in page.text
    assert page.given("looks_occlusion")["maps"][0]["picture"]
    page.open(INSIDE, run=network.id, photo="0123456789", view="looks", **LARGE)
    assert any("not among those of this visit" in warning for warning in page.warnings)
    assert page.given("looks_occlusion")["maps"][0]["picture"]


@pytest.mark.parametrize(
    "layers", [(Flatten(), Dense(units=10)), (Conv(filters=2, kernel=28, padding="valid"), Flatten(), Dense(units=10))]
)
def test_networks_without_large_maps_have_all_but_grad_cam(app, make_run, tiny, layers):
    run = make_run(config=tiny.replace(model=Model(layers=layers)), weights="random")
    page = app().open(INSIDE, run=run.id, view="looks", **LARGE)
    assert "Grad-CAM needs a feature map of at least 5 x 5" in page.text
    assert [page.has(f"looks_{method}") for method in METHODS] == [True, True, False, True]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"class": "ten", "against": "-1"}, "class='ten'"),
        ({"against": "11"}, "against='11'"),
        ({"class": "3", "against": "3"}, "against='3', which is not another class"),
        ({"patch": "29"}, "patch='29', which is not a side from 1 to 28 pixels"),
        ({"fill": "white"}, "fill='white'"),
        ({"image": "99999"}, "Image 99,999 is not among the test images"),
    ],
)
def test_nonsense_in_the_link_is_told_and_left_out(app, network, query, told):
    page = app().open(INSIDE, run=network.id, view="looks", **LARGE | query)
    assert sum(told in warning.replace("\\", "") for warning in page.warnings) == 1, page.warnings
    assert page.has("looks_gradient")


class Pending:
    """A question that is under way."""

    share, message, partial, cancelled = 0.3, "Computing occlusion", None, False

    def __init__(self) -> None:
        self.answer: Future = Future()

    def wait(self, seconds: float) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


def test_what_takes_long_can_be_cancelled_and_what_is_there_stays(app, network, desk, monkeypatch):
    ask, pending = desk.ask, []

    def slow(name, **arguments):
        if arguments.get("method") != "occlusion":
            return ask(name, **arguments)
        pending.append(Pending())
        return pending[-1]

    monkeypatch.setattr(desk, "ask", slow)
    page = app().open(INSIDE, run=network.id, view="looks")
    assert "Computing occlusion" in page.text
    pictures = [page.given(f"looks_{method}")["maps"][0]["picture"] for method in METHODS]
    assert all(pictures[:3])
    assert not pictures[3]
    page.click("Next")  # another image takes its place
    assert [each.cancelled for each in pending] == [True, False]
    page.click("Cancel")
    assert pending[1].cancelled
    assert "Cancelled." in page.warnings
    assert page.given("looks_gradient")["maps"][0]["picture"]
    page.click("Go on")
    assert len(pending) == 3


def test_one_that_fails_is_told_and_asked_again_and_the_others_are_there(app, network, monkeypatch):
    ended = AnalysisFailed("The process for analyses ended (code -9), perhaps for lack of memory: try again.")

    def fail(task, **arguments):
        if arguments["method"] == "gradient":
            raise ended
        return attribute_image(task, **arguments)

    with monkeypatch.context() as patch:
        patch.setitem(ANALYSES, "attribute_image", fail)
        page = app().open(INSIDE, run=network.id, view="looks", **LARGE)
        assert "The process for analyses ended" in page.errors[0]
        assert not page.given("looks_gradient")["maps"][0]["picture"]
        assert page.given("looks_occlusion")["maps"][1]["picture"]
    page.click("Try again")
    assert not page.errors
    assert page.given("looks_gradient")["maps"][1]["picture"]


def test_what_is_no_number_is_called_unknown():
    nan = float("nan")
    heat = np.full((28, 28), np.nan, np.float32)
    assert make_heat("x", heat, np.zeros((28, 28), np.uint8)).picture is None
    assert say_similarity(Similarity(nan)).startswith("unknown")
    shares = np.linspace(0, 1, 3)
    falling, flat = np.array([0.9, 0.1, 0.1]), np.full((DRAWS, 3), 0.9)
    assert say_deletion(Deletion(shares, np.full(3, nan), flat)).startswith("unknown")
    assert "than in all 19 random orders (area 0.30, random 0.90, 0.90 to 0.90" in say_deletion(
        Deletion(shares, falling, flat)
    )
    assert "no more than random ones" in say_deletion(Deletion(shares, flat[0], flat))
    assert "begins at 1.0" in say_deletion(Deletion(shares, falling / 90, flat))
    assert "hardly changes: rank correlation 0.80" in say_similarity(Similarity(0.8))
    assert "changes with the weights" in say_similarity(Similarity(0.2))
    found = Attribution("integrated gradients", Target(1), np.ones((28, 28)), 1.0, 2048, 0.3)
    assert say_completeness(found).startswith("They do not add up: 784 in all is 30.0")
    assert say_completeness(replace(found, error=0.0004)).startswith("They add up: 784 in all, less than 0.1 % from")
    assert "cannot be known" in say_completeness(replace(found, error=nan))


# --- key visual cues --------------------------------------------------------------------------------------------------


@pytest.fixture
def knowing(make_run, tiny):
    """A run for which everything is a shirt, or any other class that the drawn images have."""
    run = make_run(name="net", config=tiny.replace(model=Model(layers=LAYERS)), weights="random")
    weights = run.read_weights()
    weights["layers.4.bias"][6] += 100
    run.write_weights(weights)
    return run


def test_cues_are_those_of_the_class_with_their_images_and_channels(app, knowing, drawn, desk):
    page = app().open(INSIDE, run=knowing.id, view="cues")
    found = find_class_cues(TASK, knowing, 6)
    assert page.at.subheader[0].value.replace("\N{NO-BREAK SPACE}", " ") == found.sentence
    names = [each["name"] for each in page.given("cues_maps")["maps"]]
    assert names == ["mean image", "share lost when covered", "mean occlusion", "mean integrated gradients"]
    assert page.given("cues_maps")["maps"][2]["values"][5][5] == short(found.occlusion[5, 5])
    numbers = drawn.locate("validation", knowing.config.training.split_config).numbers[found.typical]
    assert [item["id"] for item in page.given("cues_typical")["items"]] == numbers.tolist()
    rows = page.given("cues_channels")["rows"]
    assert [row["name"] for row in rows] == [f"channel {each.channel}" for each in found.ranking.measured]
    assert [" to " in text for text in rows[0]["numbers"]] == [False, False, True]
    page.send("cues_typical", "pick", int(numbers[2]))
    assert page.query == {
        **{"run": knowing.id, "split": "validation", "true": "6", "pred": "6", "image": str(numbers[2])}
    }
    page.open(INSIDE, run=knowing.id, view="cues", image="5", **{"class": "6", "against": "0"})
    assert "shirts against T-shirts" in page.text
    page.send("cues_channels", "pick", 0)
    assert page.query["layer"] == found.layer
    assert page.query["channel"] == str(found.ranking.measured[0].channel)
    assert page.query["class"] == "6"
    assert not {"against", "image"} & set(page.query)  # an image would be opened
    assert page.has("channels_grid")
    page.open(INSIDE, run=knowing.id, view="cues", **{"class": "8"})
    assert "none of 5 validation images is recognised" in page.text
    assert "Try again" not in page.buttons
    page.set("cues_class", 6)
    assert page.query["class"] == "6"


@pytest.mark.parametrize(
    ("validation", "said"), [("none", "was trained without validation images"), ("test", "are the")]
)
def test_runs_without_validation_images_of_their_own_say_so(app, make_run, tiny, validation, said):
    config = tiny.replace(model=Model(layers=LAYERS), training=tiny.training.replace(validation=validation))
    run = make_run(config=config, weights="random")
    weights = run.read_weights()
    weights["layers.4.bias"][6] += 100
    run.write_weights(weights)
    page = app().open(INSIDE, run=run.id, view="cues")
    assert said in page.text
    assert page.has("cues_maps") == (validation == "test")


def test_cues_under_way_say_how_far_they_are_and_can_be_cancelled(app, knowing, desk, monkeypatch):
    pending = Pending()
    monkeypatch.setattr(desk, "ask", lambda name, **arguments: pending)
    page = app().open(INSIDE, run=knowing.id, view="cues")
    assert pending.message in page.text
    page.click("Cancel")
    assert pending.cancelled
    page.click("Compute them")
    assert pending.message in page.text
