"""Teaching a copy of a run a few photos: what is kept of it, also beside the queue, on a full disk and cancelled."""

import errno
import os

import numpy as np
import pytest

from fmexplore.analysis.photos import teach
from fmexplore.analysis.task import Cancelled, NullProgress, Task
from fmexplore.errors import AnalysisFailed, NotAllowed, StorageError
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.jobs.tasks import TASKS
from fmexplore.jobs.worker import run_job
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos import cutouts
from fmexplore.photos.conversion import OURS
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process, request, write_status
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


@pytest.fixture
def pupil(queue, run) -> Run:
    """As the page makes it."""
    config = cutouts.teaching_config(run.config)
    return queue.keep(config, "local", name="taught 1 photo", task="teach", state="running", **own_process())


def teach_one(run: Run, pupil: Run, task: Task | None = None) -> None:
    """One photo, whose transparency shows the garment."""
    photo = np.full((60, 40, 4), 200, np.uint8)
    photo[:10, :, 3] = 0
    teach(task or NullProgress(), run, pupil, [photo], [OURS], np.eye(10)[[6]])


class Watcher(NullProgress):
    """Acts at the first report of the training."""

    def __init__(self, act) -> None:
        self.act = act

    def report(self, share, message="", partial=None):
        if message.startswith("Training"):
            self.act()


def test_the_queue_does_not_take_a_run_that_is_being_taught_for_one_left_behind(queue, run, pupil):
    states = []

    def look():
        Dispatcher(queue).tick()
        states.append((pupil.status.state, queue.running()))

    look()
    teach_one(run, pupil, Watcher(look))
    assert set(map(str, states)) == {str(("running", []))}
    assert len(states) > 2
    status = pupil.status
    assert (status.state, status.task, status.error, status.pid) == ("finished", "teach", "", None)
    lesson = pupil.lesson
    assert (lesson.parent, lesson.photos, lesson.clothes) == (run.title, 1, 1)
    assert lesson.test_before == run.status.result.test_accuracy
    assert lesson.right_before in (0, 1)
    assert lesson.right_after == 1
    assert status.result.test_accuracy is not None


def test_nothing_of_the_photos_is_on_the_disk(queue, run, pupil, home):
    before = {path for path in home.rglob("*") if path.is_file()}
    teach_one(run, pupil)
    new = {path for path in home.rglob("*") if path.is_file()} - before
    assert {str(path.relative_to(pupil.path)) for path in new} == {"model.safetensors", "lesson.json"}
    assert {path.name for path in pupil.path.iterdir()} == {
        *("config.json", "label.json", "lesson.json", "model.safetensors", "status.json")
    }
    assert pupil.title == "taught 1 photo"
    shapes = tensor_shapes(summarize(pupil.config.model))
    assert {name: values.shape for name, values in pupil.read_weights().items()} == shapes


def test_a_disk_too_full_for_what_was_taught_fails_with_that_reason(queue, run, pupil, monkeypatch):
    def full(*_):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(Run, "write_weights", full)
    with pytest.raises(AnalysisFailed, match="The disk is full"):
        teach_one(run, pupil)
    assert pupil.status.state == "failed"
    queue.discard(pupil)
    assert queue.store.own_runs() == [run]
    assert queue.store.count() == 1, "nor is it in the trash"


def test_a_disk_too_full_even_for_that_reason_fails_too(run, pupil, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(AnalysisFailed, match="free some space"):
        teach_one(run, pupil, Watcher(lambda: monkeypatch.setattr(os, "replace", full)))
    assert not pupil.has_weights


def test_an_error_of_ours_names_the_log_of_the_process(run, pupil, monkeypatch):
    monkeypatch.setattr(Run, "write_weights", lambda *_: 1 / 0)
    with pytest.raises(AnalysisFailed, match=r"ZeroDivisionError.*see analyst\.log"):
        teach_one(run, pupil)


def test_who_cancels_is_not_told_of_a_failure(run, pupil):
    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        teach_one(run, pupil, Watcher(cancel))
    assert (pupil.status.error, pupil.has_weights) == ("", False)


@pytest.mark.parametrize("what", ["STOP", "PAUSE"])
def test_one_that_is_stopped_keeps_what_it_has_learnt(run, pupil, what, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)
    teach_one(run, pupil, Watcher(lambda: request(pupil.path, what)))
    assert (pupil.status.state, pupil.has_weights) == ("stopped", True)
    assert not (pupil.path / what).exists()


def test_without_its_photos_it_says_that_it_must_be_taught_again(queue, pupil):
    assert "teach" in TASKS
    run_job(Job(pupil.path, queue.settings))
    assert pupil.status.state == "failed"
    assert "photos that it learns from are not kept" in pupil.status.error
    with pytest.raises(NotAllowed, match="teach a copy again"):
        queue.resume(pupil, "local")


def test_one_whose_process_is_gone_is_interrupted(queue, pupil):
    write_status(pupil.path, pupil.status.replace(process_started=1.0))
    Dispatcher(queue).tick()
    assert pupil.status.state == "interrupted"
