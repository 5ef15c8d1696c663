"""A notice of the desktop when a training has ended, for those who wish it: off until it is switched on."""

from fmexplore.ui.components import register

_component = register(
    "desktop_notice",
    "<label><input type='checkbox'> Desktop notice when a training ends</label><output></output>",
)


def desktop_notice(key: str, ended: dict[str, str] | None = None) -> None:
    """The switch, and the notice of what has ended: its `id`, shown once by each browser, and its `text`."""
    _component(key=key, data={"ended": ended})
