"""A class on one server: thirty pupils look around while one network trains; what they wait, and what it weighs.

    python benchmarks/classroom.py [--seconds 180] [--pupils 30] [--seed 0] [--json FILE]

Needs requirements-dev.txt, the data set and Linux. Starts a hosted server of its own with an empty home. Each pupil is
a session with its own owner cookie that opens pages, presses cells of the matrix, opens images, draws lassos, changes
runs and, some of them, brings photos, after a few seconds of thought each; the first trains a network, and two others
watch it by its link. Every answer is checked: it must hold the pupil's own selection and photos, and nobody else's.
Times are those of whole reruns over the websocket, from sending to the end of the script, photos with their upload.
This script shares the machine's cores with the server. Ends with code 1 if a target is missed.
"""

import argparse
import asyncio
import io
import json
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
from pages import serve
from PIL import Image
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websocket_tab import Tab

from fmexplore import data
from fmexplore.data import CLASS_NAMES
from fmexplore.machine import cores, processor, versions
from fmexplore.run import Run
from fmexplore.scenes import draw_scene
from fmexplore.settings import Settings
from fmexplore.speed import read_speed
from fmexplore.ui.components.owner import COOKIE
from fmexplore.ui.selection import inside

TARGETS = {"median": 200, "95th": 1000, "memory": 2400}  # milliseconds, milliseconds, MB
WATCHERS = 2  # who look at the training by its link, beside the one who started it
PHOTOGRAPHERS, MOST_PHOTOS, PHOTO_SIDE = 6, 3, 900
ARRIVAL_SECONDS, THINK_SECONDS = 10, (2, 8)
SAMPLE_SECONDS = 1
PAGES = {"": 1, "train": 1, "confusions": 5, "embeddings": 5, "data": 1, "compare": 1, "papers": 1}  # how often
MIN_CORNERS, MAX_CORNERS = 5, 12
GRID, SCATTER, MARK, GALLERY = (f"fmexplore_{name}" for name in ("confusion_grid", "scatter", "mark", "gallery"))


@dataclass
class Register:
    """All that was measured and all that went wrong."""

    started: float = 0.0
    server_seconds: float = 0.0  # of processor time
    actions: list[dict] = field(default_factory=list)  # kind, whose, when it ended, how long it took, where it led
    errors: list[str] = field(default_factory=list)
    mixed_up: list[str] = field(default_factory=list)  # answers with another's selection, or without one's own
    checked: Counter = field(default_factory=Counter)
    memory: list[dict[str, float]] = field(default_factory=list)  # MB by process, every second


class Watched(Tab):
    """A tab that notes whose photos any message speaks of."""

    def __init__(self, port: int, cookies: dict[str, str]) -> None:
        super().__init__(port, cookies)
        self.named: set[int] = set()

    def _take(self, message: ForwardMsg) -> bool:
        if b"of-pupil-" in (raw := message.SerializeToString()) or b"pupil\\-" in raw:
            self.named |= {int(number) for number in re.findall(rb"pupil\\?-(\d+)", raw)}
        return super()._take(message)


