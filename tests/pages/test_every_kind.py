"""Every page and view with a run of every kind: nothing fails, no NaN, and a sentence where there is no answer."""

import re

import pytest

from fmexplore.analysis.server import ANALYSES
from fmexplore.ui import session
from fmexplore.ui.confusions import page as confusions
from fmexplore.ui.embeddings import page as embeddings
from fmexplore.ui.inside import page as inside
from fmexplore.ui.predict import card
from fmexplore.ui.train import live
from tests.kinds import KINDS, NO_ANSWERS, assert_no_nan, assert_strict
from tests.pages.conftest import PATHS

CONVERT = ANALYSES["convert_picture"]
SNAPSHOTS = embeddings.VIEWS["time"]  # those of a training that diverged are from before
OF_ANSWERS = {"confusions", "embeddings", "inside", "predict"}  # pages that show what a network says
VIEWS = re.compile("View|Details")  # labels of the controls that choose a view
CARD = {"confusions", "embeddings", "data"}  # pages that open an image by its number


@pytest.fixture
def convert_once(monkeypatch):
    """Every session brings the same sample, whose garment is then looked for once."""
    monkeypatch.setitem(ANALYSES, "convert_picture", _convert)


def _convert(task, picture, how, known={}):  # noqa: B006 that is what it is for
    key = picture.tobytes(), how
    if key not in known:
        known[key] = CONVERT(task, picture, how)
    return known[key]


@pytest.fixture(scope="module")
def seen() -> dict[str, set[str]]:
    """Which views were looked at, by page."""
    return {}


def views(page) -> list[tuple[str, str]]:
    """Key and value of each view that the page offers now."""
    controls = [each for each in page.at.main if each.type == "button_group" and VIEWS.match(each.proto.label)]
    return [(control.key, value) for control in controls for value in control.options]


def look_at(page, kind: str, name: str) -> None:
    """See that nothing on the page is broken."""
    where = f"{name} with a run that is {kind}"
    assert_no_nan(page.text)
    for component in page.at.get("bidi_component"):
        if text := component.proto.json:
            assert_strict(text)
    for chart in (*page.at.get("echarts_chart"), *page.at.get("plotly_chart")):
        assert_strict(chart.proto.spec)
    assert "Something went wrong" not in page.text, where


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(PATHS))
def test_every_view_of_every_page_shows_it_or_says_why_not(app, kinds, convert_once, name, kind, seen):
    page, run_id = app(), kinds[kind]
    place = {"run": run_id, "runs": f"{kinds['healthy']},{run_id}", "method": "pca", "split": "test"}
    page.open(PATHS[name], **place)
    if name == "predict" and page.has("photo_samples"):
        page.send("photo_samples", "pick", page.given("photo_samples")["items"][0]["id"])
    look_at(page, kind, name)
    done: set[tuple[str, str]] = set()
    while new := [each for each in views(page) if each not in done]:
        key, value = new[0]
        done.add((key, value))
        if value not in page.at.get_by_key(key).formatted_values:
            page.set(key, value)
            assert value in page.at.get_by_key(key).formatted_values
            look_at(page, kind, f"{name}, {value}")
        if name in OF_ANSWERS and kind in NO_ANSWERS and value != SNAPSHOTS:
            assert "no usable answers" in page.text, f"{name}, {value}"
    if name in CARD and kind != "broken":
        look_at(page.open(PATHS[name], **{**place, "image": "5"}), kind, f"{name}, an image")
    seen.setdefault(name, set()).update(value for _, value in done)


def test_the_views_of_pages_were_found(seen):
    """So that the test above looks at all of them."""
    if not seen:
        pytest.skip("needs the test above")
    assert seen["confusions"] >= {"Matrix", *(title for title, _ in confusions.VIEWS.values())}
    assert seen["embeddings"] >= set(embeddings.VIEWS.values())
    assert seen["predict"] >= set(card.VIEWS.values())
    assert seen["inside"] >= {title for title, _ in inside.VIEWS.values()}
    assert seen["train"] >= {live.CONFUSION, live.LAYERS, live.EARLIER}


def test_no_page_opens_a_run_by_itself_that_went_wrong(app, kinds):
    """The newest ones did; it takes the newest that did not."""
    page = app()
    for name in sorted(OF_ANSWERS | {"train"}):
        page.open(PATHS[name], method="pca")
        assert page.at.get_by_key("picked_run").value not in {kinds[kind] for kind in (*NO_ANSWERS, "broken")}


def test_lists_show_no_figure_of_weights_that_say_nothing(app, kinds):
    page = app().open(session.HOME_PAGE)
    table = page.at.dataframe[0].value
    for kind in NO_ANSWERS:
        (row,) = (row for _, row in table.iterrows() if row["name"] == kind)
        assert row["accuracy"] != row["accuracy"] or row["accuracy"] is None
    texts = page.at.get_by_key("picked_run").options
    assert any(re.match(r"healthy · validation [\d.]+.% · finished", text) for text in texts)
    assert "not numbers · failed" in texts
