"""The Data page: all classes, one class, any image by its number, and what a network makes of it."""

import base64
import io
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from fmexplore.data.fashion_mnist import CLASS_NAMES, SplitConfig
from fmexplore.evaluation.predictions import predict
from fmexplore.models.networks import build
from fmexplore.runs.run import Run
from fmexplore.ui.data import page as ui_data_page
from fmexplore.ui.formatting import image_name
from fmexplore.ui.images import gallery
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import DATA_PAGE as DATA

SPLITS = ["train", "test"]
ORDERS = ui_data_page.ORDERS


@pytest.fixture
def small_pages(monkeypatch):
    """Seven images a page."""
    monkeypatch.setattr(gallery, "PAGE", 7)
    monkeypatch.setattr(ui_data_page, "PAGE", 7)


def pictures(given: dict) -> np.ndarray:
    """What is on a gallery's sheet, in its order."""
    sheet = np.array(Image.open(io.BytesIO(base64.b64decode(given["sheet"]))))
    tiles = sheet.reshape(-1, 28, given["columns"], 28).swapaxes(1, 2)
    return tiles.reshape(-1, 28, 28)[: len(given["items"])]


def shown(page) -> list[int]:
    return [item["id"] for item in page.given("data_gallery")["items"]]


# --- all classes ---


@pytest.mark.parametrize(("split", "words"), [("train", "640 images, 62 to 65"), ("test", "160 images, 16")])
def test_it_opens_with_all_classes_and_their_counts(app, drawn, split, words):
    page = app().open(DATA, split=split)
    assert f"{words} of each of the ten classes" in page.text
    for label, name in enumerate(CLASS_NAMES):
        assert f"{name}: {(drawn.part(split).labels == label).sum()}" in page.buttons
        given = page.given(f"class_{label}")
        numbers = np.flatnonzero(drawn.part(split).labels == label)[: ui_data_page.STRIP]
        assert [item["id"] for item in given["items"]] == [-1, -2, *numbers]
        assert [item["label"] for item in given["items"][2:]] == [
            image_name(split, number, label) for number in numbers
        ]
        tiles = pictures(given)
        of_class = drawn.part(split).images[drawn.part(split).labels == label]
        assert (tiles[0] == of_class.mean(0).round()).all()
        assert (tiles[2:] == of_class[: ui_data_page.STRIP]).all()


def test_without_a_split_in_the_link_it_is_about_the_training_images(app):
    page = app().open(DATA)
    assert "640 images" in page.text
    assert page.at.get_by_key("data_part").value == "train"
    page.set("data_part", "test")
    assert page.query == {"split": "test"}
    assert "160 images" in page.text


# --- one class ---


def test_a_class_is_chosen_by_its_button_its_name_or_its_mean(app, drawn):
    page = app().open(DATA, split="test").click("Shirt: 16")
    wanted = np.flatnonzero(drawn.test.labels == 6).tolist()
    assert page.query == {"split": "test", "class": "6"}
    assert shown(page) == wanted
    assert "All 16 shirts among the test images" in page.text
    assert page.at.get_by_key("data_class").value == "6"
    page.set("data_class", "9")
    assert page.query == {"split": "test", "class": "9"}
    assert shown(page) == np.flatnonzero(drawn.test.labels == 9).tolist()
    page.set("data_class", None)
    assert page.query == {"split": "test"}
    page.send("class_6", "pick", -1)
    assert page.query == {"split": "test", "class": "6"}
    assert shown(page) == wanted


@pytest.mark.parametrize("split", SPLITS)
def test_every_class_shows_exactly_its_images(app, drawn, split):
    page, seen, part = app(), [], drawn.part(split)
    for label in range(len(CLASS_NAMES)):
        page.open(DATA, split=split, **{"class": str(label)})
        given = page.given("data_gallery")
        for item in given["items"]:
            assert item["label"] == image_name(split, item["id"], label)
        assert (pictures(given) == part.images[shown(page)]).all()
        assert set(part.labels[shown(page)]) == {label}
        seen += shown(page)
    assert sorted(seen) == list(range(len(part)))


def test_a_change_of_part_keeps_the_class_and_closes_the_image(app, drawn):
    page = app().open(DATA, split="test", **{"class": "3", "image": "3"}).set("data_part", "train")
    assert page.query == {"split": "train", "class": "3"}
    assert shown(page) == np.flatnonzero(drawn.train.labels == 3).tolist()


