"""What this machine is and what of it may be used: processor, cores, memory, versions; how a process keeps memory."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil

NICENESS = 5  # of processes that compute: 10 starves beside a busy page, 0 makes the pages slow


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many processor cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def memory_bytes(membership: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """How much memory this process may use: the machine's, or less where its container has a limit.

    `membership` says in which control groups the process is, `groups` is where Linux mounts them.
    """
    return min([psutil.virtual_memory().total, *_limits(membership, groups)])


def _limits(membership: Path, groups: Path) -> Iterator[int]:
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not on Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = groups / "memory" if controllers else groups
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        inner = top / path.lstrip("/")  # not there inside a container, which sees its own group as the top
        for folder in (inner, *inner.parents):
            try:
                if folder.is_relative_to(top):
                    yield int((folder / name).read_text())
            except (OSError, ValueError):  # no such file, or "max"
                continue


def versions() -> dict[str, str]:
    """Of Python and of the library that trains."""
    return {"python": platform.python_version(), "torch": version("torch")}


def set_malloc(arenas: int = 0, mmap: int = 0, trim: int = 0, pad: int = 0) -> None:
    """Set glibc's malloc options, in bytes but for the number of arenas; 0 leaves one as it is.

    Call it before threads and arrays come. Without it every thread may get an arena of its own, and freed arrays stay
    in the process. Does nothing with another C library.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((-8, arenas), (-3, mmap), (-1, trim), (-2, pad)):
            if value:
                libc.mallopt(option, value)
    except (OSError, AttributeError):
        pass


def prepare_process(trains: bool = True) -> None:
    """Make torch fast and polite in this process; call before it is imported.

    Passive waiting: with one other busy process, spinning makes training 2 to 9 times slower; a short spin first is a
    quarter faster on a quiet machine and costs little beside a busy one. Where it trains, malloc keeps the large
    buffers of a step instead of giving them back to the kernel; elsewhere threads share what they have freed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)))
    if trains:
        set_malloc(mmap=32 << 20, trim=1 << 30, pad=64 << 20)
    else:
        set_malloc(arenas=2)
