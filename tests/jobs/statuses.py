"""Statuses of runs as tests need them."""

import subprocess
import sys

import psutil

from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status


def change_status(run: Run, **changes) -> None:
    write_status(run.path, run.status.replace(**changes))


def dead_process() -> dict:
    """The fields of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    fields = {"pid": process.pid, "process_started": psutil.Process(process.pid).create_time()}
    process.wait()
    return fields