class Pupil:
    """One session, what it has selected, and what it does next."""

    def __init__(self, number: int, tab: Watched, register: Register, seed: int, photographs: bool) -> None:
        self.number, self.tab, self.register = number, tab, register
        self.random = random.Random(f"{seed} {number}")
        self.photographs, self.photos = photographs, 0
        self.page = ""

    async def live(self, end: float) -> None:
        """Do one thing after another until the time is over."""
        await asyncio.sleep(self.random.uniform(0, ARRIVAL_SECONDS))
        await self.timed("first page", self.tab.open(""))
        while time.monotonic() < end:
            await asyncio.sleep(self.random.uniform(*THINK_SECONDS))
            kind, act = self.random.choice(self.choices())
            await self.timed(kind, act())

    async def watch(self, page: str, query: str, end: float) -> None:
        """Look at a page that changes by itself."""
        await self.timed("first page", self.tab.open(page, query))
        while time.monotonic() < end:
            if (due := self.tab.next_tick) is None:
                raise RuntimeError("the page of a training does not follow it")
            await asyncio.sleep(max(0, due - time.monotonic()))
            await self.timed("live chart", self.tab.tick())

    async def timed(self, kind: str, action: Awaitable[float]) -> None:
        """Note how long it took and what is wrong with the answer."""
        milliseconds = await action
        second = time.monotonic() - self.register.started
        at = {"pupil": self.number, "kind": kind, "second": round(second, 2), "page": self.page, "link": self.tab.query}
        self.register.actions.append({**at, "milliseconds": milliseconds})
        where = f"pupil {self.number}, {kind}"
        self.register.errors += [f"{where}: {text}" for text in (*self.tab.errors, *self.tab.problems)]
        self.tab.problems.clear()
        self.register.checked["answers searched for names of others"] += 1
        if strangers := self.tab.named - {self.number}:
            self.register.mixed_up.append(f"{where}: photos of {strangers}")
            self.tab.named -= strangers
        if self.photos and self.page == "predict":
            self.expect("photos", self.number in self.tab.named, kind)

    def expect(self, what: str, holds: bool, kind: str = "") -> None:
        """Note whether an answer is one's own."""
        self.register.checked[what] += 1
        if not holds:
            self.register.mixed_up.append(f"pupil {self.number}, {kind or what}: {self.tab.query}")

    # --- what can be done ---

    def choices(self) -> list[tuple[str, Callable[[], Awaitable[float]]]]:
        """What this page offers, the likely things several times."""
        page = self.next_page()
        found: list = [(f"open {page or 'home'}", lambda: self.open_page(page))] * 2
        if self.tab.options("Run"):
            found += [("change the run", self.change_run)]
        if self.page == "confusions":
            found += [("press a cell", self.press_cell)] * 5 + [("open an image", self.open_image)] * 2
        if self.page == "embeddings":
            found += [("draw a lasso", self.draw_lasso)] * 5 + [("open an image", self.open_image)]
        if self.page == "predict" and self.photos < MOST_PHOTOS:
            found += [("bring a photo", self.bring_photo)] * 6
        return found

    def next_page(self) -> str:
        weights = {page: weight for page, weight in PAGES.items() if page != self.page}
        if self.photographs and self.photos < MOST_PHOTOS and self.page != "predict":
            weights["predict"] = 5
        return self.random.choices(list(weights), list(weights.values()))[0]

    async def open_page(self, page: str) -> float:
        self.page = page
        self.tab.named.clear()
        return await self.tab.open(self.page)

    async def change_run(self) -> float:
        options = self.tab.options("Run")
        self.expect("only shipped runs are offered", all(option.endswith("shipped") for option in options))
        return await self.tab.choose("Run", self.random.choice(options))

    async def press_cell(self) -> float:
        """A cell that holds images, mostly a confusion."""
        (grid,) = self.tab.given(GRID)
        counts = np.array(grid["frames"][grid["frame"]]["counts"])
        cells = [(int(true), int(said)) for true, said in np.argwhere(counts) if true != said]
        true, said = cell = self.random.choice(cells)
        taken = await self.tab.send(GRID, "pick", {"cell": cell, "more": False})
        (grid,) = self.tab.given(GRID)
        images = self._images()
        self.expect("the pressed cell is marked", grid["cells"] == [[true, said]])
        self.expect("the link says the cell", [self.tab.link[name] for name in ("true", "pred")] == [*map(str, cell)])
        right = f"{CLASS_NAMES[true]} ", f"taken for {CLASS_NAMES[said]},"
        self.expect("the images are those of the cell", bool(images) and all(
            image["label"].startswith(right[0]) and right[1] in image["label"] for image in images
        ))  # fmt: skip
        return taken

    async def open_image(self) -> float:
        images = self._images()
        if not images:  # a card is open
            return await self.tab.rerun()
        number = self.random.choice(images)["id"]
        # The gallery of images comes first on both pages.
        taken = await self.tab.send(GALLERY, "pick", number)
        self.expect("the link says the image", self.tab.link.get("image") == str(number % 60_000))
        return taken

    async def draw_lasso(self) -> float:
        """Around some of the crowd, never the same as anybody else's."""
        coordinates, ids = read_map(next(each.bytes for each in self.tab.find("bidi_component") if each.bytes))
        middle = coordinates[self.random.randrange(len(coordinates))]
        radius = self.random.uniform(0.03, 0.15) * np.ptp(coordinates, axis=0).max()
        turns = np.linspace(0, 2 * np.pi, self.random.randint(MIN_CORNERS, MAX_CORNERS), endpoint=False)
        outline = middle + radius * np.stack([np.cos(turns), np.sin(turns)], 1)
        drawn = [[float(f"{x:.6g}"), float(f"{y:.6g}")] for x, y in outline]
        taken = await self.tab.send(SCATTER, "selection", {"polygon": drawn, "hidden": [], "errors": False})
        (mark,) = self.tab.given(MARK)
        self.expect("the outline is one's own", np.allclose(mark["polygon"], drawn, atol=0))
        self.expect(
            "the images are those within it", mark["selected"] == ids[inside(coordinates, np.array(drawn))].tolist()
        )
        return taken

    async def bring_photo(self) -> float:
        name = f"number-{self.photos}-of-pupil-{self.number}.jpg"
        content = draw_photo(self.random.randrange(10_000), self.random.randrange(2**31))
        taken = await self.tab.upload(name, content, "image/jpeg")
        self.photos += 1
        own = [images.imgs[0].caption.replace("\\", "") for images in self.tab.find("imgs")]
        self.expect("the photo is shown", own == [name])
        return taken

    def _images(self) -> list[dict]:
        """What the gallery offers, unless it is that of a card."""
        return next((each["items"] for each in self.tab.given(GALLERY) if each["label"] == "Images"), [])


