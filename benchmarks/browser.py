"""How fast pages open in Chromium and Confusions and Inside answer, as people see it: on the screen, not on the wire.

    python -m benchmarks.browser [--clicks 30] [--starts 5] [--cold LINK ...] [--inside RUN ...]
    python -m benchmarks.browser --clicks 0 --starts 4 --cold papers "compare?runs=quick,solid,best"

Needs requirements-dev.txt, the data set and Chromium. Uses the shipped run `quick`, for Inside those that are named,
and their 10,000 test images. Times of clicks and keys are the page's own, to the frame in which all that was asked for
is painted. Each cold start is that of a new server with an empty home, at a link to any page; a browser that has been
there has the files of the page in its cache. One start more than asked for is made first.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Sequence

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.chromium import READY, SIZE, launch, open_tab, rest
from benchmarks.report import print_times
from benchmarks.server import free_port, serve
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.formatting import image_name

LINKS = ("confusions?run=quick&true=6&pred=0", "papers", "compare?runs=quick,solid,best")
# What is there once a page can be used; for others that is the end of its script.
SEEN = {"confusions": "button.item", "papers": "text=/\\d+ holds?\\b/", "compare": "p:has(strong):has-text('against')"}
PAUSE_SECONDS = 8
GALLERY_PAGE = 200  # images
# In the page itself, whose components have shadow roots: from the click until the gallery holds exactly that many
# images, all with these words, and is painted.
PRESS = """([start, count, words]) => new Promise((done, fail) => {
  const fits = ({ ariaLabel }) => ariaLabel.includes(words);
  const there = () => {
    const items = all('button.item');
    return items.length === count && items.every(fits);
  };
  if (there()) return fail(new Error(`the images of ${start} are there before the click`));
  const began = performance.now();
  all(start)[0].click();
  const look = () => requestAnimationFrame(there() ? () => done(performance.now() - began) : look);
  look();
})"""
# From the key until the card shows that place, and until neighbours and heat are others than before.
STEP = """([place]) => new Promise((done, fail) => {
  const galleries = () => all('.gallery').filter((one) => one.ariaLabel !== 'Images').map((one) => one.signature);
  const before = galleries();
  if (before.length !== 2) return fail(new Error('neighbours and heat are not there'));
  const began = performance.now();
  const seconds = [];
  const look = () => {
    const now = galleries();
    if (!seconds.length && all('.place').some((one) => one.textContent.startsWith(place))) {
      seconds.push(performance.now() - began);
    }
    const whole = seconds.length && now.length === 2 && now.every((one, number) => one !== before[number]);
    requestAnimationFrame(whole ? () => done([seconds[0], performance.now() - began]) : look);
  };
  document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  look();
})"""

# From pressing a button, or a place in a map, until a text is there that was not and all below it is drawn.
ANSWER = """([selector, number, place, words]) => new Promise((done, fail) => {
  const said = () => all('[data-testid=stMain] :is(h3, strong)').some((one) => one.textContent.startsWith(words));
  if (said()) return fail(new Error(`${words} is there before the click`));
  const there = () => said() && document.querySelector('[data-test-script-state=notRunning]');
  const button = all(selector).filter((one) => !one.disabled)[number];
  const box = button.getBoundingClientRect();
  const [clientX, clientY] = [box.left + place[0] * box.width, box.top + place[1] * box.height];
  const began = performance.now();
  button.dispatchEvent(new MouseEvent('click', { bubbles: true, composed: true, detail: 1, clientX, clientY }));
  const look = () => requestAnimationFrame(there() ? () => done(performance.now() - began) : look);
  look();
})"""


def press_cell(page: Page, label: str) -> float:
    """Milliseconds from pressing the cell with that label until exactly its images are on the screen."""
    what, _, number = label.removeprefix("true ").removesuffix("s").removesuffix(" image").partition(": ")
    true, predicted = what.split(", predicted ")
    verdict = f"recognised as {predicted}" if true == predicted else f"taken for {predicted}"
    count = min(int(number.replace(",", "")), GALLERY_PAGE)
    kind = image_name("test", 0, CLASS_NAMES.index(true)).rpartition(", ")[2]  # as in "a shirt"
    return page.evaluate(PRESS, [f'td button[aria-label="{label}"]', count, f", {kind}: {verdict}"])


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
        page = open_tab(browser)
        page.goto(f"http://127.0.0.1:{port}/confusions?run=quick")
        page.locator("button.item").first.wait_for()
        rest(page)
        labels = page.locator("td button").evaluate_all("all => all.map((each) => each.ariaLabel)")
        full = [label for label in labels if not label.endswith(": 0 images")]
        random.seed(0)
        for label in random.choices(full, k=count):
            rows.setdefault("cell pressed to its images", []).append(press_cell(page, label))
            rest(page)
            page.get_by_role("button", name="All mistakes").click()
            rest(page)
        page.locator("button.item").first.click()
        page.get_by_text("Evidence for").wait_for(timeout=60_000)  # the analyst is warm from here on
        for number in range(2, count + 2):
            rest(page)
            shown, whole = page.evaluate(STEP, [f"{number} of "])
            rows.setdefault("next image to its card", []).append(shown)
            rows.setdefault("next image to neighbours and heat", []).append(whole)
    return rows


def inside(browser: Browser, run: str, count: int) -> dict[str, list[float]]:
    """Images gone through one after another, and values of the first convolution pointed at."""
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home, serve(home) as (port, _):
        page = open_tab(browser)
        page.goto(f"http://127.0.0.1:{port}/inside?run={run}&image=0&layer=1&channel=0&at=0,0")
        page.locator("button.picture").wait_for(timeout=60_000)
        for number in range(1, count + 2):
            rest(page)
            step = page.evaluate(ANSWER, [".st-key-image_Next button", 0, [0.5, 0.5], f"Test image {number},"])
            rest(page)
            row, column = random.Random(number).choices(range(1, 28), k=2)
            words = f"Layer 1, channel 0, row {row}, column {column}:"
            place = [(column + 0.5) / 28, (row + 0.5) / 28]
            value = page.evaluate(ANSWER, ["button.picture", 0, place, words])
            if number > 1:  # the analyst is warm from here on
                rows.setdefault(f"{run}: next image to its maps", []).append(step)
                rows.setdefault(f"{run}: value pointed at to its sum", []).append(value)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--starts", type=int, default=5, help="of a server for each link, and for each kind of browser")
    parser.add_argument("--cold", nargs="*", default=LINKS, metavar="LINK", help="pages to start cold, by their links")
    parser.add_argument("--inside", nargs="*", default=("quick", "best"), metavar="RUN", help="runs to look into")
    options = parser.parse_args()
    rows: dict[str, Sequence[float]] = {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for link in options.cold:
            rows |= cold_starts(browser, link, options.starts)
        if options.clicks:
            rows |= confusions(browser, options.clicks)
            for run in options.inside:
                rows |= inside(browser, run, options.clicks)
        browser.close()
    print_times(rows)


if __name__ == "__main__":
    main()
