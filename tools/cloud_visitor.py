"""Somebody in Chromium who opens every page, and tells what is wrong and how long it took."""

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response, TimeoutError

from benchmarks.chromium import READY
from tools.cloud_server import PATIENCE, Server

ERRORS = '[data-testid="stException"], [data-testid="stAlertContentError"]'
# Streamlit asks for these at a deep link, before it knows where its own root is.
HARMLESS = re.compile(r"/\w+/_stcore/")
# Pictures that did not load, also inside components.
MISSING = """() => {
  const roots = [document], missing = [];
  while (roots.length) {
    const root = roots.pop();
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) roots.push(each.shadowRoot);
      if (each.tagName === "IMG" && each.complete && !each.naturalWidth) missing.push(each.src.slice(0, 120));
    }
  }
  return missing;
}"""
# What to ask of a page, and what is there once it can be used; for others that is the end of its script.
LOOKS: dict[str, tuple[str, Callable[[Locator], Locator]]] = {
    "": ("", lambda main: main.get_by_text("classes come apart")),
    "train": ("?run=quick", lambda main: main.locator("canvas")),
    "confusions": ("?run=quick&true=6&pred=0", lambda main: main.locator("button.item")),
    "embeddings": ("?run=quick", lambda main: main.locator("canvas.over")),
    "data": ("", lambda main: main.locator("button.item")),
    "predict": ("", lambda main: main.get_by_role("button", name="Sample: Shirt", exact=True)),
    "compare": ("?runs=quick,best", lambda main: main.locator("canvas")),
    "papers": ("", lambda main: main.get_by_role("button", name=re.compile("^codered-final: "))),
}


class Visitor:
    """A browser that looks at the app, and what it finds wrong."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server, self.problems = page, server, []
        page.set_default_timeout(PATIENCE * 1000)
        page.context.route(lambda url: not url.startswith(server.url), lambda route: route.abort())
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("console", self._hear)
        page.on("response", self._receive)

    def _hear(self, message) -> None:
        place = message.location.get("url", "")
        foreign = place.startswith("http") and not place.startswith(self.server.url)  # components' scripts are blobs
        if message.type == "error" and not foreign and not HARMLESS.search(place):
            self.problems.append(f"console: {message.text.splitlines()[0]} ({place})")

    def _receive(self, response: Response) -> None:
        if response.status >= 400 and response.url.startswith(self.server.url) and not HARMLESS.search(response.url):
            self.problems.append(f"{response.status} for {response.url}")

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMain")

    def names(self) -> list[str]:
        """The pages that the sidebar links, by their address."""
        self.page.goto(self.server.url)
        links = self.page.get_by_test_id("stSidebarNavLink")
        links.first.wait_for()
        return [urlsplit(link.get_attribute("href") or "").path.strip("/") for link in links.all()]

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Something that is timed, and looked at when it has ended."""
        before, started = len(self.problems), time.monotonic()
        try:
            yield
        except Exception as error:
            self.problems.append(str(error).splitlines()[0])
        seconds = time.monotonic() - started
        self.page.wait_for_timeout(1500)  # pictures arrive, and the memory is measured
        self.problems += [f"shows: {text}" for text in self.page.locator(ERRORS).all_inner_texts()]
        self.problems += [f"picture is missing: {address}" for address in self.page.evaluate(MISSING)]
        weights = "".join(f"{weight:9.0f}" for weight in self.server.now.values())
        print(f"{name:<44}{seconds:8.1f} s{weights}", flush=True)
        for problem in self.problems[before:]:
            print(f"    {problem}", flush=True)
        if self.problems[before:]:
            self.page.screenshot(path=self.server.base / f"problem-{len(self.problems)}.png")

    def open(self, address: str) -> None:
        self.page.goto(f"{self.server.url}/{address}")

    def find_picture(self, canvas: Locator) -> None:
        """Move the pointer over a map until it shows the picture of a point; between points it shows none."""
        box, drawn, chance = canvas.bounding_box(), self.main.locator(".tip[data-drawn]"), random.Random(0)
        assert box
        for _ in range(100):
            right, down = chance.uniform(0.1, 0.9), chance.uniform(0.1, 0.9)
            self.page.mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] * down)
            self.page.wait_for_timeout(400)  # the map shows something once the pointer rests
            if self.main.locator(".tip").first.is_visible():
                with contextlib.suppress(TimeoutError):
                    return drawn.first.wait_for(timeout=5000)
        raise RuntimeError("no point of the map shows its picture")

    def rest(self) -> None:
        """Until the script of the page has ended."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector(READY)


def visit(visitor: Visitor) -> None:
    """Open every page, then do what needs more than the server."""
    main, page = visitor.main, visitor.page
    with visitor.step("the first page of a new server"):
        names = visitor.names()
        visitor.rest()
    for name in names:
        query, look = LOOKS.get(name, ("", lambda _: page.locator(READY)))
        with visitor.step(f"/{name}{query}"):
            visitor.open(name + query)
            look(main).first.wait_for()
            visitor.rest()
    with visitor.step("an image's card: neighbours, heat maps"):
        visitor.open("confusions?run=quick&true=6&pred=0")
        main.locator("button.item").first.click()
        main.get_by_text("Evidence for").wait_for()
        main.get_by_text("Nearest training images").wait_for()
        visitor.rest()
    with visitor.step("a picture of the map"):
        visitor.open("embeddings?run=quick")
        canvas = main.locator("canvas.over").first
        canvas.wait_for()
        visitor.rest()
        visitor.find_picture(canvas)
    with visitor.step("a sample photo, recognised"):
        visitor.open("predict")
        main.get_by_role("button", name="Sample: Ankle boot", exact=True).click()
        main.get_by_text("Sample Ankle boot").first.wait_for()
        main.locator(".steps li").first.wait_for()
        visitor.rest()
    with visitor.step("'Start training' to the first point"):
        visitor.open("train?preset=quick")
        epochs = main.get_by_label("Epochs", exact=True)
        epochs.wait_for()
        epochs.fill("1.5")
        epochs.press("Enter")
        visitor.rest()
        main.get_by_role("button", name="Start training", exact=True).click()
        page.wait_for_url(re.compile("run="))
        main.get_by_text("of the validation images are right after").first.wait_for()
    training = page.url.rsplit("/", 1)[-1]
    with visitor.step("a new UMAP of 10,000 images beside it"):
        visitor.open("embeddings?run=solid&layer=pixels&method=umap")
        busy = main.get_by_role("button", name="Cancel", exact=True)
        busy.wait_for()
        busy.wait_for(state="hidden")
        main.locator("canvas.over").first.wait_for()
        visitor.rest()
    with visitor.step("the training has ended"):
        visitor.open(training)
        main.get_by_text("finished", exact=True).first.wait_for()
    with visitor.step("its confusions"):
        visitor.open(training.replace("train", "confusions"))
        main.locator("button.item").first.wait_for()
        visitor.rest()
    with visitor.step("Home says that it will be forgotten"):
        visitor.open("")
        main.get_by_text("deletes all runs when it restarts").wait_for()
        visitor.rest()
