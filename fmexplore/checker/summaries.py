"""A summary of a network as it was printed, and what all its readers share: lines, counts, shapes and totals."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fmexplore.checker.layer_kinds import PrintedLayer, Shape, Style

LONGEST_LINE = 2_000  # a longer one is no row of a summary
LARGEST_COUNT = 15  # digits
MOST_FOREIGN = 3  # lines in a row, after which a table has ended
BRACKETS = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
_PREFIX = re.compile(r"^\s{0,12}(?:[>#*]+(?=\s)|//+)\s?|^\s{0,12}\[?(?:INFO|DEBUG)\]?:?\s")
_COLOURS = re.compile(r"\x1b?\[(?:\d{1,3}(?:;\d{1,3}){0,5})?m")
_TAGS = re.compile(r"</?(?:span|pre|code|b|td|tr|p)\b[^<>]{0,200}>")  # of a notebook's page
_END = re.compile(r"(?:<br\s*/?>|\\n|```)\s*$")
_THOUSANDS = re.compile(r"\d{1,3}(?:[,.'’_ \u00a0\u202f]\d{3})+|\d{1,3}(?:,\d{2})+,\d{3}", re.A)
_TOTAL = re.compile(
    r"^\W{0,8}(?:(?P<what>total\s+non-?trainable|total\s+trainable|non-?trainable|trainable|total|optimizer)\s+"
    r"param(?:eter)?s\s*[:=]\s*(?P<count>\d[\d,.'’_ \u00a0\u202f]{0,24})"
    r"|(?P<first>\d[\d,.]{0,12}\s?[KMBT]?)\s+(?P<after>trainable|non-trainable|total) params\b)",
    re.I | re.A,
)
_SIZE = re.compile(
    r"^\W{0,8}(?P<what>input|forward/backward pass|params|estimated total) size \(MB\)\s*:\s*"
    r"(?P<value>\d[\d,]{0,15}\.\d\d)\s*$",
    re.I | re.A,
)
_ADDS = re.compile(
    r"^\W{0,8}total mult-adds \((?P<unit>(?:units\.)?[KMGT]\w{0,8})\)\s*:\s*(?P<value>\d[\d,]{0,15}(?:\.\d\d)?)\s*$",
    re.I | re.A,
)
_UNITS = {"G": 1_000_000_000, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000}
_TAIL = re.compile(
    r"mult-adds|size \(MB\)|\(MB\):|params size|^\W*$|modules in (?:train|eval) mode|total flops|^model summary:?$"
    r"|optimizer used|loss function",
    re.I,
)


@dataclass(frozen=True)
class Shown:
    """A number that is printed rounded, with the line that it stands in."""

    low: float
    high: float
    line: int
    text: str
    newest: bool = True  # only the newest version prints it so


@dataclass(frozen=True)
class Totals:
    """The totals that are printed below a summary; None for those that are not."""

    total: int | None = None
    trainable: int | None = None
    frozen: int | None = None
    optimizer: int = 0
    rounded: tuple[int, int] | None = None  # least and most, of a total printed as in "7.9 K"
    lines: tuple[int, ...] = ()
    megabytes: dict[str, Shown] = field(default_factory=dict)  # of "input", "forward", "params" and "estimated"
    mult_adds: Shown | None = None


@dataclass(frozen=True)
class Summary:
    """The layers of a network as printed, and the totals below them."""

    style: Style
    form: str  # such as "Keras summary"
    layers: tuple[PrintedLayer, ...]
    totals: Totals = field(default_factory=Totals)
    start: Shape | None = None  # what the network gets, where it is printed
    complete: bool = True  # False: rows are left out
    own: bool = False  # the model can have parameters that are in no row
    assumed: bool = False  # that rows follow each other is only usual, for the name of the model is not printed
    lines: tuple[int, ...] = ()  # of the text that belong to it

    @property
    def words(self) -> bool:
        """Whether it is written in words, where no shapes are printed."""
        return self.form == "network in words"


def plain(line: str) -> str:
    """A line without what quotes, comments, logs and terminals put around it."""
    if "<" in line:
        line = _TAGS.sub("", line[: 4 * LONGEST_LINE])
    return _END.sub("", _PREFIX.sub("", _COLOURS.sub("", line[: LONGEST_LINE + 1]), count=1)).rstrip()


def read_count(text: str) -> int | None:
    """A whole number in any notation of thousands; None for a number that is cut short or none at all.

    >>> read_count("7,850"), read_count("7.850"), read_count("7 850"), read_count("7850"), read_count("102,764,5…")
    (7850, 7850, 7850, 7850, None)
    """
    text = text.strip()
    if re.fullmatch(rf"\d{{1,{LARGEST_COUNT}}}", text, re.A):
        return int(text)
    if len(text) <= 2 * LARGEST_COUNT and _THOUSANDS.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    return None


def read_rounded(text: str) -> tuple[int, int] | None:
    """The least and the most that a number such as "7.9 K" can stand for, rounded or cut off; None where it is none.

    >>> read_rounded("7.9 K"), read_rounded("653 K"), read_rounded("320")
    ((7800, 8000), (652000, 654000), (320, 320))
    """
    found = re.fullmatch(r"(\d[\d,]{0,12})(\.\d{1,3})?\s*([KMBT])?", text.strip(), re.A)
    if not found:
        return None
    whole = int(found[1].replace(",", ""))
    if not found[3]:
        return None if found[2] else (whole, whole)
    unit = _UNITS[found[3]]
    digits = len(found[2] or ".") - 1
    step = unit // 10**digits
    value = whole * unit + int(found[2][1:] or 0) * step if found[2] else whole * unit
    return value - step, value + step


@lru_cache(4_096)
def read_sizes(text: str) -> tuple[int | None, ...] | None:
    """The sizes between brackets, None for each that is not known; None where it is no single list of them.

    >>> read_sizes("(None, 28, 28, 1)"), read_sizes("[-1, 10]"), read_sizes("[(None, 2), (None, 2)]")
    ((None, 28, 28, 1), (None, 10), None)
    """
    found = re.fullmatch(r"\[?\s*[(\[]?([^()\[\]]*)[)\]]?\s*\]?", text.strip())
    if not found or len(text) > 200:
        return None
    inside = found[1]
    if re.search(r",\s", inside):  # thousands can be told from the commas between sizes
        inside = re.sub(r"(?<=\d),(?=\d{3}\b)", "", inside)
    sizes: list[int | None] = []
    for size in (each.strip() for each in inside.rstrip(", ").split(",")):
        if re.fullmatch(r"\d{1,9}", size, re.A):
            sizes.append(int(size))
        elif size in ("None", "-1", "?", ""):
            sizes.append(None)
        else:
            return None
    return tuple(sizes)


class Sums:
    """Collects the totals below a summary, the first of each kind."""

    def __init__(self) -> None:
        self._found: dict[str, int | None] = {}
        self._rounded: tuple[int, int] | None = None
        self._lines: list[int] = []
        self._megabytes: dict[str, Shown] = {}
        self._mult_adds: Shown | None = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: str, place: int) -> bool:
        """Whether the line is one of the totals, or one that stands among them."""
        if found := _TOTAL.match(line[:LONGEST_LINE]):
            what = (found["what"] or found["after"]).lower().replace("nontrainable", "non-trainable")
            count = found["count"] or found["first"]
            what = what.removeprefix("total ").strip() if " " in what else what
            if what not in self._found:
                rounded = read_rounded(count.strip())
                exact = read_count(count.strip(" .,")) if not re.search("[KMBT]", count) else None
                if found["count"] and re.match(r"\s*[KMBT]\b", line[found.end() :]):
                    rounded, exact = read_rounded(f"{count.strip()} {line[found.end() :].strip()[0]}"), None
                self._found[what] = exact
                if what == "total":
                    self._rounded = rounded if exact is None else None
            self._lines.append(place)
            return True
        self._add_size(line[:LONGEST_LINE], place)
        return bool(_TAIL.search(line[:LONGEST_LINE]))

    def _add_size(self, line: str, place: int) -> None:
        if found := _SIZE.match(line):
            value = float(found["value"].replace(",", ""))
            key = found["what"].lower().split("/")[0].split()[0]
            self._megabytes.setdefault(key, Shown(value - 0.005, value + 0.005, place, found["value"]))
        elif found := _ADDS.match(line):
            named = found["unit"].lower().startswith("units.")
            unit = _UNITS[found["unit"].lower().removeprefix("units.")[0].upper()]
            value, half = float(found["value"].replace(",", "")), 0.005
            text = found[0].strip().rpartition(":")[2].strip()
            self._mult_adds = Shown((value - half) * unit, (value + half) * unit, place, text, named)

    def totals(self) -> Totals:
        """What was found."""
        found = self._found
        return Totals(
            found.get("total"),
            found.get("trainable"),
            found.get("non-trainable"),
            found.get("optimizer") or 0,
            self._rounded,
            tuple(self._lines),
            self._megabytes,
            self._mult_adds,
        )


def is_rule(line: str) -> bool:
    """Whether a line only draws: nothing but dashes, corners and the like."""
    return not set(line.strip()) - set("━─═┏┓┡┩├┤└┘┳╇┼┴│┃|+=-_¯:╒╞╘╤╪╧╕╡╛╭╮╰╯┬╌ ")


def lines_of(layers: Iterable[PrintedLayer]) -> tuple[int, ...]:
    """Where the layers stand in the text."""
    return tuple(layer.line for layer in layers)


def is_elided(line: str) -> bool:
    """Whether a line stands for rows that are left out."""
    return line.strip(" |│┃.…:⋮[]()") == "" and bool(re.search(r"\.\.|…|⋮", line))


Lines = Sequence[str]


def shape_in(cell: str) -> Shape | None:
    """The sizes in brackets but for the first, the batch; None where there are none."""
    sizes = read_sizes(cell) if cell.startswith("[") else None
    return sizes[1:] if sizes and 0 not in sizes else None


def batch_in(cell: str) -> int | None:
    """The first size of a shape; 1 where only a -1 stands for it."""
    sizes = read_sizes(cell) if cell.startswith("[") else None
    return None if not sizes else 1 if sizes[0] is None else sizes[0]
