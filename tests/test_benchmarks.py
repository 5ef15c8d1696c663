"""The measuring scripts run: each with its smallest settings, those that train on the drawn data set in one process."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import browser, budget, classroom, maps, server
from fmexplore.settings import PROJECT
from tests.conftest import know_machine, write_files

pytestmark = pytest.mark.slow
ADDED = """
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
fashion_mnist.FILES = {files!r}
"""
RUN_ALL = """
import importlib, json, sys
from pathlib import Path
for script, *arguments in json.loads(sys.argv[1]):
    module = importlib.import_module(f"benchmarks.{script}")
    sys.argv = [script, *arguments]
    print(f"== {script}", flush=True)
    module.main()

from benchmarks import peers, throughput, time_to_accuracy
folder = Path(sys.argv[-1]).parent
throughput.WARM_UP = peers.WARM_UP = 2  # steps, of the four that an epoch of the drawn data set has
peers.write(folder, 640)
for trained in (throughput.train_ours(folder, "fp32"), peers.train_pytorch(folder)):
    print("== throughput", trained["images_per_second"] > 0)
print("== time_to_accuracy", time_to_accuracy.train_one("quick", 0)["epochs"])
"""
SHORT = (
    ("analyses", "--rounds", "1"),
    ("projections", "--images", "120", "--rounds", "1", "--who", "fmexplore, PCA", "fmexplore, t-SNE"),
    ("same_results", "--epochs", "1", "--seeds", "1", "--who", "plain", "fp32"),
    ("memory", "--preset", "quick"),
    ("inside", "--runs", "quick", "--rounds", "1", "--images", "100"),
    ("robustness", "--images", "40", "--changes", "mirror,noise"),
    ("tuning", "overhead", "--trials", "3", "--rounds", "1"),
)


def test_what_trains_and_computes_runs_on_a_small_data_set_and_prints_its_table(added, drawn_files, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(added), str(PROJECT))),
        "FMEXPLORE_DATA": str(write_files(tmp_path / "data", drawn_files)),
        "FMEXPLORE_HOME": str(tmp_path / "home"),
    }
    scripts = [*SHORT, ("recipes", "", "--network", "quick", "--epochs", "1", "--out", str(tmp_path / "recipes.jsonl"))]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(scripts)],
        cwd=PROJECT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for said in (
        "7 rows of 40 images, with the network",
        "Grad-CAM of two classes:",
        "fmexplore, t-SNE",
        "held-out, mean per epoch",
        "ratio",
        "Captum one by one",
        '"accuracy"',
        "| SQLite | tpe |",
    ):
        assert said in done.stdout, said
    assert done.stdout.count("== throughput True") == 2
    assert "== time_to_accuracy 1.6" in done.stdout
    assert json.loads((tmp_path / "recipes.jsonl").read_text())["network"] == "quick"


def test_what_the_budget_needs_and_was_trained_is_found():
    row = json.loads(budget.OUT.read_text().splitlines()[0])
    assert row["accuracy"] > 0.5
    assert budget.find_stored("quick", "optimizer=sgd", 77) is None


@pytest.fixture
def told(real, monkeypatch, capsys):
    """Runs a script that looks at pages in this process, with servers as given, and gives what it prints."""
    del real

    def run(module, serve, *arguments: str) -> str:
        monkeypatch.setattr(module, "serve", serve)
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        with contextlib.suppress(SystemExit):  # with 1, where a slow machine misses a target
            module.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return printed.out

    return run


@pytest.mark.real
@pytest.mark.browser
def test_what_looks_at_pages_runs_and_prints_its_times(told, tmp_path):
    know_machine(tmp_path)
    with server.serve(str(tmp_path)) as served:

        def same(home: str):
            return contextlib.nullcontext(served)

        out = told(browser, same, "--clicks", "1", "--cold", "--inside", "quick")
        assert "cell pressed to its images" in out
        assert "next image to neighbours and heat" in out
        assert "value pointed at to its sum" in out
        out = told(maps, same, "--rounds", "1")
        assert "another map of 10,000 images" in out
        assert "box to its gallery" in out


@pytest.mark.real
def test_a_class_is_simulated_and_its_answers_are_checked(told):
    def known(home: str, **environment: str):
        know_machine(Path(home))
        return server.serve(home, **environment)

    out = told(classroom, known, "--pupils", "2", "--seconds", "4")
    assert "all but the live chart" in out
    assert "met    answers mixed up: 0" in out
