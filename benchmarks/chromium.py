"""Chromium as measurements and pictures use it."""

import shutil

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SIZE = {"width": 1400, "height": 900}
# For scripts in a page: all elements with a selector, also those inside components, which have shadow roots. It is
# asked with every frame, so it looks at the elements that Streamlit makes for components, and not at all there are.
FIND_ALL = """(() => {
  const components = () => [...document.querySelectorAll('[data-testid^="stBidiComponent"]')];
  const shadows = () => components().map((each) => each.shadowRoot).filter(Boolean);
  window.all = (selector) => [document, ...shadows()].flatMap((root) => [...root.querySelectorAll(selector)]);
})()"""
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'  # once the script of the page has ended


def launch(playwright: Playwright) -> Browser:
    """The first of the installed browsers, without a window."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    return playwright.chromium.launch(executable_path=executable, args=list(FLAGS))


def open_tab(browser: Browser) -> Page:
    """A new tab whose scripts have `all`."""
    page = browser.new_page(viewport=SIZE)
    page.add_init_script(FIND_ALL)
    return page


def rest(page: Page) -> None:
    """Until the script has ended, so that a measurement starts from quiet."""
    page.wait_for_timeout(150)
    page.wait_for_selector(READY)
    page.wait_for_timeout(150)
