"""Sheets of thumbnails that browsers load by themselves, made once into static/.

Each holds 50 x 50 images, in the order of their ids.
"""

import hashlib
import threading

import numpy as np
import streamlit as st

from fmexplore.errors import StorageError
from fmexplore.settings import PROJECT
from fmexplore.storage import write_bytes
from fmexplore.ui import shared
from fmexplore.ui.components.gallery import encode_sheet

SIDE = 50
FOLDER = PROJECT / "static"


@st.cache_resource(max_entries=1)
def sheet_address() -> str:
    """The address of the sheets without their number, while they are being made; empty where they cannot be kept."""
    data = shared.dataset()
    # Named by the data, so that another data set does not show these.
    name = f"sheet_{hashlib.sha256(data.test.images[:100].tobytes()).hexdigest()[:8]}_"
    try:
        FOLDER.mkdir(exist_ok=True)
        write_bytes(FOLDER / f"{name}check", b"")
    except (OSError, StorageError):
        return ""
    threading.Thread(target=_make, args=(name,), daemon=True, name="sheets").start()
    return f"app/static/{name}"


def _make(name: str) -> None:
    data = shared.dataset()
    ids, size = np.arange(len(data.addresses)), SIDE**2
    first_test, count = data.addresses.train // size, -(-len(ids) // size)
    for number in (*range(first_test, count), *range(first_test)):  # test images are looked at first
        path = FOLDER / f"{name}{number:02d}.png"
        if not path.exists():
            write_bytes(path, encode_sheet(data.images_of(ids[number * size : (number + 1) * size]), SIDE))
