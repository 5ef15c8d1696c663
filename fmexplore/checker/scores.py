"""Classification reports and confusion matrices as they were printed. Knows neither text nor rules."""

from dataclasses import dataclass, field
from typing import Literal

from fmexplore.checker.results import Printed

SCORES = ("precision", "recall", "f1")
Axis = Literal["true", "predicted"]


@dataclass(frozen=True)
class ClassRow:
    """The row of a class, or of an average, in a report; a score is None where it was not printed, or as nan."""

    name: str
    scores: dict[str, Printed | None]
    support: float | None = None
    line: int = 0  # of the whole text


@dataclass(frozen=True)
class Report:
    """A classification report as printed."""

    rows: tuple[ClassRow, ...]
    averages: tuple[ClassRow, ...] = ()
    accuracy: ClassRow | None = None  # its share is the score "f1"
    classes: bool = True  # rows are known to be classes; they may else be models, whose scores are averages
    counted: bool = True  # supports are printed as whole numbers, so that they count images
    unread: tuple[int, ...] = ()  # lines among its rows that could not be read: then some rows are missing
    problem: str = ""  # why nothing of it can be checked
    lines: tuple[int, ...] = field(default=())  # all that belong to it


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as printed, with as many columns as rows."""

    rows: tuple[tuple[float, ...], ...]
    names: tuple[str, ...] = ()  # empty where none are printed
    axis: Axis | None = None  # what its rows are; None: the text does not say
    decimals: int | None = None  # of shares; None: the cells are counts
    whole: float = 1.0  # what is the whole of a share: 1, or 100 for percentages
    row_sums: tuple[float, ...] = ()  # printed beside the rows
    column_sums: tuple[float, ...] = ()  # printed below the columns
    total: float | None = None  # printed below the row sums
    sure: bool = True  # the text says that it is a confusion matrix; else it may be any table of numbers
    problem: str = ""  # why nothing of it can be checked
    lines: tuple[int, ...] = field(default=())  # all that belong to it
    row_lines: tuple[int, ...] = field(default=())  # the line of each row

    @property
    def size(self) -> int:
        """How many classes it has."""
        return len(self.rows)

    def turned(self) -> "Matrix":
        """The matrix with rows and columns exchanged."""
        rows = tuple(zip(*self.rows, strict=True))
        return Matrix(rows, self.names, decimals=self.decimals, whole=self.whole, lines=self.lines)


@dataclass(frozen=True)
class Claim:
    """A score that a text or a user states, such as an accuracy."""

    score: str  # accuracy, precision, recall, f1, kappa
    printed: Printed
    line: int | None = None  # None: given by the user
    strict: bool = True  # it is surely about what stands beside it; else it may be about other images
