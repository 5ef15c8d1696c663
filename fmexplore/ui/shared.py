"""What all sessions of a server share, each made once. The only module that uses Streamlit's caches, by `keep`.

Every cache has a bound. What it holds of a run goes by the run's folder and, where it depends on them, its weights.
"""

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import wraps
from threading import Lock, RLock, Thread, Timer
from typing import Generic, ParamSpec, TypeVar, cast

import numpy as np
import streamlit as st
from streamlit.runtime.caching.hashing import UserHashError

from fmexplore.analysis.client import Analyst
from fmexplore.analysis.turns import Asker
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.embeddings.neighbours import NeighbourIndex
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.latency import Latency
from fmexplore.evaluation.predictions import Predictions
from fmexplore.evaluation.significance import PairedComparison
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.jobs.queue import JobQueue
from fmexplore.robustness.changes import CHANGES, change_images
from fmexplore.robustness.sheet import Row, Sheet, compare_sheets
from fmexplore.runs.derived import Derived, kept_files
from fmexplore.runs.metrics import MetricsReader
from fmexplore.runs.run import Arrays, Run
from fmexplore.runs.status import LOCAL_OWNER
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings, read_settings
from fmexplore.ui import visitor

LOOK_SECONDS, AWAY_SECONDS = 2, 15  # a reload, or a phone that changes its network, takes less
DELAY_SECONDS = 2  # what starts another process waits until the page that caused it is there


def run_delayed(act: Callable[..., object], *arguments: object) -> None:
    """Call a function in a moment, in the background; a home that cannot be written is told where it matters."""

    def try_to_act() -> None:
        with suppress(FMExploreError):
            act(*arguments)

    timer = Timer(DELAY_SECONDS, try_to_act)
    timer.daemon = True
    timer.start()


Made = TypeVar("Made")


class singleton(Generic[Made]):
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


@singleton
def settings() -> Settings:
    return read_settings()


@singleton
def dispatcher() -> Dispatcher:
    """The job queue's dispatcher, running."""
    made = Dispatcher(JobQueue(settings(), address))
    made.start()
    return made


def queue() -> JobQueue:
    return dispatcher().queue


def store() -> RunStore:
    return queue().store


@singleton
def analyst() -> Analyst:
    """The process for what needs torch, warmed up in the background; questions end with the sessions that ask."""
    made = Analyst(settings(), _asker)
    run_delayed(made.ask, "warm")
    Thread(target=_end_questions, args=(made,), daemon=True, name="questions").start()
    return made


def _asker() -> Asker:
    if not visitor.session():  # the server itself
        return "", "", ""
    return address(), visitor.owner_of_key() if settings().hosted else LOCAL_OWNER, visitor.session()


def address() -> str:
    """Stands for where this visitor comes from; on a laptop all come from one place."""
    return visitor.address(settings().proxies) if settings().hosted else ""


def _end_questions(analyst: Analyst) -> None:
    """Cancel what was asked by sessions that no browser has shown for a while."""
    gone: dict[Asker, float] = {}
    while True:
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        left = [each for each in analyst.askers() if each[-1] and not visitor.is_connected(each[-1])]
        gone = {asker: gone.get(asker, now) for asker in left}
        for asker in [each for each, since in gone.items() if now - since >= AWAY_SECONDS]:
            analyst.forget(asker)


P = ParamSpec("P")
Value = TypeVar("Value")
Key = TypeVar("Key", bound=Hashable)


class _NotKept(Exception):
    """Brings a value out of a cached function past the cache, so that it is looked for again."""

    def __init__(self, value: object = None) -> None:
        self.value = value


def folder_of(run: Run) -> str:
    """Names a run for what does not depend on its weights."""
    return str(run.path)


def folder_and_weights(run: Run) -> tuple[str, str]:
    """Names a run with the weights that it has now. Raises RunBroken."""
    return str(run.path), run.weights_digest


def keep(
    most: int, name_run: Callable[[Run], object] = folder_and_weights, spinner: str | bool = False
) -> Callable[[Callable[P, Value]], Callable[P, Value]]:
    """Keep what a function gives for its last `most` arguments, for all sessions; nobody may change it.

    Not kept are None and what the function raises, arguments that begin with an underscore do not count, and runs
    count by `name_run`.
    """

    def decorate(make: Callable[P, Value]) -> Callable[P, Value]:
        @wraps(make)  # Streamlit reads names of arguments and the source from it
        def make_or_raise(*args: P.args, **kwargs: P.kwargs) -> Value:
            if (value := make(*args, **kwargs)) is None:
                raise _NotKept
            return value

        hash_funcs: dict[str | type, Callable] = {Run: name_run, ProjectionConfig: ProjectionConfig.key}
        cached = st.cache_resource(max_entries=most, show_spinner=spinner, hash_funcs=hash_funcs)(make_or_raise)

        @wraps(make)
        def get(*args: P.args, **kwargs: P.kwargs) -> Value:
            try:
                return cached(*args, **kwargs)
            except _NotKept as result:
                return cast(Value, result.value)
            except UserHashError as error:  # of a run whose weights cannot be read
                raise (error.__cause__ or error) from None

        return get

    return decorate


