"""Own components: one folder each, Python beside its script and style sheet."""

from pathlib import Path

import streamlit as st


def register(folder: str, html: str, shared: str = ""):
    """Register the component whose `<folder>.js` and `<folder>.css` lie in `folder`; call once, at import.

    `shared` is a style sheet beside the folders that it uses too.
    """
    here = Path(__file__).parent / folder
    sheets = [here / f"{folder}.css", *([here.parent / shared] if shared else [])]
    css = "".join(sheet.read_text("utf-8") for sheet in sheets if sheet.exists())
    return st.components.v2.component(
        f"fmexplore_{folder}",
        html=html,
        css=css or None,
        js=(here / f"{folder}.js").read_text("utf-8"),
    )
