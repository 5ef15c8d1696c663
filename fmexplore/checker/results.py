"""What checking a text finds: sentences that hold or not, and tables of what was recomputed. Knows no rules."""

import re
from dataclasses import dataclass

from fmexplore.errors import ConfigError

TINY = 1e-9  # forgives ties: 0.845 may be printed as 0.84 and as 0.85


@dataclass(frozen=True)
class Finding:
    """One sentence about what was printed, what follows from it, and what can be concluded."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Table:
    """Recomputed values beside the printed ones; the cells of a row are text, empty where nothing can be said."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What one part of a text gave."""

    kind: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Printed:
    """A printed share and the true values that rounding makes of it, both ends included, as fractions."""

    text: str
    low: float
    high: float
    digits: int  # after the point, as a fraction

    @property
    def percent(self) -> str:
        """The figure in percent with the digits that were printed, as in "89 %"."""
        return f"{50 * (self.low + self.high):.{max(self.digits - 2, 0)}f} %"

    def allows(self, low: float, high: float | None = None) -> bool:
        """Whether it can stand for something between `low` and `high`."""
        return self.low - TINY <= (low if high is None else high) and low <= self.high + TINY


def read_share(text: str) -> Printed | None:
    """A printed fraction such as "0.89"; None for "nan"."""
    if not re.fullmatch(r"\d?\.\d{1,12}|[01]", text):
        return None
    return _rounded(text, text, 1.0)


def read_percentage(text: str) -> Printed:
    """A printed percentage such as "89" or "91.7"."""
    return _rounded(text, text, 100.0)


def read_accuracy(value: str | float) -> Printed:
    """A claimed accuracy such as "89", "89 %", "91.68%" or "0.89"; its digits tell how it was rounded.

    Without a percent sign at most 1 is a fraction and more is a percentage. Raises ConfigError outside 0 to 100 %.
    """
    said = value.strip() if isinstance(value, str) else f"{value:.12g}"
    found = re.fullmatch(r"(\d{0,3}(?:[.,]\d{1,12})?)\s*(%|percent|per cent)?", said)
    if found and found[1]:
        number = found[1].replace(",", ".")
        percent = bool(found[2]) or float(number) > 1
        if float(number) <= (100 if percent else 1):
            return _rounded(said, number, 100.0 if percent else 1.0)
    raise ConfigError(
        f"accuracy is {said[:40]!r}: give it as it was printed, a percentage from 0 to 100 or a fraction from 0 to 1."
    )


def percent(low: float, high: float | None = None, digits: int = 1) -> str:
    """As in "87.5 %", or "87.0 to 88.0 %" for a range; bounds that round to one figure are one."""
    first, last = f"{100 * low:.{digits}f}", f"{100 * (low if high is None else high):.{digits}f}"
    return f"{first} %" if first == last else f"{first} to {last} %"


def fraction(low: float, high: float, digits: int) -> str:
    """As in "0.97", or "0.97 to 0.98" for a range of figures rounded to `digits`."""
    first, last = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return first if first == last else f"{first} to {last}"


def _rounded(said: str, number: str, whole: float) -> Printed:
    decimals, value = len(number.partition(".")[2]), float(number)
    half = 0.5 * 10.0**-decimals
    digits = decimals + (2 if whole > 1 else 0)
    return Printed(said, (value - half) / whole, (value + half) / whole, digits)
