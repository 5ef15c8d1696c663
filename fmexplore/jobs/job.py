"""One piece of work as its worker sees it: folder, settings, status, and the request to end. Knows no task."""

import os
import time
from pathlib import Path

from fmexplore.runs.status import Status, clear_requests, own_process, read_request, read_status, write_status
from fmexplore.settings import Settings

CHECK_SECONDS = 0.1


class Job:
    """The work on one folder; a task reports to it and asks it whether to end.

    Args:
        folder: of the run or the side job, with its status.
        settings: of this process.
        parent: the process id of the server; without one, nobody is watched.
        log: the file that has what this process prints.
    """

    def __init__(self, folder: Path, settings: Settings, parent: int | None = None, log: str = "worker.log") -> None:
        self.folder, self.settings, self.parent = folder, settings, parent
        self.log = log
        self.status = self._write(
            read_status(folder), state="running", started=time.time(), ended=None, error="", **own_process()
        )
        self._checked = 0.0
        self.interrupted = False  # set by a signal

    def update(self, **changes: object) -> None:
        """Change the status. Raises StorageError."""
        self.status = self._write(self.status, **changes)

    def end(self, state: str, **changes: object) -> None:
        """Write the last status. Raises StorageError."""
        clear_requests(self.folder)
        self.update(state=state, ended=time.time(), pid=None, **changes)

    def read_request(self) -> str | None:
        """`STOP`, `PAUSE`, `GONE` when the server is, or None; reads the folder at most ten times a second."""
        if self.interrupted:
            return "GONE"
        if time.monotonic() - self._checked < CHECK_SECONDS:
            return None
        self._checked = time.monotonic()
        # Not PR_SET_PDEATHSIG: it follows the thread that forked, not the process.
        if self.parent is not None and os.getppid() != self.parent:
            return "GONE"
        return read_request(self.folder)

    def _write(self, status: Status, **changes: object) -> Status:
        return write_status(self.folder, status.replace(**changes))
