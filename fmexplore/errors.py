"""The error tree. Inner code raises precise messages; the command line and the pages show them as they are.

Every message names the thing, the value and what to do now.

FMExploreError
 ├─ ConfigError         a setting or layer table that cannot be used
 ├─ DataError           a data file that is missing, broken or foreign
 ├─ RunNotFound         no run goes by that name
 ├─ RunBroken           a run folder or zip whose content does not hold together
 ├─ NotAllowed          another owner's run, a shipped run, or a limit of this server
 ├─ StorageError        the disk is full or cannot be written
 ├─ TrainingDiverged    the loss became NaN or infinite
 ├─ PhotoError          a picture or a folder of photos that cannot be used
 └─ AnalysisFailed      the process that answers questions about a run ended, or was asked to stop
"""


class FMExploreError(Exception):
    """Base of every error that a user can do something about; `str(error)` is the whole message."""


class ConfigError(FMExploreError):
    """A setting or layer table that cannot be used."""


class DataError(FMExploreError):
    """A data file that is missing, truncated, swapped or foreign."""


class RunNotFound(FMExploreError):
    """No run goes by that id, shipped name or prefix."""


class RunBroken(FMExploreError):
    """A run folder or a run zip whose content is damaged or does not fit together."""


class NotAllowed(FMExploreError):
    """The action belongs to another owner, to a shipped run, or exceeds a limit of this server."""


class StorageError(FMExploreError):
    """The disk is full or cannot be written."""


class TrainingDiverged(FMExploreError):
    """The loss became NaN or infinite."""


class AnalysisFailed(FMExploreError):
    """The process that answers questions about a run ended, or was asked to stop."""


class PhotoError(FMExploreError):
    """A picture, or a folder of photos, that cannot be used."""
