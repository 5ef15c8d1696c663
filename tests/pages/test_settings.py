"""The Settings page: what a browser prefers, all keys, and what the program is."""

import json
import re
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy

from fmexplore import __version__
from fmexplore.settings import PROJECT
from fmexplore.ui import components, preferences
from fmexplore.ui.session import CONFUSIONS_PAGE as CONFUSIONS
from fmexplore.ui.session import SETTINGS_PAGE as SETTINGS
from fmexplore.ui.settings import about
from fmexplore.ui.settings.keyboard import KEYS


@pytest.fixture
def came_from(monkeypatch):
    """Sets the address that the browser has opened."""

    def set_address(address: str) -> None:
        monkeypatch.setattr(ContextProxy, "url", address)

    return set_address


def test_without_any_run_all_views_are_there(app):
    page = app().open(SETTINGS)
    assert "kept in this browser" in page.text
    assert "Everything that can be clicked" in page.open(SETTINGS, view="keyboard").text
    assert f"fmexplore {__version__}" in page.open(SETTINGS, view="about").text
    assert not page.errors
    page.open(SETTINGS, view="colour")
    assert "view='colour'" in page.warnings[0]


def test_a_choice_is_kept_in_the_browser_and_holds_in_a_new_visit(app, monkeypatch):
    page = app().open(SETTINGS)
    assert not page.has(f"{preferences.COOKIE}_component")
    page.set("prefer_text", "large").set("prefer_decimal", "comma")
    kept = page.given(f"{preferences.COOKIE}_component")
    assert set(kept["place"].split(".")) == {"text-large", "decimal-comma"}
    assert re.fullmatch(r"[\w.-]+", kept["place"])  # or a browser would cut the cookie
    monkeypatch.setattr(ContextProxy, "cookies", {preferences.COOKIE: kept["place"]})
    again = app().open(SETTINGS)
    assert again.at.get_by_key("prefer_text").value == "large"
    assert any("font-size: 18.75px" in each.proto.body for each in again.at.get("html"))


@pytest.mark.parametrize(
    "cookie", ["", "text-huge", "text", "-.-", "decimal-comma;x", "colour-red", "text-large" * 99, "run-../x", "run-"]
)
def test_a_cookie_that_makes_no_sense_is_the_default(app, monkeypatch, cookie):
    monkeypatch.setattr(ContextProxy, "cookies", {preferences.COOKIE: cookie})
    page = app().open(SETTINGS)
    assert page.at.get_by_key("prefer_text").value == "normal"
    assert page.at.get_by_key("prefer_decimal").value == "point"


def test_numbers_have_the_sign_that_was_chosen_and_links_do_not(app, trained):
    run, page = trained(), app()
    point = page.open(CONFUSIONS, run=run.id).text
    (share,) = re.findall(r"(\d+\.\d+) % of 160 test images", point)
    page.open(SETTINGS).set("prefer_decimal", "comma")
    page.open(CONFUSIONS, run=run.id, true="6", pred="6")
    assert f"{share.replace('.', ',')} % of 160 test images" in page.text
    assert page.query == {"run": run.id, "true": "6", "pred": "6"}


def test_every_component_that_listens_to_keys_is_in_the_list():
    folder = Path(components.__file__).parent
    keys = re.compile(r"event\.key|moveFocus\(")
    listening = {path.parent.name for path in folder.glob("*/*.js") if keys.search(path.read_text("utf-8"))}
    assert listening == KEYS.keys() - {""}


@pytest.mark.parametrize("state", ["finished", "stopped", "failed", "interrupted"])
def test_the_report_has_versions_and_the_configuration_of_the_run(app, make_run, state):
    run = make_run(
        state, weights="", diverged=state == "failed", error="The loss is not a number." * (state == "failed")
    )
    page = app().open(SETTINGS, view="about", run=run.id)
    text = page.given("copy_report")["text"]
    assert f"fmexplore {__version__}" in text
    assert re.search(r"streamlit \d", text)
    assert f"run {run.id}: {state}" in text
    assert ("not a number" in text) == (state == "failed")
    assert json.loads(text[text.index("{") :]) == run.config.model_dump(mode="json")
    page.set("reported_run", None)
    assert run.id not in page.given("copy_report")["text"]


def test_a_run_that_is_not_there_or_broken_leaves_the_page_usable(app, make_run):
    broken = make_run(name="broken one")
    (broken.path / "config.json").write_text("{")
    page = app().open(SETTINGS, view="about", run=broken.id)
    assert broken.id not in page.given("copy_report")["text"]
    page.open(SETTINGS, view="about", run="20260101-000000-quick-zzzz")
    assert "There is no run" in page.errors[0]
    assert "fmexplore" in page.given("copy_report")["text"]


def test_a_hosted_page_tells_nothing_of_the_servers_folders(hosted):
    page = hosted("a").open(SETTINGS, view="about")
    assert str(PROJECT) not in page.text + page.given("copy_report")["text"]
    assert "the person who runs this server" in page.text


def test_licence_and_citation_are_those_of_the_project():
    licence = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License")
    assert f"Copyright (c) {about.YEAR} the fmexplore authors" in licence
    assert f"version = {{{__version__}}}" in about.CITATION
    assert about.CITATION.count("{") == about.CITATION.count("}")


def test_the_address_of_the_source_is_the_one_that_the_project_states(tmp_path, monkeypatch):
    monkeypatch.setattr(about, "PROJECT", tmp_path)
    monkeypatch.setattr(about, "INSTALLED", False)
    assert about.source_address() == ""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert about.source_address() == ""
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nSource = "https://example.org/fmexplore"\n')
    assert about.source_address() == "https://example.org/fmexplore"
