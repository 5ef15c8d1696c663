"""A button that copies a text, also where a page without https has no clipboard."""

from fmexplore.ui.components import register

_component = register("copy_text", "<div class='copy'><button type='button'></button><output></output></div>")


def copy_text(label: str, text: str, key: str) -> None:
    """Draw a button called `label` that copies `text`."""
    _component(key=key, data={"label": label, "text": text})
