"""The one way to draw curves, so that their numbers have the decimal sign that this browser prefers."""

import re

import streamlit as st

from fmexplore.ui import preferences
from fmexplore.ui.components.decimal_comma import MARK, write_commas


def draw_curves(options: dict, *, key: str, height: int, alt: str) -> None:
    """Draw options of ECharts, `height` pixels high; `alt` is what those hear who do not see them."""
    if preferences.preference("decimal") == "point":
        st.echarts_chart(options, height=height, key=key, alt=alt)
        return
    st.echarts_chart(mark_numbers(options), height=height, key=key, alt=alt, renderer="svg")
    write_commas(f"{key}_commas")


def mark_numbers(options: dict) -> dict:
    """The options, with marks around the numbers of axes and tooltips, and around no name."""

    def marked(name: str, value: object) -> object:
        if isinstance(value, dict):
            if value.get("type") in ("value", "log"):  # an axis of numbers
                value = {**value, "axisLabel": {"formatter": "{value}", **value.get("axisLabel", {})}}
            return {key: marked(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [marked(name, each) for each in value]
        if isinstance(value, str) and name == "formatter":
            return value.replace("{value}", f"{MARK}{{value}}{MARK}")
        if isinstance(value, str) and name == "valueFormatter":
            return re.sub(r"%\.\df", rf"{MARK}\g<0>{MARK}", value)
        return value

    return {name: marked(name, value) for name, value in options.items()}
