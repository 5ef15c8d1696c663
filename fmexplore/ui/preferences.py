"""What people prefer in this browser: one cookie holds it, no account. The only place where preferences are kept."""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fmexplore.ui.components.bookmark import keep_bookmark
from fmexplore.ui.components.chosen_theme import choose_theme

COOKIE, DAYS = "fmexplore_preferences", 365
# What can be chosen by its name in the cookie; the first is what holds without a choice. Letters and digits only.
CHOICES: dict[str, tuple[str, ...]] = {
    "text": ("normal", "large", "largest"),
    "decimal": ("point", "comma"),
    "theme": ("system", "light", "dark"),
}
RUN, RUN_ID = "run", "[a-z0-9-]{1,80}"  # the run that was chosen last is kept too
SCALES = {"normal": 1.0, "large": 1.25, "largest": 1.5}  # of letters and all that is measured in them
BASE_PX = 15  # baseFontSize in .streamlit/config.toml


def load() -> None:
    """Take what this browser has kept; call it once for each run of the script, before anything is drawn."""
    if "preferences" not in st.session_state:
        st.session_state.preferences = _parse(st.context.cookies.get(COOKIE, ""))


def save() -> None:
    """Have the browser keep and follow what was chosen; once for each run of the script, after all that chooses."""
    if st.session_state.get("preferences_changed"):
        text = ".".join(f"{name}-{value}" for name, value in st.session_state.preferences.items())
        keep_bookmark(COOKIE, text, DAYS)
    if "theme" in st.session_state.preferences:
        choose_theme(preference("theme"))  # it loads the page again, so after what is to be kept


def preference(name: str) -> str:
    """What was chosen, one of `CHOICES[name]`; the first of them outside a session too."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return CHOICES[name][0]
    return st.session_state.get("preferences", {}).get(name, CHOICES[name][0])


def prefer(name: str, value: str) -> None:
    """Keep a choice, from the next run of the script on also in the browser. For callbacks."""
    if value in CHOICES[name]:
        _keep({**st.session_state.get("preferences", {}), name: value})


def last_run() -> str:
    """The id of the run that was chosen last in this browser, also in an earlier visit; empty where there is none.

    It may have been deleted since, and anybody can write a cookie.
    """
    return st.session_state.get("preferences", {}).get(RUN, "")


def keep_run(run_id: str | None) -> None:
    """Keep which run was chosen last, or that none is."""
    kept = {name: value for name, value in st.session_state.get("preferences", {}).items() if name != RUN}
    _keep({**kept, RUN: run_id} if run_id and re.fullmatch(RUN_ID, run_id) else kept)


def scale() -> float:
    """How many times larger than usual texts are shown."""
    return SCALES[preference("text")]


def style() -> str:
    """The style sheet, in its tag, of what was chosen; empty where nothing was."""
    if scale() == 1:
        return ""
    return f"<style>html {{ font-size: {BASE_PX * scale():g}px !important }}</style>"


def _keep(chosen: dict[str, str]) -> None:
    if chosen != st.session_state.get("preferences", {}):
        st.session_state.preferences = chosen
        st.session_state.preferences_changed = True


def _parse(text: str) -> dict[str, str]:
    """The choices in a cookie, which anybody can write: what cannot be chosen is left out."""
    pairs = (part.partition("-") for part in text.split("."))
    return {
        name: value
        for name, _, value in pairs
        if value in CHOICES.get(name, ()) or (name == RUN and re.fullmatch(RUN_ID, value))
    }
