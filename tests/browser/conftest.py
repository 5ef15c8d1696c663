"""The whole app on the real data set, in Chromium.

Starting is what takes long, so test files share a server and tests share windows; what could lead from one test to
another is taken away between them: runs between files, cookies and storage between tests.
"""

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unicodedata
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, TimeoutError, expect, sync_playwright

from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT, Settings
from tests.conftest import know_machine

DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
GROUNDS = {"light": "rgb(252, 252, 251)", "dark": "rgb(21, 23, 28)"}
COLOUR_RULES = ("color-contrast", "link-in-text-block")  # of axe; all that depends on the theme
PATIENCE = 60  # seconds, for anything: the machine may be busy
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# The name of what has the keyboard's focus, also inside a component.
FOCUSED = """() => {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused?.ariaLabel || focused?.textContent || "";
}"""
# A window of 1400 pixels has the layout of 700 at 200 % zoom.
WIDTHS, WIDTHS_IN_THE_DARK = (1400, 1920, 1280, 1024, 768, 600, 390), (700, 1400)
MISFITS, ON_PAPER = (
    Path(__file__).with_name(f"{name}.js").read_text("utf-8").strip().rstrip(";") for name in ("misfits", "on_paper")
)
# What is shown below the chart, and a text of it.
VIEWS = {"Confusion so far": "Most often,", "Layers": "The layer table of the next", "Earlier runs": "Load a run from"}
MAC_APPS = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")]
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
    "--renderer-process-limit=1",  # tabs then share the scripts that are compiled already
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need Chromium and the real data set; pytest asks each conftest about every test."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")
            item.add_marker("real")


def find_chromium() -> str:
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", *MAC_APPS):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("There is no Chromium, and CI is set.")
    install = "brew install --cask chromium" if sys.platform == "darwin" else "sudo apt-get install chromium"
    pytest.skip(f"There is no Chromium: `{install}` enables the browser tests.")


@pytest.fixture(scope="session")
def chromium(real) -> Iterator[Browser]:
    path = find_chromium()
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


TROUBLE = re.compile("Traceback|Stack|page failed|Error")  # in the log of a server


