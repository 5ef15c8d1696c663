"""What keeps a server of many sessions small and quick: how memory is given back, and what the collector looks at."""

import gc
import time
from contextlib import suppress
from threading import Thread

from fmexplore.errors import DataError
from fmexplore.machine import set_malloc
from fmexplore.ui.shared import dataset, singleton

FREEZE_SECONDS, FREEZE_RERUNS = 10, 50  # at least both between two times: each takes some 0.2 s


@singleton
def configure_malloc() -> None:
    """Have freed arrays leave the process: each run of the script is a thread, and would keep some of its own.

    With it a server of thirty sessions weighs half as much (`benchmarks.classroom`). Call it before arrays are made.
    """
    set_malloc(arenas=2, mmap=256 << 10, trim=1 << 20)


@singleton
def freeze_collector() -> None:
    """Take what is loaded by now out of garbage collection, and from time to time what has come since.

    Streamlit collects after every rerun, which costs some 100 ms with these libraries loaded, and more with every page
    that is shown and every session. Call it once after the libraries have been imported.
    """
    with suppress(DataError):
        dataset()
    gc.collect()
    gc.freeze()
    Thread(target=_freeze_again, daemon=True, name="collector").start()


def _freeze_again() -> None:
    done = 0
    while True:
        time.sleep(FREEZE_SECONDS)
        # Not the number of objects: gc.get_objects() would give others hold of tuples that are still being built.
        if (collections := gc.get_stats()[-1]["collections"]) - done >= FREEZE_RERUNS:
            refreeze()
            done = collections


def refreeze() -> None:
    """Collect everything, then take it out. Freezing alone would keep the cycles of ended sessions for ever."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
