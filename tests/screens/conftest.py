"""The app in AppTest: its pages without a browser, on the drawn data set, and no worker starts."""

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from fmexplore import models
from fmexplore.data import PROJECT
from fmexplore.jobs import JobQueue
from fmexplore.run import Run
from fmexplore.runs import RunStore
from fmexplore.settings import read_settings
from fmexplore.status import write_status
from fmexplore.ui import cache


class Page:
    """One browser tab: what it shows as texts, and what people do there."""

    def __init__(self) -> None:
        self.at = AppTest.from_file(PROJECT / "streamlit_app.py", default_timeout=60)
        self.opened = False

    def open(self, page: str, **query: str) -> "Page":
        """Follow a link; the session goes on."""
        if not self.opened:
            self.at.run()  # registers the pages
            self.opened = True
        self.at.query_params.clear()
        for name, value in query.items():
            self.at.query_params[name] = value
        self.at.switch_page(page).run()
        return self.whole()

    def whole(self) -> "Page":
        assert not self.at.exception, self.at.exception
        assert not any("Something went wrong" in text for text in self.errors)
        return self

    def run(self) -> "Page":
        self.at.run()
        return self.whole()

    @property
    def errors(self) -> list[str]:
        return [error.value for error in self.at.error]

    @property
    def text(self) -> str:
        kinds = ("title", "header", "subheader", "markdown", "caption", "info", "error", "warning")
        texts = [element.value for kind in kinds for element in getattr(self.at, kind)]
        return "\n".join([*texts, *(bar.proto.text for bar in self.at.get("progress"))])

    @property
    def buttons(self) -> dict:
        """By label; the last one wins."""
        return {button.label: button for button in self.at.button}

    def click(self, label: str) -> "Page":
        self.buttons[label].click().run()
        return self.whole()

    def set(self, key: str, value: object) -> "Page":
        """Change the widget with this key."""
        self.at.get_by_key(key).set_value(value).run()
        return self.whole()

    def edit_layers(self, layers: list[dict]) -> "Page":
        """Send what the layer table sends after an edit; needs the `layer_editor`."""
        self.set("details", "Layers")
        self.at.session_state["edited_layers"] = layers
        return self.click("Send the edit")

    def choose_row(self, row: int) -> "Page":
        self.at.session_state[self.at.dataframe[0].key] = {"selection": {"rows": [row], "columns": []}}
        return self.run()

    @property
    def names(self) -> list[str]:
        """Names in the list of runs."""
        return list(self.at.dataframe[0].value["name"]) if self.at.dataframe else []

    @property
    def link(self) -> str | None:
        run = self.at.query_params.get("run")
        return run[0] if isinstance(run, list) else run


def _forget() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def app(home, drawn_folder, monkeypatch):
    """Makes pages of one server; nothing is shipped and no worker starts, unless a test says so."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [])
    monkeypatch.setattr(ContextProxy, "cookies", {})
    _forget()
    yield Page
    cache.queue().close()
    _forget()


@pytest.fixture
def hosted(app, monkeypatch):
    """Pages of a hosted server, each in the browser of the owner whose key is given."""
    monkeypatch.setenv("FMEXPLORE_HOSTED", "1")

    def page(letter: str) -> Page:
        made = app()
        made.at.session_state["owner_key"] = letter * 32
        return made

    return page


@pytest.fixture
def layer_editor(monkeypatch):
    """A button in place of the layer table: AppTest runs no script of a component."""

    def table(model, rows, error, key, on_edit):
        st.button("Send the edit", on_click=lambda: on_edit(st.session_state["edited_layers"]))

    monkeypatch.setattr("fmexplore.ui.views.live_run.layer_table", table)


@pytest.fixture
def store(home) -> RunStore:
    return RunStore(read_settings())


@pytest.fixture
def make_run(store, tiny):
    """Writes a run as a worker would have left it, with an epoch for each validation loss."""

    def make(state: str = "finished", losses=(0.6, 0.5, 0.4), name: str = "", config=tiny, **status) -> Run:
        run = store.create(config)
        steps = 20 * len(losses)
        for epoch, loss in enumerate(losses, 1):
            figures = {"train_loss": 0.7 - 0.1 * epoch, "train_accuracy": 0.7, "validation_loss": loss}
            place = {"step": 20 * epoch, "steps": steps, "epoch": float(epoch), "seconds": float(epoch)}
            confusion = (np.eye(10, dtype=int) * 5 + np.eye(10, k=6, dtype=int)).tolist()
            report = {"kind": "report", **place, **figures, "validation_accuracy": 0.7, "images_per_second": 1000.0}
            run.append_metrics(report)
            run.append_metrics({**report, "kind": "epoch", "validation_accuracy": 0.8, "confusion": confusion})
        shapes = models.tensor_shapes(models.summarize(config.model))
        run.write_weights({key: np.zeros(shape, np.float32) for key, shape in shapes.items()})
        result = {"validation_accuracy": 0.8, "test_accuracy": 0.79, "epoch": len(losses), "seconds": len(losses)}
        values = {"state": state, "result": result, "ended": 1e9, **status}
        write_status(run.path, run.status.replace(**values))
        if name:
            store.relabel(run, run.status.owner, name=name)
        return run

    return make
