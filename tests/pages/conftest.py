"""The app in AppTest: its pages without a browser, on the drawn data set; no worker and no analyst starts."""

import functools
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.runtime.context import ContextProxy
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from fmexplore.analysis.server import ANALYSES
from fmexplore.analysis.task import NullProgress
from fmexplore.errors import FMExploreError
from fmexplore.evaluation.predictions import Predictions
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.models import networks
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos.synthetic import draw_scene
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.settings import PROJECT, read_settings
from fmexplore.training.progress import Snapshot
from fmexplore.ui import shared
from fmexplore.ui.components import gallery
from fmexplore.ui.components.gallery import encode_sheet
from fmexplore.ui.embeddings import sheets as map_sheets
from fmexplore.ui.predict import page as predict_page

PATHS = {path.stem: str(path.relative_to(PROJECT)) for path in PROJECT.glob("pages/*.py")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test here runs whole pages; pytest asks each conftest about every test."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")


class Page:
    """One browser tab: what it shows as texts, and what people do there."""

    def __init__(self) -> None:
        self.at = AppTest.from_file(PROJECT / "streamlit_app.py", default_timeout=60)

    def open(self, page: str, **query: str) -> "Page":
        """Follow a link; the session goes on."""
        self.at.query_params.clear()
        for name, value in query.items():
            self.at.query_params[name] = value
        self.at.switch_page(page).run()
        return self.whole()

    def whole(self) -> "Page":
        """Go where a press leads, as the browser does, and see that nothing has failed."""
        if self.opened:
            page, place = self.opened
            return self.open(PATHS[page], **place)
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
        shown = "\n".join([*texts, *(bar.proto.text for bar in self.at.get("progress"))])
        return shown.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NON-BREAKING HYPHEN}", "-")

    @property
    def warnings(self) -> list[str]:
        return [warning.value for warning in self.at.warning]

    @property
    def query(self) -> dict[str, str]:
        """What the link says after the page."""
        return dict(self.at.query_params)

    @property
    def opened(self) -> tuple[str, dict[str, str]] | None:
        """The page that a press has opened, with the parameters of its link."""
        found = [each.proto for each in self.at.get("page_link") if each.proto.label == "Further"]
        return (found[0].page, dict(parse_qsl(found[0].query_string))) if found else None

    # --- components: AppTest runs no script of theirs, but what they are given and what they send is there ---

    def find(self, name: str) -> list:
        """The components of that kind on the page."""
        return [each for each in self.at.get("bidi_component") if each.proto.component_name == f"fmexplore_{name}"]

    def has(self, key: str) -> bool:
        """Whether there is a widget or component with this key."""
        return any(getattr(each, "key", None) == key for each in self.at.main)

    def given(self, key: str) -> dict:
        """What the component with that key is given to show."""
        return json.loads(self.at.get_by_key(key).proto.json)

    @property
    def gallery(self) -> str:
        """The key of the only gallery with images that can be opened and are not marked as something else."""
        (found,) = (each.key for each in self.find("gallery") if self.given(each.key)["label"] == "Images")
        return found

    @property
    def images(self) -> list[int]:
        """Numbers in the gallery, in its order; none where there is no gallery."""
        galleries = [each for each in self.find("gallery") if self.given(each.key)["label"] == "Images"]
        return [item["id"] for each in galleries for item in self.given(each.key)["items"]]

    def pick(self, *, more: bool = False, grid: str = "confusion_grid", **place: object) -> "Page":
        """Press a button of the matrix: `cell=(true, predicted)`, `row=true` or `column=predicted`."""
        return self.send(grid, "pick", {**place, "more": more})

    def open_image(self, number: int) -> "Page":
        """Press an image in the gallery."""
        return self.send(self.gallery, "pick", number)

    def go(self, step: str) -> "Page":
        """Press a button of the card: `previous`, `next` or `close`."""
        return self.send("image_card", "go", step)

    def send(self, key: str, event: str, value: object) -> "Page":
        """What the script of the component with that key sends, as `setTriggerValue(event, value)` does."""
        states = self.at._tree.get_widget_states()
        sender = _make_trigger_id(self.at.get_by_key(key).proto.id, "events")
        states.widgets.add(id=sender, json_trigger_value=json.dumps({"event": event, "value": value}))
        self.at._run(states)
        return self.whole()

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

    def choose_row(self, *rows: int) -> "Page":
        self.at.session_state[self.at.dataframe[0].key] = {"selection": {"rows": list(rows), "columns": []}}
        return self.run()

    def edit_cell(self, column: str, row: int, value: object) -> "Page":
        """Fill in a cell of the only table that can be edited, beside the cells that were."""
        key = self.at.data_editor[0].key
        state = self.at.session_state.get(key, {})
        edited = {number: dict(cells) for number, cells in state.get("edited_rows", {}).items()}
        edited.setdefault(row, {})[column] = value
        self.at.session_state[key] = {"edited_rows": edited, "added_rows": [], "deleted_rows": []}
        return self.run()

    @property
    def names(self) -> list[str]:
        """Names in the list of runs."""
        return list(self.at.dataframe[0].value["name"]) if self.at.dataframe else []

    @property
    def link(self) -> str | None:
        run = self.at.query_params.get("run")
        return run[0] if isinstance(run, list) else run


