"""Channels on the Inside page: what excites them, ablation, those that matter to a class, and what cannot be shown."""

from concurrent.futures import Future
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest

from fmexplore.analysis import inside
from fmexplore.analysis.server import ANALYSES
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import AnalysisFailed
from fmexplore.inside.ablation import Ranking, Without, measure_without, rank_channels
from fmexplore.inside.channels import Responses, find_responses
from fmexplore.inside.graph import Graph
from fmexplore.models.layers import Activation, Conv, Dense, Flatten, GlobalAvgPool, MaxPool
from fmexplore.models.table import Model
from fmexplore.runs.derived import Derived
from fmexplore.ui import shared
from fmexplore.ui.inside.ablation import say_ranking, say_without
from fmexplore.ui.inside.channel import say_response
from fmexplore.ui.inside.words import brief
from fmexplore.ui.session import INSIDE_PAGE as INSIDE

LAYERS = (Conv(filters=4), Activation(), MaxPool(), Flatten(), Dense(units=10))
NO_CONVOLUTION = (Flatten(), Dense(units=6), Activation(), Dense(units=10))


@pytest.fixture
def make_network(make_run, tiny):
    """Writes a run of some layers, with random weights unless told otherwise."""

    def make(layers=LAYERS, validation="share", **options):
        training = tiny.training.replace(validation=validation)
        config = tiny.replace(model=Model(layers=layers), training=training)
        return make_run(name="net", config=config, **{"weights": "random", **options})

    return make


@pytest.fixture
def network(make_network):
    return make_network()


def link(page, words: str) -> dict[str, str]:
    """Where the only link that begins so leads."""
    (found,) = (each.proto for each in page.at.page_link if each.proto.label.startswith(words))
    return dict(parse_qsl(found.query_string))


def test_it_opens_with_the_first_convolution_its_kernels_and_what_excites_the_most_selective_channel(
    app, network, drawn
):
    page = app().open(INSIDE, view="channels", run=network.id)
    wanted = find_responses(inside.passes_of(network), "1", drawn.test)
    channel = wanted.most_selective()
    among = "160 test images"
    assert page.at.subheader[0].value == say_response(
        Graph(network.config.model), Graph(network.config.model)["1"], wanted, channel, among
    )
    assert [item["id"] for item in page.given("channels_grid")["items"]] == [0, 1, 2, 3]
    assert page.given("channels_grid")["current"] == page.given("kernels")["current"] == channel
    assert [item["id"] for item in page.given("channel_patches")["items"]] == wanted.numbers[channel].tolist()
    means = [row["numbers"][0] for row in page.given("channel_means")["rows"]]
    assert means == [brief(mean) for mean in wanted.means[channel]]
    page.send("channels_grid", "pick", 2)
    assert (page.query["layer"], page.query["channel"]) == ("1", "2")
    assert page.given("kernels")["current"] == 2
    page.send("kernels", "pick", 3)
    assert page.query["channel"] == "3"
    page.set("channels_layer", "3")
    assert (page.query["layer"], "channel" in page.query) == ("3", False)
    assert not page.has("kernels")


def test_a_patch_opens_its_image_and_leads_to_the_way_of_it_at_that_place_and_back(app, network, drawn):
    page = app().open(INSIDE, view="channels", run=network.id, layer="3", channel="1")
    wanted = find_responses(inside.passes_of(network), "3", drawn.test)
    second = int(wanted.numbers[1, 1])
    page.send("channel_patches", "pick", second)
    assert page.query["image"] == str(second)
    assert f"Test image {second}, " in page.text
    page.go("previous")
    assert page.query["image"] == str(wanted.numbers[1, 0])
    y, x = wanted.places[1, 0]
    place = link(page, "Channel 1 on this image")
    assert place == {
        **{"run": network.id, "split": "test", "image": str(wanted.numbers[1, 0])},
        **{"layer": "3", "channel": "1", "at": f"{y},{x}"},
    }
    page.go("close")
    assert "image" not in page.query
    page.open(INSIDE, **place)
    assert f"Layer 3, channel 1, row {y}, column {x}: {wanted.values[1, 0]:.5g}" in page.text
    place = link(page, "What excites channel 1 of layer 3")
    assert place == {"view": "channels", "run": network.id, "split": "test", "layer": "3", "channel": "1"}
    assert app().open(INSIDE, **place).given("channels_grid")["current"] == 1


