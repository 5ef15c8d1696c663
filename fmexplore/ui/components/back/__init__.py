"""Several steps of the browser's Back at once: each answer of the server comes late, and must not add a step."""

from fmexplore.ui.components import register

_component = register("back", "<span></span>")


def keep_steps() -> None:
    """Have Streamlit leave the browser's history alone while somebody walks through it."""
    _component(key="back_component", height=1)
