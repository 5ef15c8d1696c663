"""How a row of the sheet is said within a sentence."""

from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import Row
from fmexplore.ui import formatting
from fmexplore.ui.formatting import num


def phrase(row: Row) -> str:
    """What is done to the images of a row, as in "turned by 30°"."""
    change = CHANGES[row.change]
    return formatting.unbroken(change.phrase.format(f"{num(change.amount(row.severity)):g}"))
