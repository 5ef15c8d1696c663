"""Sheets of thumbnails that browsers load by themselves, made once.

Each holds 50 x 50 images, in the order of their ids.
"""

import hashlib
import threading
from pathlib import Path

import numpy as np
from streamlit.components import v1 as components

from fmexplore.errors import StorageError
from fmexplore.storage import write_bytes
from fmexplore.ui import shared
from fmexplore.ui.components.gallery import encode_sheet

SIDE = 50


@shared.keep(1)
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
    ids, size = np.arange(len(data.addresses)), SIDE**2
    first_test, count = data.addresses.train // size, -(-len(ids) // size)
    for number in (*range(first_test, count), *range(first_test)):  # test images are looked at first
        path = folder / f"{name}{number:02d}.png"
        if not path.exists():
            try:
                write_bytes(path, encode_sheet(data.images_of(ids[number * size : (number + 1) * size]), SIDE))
            except StorageError:  # the disk is full: the map goes without these pictures
                return