class Server:
    """One `streamlit run` with a home of its own; `start` after `kill` is a restart."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home, self.port = home, _free_port()
        self.environment = {**os.environ, "FMEXPLORE_HOME": str(home), **environment}
        if "FMEXPLORE_HOSTED" not in environment:
            self.environment.pop("FMEXPLORE_HOSTED", None)
        self.store = RunStore(Settings(home=home))
        self.url = f"http://127.0.0.1:{self.port}"
        self.log, self._read, self._killed = home / "server.log", 0, False
        self._process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        options = {"address": "127.0.0.1", "port": str(self.port), "headless": "true", "fileWatcherType": "none"}
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
                + [part for name, value in options.items() for part in (f"--server.{name}", value)],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.1)
        pytest.fail(f"The server did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """As the out-of-memory killer would; its workers live on for a moment."""
        assert self._process
        self._killed = True
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def workers(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.home) in part for part in process.info["cmdline"] or [])
        ]

    def close(self) -> None:
        """Leave no process behind."""
        assert self._process
        workers = [*self.workers(), *psutil.Process(self._process.pid).children(recursive=True)]  # and the analyst
        self.kill()
        for worker in {*workers, *self.workers()}:
            try:
                worker.kill()
                worker.wait(30)
            except psutil.Error:
                continue

    def runs(self) -> list[Run]:
        return self.store.own_runs()

    def end_runs(self) -> None:
        """Leave no training behind."""
        for run in self.runs():
            self.store.settings.runs.joinpath(run.id, "STOP").touch()
        for worker in self.workers():
            worker.kill()
        wait_for(lambda: not any(run.status.active for run in self.runs()))

    def clear(self) -> None:
        """What it holds is that of a new one for the next test file: no runs, and nothing logged."""
        self.end_runs()
        for run in self.runs():
            self.store.delete(run, run.status.owner)
        self._read, self._killed = self.log.stat().st_size, False

    @property
    def logged(self) -> str:
        """What it has logged since it was started or cleared."""
        return self.log.read_bytes()[self._read :].decode(errors="replace")

    @property
    def trouble(self) -> str:
        """The end of what it has logged, where that says that something went wrong; killed it may say anything."""
        return self.logged[-3000:] if TROUBLE.search(self.logged) and not self._killed else ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def shared_server(chromium, tmp_path_factory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    know_machine(home)
    made = Server(home)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(chromium, tmp_path_factory, request) -> Iterator[Server]:
    """The server that test files share; one that sets ENVIRONMENT has a server of its own, with that as environment,
    which knows nothing of the machine. The shared one may log no trouble."""
    environment = getattr(request.module, "ENVIRONMENT", None)
    if environment is None:
        shared = request.getfixturevalue("shared_server")
        shared.clear()
        yield shared
        assert not shared.trouble
        return
    made = Server(tmp_path_factory.mktemp("home"), **environment)
    yield made
    made.close()


class Tab:
    """A browser tab, with what people do in it."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server = page, server

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMain")

    def open(self, path: str = "/train") -> "Tab":
        self.page.goto(self.server.url + path)
        return self.settle()

    def settle(self) -> "Tab":
        self.page.wait_for_selector(READY, timeout=PATIENCE * 1000)
        return self

    def on(self, page: str) -> "Tab":
        """Wait until a page is shown: its address comes first."""
        expect(self.main.get_by_role("heading", name=page, exact=True, level=1)).to_have_count(1)
        return self.settle()

    def sees(self, text: str | re.Pattern) -> "Tab":
        expect(self.main.get_by_text(text).first).to_be_visible()
        return self

    def button(self, name: str) -> Locator:
        return self.main.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> "Tab":
        self.button(name).click()
        return self

    def state(self, name: str) -> "Tab":
        """Wait for the badge of the run."""
        expect(self.main.get_by_test_id("stMarkdownContainer").get_by_text(name, exact=True).first).to_be_visible()
        return self

    def enter(self, label: str, value: object) -> "Tab":
        field = self.main.get_by_label(label, exact=True).locator("visible=true").first
        field.fill(str(value))
        field.press("Enter")
        return self.settle()

    def view(self, name: str) -> "Tab":
        """Choose what is shown below the chart."""
        self.main.get_by_role("radio", name=name).click()
        self.sees(VIEWS[name])
        for other in set(VIEWS.values()) - {VIEWS[name]}:
            expect(self.main.get_by_text(other)).to_have_count(0)
        return self.settle()

    def start(self, epochs: float) -> Run:
        """Train the shown network for a fraction of an epoch."""
        before = {run.id for run in self.server.runs()}
        self.enter("Epochs", epochs)
        self.press("Start training")
        wait_for(lambda: {run.id for run in self.server.runs()} - before)
        (run,) = (run for run in self.server.runs() if run.id not in before)
        expect(self.page).to_have_url(re.compile(f"run={run.id}"))
        return run

    @property
    def chart(self) -> Locator:
        return self.main.locator("canvas").first

    # --- the matrix and its images ---

    def cell(self, true: str, said: str) -> Locator:
        """The button of a cell of the confusion matrix."""
        return self.main.get_by_role("button", name=f"true {true}, predicted {said}: ")

    def count(self, true: str, said: str) -> int:
        """How many images a cell says that it holds."""
        return int(re.search(r": (\d+) images", self.cell(true, said).get_attribute("aria-label") or "")[1])

    @property
    def images(self) -> Locator:
        """The buttons of all galleries."""
        return self.main.locator("button.item")

    @property
    def labels(self) -> list[str]:
        """What the images in the galleries are called."""
        return self.images.evaluate_all("all => all.map((each) => each.ariaLabel)")

    @property
    def card(self) -> Locator:
        return self.main.locator(".card")

    @property
    def focused(self) -> str:
        return self.page.evaluate(FOCUSED)

    def focus(self, name: str | re.Pattern) -> "Tab":
        """Wait until what is called so, from its beginning, has the keyboard's focus."""
        wait_for(lambda: re.match(name, self.focused))
        return self

    def keys(self, *keys: str) -> "Tab":
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def tab_to(self, name: str | re.Pattern) -> "Tab":
        """Press Tab until what is called so, from its beginning, has the focus."""
        for _ in range(60):
            if re.match(name, self.focused):
                return self
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {name}, but to {self.focused}")

    def at(self, **query: object) -> "Tab":
        """Wait until the link says exactly this."""
        wanted = {name: str(value) for name, value in query.items()}
        wait_for(lambda: self.query == wanted)
        return self

    @property
    def query(self) -> dict[str, str]:
        """What the link says after the page."""
        return dict(parse_qsl(self.page.evaluate("location.search.slice(1)")))

    def violations(self, rules: tuple[str, ...] = ()) -> list[str]:
        """What axe finds that is serious, by all its rules or some, twice: after a change of theme colours take a
        moment to arrive."""
        if not (found := self._violations(rules)):
            return []
        self.page.wait_for_timeout(2000)
        again = self._violations(rules)
        return [each for each in found if each in again]

    def _violations(self, rules: tuple[str, ...]) -> list[str]:
        # Streamlit's navigation has a <div> between its <ul> and <li> (rules list, listitem).
        where = {"exclude": [["[data-testid=stSidebarNavItems]"]]}
        options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        return [
            f"{violation['id']} ({violation['impact']}): {node['target']} {node['html'][:200]}"
            for violation in Axe().run(self.page, where, options).response["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def misfits(self, widths: tuple[int, ...] = WIDTHS) -> dict[int, list[str]]:
        """What does not fit at some width, and does not come to fit within ten seconds."""
        found = {}
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": PHONE["height"]})
            try:
                self.settle().page.wait_for_function(f"() => !({MISFITS})().length", timeout=10_000, polling=200)
            except TimeoutError:
                found[width] = self.page.evaluate(MISFITS)
        self.page.set_viewport_size(DESK)
        return found

    def paper_faults(self) -> list[str]:
        """What the printed page lacks of the figures, as what lies beside the paper, and what has no business there,
        twice: while a script runs anew a page is not whole."""
        if not (found := self._paper_faults()):
            return []
        self.page.wait_for_timeout(2000)
        again = self.settle()._paper_faults()
        return [each for each in found if each in again]

    def _paper_faults(self) -> list[str]:
        from pypdf import PdfReader

        sheets = PdfReader(io.BytesIO(self.page.pdf(format="A4"))).pages
        printed = _squeezed("".join(sheet.extract_text() for sheet in sheets))
        shown = self.page.evaluate(ON_PAPER)
        missing = [f"{each!r} is not on paper" for each in shown["wanted"] if _squeezed(each) not in printed]
        extra = [f"{each!r} is on paper" for each in shown["unwanted"] if _squeezed(each) in printed]
        return [*missing, *extra]

    def faults(self) -> dict:
        """What axe finds and what does not fit: on the light ground, on paper, and on the dark ground by the rules that
        look at colours and at fewer widths."""
        self._choose_scheme("light")
        desk, *narrower = WIDTHS
        found: dict = {**self.misfits((desk,)), "light": self.violations(), "paper": self.paper_faults()}
        found |= self.misfits(tuple(narrower))
        self._choose_scheme("dark")
        dark = self.misfits(WIDTHS_IN_THE_DARK)
        found |= {"dark": self.violations(COLOUR_RULES), **{f"dark, {width}": wrong for width, wrong in dark.items()}}
        return {where: wrong for where, wrong in found.items() if wrong}

    def _choose_scheme(self, scheme: str) -> None:
        self.page.emulate_media(color_scheme=scheme)
        expect(self.page.get_by_test_id("stApp")).to_have_css("background-color", GROUNDS[scheme])


def _squeezed(text: str) -> str:
    """Letters and digits alone: a PDF has spaces only where letters are far apart, some hyphens as other signs, and two
    letters as one ligature."""
    return re.sub(r"\W+", "", unicodedata.normalize("NFKC", text))


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits for a condition."""
    return wait_for


class Windows:
    """Browser contexts by their options, used again once wiped: what stays is the HTTP cache, and a window.

    Else each page would fetch and compile all of Streamlit, and Chromium draw another window around it, which takes
    longer than most tests. A blank tab keeps the window open.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._free: dict[str, list[BrowserContext]] = {}
        self._used: list[tuple[str, BrowserContext]] = []

    def take(self, **options) -> BrowserContext:
        """One that no other tab of this test is in."""
        kind = repr(sorted(options.items()))
        if free := self._free.setdefault(kind, []):
            context = free.pop()
        else:
            context = self.browser.new_context(**options)
            context.set_default_timeout(PATIENCE * 1000)
            context.new_page()
        self._used.append((kind, context))
        return context

    def wipe(self) -> None:
        """Free all that were taken, without what their pages have left."""
        for kind, context in self._used:
            blank, *pages = context.pages
            origins = {"/".join(page.url.split("/")[:3]) for page in pages if page.url.startswith("http")}
            for page in pages:
                page.close()
            developer = context.new_cdp_session(blank)
            for origin in origins:
                developer.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            developer.detach()
            context.clear_cookies()
            self._free[kind].append(context)
        self._used.clear()


@pytest.fixture(scope="session")
def windows(chromium) -> Windows:
    return Windows(chromium)


@pytest.fixture
def tab(windows, server) -> Iterator[Callable[..., Tab]]:
    """Makes tabs, each with cookies of its own, on a desk or a phone; options as for a new browser context."""

    def make(*, phone: bool = False, **options) -> Tab:
        return Tab(windows.take(viewport=PHONE if phone else DESK, **options).new_page(), server)

    yield make
    windows.wipe()


@pytest.fixture
def filmed(chromium, server) -> Iterator[Tab]:
    """A tab of another Chromium, which lets pages use a camera that shows a test picture."""
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser = chromium.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *flags])
    context = browser.new_context(viewport=DESK, permissions=["camera"])
    context.set_default_timeout(PATIENCE * 1000)
    yield Tab(context.new_page(), server)
    browser.close()
