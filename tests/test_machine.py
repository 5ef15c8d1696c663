"""What of this machine may be used: the limit of a container counts, wherever Linux writes it."""

import psutil
import pytest

from fmexplore.machine import memory_bytes

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