def test_images_are_ordered_by_their_distance_from_the_mean(app, drawn):
    page = app().open(DATA, split="test", **{"class": "6"})
    numbers = np.flatnonzero(drawn.test.labels == 6)
    pixels = drawn.test.images[numbers].reshape(len(numbers), -1).astype(float)
    distances = dict(zip(numbers.tolist(), ((pixels - pixels.mean(0)) ** 2).sum(1), strict=True))
    nearest = shown(page.set("data_order", ORDERS[1]))
    assert nearest == sorted(numbers.tolist(), key=distances.__getitem__) != numbers.tolist()
    assert shown(page.set("data_order", ORDERS[2])) == nearest[::-1]


def test_a_class_has_pages_and_the_last_one_holds_the_rest(app, drawn, small_pages):
    page = app().open(DATA, **{"class": "6"})
    numbers = np.flatnonzero(drawn.train.labels == 6).tolist()
    (pager,) = page.at.get("pagination")
    assert pager.num_pages == 9
    assert shown(page) == numbers[:7]
    pager.set_value(9).run()
    assert shown(page.whole()) == numbers[56:] != []
    page.set("data_class", "2")
    assert shown(page) == np.flatnonzero(drawn.train.labels == 2).tolist()[:7], "another class, its first page"


def test_mean_and_spread_of_a_class_are_shown(app, drawn):
    page = app().open(DATA, split="test", **{"class": "6"})
    of_class = drawn.test.images[drawn.test.labels == 6]
    mean, spread = pictures(page.given("class_pictures"))
    assert (mean == of_class.mean(0).round()).all()
    deviation = of_class.std(0)
    assert np.abs(spread.astype(float) - 255 * deviation / deviation.max()).max() < 1
    black = 100 * (of_class == 0).mean()
    assert f"{black:.0f} % of the pixels are black" in page.text


# --- one image ---


def test_an_image_of_a_class_is_opened_and_the_card_leads_on_and_back(app, drawn):
    page, link = app().open(DATA, split="test", **{"class": "6"}), {"split": "test", "class": "6"}
    numbers = np.flatnonzero(drawn.test.labels == 6).tolist()
    page.send("data_gallery", "pick", numbers[1])
    assert page.query == {**link, "image": str(numbers[1])}
    assert page.given("image_card")["place"] == "2 of 16"
    assert shown(page) == numbers, "its class stays beside it"
    assert page.given("data_gallery")["current"] == numbers[1]
    page.go("next")
    assert page.query == {**link, "image": str(numbers[2])}
    page.go("previous").go("previous").go("previous")
    assert page.query == {**link, "image": str(numbers[0])}, "there is none before the first"
    page.go("close")
    assert page.query == link
    assert not page.has("image_card")


def test_an_image_of_a_strip_is_opened_with_its_class(app):
    page = app().open(DATA, split="test").send("class_3", "pick", 13)
    assert page.query == {"split": "test", "class": "3", "image": "13"}


def test_the_card_goes_on_in_the_order_that_is_shown(app):
    page = app().open(DATA, split="test", **{"class": "6"}).set("data_order", ORDERS[1])
    first, second, *_ = shown(page)
    page.send("data_gallery", "pick", first).go("next")
    assert page.query["image"] == str(second)


def test_any_image_is_found_by_its_number(app, drawn):
    page = app().open(DATA, **{"class": "2"}).set("data_number", 639)
    assert page.query == {"image": "639"}
    card = page.given("image_card")
    assert (card["place"], card["previous"], card["next"]) == ("", False, False)
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(card["picture"]))))
    assert (picture == drawn.train.images[639]).all()
    assert f"All {(drawn.train.labels == 7).sum()} sneakers among the training images" in page.text
    assert page.at.get_by_key("data_number").max == 639
    assert page.set("data_part", "test").at.get_by_key("data_number").max == 159


def test_an_image_found_by_its_number_is_among_those_beside_its_card(app, small_pages, drawn):
    page, numbers = app().open(DATA), np.flatnonzero(drawn.train.labels == drawn.train.labels[639]).tolist()
    for _ in range(2):
        page.set("data_number", 639)
        assert 639 in shown(page)
        assert page.given("data_gallery")["current"] == 639
        page.at.get("pagination")[0].set_value(1).run()
        assert shown(page.whole()) == numbers[:7], "its page can be left"
        page.go("close")


