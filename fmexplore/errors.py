"""The errors that a user can do something about. The command line and the pages show their messages unchanged.

Every message names the thing that is wrong, its value, and what to do.

FMExploreError
 ├─ ConfigError         a setting or layer table that cannot be used
 ├─ DataError           a data file that is missing, damaged or not the expected one
 ├─ RunNotFound         no run goes by that name
 ├─ StudyNotFound       no study goes by that name
 ├─ RunBroken           a run folder or zip whose content is damaged
 ├─ NoAnswers           a run whose network gives no numbers, or that kept none
 ├─ NotAllowed          an action on another owner's or a shipped run, or beyond a limit of this server
 ├─ StorageError        the disk is full or cannot be written
 ├─ TrainingDiverged    the loss became NaN or infinite
 ├─ PhotoError          a picture or a folder of photos that cannot be used
 └─ AnalysisFailed      the process that analyses runs ended, or was stopped
"""


class FMExploreError(Exception):
    """Base of every error that a user can do something about; `str(error)` is the whole message."""


class ConfigError(FMExploreError):
    """A setting or layer table that cannot be used."""


class DataError(FMExploreError):
    """A data file that is missing, damaged or not the expected one."""


class RunNotFound(FMExploreError):
    """No run goes by that id, shipped name or prefix."""


class StudyNotFound(FMExploreError):
    """No study goes by that name."""


class RunBroken(FMExploreError):
    """A run folder or a run zip whose content is damaged or does not fit together."""


class NoAnswers(FMExploreError):
    """A run that answers no question: its outputs are infinite or not numbers, or its training kept no weights."""

    run_id = ""

    @classmethod
    def of(cls, title: str, run_id: str) -> "NoAnswers":
        """The error for the run of that title: one sentence for all pages and commands."""
        error = cls(
            f"{title} has no usable answers: its training diverged, so that its outputs are infinite or not numbers. "
            "Choose another run, or train it again with a tenth of its learning rate."
        )
        error.run_id = run_id
        return error


class NotAllowed(FMExploreError):
    """An action on another owner's run or on a shipped run, or beyond a limit of this server."""


class StorageError(FMExploreError):
    """The disk is full or cannot be written."""


class TrainingDiverged(FMExploreError):
    """The loss became NaN or infinite."""


class AnalysisFailed(FMExploreError):
    """The process that analyses runs ended, or was stopped."""


class PhotoError(FMExploreError):
    """A picture, or a folder of photos, that cannot be used."""
