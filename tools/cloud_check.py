"""Runs what is committed as Streamlit Community Cloud would, under its limits, and opens every page in Chromium.

    python tools/cloud_check.py [--environment FOLDER] [--python python3.12] [--megabytes 2700] [--keep]

Needs Linux, requirements-dev.txt, Chromium and Debian's packages in packages.txt. Without `--environment` it makes one
from requirements.txt alone (some 7 GB, minutes) and deletes it at the end. The server gets two cores, a checkout and an
environment that are mounted read-only, a home folder with nothing but secrets.toml, and the options that Community
Cloud sets. Where control groups can be made (as root) one holds so much memory and no more; elsewhere the sum of all
processes is only watched. Prints for each page the seconds until it can be used and the memory (PSS, in MB) of server,
analyst and workers. Ends with 1 and the reasons when a page shows an error, a picture is missing, the console or the
server's log has an error, or the memory does not suffice.
"""

import argparse
import contextlib
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Locator, Page, Response, TimeoutError, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
CORES, OPEN_FILES = 2, 1024
SECRETS = 'FMEXPLORE_HOSTED = "1"\nFMEXPLORE_MAX_MEMORY_MB = "{megabytes}"\n'
# Those that Community Cloud sets whatever .streamlit/config.toml says, as its documentation lists them; it also gathers
# usage statistics, for which browsers would ask hosts that this check does not let them reach.
OPTIONS = {
    "client.showErrorDetails": "false",
    "runner.fastReruns": "true",
    "server.runOnSave": "true",
    "server.enableXsrfProtection": "true",
}
# A mount of its own is read-only for root too; it counts from the next `cd` on.
MOUNT = """for each in "$CHECKOUT" "$ENVIRONMENT"; do
  mount --bind "$each" "$each" && mount -o remount,bind,ro "$each" || exit 99
done
cd "$CHECKOUT" && exec "$@"
"""
PATIENCE = 180  # seconds, for anything
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
ERRORS = '[data-testid="stException"], [data-testid="stAlertContentError"]'
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
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


def prepare(base: Path, arguments: argparse.Namespace) -> Path:
    """Copy what is committed to `base`/src, and give the Python of an environment with requirements.txt."""
    for package in (PROJECT / "packages.txt").read_text().split():
        if subprocess.run(["dpkg-query", "-s", package], capture_output=True).returncode:
            sys.exit(f"{package} of packages.txt is not installed: apt-get install {package}")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=PROJECT, check=True, capture_output=True).stdout
    source = base / "src"
    source.mkdir()
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    (base / "home" / ".streamlit").mkdir(parents=True)
    (base / "home" / ".streamlit" / "secrets.toml").write_text(SECRETS.format(megabytes=arguments.megabytes))
    (base / "tmp").mkdir()
    if arguments.environment:
        return arguments.environment.resolve() / "bin" / "python"
    started, environment = time.monotonic(), base / "environment"
    subprocess.run([arguments.python, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "-r", str(source / "requirements.txt")]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"requirements.txt cannot be installed:\n{done.stderr}")
    kilobytes = int(subprocess.run(["du", "-sk", str(environment)], capture_output=True, text=True).stdout.split()[0])
    print(f"environment from requirements.txt: {time.monotonic() - started:.0f} s, {kilobytes / 1e6:.1f} GB")
    return python


