"""The command `robustness`."""

import json

import numpy as np
import pytest

from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.models import networks
from fmexplore.robustness.changes import CHANGES
from tests.kinds import assert_strict

pytestmark = pytest.mark.usefixtures("drawn_folder")


@pytest.fixture
def run(store, tiny):
    made = store.create(tiny, state="finished", name="mine")
    weights = networks.build(tiny.model, 3).state_dict()
    made.write_weights({name: np.ascontiguousarray(value.numpy()) for name, value in weights.items()})
    return made


def test_a_line_for_each_change_and_severity_and_nothing_else(call, run):
    code, out, error = call("robustness", run.id, "--json")
    lines = [assert_strict(line) for line in out.splitlines()]
    assert (code, error) == (0, "")
    expected = [(name, at, amount) for name, each in CHANGES.items() for at, amount in enumerate(each.amounts, 1)]
    assert [(line["change"], line["severity"], line["amount"]) for line in lines] == expected
    for line in lines:
        assert line.keys() == {"change", "severity", "amount", "accuracy", "interval", "images"}
        assert line["images"] == 160
        right = round(line["accuracy"] * 160)
        assert line["interval"] == pytest.approx(accuracy_interval(right, 160))


def test_some_changes_of_some_images_in_the_order_of_all(call, run):
    code, out, _ = call("robustness", run.id, "--changes", "mirror, shift", "--images", "20", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["change"] for line in lines] == ["shift"] * 5 + ["mirror"]
    assert {line["images"] for line in lines} == {20}
    _, whole, _ = call("robustness", run.id, "--changes", "mirror", "--json")
    assert json.loads(whole)["images"] == 160, "what was kept of a few is gone on with"
    _, few, _ = call("robustness", run.id, "--changes", "mirror", "--images", "20", "--json")
    assert json.loads(few) == lines[-1]


def test_validation_images_are_asked_for_by_name(call, run):
    code, out, _ = call("robustness", run.id, "--changes", "mirror", "--split", "validation", "--json")
    assert (code, json.loads(out)["images"]) == (0, 64)


def test_without_json_it_is_a_table_with_the_amounts(call, run):
    code, out, _ = call("robustness", run.id, "--changes", "rotation,mirror")
    head, columns, rotation, mirror = out.splitlines()
    assert code == 0
    assert head.startswith("mine: ")
    assert "of 160 test images (95 %:" in head
    assert columns.split() == ["severity", "1", "2", "3", "4", "5", "mean", "amount"]
    assert (rotation.split()[0], rotation.count("%"), rotation.endswith("5, 10, 20, 30, 45 °")) == ("rotation", 6, True)
    assert mirror.count("%") == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--split", "train"), "--split is 'train': choose test or validation."),
        (("--changes", "fog"), "--changes names 'fog': choose among gain, offset"),
        (("--changes", "gain,"), "--changes names ''"),
        (("--images", "0"), "--images is 0: choose 1 to 160"),
        (("--images", "161"), "--images is 161: choose 1 to 160"),
    ],
)
def test_what_cannot_be_is_named_with_what_can(call, run, options, said):
    code, out, error = call("robustness", run.id, *options, "--json")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert said in error


def test_a_run_without_validation_images_says_so(call, store, tiny, run):
    bare = store.create(tiny.replace(training=tiny.training.replace(validation="none")), state="finished")
    bare.write_weights(run.read_weights())
    code, _, error = call("robustness", bare.id, "--split", "validation")
    assert (code, "without validation images: take test" in error) == (2, True)
