"""What of this machine may be used, also in a container; and how many arenas malloc makes, seen from outside."""

import socket
import subprocess
import sys

import psutil
import pytest

from fmexplore.machine import LOCAL_NAMES, host_names, memory_bytes
from fmexplore.settings import PROJECT

COUNT_ARENAS = """
import ctypes, sys, threading
from fmexplore.machine import set_malloc
if len(sys.argv) > 1:
    set_malloc(arenas=int(sys.argv[1]))
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
together = threading.Barrier(6)
def work():
    together.wait()
    libc.malloc(5000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def arenas(*arguments: str) -> int:
    command = [sys.executable, "-c", COUNT_ARENAS, *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60).stdout.count("<heap nr=")


@pytest.mark.skipif(sys.platform != "linux" or not arenas(), reason="needs glibc")
def test_threads_share_the_arenas_that_they_are_allowed():
    assert arenas("2") == 2 < arenas()


ALL = psutil.virtual_memory().total
LIMIT = 1_000_000


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/", {"memory.max": f"{LIMIT}\n"}, LIMIT),
        ("0::/", {"memory.max": "max\n"}, ALL),
        ("0::/app/worker", {"app/worker/memory.max": "max", "app/memory.max": f"{LIMIT}"}, LIMIT),
        ("0::/app", {"app/memory.max": f"{2 * LIMIT}", "memory.max": f"{LIMIT}"}, LIMIT),
        ("4:memory:/\n3:cpu:/", {"memory/memory.limit_in_bytes": f"{LIMIT}"}, LIMIT),
        ("4:memory:/pod/of/the/host", {"memory/memory.limit_in_bytes": f"{LIMIT}"}, LIMIT),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712"}, ALL),
        ("3:cpu:/", {"memory/memory.limit_in_bytes": f"{LIMIT}", "memory.max": f"{LIMIT}"}, ALL),
        ("0::/", {}, ALL),
    ],
)
def test_the_least_limit_of_all_groups_above_counts(tmp_path, membership, files, expected):
    (tmp_path / "cgroup").write_text(membership)
    for name, content in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(content)
    assert memory_bytes(tmp_path / "cgroup", tmp_path / "groups") == expected


def test_without_control_groups_it_is_the_machines_memory(tmp_path):
    assert memory_bytes(tmp_path / "not there", tmp_path) == ALL


@pytest.mark.parametrize("writable", [True, False])
def test_numba_keeps_what_it_compiles_in_the_cache_where_packages_are_read_only(home, monkeypatch, writable):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    read_only = "import os; os.access = lambda path, mode: False; " if not writable else ""
    code = f"{read_only}from fmexplore.machine import prepare_process; prepare_process(trains=False); import numba; "
    found = subprocess.check_output(
        [sys.executable, "-c", code + "print(numba.config.CACHE_DIR)"], cwd=PROJECT, text=True
    )
    assert found.strip() == ("" if writable else str(home / "cache" / "numba"))


def test_the_names_of_this_computer_are_its_own_and_its_addresses_and_nothing_that_fits_more():
    names = host_names()
    assert {*LOCAL_NAMES, socket.gethostname()} <= {*names}
    assert not [name for name in names if set("*%/ ") & set(name)]
