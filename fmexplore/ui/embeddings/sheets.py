"""Sheets of thumbnails that browsers load by themselves, made once into static/; every sheet holds 50 x 50 images."""

import hashlib
import threading

from fmexplore.errors import StorageError
from fmexplore.settings import PROJECT
from fmexplore.storage import write_bytes
from fmexplore.ui import shared
from fmexplore.ui.components.gallery import encode_sheet
from fmexplore.ui.selection.maps import TEST_FIRST

SIDE = 50
FOLDER = PROJECT / "static"


@shared.keep(1)
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
    first_test = TEST_FIRST // SIDE**2
    for first, images in ((first_test, data.test.images), (0, data.train.images)):
        for number in range(-(-len(images) // SIDE**2)):
            path = FOLDER / f"{name}{first + number:02d}.png"
            if not path.exists():
                write_bytes(path, encode_sheet(images[number * SIDE**2 : (number + 1) * SIDE**2], SIDE))
