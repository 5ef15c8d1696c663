"""Own components: one folder each, Python beside its script and style sheet."""

from pathlib import Path

import streamlit as st


def register(folder: str, html: str):
    """Register the component whose `<folder>.js` and `<folder>.css` lie in `folder`; call once, at import."""
    here = Path(__file__).parent / folder
    css = here / f"{folder}.css"
    return st.components.v2.component(
        f"fmexplore_{folder}",
        html=html,
        css=css.read_text("utf-8") if css.exists() else None,
        js=(here / f"{folder}.js").read_text("utf-8"),
    )
