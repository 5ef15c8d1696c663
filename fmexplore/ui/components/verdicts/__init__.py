"""A table of texts that wraps its words and marks its verdicts; on a phone each row is a small card."""

from collections.abc import Sequence

from fmexplore.ui import formatting
from fmexplore.ui.components import register

_component = register("verdicts", "<div class='verdicts'></div>")
VERDICT = "Verdict"  # the column that is marked


def verdict_table(heads: Sequence[str], rows: Sequence[Sequence[str]], tones: Sequence[str], key: str) -> None:
    """Show rows of texts below `heads`, one of which is `Verdict`; `tones` colour the verdicts."""
    texts = [[formatting.unbroken(text) for text in row] for row in rows]
    data = {"heads": list(heads), "rows": texts, "tones": list(tones)}
    _component(key=key, data={**data, "verdict": list(heads).index(VERDICT)})
