"""The process that answers questions: a real one, with the drawn data set and three more things that it can do."""

import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from fmexplore.analysis.client import Analyst
from fmexplore.analysis.server import MOST_LONG
from fmexplore.analysis.task import NullProgress
from fmexplore.errors import AnalysisFailed, ConfigError, NotAllowed, RunBroken, StorageError
from fmexplore.evaluation.predictions import predict
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT, Settings

PATIENCE = 90  # seconds, for anything the process does

pytestmark = pytest.mark.slow

# Python imports a module of this name when it starts: so the process has the drawn data set, and what is added here.
ADDED = """
import sys, time
from pathlib import Path
from fmexplore.analysis import images as image_analysis
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
from fmexplore.errors import ConfigError

fashion_mnist.FILES = {files!r}

def linger(task, folder, who=""):
    "Says that it has begun, and then how far it is, until it is let go."
    with open(Path(folder) / "begun", "a") as file:
        file.write(who + ".")
    while not (Path(folder) / "go").exists():
        task.report(0.25, "Lingering")
        time.sleep(0.01)
    return who + " is done"

def refuse(task):
    raise ConfigError("The colour is blue: choose red.")

def chatter(task):
    print("noise on the standard output")
    return "said"

image_analysis.ANALYSES.update(linger=linger, refuse=refuse, chatter=chatter)
"""


@pytest.fixture
def settings(home, drawn_folder, added, monkeypatch) -> Settings:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(added), str(PROJECT))))
    return Settings(home=home)


@pytest.fixture
def fresh(settings):
    """An analyst that was never asked."""
    analyst = Analyst(settings)
    yield analyst
    analyst.close()


@pytest.fixture
def folder(tmp_path):
    """Where a lingering question says that it has begun, and is let go."""
    folder = tmp_path / "lingering"
    folder.mkdir()
    return folder


@pytest.fixture
def run(settings, tiny, tmp_path) -> Run:
    run = RunStore(settings, tmp_path / "shipped").create(tiny, state="finished", ended=1.0)
    rng = np.random.default_rng(0)
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()})
    return run


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def begun(folder) -> str:
    """The names of the lingering questions that were begun, each with a full stop."""
    return (folder / "begun").read_text() if (folder / "begun").exists() else ""


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# Answers.


def test_a_question_is_answered_as_in_this_process(analyst, run, drawn):
    from fmexplore.analysis import images as image_analysis

    images = drawn.test.images[:3]
    question = analyst.ask("predict_images", run=run, images=images)
    logits, features = question.result(PATIENCE)
    wanted = image_analysis.predict_images(NullProgress(), run, images)
    assert np.allclose(logits, wanted[0], atol=1e-5)
    assert np.allclose(features, wanted[1], atol=1e-5)
    assert question.wait(0)


def test_several_look_inside_a_network_at_once_and_each_sees_the_image_asked_for(analyst, run, drawn):
    from fmexplore.analysis import inside

    images = drawn.test.images[:4]
    maps = [analyst.ask("trace_image", run=run, image=image) for image in images]
    heats = [analyst.ask("attribute_image", run=run, image=image, method="grad-cam", label=1) for image in images[:2]]
    sums = [analyst.ask("explain_value", run=run, image=image, layer="4", channel=1, y=2, x=3) for image in images]
    for image, found, explained in zip(images, maps, sums, strict=True):
        wanted = inside.passes_of(run).trace(image).values
        assert np.allclose(found.result(PATIENCE)["4"], wanted["4"], atol=1e-5)
        assert explained.result(PATIENCE).value == pytest.approx(float(wanted["4"][1, 2, 3]), abs=1e-5)
    assert not np.array_equal(*(heat.result(PATIENCE).heat for heat in heats))
    with pytest.raises(ConfigError, match="channel is 16, and layer 4"):
        analyst.ask("explain_value", run=run, image=images[0], layer="4", channel=16).result(PATIENCE)


def test_what_is_kept_by_the_process_can_be_read_here(fresh, run, drawn, settings):
    from fmexplore.analysis import images as image_analysis

    assert fresh.ask("predict_split", run=run, split="test").result(PATIENCE) is None
    found = Derived(run, settings).read_predictions("test", drawn)
    assert np.allclose(found.logits, predict(image_analysis.network_of(run), drawn.test).logits, atol=1e-5)


