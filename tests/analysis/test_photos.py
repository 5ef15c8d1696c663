"""Teaching a copy of a run a few photos: what is kept of it, also beside the queue and on a full disk."""

import numpy as np
import pytest

from fmexplore.analysis.images import Silent
from fmexplore.analysis.photos import teach
from fmexplore.errors import StorageError
from fmexplore.jobs.queue import JobQueue
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos import cutouts
from fmexplore.photos.conversion import OURS
from fmexplore.runs.run import Run
from fmexplore.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def queue(home, drawn_folder, monkeypatch):
    monkeypatch.setattr(cutouts, "VARIANTS", 20)
    return JobQueue(Settings(home=home))


@pytest.fixture
def run(queue, tiny) -> Run:
    made = queue.store.create(tiny, state="finished", ended=1.0)
    shapes = tensor_shapes(summarize(tiny.model))
    made.write_weights({name: np.full(shape, 0.1, np.float32) for name, shape in shapes.items()})
    return made


def teach_one(run: Run) -> str:
    """One photo, whose transparency shows the garment."""
    photo = np.full((60, 40, 4), 200, np.uint8)
    photo[:10, :, 3] = 0
    return teach(Silent(), run, [photo], [OURS], np.eye(10)[[6]], "local")


def test_the_queue_does_not_take_a_run_that_is_being_written_for_one_left_behind(queue, run, monkeypatch):
    write_weights = Run.write_weights

    def write_beside_the_queue(self, weights):
        queue.tick()
        return write_weights(self, weights)

    monkeypatch.setattr(Run, "write_weights", write_beside_the_queue)
    status = queue.store.get(teach_one(run)).status
    assert (status.state, status.error, status.pid) == ("finished", "", None)


def test_a_disk_too_full_for_what_was_taught_leaves_no_run(queue, run, monkeypatch):
    def full(*_):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(Run, "write_weights", full)
    with pytest.raises(StorageError):
        teach_one(run)
    assert queue.store.own_runs() == [run]
