"""A text in its own lines, each marked by a tone, and with what is said about it for those who point at it."""

from collections.abc import Sequence

from fmexplore.ui.components import register

_component = register("marked_text", "<div class='marked'></div>")


def marked_text(lines: Sequence[str], tones: Sequence[str], told: Sequence[str], key: str, label: str) -> None:
    """Show lines of text; `tones` mark them ("good", "bad" or ""), `told` are shown when one is pointed at."""
    data = {"lines": list(lines), "tones": list(tones), "told": list(told), "label": label}
    _component(key=key, data=data)
