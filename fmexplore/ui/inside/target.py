"""The choice of what is explained: a class, or a class against another one; both are in the link."""

import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.inside.attributions import Target
from fmexplore.ui import formatting, messages, url, widgets


def target_in_link(label: int, against: int | None = None) -> Target:
    """What the link names; where it names no class, `label`, and where it names none of both, `against` too."""
    chosen, other = widgets.class_in_link("class"), widgets.class_in_link("against")
    if chosen is None and other is None:
        other = against
    named = label if chosen is None else chosen
    if other == named:
        messages.warn([url.left_out("against", str(other), "another class than the one that is explained")])
        other = None
    return Target(named, other)


def choose_target(target: Target, key: str) -> None:
    """Draw both choices."""
    names = [f"{key}_class", f"{key}_against"]
    st.session_state.update(zip(names, (target.label, target.against), strict=True))

    def choose() -> None:
        label, against = (st.session_state[name] for name in names)
        url.go(**{"class": label, "against": None if against == label else against})

    st.selectbox(
        "Class", range(len(CLASS_NAMES)), format_func=CLASS_NAMES.__getitem__, key=names[0], width=150, on_change=choose
    )
    st.selectbox(
        "Against",
        range(len(CLASS_NAMES)),  # always the same ones: with others the browser would send a choice that nobody made
        index=None,
        format_func=CLASS_NAMES.__getitem__,
        key=names[1],
        width=170,
        placeholder="no other class",
        on_change=choose,
        help="With another class it is explained what makes it this class rather than the other one.",
    )


def say_target(target: Target) -> str:
    """As in "the logit of Shirt", or "the margin of Shirt over Coat"."""
    name = formatting.class_name(target.label)
    if target.against is None:
        return f"the logit of {name}"
    return f"the margin of {name} over {formatting.class_name(target.against)}"
