"""What a browser may send to a hosted server that no page has asked it for."""

import gc
import io
import weakref

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from fmexplore.jobs.estimates import update_speed
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process, write_status
from fmexplore.settings import read_settings
from fmexplore.ui import server_memory, shared
from fmexplore.ui.predict import fine_tuning
from fmexplore.ui.selection import photos
from fmexplore.ui.session import PREDICT_PAGE as PREDICT
from fmexplore.ui.session import TRAIN_PAGE as TRAIN


def forge(page, *ids: str):
    """Send presses of buttons, whether the page shows them or not."""
    states = WidgetStates()
    for each in ids:
        states.widgets.add(id=each, trigger_value=True)
    page.at._run(states)
    return page.whole()


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_button_that_only_the_owner_is_shown_does_nothing_for_another(hosted, store, state):
    ids, runs = {}, []
    for letter in "ab":
        hosted(letter).open(TRAIN, preset="lenet-5").click("Start training")
        run = store.own_runs()[0]
        runs.append(run)
        for each in ("queued", "running", "paused"):
            write_status(run.path, run.status.replace(state=each, **own_process()))
            ids |= {button.label: button.id for button in hosted(letter).open(TRAIN).at.button}
    ann = runs[0]
    assert {"Pause", "Stop training", "Resume"} <= ids.keys()
    write_status(ann.path, ann.status.replace(state=state))
    before = {path: path.read_bytes() for path in ann.path.iterdir()}
    bob = hosted("b").open(TRAIN, run=ann.id)
    forge(bob, *ids.values())
    assert {path: path.read_bytes() for path in ann.path.iterdir()} == before


def test_start_training_that_is_off_starts_nothing(app, store, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_HOSTED", "1")
    page = app().open(TRAIN)  # without a key
    assert page.buttons["Start training"].disabled
    start = page.buttons["Start training"].id
    forge(page, start)
    assert store.own_runs() == []
    page.at.session_state["owner_key"] = "a" * 32
    forge(page.run(), start)
    assert len(store.own_runs()) == 1, "the forgery itself works"


@pytest.mark.parametrize("waiting", [True, False])
def test_teaching_is_not_asked_for_twice_nor_without_photos(desk, monkeypatch, waiting):
    monkeypatch.setattr(st, "session_state", {"teaching": object()} if waiting else {})
    fine_tuning._start(Run(None), [object()] * (5 if waiting else 1), [])
    assert desk.asked == []


def test_what_is_there_once_survives_a_browser_that_empties_the_caches(app):
    app().open(TRAIN)
    queue, settings = shared.queue(), shared.settings()
    st.cache_resource.clear()
    st.cache_data.clear()
    assert shared.queue() is queue
    assert shared.settings() is settings


def test_photos_of_all_sessions_together_have_a_limit(hosted, make_run, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_MAX_PHOTOS_MB", "0.3")
    photos._held.clear()
    content = []
    for shade in (30, 60, 90, 120):
        buffer = io.BytesIO()
        Image.fromarray(np.full((200, 200, 3), shade, np.uint8)).save(buffer, "PNG")
        content.append(buffer.getvalue())
    pages = [hosted(letter) for letter in "ab"]
    for page, files in zip(pages, (content[:2], content[2:])):
        run = make_run(weights="random", owner=f"{page}")
        page.open(PREDICT, run=run.id)
        page.at.file_uploader[0].set_value([(f"{n}.png", each, "image/png") for n, each in enumerate(files)]).run()
    assert [len(page.at.session_state["photos"]) for page in pages] == [2, 0]
    assert "photos of all visitors use 0 MB" in pages[1].errors[0]
    pages[0].click("Remove all")
    gc.collect()
    assert len(photos._held) <= 1, "the last one, which a callback of the page remembers"
    pages[1].at.file_uploader[0].set_value([("x.png", content[2], "image/png")]).run()
    assert len(pages[1].at.session_state["photos"]) == 1


def test_a_giant_of_a_network_is_refused_with_the_limit(hosted, store):
    update_speed(read_settings(), flops_per_second=1e11, step_seconds=1e-4, worker_mb=500)
    page = hosted("a").open(TRAIN)
    config = page.at.session_state["draft"]
    layers = [*[{"kind": "conv", "filters": 512}] * 2, {"kind": "global_avg_pool"}, {"kind": "dense", "units": 10}]
    page.at.session_state["draft"] = {**config, "preset": "custom", "model": {**config["model"], "layers": layers}}
    page.run().click("Start training")
    assert "this server allows 1,000" in page.errors[0]
    assert store.own_runs() == []


def test_objects_that_have_come_leave_garbage_collection_and_lost_cycles_do_not_stay():
    class Ring:
        def __init__(self):
            self.ring = self

    ring = Ring()
    lost = weakref.ref(ring)
    gc.freeze()
    del ring
    gc.collect()
    assert lost(), "it was frozen"
    many = [[] for _ in range(1000)]
    try:
        server_memory.refreeze()
        assert lost() is None
        assert len(gc.get_objects()) < len(many)
    finally:
        gc.unfreeze()
