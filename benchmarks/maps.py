"""How fast the Embeddings page answers in Chromium: maps drawn, and a box around thousands of points to its gallery.

    python -m benchmarks.maps [--rounds 10]

Needs requirements-dev.txt, the data set and Chromium. Uses the shipped run `quick`; the map of all 70,000 images is
computed before anything is timed. Times are those of the page itself, to the frame in which the thing is seen.
"""

import argparse
import tempfile
import time

from playwright.sync_api import Page, sync_playwright

from benchmarks.chromium import launch, open_tab, rest
from benchmarks.report import print_times
from benchmarks.server import serve

# From the next click or release until the text is on the page and, in the frame after, drawn.
WATCH = """(text) => {
  window.answered = new Promise((done) => addEventListener('pointerup', () => {
    const began = performance.now();
    const before = all('.scatter').map((each) => each.dataset.name).join();
    const look = () => {
      const there = text
        ? document.body.innerText.match(new RegExp(text)) && all('button.item').length
        : all('.scatter').map((each) => each.dataset.name).join() !== before && all('.scatter[data-drawn]').length;
      requestAnimationFrame(there ? () => done(performance.now() - began) : look);
    };
    look();
  }, { capture: true, once: true }));
}"""
PLACES = {10_000: "", 70_000: "&split=all&method=pca"}


def answered(page: Page, text: str, act) -> float:
    """Milliseconds from the release of the pointer in `act` until the text, or without one another map, is seen."""
    page.evaluate(WATCH, text)
    act()
    return page.evaluate("window.answered")


def opened(page: Page, address: str, count: int = 10_000) -> float:
    """Milliseconds from opening the page until the map of that many images is drawn, and no other in its place."""
    began = time.perf_counter()
    page.goto(address)
    page.locator(f".scatter[data-drawn][data-count='{count}']").wait_for(timeout=120_000)
    seconds = time.perf_counter() - began
    if page.get_by_text("Meanwhile, this is").count():
        raise RuntimeError(f"{address} shows another map, while its own is computed")
    return 1000 * seconds


def box(page: Page, share: float) -> None:
    """Draw a box around the middle of the map."""
    frame = page.locator(".scatter .board").bounding_box()
    assert frame
    middle = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    half = share * frame["height"] / 2
    page.mouse.move(middle[0] - half, middle[1] - half)
    page.mouse.down()
    page.mouse.move(middle[0] + half, middle[1] + half, steps=8)
    page.mouse.up()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    rows: dict[str, list[float]] = {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home, serve(home) as (port, _):
        browser = launch(playwright)
        page = open_tab(browser)
        address = f"http://127.0.0.1:{port}/embeddings?run=quick"
        for count, query in PLACES.items():
            opened(page, address + query, count)  # computed
            rest(page)
            for _ in range(rounds):
                name = f"page opened to its map, {count:,} images"
                rows.setdefault(name, []).append(opened(page, address + query, count))
                rest(page)
        page.get_by_role("button", name="Box", exact=True).click()
        for turn in range(rounds):
            share = 0.3 + 0.01 * turn  # other points each time: nothing is there already
            text = r"[\d,]+ of 70,000 images are selected"
            rows.setdefault("box to its gallery, 70,000 images", []).append(
                answered(page, text, lambda: box(page, share))  # noqa: B023 it is called at once
            )
            rest(page)
            found = page.get_by_text("images are selected").first.inner_text()
            page.get_by_role("button", name="Clear the selection").click()
            rest(page)
        print(f"the last box: {found}")
        opened(page, address)
        rest(page)
        # The glossary below the page has entries of the same names.
        methods = page.get_by_test_id("stButtonGroup").filter(has=page.get_by_role("radio", name="UMAP", exact=True))
        for turn in range(2 * rounds):
            method = ("PCA", "t-SNE", "UMAP")[turn % 3]
            rows.setdefault("another map of 10,000 images", []).append(
                answered(page, "", methods.get_by_role("radio", name=method, exact=True).click)
            )
            rest(page)
        browser.close()
    print_times(rows)


if __name__ == "__main__":
    main()
