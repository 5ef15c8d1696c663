"""The machine: processor, cores and memory for this process, its names, versions, and settings of a process."""

import ctypes
import os
import platform
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from fmexplore.settings import read_settings

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
NICENESS = 5  # of processes that compute: 10 starves beside a busy page, 0 makes the pages slow


def processor() -> str:
    """The name of the processor, or of its architecture where the system does not tell."""
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
    """How many bytes of memory this process may use: those of the machine, or fewer where a container has a limit.

    Args:
        membership: the file that lists the control groups of this process.
        groups: the folder where Linux mounts control groups.
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


def host_names() -> list[str]:
    """What browsers on other computers may call this one: its name, also with `.local`, and its addresses."""
    name = socket.gethostname()
    found = [address for addresses in psutil.net_if_addrs().values() for address in addresses]
    known = [each.address.partition("%")[0] for each in found if each.family in (socket.AF_INET, socket.AF_INET6)]
    return list(dict.fromkeys([*LOCAL_NAMES, name, f"{name}.local", *known]))


def versions() -> dict[str, str]:
    """The versions of Python and of torch."""
    return {"python": platform.python_version(), "torch": version("torch")}


def set_malloc(arenas: int = 0, mmap: int = 0, trim: int = 0, pad: int = 0) -> None:
    """Set options of glibc's malloc; does nothing with another C library.

    Call it before threads are started and arrays made. Without it every thread may get an arena of its own, and the
    memory of freed arrays stays with the process. An option of 0 is left as it is.

    Args:
        arenas: how many there may be.
        mmap: bytes from which a block is mapped on its own.
        trim: free bytes from which memory is given back.
        pad: bytes by which the heap grows at least.
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


def lower_priority() -> None:
    """Let this process, which computes, make way for those that answer; does nothing where there is no niceness."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def prepare_process(trains: bool = True) -> None:
    """Set how torch's threads wait, how malloc keeps memory, and where numba keeps what it compiles, in this process.

    Call it before torch or numba is imported. Numba writes beside the packages; where those are read-only, as in a
    container, and the user's own folder too, it would fail, so it gets a folder of the cache.

    Threads wait passively after a short spin: spinning all the time makes training 2 to 9 times slower beside one busy
    process, and not spinning at all a quarter slower on an idle machine.

    Args:
        trains: malloc keeps the large buffers of a training step for the next one. Otherwise, threads share the memory
            that they have freed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)))
    umap = find_spec("umap")
    if umap and umap.origin and not os.access(Path(umap.origin).parent, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(read_settings().cache / "numba"))
    if trains:
        set_malloc(mmap=32 << 20, trim=1 << 30, pad=64 << 20)
    else:
        set_malloc(arenas=2)
