"""The other side of an analysis: where it reports how far it is, and by what it is ended. Knows no analysis."""

from typing import Protocol

from fmexplore.runs.run import Arrays


class Task(Protocol):
    """What an analysis sees of whoever asked for it."""

    def report(self, share: float, message: str = "", partial: Arrays | None = None) -> None:
        """Say how far it is, 0 to 1, and show what there is already. Waits while it is paused.

        Raises Cancelled when nobody wants it any more, and with `partial` Stopped, when that is enough.
        """


class NullProgress:
    """A task that nobody follows."""

    def report(self, share: float, message: str = "", partial: Arrays | None = None) -> None:
        pass


class Cancelled(BaseException):
    """Nobody wants the result any more. No Exception, so that nothing on its way up takes it for a failure."""
