"""Small files that are never half written: a temporary name, flushed, then renamed. Knows nothing of their content."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fmexplore.errors import RunBroken, StorageError

Value = TypeVar("Value")
MOST_KNOWN = 2000
_known: dict[tuple[Path, Callable], tuple[tuple[int, int, int], Any]] = {}


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


def read_cached(path: Path, read: Callable[[Path], Value]) -> Value:
    """What `read(path)` gives, from memory while the file has not been replaced. For values that nobody changes."""
    try:
        stat = path.stat()
    except OSError:
        return read(path)  # whose error says it better
    version = stat.st_ino, stat.st_mtime_ns, stat.st_size
    known = _known.get((path, read))
    if known is None or known[0] != version:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        known = _known[path, read] = version, read(path)
    return known[1]


def storage_error(path: Path, error: OSError) -> StorageError:
    """The error in words, with the remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk is full, so {path} was not saved: free some space (delete runs), then resume.")
    return StorageError(f"{path} was not saved ({error.strerror or error}): check the folder's permissions.")
