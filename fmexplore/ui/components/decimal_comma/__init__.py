"""The decimal comma in charts of ECharts, which writes English numbers and takes no function from Streamlit."""

from fmexplore.ui.components import register

MARK = "\N{WORD JOINER}"  # before and after each number that is to be written anew; it is never seen
_component = register("decimal_comma", "<span></span>")


def write_commas(key: str) -> None:
    """Have all marked numbers in charts drawn as SVG written with a comma, before anybody sees them."""
    _component(key=key, data={"mark": MARK}, height=1)
