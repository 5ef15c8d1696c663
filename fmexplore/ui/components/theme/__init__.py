"""The viewer's theme: a page is drawn again when it changes, since static charts are drawn for one theme."""

from fmexplore.ui.components import register

_component = register("theme", "<span></span>")


def follow_theme() -> None:
    """Run the page again whenever the viewer changes the theme; Streamlit itself waits for the next press."""
    _component(key="theme_component", height=1, on_changed_change=lambda: None)
