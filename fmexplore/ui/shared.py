"""What all sessions of a server share, each made once; every cache has a bound."""

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, RLock, Thread, Timer
from typing import Generic, TypeVar

import numpy as np
import streamlit as st

from fmexplore.analysis.client import Analyst
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.embeddings.neighbours import NeighbourIndex
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import DataError
from fmexplore.evaluation.predictions import Latency, Predictions
from fmexplore.jobs.queue import JobQueue
from fmexplore.machine import set_malloc
from fmexplore.runs.derived import Derived, kept_files
from fmexplore.runs.run import Arrays, MetricsReader, Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings, read_settings

FREEZE_SECONDS, FREEZE_RERUNS = 10, 50  # at least both between two times: each takes some 0.2 s
LATER_SECONDS = 2  # what starts another process waits until the page that caused it is there


def later(act: Callable[..., object], *arguments: object) -> None:
    """Do something in a moment, in the background."""
    timer = Timer(LATER_SECONDS, act, arguments)
    timer.daemon = True
    timer.start()


Made = TypeVar("Made")


class once(Generic[Made]):
    """Makes a thing once for all sessions. Unlike st.cache_resource, which any browser can have emptied by a message:
    each time there would be one process or thread more."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make, self._lock = make, RLock()
        self._made: list[Made] = []

    def __call__(self) -> Made:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def clear(self) -> None:
        """Forget it, for tests."""
        self._made.clear()


@once
def settings() -> Settings:
    return read_settings()


@once
def queue() -> JobQueue:
    """The job queue, its dispatcher running."""
    made = JobQueue(settings())
    made.start()
    return made


def store() -> RunStore:
    return queue().store


@once
def analyst() -> Analyst:
    """The process for what needs torch, warmed up in the background."""
    made = Analyst(settings())
    later(made.ask, "warm")
    return made


@st.cache_resource(max_entries=1, show_spinner="Loading Fashion-MNIST")
def dataset() -> DataSet:
    """The data set, checked; read-only arrays. Raises DataError, which is not cached."""
    return fashion_mnist.load()


@st.cache_resource(max_entries=64)
def _metrics_reader(path: str) -> tuple[MetricsReader, Lock]:
    return MetricsReader(Run(Path(path))), Lock()


def metrics(run: Run) -> list[dict]:
    """A run's reports so far; only what is new is read."""
    reader, lock = _metrics_reader(str(run.path))
    with lock:  # two tabs that show one run are two threads
        return list(reader.refresh())


Value = TypeVar("Value")


class _Absent(Exception):
    """Is not cached, so that it is looked for again."""


@st.cache_resource(max_entries=96, show_spinner=False)
def _predictions(path: str, split: str, step: int | None, digest: str) -> Predictions:
    del digest  # is in the key, as below
    run = Run(Path(path))
    if step is not None:
        arrays, _ = run.read_snapshot(step)
        found = Predictions(arrays["logits"].astype("float32"), arrays["labels"])
    else:
        found = _found(Derived(run, settings()).read_predictions(split, dataset()))
    found.logits.setflags(write=False)
    return found


def predictions(run: Run, split: str, step: int | None = None) -> Predictions | None:
    """A run's predictions that are kept: at the end, or at a snapshot, of its validation images. Raises RunBroken."""
    with suppress(_Absent):
        return _predictions(str(run.path), split, step, "" if step else run.weights_digest)
    return None


@st.cache_resource(max_entries=96, show_spinner=False)
def _latency(path: str, digest: str) -> Latency:
    del digest
    return _found(Derived(Run(Path(path)), settings()).read_latency())


def latency(run: Run) -> Latency | None:
    """How long a run's network took on this machine, if that was measured."""
    with suppress(_Absent):
        return _latency(*_key(run))
    return None


@st.cache_resource(max_entries=512, show_spinner=False)
def _snapshot_epoch(path: str, step: int) -> float:
    return float(Run(Path(path)).read_snapshot(step)[1]["epoch"])


def snapshot_epoch(run: Run, step: int) -> float:
    """The epoch of a snapshot. Raises RunBroken."""
    return _snapshot_epoch(str(run.path), step)


@st.cache_resource(max_entries=8, show_spinner=False)
def _index(path: str, digest: str) -> NeighbourIndex:
    del digest
    return _found(Derived(Run(Path(path)), settings()).read_index(dataset()))


def index(run: Run) -> NeighbourIndex | None:
    """Where all images lie in a run's feature space, if that is kept."""
    with suppress(_Absent):
        return _index(*_key(run))
    return None


@st.cache_resource(max_entries=32, show_spinner=False)
def _projection(path: str, digest: str, layer: str, split: str, _config: ProjectionConfig, key: str) -> Arrays:
    del digest, key
    arrays, images = _found(kept_files(_run(path), layer, settings()).read_projection(layer, split, _config)), dataset()
    count = images.addresses.name_count(split)
    there = arrays["index"].min(initial=0) >= 0 and arrays["index"].max(initial=0) < count
    return _found(arrays if there else None)  # else of another data set


def projection(run: Run | None, layer: str, split: str, config: ProjectionConfig) -> Arrays | None:
    """A map that is kept, as `map_analyses.project_images` gave it."""
    with suppress(_Absent):
        asked = (*_key(run), layer, split, config, config.key())
        found = _projection(*asked)
        if np.any(found.get("stopped", False)):
            _projection.clear(*asked)  # the whole one will take its place
        return found
    return None


@st.cache_resource(max_entries=6, show_spinner=False)
def _points(path: str, digest: str, layer: str, split: str) -> np.ndarray:
    del digest
    features = _found(kept_files(_run(path), layer, settings()).read_features(layer, split))
    return features.points


def points(run: Run | None, layer: str, split: str) -> np.ndarray | None:
    """What the images of a split are to a layer, `(n, width) float16`, if that is kept."""
    with suppress(_Absent):
        return _points(*_key(run), layer, split)
    return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _course(path: str, digest: str, _config: ProjectionConfig, key: str) -> Arrays:
    del digest, key
    return _found(Derived(Run(Path(path)), settings()).read_course(_config))


def course(run: Run, config: ProjectionConfig) -> Arrays | None:
    """The maps of a run's snapshots that are kept, as `map_analyses.project_snapshots` gave them."""
    with suppress(_Absent):
        return _course(*_key(run), config, config.key())
    return None


def _key(run: Run | None) -> tuple[str, str]:
    return (str(run.path), run.weights_digest) if run else ("", "")


def _run(path: str) -> Run | None:
    return Run(Path(path)) if path else None


def _found(value: Value | None) -> Value:
    if value is None:
        raise _Absent
    return value


@once
def tame_memory() -> None:
    """Have freed arrays leave the process: each run of the script is a thread, and would keep some of its own.

    With it a server of thirty sessions weighs half as much (benchmarks/classroom.py). Call it before arrays are made.
    """
    set_malloc(arenas=2, mmap=256 << 10, trim=1 << 20)


@once
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
