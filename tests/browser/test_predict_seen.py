"""The Predict page with the shipped run: photos from files and the camera, switched, painted on, all together."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.photos.synthetic import draw_scene

PREDICT = "/predict?run=quick"
VIEWS = {
    "Conversion steps": "Conversion",
    "Where it looks": "Evidence for",
    "On the map": "test images nearest to it",
    "Correct by hand": "faded = background",
    "All together": "what your photos really show",
    "Teach it": "Label at least 2 photos first.",
}  # and a text of each
VERDICT = re.compile(r", \d+ %( sure)?$")
PICTURES = "all => all.map((each) => each.src)"


@pytest.fixture(scope="module")
def files(real, tmp_path_factory) -> list[str]:
    """A trouser and a bag as if photographed."""
    folder, made = tmp_path_factory.mktemp("photos"), []
    for label, kind in ((1, "jpg"), (8, "png")):
        image = real.test.images[np.flatnonzero(real.test.labels == label)[0]]
        scene, _ = draw_scene(image, np.random.default_rng(label), 320)
        made.append(folder / f"{CLASS_NAMES[label]}.{kind}")
        Image.fromarray(scene).save(made[-1])
    return [str(path) for path in made]


def bring(opened, *paths):
    """Choose files, and wait for the verdict on the first."""
    opened.main.locator("input[type=file]").first.set_input_files(list(paths))
    expect(opened.main.get_by_role("heading", name=VERDICT)).to_be_visible()
    return opened.settle()


def title(opened) -> str:
    return opened.main.get_by_role("heading", name=VERDICT).inner_text()


def pictures(opened) -> list[str]:
    return opened.main.locator(".steps img").evaluate_all(PICTURES)


def network_image(opened) -> str:
    return opened.card.locator("img").get_attribute("src")


@pytest.fixture
def opened(tab):
    return tab().open(PREDICT).sees("What does a network recognise in your clothes?")


def test_two_files_are_recognised_and_told_in_the_title(opened, files):
    bring(opened, *files)
    assert title(opened).startswith("Trouser")
    expect(opened.main.locator(".steps li")).to_have_count(8)
    opened.main.get_by_role("button", name="Photo 2: Bag.png").click()
    opened.sees("2 of 2").settle()
    assert "Bag" in title(opened)


def test_a_sample_is_recognised(opened):
    opened.main.get_by_role("button", name="Sample: Ankle boot").click()
    expect(opened.main.get_by_role("heading", name=VERDICT)).to_be_visible()
    opened.sees("Sample Ankle boot")


def test_a_step_that_is_left_out_changes_the_picture_until_it_is_taken_again(opened, files):
    bring(opened, files[0])
    before, said = pictures(opened), title(opened)
    opened.press("Negate: Leave out")
    expect(opened.button("Negate: Negate")).to_be_visible()
    opened.settle()
    after = pictures(opened)
    assert after[0] == before[0]
    assert after[-1] != before[-1]
    opened.focus("Negate: Negate").keys("Enter")
    expect(opened.button("Negate: Leave out")).to_be_visible()
    opened.settle()
    assert (pictures(opened), title(opened)) == (before, said)


def test_all_photos_stand_in_a_table_and_a_csv(opened, files):
    bring(opened, *files)
    opened.main.get_by_role("radio", name="All together").click()
    opened.sees("2 photos").settle()
    expect(opened.main.get_by_test_id("stDataFrame")).to_be_visible()
    with opened.page.expect_download() as started:
        opened.press("Predictions, CSV")
    rows = list(csv.DictReader(io.StringIO(started.value.path().read_text("utf-8-sig"))))
    assert started.value.suggested_filename == "photos.csv"
    assert [row["file"] for row in rows] == ["Trouser.jpg", "Bag.png"]
    for row in rows:
        chances = [float(row[name]) for name in CLASS_NAMES]
        assert sum(chances) == pytest.approx(1, abs=1e-3)
        assert row["verdict"] == CLASS_NAMES[int(np.argmax(chances))]


def test_a_brush_stroke_changes_what_the_network_gets(opened, files):
    bring(opened, files[0])
    opened.main.get_by_role("radio", name="Correct by hand").click()
    canvas = opened.main.locator(".editor canvas")
    expect(canvas).to_have_attribute("width", "320")
    expect(opened.button("Undo")).to_be_disabled()
    before = network_image(opened)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    mouse = opened.page.mouse
    mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.2 * box["height"], steps=8)
    mouse.up()
    expect(opened.button("Undo")).to_be_enabled()
    opened.sees("Corrected by hand.").settle()
    assert network_image(opened) != before
    opened.press("Undo")
    expect(opened.button("Undo")).to_be_disabled()
    opened.settle()
    assert network_image(opened) == before


def test_a_stroke_can_be_painted_by_keyboard(opened, files):
    bring(opened, files[0])
    opened.main.get_by_role("radio", name="Correct by hand").click()
    expect(opened.main.locator(".editor canvas")).to_have_attribute("width", "320")
    before = network_image(opened)
    opened.main.locator(".editor canvas").focus()
    opened.keys(*["ArrowLeft"] * 12, " ", *["ArrowUp"] * 10, "Enter")
    opened.sees("Corrected by hand.").settle()
    assert network_image(opened) != before


def test_a_text_that_is_named_as_a_picture_is_told_and_the_session_goes_on(opened, files, tmp_path):
    (tmp_path / "note.png").write_text("just text")
    opened.main.locator("input[type=file]").first.set_input_files(tmp_path / "note.png")
    opened.sees("note.png is not a picture: choose another file").settle()
    bring(opened, files[0])
    assert title(opened).startswith("Trouser")


def test_the_camera_gives_a_photo(filmed):
    filmed.open(PREDICT).press("Camera")
    filmed.page.get_by_text("Use the camera").click()
    filmed.page.wait_for_function("document.querySelector('video')?.videoWidth > 0")  # else there is nothing to take
    filmed.page.get_by_role("button", name="Take Photo").click()
    expect(filmed.main.get_by_role("heading", name=VERDICT)).to_be_visible()
    filmed.settle()
    assert len(pictures(filmed)) == 8


def test_other_views_of_the_photo_open(opened, files):
    bring(opened, files[0])
    opened.main.get_by_role("radio", name="Where it looks").click()
    opened.sees("Evidence for Trouser").sees("Nearest training images").settle()
    opened.main.get_by_role("radio", name="On the map").click()
    opened.sees("Of the 40 test images nearest to it").settle()
    expect(opened.main.locator(".scatter")).to_have_attribute("data-drawn", "10001")


def label(opened, name: str):
    box = opened.main.get_by_role("combobox", name="True class")
    box.fill(name)
    box.press("Enter")
    return opened.settle()


@pytest.fixture
def labelled(opened, files):
    """A trouser and a bag with their labels, about to be taught."""
    label(bring(opened, *files), "Trouser")
    opened.main.get_by_role("button", name="Photo 2: Bag.png").click()
    label(opened.sees("2 of 2").settle(), "Bag")
    opened.main.get_by_role("radio", name="Teach it").click()
    expect(opened.button("Teach it these 2 photos")).to_be_enabled()
    return opened.settle()


def test_teaching_can_be_cancelled_and_leaves_no_run(labelled):
    before = [run.id for run in labelled.server.runs()]
    labelled.press("Teach it these 2 photos").press("Cancel")
    expect(labelled.button("Cancel")).to_have_count(0)
    expect(labelled.button("Teach it these 2 photos")).to_be_enabled()
    assert [run.id for run in labelled.server.runs()] == before


def test_a_taught_run_is_compared_and_asked(labelled):
    labelled.press("Teach it these 2 photos").sees("the 10,000 test images").settle()
    (pupil,) = labelled.server.runs()
    assert pupil.status.state == "finished"
    assert pupil.title.endswith("taught 2 photos")
    labelled.press(f"Use {pupil.title} from now on")
    labelled.at(run=pupil.id).sees(f"Teach a copy of {pupil.title}")


def test_photos_are_gone_in_another_tab(opened, tab, files):
    bring(opened, files[0])
    tab().open(PREDICT).sees("What does a network recognise in your clothes?")


def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, files):
    opened = bring(tab().open(PREDICT), *files)
    for view, text in VIEWS.items():
        opened.main.get_by_role("radio", name=view).click()
        opened.sees(text).settle()
        assert opened.faults() == {}, view
