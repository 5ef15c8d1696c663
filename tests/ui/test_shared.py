"""What sessions share: kept by a run's folder and weights, bounded, and never what is not there yet."""

from threading import Thread

import numpy as np
import pytest
import streamlit as st

from fmexplore.errors import RunBroken
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.run import Run
from fmexplore.ui import shared


@pytest.fixture(autouse=True)
def forgotten():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def run(store, tiny) -> Run:
    run = store.create(tiny)
    give_weights(run, 0.5)
    return run


def give_weights(run: Run, value: float) -> None:
    shapes = tensor_shapes(summarize(run.config.model))
    run.write_weights({name: np.full(shape, value, np.float32) for name, shape in shapes.items()})


def test_what_depends_on_weights_is_made_again_after_the_run_has_learnt_more_and_nothing_else_is(run):
    made = []

    @shared.keep(9)
    def of_weights(run: Run) -> int:
        made.append("weights")
        return len(made)

    @shared.keep(9, shared.folder_of)
    def of_folder(run: Run) -> int:
        made.append("folder")
        return len(made)

    assert [of_weights(run), of_weights(Run(run.path)), of_folder(run), of_folder(Run(run.path))] == [1, 1, 2, 2]
    give_weights(run, 0.25)
    assert [of_weights(run), of_folder(run)] == [3, 2]
    assert made == ["weights", "folder", "weights"]


def test_what_is_not_there_yet_is_looked_for_again():
    answers = iter([None, "found", "too late"])

    @shared.keep(9)
    def look() -> str | None:
        return next(answers)

    assert [look(), look(), look()] == [None, "found", "found"]


def test_weights_that_cannot_be_read_are_told_as_everywhere_else(run, monkeypatch):
    @shared.keep(9)
    def of_weights(run: Run) -> int:
        return 1

    path = run.path / "model.safetensors"
    path.unlink()
    path.mkdir()
    with pytest.raises(RunBroken, match="cannot be read"):
        of_weights(run)


def test_the_oldest_value_gives_way_and_the_others_stay():
    recent = shared.Recent(3)
    for number in range(5):
        assert recent.put(number, str(number)) == str(number)
    assert [recent.get(number) for number in range(5)] == [None, None, "2", "3", "4"]


def test_threads_that_put_values_at_once_leave_as_many_as_are_allowed():
    recent = shared.Recent(10)

    def fill(first: int) -> None:
        for number in range(first, first + 300):
            recent.put(number, number)

    threads = [Thread(target=fill, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(recent.get(1000 * n + number) is not None for n in range(8) for number in range(300)) == 10
