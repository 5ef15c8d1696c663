"""The commands `tune` and `study`, in this process; the trials are trained by another."""

import json
import os

import pytest

from fmexplore.cli.tuning import _find
from fmexplore.errors import ConfigError
from fmexplore.jobs.queue import JobQueue
from fmexplore.settings import PROJECT, Settings, read_settings
from fmexplore.training.config import TrainConfig
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.space import parse_axes
from tests.kinds import assert_strict
from tests.tuning.conftest import linear, unsynced_databases  # noqa: F401

pytestmark = [pytest.mark.usefixtures("drawn_folder"), pytest.mark.slow]
ADDED = """
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import IdxFile
fashion_mnist.FILES = {files!r}
"""
KEYS = {"trial", "state", "parameters", "validation_accuracy", "run"}


@pytest.fixture
def base(linear, tmp_path, added, monkeypatch):  # noqa: F811
    """The options that every search here has."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(added), str(PROJECT))))
    path = tmp_path / "config.json"
    path.write_text(linear.model_dump_json())
    return ["--config", path, "--epochs", 1, "--batch-size", 64, "--seed", 3, "--set", "optimizer=adamw"]


def test_a_study_is_searched_extended_shown_and_deleted(call, base, store):
    search = ["tune", *base, "--vary", "learning_rate=log:0.001:0.1", "--vary", "batch_size=32,64", "--study", "mine"]
    code, out, error = call(*search, "--trials", 3, "--confirm", 1, "--json")
    assert (code, error) == (0, "")
    *lines, last = map(assert_strict, out.splitlines())
    trials, [confirmation] = lines[:3], lines[3:]
    assert [(line.keys(), line["trial"], line["state"]) for line in trials] == [
        (KEYS, number, "complete") for number in range(3)
    ]
    assert "trial" not in confirmation
    assert confirmation["confirmation"] == 4
    assert confirmation["test_accuracy"] > 0
    best = max(trials, key=lambda line: (line["validation_accuracy"], -line["trial"]))
    assert {name: last[name] for name in ("study", "best_trial", "trials")} == {
        "study": "mine", "best_trial": best["trial"], "trials": 3,
    }  # fmt: skip
    assert last["seconds"] > 0
    for line in trials:
        trained: TrainConfig = store.find(line["run"]).config.training
        assert (trained.epochs, trained.seed, trained.optimizer) == (1, 3, "adamw")
        assert (trained.learning_rate, trained.batch_size) == tuple(line["parameters"].values())
    code, out, _ = call("evaluate", best["run"], "--split", "validation", "--json")
    assert (code, json.loads(out)["accuracy"]) == (0, pytest.approx(best["validation_accuracy"]))

    code, out, error = call("tune", "--study", "mine", "--trials", 2)  # two more
    assert (code, error) == (0, "")
    assert "mine finished after" in out
    assert "Best: " in out
    code, _, error = call(*search, "--vary", "dropout=0,0.1", "--trials", 2)
    assert (code, "The study mine has another space" in error) == (2, True)

    code, out, _ = call("study", "list", "--json")
    [row] = json.loads(out)
    assert (row["study"], row["state"], row["trials"], row["of"]) == ("mine", "finished", 5, 5)
    assert "5 of 5" in call("study", "list")[1]
    code, out, _ = call("study", "show", "mine", "--json")
    shown = assert_strict(out)
    assert shown["trials"][:3] == trials
    assert len(shown["trials"]) == 5
    assert "learning_rate=" in call("study", "show", "mine")[1]
    code, _, error = call("train", "--resume", best["run"])
    assert (code, "study resume mine" in error) == (2, True)
    code, out, _ = call("study", "delete", "mine", answer="n\n")
    assert code == 1
    code, out, _ = call("study", "delete", "mine", "--yes")
    assert (code, "Deleted mine" in out, store.own_runs()) == (0, True, [])
    assert "No studies yet" in call("study", "list")[1]


def test_refused_trials_are_lines_with_their_reason_and_a_grid_ends(call, base):
    code, out, error = call("tune", *base, "--vary", "dense=4,4096", "--set", "validation_share=0.5", "--vary",
                            "convolutions=1", "--searcher", "grid", "--trials", 50, "--json")  # fmt: skip
    assert (code, out) == (2, "")
    assert "the table has none outside of blocks" in error
    code, out, error = call("tune", *base, "--preset", "quick", "--json")
    assert (code, "--vary is missing" in error) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--vary", "learning_rate=0.3:0.1", "--trials", 3), "the low end is above the high one"),
        (("--vary", "learning_rate=log:0:1", "--trials", 3), "begin above 0"),
        (("--vary", "learning_rate=0.1,0.2"), "trials and minutes are missing"),
        (("--vary", "learning_rate=0.1:0.2", "--searcher", "grid"), "a grid needs points"),
        (("--vary", "epochs=1,2", "--trials", 3, "--searcher", "best"), "searcher is 'best'"),
        (("--vary", "epochs=1,2", "--trials", 3, "--prune", "all"), "pruning is 'all'"),
        (("--vary", "epochs=1,2", "--trials", 3, "--study", "Mine!"), "lower-case letters"),
        (("--vary", "epochs=1,2", "--trials", 3, "--set", "validation=test"), "choose 'share'"),
        (("--vary", "epochs=1,2", "--trials", 3, "--set", "epochs=x"), "epochs is 'x'"),
    ],
)
def test_what_cannot_be_searched_is_one_line_and_makes_no_study(call, base, store, options, said):
    code, out, error = call("tune", *base, *options)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert said in error
    assert not list((store.settings.home / "studies").glob("*"))


@pytest.mark.parametrize("command", ["show", "resume", "delete"])
def test_a_study_that_is_not_there_is_said(call, home, command):
    code, _, error = call("study", command, "none")
    assert (code, "There is no study 'none'" in error) == (2, True)


def test_a_damaged_study_is_a_row_and_the_others_are_listed(call, home, linear):  # noqa: F811
    studies = JobQueue(Settings(home=home)).studies
    config = StudyConfig(base=linear, space=parse_axes(["epochs=1,2"]), trials=2)
    for name in ("whole", "damaged"):
        studies.create(name, config.model_dump(mode="json"), state="paused")
    (studies.folder / "damaged" / "study.json").write_text("{}")
    code, out, _ = call("study", "list", "--json")
    rows = {row["study"]: row["state"] for row in json.loads(out)}
    assert (code, rows) == (0, {"whole": "paused", "damaged": "broken"})
    assert "delete it" in call("study", "list")[1]
    assert call("study", "delete", "damaged", "--yes")[0] == 0


def test_why_a_study_cannot_be_joined_is_said_at_the_end_alone(call, home, monkeypatch):
    monkeypatch.setenv("FMEXPLORE_STUDIES", "mysql://x")
    with pytest.raises(ConfigError, match="FMEXPLORE_STUDIES begins with 'mysql'") as raised:
        _find(JobQueue(read_settings()), "none")
    assert raised.value.__context__ is None