class Recent(Generic[Key, Value]):
    """The last values that were put here, for all threads: unlike a cached function it can be asked what it has."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._values: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """The value, or None."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value in place of the oldest, and give it back."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]
        return value


@keep(1, spinner="Loading Fashion-MNIST")
def dataset() -> DataSet:
    """The data set, checked; read-only arrays. Raises DataError, which is not cached."""
    return fashion_mnist.load()


def training_queue() -> JobQueue:
    """The queue for a training, whose data files are found whole first. Raises DataError."""
    fashion_mnist.check()
    return queue()


@keep(64, folder_of)
def _metrics_reader(run: Run) -> tuple[MetricsReader, Lock]:
    return MetricsReader(run.metrics_path), Lock()


def metrics(run: Run) -> list[dict]:
    """A run's reports so far; only what is new is read."""
    reader, lock = _metrics_reader(run)
    with lock:  # two tabs that show one run are two threads
        return list(reader.refresh())


def predictions(run: Run, split: str, step: int | None = None) -> Predictions | None:
    """A run's predictions that are kept: at the end, or at a snapshot, of its validation images.

    None where there are none, of a snapshot also where they are no numbers. Raises RunBroken, NoAnswers.
    """
    return _predictions(run, split) if step is None else _snapshot_predictions(run, step)


@keep(96)
def _predictions(run: Run, split: str) -> Predictions | None:
    if found := Derived(run, settings()).read_predictions(split, dataset()):
        found.logits.setflags(write=False)
    return found


def _snapshot_predictions(run: Run, step: int) -> Predictions | None:
    found = _read_snapshot(run, step)
    return found if found.usable else None


@keep(96, folder_of)
def _read_snapshot(run: Run, step: int) -> Predictions:
    arrays, _ = run.read_snapshot(step)
    found = Predictions(arrays["logits"].astype("float32"), arrays["labels"])
    found.logits.setflags(write=False)
    return found


@keep(512, folder_of)
def snapshot_epoch(run: Run, step: int) -> float:
    """The epoch of a snapshot; of one whose weights only were shipped, by the metrics. Raises RunBroken."""
    if not run.snapshot_path(step).exists():
        for line in metrics(run):
            if line["step"] == step:
                return float(line["epoch"])
    return float(run.read_snapshot(step)[1]["epoch"])


@keep(96)
def latency(run: Run) -> Latency | None:
    """How long a run's network took on this machine, if that was measured."""
    return Derived(run, settings()).read_latency()


@keep(24)
def sheet(run: Run, split: str) -> Sheet | None:
    """A run's answers to changed images of a split, as far as they are kept."""
    found = Derived(run, settings()).read_sheet(split, dataset())
    if found and not found.whole:
        raise _NotKept(found)  # more is coming
    return found


@keep(32)
def compared_sheets(run: Run, other: Run, split: str, rows: tuple[Row, ...]) -> dict[Row, PairedComparison] | None:
    """McNemar's tests of another run against a run, row by row; None until both have answered all images."""
    first, second = sheet(run, split), sheet(other, split)
    if not (first and second and first.whole and second.whole) or len(first.labels) != len(second.labels):
        return None
    return compare_sheets(first, second, rows)


@keep(16)
def changed_examples(number: int) -> np.ndarray:
    """A test image under each change at its middle severity, `(changes, 28, 28) uint8`."""
    images = dataset()
    ids = np.array([images.addresses.id("test", number)])
    middles = {name: (len(change.amounts) + 1) // 2 for name, change in CHANGES.items()}
    image = images.test.images[number][None]
    return np.concatenate([change_images(image, ids, name, middle) for name, middle in middles.items()])


@keep(8)
def index(run: Run) -> NeighbourIndex | None:
    """Where all images lie in a run's feature space, if that is kept."""
    return Derived(run, settings()).read_index(dataset())


@keep(32)
def projection(run: Run | None, layer: str, split: str, config: ProjectionConfig) -> Arrays | None:
    """A map that is kept, as `maps.project_images` gave it."""
    images = dataset()
    found = kept_files(run, layer, images, settings()).read_projection(layer, split, config)
    count = images.addresses.name_count(split)
    if found is None or found["index"].min(initial=0) < 0 or found["index"].max(initial=0) >= count:
        return None  # none, or one of another data set
    if np.any(found.get("stopped", False)):
        raise _NotKept(found)  # the whole one will take its place
    return found


@keep(6)
def points(run: Run | None, layer: str, split: str) -> np.ndarray | None:
    """What the images of a split are to a layer, `(n, width) float16`, if that is kept."""
    features = kept_files(run, layer, dataset(), settings()).read_features(layer, split)
    return features.points if features else None


@keep(16)
def course(run: Run, config: ProjectionConfig) -> Arrays | None:
    """The maps of a run's snapshots that are kept, as `maps.project_snapshots` gave them."""
    return Derived(run, settings()).read_course(config)
