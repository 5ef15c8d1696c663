"""The first link that a server just started is asked for: each page whole, and its query kept."""

import pytest
from playwright.sync_api import expect

TITLES = ["Home", "Train", "Confusions", "Embeddings", "Inside", "Data", "Predict"]
TITLES += ["Compare runs", "Papers", "Settings"]
LINKS = {
    "/?run=quick": "Watch a network learn",
    "/train?run=quick&preset=solid": "Start training",
    "/confusions?run=quick&split=test&true=6&pred=0": "Shirts",
    "/embeddings?run=quick&split=test": "Map quality",
    "/data?split=train&class=6&run=quick": "The mean image",
    "/predict?run=photo": "Or try one of these",
    "/compare?runs=quick,best": "In brackets",
    "/papers?system=codered-final": "Mean F1",
    "/settings?view=about": "To cite it and the data set",
}


@pytest.mark.parametrize("link", LINKS)
def test_the_first_link_shows_its_page_in_the_frame(tab, server, link):
    server.kill()
    server.start()
    opened = tab().open(link).sees(LINKS[link])
    sidebar = opened.page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_test_id("stSidebarNavLink")).to_have_text(TITLES)
    expect(sidebar.get_by_role("button", name="Copy link")).to_be_visible()
    assert opened.page.evaluate("location.pathname + location.search") == link
    expect(opened.page.get_by_text("Page not found")).to_have_count(0)
