"""How measured times are told: on which machine, in the middle, and at their worst."""

import statistics
import time
from collections.abc import Mapping, Sequence

from fmexplore.machine import cores, processor


def machine(*more: str) -> str:
    """The line above a table: what it was measured on, what else counts, and when."""
    return ", ".join((processor(), f"{cores()} cores", *more, time.strftime("%Y-%m-%d")))


def percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def print_times(rows: Mapping[str, Sequence[float]]) -> None:
    """Medians and 95th percentiles of milliseconds."""
    print(machine())
    for name, times in rows.items():
        middle, tail = statistics.median(times), percentile(times, 0.95)
        print(f"{name:<58} median {middle:6.1f} ms   95th {tail:6.1f} ms   n={len(times)}")
