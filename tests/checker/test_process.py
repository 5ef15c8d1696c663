"""The process of a check: it answers as `check_text` does, and neither a slow nor a broken reader gets out of it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmexplore.checker import process
from fmexplore.checker.process import check_apart
from fmexplore.checker.text import MAX_CHARACTERS, check_text
from fmexplore.errors import AnalysisFailed, ConfigError, FMExploreError
from fmexplore.textfiles import decode_text

REPORT = "precision recall f1-score support\na 0.67 1.00 0.80 10\nb 1.00 0.50 0.67 10\naccuracy 0.75 20\n"
PARTS = (
    *(REPORT, "[[14 1]\n [1 14]]\nAccuracy: 0.9333\n", "Predicted a b All\nActual\na 8 2 10\nb 2 8 10\nAll 10 10 20\n"),
    *("  a  b   <-- classified as\n 50 2 | a = cat\n 1 47 | b = dog\n", "TP: 5, FP: 0\nFN: 5, TN: 10\n"),
    "Layer (type)  Output Shape  Param #\nc (Conv2D)  (None, 26, 26, 32)  320\nd (Dense)  (None, 26, 26, 9)  297\n"
    "Total params: 617\n",
    "Layer (type:depth-idx)  Output Shape  Param #\n├─Linear: 1-1  [2, 40]  440\nTotal params: 440\n",
    "Sequential(\n  (0): Conv2d(1, 32, kernel_size=(3, 3), stride=(1, 1))\n  (1): ReLU()\n)\n",
    *(
        "conv 32 3x3 valid relu | maxpool 2 | flatten | dense 10 | total 54,410\n",
        "precision: [0.8, 0.9]\nrecall: [0.9, 0.8]\n",
    ),
    "{'a': {'precision': 0.5, 'recall': 0.5, 'f1-score': 0.5, 'support': 4}, 'accuracy': 0.5}\n",
)
PUT = (
    "",
    "\n",
    "...",
    "…",
    "9" * 40,
    "1.2.3",
    "\\n",
    "│ | & ; ,",
    "%",
    "nan",
    "\x1b[2J",
    "[[",
    "'a': {",
    "None",
    "-1",
    "(",
    "0",
)
drawn = settings(max_examples=150, derandomize=True, deadline=None, database=None)


@st.composite
def mutated(draw) -> str:
    """True texts of which parts are cut, doubled or replaced."""
    text = "".join(draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        text = text[:start] + draw(st.sampled_from((*PUT, text[start:end] * 2))) + text[end:]
    return text


@drawn
@given(mutated())
def test_a_mutated_text_has_a_verdict_or_is_refused(text):
    try:
        assert check_text(text, random.Random(len(text)).choice([None, "0.9"])).verdict
    except FMExploreError:
        assert not text.strip()


@drawn
@given(st.binary(min_size=1, max_size=400))
def test_bytes_have_a_verdict_or_are_refused(content):
    try:
        assert check_text(decode_text(content, "bytes")).verdict
    except FMExploreError as error:
        assert len(str(error)) < 500


def test_it_answers_as_in_this_process_and_says_the_same_of_what_is_no_text():
    assert check_apart(REPORT, "75 %") == check_text(REPORT, "75 %")
    with pytest.raises(ConfigError, match="accuracy is '189'"):
        check_apart(REPORT, "189")
    with pytest.raises(ConfigError, match="at most 1,048,576"):
        check_apart("1" * (MAX_CHARACTERS + 1))


def test_a_reader_without_end_is_stopped_and_a_broken_one_is_told(monkeypatch):
    with pytest.raises(AnalysisFailed, match="longer than 0 seconds to check, and was not checked: give a part"):
        check_apart(REPORT, seconds=0)
    monkeypatch.setattr(process, "ARGUMENTS", ("-c", "raise SystemExit(1)"))
    with pytest.raises(AnalysisFailed, match="gave no answer: give a part of it"):
        check_apart(REPORT)
