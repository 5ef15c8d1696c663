"""Small confusion matrices side by side, without interaction: rows are true classes, columns predicted ones."""

from collections.abc import Sequence

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.components import register

_component = register("matrix", "<div class='strip'></div>")


def matrix(matrices: Sequence[tuple[str, Sequence[Sequence[int]]]], key: str) -> None:
    """Draw titled matrices of counts, in place: they do not blink when they change."""
    _component(
        key=key,
        data={
            "matrices": [
                {"title": title, "counts": [list(map(int, row)) for row in counts]} for title, counts in matrices
            ],
            "names": list(CLASS_NAMES),
        },
    )