class Answered:
    """A question with its answer."""

    share, message, askers = 1.0, "", 1

    def __init__(self, answer: object) -> None:
        self.answer: Future = Future()
        if isinstance(answer, FMExploreError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)

    def wait(self, seconds: float) -> bool:
        return True

    def result(self, seconds: float | None = None) -> object:
        return self.answer.result()


class Desk:
    """In place of the analyst: answers in this process, at once, and knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, name: str, **arguments: object) -> Answered:
        self.asked.append(name)
        try:
            return Answered(ANALYSES[name](NullProgress(), **arguments))
        except FMExploreError as error:
            return Answered(error)


def _forget() -> None:
    for each in (shared.settings, shared.dispatcher):
        each.clear()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """For each new tab AppTest asks every installed package for components, which takes longer than most pages."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session", autouse=True)
def pictured_once() -> Iterator[None]:
    """Each test has a server of its own, which would draw and encode the same pictures again."""
    scenes, sheets = {}, {}

    def scene(image: np.ndarray, draw: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        key = image.tobytes(), repr(draw.bit_generator.state), side
        if key not in scenes:
            scenes[key] = draw_scene(image, draw, side)
        photo, mask = scenes[key]
        return photo.copy(), mask.copy()

    def sheet(images: np.ndarray, columns: int) -> bytes:
        key = hashlib.sha256(images.tobytes()).digest(), images.shape, columns
        if key not in sheets:
            sheets[key] = encode_sheet(images, columns)
        return sheets[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_page, "draw_scene", scene)
        for module in (gallery, map_sheets):
            patch.setattr(module, "encode_sheet", sheet)
        yield


@pytest.fixture
def desk(monkeypatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(shared, "analyst", lambda: made)
    return made


@pytest.fixture
def cold(monkeypatch):
    """Sets whether each run is the first of a server, which does not know its pages yet."""
    start = PagesManager.__init__

    def set_cold(first: bool) -> None:
        def manager(self, *arguments, **options) -> None:
            start(self, *arguments, **options)  # AppTest has just reset what a server remembers
            PagesManager.uses_pages_directory = first

        monkeypatch.setattr(PagesManager, "__init__", manager)

    set_cold(False)
    return set_cold


@pytest.fixture
def app(home, drawn_folder, desk, cold, monkeypatch):
    """Makes pages of one server; nothing is shipped and no worker starts, unless a test says so."""
    monkeypatch.setattr(Dispatcher, "start", lambda self: None)
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [])
    monkeypatch.setattr(ContextProxy, "cookies", {})
    _forget()
    yield Page
    shared.dispatcher().close()
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

    monkeypatch.setattr("fmexplore.ui.train.live.layer_table", table)


@pytest.fixture
def store(home) -> RunStore:
    return RunStore(read_settings())


@pytest.fixture
def labels_of(drawn, tiny):
    """The labels of a run's split."""

    def labels(split: str = "test", config=tiny) -> np.ndarray:
        return drawn.select(split, config.training.split_config).labels

    return labels


def guess(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Logits that are right about two times in three."""
    logits = np.random.default_rng(seed).normal(0, 1, (len(labels), 10)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 2
    return logits


@pytest.fixture
def trained(make_run, labels_of, tiny):
    """Writes a run that has guessed test and validation images, with snapshots after each epoch."""

    def make(name: str = "mine", seed: int = 0, config=tiny, snapshots=(20, 40, 60), **options) -> Run:
        steps = {step: guess(labels_of("validation", config), seed + step) for step in snapshots}
        splits = {split: guess(labels_of(split, config), seed) for split in ("test", "validation")}
        return make_run(name=name, config=config, **{"snapshots": steps, "kept": splits, **options})

    return make


@pytest.fixture
def make_run(store, tiny, labels_of):
    """Writes a run as a worker would have left it, with an epoch of 20 steps for each validation loss.

    `weights` are all zero, `random` or, if empty, not there. `snapshots` are validation logits by their step, and
    `kept` those of the weights by their split.
    """

    def make(
        state: str = "finished",
        losses=(0.6, 0.5, 0.4),
        name: str = "",
        config=tiny,
        weights: str = "zero",
        snapshots: dict[int, np.ndarray] = {},  # noqa: B006 only read
        kept: dict[str, np.ndarray] = {},  # noqa: B006
        **status,
    ) -> Run:
        run = store.create(config)
        steps = 20 * len(losses)
        for epoch, loss in enumerate(losses, 1):
            figures = {"train_loss": 0.7 - 0.1 * epoch, "train_accuracy": 0.7, "validation_loss": loss}
            place = {"step": 20 * epoch, "steps": steps, "epoch": float(epoch), "seconds": float(epoch)}
            confusion = (np.eye(10, dtype=int) * 5 + np.eye(10, k=6, dtype=int)).tolist()
            report = {"kind": "report", **place, **figures, "validation_accuracy": 0.7, "images_per_second": 1000.0}
            run.append_metrics(report)
            run.append_metrics({**report, "kind": "epoch", "validation_accuracy": 0.8, "confusion": confusion})
        if weights == "random":
            drawn = networks.build(config.model).state_dict()
            run.write_weights({key: np.array(value.numpy(), order="C") for key, value in drawn.items()})
        elif weights:
            shapes = tensor_shapes(summarize(config.model))
            run.write_weights({key: np.zeros(shape, np.float32) for key, shape in shapes.items()})
        for step, logits in snapshots.items():
            labels, features = labels_of("validation", config), np.zeros((len(logits), 16), np.float16)
            run.write_snapshot(Snapshot(step, step / 20, "", logits.astype(np.float16), labels, features))
        for split, logits in kept.items():
            Derived(run, store.settings).write_predictions(split, Predictions(logits, labels_of(split, config)))
        result = {"validation_accuracy": 0.8, "test_accuracy": 0.79, "epoch": len(losses), "seconds": len(losses)}
        values = {"state": state, "result": result, "ended": 1e9, **status}
        write_status(run.path, run.status.replace(**values))
        if name:
            store.relabel(run, run.status.owner, name=name)
        return run

    return make


@pytest.fixture
def downloads(monkeypatch) -> dict[str, tuple]:
    """What download buttons would give, and its file's name, by their label: AppTest keeps no files."""
    given = {}

    def button(label, data, file_name, mime, on_click, **options):
        assert on_click == "ignore"  # running again would drop a file made on demand before it is fetched
        given[label] = (data() if callable(data) else data, file_name)

    monkeypatch.setattr(st, "download_button", button)
    return given
