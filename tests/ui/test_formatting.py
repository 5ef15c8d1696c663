"""Numbers as texts, with either decimal sign."""

import pytest

from fmexplore.ui import formatting, preferences, widgets
from fmexplore.ui.formatting import num


@pytest.fixture
def comma(monkeypatch):
    monkeypatch.setattr(preferences, "preference", lambda name: "comma" if name == "decimal" else "normal")


def test_outside_a_session_numbers_are_written_as_python_writes_them():
    assert f"{num(1234.5):,.2f} {num(7):g} {num(-0.5):+.1f}" == "1,234.50 7 -0.5"
    assert formatting.percent(0.929) == "92.9\N{NO-BREAK SPACE}%"


def test_with_the_comma_nothing_can_be_taken_for_a_decimal_point(comma):
    assert f"{num(1234567.5):,.2f}" == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567,50"
    assert formatting.percent(0.929) == "92,9\N{NO-BREAK SPACE}%"
    assert formatting.duration(9000) == "2,5 h"
    assert formatting.epochs(1.7) == "1,7"


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
    text = formatting.csv_text(["share"], [[0.5]])
    assert "0.5" in (text if isinstance(text, str) else text.decode("utf-8-sig"))
