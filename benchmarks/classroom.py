"""A class on one server: thirty pupils look around while one network trains; what they wait, and what it weighs.

    python -m benchmarks.classroom [--seconds 180] [--pupils 30] [--seed 0] [--json FILE]

Needs requirements-dev.txt, the data set and Linux. Starts a hosted server of its own with an empty home. Each pupil is
a session with its own owner cookie that opens pages, presses cells of the matrix, opens images, draws lassos, changes
runs and, some of them, brings photos, after a few seconds of thought each; the first trains a network, and two others
watch it by its link. Every answer is checked: it must hold the pupil's own selection and photos, and nobody else's.
Times are those of whole reruns over the websocket, from sending to the end of the script, photos with their upload.
This script shares the machine's cores with the server. Ends with code 1 if a target is missed.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.pupils import LIVE, Pupil, Register, Watched
from benchmarks.report import percentile
from benchmarks.server import family, serve, weigh
from fmexplore.data import fashion_mnist
from fmexplore.jobs.estimates import read_speed
from fmexplore.machine import cores, processor, versions
from fmexplore.runs.run import Run
from fmexplore.settings import Settings
from fmexplore.ui.components.owner import COOKIE

TARGETS = {"median": 200, "95th": 1000, "memory": 2400}  # milliseconds, milliseconds, MB
WATCHERS = 2  # who look at the training by its link, beside the one who started it
PHOTOGRAPHERS = 6
SAMPLE_SECONDS = 1
NAMES = {"worker": "training", "all": "all together"}


async def watch_memory(server: psutil.Process, register: Register) -> None:
    while True:
        register.memory.append(weigh(family(server)))
        await asyncio.sleep(SAMPLE_SECONDS)


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
    weighing, busy = asyncio.create_task(watch_memory(server, register)), sum(server.cpu_times()[:2])
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


def summarize(register: Register) -> tuple[list[str], bool]:
    """The table, and whether all targets are met."""
    times_of: dict[str, list[float]] = {}
    for action in register.actions:
        times_of.setdefault(action["kind"], []).append(action["milliseconds"])
    # What people wait for; a live chart comes by itself, more often than all else together, and would hide the rest.
    everything = [action["milliseconds"] for action in register.actions if action["kind"] != LIVE]
    lines = [f"{'milliseconds':<24}{'n':>7}{'median':>9}{'95th':>9}{'99th':>9}{'longest':>9}"]
    for kind, times in [*sorted(times_of.items()), ("all but the live chart", everything)]:
        parts = statistics.median(times), percentile(times, 0.95), percentile(times, 0.99), max(times)
        lines.append(f"{kind:<24}{len(times):>7}" + "".join(f"{part:>9.0f}" for part in parts))
    each = 1000 * register.server_seconds / len(register.actions)
    lines += ["", f"processor time of the server: {each:.0f} ms a rerun, {register.server_seconds:.0f} s in all"]
    heaviest = {kind: max(sample[kind] for sample in register.memory) for kind in register.memory[0]}
    lines += ["", f"{'MB, proportional (PSS)':<24}{'peak':>9}"]
    lines += [f"{NAMES.get(kind, kind):<24}{weight:>9.0f}" for kind, weight in heaviest.items()]
    lines += ["", *(f"{count:>6} x checked: {what}" for what, count in sorted(register.checked.items()))]
    found = {
        f"median under {TARGETS['median']} ms": statistics.median(everything) < TARGETS["median"],
        f"95th percentile under {TARGETS['95th']} ms": percentile(everything, 0.95) < TARGETS["95th"],
        f"memory under {TARGETS['memory']} MB": heaviest["all"] < TARGETS["memory"],
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
    fashion_mnist.load()
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
