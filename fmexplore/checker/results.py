"""The results of a check, findings and tables, and printed numbers with their rounding. Knows no rules."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from fmexplore.errors import ConfigError

TINY = 1e-9  # forgives ties: 0.845 may be printed as 0.84 and as 0.85
FLOAT32 = 2.5e-7  # forgives, where so many digits are printed that they show it, what float32 loses
SHOWN_DIGITS = 12  # after the point, in messages
LONGEST_NUMBER = 40  # characters


# agrees: something printed was recomputed, and is right. contradicts: what is printed cannot be true, whatever the text
# leaves open. note: neither; what was read, what would follow from something that is not printed, what is missing.
Status = Literal["agrees", "contradicts", "note"]
Verdict = Literal["consistent", "contradiction", "unknown"]


@dataclass(frozen=True)
class Finding:
    """A sentence about what was printed and what follows from it."""

    status: Status
    text: str
    lines: tuple[int, ...] = ()  # of the whole text, from 0, that it is about
    proof: str = ""  # the sum behind it: the numbers, the rule, why no reading makes it true


@dataclass(frozen=True)
class Table:
    """Recomputed values beside the printed ones; cells are text, empty where nothing is known."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """The results of checking one part of a text."""

    kind: str  # such as "layer summary"
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    unchecked: tuple[str, ...] = ()  # sentences about what could not be checked


@dataclass(frozen=True)
class Printed:
    """A printed number with the range of true values that round to it, from 0 to 1, both ends included."""

    text: str
    low: float
    high: float
    digits: int  # after the point, as a fraction; at most SHOWN_DIGITS

    @property
    def percent(self) -> str:
        """The number in percent with as many digits as were printed, such as "89 %"."""
        return f"{50 * (self.low + self.high):.{max(self.digits - 2, 0)}f} %"

    def allows(self, low: float, high: float | None = None) -> bool:
        """Whether a true value between `low` and `high` (or equal to `low`) can round to it."""
        return self.low - TINY <= (low if high is None else high) and low <= self.high + TINY


def read_share(text: str, whole: float = 1.0) -> Printed | None:
    """Read a printed share from 0 to `whole`, such as "0.89", "1e-05" or, of 100, "89 %"; None for all else."""
    number = text.rstrip("% ").replace(",", ".")
    if text.endswith("%"):
        whole = 100.0
    if len(number) > LONGEST_NUMBER or not re.fullmatch(r"(\d+\.?\d*|\.\d+)(e-?\d{1,2})?", number, re.I | re.A):
        return None
    return _rounded(text, number, whole) if float(number) <= whole * (1 + FLOAT32) else None


def read_accuracy(value: str | float) -> Printed:
    """Read a claimed accuracy; its digits tell how it was rounded.

    >>> claim = read_accuracy("89 %")
    >>> claim.low, claim.high, claim.allows(0.8931)
    (0.885, 0.895, True)

    Args:
        value: such as "89", "89 %", "91.68%" or "0.89". Without a percent sign, up to 1 it is a fraction.

    Raises:
        ConfigError: it is no number from 0 to 100 %.
    """
    text = value.strip() if isinstance(value, str) else f"{Decimal(repr(float(value))).normalize():f}"
    found = re.fullmatch(r"(\d{1,3}(?:[.,]\d{0,30})?|[.,]\d{1,30})\s*(%|percent|per cent)?", text, re.A)
    if found:
        number = found[1].replace(",", ".")
        percent = bool(found[2]) or float(number) > 1 + FLOAT32
        if float(number) <= (100 if percent else 1) * (1 + FLOAT32):
            return _rounded(text, number, 100.0 if percent else 1.0)
    raise ConfigError(
        f"accuracy is {text[:40]!r}: give it as it was printed, a percentage from 0 to 100 or a fraction from 0 to 1."
    )


def percent(low: float, high: float | None = None, digits: int = 1) -> str:
    """A share from 0 to 1, or a range of shares, as text: "87.5 %" or "87.0 to 88.0 %"."""
    first, last = f"{100 * low:.{digits}f}", f"{100 * (low if high is None else high):.{digits}f}"
    return f"{first} %" if first == last else f"{first} to {last} %"


def fraction(low: float, high: float, digits: int) -> str:
    """A range of shares as text, rounded to `digits`: "0.97 to 0.98", or "0.97" where both ends round to that."""
    first, last = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return first if first == last else f"{first} to {last}"


def number(value: float) -> str:
    """A count as text, with commas between thousands; sums of weights with their decimals."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def ranges(lines: tuple[int, ...]) -> str:
    """Line numbers from 1, neighbours together: "3-5, 8"."""
    parts: list[list[int]] = []
    for line in sorted(set(lines)):
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return ", ".join(f"{each[0] + 1}-{each[-1] + 1}" if len(each) > 1 else str(each[0] + 1) for each in parts)


def _rounded(text: str, number: str, whole: float) -> Printed:
    decimals, value = max(0, -int(Decimal(number).as_tuple().exponent)), float(number)
    half = 0.5 * 10.0**-decimals
    digits = decimals + (2 if whole > 1 else 0)
    noise = FLOAT32 * value if digits > 6 else 0.0
    return Printed(text, (value - half - noise) / whole, (value + half + noise) / whole, min(digits, SHOWN_DIGITS))