def test_one_process_answers_all_questions_and_starts_with_the_first(fresh, run, drawn):
    assert fresh._process is None
    first = fresh.ask("explain", run=run, image=drawn.test.images[0], classes=[1, 2])
    second = fresh.ask("explain", run=run, image=drawn.test.images[1], classes=[3])
    assert first.result(PATIENCE).shape == (2, 28, 28)
    assert second.result(PATIENCE).shape == (1, 28, 28)
    assert first.process is second.process
    assert first.process.poll() is None


def test_what_a_library_prints_does_not_come_between_the_answers(analyst):
    assert analyst.ask("chatter").result(PATIENCE) == "said"
    assert analyst.ask("chatter").result(PATIENCE) == "said"


# The same question.


def test_the_same_question_asked_again_while_it_is_open_is_one(analyst, folder):
    first = analyst.ask("linger", folder=str(folder), who="a")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(analyst.ask("linger", who="a", folder=str(folder))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each is first for each in found)
    assert len(found) == 8
    other = analyst.ask("linger", folder=str(folder), who="b")
    assert other is not first
    (folder / "go").touch()
    assert [first.result(PATIENCE), other.result(PATIENCE)] == ["a is done", "b is done"]
    assert begun(folder) == "a.b."


def test_a_question_that_was_answered_is_asked_anew(analyst, folder):
    (folder / "go").touch()
    first = analyst.ask("linger", folder=str(folder), who="a")
    assert first.result(PATIENCE) == "a is done"
    again = analyst.ask("linger", folder=str(folder), who="a")
    assert again is not first
    assert again.result(PATIENCE) == "a is done"
    assert begun(folder) == "a.a."


def test_questions_about_arrays_are_never_taken_for_the_same(analyst, run, drawn):
    """What numpy prints of large arrays leaves most of it out."""
    images = drawn.test.images[:4]
    changed = images.copy()
    changed[2, 14, 14] ^= 255
    questions = [analyst.ask("predict_images", run=run, images=each) for each in (images, changed)]
    assert questions[0] is not questions[1]
    answers = [question.result(PATIENCE)[0] for question in questions]
    assert not np.array_equal(answers[0], answers[1])


# Errors.


def test_an_error_with_a_remedy_comes_back_as_itself(analyst, run):
    with pytest.raises(ConfigError) as caught:
        analyst.ask("refuse").result(PATIENCE)
    assert str(caught.value) == "The colour is blue: choose red."
    (run.path / "model.safetensors").unlink()
    with pytest.raises(RunBroken, match="does not exist yet"):
        analyst.ask("predict_split", run=run, split="test").result(PATIENCE)
    assert analyst.ask("chatter").result(PATIENCE) == "said"


def test_a_fault_inside_is_told_with_its_kind_and_the_log_has_its_place(fresh, run, settings):
    with pytest.raises(AnalysisFailed, match=r"Something went wrong inside \(TypeError: "):
        fresh.ask("predict_images", run=run, images="no images").result(PATIENCE)
    with pytest.raises(AnalysisFailed, match=r"KeyError: 'dance'"):
        fresh.ask("dance").result(PATIENCE)
    assert fresh.ask("chatter").result(PATIENCE) == "said"
    assert "Traceback" in (settings.cache / "analyst.log").read_text()


def test_a_process_that_cannot_be_started_leaves_no_question_behind(fresh, settings):
    settings.home.mkdir()
    settings.cache.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cache"):
        fresh.ask("chatter")
    settings.cache.unlink()
    assert fresh.ask("chatter").result(PATIENCE) == "said"


# A process that dies.


def test_killing_the_process_fails_what_was_open_and_the_next_question_starts_another(fresh, folder):
    questions = [fresh.ask("linger", folder=str(folder), who=who) for who in "ab"]
    wait_for(lambda: begun(folder))
    questions[0].process.kill()
    for question in questions:
        with pytest.raises(AnalysisFailed, match=r"ended \(code -9\).*try again.*analyst\.log"):
            question.result(PATIENCE)
    (folder / "go").touch()
    again = fresh.ask("linger", folder=str(folder), who="a")
    assert again.result(PATIENCE) == "a is done"
    assert again.process is not questions[0].process
    assert again not in questions


