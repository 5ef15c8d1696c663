"""The run that a page has chosen by itself, put into the browser's address without a step in its history."""

from fmexplore.ui.components import register

_component = register("address", "<span></span>")


def name_run(page: str, run: str) -> None:
    """Name a run in the address of `page`, the last part of its path, where it names none: a link opens the same."""
    _component(key="address_component", data={"page": page, "run": run}, height=1)
