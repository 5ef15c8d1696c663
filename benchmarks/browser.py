"""How fast the Confusions page answers in Chromium, as people see it: on the screen, not on the wire.

    python benchmarks/browser.py [--clicks 30]

Needs requirements-dev.txt, the data set and Chromium. Uses the shipped run `quick` and its 10,000 test images. Times
include Playwright's own 5 to 15 ms. Each cold start is that of a new server with an empty home; a browser that has
been there has the files of the page in its cache.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time

from pages import CHROMIUM_FLAGS, cores, free_port, processor, serve
from playwright.sync_api import Page, sync_playwright

COLD_STARTS = 5
PAUSE_SECONDS = 8
SIZE = {"width": 1400, "height": 900}
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


def rest(page: Page) -> None:
    """Until the script has ended, so that a measurement starts from quiet."""
    page.wait_for_timeout(150)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(150)


def cold_start(context, port: int) -> tuple[float, float]:
    """Seconds from starting a server to the matrix and its images, and from opening the page."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        with serve(home, port):
            opened = time.perf_counter()
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/confusions?run=quick&true=6&pred=0")
            page.locator("button.item").first.wait_for(timeout=60_000)
            ended = time.perf_counter()
            page.wait_for_timeout(PAUSE_SECONDS * 1000)  # what it does in the background must not disturb the next one
            page.close()
        time.sleep(1)
    return ended - started, ended - opened


def print_rows(rows: dict[str, list[float]]) -> None:
    """Medians and 95th percentiles of milliseconds."""
    print(f"{processor()}, {cores()} cores, {time.strftime('%Y-%m-%d')}")
    for name, times in rows.items():
        tail = sorted(times)[min(len(times) - 1, int(0.95 * len(times)))]
        print(f"{name:<50} median {statistics.median(times):6.0f} ms   95th {tail:6.0f} ms   n={len(times)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=30)
    count = parser.parse_args().clicks
    rows: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        kept = browser.new_context(viewport=SIZE)
        for name, is_new in (("first visit", True), ("browser has been there", False)):
            port, starts = free_port(), []
            for _ in range(COLD_STARTS + 1):
                starts.append(cold_start(browser.new_context(viewport=SIZE) if is_new else kept, port))
            rows[f"cold server, {name}: from its start"] = [1000 * whole for whole, _ in starts[1:]]
            rows[f"cold server, {name}: from opening"] = [1000 * opened for _, opened in starts[1:]]
        with tempfile.TemporaryDirectory() as home, serve(home) as (port, _):
            page = browser.new_page(viewport=SIZE)
            page.goto(f"http://127.0.0.1:{port}/confusions?run=quick")
            page.locator("button.item").first.wait_for()
            rest(page)
            labels = page.locator("td button").evaluate_all("all => all.map((each) => each.ariaLabel)")
            full = [label for label in labels if not label.endswith(": 0 images")]
            random.seed(0)
            for label in random.choices(full, k=count):
                true, said = label.removeprefix("true ").split(":")[0].split(", predicted ")
                verdict = f"recognised as {said}" if true == said else f"taken for {said}"
                cell = f'td button[aria-label="{label}"]'
                images = f'button.item[aria-label^="{true} "][aria-label*="{verdict}"]'
                rows.setdefault("cell pressed to its images", []).append(click(page, cell, images))
                rest(page)
                page.get_by_role("button", name="All mistakes").click()
                rest(page)
            page.locator("button.item").first.click()
            page.get_by_text("What speaks for").wait_for(timeout=60_000)  # the analyst is warm from here on
            for number in range(2, count + 2):
                rest(page)
                place = f"{number} of"
                began = time.perf_counter()
                page.keyboard.press("ArrowRight")
                page.get_by_text(place).wait_for()
                rows.setdefault("next image to its card", []).append(1000 * (time.perf_counter() - began))
                page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
                rows.setdefault("next image to neighbours and heat", []).append(1000 * (time.perf_counter() - began))
        browser.close()
    print_rows(rows)


if __name__ == "__main__":
    main()
