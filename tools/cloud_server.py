"""The app under the limits of Streamlit Community Cloud: cores, memory, open files, and folders that are only read."""

import contextlib
import os
import re
import resource
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks.server import family, free_port, weigh

PATIENCE = 180  # seconds, for anything
CORES, OPEN_FILES = 2, 1024
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
        self.group, self.peak = Group(megabytes), weigh([])
        self.now, self._closed = dict(self.peak), threading.Event()
        self.cores, self.port = sorted(os.sched_getaffinity(0))[:CORES], free_port()
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
            self.now = weigh(self._processes())
            self.peak = {kind: max(self.peak[kind], weight) for kind, weight in self.now.items()}

    def _processes(self) -> list[psutil.Process]:
        try:
            return family(psutil.Process(self.process.pid))
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