@pytest.mark.parametrize(
    ("split", "number", "last"), [("train", "640", 639), ("test", "160", 159), ("test", "9999999", 159)]
)
def test_a_number_outside_is_said(app, split, number, last):
    page = app().open(DATA, split=split, image=number)
    assert len(page.warnings) == 1
    assert f"choose a number from 0 to {last}" in page.warnings[0]
    assert not page.has("image_card")
    assert page.has("class_0")


def test_an_image_of_another_class_than_the_link_says_stands_alone(app):
    page = app().open(DATA, split="test", **{"class": "6", "image": "3"})
    card = page.given("image_card")
    assert (card["place"], card["previous"], card["next"]) == ("", False, False)


# --- what a network makes of it ---


def test_without_any_run_the_card_has_no_probabilities_and_says_why(app):
    page = app().open(DATA, image="7")
    assert page.given("image_card")["bars"] == []
    assert "Choose a run to see its predictions" in page.text
    assert page.at.subheader[-1].value == "Training image 7, a sneaker"
    assert list(page.at.page_link) == []


@pytest.mark.parametrize("split", SPLITS)
def test_where_no_prediction_is_kept_the_network_is_asked(app, make_run, tiny, drawn, desk, split):
    run = make_run(weights="random")
    page = app().open(DATA, run=run.id, split=split, image="7")
    assert desk.asked[0] == "predict_images"
    asked = predict(build(tiny.model).eval(), drawn.part(split).take(np.array([7])))
    shares = [bar["probability"] for bar in page.given("image_card")["bars"]]
    assert shares == pytest.approx(asked.probabilities[0], abs=1e-5)
    assert len(page.given("neighbours")["items"]) == 8
    assert len(page.given("heat")["items"]) == 2


def test_kept_predictions_are_used(app, trained, desk, drawn, tiny):
    run = trained()
    number = int(drawn.locate("validation", SplitConfig("share", tiny.training.validation_share))[1][5])
    page = app().open(DATA, run=run.id, image=str(number))
    assert "predict_images" not in desk.asked
    assert len(page.given("image_card")["history"]) == 4
    ways = {link.label: dict(parse_qsl(link.proto.query_string)) for link in page.at.page_link}
    place = {"run": run.id, "split": "validation", "image": str(number)}
    assert ways.keys() == {"In the confusion matrix", "On the map", "Inside", "Where it looks"}
    assert ways["On the map"] == ways["Inside"] == place
    assert ways["In the confusion matrix"].items() >= place.items()
    assert ways["In the confusion matrix"]["true"] == str(drawn.train.labels[number])


@pytest.mark.parametrize(("split", "number", "among"), [("test", 7, "test"), ("train", 0, None)])
def test_the_card_leads_to_the_same_image_among_the_confusions(app, trained, drawn, tiny, split, number, among):
    run = trained(weights="random")
    share = tiny.training.validation_share
    learnt = number in drawn.locate("train", SplitConfig("share", share))[1]
    page = app().open(DATA, run=run.id, split=split, image=str(number))
    query = dict(part.split("=") for part in page.at.page_link[0].proto.query_string.split("&"))
    assert query["split"] == (among or ("train" if learnt else "validation"))
    before = page.given("image_card")
    after = page.open(CONFUSIONS, **query).given("image_card")
    assert after["picture"] == before["picture"]
    wanted = [bar["probability"] for bar in before["bars"]]
    assert [bar["probability"] for bar in after["bars"]] == pytest.approx(wanted, abs=1e-4)


def test_the_run_picker_shows_the_run_that_the_card_is_about(app, trained):
    first, second = trained("first"), trained("second", seed=5)
    page = app().open(DATA, run=first.id, split="test", image="7")
    bars = page.given("image_card")["bars"]
    assert page.at.get_by_key("picked_run").value == first.id
    page.set("picked_run", second.id)
    assert page.query == {"run": second.id, "split": "test", "image": "7"}
    assert page.given("image_card")["bars"] != bars
    chosen = page.open(DATA, split="test", image="7").at.get_by_key("picked_run").value
    bars = page.given("image_card")["bars"]
    assert page.open(DATA, run=chosen, split="test", image="7").given("image_card")["bars"] == bars


