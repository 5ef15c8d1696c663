"""The field's terms where they are used: marked, explained on hover and tap, and listed at the end of the page."""

import re

import pytest
from playwright.sync_api import Locator, expect

from fmexplore.ui.glossary import TERMS

MEANING = {term.name: term.meaning for term in TERMS}
# The marked words, as they are written there, that are still in the page.
MARKED = """() => [...(CSS.highlights.get("fmexplore-term") ?? [])]
  .filter((range) => range.startContainer.isConnected).map(String)"""
# Notes each change of an element that is not a component's own.
WATCH = """() => {
  window.changes = [];
  // Tables on canvases redraw by themselves.
  const ours = ({ target }) => !(target.closest?.("canvas") || target.parentElement?.closest("canvas"));
  new MutationObserver((seen) =>
    changes.push(...seen.filter(ours).map((one) => one.target.outerHTML ?? one.target.data)))
    .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
}"""

# Whether nothing changes for a second: tables come after the rest of the page. Forgets what came before.
QUIET = """async () => {
  changes.length = 0;
  await new Promise((done) => setTimeout(done, 1000));
  return changes.length === 0;
}"""


class Terms:
    """What a tab shows of the glossary."""

    def __init__(self, opened) -> None:
        self.opened = opened
        self.tip: Locator = opened.main.locator(".meaning")
        self.words: Locator = opened.main.locator("details", has_text="Terms on this page")

    def marked(self, eventually, *words: str) -> "Terms":
        eventually(lambda: set(words) <= set(self.opened.page.evaluate(MARKED)))
        return self

    def explains(self, name: str) -> "Terms":
        expect(self.tip).to_have_text(f"{name}{MEANING[name]}")
        expect(self.tip).to_be_visible()
        return self


def label(opened, text: str) -> Locator:
    return opened.main.get_by_test_id("stWidgetLabel").get_by_text(text, exact=True)


def test_a_marked_word_is_explained_on_hover_and_its_element_works_as_before(tab, eventually):
    opened = tab().open("/train?preset=quick")
    seen = Terms(opened).marked(eventually, "Epochs", "Learning rate")
    label(opened, "Learning rate").hover()
    seen.explains("learning rate")
    opened.keys("Escape")
    expect(seen.tip).to_be_hidden()
    label(opened, "Epochs").hover()
    seen.explains("epochs")
    label(opened, "Epochs").click()
    expect(seen.tip).to_be_hidden()
    expect(opened.main.get_by_label("Epochs", exact=True)).to_be_focused()


def test_marks_survive_a_rerun_and_are_also_found_inside_a_component(tab, eventually):
    opened = tab().open("/train?preset=quick").view("Layers")
    seen = Terms(opened).marked(eventually, "Learning rate", "kernel")
    opened.enter("Batch size", 100)
    opened.main.get_by_role("radio", name="Earlier runs").click()
    opened.sees("Load a run from")
    eventually(lambda: "kernel" not in opened.page.evaluate(MARKED))
    seen.marked(eventually, "Learning rate")
    label(opened, "Learning rate").hover()
    seen.explains("learning rate")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_of_a_page_are_read_by_keyboard_and_axe_finds_nothing_serious(tab, eventually, scheme):
    opened = tab(color_scheme=scheme).open("/compare?runs=quick,best")
    words = Terms(opened).words
    expect(words.locator("summary")).to_have_text(re.compile(r"^Terms on this page \(\d\d\)$"))
    words.locator("summary").focus()
    opened.keys("Enter")
    expect(words.get_by_text(MEANING["gap"])).to_be_visible()
    opened.sees(re.compile("^In brackets: the 95")).settle().page.evaluate(WATCH)
    eventually(lambda: opened.page.evaluate(QUIET))
    names = words.locator("dt").all_inner_texts()
    expect(words.locator("summary")).to_have_text(f"Terms on this page ({len(names)})")
    assert names == sorted(set(names), key=str.lower)
    opened.main.get_by_role("rowheader", name="Label smoothing").hover(position={"x": 20, "y": 14})
    Terms(opened).explains("label smoothing")
    assert opened.violations() == []


def test_on_a_phone_a_tap_explains_within_the_screen_and_one_elsewhere_closes(tab, eventually):
    opened = tab(phone=True, has_touch=True).open("/confusions?run=quick&view=figures")
    seen = Terms(opened).marked(eventually, "Top-2 accuracy")
    opened.page.evaluate(WATCH)
    eventually(lambda: opened.page.evaluate(QUIET))
    opened.main.get_by_text("Top-2 accuracy", exact=True).tap()
    box = seen.explains("top-2 accuracy").tip.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= opened.page.viewport_size["width"]
    opened.main.get_by_test_id("stMetricValue").first.tap()
    expect(seen.tip).to_be_hidden()
    assert opened.page.evaluate("changes") == []  # React's elements are as it made them


def test_the_words_of_a_popover_are_explained_above_it(tab, eventually):
    opened = tab().open("/embeddings?run=quick&method=tsne")
    opened.press("Settings")
    seen = Terms(opened).marked(eventually, "Perplexity")
    opened.page.get_by_test_id("stPopoverBody").get_by_text("Perplexity", exact=True).hover()
    seen.explains("perplexity")
    opened.keys("Escape")
    expect(seen.tip).to_be_hidden()
    expect(opened.page.get_by_test_id("stPopoverBody")).to_be_visible()  # one Esc closes one thing
