"""What is selected on a map: the even-odd rule, selections in links, and which images a filter leaves out."""

import math

import numpy as np
import pytest

from fmexplore.ui.selection.map_area import MOST_CORNERS, Selection, inside, read_selection

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def crossings(point: np.ndarray, outline: np.ndarray) -> int:
    """How often a ray straight up from the point meets the outline: another direction than `inside` looks in."""
    count = 0
    for place in range(len(outline)):
        (x0, y0), (x1, y1) = outline[place], outline[(place + 1) % len(outline)]
        if min(x0, x1) <= point[0] < max(x0, x1):
            count += y0 + (point[0] - x0) / (x1 - x0) * (y1 - y0) > point[1]
    return count


def brute_force(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    return np.array([crossings(point, outline) % 2 == 1 for point in points])


def star(corners: int, rng: np.random.Generator) -> np.ndarray:
    """A polygon that does not cross itself, and is concave."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    lengths = rng.uniform(0.2, 2, corners)[:, None]
    return np.stack([np.cos(angles), np.sin(angles)], 1) * lengths


# --- the even-odd rule ---


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("corners", [3, 4, 11, 60])
def test_inside_is_the_even_odd_rule_for_concave_and_for_self_crossing_outlines(seed, corners):
    rng = np.random.default_rng([seed, corners])
    points = rng.normal(0, 1, (400, 2)).astype(np.float32)
    for outline in (star(corners, rng), rng.normal(0, 1, (corners, 2))):
        wanted = brute_force(points.astype(float), outline)
        assert (inside(points, outline) == wanted).all()
        assert (inside(points, outline[::-1]) == wanted).all(), "whichever way it was drawn"
        assert (inside(points, np.roll(outline, 2, axis=0)) == wanted).all(), "wherever it was begun"
        closed = np.concatenate([outline, outline[:1]])
        assert (inside(points, closed) == wanted).all(), "closed twice"


def test_the_middle_of_a_pentagram_is_outside_and_its_tips_are_inside():
    angles = np.pi / 2 + 4 * np.pi / 5 * np.arange(5)
    outline = np.stack([np.cos(angles), np.sin(angles)], 1)
    found = inside(np.concatenate([[[0.0, 0.01]], 0.9 * outline, 1.1 * outline]), outline)
    assert found.tolist() == [False] + [True] * 5 + [False] * 5


def test_two_outlines_side_by_side_share_no_point_on_their_common_edge():
    beside = np.array(SQUARE) + np.array([1, 0])
    points = np.array([(1.0, y) for y in np.linspace(0.05, 0.95, 10)])
    assert (inside(points, np.array(SQUARE)) ^ inside(points, beside)).all()


def test_no_point_and_an_outline_without_area_select_nothing():
    assert inside(np.zeros((0, 2)), np.array(SQUARE)).tolist() == []
    points = np.random.default_rng(0).normal(0, 1, (100, 2))
    assert not inside(points, np.array([[-1.0, 0.5], [1.0, 0.5], [0.0, 0.5]])).any()
    assert not inside(points, np.array([[0.3, 0.3]] * 3)).any()


# --- selections in links ---


@pytest.mark.parametrize(
    "selection",
    [
        Selection(SQUARE),
        Selection(SQUARE, (7,)),
        Selection(SQUARE, (0, 3, 9)),
        Selection(SQUARE, tuple(range(10)), True),
        Selection(SQUARE, errors=True),
        Selection(((-1.234, 0.5), (0.0, -0.001), (12.5, 1e-05))),
        Selection(label=0),
        Selection(predicted=9),
        Selection(label=6, predicted=0),
        Selection(SQUARE * (MOST_CORNERS // 4)),
    ],
)
def test_a_selection_comes_back_from_its_link(selection):
    assert read_selection(selection.text()) == selection
    assert read_selection(selection.text()).text() == selection.text()


@pytest.mark.parametrize("scale", [1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 999.0])
def test_corners_of_any_size_come_back_to_four_digits(scale):
    rng = np.random.default_rng(0)
    for _ in range(20):
        corners = rng.normal(0, scale, (60, 2)).clip(-9000, 9000)
        back = read_selection(Selection(tuple(map(tuple, corners.tolist()))).text())
        assert np.array(back.outline) == pytest.approx(corners, rel=1e-3, abs=0)


def test_an_empty_selection_says_nothing():
    assert not Selection()
    assert not Selection(hidden=(1,), errors=True), "nothing is selected by a filter alone"
    assert Selection().text() == ""
    for some in (Selection(SQUARE), Selection(label=0), Selection(predicted=0)):
        assert some


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "o",
        "e",
        "h",
        "oe",
        "t",
        "p",
        "pp",
        "tp",
        "p1t2",
        "t12",
        "t1p12",
        "t-1",
        "T1",
        "t1 ",
        " t1",
        "t1\n",
        "abc",
        "hello world",
        "t٣",
        "t²",
        "p٣",
        "o٠~٠_١~٠_١~١",
        "o0~0_1~0_1~1h٣",
        "o0~0_1~0",
        "o0~0",
        "o0~0_1~0_1",
        "o0~0_1~0_1~1_",
        "o_0~0_1~0_1~1",
        "o0~0_1~0_1~1x",
        "o0~0_1~0_1~1h",
        "o0~0_1~0_1~1eh1",
        "o0~0_1~0_1~1ee",
        "o0~0_1~0_1~1h12345678901",
        "onan~0_1~0_1~1",
        "oinf~0_1~0_1~1",
        "o-inf~0_1~0_1~1",
        "o1e99999~0_1~0_1~1",
        "o1e999~0_1~0_1~1",
        "o--1~0_1~0_1~1",
        "o1,0_1,1_0,1",
        "o" + "_".join(["0~0"] * 200),
        "o" + "_".join(["0~0"] * (MOST_CORNERS + 1)),
        "o" + "1" * 10_000,
        "x" * 10_000,
        "t" * 10_000,
        "o" + "1~1_" * 2_500,
        "\x00",
        "<script>",
        "../../etc/passwd",
        "%00",
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_nonsense_selects_nothing(text):
    selection = read_selection(text)
    assert not selection
    assert selection == Selection()


@pytest.mark.parametrize("text", ["o9999e99~0_1~0_1~1", "o1e-99~0_1~0_1~1", "o0~0_0~0_0~0", "o0~0_9999~0_1~-9999"])
def test_an_odd_outline_is_finite_and_finds_points_without_trouble(text):
    with np.errstate(all="raise"):
        selection = read_selection(text)
        assert all(math.isfinite(value) for corner in selection.outline for value in corner)
        found = selection.find(np.random.default_rng(0).normal(0, 1, (50, 2)), np.zeros(50, int), np.zeros(50, int))
    assert set(found) <= set(range(50))


# --- filters and identities ---


@pytest.fixture
def crowd():
    """Coordinates, labels, predictions (255 where nothing is known) and ids of a sample of 500 images."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 10, 500).astype(np.uint8)
    predicted = np.where(rng.random(500) < 0.6, labels, rng.integers(0, 10, 500))
    predicted[rng.random(500) < 0.1] = 255
    ids = np.sort(rng.choice(10_000, 500, replace=False))
    return rng.normal(0, 1, (500, 2)).astype(np.float32), labels, predicted, ids


@pytest.mark.parametrize("hidden", [(), (6,), (0, 2, 4), tuple(range(10))])
@pytest.mark.parametrize("errors", [False, True])
def test_a_filter_before_the_lasso_leaves_out_what_is_hidden_and_keeps_the_identities(crowd, hidden, errors):
    coordinates, labels, predicted, ids = crowd
    outline = np.array(((-1.0, -1.0), (1.5, -0.8), (0.9, 1.2), (0.1, 0.2), (-0.7, 1.0)))
    within = brute_force(coordinates.astype(float), outline)
    wanted = [
        int(image_id)
        for image_id, near, label, said in zip(ids, within, labels, predicted, strict=True)
        if near and label not in hidden and (not errors or said != label)
    ]
    selection = Selection(tuple(map(tuple, outline.tolist())), hidden, errors)
    for each in (selection, read_selection(selection.text())):
        positions = each.find(coordinates, labels, predicted)
        assert ids[positions].tolist() == wanted
    assert bool(wanted) == (len(hidden) < 10)


def test_a_class_and_a_cell_find_their_images_on_any_map(crowd):
    coordinates, labels, predicted, _ = crowd
    in_space = np.concatenate([coordinates, coordinates[:, :1]], 1)
    for places in (coordinates, in_space):
        assert (Selection(label=6).find(places, labels, predicted) == np.flatnonzero(labels == 6)).all()
        cell = (labels == 6) & (predicted == 0)
        assert Selection(label=6, predicted=0).find(places, labels, predicted).tolist() == np.flatnonzero(cell).tolist()
        said = Selection(predicted=3).find(places, labels, predicted)
        assert said.tolist() == np.flatnonzero(predicted == 3).tolist() != []


def test_an_outline_selects_nothing_in_space(crowd):
    coordinates, labels, predicted, _ = crowd
    in_space = np.concatenate([coordinates, coordinates[:, :1]], 1)
    assert not len(Selection(SQUARE).find(in_space, labels, predicted))
    assert len(Selection(SQUARE).find(coordinates, labels, predicted))
