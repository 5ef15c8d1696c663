"""Writes small files so that they are never incomplete, and reads them. Knows nothing of their content."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from fmexplore.errors import RunBroken, StorageError

Value = TypeVar("Value")
MOST_KNOWN = 2000
_known: dict[tuple[Path, Callable], tuple[tuple[int, int, int], Any]] = {}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader finds the old content or the new one, never a part.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
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
    """Write values as JSON, atomically. Raises StorageError, as `write_bytes` does."""
    write_bytes(path, json.dumps(values, indent=1).encode())


def read_json(path: Path) -> Any:
    """The values of a JSON file. Raises RunBroken, naming the file, where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunBroken(f"{path} is missing: the run cannot be used; delete it or put the file back.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunBroken(f"{path} cannot be read ({error}): the run cannot be used; delete it.") from None


def read_cached(path: Path, read: Callable[[Path], Value]) -> Value:
    """`read(path)`, from memory as long as the file is the same; the result is shared, so do not change it."""
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


class StorageLock(FileLock):
    """A lock between processes whose folder is made where it is missing. Raises StorageError where it cannot be."""

    def acquire(self, *arguments, **options):
        path = Path(self.lock_file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return super().acquire(*arguments, **options)
        except Timeout:  # an OSError too
            raise
        except OSError as error:
            raise storage_error(path, error) from None


def storage_error(path: Path, error: OSError) -> StorageError:
    """The StorageError for a failed write, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk is full, so {path} was not saved: free some space (delete runs), then resume.")
    return StorageError(f"{path} was not saved ({error.strerror or error}): check the folder's permissions.")