def test_switched_off_on_a_press_it_is_measured_once_on_validation_images(app, network, drawn, desk):
    page = app().open(INSIDE, view="channels", run=network.id, layer="3", channel="1")
    assert "switch_off" not in desk.asked
    page.click("Switch off channel 1 of layer 3")
    split = drawn.select("validation", network.config.training.split_config)
    [wanted] = measure_without(inside.passes_of(network), "3", [1], split)
    assert say_without(wanted).replace("\N{NO-BREAK SPACE}", " ") in page.text
    rows = page.given("channel_off")["rows"]
    assert [row["name"] for row in rows] == ["all classes", *CLASS_NAMES]
    low, high = wanted.interval(6)[1:]
    assert f"({100 * low:.1f} to {100 * high:.1f} %)" in rows[7]["numbers"][1].replace("\N{NO-BREAK SPACE}", " ")
    page.run()
    assert desk.asked.count("switch_off") == 1
    assert page.has("channel_off")


def test_a_class_has_its_ranking_which_orders_the_channels_and_leads_to_each(app, network, drawn, desk):
    page = app().open(INSIDE, view="channels", run=network.id, layer="3")
    page.send("channel_means", "pick", 8)
    assert page.query["class"] == "8"
    split = drawn.select("validation", network.config.training.split_config)
    wanted = rank_channels(inside.passes_of(network), "3", 8, split)
    assert say_ranking(Graph(network.config.model), Graph(network.config.model)["3"], wanted) in [
        each.value for each in page.at.subheader
    ]
    rows = page.given("channels_ranking")["rows"]
    assert [row["name"] for row in rows] == [f"channel\N{NO-BREAK SPACE}{each}" for each in wanted.channels]
    assert [item["id"] for item in page.given("channels_grid")["items"]] == wanted.channels.tolist()
    page.send("channels_ranking", "pick", 2)
    assert page.query["channel"] == str(wanted.channels[2])
    assert desk.asked.count("rank_for_class") == 1


def test_without_validation_images_it_says_why_two_things_are_missing_and_measures_nothing(app, make_network, desk):
    run = make_network(validation="none")
    page = app().open(INSIDE, view="channels", run=run.id, split="validation", **{"class": "8"})
    assert "net was trained without validation images" in page.text.replace("\\", "")
    assert "Only on those is it measured what happens when a channel is off" in page.text
    assert not {"switch_off", "rank_for_class"} & set(desk.asked)
    assert page.at.get_by_key("channels_class").disabled
    assert page.at.get_by_key("channels_split").options == ["Test", "Training"]
    assert len(page.given("channel_patches")["items"]) == 9
    assert not any(row["leads"] for row in page.given("channel_means")["rows"])


@pytest.mark.parametrize(
    ("layers", "named", "count", "said"),
    [
        (NO_CONVOLUTION, "2", 6, "This layer has no maps: each of its values counts as a channel"),
        ((Conv(filters=2, kernel=28, padding="valid"), Flatten(), Dense(units=10)), "1", 2, "Layer 1, conv 2 28x28"),
        ((Conv(filters=512, kernel=1), GlobalAvgPool(), Dense(units=10)), "1", 32, "512 channels"),
    ],
)
def test_networks_without_convolutions_with_maps_of_one_value_and_with_many_channels(
    app, make_network, layers, named, count, said
):
    run = make_network(layers)
    page = app().open(INSIDE, view="channels", run=run.id, layer=named, channel="1")
    assert said in page.text
    assert len(page.given("channels_grid")["items"]) == count
    assert page.has("kernels") == (named == "1")
    page.open(INSIDE, view="channels", run=run.id, layer="3", channel="8")
    if layers[-1] == Dense(units=10) and len(layers) == 3:
        assert page.at.subheader[0].value.startswith("The logit of Bag ")


