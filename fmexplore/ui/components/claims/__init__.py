"""Claims as a table that wraps its words: what was printed, what came out here, the verdict and why."""

from collections.abc import Sequence

from fmexplore.ui.components import register

_component = register("claims", "<div class='claims'></div>", "verdict.css")
HEADS = ("Claim", "Printed", "Here", "Verdict", "Why")


def claims_table(rows: Sequence[tuple[str, str, str, str, str]], tones: Sequence[str], key: str) -> None:
    """Show rows of five texts, as HEADS names them; `tones` colour the verdicts."""
    _component(key=key, data={"heads": list(HEADS), "rows": [list(row) for row in rows], "tones": list(tones)})
