"""Chromium as measurements and pictures use it."""

import shutil

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SIZE = {"width": 1400, "height": 900}
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'  # once the script of the page has ended


def launch(playwright: Playwright) -> Browser:
    """The first of the installed browsers, without a window."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    return playwright.chromium.launch(executable_path=executable, args=list(FLAGS))


def rest(page: Page) -> None:
    """Until the script has ended, so that a measurement starts from quiet."""
    page.wait_for_timeout(150)
    page.wait_for_selector(READY)
    page.wait_for_timeout(150)