def test_the_last_of_512_channels_is_on_the_last_page(app, make_network):
    run = make_network((Conv(filters=512, kernel=1), GlobalAvgPool(), Dense(units=10)))
    page = app().open(INSIDE, view="channels", run=run.id, channel="511")
    assert [item["id"] for item in page.given("channels_grid")["items"]] == list(range(480, 512))


def test_a_channel_that_never_responds_is_said_to_and_has_no_patches(app, make_network):
    page = app().open(INSIDE, view="channels", run=make_network(weights="zero").id, channel="1")
    assert page.at.subheader[0].value == "Channel 1 of layer 1 never responds: it is 0 for 160 test images"
    assert not page.has("channel_patches")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"layer": "77"}, "layer='77', which is not a layer of this network"),
        ({"layer": "softmax"}, "layer='softmax', which is not a layer with channels"),
        ({"layer": "3", "channel": "4"}, "channel is 4, and layer 3 (max_pool 2) has 0 to 3"),
        ({"channel": "-1"}, "channel='-1'"),
        ({"class": "10"}, "class='10'"),
        ({"split": "all"}, "split='all'"),
        ({"image": "99999"}, "Image 99,999 is not among the test images"),
        ({"image": "x"}, "image='x'"),
    ],
)
def test_what_the_link_names_and_is_not_there_is_told_and_left_out(app, network, query, told):
    page = app().open(INSIDE, view="channels", run=network.id, **query)
    assert [told in warning.replace("\\", "") for warning in page.warnings] == [True], page.warnings
    assert page.given("channel_patches")["items"]


def test_a_run_that_still_trains_or_has_diverged_is_told(app, make_network, kinds):
    page = app().open(INSIDE, view="channels", run=make_network(state="running", pid=1).id)
    assert "is still training" in page.text
    page.open(INSIDE, view="channels", run=kinds["overflowing"])
    assert "no usable answers" in page.text


def test_where_the_analyst_dies_that_is_told_and_the_question_can_be_asked_again(app, network, monkeypatch):
    def die(task, **arguments):
        raise AnalysisFailed("The process for analyses ended (code -9): try again.")

    with monkeypatch.context() as patch:
        patch.setitem(ANALYSES, "respond_channels", die)
        page = app().open(INSIDE, view="channels", run=network.id)
        assert "The process for analyses ended" in page.text
    assert not page.has("channels_grid")
    page.click("Try again")
    assert page.has("channels_grid")
    with monkeypatch.context() as patch:
        patch.setitem(ANALYSES, "rank_for_class", die)
        page.send("channel_means", "pick", 8)
        assert "The process for analyses ended" in page.text
        assert page.has("channels_grid"), "what is known is still shown"


class Pending:
    """A question that is under way."""

    share, message = 0.3, "Looking at what 160 images do to the channels of layer 1"

    def __init__(self) -> None:
        self.answer: Future = Future()
        self.cancelled = False

    def wait(self, seconds: float) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


def test_what_takes_long_shows_its_progress_can_be_cancelled_and_ends_with_the_next_layer(app, network, monkeypatch):
    asked: list[Pending] = []

    def ask(name, **arguments):
        asked.append(Pending())
        return asked[-1]

    monkeypatch.setattr(shared.analyst(), "ask", ask)
    page = app().open(INSIDE, view="channels", run=network.id)
    assert Pending.message in page.text
    page.click("Cancel")
    assert asked[0].cancelled
    assert "What excites the channels of layer 1 is not known yet." in page.warnings
    page.click("Go on")
    page.set("channels_layer", "3")
    assert [question.cancelled for question in asked] == [True, True, False]
    assert Pending.message in page.text


def test_patches_are_cut_also_where_what_they_are_cut_by_is_kept_no_longer(app, network, store):
    page = app().open(INSIDE, view="channels", run=network.id, channel="1")
    for path in Derived(network, store.settings).folder.glob("responses-*"):
        path.unlink()
    page.send("channels_grid", "pick", 2)
    assert len(page.given("channel_patches")["items"]) == 9


