"""Fixtures that several test files share: a small drawn data set, homes of their own, the real data set."""

import gzip
import hashlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis.client import Analyst
from fmexplore.cli import app
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet, IdxFile, Split
from fmexplore.errors import DataError
from fmexplore.jobs.estimates import update_speed
from fmexplore.models.layers import Activation, Conv, Dense, GlobalAvgPool, MaxPool
from fmexplore.models.table import Model
from fmexplore.runs.derived import Derived
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings
from fmexplore.training.config import RunConfig, TrainConfig
from tests.kinds import make_kinds

# numba, once it has run, gives OpenMP as many threads as there are cores, and so torch too: two test processes on two
# cores would then wait for each other, which makes a training several times slower.
if threads := os.environ.get("OMP_NUM_THREADS"):
    os.environ.setdefault("NUMBA_NUM_THREADS", threads)


def draw_split(count: int, seed: int) -> Split:
    """Each class is a bar at its own height, in noise: easy to learn, quick to draw."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % 10
    images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + 2 * label : 5 + 2 * label, 4:24] = 220
    return Split(images, labels)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files of tests need not survive a power failure: nothing in this process waits until they are on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def drawn() -> DataSet:
    """640 training and 160 test images."""
    return DataSet(draw_split(640, 0), draw_split(160, 1))


@pytest.fixture(scope="session")
def drawn_files(drawn) -> dict[str, tuple[IdxFile, bytes]]:
    """The drawn data set as idx files: by name what they hold, and their content with gzip."""
    files = {}
    for part, split in (("train", drawn.train), ("t10k", drawn.test)):
        for kind, values in (("images-idx3", split.images), ("labels-idx1", split.labels)):
            raw = IdxFile(values.shape, "").header + values.tobytes()
            file = IdxFile(values.shape, hashlib.sha256(raw).hexdigest())
            files[f"{part}-{kind}-ubyte"] = file, gzip.compress(raw)
    return files


def write_files(folder: Path, files: dict[str, tuple[IdxFile, bytes]]) -> Path:
    folder.mkdir()
    for name, (_, content) in files.items():
        (folder / f"{name}.gz").write_bytes(content)
    return folder


def know_machine(home: Path) -> None:
    """As if the speed of this machine had been measured, which a server does first, with all cores for ten seconds."""
    update_speed(Settings(home=home), flops_per_second=1e11, step_seconds=0.002, worker_mb=600)


@pytest.fixture
def drawn_folder(drawn_files, tmp_path, monkeypatch):
    """The drawn data set in a folder from which `fashion_mnist.load` takes it, in this process only."""
    folder = write_files(tmp_path / "data", drawn_files)
    monkeypatch.setattr(fashion_mnist, "FILES", {name: file for name, (file, _) in drawn_files.items()})
    monkeypatch.setenv("FMEXPLORE_DATA", str(folder))
    image_analysis.data_set.cache_clear()
    yield folder
    image_analysis.data_set.cache_clear()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty FMEXPLORE_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FMEXPLORE_HOME", str(folder))
    monkeypatch.delenv("FMEXPLORE_HOSTED", raising=False)
    return folder


@pytest.fixture
def store(home, tmp_path) -> RunStore:
    """The runs of an empty home, with a folder of its own for shipped ones."""
    return RunStore(Settings(home=home), tmp_path / "shipped")


@pytest.fixture
def derived(run, store) -> Derived:
    """What is kept of the `run` of the test file."""
    return Derived(run, store.settings)


@pytest.fixture(scope="module")
def added(drawn_files, tmp_path_factory, request) -> Path:
    """To be put on PYTHONPATH: gives a process the drawn data set, and what the test file says in ADDED."""
    folder = tmp_path_factory.mktemp("added")
    files = {name: file for name, (file, _) in drawn_files.items()}
    (folder / "sitecustomize.py").write_text(request.module.ADDED.format(files=files))
    return folder


@pytest.fixture(scope="module")
def module_analyst(added, drawn_files, tmp_path_factory) -> Iterator[Analyst]:
    home = tmp_path_factory.mktemp("analyst")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(added), str(fashion_mnist.PROJECT))))
        patch.setenv("FMEXPLORE_DATA", str(write_files(home / "data", drawn_files)))
        patch.setenv("FMEXPLORE_HOME", str(home))
        patch.delenv("FMEXPLORE_HOSTED", raising=False)
        made = Analyst(Settings(home=home))
        made._start()
    yield made
    made.close()


@pytest.fixture
def analyst(module_analyst) -> Iterator[Analyst]:
    """With a process that all tests of a file share, as its start takes seconds; what a test left open is cancelled."""
    yield module_analyst
    left = list(module_analyst._open.values())
    for asker in module_analyst.askers():
        module_analyst.forget(asker)
    assert all(question.wait(90) for question in left)


@pytest.fixture
def call(store, capsys, monkeypatch):
    """Runs one command in this process, on the runs of `store`, and gives exit code, stdout and stderr."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS"):  # a command sets them for good
        monkeypatch.setenv(name, os.environ.get(name, "2"))
    monkeypatch.setattr(RunStore.__init__, "__defaults__", (store.shipped,))  # wherever a command makes its own
    before = signal.getsignal(signal.SIGINT)

    def run(*arguments: object, answer: str | bytes = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fmexplore", *map(str, arguments)])
        content = answer.encode() if isinstance(answer, str) else answer
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code), *capsys.readouterr()

    yield run
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def tiny() -> RunConfig:
    """A two-layer CNN that is trained on the drawn data set in a second, to well above chance."""
    return tiny_config()


def tiny_config() -> RunConfig:
    """See `tiny`."""
    layers = (Conv(filters=8), Activation(), MaxPool(size=4), Conv(filters=16), GlobalAvgPool(), Dense(units=10))
    training = TrainConfig(epochs=2, batch_size=32, learning_rate=0.01, precision="fp32", threads=1)
    return RunConfig(preset="tiny", model=Model(layers=layers), training=training)


@pytest.fixture(scope="session")
def real() -> DataSet:
    """Fashion-MNIST itself; with CI set its absence is a failure, elsewhere a skip."""
    try:
        return fashion_mnist.load()
    except DataError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error}")


@pytest.fixture(scope="session")
def kinds_home(tmp_path_factory, drawn) -> tuple[Path, dict[str, str]]:
    """A home with a run of every kind, and the id of each by its kind: to be copied, not changed."""
    home = tmp_path_factory.mktemp("kinds")
    made = make_kinds(RunStore(Settings(home=home)), tiny_config(), drawn)
    return home, {kind: run.id for kind, run in made.items()}


@pytest.fixture
def kinds(kinds_home, home) -> dict[str, str]:
    """The ids of a run of every kind, by kind; all of them are in the home of this test."""
    shutil.copytree(kinds_home[0], home, dirs_exist_ok=True)
    return kinds_home[1]
