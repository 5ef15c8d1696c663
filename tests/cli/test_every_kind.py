"""Every command on a run of every kind: it ends as it should, and its JSON is read by strict parsers."""

import ast

import numpy as np
import pytest
import typer
from PIL import Image

from fmexplore.analysis import shipping
from fmexplore.cli import app
from fmexplore.settings import PROJECT
from tests.kinds import KINDS, NO_ANSWERS, NO_NETWORK, assert_no_nan, assert_strict

pytestmark = pytest.mark.usefixtures("drawn_folder")
COMMANDS = typer.main.get_command(app.app).commands
OF_A_NETWORK = {
    "evaluate",
    "predict",
    "embed",
    "photo-bench",
    "distill",
    "ship",
    "train-photos",
    "inside",
    "robustness",
}
# What a command needs beside the run; where it is not its argument, the run is put in for `{run}`.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "predict": ("{photo}", "--run", "{run}"),
    "photo-bench": ("{photos}", "--run", "{run}"),
    "embed": ("{run}", "--method", "pca", "--out", "{folder}/map.npz"),
    "inside": ("{run}", "--image", "3", "--layer", "4", "--out", "{folder}/inside.npz"),
    "delete": ("{run}", "--yes"),
    "ship": ("{run}", "shipped"),
    "check": ("{report}",),
    "reproduce": ("lenet-5", "--list"),
    "train": ("--config", "{config}", "--set", "epochs=0.1"),
    "distill": ("{run}", "--epochs", "0.1", "--times", "1"),
}
LEFT_OUT = {
    "app": "serves until Ctrl-C",
    "train-segmenter": "knows no run; tests/cli/test_photos.py",
    "train-photos": "needs photos of many people; tests/cli/test_photos.py",
}


def arguments_of(name: str) -> tuple[str, ...]:
    """What the command is called with; one that needs more than a run must be in ARGUMENTS."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    needed = [each.metavar or each.name for each in COMMANDS[name].params if each.required]
    assert needed in ([], ["RUN"]), f"{name} needs {needed}: say in ARGUMENTS how it is called"
    return ("{run}",) if needed else ()


def takes_json(name: str) -> bool:
    return any("--json" in each.opts for each in COMMANDS[name].params)


@pytest.fixture
def places(kinds, tmp_path, tiny) -> dict[str, object]:
    """What stands in the arguments."""
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = np.full((60, 40, 3), 235, np.uint8)
    picture[10:50, 10:30] = 40
    for number in range(2):
        Image.fromarray(picture).save(photos / f"{number}.png")
    (photos / "labels.csv").write_text("file,fmnist\n0.png,6\n1.png,ood\n")
    (tmp_path / "report.txt").write_text("Confusion matrix\n9 1\n1 9\naccuracy: 0.9\n")
    (tmp_path / "config.json").write_text(tiny.model_dump_json())
    return {
        "photo": photos / "0.png",
        "photos": photos,
        "folder": tmp_path,
        "report": tmp_path / "report.txt",
        "config": tmp_path / "config.json",
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_command_ends_as_it_should(call, kinds, places, kind, monkeypatch):
    monkeypatch.setattr(shipping, "STANDARD", shipping.STANDARD[:1])  # UMAP compiles for half a minute
    used = 0
    for name in sorted(COMMANDS.keys() - LEFT_OUT.keys(), key=lambda name: (name == "delete", name)):
        template = arguments_of(name)
        about_run = any("{run}" in each for each in template)
        if not about_run and kind != "healthy" and name != "runs":
            continue  # it knows no run
        arguments = [each.format(run=kinds[kind], **places) for each in template]
        code, out, error = call(name, *arguments, *(["--json"] if takes_json(name) else []))
        said = f"{name} on a run that is {kind}: {code}, {out!r}, {error!r}"
        assert code in (0, 1, 2), said
        assert code == 0 or error.count("\n") == 1, said
        assert_no_nan(error)
        if takes_json(name):
            for line in out.splitlines():
                assert_strict(line)
        if name in OF_A_NETWORK and kind in NO_NETWORK:
            assert (code, out) == (2, ""), said
            assert kind not in NO_ANSWERS or "has no usable answers" in error or name == "ship", said
        used += about_run
    assert used > 5


@pytest.mark.parametrize("kind", ["healthy", "stopped", "distilled"])
def test_what_lists_say_is_what_evaluate_says_of_the_kept_weights(call, kinds, kind):
    code, out, _ = call("runs", "--json")
    assert code == 0
    (listed,) = (row for row in assert_strict(out) if row["run"] == kinds[kind])
    code, out, _ = call("evaluate", kinds[kind], "--split", "validation", "--json")
    assert (code, assert_strict(out)["accuracy"]) == (0, pytest.approx(listed["validation_accuracy"]))


def test_lists_say_nothing_of_weights_that_say_nothing(call, kinds):
    _, out, _ = call("runs", "--json")
    rows = {row["run"]: row for row in assert_strict(out)}
    assert {rows[kinds[kind]]["validation_accuracy"] for kind in NO_ANSWERS} == {None}
    assert rows[kinds["broken"]]["state"] == "broken"
    _, out, _ = call("runs")
    assert out.splitlines()[0].split() == ["run", "state", "validation", "name"]


def test_a_training_whose_process_was_killed_is_listed_as_interrupted(call, store, tiny):
    run = store.create(tiny, state="running", pid=2**22 - 3, process_started=1.0)
    _, out, _ = call("runs", "--json")
    (row,) = assert_strict(out)
    assert (row["run"], row["state"]) == (run.id, "interrupted")


def test_commands_print_json_in_one_place_only():
    """`print_json`, which writes no NaN."""
    found = []
    for path in sorted((PROJECT / "fmexplore" / "cli").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        found += [path.name for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "dumps"]
    assert not found
