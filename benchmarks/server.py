"""A server of the app for a measurement, and what its processes weigh."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parent.parent
MODULES = {"analyst": "fmexplore.analysis.server", "worker": "fmexplore.jobs.worker"}


@contextlib.contextmanager
def serve(home: str, port: int = 0, **environment: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server on that port, or a free one, and its process; what it prints is in `home`/server.log."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.fileWatcherType", "none"]
    with open(Path(home) / "server.log", "wb") as log:
        environment = {**os.environ, "FMEXPLORE_HOME": home, **environment}
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def weigh(processes: list[psutil.Process]) -> dict[str, float]:
    """MB by kind of process, and of all: proportional (PSS), so that what they share counts once."""
    found = dict.fromkeys(("server", *MODULES), 0.0)
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has just ended
            command = process.cmdline()
            kind = next((kind for kind, module in MODULES.items() if module in command), "server")
            found[kind] += process.memory_full_info().pss / 1e6
    return {**found, "all": sum(found.values())}


def family(process: psutil.Process) -> list[psutil.Process]:
    """The process and all that it has started; none once it has ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
