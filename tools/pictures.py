"""Take the pictures of `docs/pictures/` anew: every page, by the shipped runs, in a server of its own.

    python -m tools.pictures [NAME ...]

Needs requirements-dev.txt, the data set and Chromium. Without names all are taken. Each is a PNG of 256 colours, under
150 kB.
"""

import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.chromium import READY, SIZE, launch
from benchmarks.server import PROJECT, serve

FOLDER, MOST_BYTES = PROJECT / "docs" / "pictures", 150_000
PHONE = {"width": 390, "height": 844}
SHIRTS = "run=quick&split=test&true=6&pred=0"
EXAMPLES = "Try what a paper prints"
WHOLE = "!document.querySelector('[data-testid=stSkeleton]')"


@dataclass(frozen=True)
class Picture:
    """A page at a link, in a theme and size; `text` is there once it is drawn, and `act` does something before."""

    link: str
    text: str
    dark: bool = False
    phone: bool = False
    act: Callable[[Page], None] = lambda _: None


def press(name: str, role: str = "button") -> Callable[[Page], None]:
    return lambda page: page.get_by_test_id("stMain").get_by_role(role, name=name).first.click()  # type: ignore[arg-type]


def choose(label: str, option: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_test_id("stMain").get_by_role("combobox", name=label).click()
        page.get_by_role("option", name=option).first.click()

    return act


PICTURES = {
    "home-light": Picture("/", "Your clothes"),
    "home-phone-dark": Picture("/", "Take the tour", dark=True, phone=True),
    "tour-dark": Picture(f"/confusions?{SHIRTS}&tour=2", "Tour, 2 of 6", dark=True),
    "train-light": Picture("/train?run=quick", "Start training"),
    "train-phone": Picture("/train?run=quick", "of the test images", phone=True),
    "confusions-light": Picture(f"/confusions?{SHIRTS}", "of 1,000 shirts"),
    "card-dark": Picture(f"/confusions?{SHIRTS}&image=40", "Evidence for", dark=True),
    "card-phone": Picture(f"/confusions?{SHIRTS}&image=40", "Evidence for", phone=True),
    "inside-light": Picture("/inside?run=quick&image=18&layer=1&channel=2&at=14,14", "products"),
    "looks-dark": Picture("/inside?run=quick&view=looks&image=18", "Deletion curve", dark=True),
    "robustness-light": Picture("/inside?run=quick&view=robustness&beside=quick-against-mirror", "Training against"),
    "embeddings-light": Picture("/embeddings?run=quick&split=test&selected=t6p0", "images are selected"),
    "over-the-training-dark": Picture("/embeddings?run=quick&view=time", "The images move most between", dark=True),
    "data-light": Picture("/data?split=train&class=6&run=quick", "The mean image"),
    "predict-light": Picture("/predict", "Leave out", act=press("Sample: Ankle boot")),
    "predict-phone-dark": Picture("/predict", "Leave out", dark=True, phone=True, act=press("Sample: Shirt")),
    "papers-light": Picture("/papers?system=codered-final", "Mean F1"),
    "check-dark": Picture("/papers?view=check", "contradicts", dark=True, act=choose(EXAMPLES, "Team 4: a report and")),
    "compare-light": Picture("/compare?runs=quick,solid,best", "In brackets"),
}


def take(browser, url: str, picture: Picture) -> bytes:
    """The picture as a PNG."""
    scheme = "dark" if picture.dark else "light"
    context = browser.new_context(viewport=PHONE if picture.phone else SIZE, color_scheme=scheme)
    page = context.new_page()
    page.goto(url + picture.link)
    page.wait_for_selector(READY, timeout=60_000)
    picture.act(page)
    page.get_by_test_id("stMain").get_by_text(picture.text).first.wait_for(timeout=60_000)
    for _ in range(2):  # widgets come in parts, and a chart's script only with the chart
        page.wait_for_function(WHOLE, timeout=60_000)
        page.wait_for_timeout(1500)  # pictures and charts move in
        page.wait_for_selector(READY, timeout=60_000)
    content = page.screenshot()
    context.close()
    return content


def shrink(content: bytes) -> bytes:
    """With 256 colours, without dithering. Raises ValueError where that is still too large."""
    picture = Image.open(io.BytesIO(content)).convert("RGB").quantize(256, kmeans=6, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    if packed.tell() >= MOST_BYTES:
        raise ValueError(f"The picture takes {packed.tell():,} bytes: choose a link with less on it.")
    return packed.getvalue()


def main() -> None:
    names = sys.argv[1:] or list(PICTURES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serve(home) as (port, _), sync_playwright() as playwright:
        browser = launch(playwright)
        for name in names:
            content = shrink(take(browser, f"http://127.0.0.1:{port}", PICTURES[name]))
            (FOLDER / f"{name}.png").write_bytes(content)
            print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
