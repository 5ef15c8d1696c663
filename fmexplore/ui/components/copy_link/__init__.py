"""The button that copies a link to exactly what is seen: the address, with how it is sorted, coloured and set."""

from collections.abc import Mapping

from fmexplore.ui.components import register

_component = register("copy_link", "<div class='copy'><button type='button'>Copy link</button><output></output></div>")


def copy_link(look: Mapping[str, str]) -> None:
    """Offer the link of this page, with the settings `look` that the address itself does not have."""
    _component(key="copy_link", data=dict(look))
