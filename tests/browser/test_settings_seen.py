"""The Settings page in a browser: what is chosen holds on other pages and in a new visit, and texts are copied."""

import re

from playwright.sync_api import expect

DARK = "rgb(21, 23, 28)"


def letters(opened, size: float) -> None:
    """Wait until letters have that size in pixels."""
    expect(opened.page.locator("html")).to_have_css("font-size", f"{size:g}px")


def test_what_is_chosen_holds_on_every_page_and_in_a_new_visit(tab):
    opened = tab().open("/settings").sees("kept in this browser")
    normal = opened.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    opened.main.get_by_text("comma: 92,9 %", exact=True).click()
    opened.main.get_by_text("large, for a projector", exact=True).click()
    letters(opened, 1.25 * normal)
    opened.main.get_by_text("dark", exact=True).click()
    expect(opened.page.get_by_test_id("stApp")).to_have_css("background-color", DARK)  # after it was loaded again
    opened.open("/confusions?run=quick&groups=0,2,4,6-5,7,9").sees(re.compile("98,05\\s%"))
    expect(opened.page.get_by_test_id("stApp")).to_have_css("background-color", DARK)
    letters(opened, 1.25 * normal)
    curves = opened.open("/train?run=quick").main.get_by_test_id("stEChartsChart")
    expect(curves.locator("text", has_text=re.compile("^0,5$"))).to_have_count(1)
    expect(curves.locator("text", has_text=re.compile(r"\d\."))).to_have_count(0)
    opened.open("/settings").main.get_by_text("as the system", exact=True).click()
    expect(opened.page.get_by_test_id("stApp")).not_to_have_css("background-color", DARK)


def test_a_desktop_notice_is_off_until_it_is_switched_on_and_says_where_browsers_allow_none(tab):
    opened = tab().open("/settings").sees("Notices of this page are blocked")  # as without a head
    switch = opened.main.get_by_label("Desktop notice when a training ends")
    expect(switch).to_be_disabled()
    opened.page.add_init_script("window.Notification = class { static permission = 'granted' }")
    opened.open("/settings")
    expect(switch).not_to_be_checked()
    switch.check()
    opened.open("/settings")
    expect(switch).to_be_checked()
    opened.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    opened.open("/settings").sees("only at https addresses and on localhost")
    expect(switch).to_be_disabled()


def test_the_report_is_copied_also_without_a_clipboard(tab):
    opened = tab(permissions=["clipboard-read", "clipboard-write"]).open("/settings?view=about&run=quick")
    opened.press("Copy the report").sees("Copied")
    report = opened.page.evaluate("navigator.clipboard.readText()")
    assert report.startswith("fmexplore ")
    assert '"preset": "quick"' in report
    opened.page.evaluate("navigator.clipboard.writeText('')")
    opened.page.evaluate("navigator.clipboard.writeText = async () => { throw new Error() }; null")
    expect(opened.main.get_by_text("Copied")).to_have_count(0)
    opened.press("Copy the report").sees("Copied")
    assert opened.page.evaluate("navigator.clipboard.readText()") == report
    assert opened.faults() == {}
