"""The theme that somebody has chosen, handed to Streamlit: Python can read a theme and not set one."""

from fmexplore.ui.components import register

_component = register("chosen_theme", "<span></span>")


def choose_theme(theme: str) -> None:
    """Have the page shown in the "light" or "dark" theme, or in that of the "system": it is loaded again if need be."""
    _component(key="chosen_theme_component", data={"theme": theme}, height=1)
