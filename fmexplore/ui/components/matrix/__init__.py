"""A small confusion matrix to read: rows are true classes, columns predicted ones."""

from collections.abc import Sequence

from fmexplore.data import CLASS_NAMES
from fmexplore.ui.components import register

_component = register("matrix", "<div class='strip'></div>")


def matrix(matrices: Sequence[tuple[str, Sequence[Sequence[int]]]], key: str, named: bool = True) -> None:
    """Draw titled matrices side by side, in place: it does not blink when they change. `named` adds class names."""
    _component(
        key=key,
        data={
            "matrices": [
                {"title": title, "counts": [list(map(int, row)) for row in counts]} for title, counts in matrices
            ],
            "names": list(CLASS_NAMES),
            "named": named,
        },
    )
