"""What a copied link carries beside the selection, and the run that every page's address names, in AppTest."""

import pytest

from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import DATA_PAGE as DATA
from fmexplore.ui.session import EMBEDDINGS_PAGE as EMBEDDINGS
from fmexplore.ui.session import HOME_PAGE as HOME


def copied(page) -> dict[str, str]:
    """What the button adds to the address."""
    return page.given("copy_link")


def test_a_page_as_it_comes_adds_nothing_to_its_link(app, trained):
    assert copied(app().open(CONFUSIONS, run=trained().id)) == {}


def test_order_and_colour_are_copied_and_open_the_same_in_a_fresh_browser(app, trained):
    run = trained()
    page = app().open(CONFUSIONS, run=run.id)
    page.set("matrix_order", "lowest recall first").set("matrix_log", False).set("images_order", "by number")
    look = copied(page)
    assert look == {"matrix_order": "lowest recall first", "matrix_log": "False", "images_order": "by number"}
    text = "&".join(f"{name}={value}" for name, value in look.items())
    fresh = app().open(CONFUSIONS, run=run.id, look=text)
    assert fresh.given("confusion_grid") == page.given("confusion_grid")
    assert fresh.images == page.images
    assert copied(fresh) == look


def test_what_a_link_sets_can_be_changed_afterwards(app, trained):
    page = app().open(CONFUSIONS, run=trained().id, look="matrix_order=lowest recall first")
    page.set("matrix_order", "as in the data set")
    assert page.at.get_by_key("matrix_order").value == "as in the data set"
    assert copied(page) == {}


def test_a_link_copied_before_a_choice_was_renamed_still_sets_it(app, trained):
    run, former = trained(), "matrix_numbers=%25 of what it says&matrix_order=hardest first"
    page = app().open(CONFUSIONS, run=run.id, look=former)
    assert not page.warnings
    assert copied(page) == {"matrix_numbers": "% of predicted class", "matrix_order": "lowest recall first"}


def test_settings_of_the_map_are_copied_with_their_types(app, trained):
    page = app().open(EMBEDDINGS, run=trained().id, method="umap", look="map_neighbours=5&map_min_distance=0.25")
    assert page.at.get_by_key("map_neighbours").value == 5
    assert page.at.get_by_key("map_min_distance").value == 0.25
    assert copied(page) == {"map_neighbours": "5", "map_min_distance": "0.25"}


@pytest.mark.parametrize(
    ("look", "value"),
    [
        ("map_neighbours=1", "'1'"),
        ("map_neighbours=1e9", "'1e9'"),
        ("map_metric=<b>[x](y)", r"\[x\]"),
        ("map_min_distance=nan", "'nan'"),
    ],
)
def test_a_setting_that_cannot_be_is_told_and_left_out(app, trained, look, value):
    page = app().open(EMBEDDINGS, run=trained().id, method="umap", look=look)
    (told,) = page.warnings
    assert look.partition("=")[0] in told
    assert value in told
    assert copied(page) == {}


def test_settings_of_another_page_are_no_concern_of_this_one(app, trained):
    page = app().open(DATA, run=trained().id, look="matrix_order=lowest recall first&owner_key=x&kept_run=y")
    assert not page.warnings
    assert "owner_key" not in page.at.session_state or page.at.session_state["owner_key"] != "x"
    assert copied(page) == {}


def test_the_address_gets_the_run_that_a_page_has_chosen(app, trained):
    run = trained()
    page = app().open(CONFUSIONS)
    assert page.given("address_component") == {"page": "confusions", "run": run.id}
    assert not app().open(CONFUSIONS, run=run.id).find("address")
    assert not app().open(HOME).find("address")


def test_a_chosen_run_goes_along_to_pages_that_are_opened_without_one(app, trained):
    runs = trained("first"), trained("second", seed=5)
    page = app().open(CONFUSIONS)
    default = page.given("address_component")["run"]
    (other,) = (run.id for run in runs if run.id != default)
    assert page.open(DATA).given("address_component") == {"page": "data", "run": default}
    page.open(CONFUSIONS, run=other).open(EMBEDDINGS)
    assert page.given("address_component") == {"page": "embeddings", "run": other}


def test_a_chosen_run_that_was_deleted_is_forgotten(app, trained):
    run, page = trained(), app().open(CONFUSIONS)
    page.at.session_state["kept_run"] = "gone"
    page.open(DATA)
    assert page.given("address_component")["run"] == run.id
    assert not page.errors