class Group:
    """A control group that holds some memory and no more, where this user may make one; version 1 or 2."""

    def __init__(self, megabytes: int) -> None:
        self.folder: Path | None = None
        for top, limit in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
            folder = Path("/sys/fs/cgroup", top, f"cloud_check_{os.getpid()}")
            try:
                folder.mkdir()
                (folder / limit).write_text(str(megabytes * 1_000_000))
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                continue
            self.folder = folder
            break

    def enter(self) -> None:
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self) -> int:
        """How many processes were killed for lack of memory."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(OSError, TypeError):
                if self.folder and (found := re.search(r"^oom_kill (\d+)", (self.folder / name).read_text(), re.M)):
                    return int(found[1])
        return 0

    def remove(self) -> None:
        if self.folder:
            self.folder.rmdir()


class Server:
    """The app under the limits; what it weighs is watched from its start to its end."""

    def __init__(self, base: Path, python: Path, megabytes: int) -> None:
        self.base, self.python, self.log = base, python, base / "server.log"
        self.group, self.peak = Group(megabytes), dict.fromkeys(("server", "analyst", "worker", "all"), 0.0)
        self.now, self._closed = dict(self.peak), threading.Event()
        self.cores = sorted(os.sched_getaffinity(0))[:CORES]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, *command: str, **options) -> subprocess.Popen:
        """A process in the checkout, with an environment of its own."""
        places = {"CHECKOUT": self.base / "src", "ENVIRONMENT": self.python.parent.parent}
        places |= {"HOME": self.base / "home", "TMPDIR": self.base / "tmp"}
        environment = {name: str(folder) for name, folder in places.items()}
        environment |= {"PATH": f"{self.python.parent}:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
        own = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
        return subprocess.Popen(
            [*own, "sh", "-c", MOUNT, "sh", *command],
            env=environment,
            preexec_fn=self._enter,
            start_new_session=True,
            **options,
        )

    def _enter(self) -> None:
        self.group.enter()
        os.sched_setaffinity(0, self.cores)
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))

    def start(self) -> None:
        """Start it and wait until it answers."""
        for folder, writable in (("$CHECKOUT", False), ("$ENVIRONMENT", False), ("$HOME", True), ("$TMPDIR", True)):
            written = self.run("sh", "-c", f'touch "{folder}/probe"', stderr=subprocess.DEVNULL).wait() == 0
            if written != writable:
                sys.exit(f"{folder} can{'' if written else 'not'} be written: this check would prove nothing.")
        options = {**OPTIONS, "server.port": str(self.port), "server.address": "127.0.0.1", "server.headless": "true"}
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        with open(self.log, "wb") as log:
            self.process = self.run(
                str(self.python), "-m", "streamlit", "run", "streamlit_app.py", *flags, stdout=log, stderr=log
            )
        threading.Thread(target=self._watch, daemon=True).start()
        for _ in range(10 * PATIENCE):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"The server did not start:\n{self.log.read_text()}")

    def _watch(self) -> None:
        while not self._closed.wait(0.5):
            weights = dict.fromkeys(self.peak, 0.0)
            for process in self._processes():
                with contextlib.suppress(psutil.Error):
                    command = process.cmdline()
                    kind = next((kind for kind in ("analyst", "worker") if f"fmexplore.{kind}" in command), "server")
                    weights[kind] += process.memory_full_info().pss / 1e6
            weights["all"] = sum(weights.values())
            self.now = weights
            self.peak = {kind: max(self.peak[kind], weight) for kind, weight in weights.items()}

    def _processes(self) -> list[psutil.Process]:
        try:
            server = psutil.Process(self.process.pid)
            return [server, *server.children(recursive=True)]
        except psutil.Error:
            return []

    def close(self) -> None:
        """Leave no process behind."""
        self._closed.set()
        if hasattr(self, "process"):
            for each in reversed(self._processes()):
                with contextlib.suppress(psutil.Error):
                    each.kill()
            self.process.wait()
            psutil.wait_procs(self._processes(), timeout=10)
        time.sleep(0.5)  # a group can be removed once the kernel has forgotten its last process
        self.group.remove()


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
        return [urlsplit(link.get_attribute("href")).path.strip("/") for link in links.all()]

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
        main.get_by_text("What speaks for").wait_for()
        main.get_by_text("Nearest training images").wait_for()
        visitor.rest()
    with visitor.step("a picture of the map, without static files"):
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
        busy = main.get_by_role("button", name="Give up", exact=True)
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
        main.get_by_text("forgets all runs when it restarts").wait_for()
        visitor.rest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, help="one with requirements.txt, instead of a new one")
    parser.add_argument("--python", default=sys.executable, help="what the new environment is made with")
    parser.add_argument("--megabytes", type=int, default=2700, help="memory of all processes together")
    parser.add_argument("--keep", action="store_true", help="keep the log and pictures of problems")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="cloud_check_"))
    server = None
    try:
        python = prepare(base, arguments)
        server = Server(base, python, arguments.megabytes)
        kind = "held by a control group" if server.group.folder else "only watched"
        print(f"{len(server.cores)} cores, {arguments.megabytes} MB, {kind}")
        print(f"{'':<54}{'server':>9}{'analyst':>9}{'workers':>9}{'all':>9} MB")
        server.start()
        with sync_playwright() as playwright:
            executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
            browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
            visitor = Visitor(browser.new_page(viewport={"width": 1400, "height": 900}), server)
            visit(visitor)
            browser.close()
        print(f"{'at most':<54}" + "".join(f"{weight:9.0f}" for weight in server.peak.values()))
        problems, log = visitor.problems, server.log.read_text()
        if server.peak["all"] > arguments.megabytes:
            problems.append(f"all processes together took {server.peak['all']:.0f} MB")
        if kills := server.group.kills():
            problems.append(f"{kills} processes were killed for lack of memory")
        if server.process.poll() is not None:
            problems.append("the server ended")
        if "Traceback" in log:
            problems.append(f"the server's log has an error:\n{log}")
    finally:
        if server:
            server.close()
        if arguments.keep:
            print(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    print(f"{len(problems)} problems" if problems else "All is well.")
    for problem in problems:
        print(f"- {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