def test_a_run_that_trains_has_no_opinion_yet(app, trained):
    run = trained("busy", state="running", started=4e9, ended=None)
    page = app().open(DATA, run=run.id, split="test", image="7")
    assert page.given("image_card")["bars"] == []
    assert not page.errors


def break_config(run: Run) -> None:
    (run.path / "config.json").write_text("{")


def break_status(run: Run) -> None:
    (run.path / "status.json").write_text("{")


def break_weights(run: Run) -> None:
    (run.path / "model.safetensors").write_bytes(b"")


@pytest.mark.parametrize("damage", [break_config, break_status, break_weights])
def test_a_damaged_run_is_told_and_the_images_stay(app, trained, damage):
    run = trained(kept={})
    damage(run)
    page = app().open(DATA, run=run.id, split="test", **{"class": "7", "image": "7"})
    assert len(page.errors) == 1
    assert str(run.path) in page.errors[0].replace("\\", "")
    assert len(shown(page)) == 16
    page.open(DATA, run=run.id, split="test")
    assert not page.errors


# --- nonsense in the link ---

NONSENSE = (
    *("", " ", "-1", "x", "1.5", "1e3", "0x6", "²", "٣", "６", "None", "nan", "inf", "6,", "10,10", "<b>", "[x](y)"),
    *("../..", "'", "\x00", "%00", "9" * 30, "9" * 5000, "0" * 9 + "9" * 30, "0" * 9 + "9" * 5000, "a" * 20000),
)


@pytest.mark.parametrize("name", ["split", "class", "image"])
def test_nonsense_in_the_link_is_left_out_and_said_once(app, name):
    page = app()
    for value in NONSENSE:
        page.open(DATA, **{name: value})
        assert len(page.warnings) == 1, value[:40]
        assert len(page.warnings[0]) < 400
        assert not page.errors, value[:40]
        assert "640 images" in page.text


@pytest.mark.parametrize("name", ["true", "pred", "snapshot", "view", "other"])
def test_what_the_link_of_another_page_says_does_no_harm(app, trained, drawn, name):
    run, page, wanted = trained(), app(), np.flatnonzero(drawn.train.labels == 6).tolist()
    for value in NONSENSE:
        page.open(DATA, **{"run": run.id, "class": "6", name: value})
        assert not page.errors, value[:40]
        assert shown(page) == wanted


@pytest.mark.parametrize("query", [{"view": "pair"}, {"split": "validation"}, {"true": "6", "pred": "0", "other": "x"}])
def test_a_link_of_the_confusions_page_makes_sense_here(app, query):
    page = app().open(DATA, **query)
    assert "one of :" not in page.text.replace("\\", "")
    assert "640 images" in page.text


def test_an_unknown_run_in_the_link_is_said(app, trained):
    trained()
    page = app()
    for value in NONSENSE[1:]:
        page.open(DATA, run=value, split="test", **{"class": "7", "image": "7"})
        assert len(page.errors) == 1, value[:40]
        assert "There is no run" in page.errors[0]
        assert len(page.errors[0]) < 400
        assert len(shown(page)) == 16
        page.open(DATA, run=value)
        assert "640 images" in page.text


# --- two sessions ---


def test_two_sessions_look_at_different_images(app, trained, drawn):
    run = trained()
    one, two = app().open(DATA, run=run.id, **{"class": "6"}), app().open(DATA, split="test", **{"class": "3"})
    one.set("data_order", ORDERS[2])
    two.send("data_gallery", "pick", 13)
    assert set(drawn.train.labels[shown(one.run())]) == {6}
    assert set(drawn.test.labels[shown(two.run())]) == {3}
    assert one.query == {"run": run.id, "class": "6"}
    assert two.query == {"split": "test", "class": "3", "image": "13"}
    assert two.at.get_by_key("data_order").value == ORDERS[0]
    assert not one.has("image_card")


def test_a_closed_image_does_not_take_the_focus_on_another_page(app, trained):
    run = trained()
    page = app().open(CONFUSIONS, run=run.id)
    number = str(page.images[0])
    page.open(DATA, run=run.id, split="train", image=number).go("close").open(CONFUSIONS, run=run.id)
    assert page.given(page.gallery)["current"] is None
