"""Static charts in Chromium: colours of the theme, buttons, hover, and a phone."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import GROUNDS

TEXT = {"light": "rgb(20, 23, 28)", "dark": "rgb(230, 229, 225)"}
# Keeps what is told in `told`: after a tap a headless Chromium may bring its mouse, which points at nothing, back.
LISTEN = """layer => {
  window.told = "";
  new MutationObserver(() => { window.told += layer.textContent; }).observe(layer, { childList: true, subtree: true });
}"""
SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"


def charts(opened):
    return opened.main.locator(".js-plotly-plot")


def drawn(opened, count: int):
    """Wait until all charts have their axes."""
    expect(charts(opened)).to_have_count(count)
    for chart in charts(opened).all():
        expect(chart.locator(".xtick text").first).to_be_visible()
    return opened.settle()


def test_a_chart_has_the_font_of_the_app_and_the_colours_of_the_theme_also_when_the_viewer_changes_it(tab):
    opened = drawn(tab(color_scheme="light").open("/data?class=6"), 1)
    tick = charts(opened).locator(".xtick text").first
    expect(tick).to_have_css("font-family", re.compile("Source Sans"))
    for scheme in ("light", "dark", "light"):
        opened.page.emulate_media(color_scheme=scheme)
        expect(tick).to_have_css("fill", TEXT[scheme])
        expect(charts(opened).locator(".main-svg").first).to_have_css("background-color", GROUNDS[scheme])
        expect(opened.page.locator("html")).to_have_css("color-scheme", scheme)


def test_a_chart_offers_its_picture_and_the_way_back_from_a_zoom_and_nothing_else(tab):
    opened = drawn(tab().open("/confusions?run=quick&view=figures"), 2)
    for chart in charts(opened).all():
        titles = [button.get_attribute("data-title") for button in chart.locator(".modebar-btn").all()]
        assert titles == ["Download plot as a PNG", "Reset axes"]
    chart = charts(opened).first
    chart.hover()
    with opened.page.expect_download() as download:
        chart.locator(".modebar-btn").first.click()
    assert download.value.suggested_filename == "calibration.png"


def test_a_zoom_shows_a_part_and_reset_the_whole(tab, eventually):
    opened = drawn(tab().open("/data?class=6"), 1)
    chart = charts(opened)

    def levels() -> set[str]:
        return set(chart.locator(".xtick text").all_text_contents())

    whole = levels()
    chart.hover()  # brings it into view
    box = chart.locator(".nsewdrag").first.bounding_box()
    left, middle = box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2
    opened.page.mouse.move(left, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(left + 0.1 * box["width"], middle, steps=5)
    opened.page.mouse.up()
    eventually(lambda: levels() - whole)
    chart.locator(".modebar-btn").last.click()
    eventually(lambda: levels() == whole)


def test_a_bar_tells_its_value_with_its_unit(tab):
    opened = drawn(tab().open("/data?class=6"), 1)
    charts(opened).locator(".bars .point").nth(12).hover(force=True)  # the layer that listens lies above
    expect(charts(opened).locator(".hoverlayer")).to_have_text(
        re.compile(r"^grey level \d+ to \d+: \d\.\d\d % of the pixels$")
    )


def test_a_finger_on_a_chart_scrolls_the_page_and_a_touch_tells_a_point(tab, eventually):
    agent = "Mozilla/5.0 (Linux; Android 14; Pixel 5) AppleWebKit/537.36 Chrome/125.0.0.0 Mobile Safari/537.36"
    opened = drawn(tab(phone=True, has_touch=True, is_mobile=True, user_agent=agent).open("/papers?view=networks"), 1)
    charts(opened).locator(".hoverlayer").evaluate(LISTEN)

    def tap() -> str:
        box = charts(opened).locator(".scatterlayer .point").nth(3).bounding_box()  # moves when its font has come
        opened.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        return opened.page.evaluate("told")

    eventually(lambda: re.search("parameters, .* % of test images right", tap()))
    box = charts(opened).bounding_box()
    finger = opened.page.context.new_cdp_session(opened.page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 16):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 10 * step}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    opened.page.wait_for_function(f"({SCROLLED})() > 50")
