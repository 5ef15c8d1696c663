"""Values as texts: what no line may break apart, and what markdown must not change."""

import pytest

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui import formatting

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
    ],
)
def test_a_name_in_a_message_is_no_markdown_and_code_stays_code(message, shown):
    assert formatting.unlinked(message) == shown