def test_images_that_do_not_excite_a_channel_are_not_among_its_patches(app, network, monkeypatch):
    def respond(task, run, layer, split):
        found = inside.respond_channels(task, run, layer, split)
        found.values[1] = [2, 1, *[0] * 7]
        return found

    monkeypatch.setitem(ANALYSES, "respond_channels", respond)
    page = app().open(INSIDE, view="channels", run=network.id, layer="2", channel="1")
    assert len(page.given("channel_patches")["items"]) == 2
    assert "No other image excites it" in page.text


GRAPH = Graph(Model(layers=LAYERS))


def measured(channel: int, lost: int, label: int = 8) -> Without:
    """One channel without which so many of 100 images of a class are lost; 90 were right."""
    before, images = np.full(10, 90), np.full(10, 100)
    gone = np.eye(10, dtype=int)[label] * lost
    return Without(channel, before - gone, before, gone, images)


def test_a_ranking_is_said_by_the_channel_that_costs_most_or_that_none_does():
    ranking = Ranking(8, np.arange(4), np.ones(4, np.float32), (measured(2, 1), measured(0, 30), measured(3, 0)))
    said = say_ranking(GRAPH, GRAPH["3"], ranking).replace("\N{NO-BREAK SPACE}", " ")
    low, high = ranking.measured[1].change_interval(8, tests=3)
    assert said == (
        "Without channel 0 of layer 3 60.0 % of bags are recognised, not 90.0 % "
        f"(95 % interval of the change {100 * low:.1f} to {100 * high:.1f} points)".replace("-", "\N{MINUS SIGN}")
    )
    # One that wins many back is no sure loss; another one that loses fewer is.
    back = measured(2, 31)
    back = replace(back, right=back.right + np.eye(10, dtype=int)[8] * 20)
    pair = Ranking(8, np.arange(2), np.ones(2, np.float32), (back, measured(0, 10)))
    said = say_ranking(GRAPH, GRAPH["3"], pair)
    assert said.startswith("Without channel 0 of layer 3 80.0\N{NO-BREAK SPACE}% of bags")
    few = Ranking(8, np.arange(4), np.ones(4, np.float32), (measured(2, 1), measured(3, 0)))
    said = "Switching off any one of 2 channels of layer 3 loses no bags significantly"
    assert say_ranking(GRAPH, GRAPH["3"], few) == said


def test_what_is_lost_without_a_channel_is_said_only_where_it_is_significant():
    said = say_without(measured(0, 30)).replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("Without it the accuracy falls: 87.0 % instead of 90.0 % (95 % interval of the change ")
    assert said.endswith("points). Bags lose most, \N{MINUS SIGN}30.0 points")
    nothing = say_without(measured(0, 0)).replace("\N{NO-BREAK SPACE}", " ")
    assert nothing.startswith("Without it the accuracy does not change significantly: 90.0 % instead of 90.0 %")
    assert "lose most" not in nothing


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ({8: 0.9, 5: 0.4}, "Channel 0 of layer 3 responds most to bags: 0.9 on average, sandals next with 0.4"),
        (
            {8: 0.9, 5: 0.88, 1: 0.2},
            "Channel 0 of layer 3 responds most to bags and sandals: 0.9 and 0.88 on average, trousers next with 0.2",
        ),
        (
            dict.fromkeys(range(5), 0.9),
            "Channel 0 of layer 3 responds alike to several classes: the means of the classes go from 0.1 to 0.9",
        ),
        ({}, "Channel 0 of layer 3 responds to no class in particular: the means of the classes go from 0.1 to 0.1"),
    ],
)
def test_what_a_channel_responds_to_is_said_with_how_much_more(means, said):
    row = np.full((1, 10), 0.1, np.float32)
    for label, mean in means.items():
        row[0, label] = mean
    found = Responses(np.zeros((1, 9), int), np.zeros((1, 9, 2), int), np.ones((1, 9), np.float32), row)
    assert say_response(GRAPH, GRAPH["3"], found, 0, "9 test images") == said
