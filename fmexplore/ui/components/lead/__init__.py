"""Another page after a press: a link that the browser follows by itself.

`st.switch_page` would leave a step between in the browser's history: this page with the other one's parameters.
"""

import time

import streamlit as st

from fmexplore.ui.components import register

_component = register("lead", "<span></span>")


def lead(page: str, parameters: dict[str, str]) -> None:
    """Have the browser go to `page` now."""
    with st.container(key="lead"):
        st.page_link(page, label="Further", query_params=parameters)
    _component(key="lead_component", data=time.time_ns(), height=1)
