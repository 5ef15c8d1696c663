"""Display options of a page: order, colour and sliders. Only a copied link carries them, not the address itself."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import streamlit as st

from fmexplore.ui import messages, url
from fmexplore.ui.components.copy_link import copy_link

PARAMETER = "look"
ON, OFF = (True, False), (False, True)
# Choices by what links copied from earlier versions call them.
FORMER = {
    "% of the true class": "% of true class",
    "% of what it says": "% of predicted class",
    "hardest first": "lowest recall first",
    "alike side by side": "confused classes together",
    "nearest to the boundary first": "nearest to the decision boundary first",
    "Labels it contradicts": "Likely label errors",
    "Twins in training and test": "Near-duplicates in training and test",
}


@dataclass(frozen=True)
class Span:
    """Numbers from `low` to `high`, of the type of `low`; `first` is the default."""

    low: float
    high: float
    first: float

    def read(self, text: str) -> float:
        """The number. Raises ValueError."""
        value = type(self.low)(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value


def recall(settings: Mapping[str, Collection | Span]) -> None:
    """Apply the values of a copied link to `settings`, by the keys of their widgets; call it before these are drawn.

    Without a valid choice the first one is the default. A link's value is applied once, as people may change it.
    Invalid values are reported.
    """
    firsts: dict[str, object] = st.session_state.setdefault("look_firsts", {})
    read: dict[str, str] = st.session_state.setdefault("look_read", {})
    text = st.query_params.get(PARAMETER, "")
    linked = dict(parse_qsl(text))
    for name, known in settings.items():
        firsts[name] = known.first if isinstance(known, Span) else next(iter(known))
        if name in linked:
            try:
                value = known.read(linked[name]) if isinstance(known, Span) else _find(known, linked[name])
                if read.get(name) != text:
                    st.session_state[name], read[name] = value, text
            except (KeyError, ValueError, OverflowError):
                messages.warn([url.left_out(name, linked[name], "one of its values")])
        if name not in st.session_state or not _fits(st.session_state[name], known):
            st.session_state[name] = firsts[name]


def forget() -> None:
    """Forget which settings the last page has drawn, before the next one is drawn."""
    for name in ("look_firsts", "look_offered"):
        st.session_state.pop(name, None)


def _find(choices: Collection, text: str) -> object:
    return {str(choice): choice for choice in choices}[FORMER.get(text, text)]


def _fits(value: object, known: Collection | Span) -> bool:
    return isinstance(known, Span) or value in known


def offer_link() -> None:
    """The button that copies the link, for the settings that the page has drawn."""
    st.session_state.look_offered = _changed()
    copy_link(st.session_state.look_offered)


def renew_link() -> None:
    """In a fragment that draws settings: have the page drawn anew where the button would copy others."""
    if st.session_state.get("look_offered", offered := _changed()) != offered:
        st.rerun()


def _changed() -> dict[str, str]:
    """The settings that are not at their defaults, as a link says them."""
    firsts: dict[str, object] = st.session_state.get("look_firsts", {})
    now = {name: st.session_state.get(name) for name in firsts}
    return {name: str(value) for name, value in now.items() if value not in (None, firsts[name])}
