"""What all sessions of a server share, each made once; every cache has a bound."""

import gc
from contextlib import suppress
from pathlib import Path
from threading import Lock

import streamlit as st

from fmexplore import data
from fmexplore.data import DataSet
from fmexplore.errors import DataError
from fmexplore.jobs import JobQueue
from fmexplore.run import MetricsReader, Run
from fmexplore.runs import RunStore
from fmexplore.settings import Settings, read_settings


@st.cache_resource(max_entries=1)
def settings() -> Settings:
    return read_settings()


@st.cache_resource(max_entries=1)
def queue() -> JobQueue:
    """The job queue, its dispatcher running."""
    made = JobQueue(settings())
    made.start()
    return made


def store() -> RunStore:
    return queue().store


@st.cache_resource(max_entries=1, show_spinner="Loading Fashion-MNIST")
def dataset() -> DataSet:
    """The data set, checked; read-only arrays. Raises DataError, which is not cached."""
    return data.load()


@st.cache_resource(max_entries=64)
def _metrics_reader(path: str) -> tuple[MetricsReader, Lock]:
    return MetricsReader(Run(Path(path))), Lock()


def metrics(run: Run) -> list[dict]:
    """A run's reports so far; only what is new is read."""
    reader, lock = _metrics_reader(str(run.path))
    with lock:  # two tabs that show one run are two threads
        return list(reader.refresh())


@st.cache_resource(max_entries=1)
def freeze_collector() -> None:
    """Take what is loaded by now out of garbage collection.

    Streamlit collects after every rerun, which costs some 100 ms with these libraries loaded. Call it once after them.
    """
    with suppress(DataError):
        dataset()
    gc.collect()
    gc.freeze()
