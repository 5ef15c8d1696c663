"""Own components: one folder each, Python beside its scripts and style sheets."""

import re
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).resolve().parent
# The two imports that scripts and style sheets may use: `import { a, b } from "./file.js";`, `@import "./file.css";`
IMPORT = re.compile(r'^(?:import \{[^}]*\} from|@import) "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default )", re.MULTILINE)


def register(folder: str, html: str, script: str | None = None):
    """Register the component whose `<script>.js` and `<script>.css` lie in `folder`; call once, at import.

    `script` is the folder's name, but where several components share a folder; the component is named after it.
    """
    name = script or folder
    js, css = (HERE / folder / f"{name}{suffix}" for suffix in (".js", ".css"))
    return st.components.v2.component(
        f"fmexplore_{name}", html=html, css=bundle(css) if css.exists() else None, js=bundle(js)
    )


def bundle(file: Path, included: set[Path] | None = None) -> str:
    """The text of a script or style sheet after the files that it imports, each of them once.

    Streamlit serves files only for components of installed packages; of others it takes one text, from which no
    import leads anywhere. The files of a bundle share one scope: no two may declare the same name.
    """
    included = set() if included is None else included
    included.add(file)
    text = file.read_text("utf-8")
    imported = (file.parent.joinpath(name).resolve() for name in IMPORT.findall(text))
    before = [bundle(each, included) for each in imported if each not in included]
    return "".join([*before, EXPORT.sub("", IMPORT.sub("", text))])


def sent(key: str, name: str) -> Any:
    """What the component `key` has just sent as `name`, for its callback; None where it sent nothing.

    Nor where it was gone before the press arrived: two presses on a busy server, and the first takes it away.
    """
    return (st.session_state.get(key) or {}).get(name)
