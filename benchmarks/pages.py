"""How fast the pages answer, idle and while a network trains, and what server and worker weigh.

    python -m benchmarks.pages [--reruns 60] [--preset codered-final]

Needs requirements-dev.txt, the data set and Chromium. Starts a server of its own on a free port with an empty home.
Reruns are sent over the raw websocket, as a browser sends them; *Start training* and *Stop training* are pressed in
Chromium, and timed until the page shows the first point of the chart and the word "stopped".
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.chromium import SIZE, launch
from benchmarks.report import print_times
from benchmarks.server import PROJECT, serve
from benchmarks.websocket_tab import Tab
from fmexplore.training.presets import find_preset


async def rerun_times(port: int, page: str, count: int) -> list[float]:
    """Milliseconds from asking for a rerun to its end, `count` times, a sixth of a second apart."""
    tab, times = await Tab(port).connect(), []
    for _ in range(count + 3):
        times.append(await tab.open(page))
        if wrong := tab.errors + tab.problems:
            raise RuntimeError(f"the page {page or 'home'} shows {wrong}")
        await asyncio.sleep(1 / 6)
    await tab.close()
    return times[3:]


def press(port: int, preset: str, epochs: float, while_training) -> tuple[float, float, Any]:
    """Seconds from *Start training* to the first point and from *Stop training* to "stopped", in Chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport=SIZE)
        page.goto(f"http://127.0.0.1:{port}/train?preset={preset}")
        page.get_by_role("button", name="Start training").wait_for()
        page.wait_for_timeout(2000)
        page.get_by_role("button", name="Start training").click()
        started = time.perf_counter()
        # The line of this run's progress, and not of the run that was shown before.
        page.get_by_text(re.compile(rf"epoch [\d.]+ of {epochs:g} · .*images/s")).first.wait_for(timeout=60_000)
        first_point = time.perf_counter() - started
        page.wait_for_timeout(5000)
        found = while_training()
        page.get_by_role("button", name="Stop training").click()
        stopped = time.perf_counter()
        page.get_by_role("button", name="Resume").wait_for(timeout=60_000)
        stop = time.perf_counter() - stopped
        browser.close()
    return first_point, stop, found


def weigh(server: psutil.Process) -> tuple[float, float]:
    """Resident MB of the server and of its workers."""
    workers = sum(child.memory_info().rss for child in server.children(recursive=True))
    return server.memory_info().rss / 1e6, workers / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reruns", type=int, default=60)
    parser.add_argument("--preset", default="codered-final")
    arguments = parser.parse_args()

    def measure(port: int, when: str) -> dict[str, list[float]]:
        # playwright's loop runs in this thread, so the websocket gets a process of its own
        rows = {}
        for name, page in (("Home", ""), ("Train", "train")):
            code = (
                "import asyncio; from benchmarks import pages; "
                f"print(asyncio.run(pages.rerun_times({port}, {page!r}, {arguments.reruns})))"
            )
            output = subprocess.run(
                [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
            ).stdout
            rows[f"rerun of {name}, {when}"] = [float(t) for t in output.strip("[]\n").split(",")]
        return rows

    with tempfile.TemporaryDirectory() as home, serve(home) as (port, server):
        asyncio.run(rerun_times(port, "", 3))
        while not (Path(home) / "cache" / "speed.json").exists():  # it measures the machine first
            time.sleep(0.5)
        time.sleep(2)
        rows = measure(port, "idle")

        def under_load():
            return measure(port, f"{arguments.preset} training"), weigh(server)

        first_point, stop, (loaded, weight) = press(
            port, arguments.preset, find_preset(arguments.preset).training.epochs, under_load
        )
    print_times({**rows, **loaded})
    print(f"{'Start training to the first point':<58} {first_point:6.1f} s")
    print(f"{'Stop training to stopped':<58} {stop:6.1f} s")
    print(f"{'server / workers / together, training':<58} {weight[0]:.0f} / {weight[1]:.0f} / {sum(weight):.0f} MB")


if __name__ == "__main__":
    main()
