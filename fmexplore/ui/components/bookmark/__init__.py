"""What a browser keeps in a cookie, so that a new visit can go on there: a place in the tour, what people prefer."""

from fmexplore.ui.components import register

_component = register("bookmark", "<span></span>")


def keep_bookmark(cookie: str, place: str, days: int = 30) -> None:
    """Keep `place`, of letters, digits, dots and hyphens, under the cookie's name; an empty one deletes it."""
    _component(key=f"{cookie}_component", data={"cookie": cookie, "place": place, "days": days}, height=1)
