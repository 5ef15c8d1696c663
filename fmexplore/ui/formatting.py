"""Values as texts: numbers with units, names of runs, tables as CSV, text that markdown must not change."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable

from fmexplore.data.fashion_mnist import PLURALS
from fmexplore.errors import RunBroken
from fmexplore.runs.run import Run
from fmexplore.ui import preferences

WITH_COMMA = str.maketrans({".": ",", ",": "\N{NARROW NO-BREAK SPACE}"})


def plain(text: str) -> str:
    """Text that a person has typed, so that markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|$:~-])", r"\\\1", text)


def unlinked(message: str) -> str:
    """A message whose `code` stays code, while a link or picture in what it quotes stays text."""
    return re.sub(r"([\[\]<>$:])", r"\\\1", message).replace("www.", "www\\.")


def plural(label: int, start: bool = False) -> str:
    """The name of a class for several of it, as within a sentence or at its start: "shirts", "T-shirts"."""
    name = PLURALS[label]
    return name if start or name[1] == "-" else name.lower()


class num:
    """A number in a text, as in f"{num(share):.1f} %": it has the decimal sign that this browser prefers.

    With the comma a narrow space stands between thousands: nobody takes 10,000 for ten.
    """

    def __init__(self, value: float | str) -> None:
        self.value = value  # as text where it is written already

    def __format__(self, spec: str) -> str:
        text = format(self.value, spec)
        return text.translate(WITH_COMMA) if preferences.preference("decimal") == "comma" else text


def percent(value: float | None, digits: int = 1) -> str:
    """A share as text, as in "91.9 %", which no line breaks apart."""
    return "–" if value is None else f"{num(100 * value):.{digits}f}\N{NO-BREAK SPACE}%"


def epochs(count: float) -> str:
    """Of a training, with as many of two decimals as it needs."""
    return f"{num(round(count, 2)):g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{num(seconds / 3600):.1f} h"


def csv_text(header: Iterable[str], rows: Iterable[Iterable]) -> str:
    """A table as CSV with a line for its head."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def tell_apart(runs: Iterable[Run]) -> dict[str, str]:
    """Titles by id, with the end of the id where two are the same: Streamlit takes an option by its text."""
    runs = list(runs)
    counts = Counter(run.title for run in runs)
    return {
        run.id: run.title if run.shipped or counts[run.title] == 1 else f"{run.title} ({run.id[-4:]})" for run in runs
    }


def run_texts(runs: Iterable[Run]) -> dict[str, str]:
    """Name, accuracy and state by id, as the pickers of runs show them; no two are the same."""
    runs = list(runs)
    return {run.id: f"{name} · {_state_text(run)}" for run, name in zip(runs, tell_apart(runs).values(), strict=True)}


def _state_text(run: Run) -> str:
    try:
        accuracy = run.status.result.validation_accuracy
        share = f"{percent(accuracy)} · " if accuracy is not None else ""
        return share + ("shipped" if run.shipped else run.status.state)
    except RunBroken:
        return "broken"
