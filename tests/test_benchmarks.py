"""The measuring scripts run: each with its smallest settings, those that train on the drawn data set in one process."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import budget
from fmexplore.settings import PROJECT
from tests.conftest import write_files

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
    ):
        assert said in done.stdout, said
    assert done.stdout.count("== throughput True") == 2
    assert "== time_to_accuracy 1.6" in done.stdout
    assert json.loads((tmp_path / "recipes.jsonl").read_text())["network"] == "quick"


def test_what_the_budget_needs_and_was_trained_is_found():
    row = json.loads(budget.OUT.read_text().splitlines()[0])
    assert row["accuracy"] > 0.5
    assert budget.find_stored("quick", "optimizer=sgd", 77) is None


@pytest.mark.real
@pytest.mark.browser
@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("browser", ["--clicks", "1", "--cold"], ["cell pressed to its images", "next image to neighbours and heat"]),
        ("maps", ["--rounds", "1"], ["another map of 10,000 images", "box to its gallery"]),
        ("classroom", ["--pupils", "2", "--seconds", "4"], ["all but the live chart", "met    answers mixed up: 0"]),
    ],
)
def test_what_looks_at_pages_runs_and_prints_its_times(real, script, arguments, said):
    del real
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{script}", *arguments], cwd=PROJECT, capture_output=True, text=True
    )
    assert all(each in done.stdout for each in said), done.stdout + done.stderr[-3000:]
    assert not done.stderr.count("Traceback"), done.stderr[-3000:]
