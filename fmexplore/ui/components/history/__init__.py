"""The browser's address and history, so that Back and Forward lead to the pages that were seen."""

import time

import streamlit as st

from fmexplore.ui.components import register

_address = register("history", "<span></span>", script="address")
_back = register("history", "<span></span>", script="back")
_follow_link = register("history", "<span></span>", script="follow_link")


def name_run(page: str, run: str) -> None:
    """Name the run that a page has chosen by itself in the address, where it names none: a link opens the same.

    `page` is the last part of the path. The history gets no step.
    """
    _address(key="address_component", data={"page": page, "run": run}, height=1)


def keep_steps() -> None:
    """Keep Streamlit from changing the history while somebody goes back or forward in it.

    After several steps back at once each answer of the server comes late, and must not add a step.
    """
    _back(key="back_component", height=1)


def follow_link(page: str, parameters: dict[str, str]) -> None:
    """Go to another page now, by a link that the browser follows by itself.

    `st.switch_page` would leave a step between in the history: this page with the other one's parameters.
    """
    with st.container(key="followed_link"):
        st.page_link(page, label="Further", query_params=parameters)
    _follow_link(key="follow_link_component", data=time.time_ns(), height=1)
