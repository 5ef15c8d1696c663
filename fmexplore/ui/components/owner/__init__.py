"""The random key that makes a browser an owner: kept in a cookie, made by the browser, never in a link."""

from fmexplore.ui.components import register

COOKIE = "fmexplore_owner"
_component = register("owner", "<span></span>")


def make_owner_key() -> str | None:
    """The key that the browser has just made, once it has arrived; it comes as a cookie from then on."""
    return _component(key="owner_component", data={"cookie": COOKIE}, on_owner_change=lambda: None, height=1).owner
