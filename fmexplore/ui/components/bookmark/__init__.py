"""The last position in the tour, kept in a cookie of the browser, so that a new visit can go on there."""

from fmexplore.ui.components import register

_component = register("bookmark", "<span></span>")


def keep_bookmark(cookie: str, place: str) -> None:
    """Keep `place`, letters and digits, under the cookie's name for thirty days; an empty one deletes it."""
    _component(key="bookmark_component", data={"cookie": cookie, "place": place}, height=1)
