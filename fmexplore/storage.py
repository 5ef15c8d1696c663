"""Writes small files so that they are never incomplete, and reads them. Knows nothing of their content."""

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from fmexplore.errors import RunBroken, RunNotFound, StorageError

Value = TypeVar("Value")
MOST_KNOWN = 2000
_known: dict[tuple[Path, Callable], tuple[tuple[int, int, int], Any]] = {}


def write_bytes(path: Path, content: bytes, within: Path | None = None) -> None:
    """Write a file atomically: a reader finds the old content or the new one, never a part.

    `within` is a folder that must be there: what others have deleted is not made again.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        RunNotFound: the folder `within` is gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        if within is None:
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            require_folder(within)
            path.parent.mkdir(exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if within is not None:
            require_folder(within)
        raise storage_error(path, error) from None


def require_folder(path: Path) -> None:
    """Raises RunNotFound where a run's folder was deleted."""
    if not path.is_dir():
        raise RunNotFound(f"{path} was deleted in the meantime: nothing more is saved there.")


def write_json(path: Path, values: Any, within: Path | None = None) -> None:
    """Write values as JSON, atomically. Raises as `write_bytes` does."""
    write_bytes(path, strict_json(values, indent=1).encode(), within)


def strict_json(values: Any, indent: int | None = None) -> str:
    """Values as JSON that every program reads: what is infinite or not a number is null."""
    try:
        return json.dumps(values, indent=indent, allow_nan=False)
    except ValueError:  # rare, so that the others are not looked through
        return json.dumps(_without_nan(values), indent=indent, allow_nan=False)


def _without_nan(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_nan(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


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
