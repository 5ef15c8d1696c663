"""The Settings page: what this browser prefers, all keys, and what this program is."""

import streamlit as st

from fmexplore.ui import preferences, widgets
from fmexplore.ui.components.desktop_notice import desktop_notice
from fmexplore.ui.settings.about import about
from fmexplore.ui.settings.keyboard import keyboard

VIEWS = {"browser": "This browser", "keyboard": "Keyboard", "about": "About"}
# What people choose, by preference: its name, and the choices in their words.
NAMES = {"text": "Text size", "decimal": "Decimal sign", "theme": "Theme"}
WORDS = {
    "text": {"normal": "normal", "large": "large, for a projector", "largest": "largest, for a hall"},
    "decimal": {"point": "point: 92.9 %", "comma": "comma: 92,9 %"},
    "theme": {"system": "as the system", "light": "light", "dark": "dark"},
}
HELP = {
    "text": "Texts and what is measured in them. Browsers enlarge everything, pictures too, with Ctrl and +.",
    "decimal": "In texts, tables and figures. What you type, links, downloads, the command line and messages about "
    "what you typed keep the point. With the comma, a narrow space separates the thousands.",
    "theme": "Streamlit reads it only when a page is loaded: the page loads again with your choice.",
}


def settings() -> None:
    view = widgets.choice_in_link("view", tuple(VIEWS)) or next(iter(VIEWS))
    widgets.choose_view(VIEWS, view, "settings_view")
    {"browser": _browser, "keyboard": keyboard, "about": about}[view]()


def _browser() -> None:
    st.subheader("How pages look is kept in this browser, without an account", anchor=False)
    st.caption("Another browser, or a private window, begins with the first choice of each.")
    for name, words in WORDS.items():
        key = f"prefer_{name}"
        st.session_state[key] = preferences.preference(name)
        st.segmented_control(
            NAMES[name],
            list(words),
            format_func=words.__getitem__,
            key=key,
            required=True,
            help=HELP[name],
            on_change=lambda name=name, key=key: preferences.prefer(name, st.session_state[key]),
        )
    desktop_notice("settings_notice")
