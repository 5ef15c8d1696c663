"""The Confusions page with classes folded into groups."""

import numpy as np
import pytest

from fmexplore.ui.confusions.groups import Folding
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS

TOPS, SHOES = (0, 2, 4, 6), (5, 7, 9)
GROUPED = "0,2,4,6-5,7,9"  # in the link
ORDER = (TOPS, (1,), (3,), SHOES, (8,))


def place_of(labels: np.ndarray) -> np.ndarray:
    return np.array([next(n for n, group in enumerate(ORDER) if label in group) for label in labels])


@pytest.fixture
def guessed(trained, drawn, tiny):
    """A run, with the group of each test image and the group that it was given."""
    run = trained()
    labels = drawn.test.labels
    logits = np.random.default_rng(0).normal(0, 1, (len(labels), 10)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 2
    return run, place_of(labels), place_of(logits.argmax(1))


def test_the_matrix_the_accuracy_and_the_images_are_those_of_the_groups(app, guessed):
    run, true, given = guessed
    page = app().open(CONFUSIONS, run=run.id, groups=GROUPED)
    shown = page.given("confusion_grid")
    assert shown["names"] == ["Tops", "Trouser", "Dress", "Shoes", "Bag"]
    assert shown["frames"][-1]["counts"][0][3] == ((true == 0) & (given == 3)).sum()
    share, of_ten = (true == given).mean(), np.trace(page_matrix(app, run)) / len(true)
    said = f"{100 * share:.2f} % of {len(true)} test images are right in 5 groups (95 % interval "
    assert said in page.text, "the interval is that of the groups"
    assert f", {100 * of_ten:.2f} % in the ten classes." in page.text
    assert sorted(page.images) == np.flatnonzero(true != given).tolist()


def page_matrix(app, run) -> list[list[int]]:
    return app().open(CONFUSIONS, run=run.id).given("confusion_grid")["frames"][-1]["counts"]


@pytest.mark.parametrize(
    ("place", "wanted", "words"),
    [
        ({"cell": [0, 3]}, lambda true, given: (true == 0) & (given == 3), "tops are taken for shoes"),
        ({"cell": [3, 3]}, lambda true, given: (true == 3) & (given == 3), "shoes are recognised as such"),
        ({"cell": [1, 0]}, lambda true, given: (true == 1) & (given == 0), "trousers are taken for tops"),
        ({"row": 0}, lambda true, given: true == 0, "All 64 tops: "),
        ({"column": 3}, lambda true, given: given == 3, "images are taken for shoes"),
    ],
)
def test_a_place_in_the_matrix_of_groups_shows_its_images_and_is_in_the_link(app, guessed, place, wanted, words):
    run, true, given = guessed
    page = app().open(CONFUSIONS, run=run.id, groups=GROUPED).pick(**place)
    assert sorted(page.images) == np.flatnonzero(wanted(true, given)).tolist()
    assert words in page.text
    again = app().open(CONFUSIONS, **page.query)  # as somebody else, or Back, opens it
    assert again.images == page.images
    marked = again.given("confusion_grid")["cells"]
    assert place.get("cell", marked[0]) in marked
    assert not again.warnings


def test_a_marked_cell_of_groups_is_taken_back_by_a_second_press_with_ctrl(app, guessed):
    run, true, given = guessed
    page = app().open(CONFUSIONS, run=run.id, groups=GROUPED).pick(cell=[0, 3]).pick(cell=[3, 0], more=True)
    assert page.given("confusion_grid")["cells"] == [[0, 3], [3, 0]]
    assert len(page.images) == (((true == 0) & (given == 3)) | ((true == 3) & (given == 0))).sum()
    page.pick(cell=[0, 3], more=True)
    assert page.given("confusion_grid")["cells"] == [[3, 0]]
    page.click("Both directions")
    assert page.given("confusion_grid")["cells"] == [[0, 3], [3, 0]]


def test_groups_are_chosen_made_and_undone_in_the_form(app, guessed):
    run, _, _ = guessed
    page = app().open(CONFUSIONS, run=run.id, true="6", pred="0")
    page.set("groups_known", [TOPS])
    assert page.query == {"run": run.id, "groups": "0,2,4,6"}
    page.set("groups_own_0", [5]).set("groups_own_0", [9, 5])
    assert page.query["groups"] == "0,2,4,6-5,9"
    assert page.given("confusion_grid")["names"][2:4] == ["Dress", "Sandal + Ankle boot"]
    assert "Own group 2" in [each.label for each in page.at.multiselect]
    page.set("groups_known", [TOPS, SHOES])  # takes its classes out of one's own group
    assert page.query["groups"] == GROUPED
    page.click("All ten classes")
    assert page.query == {"run": run.id}
    assert len(page.given("confusion_grid")["names"]) == 10


@pytest.mark.parametrize("chosen", [(), (TOPS,), (TOPS, (1, 3), SHOES, (8,)), ((0, 6), (5, 9)), ((3,),)])
def test_every_class_is_in_one_group(chosen):
    folding = Folding(chosen)
    assert sorted(label for group in folding.groups for label in group) == list(range(10))
    assert len(folding.names) == len(set(folding.names)) == len(folding.groups)
    assert folding.folds == any(len(group) > 1 for group in chosen)