def read_map(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates `(n, 2)` and ids `(n,)` of a map, from the bytes that its component is given."""
    start = 4 + int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4:start])
    count = head["count"]
    coordinates = np.frombuffer(packed, np.float32, 2 * count, start).reshape(2, count).T
    return coordinates, np.frombuffer(packed, np.uint32, count, start + 8 * count)


def draw_photo(number: int, seed: int) -> bytes:
    """A JPEG of a garment of the test images, as if photographed."""
    scene, _ = draw_scene(data.load().test.images[number], np.random.default_rng(seed), PHOTO_SIDE)
    content = io.BytesIO()
    Image.fromarray(scene).save(content, "JPEG", quality=88)
    return content.getvalue()


async def weigh(server: psutil.Process, register: Register) -> None:
    """Every second what the processes weigh: what they share counts once in all."""
    while True:
        found: Counter = Counter()
        for process in [server, *server.children(recursive=True)]:
            try:
                found[name_of(process, server)] += process.memory_full_info().pss / 1e6
            except psutil.Error:  # it has just ended
                continue
        register.memory.append(dict(found))
        await asyncio.sleep(SAMPLE_SECONDS)


def name_of(process: psutil.Process, server: psutil.Process) -> str:
    if process.pid == server.pid:
        return "server"
    return "analyst" if "fmexplore.analyst" in process.cmdline() else "training"


async def run_class(port: int, home: Path, server: psutil.Process, arguments: argparse.Namespace) -> dict:
    """The whole lesson; returns what is to be told of the training."""
    register: Register = arguments.register
    tabs = [Watched(port, {COOKIE: f"{number:032x}"}) for number in range(arguments.pupils)]
    pupils = [
        Pupil(number, tab, register, arguments.seed, WATCHERS < number <= WATCHERS + PHOTOGRAPHERS)
        for number, tab in enumerate(tabs)
    ]
    await asyncio.gather(*(tab.connect() for tab in tabs))
    settings = Settings(home=home)
    await tabs[0].open("")
    while read_speed(settings) is None:  # it measures the machine first
        await asyncio.sleep(0.5)
    await tabs[0].open("train", f"preset={arguments.preset}")
    await tabs[0].press("Start training")
    run = Run(settings.runs / tabs[0].link["run"])
    while not run.read_metrics():
        await asyncio.sleep(0.2)
    weighing, busy = asyncio.create_task(weigh(server, register)), sum(server.cpu_times()[:2])
    register.started, before = time.monotonic(), len(run.read_metrics())
    end = register.started + arguments.seconds
    query = f"run={run.id}"
    watching = [pupil.watch("train", query, end) for pupil in pupils[: 1 + WATCHERS]]
    living = [pupil.live(end) for pupil in pupils[1 + WATCHERS :]]
    for number, ended in enumerate(await asyncio.gather(*watching, *living, return_exceptions=True)):
        if isinstance(ended, BaseException):
            register.errors.append(f"pupil {number} ended: {ended!r}")
    weighing.cancel()
    register.server_seconds = sum(server.cpu_times()[:2]) - busy
    if run.status.state != "running":
        register.errors.append(f"the training did not last: {run.status.state} {run.status.error}")
    rates = [line["images_per_second"] for line in run.read_metrics()[before:] if "images_per_second" in line]
    for tab in tabs:
        await tab.close()
    log = (home / "server.log").read_text()
    register.errors += ["traceback in the server's log"] * log.count("Traceback")
    return {"preset": run.config.preset, "images_per_second": statistics.median(rates) if rates else 0}


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def summarize(register: Register) -> tuple[list[str], bool]:
    """The table, and whether all targets are met."""
    times_of: dict[str, list[float]] = {}
    for action in register.actions:
        times_of.setdefault(action["kind"], []).append(action["milliseconds"])
    everything = [action["milliseconds"] for action in register.actions]
    lines = [f"{'milliseconds':<24}{'n':>7}{'median':>9}{'95th':>9}{'99th':>9}{'longest':>9}"]
    for kind, times in [*sorted(times_of.items()), ("all", everything)]:
        parts = statistics.median(times), percentile(times, 0.95), percentile(times, 0.99), max(times)
        lines.append(f"{kind:<24}{len(times):>7}" + "".join(f"{part:>9.0f}" for part in parts))
    each = 1000 * register.server_seconds / len(everything)
    lines += ["", f"processor time of the server: {each:.0f} ms a rerun, {register.server_seconds:.0f} s in all"]
    sums = [sum(sample.values()) for sample in register.memory]
    lines += ["", f"{'MB, proportional (PSS)':<24}{'peak':>9}"]
    for name in sorted({name for sample in register.memory for name in sample}):
        lines.append(f"{name:<24}{max(sample.get(name, 0) for sample in register.memory):>9.0f}")
    lines.append(f"{'all together':<24}{max(sums):>9.0f}")
    lines += ["", *(f"{count:>6} x checked: {what}" for what, count in sorted(register.checked.items()))]
    found = {
        f"median under {TARGETS['median']} ms": statistics.median(everything) < TARGETS["median"],
        f"95th percentile under {TARGETS['95th']} ms": percentile(everything, 0.95) < TARGETS["95th"],
        f"memory under {TARGETS['memory']} MB": max(sums) < TARGETS["memory"],
        f"errors: {len(register.errors)}": not register.errors,
        f"answers mixed up: {len(register.mixed_up)}": not register.mixed_up,
    }
    lines += ["", *(f"{'met   ' if met else 'MISSED'} {what}" for what, met in found.items())]
    worst = Counter(register.errors + register.mixed_up).most_common(20)
    return [*lines, *(f"  {count} x {text[:300]}" for text, count in worst)], all(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="best", help="what is trained; it has to take longer than the lesson")
    parser.add_argument("--json", type=Path, help="where raw results are kept")
    arguments = parser.parse_args()
    register = arguments.register = Register()
    data.load()
    with tempfile.TemporaryDirectory() as home, serve(home, FMEXPLORE_HOSTED="1") as (port, server):
        training = asyncio.run(run_class(port, Path(home), server, arguments))
    machine = {"processor": processor(), "cores": cores(), **versions(), "streamlit": version("streamlit")}
    lines, met = summarize(register)
    print(", ".join(f"{name} {value}" for name, value in machine.items()) + time.strftime(", %Y-%m-%d"))
    print(
        f"{arguments.pupils} pupils, {arguments.seconds:g} s, seed {arguments.seed}; {training['preset']} trained with "
        f"{training['images_per_second']:,.0f} images/s"
    )
    print("\n".join(lines))
    if arguments.json:
        options = {name: getattr(arguments, name) for name in ("seconds", "pupils", "seed")}
        values = {"machine": machine, **options, "training": training, **vars(register)}
        arguments.json.write_text(json.dumps(values) + "\n")
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
