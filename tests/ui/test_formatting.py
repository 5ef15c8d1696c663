"""Values as texts: units, names of classes, images and moments, and what markdown must not change."""

import numpy as np
import pytest

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import Disagreement
from fmexplore.evaluation.significance import PairedComparison
from fmexplore.runs.status import Result
from fmexplore.textfiles import csv_text
from fmexplore.ui import formatting, preferences, widgets
from fmexplore.ui.formatting import num

SPACE, HYPHEN = "\N{NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("93.06 % right", f"93.06{SPACE}% right"),
        ("91.3 to 92.4 %", f"91.3 to 92.4{SPACE}%"),
        ("in 3 min", f"in 3{SPACE}min"),
        ("by 0.4 points", f"by 0.4{SPACE}points"),
        ("3 minutes, 2 shirts", "3 minutes, 2 shirts"),
        ("T-shirts and T-shirt/top", f"T{HYPHEN}shirts and T{HYPHEN}shirt/top"),
        ("t-SNE", "t-SNE"),
    ],
)
def test_a_number_keeps_its_unit_and_a_t_shirt_its_t(text, whole):
    assert formatting.unbroken(text) == whole


def test_shares_durations_and_classes_are_unbroken_wherever_they_stand():
    texts = [
        *(formatting.percent(0.9306, 2), formatting.percents(0.9, 0.95)),
        *(formatting.duration(seconds) for seconds in (3, 600, 9000)),
        *(each(label) for each in (formatting.plural, formatting.class_name) for label in range(len(CLASS_NAMES))),
    ]
    assert [text for text in texts if formatting.unbroken(text) != text] == []


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("*bold* was restored.", r"\*bold\* was restored."),
        ("_sly_ and my_run", r"\_sly\_ and my_run"),
        ("~~gone~~ was loaded.", r"\~\~gone\~\~ was loaded."),
        ("[a](b) ![c](d) $x$ :red[y]", r"\[a\](b) !\[c\](d) \$x\$ \:red\[y\]"),
        ("# big", r"\# big"),
        ("1. first", r"1\. first"),
        ("say `fmexplore run *x*`, then", "say `fmexplore run *x*`, then"),
        ("one`s name, `code`", r"one\`s name, `code`"),
        ("batch_size is 3.5: choose a whole number", r"batch_size is 3.5\: choose a whole number"),
        ("http://a.b was deleted.", "http\N{WORD JOINER}\\://a.b was deleted."),
        ("www.a.b or c@d.e", "www\N{WORD JOINER}.a.b or c\N{WORD JOINER}@d.e"),
    ],
)
def test_a_name_in_a_message_is_no_markdown_and_code_stays_code(message, shown):
    assert formatting.unlinked(message) == shown


@pytest.mark.parametrize(
    ("name", "within"),
    [("L1", "L1"), ("Learning rate", "learning rate"), ("AdamW learning rate", "AdamW learning rate")],
)
def test_a_name_within_a_sentence_begins_small_unless_it_is_written_so(name, within):
    assert formatting.within(name) == within


@pytest.mark.parametrize(
    ("split", "number", "label", "name"),
    [
        ("test", 7334, 6, "Test image 7,334, a shirt"),
        ("validation", 0, 9, "Validation image 0, an ankle boot"),
        ("train", 59_999, 0, "Training image 59,999, a T-shirt"),
    ],
)
def test_an_image_is_called_by_its_set_number_and_class(split, number, label, name):
    assert formatting.image_name(split, number, label) == name


@pytest.mark.parametrize(("epoch", "text"), [(0.0046, "before training"), (0.005, "epoch 0.01"), (0.79, "epoch 0.79")])
def test_a_moment_that_no_decimal_shows_is_before_the_training(epoch, text):
    assert formatting.moment(round(epoch + 1e-9, 4)) == text


@pytest.mark.parametrize(
    ("test", "validation", "text"),
    [
        (0.9224, 0.929, "92.2 % of the test images and 92.9 % of the validation images are right"),
        (0.9, 0.9, "90.0 % of the test images are right"),  # a run that peeks
        (None, 0.8, "80.0 % of the validation images are right"),
        (None, None, ""),
    ],
)
def test_a_result_names_the_images_of_each_accuracy(test, validation, text):
    found = formatting.result_text(Result(test_accuracy=test, validation_accuracy=validation))
    assert found.replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.fixture
def comma(monkeypatch):
    monkeypatch.setattr(preferences, "preference", lambda name: "comma" if name == "decimal" else "normal")


def test_outside_a_session_numbers_are_written_as_python_writes_them():
    assert f"{num(1234.5):,.2f} {num(7):g} {num(-0.5):+.1f}" == "1,234.50 7 -0.5"
    assert formatting.percent(0.929) == "92.9\N{NO-BREAK SPACE}%"


def test_with_the_comma_nothing_can_be_taken_for_a_decimal_point(comma):
    assert f"{num(1234567.5):,.2f}" == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567,50"
    assert formatting.percent(0.929) == "92,9\N{NO-BREAK SPACE}%"
    assert formatting.duration(9000) == f"2,5{SPACE}h"
    assert formatting.epochs(1.7) == "1,7"
    found = PairedComparison(Disagreement(np.arange(0), np.arange(30), np.arange(0)), 100, 1e-6)
    assert formatting.verdict(found, "lr 0.1", "lr 0.2").endswith("(p < 0,0001): lr 0.2 is better."), "names stay"


@pytest.mark.parametrize(
    ("pattern", "value", "text"),
    [
        ("%.1f %%", 92.94, "92,9 %"),
        ("localized", 157008, "157\N{NARROW NO-BREAK SPACE}008"),
        (None, 0.123456, "0,1235"),
        (None, 3, "3"),
        ("%.1f", float("nan"), ""),
    ],
)
def test_a_number_of_a_table_keeps_the_format_of_its_column(comma, pattern, value, text):
    assert widgets._with_comma(pattern, value) == text


def test_files_keep_the_point(comma):
    text = csv_text(["share"], [[0.5]])
    assert "0.5" in (text if isinstance(text, str) else text.decode("utf-8-sig"))
