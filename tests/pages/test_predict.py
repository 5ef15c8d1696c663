"""The Predict page: photos come in, are converted step by step, recognised, explained, corrected, scored and taught."""

import base64
import csv
import io
from concurrent.futures import Future

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import AnalysisFailed, RunNotFound, StorageError
from fmexplore.photos import cutouts
from fmexplore.photos.scoring import PhotoFit, classify
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status, write_status
from fmexplore.runs.store import RunStore
from fmexplore.ui import formatting, shared
from fmexplore.ui.predict.table import verdicts_csv
from fmexplore.ui.selection import photos
from fmexplore.ui.session import PREDICT_PAGE as PREDICT

STEPS = ["upright", "foreground", "trim", "resize", "sharpen", "centre", "negate", "grey"]
HTML = "<b>mine</b> [a](http://b) $x$.png"


def encode(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def paper(width: int = 60, left: int = 70, shade: int = 40) -> np.ndarray:
    """A dark upright rectangle on a bright page, 200 x 200."""
    picture = np.full((200, 200, 3), 235, np.uint8)
    picture[40:160, left : left + width] = shade
    return picture


def upload(page, *files: tuple[str, bytes]):
    page.at.file_uploader[0].set_value([(name, content, "image/png") for name, content in files]).run()
    return page.whole()


def upload_papers(page, count: int):
    return upload(page, *((f"{n}.png", encode(paper(left=30 + 10 * n))) for n in range(count)))


def here(page) -> list:
    """The photos of the session."""
    return list(page.at.session_state["photos"].values()) if "photos" in page.at.session_state else []


def title(page) -> str:
    return page.at.subheader[0].value.replace("\N{NO-BREAK SPACE}", " ")


def stages(page) -> list[dict]:
    return page.given("photo_steps")["steps"]


def press(page, name: str):
    """The button of a step."""
    return page.send("photo_steps", "press", name)


def last_picture(page) -> str:
    return stages(page)[-1]["picture"]


@pytest.fixture
def fill():
    """Gives a run weights that are zero but for those named: all others of the tiny network have no say."""

    def write(run: Run, **values: dict) -> Run:
        weights = {name: value.copy() for name, value in run.read_weights().items()}
        for name, places in values.items():
            for place, value in places.items():
                weights[name.replace("_", ".")][place] = value
        run.write_weights(weights)
        return run

    return write


@pytest.fixture
def sure(make_run, fill) -> Run:
    """Calls everything a shirt: e^5 against nine times 1 is 94 %."""
    return fill(make_run(name="sure"), layers_5_bias={6: 5.0})


@pytest.fixture
def bright(make_run, fill) -> Run:
    """Calls an image a shirt where it is bright on the whole, else a bag."""
    middle, steep, limit = (0, 0, 1, 1), 200.0, 0.3
    return fill(
        make_run(name="bright"),
        layers_0_weight={middle: 1.0},
        layers_3_weight={middle: 1.0},
        layers_5_weight={(6, 0): steep, (8, 0): -steep},
        layers_5_bias={6: -steep * limit, 8: steep * limit},
    )


@pytest.fixture
def opened(app):
    """Opens the page of a run with some photos in a new tab."""

    def open_page(run: Run, count: int = 1):
        page = app().open(PREDICT, run=run.id)
        return upload_papers(page, count) if count else page

    return open_page


# --- photos come in ---


def test_an_empty_page_says_what_to_do_and_offers_samples(app, sure):
    page = app().open(PREDICT, run=sure.id)
    assert title(page) == "What does a network recognise in your clothes?"
    assert "never written to disk" in page.text
    assert [item["caption"] for item in page.given("photo_samples")["items"]] == list(CLASS_NAMES)
    assert page.given("photo_samples")["across"] == len(CLASS_NAMES), "none is alone in a row"
    assert "JPG, PNG, WEBP" in page.text
    assert "at most 20 MB" in page.text
    assert not page.find("steps")


def test_a_pressed_sample_becomes_the_photo(opened, sure, drawn):
    page = opened(sure, 0)
    number = page.given("photo_samples")["items"][5]["id"]
    page.send("photo_samples", "pick", number)
    assert drawn.test.labels[number] == 5
    assert [photo.name for photo in here(page)] == ["Sample Sandal"]
    assert title(page) == "Shirt, 94 % sure"


def test_bad_files_are_told_and_the_good_ones_of_the_lot_are_taken(opened, sure):
    good = encode(paper())
    page = upload(
        opened(sure, 0),
        ("note.png", b"just text"),
        ("good.png", good),
        ("cut.png", good[: len(good) // 2]),
        ("dot.png", encode(paper()[:9, :9])),
        ("moving.png", b"GIF89a"),
    )
    assert [photo.name for photo in here(page)] == ["good.png"]
    assert title(page) == "Shirt, 94 % sure"
    (error,) = page.errors
    told = error.replace("\\", "").split("\n\n")
    assert [line.split(" ")[0] for line in told] == ["note.png", "cut.png", "dot.png", "moving.png"]
    words = ("is not a picture: choose", "is damaged or cut off", "at least 28 a side", "is not a picture")
    assert all(word in line for word, line in zip(words, told, strict=True)), told
    page.click("Dismiss")
    assert not page.errors


def test_what_is_told_of_a_file_shows_its_name_as_it_is(opened, sure):
    page = upload(opened(sure, 0), (HTML, b"just text"))
    (error,) = page.errors
    assert "\\\\" not in error, "what is escaped twice shows backslashes, and what follows them counts again"
    for letter in "<[]$:":
        assert error.count(letter) == error.count(f"\\{letter}")
    shown = error.replace("\\", "").replace("\u2060", "")  # an address in a name is parted, so that it is no link
    assert shown.startswith(f"{HTML} is not a picture: ")


def test_too_many_files_are_refused(opened, sure):
    page = upload(opened(sure, 0), *((f"{n}.png", b"x") for n in range(41)))
    assert not here(page)
    assert "41 files with 0 MB: at most 40 files and 100 MB" in page.errors[0].replace("\\", "")


def test_files_too_large_together_are_refused(opened, sure, monkeypatch):
    assert photos.MOST_MB == 100
    monkeypatch.setattr(photos, "MOST_MB", 1)
    page = upload(opened(sure, 0), *((f"{n}.png", bytes(600_000)) for n in range(2)))
    assert not here(page)
    assert "2 files with 1 MB: at most 40 files and 1 MB" in page.errors[0].replace("\\", "")


def test_more_than_forty_in_a_session_are_left_out(opened, sure, monkeypatch):
    monkeypatch.setattr(photos, "MOST", 2)
    page = upload(opened(sure, 2), ("one too many.png", encode(paper(width=90))))
    assert len(here(page)) == 2
    assert "one too many.png was left out" in page.errors[0].replace("\\", "")


def test_a_sample_that_would_be_one_too_many_is_left_out_too(opened, sure, monkeypatch):
    monkeypatch.setattr(photos, "MOST", 2)
    page = opened(sure, 2)
    page.send("photo_samples", "pick", page.given("photo_samples")["items"][0]["id"])
    assert len(here(page)) == 2
    assert "was left out: 2 photos are loaded already" in page.text.replace("\\", "")


def test_the_same_photo_again_is_still_one(opened, sure):
    page = upload(opened(sure), ("again.png", encode(paper(left=30))))
    assert [photo.name for photo in here(page)] == ["0.png"]


def test_the_camera_gives_a_photo(opened, sure):
    page = opened(sure, 0).set("use_camera", True)
    page.at.camera_input[0].set_value(("shot.jpg", encode(paper(), "JPEG"), "image/jpeg")).run()
    assert [photo.name for photo in here(page.whole())] == ["shot.jpg"]
    assert title(page) == "Shirt, 94 % sure"


def test_photos_are_not_in_another_session(opened, app, sure):
    assert len(here(opened(sure, 2))) == 2
    other = app().open(PREDICT, run=sure.id)
    assert not here(other)
    assert title(other).startswith("What does a network recognise")


def test_looking_at_photos_writes_nothing_but_what_is_derived_from_the_run(opened, sure, home, monkeypatch):
    monkeypatch.setattr(shared, "run_delayed", lambda *_: None)  # else this machine is measured, which has a folder

    def files() -> set:
        return {path for path in home.rglob("*") if path.is_file() and not {"derived", "cache"} & set(path.parts)}

    before = files()
    page = opened(sure, 2)
    for part in ("why", "map", "correct", "steps"):
        page.set("photo_part", part)
    page.set("photo_view", "all").edit_cell("true class", 0, "Shirt")
    assert files() == before


def test_one_photo_is_removed_or_all(opened, sure):
    page = opened(sure, 3).click("Remove this photo")
    assert [photo.name for photo in here(page)] == ["1.png", "2.png"]
    page.click("Remove all")
    assert not here(page)
    assert title(page).startswith("What does a network recognise")
    for name in ("known_photos", "converted_photos"):
        assert not page.at.session_state[name], f"{name} still holds what was removed"


# --- which run is asked ---


def test_without_any_run_it_leads_to_training(app):
    page = app().open(PREDICT)
    assert "There is no trained network yet." in page.text
    assert not page.at.file_uploader


@pytest.mark.parametrize(
    ("state", "weights", "why"), [("running", "zero", "is still training"), ("finished", "", "has no weights")]
)
def test_a_run_that_cannot_be_asked_is_told(app, make_run, state, weights, why):
    page = app().open(PREDICT, run=make_run(state, name="early", weights=weights).id)
    assert f"early {why}: choose another run" in page.text
    assert not page.at.file_uploader


def test_a_run_in_the_link_that_does_not_exist_is_told(app, sure):
    page = app().open(PREDICT, run="20200101-000000-nobody")
    assert any("There is no run" in error and "choose another one" in error for error in page.errors)
    assert not page.at.file_uploader


def test_advice_is_given_where_the_shipped_run_for_photos_is_there(opened, sure, monkeypatch, tmp_path, make_run):
    assert "was not trained on photos" not in opened(sure).text, "there is no better one"
    shipped = tmp_path / "shipped"
    made = make_run(name="other")
    shipped.mkdir()
    made.path.rename(shipped / "photo")
    better = Run(shipped / "photo", shipped=True)
    better.write_photo_fit(PhotoFit(photos=10))
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [better])
    get = RunStore.get
    monkeypatch.setattr(RunStore, "get", lambda self, name: better if name == "photo" else get(self, name))
    page = opened(sure)
    assert "sure was not trained on photos" in page.text
    assert "was not trained on photos" not in opened(better).text


# --- the verdict ---


def test_the_verdict_is_the_title_and_the_network_s_image_is_shown(opened, sure):
    page = opened(sure)
    assert title(page) == "Shirt, 94 % sure"
    given = page.given("photo_verdict")
    assert [bar["name"] for bar in given["bars"] if bar["predicted"]] == ["Shirt"]
    assert given["bars"][6]["text"] == formatting.percent(0.943)
    assert not given["place"], "it is the only photo"


def test_an_unsure_verdict_says_so(opened, make_run):
    page = opened(make_run(name="zero"))
    assert title(page) == (
        f"Unsure, perhaps none of the ten classes; most probable is {formatting.class_name(0)}, 10 %"
    )


def test_what_a_run_knows_of_photos_decides_what_is_unsure(opened, sure):
    sure.write_photo_fit(PhotoFit(temperature=5.0, unsure_above=-100.0, photos=9))
    assert title(opened(sure)).startswith("Unsure, perhaps none of the ten classes; most probable is Shirt, 23 %")


def test_previous_and_next_lead_to_the_other_photos(opened, sure):
    page = opened(sure, 3)
    assert page.given("photo_verdict")["place"] == "1 of 3"
    page.send("photo_verdict", "go", "next")
    assert page.given("photo_verdict")["place"] == "2 of 3"
    assert page.given("photo_strip")["current"] == 1
    page.send("photo_strip", "pick", 2)
    assert page.given("photo_verdict")["place"] == "3 of 3"
    page.send("photo_verdict", "go", "next")
    assert page.given("photo_verdict")["place"] == "3 of 3"


def test_other_runs_are_asked_too(opened, sure, bright, make_run):
    make_run("running", name="early")
    make_run(name="empty", weights="")
    chips = {chip["note"]: chip["text"] for chip in opened(bright).given("photo_verdict")["others"]}
    assert chips == {"sure": "Shirt"}
    chips = {chip["note"]: chip["text"] for chip in opened(sure).given("photo_verdict")["others"]}
    assert chips == {"bright": "Shirt"}


# --- step by step ---


def test_eight_steps_are_shown_and_where_the_verdict_turned(opened, bright):
    page = opened(bright)
    assert [stage["name"] for stage in stages(page)] == STEPS
    assert "**The prediction changes at Trim (Shirt → Bag) and at Centre (Bag → Shirt)**" in page.text
    assert [stage["name"] for stage in stages(page) if stage["changed"]] == ["trim", "centre"]
    assert stages(page)[2]["verdict"].startswith("Bag ")
    assert title(page).startswith("Shirt")


def test_a_verdict_that_never_turns_is_told(opened, sure):
    assert "**Shirt from the first step to the last**" in opened(sure).text


def test_a_step_that_is_left_out_changes_the_verdict_and_comes_back(opened, bright):
    page = opened(bright)
    before, said = last_picture(page), title(page)
    press(page, "trim")
    assert here(page)[0].how.trim == "none"
    assert not stages(page)[2]["done"]
    assert last_picture(page) != before
    assert title(page).startswith("Bag")
    assert "**The prediction changes at Negate (Shirt → Bag)**" in page.text
    press(page, "trim")
    assert (last_picture(page), title(page)) == (before, said)


@pytest.mark.parametrize("name", [name for name in STEPS if name != "grey"])
def test_every_switch_changes_the_conversion_and_what_its_button_says(opened, sure, name):
    page = opened(sure)
    before = here(page)[0].how
    action = {stage["name"]: stage["action"] for stage in stages(page)}
    assert action[name]
    assert not action["grey"]
    press(page, name)
    after = here(page)[0].how
    assert after != before
    if name == "upright":
        assert after.turn == 90
    else:
        assert {stage["name"]: stage["action"] for stage in stages(page)}[name] != action[name]


def test_a_way_is_chosen_and_is_named_until_a_step_is_switched(opened, sure):
    page = opened(sure)
    assert page.at.get_by_key("photo_way").value == "ours"
    page.set("photo_way", "squash")
    how = here(page)[0].how
    assert (how.foreground, how.trim, how.centre, how.negate) == ("none", "none", False, False)
    assert page.at.get_by_key("photo_way").value == "squash"
    press(page, "negate")
    assert page.at.get_by_key("photo_way").value is None
    page.set("photo_way", "ours")
    assert here(page)[0].how == photos.OURS


def test_a_way_keeps_the_turn(opened, sure):
    page = press(opened(sure), "upright").set("photo_way", "seven")
    assert here(page)[0].how.turn == 90
    assert page.at.get_by_key("photo_way").value == "seven"


# --- why, and where ---


def test_it_is_shown_where_the_network_looks(opened, bright):
    page = opened(bright).set("photo_part", "why")
    assert "Evidence for Shirt and for" in page.text
    assert page.given("heat")["items"][0]["id"] == 6
    assert "Nearest training images: " in page.text
    assert len(page.given("neighbours")["items"]) > 3


def test_the_photo_is_on_the_map_with_the_record_of_its_surroundings(opened, trained):
    page = opened(trained(weights="random")).set("photo_part", "map")
    assert "Of the 40 test images nearest to it" in page.text
    assert len(page.find("scatter")) == 1
    given = page.given("marks_photo_map")
    assert list(given["pictures"]) == [str(given["focus"])], "the photo itself"
    asked = page.send("photo_scatter", "want", 645).given("marks_photo_map")
    assert set(asked["pictures"]) == {"645", str(given["focus"])}, "one that there is no sheet for"
    assert len(given["neighbours"]) == 10


# --- by hand ---


@pytest.fixture
def by_hand(opened, bright):
    return opened(bright).set("photo_part", "correct")


def stroke(page, *points, tool="add"):
    return page.send("photo_editor", "change", {"points": list(points), "tool": tool})


def network_image(page) -> str:
    return page.given("photo_verdict")["picture"]


def test_a_stroke_adds_to_the_garment_and_undo_takes_it_back(by_hand):
    before = network_image(by_hand)
    stroke(by_hand, [0.9, 0.1], [0.9, 0.9])
    (made,) = here(by_hand)[0].how.strokes
    assert (made.keep, made.radius, made.points) == (True, 0.04, ((0.9, 0.1), (0.9, 0.9)))
    assert network_image(by_hand) != before
    assert "Corrected by hand." in by_hand.text
    by_hand.click("Undo")
    assert network_image(by_hand) == before
    assert by_hand.buttons["Undo"].disabled


def test_two_strokes_that_come_before_the_page_is_new_are_both_kept(opened, bright, monkeypatch):
    """The callback of the page before is called for both, as a browser sends faster than a page is made."""

    def editor(picture, mask, tool, radius, key, on_change):
        strokes = [{"points": [[x, 0.1]], "tool": "add"} for x in (0.2, 0.8)]
        st.button("Two strokes", on_click=lambda: [on_change(event) for event in strokes])

    monkeypatch.setattr("fmexplore.ui.predict.correction.photo_editor", editor)
    page = opened(bright).set("photo_part", "correct").click("Two strokes")
    assert [made.points for made in here(page)[0].how.strokes] == [((0.2, 0.1),), ((0.8, 0.1),)]


def test_a_stroke_takes_away_with_the_radius_of_the_brush(by_hand):
    by_hand.set("photo_brush", 10)
    before = network_image(by_hand)
    stroke(by_hand, [0.2, 0.3], [0.5, 0.3], tool="remove")
    (made,) = here(by_hand)[0].how.strokes
    assert (made.keep, made.radius) == (False, 0.1)
    assert network_image(by_hand) != before


def test_a_box_cuts_and_a_box_in_it_cuts_further(by_hand):
    by_hand.send("photo_editor", "change", {"box": [0.0, 0.5, 0.5, 1.0]})
    assert here(by_hand)[0].how.crop == (0.0, 0.5, 0.5, 1.0)
    by_hand.send("photo_editor", "change", {"box": [0.5, 0.5, 1.0, 1.0]})
    assert here(by_hand)[0].how.crop == (0.25, 0.75, 0.5, 1.0)


def test_starting_over_takes_boxes_and_strokes_back_and_leaves_the_rest(by_hand):
    before = here(by_hand)[0].how
    assert by_hand.buttons["Start over"].disabled
    stroke(by_hand.send("photo_editor", "change", {"box": [0.0, 0.0, 0.5, 1.0]}), [0.5, 0.5])
    by_hand.click("Start over")
    assert here(by_hand)[0].how == before


def test_a_box_that_becomes_too_small_is_told_and_not_taken(by_hand):
    small = {"box": [0.4, 0.4, 0.5, 0.5]}
    by_hand.send("photo_editor", "change", small).send("photo_editor", "change", small)
    assert here(by_hand)[0].how.crop == (0.4, 0.4, 0.5, 0.5)
    assert any("crop" in error for error in [*by_hand.errors, by_hand.text])


def test_a_turn_by_hand_lets_go_of_what_was_drawn(by_hand):
    stroke(by_hand, [0.5, 0.5]).click("Rotate by 90°")
    how = here(by_hand)[0].how
    assert (how.turn, how.strokes) == (90, ())


# --- all together ---


@pytest.fixture
def together(opened, sure):
    return opened(sure, 3).set("photo_view", "all")


def test_all_photos_stand_in_a_table(together):
    table = together.at.data_editor[0].value
    assert list(table["verdict"]) == ["Shirt"] * 3
    assert list(table["file"]) == ["0.png", "1.png", "2.png"]
    assert title(together) == "3 photos"
    assert "Choose in the column *true class*" in together.text


def test_unsure_ones_are_counted_and_named(opened, make_run):
    page = opened(make_run(name="zero"), 2).set("photo_view", "all")
    assert title(page) == "2 photos, 2 of them unsure"
    assert list(page.at.data_editor[0].value["verdict"]) == ["T-shirt/top (unsure)"] * 2


def test_labels_make_a_score_and_a_matrix(together):
    together.edit_cell("true class", 0, "Shirt")
    assert [photo.label for photo in here(together)] == [6, None, None]
    assert title(together) == "1 of your 1 labelled photos are recognised"
    together.edit_cell("true class", 1, "Coat")
    assert title(together) == "1 of your 2 labelled photos are recognised"
    assert "50 % right; with so few photos" in together.text
    assert together.has("photo_matrix")
    together.edit_cell("true class", 2, "none of the ten")
    assert here(together)[2].label == photos.OTHER
    assert title(together) == "1 of your 3 labelled photos are recognised", "a sure verdict on what is none is wrong"
    together.edit_cell("true class", 1, None)
    assert [photo.label for photo in here(together)] == [6, None, photos.OTHER]


def test_a_label_can_be_given_on_the_card(opened, sure):
    page = opened(sure, 2)
    key = f"photo_label_{here(page)[0].id}"
    page.set(key, 4)
    assert [photo.label for photo in here(page)] == [4, None]
    assert [bar["name"] for bar in page.given("photo_verdict")["bars"] if bar["true"]] == ["Coat"]
    page.set("photo_view", "all")
    assert list(page.at.data_editor[0].value["true class"].fillna("")) == ["Coat", ""]
    page.set("photo_view", "one").set(key, None)
    assert here(page)[0].label is None


def test_a_label_is_marked_on_the_card(together):
    together.edit_cell("true class", 0, "Coat").set("photo_view", "one")
    bars = together.given("photo_verdict")["bars"]
    assert [bar["name"] for bar in bars if bar["true"]] == ["Coat"]


def test_a_file_name_is_text_and_no_formula_in_the_csv(opened, sure):
    page = upload(opened(sure, 0), ("=1+1.png", encode(paper())), (HTML, encode(paper(width=90))))
    verdicts = classify(np.tile(np.eye(10)[6] * 5, (2, 1)), PhotoFit())
    rows = list(csv.DictReader(io.StringIO(verdicts_csv(here(page), verdicts).removeprefix("\ufeff"))))
    assert [row["file"] for row in rows] == ["'=1+1.png", HTML]
    assert [row["verdict"] for row in rows] == ["Shirt", "Shirt"]
    assert [row["unsure"] for row in rows] == ["False", "False"]
    assert [row["label"] for row in rows] == ["", ""]
    assert sum(float(rows[0][name]) for name in CLASS_NAMES) == pytest.approx(1, abs=1e-3)
    page.set("photo_view", "all")
    assert list(page.at.data_editor[0].value["file"]) == ["=1+1.png", HTML], "a table shows text as it is"


def exported(count: int) -> np.ndarray:
    """Images as in the data set: something bright on black, each a little different."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:-4, 8:-8] = 250
    images[:, 14, 14] = np.arange(count)
    return images


def test_images_of_the_data_set_are_taken_as_they_are_and_the_page_says_so(opened, sure):
    page = upload(opened(sure, 0), ("one.png", encode(exported(1)[0])))
    assert "An image as in the data set" in page.text
    assert "it is taken as it is, not converted" in page.text
    assert page.at.get_by_key("photo_way").value == "squash"
    last = Image.open(io.BytesIO(base64.b64decode(last_picture(page))))
    assert np.array_equal(np.asarray(last.convert("L")), exported(1)[0])
    press(page, "negate")
    assert "it is taken as it is" not in page.text
    page = upload(page, ("sheet.png", encode(np.concatenate([*exported(3)[1:]], 1))), ("photo.png", encode(paper())))
    assert [photo.name for photo in here(page)][1:] == [
        "sheet.png, image 1 of 2", "sheet.png, image 2 of 2", "photo.png",
    ]  # fmt: skip
    assert [photo.exported for photo in here(page)] == [True, True, True, False]


def test_a_file_name_with_markup_is_text_beside_its_photo(opened, sure):
    page = upload(opened(sure, 0), (HTML, encode(paper())))
    caption = page.at.image[0].proto.imgs[0].caption
    assert "\\<b\\>" in caption
    assert "\\[a\\]" in caption
    assert "\\$x\\$" in caption


# --- teach it ---


@pytest.fixture
def lessons(opened, trained, monkeypatch):
    monkeypatch.setattr(cutouts, "VARIANTS", 60)
    return opened(trained("parent", weights="random"), 3).set("photo_view", "teach")


def teach_button(page):
    return next(button for button in page.at.button if button.label.startswith("Teach it"))


def test_it_is_taught_from_two_labels_on(lessons):
    assert teach_button(lessons).disabled
    lessons.edit_cell("true class", 0, "Shirt")
    assert teach_button(lessons).disabled
    assert "Label at least 2 photos first." in lessons.text
    lessons.edit_cell("true class", 1, "Bag")
    assert not teach_button(lessons).disabled
    assert teach_button(lessons).label == "Teach it these 2 photos"


def test_a_taught_run_has_a_name_and_is_compared_and_keeps_no_photo(lessons, store):
    (parent,) = store.own_runs()
    lessons.edit_cell("true class", 0, "Shirt").edit_cell("true class", 1, "none of the ten")
    teach_button(lessons).click().run()
    lessons.whole()
    (pupil,) = (run for run in store.own_runs() if run != parent)
    assert pupil.title == "parent, taught 2 photos"
    assert (pupil.status.state, pupil.has_weights) == ("finished", True)
    assert "| right | before | after |" in lessons.text
    assert "| photos it was trained on | " in lessons.text
    assert " of 2 | " in lessons.text
    assert f"| the 10,000 test images | 79.00 % | {100 * pupil.status.result.test_accuracy:.2f} % |" in lessons.text
    assert "It was trained on these photos" in lessons.text
    names = {path.name for path in pupil.path.rglob("*") if path.is_file()}
    assert names <= {"config.json", "status.json", "model.safetensors", "label.json", "lesson.json"}


@pytest.fixture
def room_for_one(monkeypatch):
    monkeypatch.setenv("FMEXPLORE_MAX_RUNS", "1")


def test_nothing_is_taught_where_no_more_runs_may_be_kept(room_for_one, lessons, store, desk):
    lessons.edit_cell("true class", 0, "Shirt").edit_cell("true class", 1, "Bag")
    teach_button(lessons).click().run()
    assert any("this server keeps 1 for each" in error for error in lessons.errors)
    assert len(list(store.own_runs())) == 1
    assert "teach" not in desk.asked


def test_teaching_that_fails_says_why_and_leaves_no_run(lessons, store, monkeypatch):
    before = store.own_runs()

    def full(*_):
        raise StorageError("The disk is full: free some space.")

    monkeypatch.setattr(Run, "write_weights", full)
    lessons.edit_cell("true class", 0, "Shirt").edit_cell("true class", 1, "Bag")
    teach_button(lessons).click().run()
    assert any("The disk is full" in error for error in lessons.errors)
    assert store.own_runs() == before
    assert store.count() == 1
    assert not teach_button(lessons).disabled


class Waiting:
    """A question that nobody has answered yet."""

    share, message, askers = 0.0, "", 1

    def __init__(self) -> None:
        self.answer = Future()

    def cancel(self) -> None:
        self.askers -= 1


@pytest.mark.parametrize("late", [False, True])
def test_teaching_that_is_cancelled_leaves_no_run(lessons, store, desk, monkeypatch, late):
    (parent,) = store.own_runs()
    question, ask = Waiting(), desk.ask
    monkeypatch.setattr(desk, "ask", lambda name, **asked: question if name == "teach" else ask(name, **asked))
    lessons.edit_cell("true class", 0, "Shirt").edit_cell("true class", 1, "Bag")
    teach_button(lessons).click().run()
    (pupil,) = (run for run in store.own_runs() if run != parent)
    assert (pupil.status.state, pupil.status.task) == ("running", "teach")
    lessons.click("Cancel")
    assert store.own_runs() == [parent]
    assert not teach_button(lessons).disabled
    with pytest.raises(RunNotFound, match="was deleted in the meantime"):
        write_status(pupil.path, Status(task="teach"))  # by the process, which does not know yet
    if late:
        question.answer.set_result(None)
    else:
        question.answer.set_exception(AnalysisFailed("This was cancelled."))
    assert store.own_runs() == [parent]


def test_what_was_compared_stays_when_the_taught_run_is_asked(lessons, store):
    (parent,) = store.own_runs()
    lessons.edit_cell("true class", 0, "Shirt").edit_cell("true class", 1, "Bag")
    teach_button(lessons).click().run()
    (pupil,) = (run for run in store.own_runs() if run != parent)
    table = next(text for text in lessons.text.split("\n") if text.startswith("| the 10,000"))
    lessons.open(PREDICT, run=pupil.id).set("photo_view", "teach")
    assert table in lessons.text, "before is what the parent said, not the run that is shown"


def test_every_third_of_six_labelled_photos_is_held_back(opened, sure):
    page = opened(sure, 6).set("photo_view", "teach")
    for number in range(6):
        page.edit_cell("true class", number, "Shirt")
    assert teach_button(page).label == "Teach it these 4 photos"
    assert "2 of your photos are held back" in page.text


def test_the_name_of_a_run_is_text_in_the_title(opened, make_run):
    page = opened(make_run(name="[a](http://b)"), 2).set("photo_view", "teach")
    assert "\\[a\\]" in title(page)
