"""The file of a run's reports, one JSON object a line, while it grows."""

import os
from pathlib import Path

from fmexplore.errors import ConfigError, RunBroken
from fmexplore.runs.records import read_report


class MetricsReader:
    """Follows a growing metrics file, reading only what is new. Not for two threads at once."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines, self._offset, self._inode = path, [], 0, -1

    def refresh(self) -> list[dict]:
        """All reports so far, each without the figures that are null. Raises RunBroken for a broken line."""
        try:
            with open(self.path, "rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < self._offset:  # rewritten by a resume
                    self.lines, self._offset, self._inode = [], 0, stat.st_ino
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return self.lines
        complete = new[: new.rfind(b"\n") + 1]
        try:
            self.lines += [read_report(line) for line in complete.splitlines()]
        except (ValueError, RecursionError, ConfigError) as error:
            raise RunBroken(f"{self.path} has a broken line ({error}): delete the run.") from None
        self._offset += len(complete)
        return self.lines
