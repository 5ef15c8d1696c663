"""What a printed page begins with, its title and its link, and what makes its charts fit on the paper."""

from fmexplore.ui.components import register

_component = register("paper", "<div class='head'><b></b><span></span></div>")


def paper_head(title: str) -> None:
    """Put `title` and the link above the page when it is printed."""
    _component(key="paper_component", data={"title": title})
