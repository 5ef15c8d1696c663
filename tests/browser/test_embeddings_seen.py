"""The Embeddings page with the shipped run: what is pointed at or encircled is shown, with mouse and keyboard."""

import re
import subprocess
import sys

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.settings import PROJECT, SHIPPED
from fmexplore.ui.formatting import image_name
from tests.outlines import even_odd

PAGE, FIRST = 200, 60_000
MAP = "/embeddings?run=quick&method=pca"
PLACES = {
    MAP: "images are misclassified: where do they lie",
    f"{MAP}&selected=t6p0": "are selected",
    f"{MAP}&image=18": "Neighbours on the map",
    f"{MAP}&view=trust": "Neighbours on this map",
    f"{MAP}&view=pair": "Quick: Last hidden layer",
}
PIXELS = """canvas => Array.from(canvas.getContext("2d").getImageData(0, 0, 28, 28).data)
  .filter((_, n) => n % 4 === 0)"""  # one of red, green, blue and opacity


@pytest.fixture
def quick() -> Run:
    return Run(SHIPPED / "quick", shipped=True)


class Chart:
    """The map on the page, and where its points lie there."""

    def __init__(self, opened, quick) -> None:
        self.opened = opened
        expect(opened.main.locator(".scatter")).to_have_count(1)
        expect(self.root).to_have_attribute("data-count", re.compile(r"\d+"))
        opened.sees("images are").settle()
        derived = Derived(quick, opened.server.store.settings)
        arrays = derived.read_projection("last", "test", ProjectionConfig(method="pca"))
        assert arrays is not None
        assert arrays["index"].tolist() == list(range(10_000))
        self.coordinates = arrays["coordinates"].astype(float)

    @property
    def root(self) -> Locator:
        return self.opened.main.locator(".scatter")

    @property
    def over(self) -> Locator:
        return self.root.locator("canvas.over")

    def box(self) -> dict:
        self.over.scroll_into_view_if_needed()
        return dict(self.over.bounding_box() or {})

    def scale(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Of the unmoved map: the centre in its coordinates and on the page, and pixels a unit."""
        box = self.box()
        low, high = self.coordinates.min(0), self.coordinates.max(0)
        scale = (min(box["width"], box["height"]) / 2 - 12) / ((high - low) / 2).max()
        middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        return (low + high) / 2, middle, scale

    def places(self) -> np.ndarray:
        """Of all points on the page, `(n, 2)`."""
        centre, middle, scale = self.scale()
        return middle + (self.coordinates - centre) * [scale, -scale]

    def lonely(self) -> int:
        """An image that no other one is near to, away from the border."""
        places, box = self.places(), self.box()
        inner = (np.abs(places - [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]) < 0.8 * np.array(
            [box["width"] / 2, box["height"] / 2]
        )).all(1)  # fmt: skip
        best, widest = -1, 0.0
        for place in np.flatnonzero(inner):
            away = np.linalg.norm(places - places[place], axis=1)
            away[place] = np.inf
            if away.min() > widest:
                best, widest = int(place), float(away.min())
        assert widest > 4
        return best

    def draw(self, shares, mode="Lasso") -> np.ndarray:
        """Draw an outline through places given in shares of the board; returns them in the map's coordinates."""
        box = self.box()
        path = np.array([(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares])
        self.root.get_by_role("button", name=mode, exact=True).click()
        mouse = self.opened.page.mouse
        mouse.move(*path[0])
        mouse.down()
        for corner in path[1:]:
            mouse.move(*corner)
        mouse.up()
        centre, middle, scale = self.scale()
        return centre + (path - middle) / [scale, -scale]


def outline_in(link: str) -> list[tuple[float, float]]:
    corners = re.match(r"o([^hke]*(?:e-\d+[^hke]*)*)", link)[1]
    return [(float(x), float(y)) for x, y in (corner.split("~") for corner in corners.split("_"))]


def ids(opened) -> list[int]:
    return opened.images.evaluate_all("all => all.map((each) => Number(each.dataset.id))")


def shows(opened, wanted: np.ndarray) -> None:
    """Wait until the gallery shows exactly these test images, or their first page."""
    expect(opened.images).to_have_count(min(len(wanted), PAGE))
    opened.sees(re.compile(rf"^{len(wanted):,} of [\d,]+ images are selected")).settle()
    expect(opened.images.first).to_have_attribute("data-id", str(wanted[0] + FIRST))  # no longer the gallery before
    assert ids(opened) == (np.asarray(wanted)[:PAGE] + FIRST).tolist()


LASSO = [(0.42, 0.40), (0.50, 0.33), (0.58, 0.42), (0.52, 0.47), (0.56, 0.58), (0.45, 0.55)]


@pytest.fixture
def labels(real) -> np.ndarray:
    return real.test.labels


@pytest.fixture
def predicted(quick, real, server) -> np.ndarray:
    return Derived(quick, server.store.settings).read_predictions("test", real).predicted


# --- pointing ---


def test_hovering_a_point_shows_its_picture_and_what_the_network_says(tab, quick, real, labels, predicted):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    number = chart.lonely()
    with opened.page.expect_response(re.compile(r"/sheet_\w+\.png$")) as sheet:  # and not a picture of its own
        opened.page.mouse.move(*chart.places()[number])
    assert sheet.value.ok
    tip = chart.root.locator(".tip")
    expect(tip).to_be_visible()
    expect(tip).to_have_attribute("data-id", str(FIRST + number))
    expect(tip).to_have_attribute("data-drawn", str(FIRST + number))
    drawn = np.array(tip.locator("canvas").evaluate(PIXELS)).reshape(28, 28)
    assert (drawn == real.test.images[number]).all()
    expect(tip).to_contain_text(f"Test image {number:,}, {CLASS_NAMES[labels[number]]}")
    expect(tip).to_contain_text(f"predicted: {CLASS_NAMES[predicted[number]]}, ")
    opened.page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


def test_a_click_on_a_point_opens_its_card(tab, quick, labels):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    number = chart.lonely()
    opened.page.mouse.click(*chart.places()[number])
    opened.at(run="quick", method="pca", image=number)
    expect(opened.card).to_be_visible()
    opened.sees(re.compile(f"^{image_name('test', number, labels[number])}: "))


# --- encircling ---


def test_a_lasso_selects_exactly_the_points_inside(tab, quick):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    drawn = chart.draw(LASSO)
    opened.sees("images are selected")
    outline = outline_in(opened.query["selected"])
    assert np.array(outline) == pytest.approx(drawn, abs=0.01), "it is the outline that was drawn"
    wanted = np.flatnonzero(even_odd(chart.coordinates, outline))
    assert 0 < len(wanted) < 5000
    shows(opened, wanted)


def test_a_box_selects_exactly_the_points_inside(tab, quick):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    corners = chart.draw([(0.4, 0.4), (0.45, 0.45), (0.5, 0.55)], "Box")[[0, -1]]
    opened.sees("images are selected")
    outline = np.array(outline_in(opened.query["selected"]))
    assert outline.min(0) == pytest.approx(corners.min(0), abs=0.01)
    assert outline.max(0) == pytest.approx(corners.max(0), abs=0.01)
    within = ((chart.coordinates > outline.min(0)) & (chart.coordinates < outline.max(0))).all(1)
    shows(opened, np.flatnonzero(within))


def test_errors_only_and_a_hidden_class_before_the_lasso_keep_identities(tab, quick, labels, predicted):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    expect(chart.root).to_have_attribute("data-drawn", "10000")
    chart.root.get_by_role("button", name="Shirt", exact=True).click()
    expect(chart.root).to_have_attribute("data-drawn", str(int((labels != 6).sum())))
    chart.root.get_by_role("button", name="Errors only").click()
    visible = (labels != 6) & (labels != predicted)
    expect(chart.root).to_have_attribute("data-drawn", str(int(visible.sum())))
    chart.draw(LASSO)
    opened.sees("images are selected")
    text = opened.query["selected"]
    assert re.search("h6ek[0-9a-f]{10}$", text)
    wanted = np.flatnonzero(even_odd(chart.coordinates, outline_in(text)) & visible)
    assert len(wanted)
    shows(opened, wanted)
    for label, number in zip(opened.labels, wanted[:PAGE], strict=True):
        assert label == f"{image_name('test', number, labels[number])}: taken for {CLASS_NAMES[predicted[number]]}"


def test_a_lasso_after_moving_and_zooming_is_where_it_was_drawn(tab, quick):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    box = chart.box()
    opened.page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.45 * box["height"])
    for _ in range(4):
        opened.page.mouse.wheel(0, -200)
    chart.root.get_by_role("button", name="Lasso", exact=True).click()
    chart.draw(LASSO)
    opened.sees("images are selected")
    wanted = np.flatnonzero(even_odd(chart.coordinates, outline_in(opened.query["selected"])))
    shows(opened, wanted)


def test_a_link_shows_the_same_selection_to_someone_else(tab, quick):
    mine, theirs = tab().open(MAP), tab()
    chart = Chart(mine, quick)
    chart.draw(LASSO)
    mine.sees("images are selected")
    expect(mine.main.locator("button.item")).to_have_count(
        min(PAGE, int(even_odd(chart.coordinates, outline_in(mine.query["selected"])).sum()))
    )
    theirs.page.goto(mine.page.url)
    expect(theirs.images).to_have_count(mine.images.count())
    assert ids(theirs) == ids(mine)
    theirs.sees(mine.main.get_by_text("images are selected").first.inner_text())


# --- without a pointer ---


def test_by_keyboard_from_the_search_to_the_card(tab, quick, labels):
    opened = tab().open(MAP)
    Chart(opened, quick)
    numbers = np.flatnonzero(labels == 8)
    opened.main.get_by_role("combobox", name="Search").focus()
    opened.page.keyboard.type("all bags")
    expect(opened.page.get_by_role("option", name="all bags")).to_be_visible()
    opened.keys("Enter").at(run="quick", method="pca", selected="t8")
    shows(opened, numbers)
    opened.tab_to(image_name("test", numbers[0], 8)).keys("ArrowRight", "Enter")
    opened.at(run="quick", method="pca", selected="t8", image=numbers[1])
    expect(opened.card).to_be_visible()
    opened.keys("ArrowRight").at(run="quick", method="pca", selected="t8", image=numbers[2])
    expect(opened.card.get_by_text("3 of 1,000", exact=True)).to_be_visible()
    opened.keys("Escape").at(run="quick", method="pca", selected="t8")
    expect(opened.card).to_have_count(0)
    opened.focus(image_name("test", numbers[2], 8))


def test_the_map_is_moved_and_zoomed_by_keyboard(tab, quick, eventually):
    opened = tab().open(MAP)
    chart = Chart(opened, quick)
    expect(chart.root).to_have_attribute("data-drawn", "10000")
    picture = chart.root.locator("canvas.points")
    before = picture.evaluate("canvas => canvas.toDataURL()")
    chart.root.get_by_role("application").focus()
    opened.keys("+", "+", "+", "ArrowLeft")
    eventually(lambda: picture.evaluate("canvas => canvas.toDataURL()") != before)
    opened.keys("0")
    eventually(lambda: picture.evaluate("canvas => canvas.toDataURL()") == before)
    opened.at(run="quick", method="pca")


def test_a_map_in_space_is_turned_by_keyboard(tab, quick, eventually):
    opened = tab().open(MAP)
    Chart(opened, quick)
    opened.main.get_by_role("radio", name="3-D", exact=True).click()
    root = opened.main.locator(".scatter")
    expect(root.get_by_role("button", name="Turn", exact=True)).to_be_visible()
    expect(root).to_have_attribute("data-drawn", "10000")
    picture = root.locator("canvas.points")
    before = picture.evaluate("canvas => canvas.toDataURL()")
    root.get_by_role("application").focus()
    opened.keys("ArrowRight", "ArrowRight")
    eventually(lambda: picture.evaluate("canvas => canvas.toDataURL()") != before)
    expect(root).to_have_attribute("data-drawn", "10000")
    opened.keys("ArrowLeft", "ArrowLeft")
    expect(root.get_by_role("button", name="Lasso", exact=True)).to_be_hidden()


# --- over the training ---


@pytest.fixture(scope="module")
def short(server) -> Run:
    """A run of a tenth of an epoch with its snapshots."""
    command = [sys.executable, "-m", "fmexplore", "train", "--preset", "quick", "--epochs", "0.1"]
    subprocess.run(command, cwd=PROJECT, env=server.environment, check=True, capture_output=True)
    (run,) = server.runs()
    return run


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_goes_over_the_run(tab, short, motion):
    opened = tab()
    opened.page.emulate_media(reduced_motion=motion)
    opened.open(f"/embeddings?run={short.id}&method=pca&view=time")
    root = opened.main.locator(".scatter")
    last = len(short.snapshot_steps()) - 1
    assert last > 0
    expect(root).to_have_attribute("data-moment", str(last))
    expect(root).to_have_attribute("data-drawn", "2000")
    opened.sees("The images move most between")
    root.evaluate(
        """root => new MutationObserver(() => (window.moments ??= []).push(Number(root.dataset.moment)))
        .observe(root, {attributes: true, attributeFilter: ["data-moment"]})"""
    )
    root.get_by_role("button", name="Play", exact=True).click()
    expect(root.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(root.get_by_role("button", name="Play", exact=True)).to_be_visible()
    moments = opened.page.evaluate("window.moments")
    assert moments == sorted(moments)
    assert moments[0] == 0
    assert moments[-1] == last
    assert set(range(last + 1)) <= set(moments), "no snapshot is left out"
    on_their_way = any(moment % 1 for moment in moments)
    assert on_their_way == (motion == "no-preference"), "else points jump from snapshot to snapshot"


def test_the_moment_is_chosen_by_keyboard(tab, short):
    opened = tab().open(f"/embeddings?run={short.id}&method=pca&view=time")
    root = opened.main.locator(".scatter")
    last = len(short.snapshot_steps()) - 1
    expect(root).to_have_attribute("data-moment", str(last))
    root.get_by_role("slider", name="Moment of the training").focus()
    opened.keys("Home")
    expect(root).to_have_attribute("data-moment", "0")
    expect(root.locator("output")).to_contain_text("before training")
    opened.keys("ArrowRight")
    expect(root).to_have_attribute("data-moment", "1")


# --- other screens ---


@pytest.mark.parametrize("place", PLACES)
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, place):
    assert tab().open(place).sees(PLACES[place]).settle().faults() == {}
