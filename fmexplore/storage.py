"""Small files that are never half written: a temporary name, flushed, then renamed. Knows nothing of their content."""

import contextlib
import errno
import json
import os
import time
from pathlib import Path
from typing import Any

from fmexplore.errors import RunBroken, StorageError


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`; at any moment the old or the new file is there. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(path, error) from None


def write_json(path: Path, values: Any) -> None:
    """As `write_bytes`, with JSON."""
    write_bytes(path, json.dumps(values, indent=1).encode())


def read_json(path: Path) -> Any:
    """The values of a JSON file. Raises RunBroken naming it when it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunBroken(f"{path} is missing: the run cannot be used; delete it or put the file back.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunBroken(f"{path} cannot be read ({error}): the run cannot be used; delete it.") from None


def storage_error(path: Path, error: OSError) -> StorageError:
    """The error in words, with the remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk is full, so {path} was not saved: free some space (delete runs), then resume.")
    return StorageError(f"{path} was not saved ({error.strerror or error}): check the folder's permissions.")
