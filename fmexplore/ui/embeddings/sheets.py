"""Sheets of thumbnails that browsers load by themselves, made once; every sheet holds 50 x 50 images."""

import hashlib
import threading
from pathlib import Path

import streamlit as st
from streamlit.components import v1 as components

from fmexplore.errors import StorageError
from fmexplore.storage import write_bytes
from fmexplore.ui import shared
from fmexplore.ui.components.gallery import encode_sheet
from fmexplore.ui.selection.maps import TEST_FIRST

SIDE = 50


@st.cache_resource(max_entries=1)
def sheet_address() -> str:
    """The address of the sheets without their number, while they are being made; empty where they cannot be kept."""
    data = shared.dataset()
    # Named by the data, so that another data set does not show these.
    name = f"sheet_{hashlib.sha256(data.test.images[:100].tobytes()).hexdigest()[:8]}_"
    folder = shared.settings().cache / "sheets"
    try:
        write_bytes(folder / f"{name}check", b"")
    except StorageError:
        return ""
    threading.Thread(target=_make, args=(folder, name), daemon=True, name="sheets").start()
    # Files of a component may lie anywhere, while Streamlit's static files must lie beside the app, which an
    # installation cannot write.
    served = components.declare_component("sheets", path=folder)
    return f"component/{served.name}/{name}"


def _make(folder: Path, name: str) -> None:
    data = shared.dataset()
    first_test = TEST_FIRST // SIDE**2
    for first, images in ((first_test, data.test.images), (0, data.train.images)):
        for number in range(-(-len(images) // SIDE**2)):
            path = folder / f"{name}{first + number:02d}.png"
            if not path.exists():
                write_bytes(path, encode_sheet(images[number * SIDE**2 : (number + 1) * SIDE**2], SIDE))
