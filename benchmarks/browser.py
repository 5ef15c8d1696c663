"""How fast pages open in Chromium and Confusions answers, as people see it: on the screen, not on the wire.

    python -m benchmarks.browser [--clicks 30] [--starts 5] [--cold LINK ...]
    python -m benchmarks.browser --clicks 0 --starts 4 --cold papers "compare?runs=quick,solid,best"

Needs requirements-dev.txt, the data set and Chromium. Uses the shipped run `quick` and its 10,000 test images. Times
include Playwright's own 5 to 15 ms. Each cold start is that of a new server with an empty home, at a link to any page;
a browser that has been there has the files of the page in its cache. One start more than asked for is made first.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Sequence

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.chromium import READY, SIZE, launch, rest
from benchmarks.report import print_times
from benchmarks.server import free_port, serve
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.formatting import image_name

LINKS = ("confusions?run=quick&true=6&pred=0", "papers", "compare?runs=quick,solid,best")
# What is there once a page can be used; for others that is the end of its script.
SEEN = {"confusions": "button.item", "papers": "text=/\\d+ holds?\\b/", "compare": "text=against"}
PAUSE_SECONDS = 8
# In the page itself: from the click until pictures of other images, or a card, have been painted.
WATCH = """([start, ready]) => new Promise((done) => {
  const shadows = (node) => [...node.querySelectorAll('*')].map((each) => each.shadowRoot).filter(Boolean);
  const roots = (node) => [node, ...shadows(node).flatMap(roots)];
  const find = (selector) => roots(document).map((root) => root.querySelector(selector)).find(Boolean);
  const began = performance.now();
  find(start).click();
  const look = () => {
    const there = find(ready);
    requestAnimationFrame(there ? () => done(performance.now() - began) : look);
  };
  look();
})"""


def click(page: Page, start: str, ready: str) -> float:
    """Milliseconds from pressing `start` until `ready` is on the screen; both are CSS selectors."""
    return page.evaluate(WATCH, [start, ready])


def cold_start(context: BrowserContext, port: int, link: str) -> tuple[float, float]:
    """Milliseconds from starting a server until the page can be used, and from opening the page."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        with serve(home, port):
            opened = time.perf_counter()
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/{link}")
            seen = SEEN.get(link.partition("?")[0])
            usable = page.get_by_test_id("stMain").locator(seen) if seen else page.locator(READY)
            usable.first.wait_for(timeout=60_000)
            ended = time.perf_counter()
            page.wait_for_timeout(PAUSE_SECONDS * 1000)  # what it does in the background must not disturb the next one
            page.close()
        time.sleep(1)
    return 1000 * (ended - started), 1000 * (ended - opened)


def cold_starts(browser: Browser, link: str, count: int) -> dict[str, Sequence[float]]:
    """Of new browsers, and of one that has been there."""
    rows: dict[str, Sequence[float]] = {}
    kept = browser.new_context(viewport=SIZE)
    for name, is_new in (("first visit", True), ("browser has been there", False)):
        port, starts = free_port(), []  # the same for all: files are kept for an address
        for _ in range(count + 1):
            starts.append(cold_start(browser.new_context(viewport=SIZE) if is_new else kept, port, link))
        page = link.partition("?")[0] or "home"
        rows[f"cold {page}, {name}: from its start"], rows[f"cold {page}, {name}: from opening"] = zip(*starts[1:])
    return rows


def confusions(browser: Browser, count: int) -> dict[str, list[float]]:
    """Cells pressed and images opened, one after another."""
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home, serve(home) as (port, _):
        page = browser.new_page(viewport=SIZE)
        page.goto(f"http://127.0.0.1:{port}/confusions?run=quick")
        page.locator("button.item").first.wait_for()
        rest(page)
        labels = page.locator("td button").evaluate_all("all => all.map((each) => each.ariaLabel)")
        full = [label for label in labels if not label.endswith(": 0 images")]
        random.seed(0)
        for label in random.choices(full, k=count):
            true, predicted = label.removeprefix("true ").split(":")[0].split(", predicted ")
            verdict = f"recognised as {predicted}" if true == predicted else f"taken for {predicted}"
            cell = f'td button[aria-label="{label}"]'
            kind = image_name("test", 0, CLASS_NAMES.index(true)).rpartition(", ")[2]  # as in "a shirt"
            images = f'button.item[aria-label*=", {kind}: {verdict}"]'
            rows.setdefault("cell pressed to its images", []).append(click(page, cell, images))
            rest(page)
            page.get_by_role("button", name="All mistakes").click()
            rest(page)
        page.locator("button.item").first.click()
        page.get_by_text("Evidence for").wait_for(timeout=60_000)  # the analyst is warm from here on
        for number in range(2, count + 2):
            rest(page)
            place = f"{number} of"
            began = time.perf_counter()
            page.keyboard.press("ArrowRight")
            page.get_by_text(place).wait_for()
            rows.setdefault("next image to its card", []).append(1000 * (time.perf_counter() - began))
            page.wait_for_selector(READY)
            rows.setdefault("next image to neighbours and heat", []).append(1000 * (time.perf_counter() - began))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--starts", type=int, default=5, help="of a server for each link, and for each kind of browser")
    parser.add_argument("--cold", nargs="*", default=LINKS, metavar="LINK", help="pages to start cold, by their links")
    options = parser.parse_args()
    rows: dict[str, Sequence[float]] = {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for link in options.cold:
            rows |= cold_starts(browser, link, options.starts)
        if options.clicks:
            rows |= confusions(browser, options.clicks)
        browser.close()
    print_times(rows)


if __name__ == "__main__":
    main()
