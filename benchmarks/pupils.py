"""Pupils of a class without browsers: what each does on the pages, and whether every answer is that pupil's own."""

import asyncio
import io
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.websocket_tab import Tab
from fmexplore.data import fashion_mnist
from fmexplore.data.addresses import Addresses
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.photos.synthetic import draw_scene
from fmexplore.ui.formatting import image_name
from fmexplore.ui.selection.map_area import inside

ADDRESSES = Addresses(60_000, 10_000)  # of the data set that the server shows
LIVE = "live chart"  # what comes by itself
MOST_PHOTOS, PHOTO_SIDE = 3, 900
ARRIVAL_SECONDS, THINK_SECONDS = 10, (2, 8)
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
            await self.timed(LIVE, self.tab.tick())

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
        kind = image_name("test", 0, true).rpartition(", ")[2]  # as in "a shirt"
        right = f", {kind}: taken for {CLASS_NAMES[said]},"
        self.expect("the images are those of the cell", bool(images) and all(
            right in image["label"] for image in images
        ))  # fmt: skip
        return taken

    async def open_image(self) -> float:
        images = self._images()
        if not images:  # a card is open
            return await self.tab.rerun()
        number = self.random.choice(images)["id"]
        # The gallery of images comes first on both pages.
        taken = await self.tab.send(GALLERY, "pick", number)
        self.expect("the link says the image", self.tab.link.get("image") == str(ADDRESSES.name("test", number)))
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
    scene, _ = draw_scene(fashion_mnist.load().test.images[number], np.random.default_rng(seed), PHOTO_SIDE)
    content = io.BytesIO()
    Image.fromarray(scene).save(content, "JPEG", quality=88)
    return content.getvalue()
