"""Where Optuna keeps a study: a SQLite file in its folder, or the PostgreSQL that several servers share.

Imports Optuna only inside functions, as that takes half a second.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fmexplore.errors import ConfigError, StorageError
from fmexplore.runs.studies import DATABASE, TRIALS
from fmexplore.settings import Settings
from fmexplore.storage import StorageLock, storage_error, write_bytes

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

Value = TypeVar("Value")
PLACE = "place"  # attribute of a trial: the server that works on it
PATIENCE_SECONDS = 120  # for a server that is being restarted
RETRY_SECONDS = 1.0
BUSY_SECONDS = 60  # that SQLite waits for another process; its own 5 are too few on a slow disk
BEAT_SECONDS, STALE_SECONDS = 10, 45  # of a trial on another server, after which it is given to others


def shared_url(settings: Settings) -> str:
    """The address of the database that several servers share, empty where there is none. Raises ConfigError."""
    url = settings.studies
    if not url:
        return ""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if not url.startswith("postgresql+psycopg://"):
        scheme = re.match(r"[\w+]*", url)
        raise ConfigError(
            f"FMEXPLORE_STUDIES begins with {scheme[0] if scheme else ''!r}: write postgresql+psycopg://USER:PASSWORD@"
            "HOST/DATABASE, or leave it out to keep studies in files."
        )
    if find_spec("psycopg") is None:
        raise ConfigError('FMEXPLORE_STUDIES needs psycopg: pip install ".[postgres]" in the folder of fmexplore.')
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # whose words would show the password
        raise ConfigError(
            "FMEXPLORE_STUDIES is no address of a database: write postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, "
            "with %40 for @, %3A for : and %2F for / in a password."
        ) from None
    return url


def is_shared(settings: Settings, folder: Path) -> bool:
    """Whether the study in `folder` is kept in the shared database; one that was begun in a file stays there."""
    return bool(shared_url(settings)) and not (folder / DATABASE).exists()


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file as Optuna wants it: it replaces what stands in braces."""
    return _keep_braces(f"sqlite:///{path}")


def _keep_braces(url: str) -> str:
    return url.replace("{", "{{").replace("}", "}}")


def open_storage(settings: Settings, folder: Path) -> RDBStorage:
    """The database of the study in `folder`, with its tables. Raises StorageError, ConfigError."""
    import optuna

    optuna.logging.set_verbosity(logging.ERROR)  # it would tell of each trial, on stderr
    if not is_shared(settings, folder):
        path, trials = folder / DATABASE, folder / TRIALS
        if not path.exists() and trials.exists() and trials.stat().st_size:
            raise ConfigError(
                f"The trials of {folder.name} are in a shared database, and FMEXPLORE_STUDIES is not set: set it as it "
                "was, or delete the study."
            )
        with storage_errors(path):
            return optuna.storages.RDBStorage(
                sqlite_url(path), engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}}
            )
    url = shared_url(settings)
    with quiet():
        return patiently(
            lambda: optuna.storages.RDBStorage(
                _keep_braces(url),
                engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}},
                heartbeat_interval=BEAT_SECONDS,
                grace_period=STALE_SECONDS,
                heartbeat_stale_trial_callback=retry,
            )
        )


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Let a trial that has failed as its process was killed wait again, with its values, reports and run.

    It is nobody's until a server takes it.
    """
    import optuna

    trial.user_attrs.pop(PLACE, None)
    with quiet():
        optuna.storages.RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)(study, trial)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's warnings that heartbeats are experimental, and meant for its own loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def patiently(do: Callable[[], Value], seconds: float = PATIENCE_SECONDS) -> Value:
    """Do something with a shared database, again and again while it does not answer. Raises StorageError at last."""
    import optuna
    from sqlalchemy.exc import DBAPIError

    until = time.monotonic() + seconds
    while True:
        try:
            return do()
        except (optuna.exceptions.StorageInternalError, DBAPIError) as error:
            if time.monotonic() > until:
                raise StorageError(
                    f"The database of FMEXPLORE_STUDIES does not answer ({_cause(error)}): start it, then resume."
                ) from None
            time.sleep(RETRY_SECONDS)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """What SQLite raises as a StorageError that says what to do: a full disk, a folder that cannot be written."""
    import optuna
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (optuna.exceptions.StorageInternalError, DBAPIError) as error:
        cause = _cause(error)
        full = "full" in cause or "disk I/O" in cause
        raise storage_error(path, OSError(errno.ENOSPC if full else errno.EIO, cause)) from None


def _cause(error: BaseException) -> str:
    """The database's own words, in one line without a password."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "orig", None)) and inner is not error:
        error = inner
    return re.sub(r"://[^@\s]*@", "://", " ".join(str(error).split()))[:200]


def place_of(settings: Settings) -> str:
    """Names this home among those that share a database: drawn once and kept. Raises StorageError."""
    path = settings.home / "studies" / ".place"
    with StorageLock(path.with_name(".place.lock")):
        with contextlib.suppress(FileNotFoundError):
            if text := path.read_text().strip():
                return text
        text = secrets.token_hex(6)
        write_bytes(path, text.encode())
        return text
