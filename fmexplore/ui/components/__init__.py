"""Own components: one folder each, Python beside its script and style sheet."""

from pathlib import Path
from typing import Any

import streamlit as st


def register(folder: str, html: str, *shared: str):
    """Register the component whose `<folder>.js` and `<folder>.css` lie in `folder`; call once, at import.

    `shared` are scripts and style sheets beside the folders that it uses too; they come before its own.
    """
    here = Path(__file__).parent

    def read(suffix: str) -> str:
        files = [*(here / name for name in shared), here / folder / f"{folder}{suffix}"]
        return "".join(file.read_text("utf-8") for file in files if file.suffix == suffix and file.exists())

    return st.components.v2.component(f"fmexplore_{folder}", html=html, css=read(".css") or None, js=read(".js"))


def sent(key: str, name: str) -> Any:
    """What the component `key` has just sent as `name`, for its callback; None where it sent nothing.

    Nor where it was gone before the press arrived: two presses on a busy server, and the first takes it away.
    """
    return (st.session_state.get(key) or {}).get(name)