def test_a_closed_analyst_has_no_process_and_answers_again_when_asked(fresh):
    question = fresh.ask("chatter")
    question.result(PATIENCE)
    fresh.close()
    fresh.close()
    assert question.process.poll() == -9
    assert fresh.ask("chatter").result(PATIENCE) == "said"


def test_an_analyst_that_was_never_asked_can_be_closed(settings):
    Analyst(settings).close()
    assert not settings.cache.exists()


@pytest.mark.parametrize("rest", [b"", pickle.dumps({"cancel": 5})[:-3], pickle.dumps({"cancel": 5})])
def test_the_process_ends_at_once_when_its_standard_input_does(settings, folder, rest):
    """Also in the middle of a message, and of its work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fmexplore.analysis.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=PROJECT,
    )
    try:
        question = {"number": 1, "name": "linger", "arguments": {"folder": str(folder)}}
        process.stdin.write(pickle.dumps(question))
        process.stdin.flush()
        wait_for(lambda: begun(folder))
        process.stdin.write(rest)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


SERVER = """
import sys, time
from fmexplore.analysis.client import Analyst
from fmexplore.settings import read_settings
question = Analyst(read_settings()).ask("linger", folder=sys.argv[1])
while not question.share:
    time.sleep(0.01)
print(question.process.pid, flush=True)
time.sleep(600)
"""


def test_when_the_server_is_killed_the_process_ends(settings, folder):
    command = [sys.executable, "-c", SERVER, str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    try:
        process = psutil.Process(int(server.stdout.readline()))
        assert not gone(process)
    finally:
        server.kill()
        server.communicate()
    wait_for(lambda: gone(process))


# Progress, cancelling, and two at once.


def test_a_question_tells_how_far_it_is(analyst, folder):
    question = analyst.ask("linger", folder=str(folder), who="a")
    wait_for(lambda: question.share)
    assert (question.share, question.message) == (0.25, "Lingering")
    assert not question.wait(0.05)
    (folder / "go").touch()
    assert question.wait(PATIENCE)
    assert question.result() == "a is done"


def test_a_quick_question_is_answered_while_a_long_one_runs(analyst, folder, run, drawn):
    long = analyst.ask("linger", folder=str(folder), who="a")
    wait_for(lambda: long.share)
    heat = analyst.ask("explain", run=run, image=drawn.test.images[0], classes=[2]).result(PATIENCE)
    assert heat.shape == (1, 28, 28)
    assert not long.answer.done()
    (folder / "go").touch()
    assert long.result(PATIENCE) == "a is done"


def test_a_cancelled_question_fails_and_the_next_one_is_begun(analyst, folder):
    first = analyst.ask("linger", folder=str(folder), who="a")
    second = analyst.ask("linger", folder=str(folder), who="b")
    wait_for(lambda: first.share)
    first.cancel()
    with pytest.raises(AnalysisFailed, match="was cancelled"):
        first.result(PATIENCE)
    wait_for(lambda: second.share)
    (folder / "go").touch()
    assert second.result(PATIENCE) == "b is done"
    assert first.process is second.process


@pytest.fixture
def as_asker(analyst, monkeypatch):
    """Has what is asked from now on belong to a session, at an address of its own."""
    return lambda name: monkeypatch.setattr(analyst, "who", lambda: (f"address of {name}", name, "tab"))


def test_what_two_asked_goes_on_until_both_have_cancelled(analyst, as_asker, folder):
    as_asker("ann")
    question = analyst.ask("linger", folder=str(folder), who="a")
    assert analyst.ask("linger", folder=str(folder), who="a") is question
    as_asker("bob")
    assert analyst.ask("linger", folder=str(folder), who="a") is question
    assert question.askers == 2
    wait_for(lambda: question.share)
    question.cancel()
    assert not question.wait(0.5)
    as_asker("ann")
    question.cancel()
    with pytest.raises(AnalysisFailed, match="was cancelled"):
        question.result(PATIENCE)


def test_nobody_waits_until_those_who_asked_before_have_their_answer(analyst, as_asker, folder, tmp_path):
    """Who waits is told so, and gets a turn while the others go on."""
    as_asker("ann")
    before = [analyst.ask("linger", folder=str(folder), who=f"{number}") for number in range(3)]
    wait_for(lambda: before[0].share)
    as_asker("bob")
    own = tmp_path / "own"
    own.mkdir()
    (own / "go").touch()
    question = analyst.ask("linger", folder=str(own), who="b")
    wait_for(lambda: question.message)
    assert question.message == "Waiting: 4 analyses take turns"
    assert question.result(PATIENCE) == "b is done"
    assert not any(each.answer.done() for each in before)


def test_what_a_session_has_asked_ends_with_it_unless_another_waits_for_it_too(analyst, as_asker, folder):
    as_asker("ann")
    alone, shared = (analyst.ask("linger", folder=str(folder), who=who) for who in "ab")
    as_asker("bob")
    assert analyst.ask("linger", folder=str(folder), who="b") is shared
    (gone,) = (asker for asker in analyst.askers() if "ann" in asker)
    analyst.forget(gone)
    with pytest.raises(AnalysisFailed, match="was cancelled"):
        alone.result(PATIENCE)
    assert gone not in analyst.askers()
    (folder / "go").touch()
    assert shared.result(PATIENCE) == "b is done"


def test_a_session_has_so_many_long_questions_open_and_another_session_may_still_ask(analyst, as_asker, folder):
    as_asker("ann")
    asked = [analyst.ask("linger", folder=str(folder), who=f"{number}") for number in range(MOST_LONG + 1)]
    with pytest.raises(NotAllowed, match=f"{MOST_LONG} long analyses under way"):
        asked[-1].result(PATIENCE)
    assert analyst.ask("predict_images", run=None, images=None).wait(PATIENCE), "a quick one"
    as_asker("bob")
    (folder / "go").touch()
    assert analyst.ask("linger", folder=str(folder), who="b").result(PATIENCE) == "b is done"
    assert [question.result(PATIENCE) for question in asked[:-1]] == [
        f"{number} is done" for number in range(MOST_LONG)
    ]


def test_a_question_that_is_cancelled_before_its_turn_is_never_begun(analyst, folder):
    first = analyst.ask("linger", folder=str(folder), who="a")
    second = analyst.ask("linger", folder=str(folder), who="b")
    wait_for(lambda: first.share)
    second.cancel()
    # Of the quick ones, and read after the cancelling.
    assert analyst.ask("predict_images", run=None, images=None).wait(PATIENCE)
    (folder / "go").touch()
    assert first.result(PATIENCE) == "a is done"
    with pytest.raises(AnalysisFailed, match="was cancelled"):
        second.result(PATIENCE)
    assert begun(folder) == "a."


def test_who_asks_again_after_cancelling_gets_a_new_question(analyst, folder):
    first = analyst.ask("linger", folder=str(folder), who="a")
    wait_for(lambda: first.share)
    first.cancel()
    again = analyst.ask("linger", folder=str(folder), who="a")
    assert again is not first
    (folder / "go").touch()
    assert again.result(PATIENCE) == "a is done"


def test_cancelling_what_is_answered_changes_nothing(analyst):
    question = analyst.ask("chatter")
    question.result(PATIENCE)
    question.cancel()
    assert question.result(PATIENCE) == "said"
    assert analyst.ask("chatter").result(PATIENCE) == "said"


# The real data set.


@pytest.mark.real
def test_without_anything_added_a_split_of_the_real_data_set_is_predicted_with_progress(real, home, tiny, tmp_path):
    settings = Settings(home=home)
    run = RunStore(settings, tmp_path / "shipped").create(tiny)
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: np.full(shape, 0.01, np.float32) for name, shape in shapes.items()})
    analyst = Analyst(settings)
    try:
        question = analyst.ask("predict_split", run=run, split="train")
        wait_for(lambda: question.share or question.answer.done())
        assert question.result(PATIENCE) is None
    finally:
        analyst.close()
    assert 0 < question.share <= 1
    assert question.message == "Running the network on 54,000 images"
    assert len(Derived(run, settings).read_predictions("train", real)) == 54_000
    assert os.listdir(home / "cache" / "runs") == [run.id]
