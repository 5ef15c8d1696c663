"""Where things are kept and which limits hold, from the environment. A laptop has none; a hosted server has all."""

import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fmexplore.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent
# A wheel has in a folder of the package what lies beside it in a checkout: app, pages and shipped runs.
INSTALLED = (PACKAGE / "app").is_dir()
PROJECT = PACKAGE / "app" if INSTALLED else PACKAGE.parent
SHIPPED = PROJECT / "checkpoints"
CLOUD = Path("/mount/src")  # where Streamlit Community Cloud puts checkouts, on a disk that a restart empties
MAX_ZIP_MB = 30


@dataclass(frozen=True)
class Settings:
    """The limits are None where there is none. `NAMES` gives each field's environment variable."""

    home: Path = PROJECT
    forgets: bool = False  # whether a restart may empty the disk where home lies
    hosted: bool = False
    proxies: int = 0  # in front of the server, each of which adds to X-Forwarded-For
    studies: str = ""  # the address of a PostgreSQL in which several servers keep their studies; else files
    trainings: int = 1  # at the same time
    max_minutes: float | None = None  # per run
    max_trials: float | None = None  # per study
    max_studies: float | None = None  # kept per owner
    max_mflops: float | None = None  # per image, of a network
    max_queued: float | None = None  # per owner
    max_queued_all: float | None = None  # of all owners
    max_runs: float | None = None  # kept per owner
    max_runs_all: float | None = None  # of all owners, with those that can still be brought back
    max_disk_mb: float | None = None  # of all runs
    max_age_days: float | None = None  # of a run without a star
    max_photos_mb: float | None = None  # in memory, of all sessions
    max_cache_mb: float | None = 1000  # of what can be computed again
    max_memory_mb: float | None = None  # of all processes together

    @property
    def runs(self) -> Path:
        """The folder of all own runs."""
        return self.home / "runs"

    @property
    def cache(self) -> Path:
        """The folder of what can be computed or measured again."""
        return self.home / "cache"


NAMES = {
    "proxies": "FMEXPLORE_PROXIES",
    "trainings": "FMEXPLORE_TRAININGS",
    "max_minutes": "FMEXPLORE_MAX_MINUTES",
    "max_trials": "FMEXPLORE_MAX_TRIALS",
    "max_studies": "FMEXPLORE_MAX_STUDIES",
    "max_mflops": "FMEXPLORE_MAX_MFLOPS",
    "max_queued": "FMEXPLORE_MAX_QUEUED",
    "max_queued_all": "FMEXPLORE_MAX_QUEUED_ALL",
    "max_runs": "FMEXPLORE_MAX_RUNS",
    "max_runs_all": "FMEXPLORE_MAX_RUNS_ALL",
    "max_disk_mb": "FMEXPLORE_MAX_DISK_MB",
    "max_age_days": "FMEXPLORE_MAX_AGE_DAYS",
    "max_photos_mb": "FMEXPLORE_MAX_PHOTOS_MB",
    "max_cache_mb": "FMEXPLORE_MAX_CACHE_MB",
    "max_memory_mb": "FMEXPLORE_MAX_MEMORY_MB",
}
HOSTED_LIMITS = {
    **{
        "max_minutes": 10,
        "max_trials": 30,
        "max_studies": 1,
        "max_mflops": 1000,
        "max_queued": 2,
        "max_queued_all": 80,
    },
    **{"max_runs": 12, "max_runs_all": 500, "max_disk_mb": 2000, "max_age_days": 7, "max_photos_mb": 500},
}


def read_settings(environment: dict[str, str] | os._Environ = os.environ) -> Settings:
    """The settings that the environment asks for. Raises ConfigError naming the variable."""
    hosted = environment.get("FMEXPLORE_HOSTED", "") not in ("", "0")
    values: dict = dict(HOSTED_LIMITS) if hosted else {}
    for field, name in NAMES.items():
        if text := environment.get(name):
            try:
                values[field] = float(text)
            except ValueError:
                values[field] = 0
            if not 0 < values[field] < math.inf:
                raise ConfigError(f"{name} is {text!r}: give a number above 0, or leave it out.")
    values["trainings"] = int(values.get("trainings", 1)) or 1
    values["proxies"] = int(values.get("proxies", 0))
    values["studies"] = environment.get("FMEXPLORE_STUDIES", "").strip()
    chosen = environment.get("FMEXPLORE_HOME")
    home = Path(chosen).expanduser().resolve() if chosen else default_home()
    if temporary := not chosen and home != lasting_home():
        _claim(home)
    return Settings(home=home, forgets=temporary or home.is_relative_to(CLOUD), hosted=hosted, **values)


def default_home() -> Path:
    """`lasting_home`; where it cannot be written, one in the temporary folder, the same for all of a user."""
    home = lasting_home()
    there = next(folder for folder in (home, *home.parents) if folder.exists()) if INSTALLED else home
    if os.access(there, os.W_OK):
        return home
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""  # on Windows the temporary folder is the user's own
    return Path(tempfile.gettempdir()).resolve() / f"fmexplore{user}"


def chosen_data_folder() -> Path | None:
    """The folder that FMEXPLORE_DATA names, if it is set."""
    chosen = os.environ.get("FMEXPLORE_DATA")
    return Path(os.path.expanduser(chosen)) if chosen else None


def data_folder() -> Path:
    """Where the data set is put: the folder that was chosen, or data/ in `default_home`."""
    return chosen_data_folder() or default_home() / "data"


def lasting_home() -> Path:
    """The project's folder; where fmexplore is installed, the one that the system has for its user's data."""
    if not INSTALLED:
        return PROJECT
    from platformdirs import user_data_path

    return user_data_path("fmexplore", appauthor=False)


def _claim(folder: Path) -> None:
    """Make it, for this user alone: others may write beside it, and could have made it before."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        safe = not hasattr(os, "getuid") or (folder.lstat().st_uid == os.getuid() and not folder.is_symlink())
    except OSError:
        safe = False
    if not safe:
        places = f"{lasting_home()} cannot be written, nor can {folder}"
        raise ConfigError(f"{places}: set FMEXPLORE_HOME to a folder that can.")


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that works for this one in another folder, where places must not be relative."""
    places = {"FMEXPLORE_HOME": str(settings.home)}
    if folder := chosen_data_folder():
        places["FMEXPLORE_DATA"] = str(folder.resolve())
    return {**os.environ, **places}
