"""The examples in the docstrings of the library run, and the functions that one calls first have one."""

import doctest
import importlib
from pathlib import Path

import pytest

from fmexplore.settings import PROJECT

PACKAGE = PROJECT / "fmexplore"
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


def examples(path: Path) -> list[doctest.DocTest]:
    module = importlib.import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    return [each for each in doctest.DocTestFinder().find(module) if each.examples]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_examples_of_a_module_print_what_they_say(path):
    said: list[str] = []
    for each in examples(path):
        doctest.DocTestRunner(verbose=False).run(each, out=said.append)
    assert not said, "".join(said)


def test_the_functions_that_one_calls_first_have_an_example():
    shown = {each.name.removeprefix("fmexplore.") for path in WITH_EXAMPLES for each in examples(path)}
    first = {
        "models.table.summarize",
        "training.presets.find_preset",
        "evaluation.confusion.confusion_matrix",
        "evaluation.confusion.class_report",
        "evaluation.confusion.accuracy_interval",
        "evaluation.confusion.mcnemar",
        "evaluation.predictions.calibration",
        "evaluation.significance.compare_accuracies",
        "embeddings.neighbours.neighbours",
        "embeddings.projection.project",
        "photos.conversion.convert",
        "checker.text.check_text",
    }
    assert first <= shown
