"""A process that trains one run after another, so that torch is imported once: `python -m fmexplore.tuning.trainer`.

It gets a line of JSON on stdin for each run, and writes lines on stdout: one after each epoch, whereupon it waits to be
told whether to go on, and one when the run has ended. So what is pruned does not depend on how fast anybody is. Its
parent is the driver, whose end it notices as a worker does that of its server: it saves the run and ends.

`Trainer` is the driver's side of it.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fmexplore.jobs.job import Job
from fmexplore.settings import PACKAGE, Settings, child_environment, read_settings

if TYPE_CHECKING:
    from fmexplore.training.progress import Progress

GO, PRUNE = "go", "prune"
CLOSING_SECONDS = 30


class TrialJob(Job):
    """A job that ends as stopped where its trial is pruned."""

    pruned = False

    def read_request(self) -> str | None:
        """As of a job."""
        return "STOP" if self.pruned else super().read_request()


def main() -> None:
    """Train what stdin names until it closes."""
    from fmexplore.machine import lower_priority, prepare_process

    answers, told = sys.stdin, os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints must not get between the lines
    lower_priority()
    prepare_process()
    from fmexplore.jobs.worker import run_job

    for line in answers:
        values = json.loads(line)
        job = TrialJob(Path(values["folder"]), read_settings(), values["parent"])
        run_job(job, listen=_listener(job, answers, told), tests=values["tests"])
        told.write(json.dumps({"ended": job.status.state}) + "\n")


def _listener(job: TrialJob, answers: IO[str], told: IO[str]):
    def listen(progress: Progress) -> None:
        if progress.kind != "epoch" or progress.validation_accuracy is None:
            return
        last = progress.step >= progress.steps
        try:
            told.write(json.dumps({"epoch": progress.epoch, "accuracy": progress.validation_accuracy, "last": last}))
            told.write("\n")
            answer = answers.readline().strip()
        except OSError:
            answer = ""
        job.pruned = answer == PRUNE
        job.interrupted = job.interrupted or not answer  # the driver is gone

    return listen


class Trainer:
    """The driver's side: starts the process with its first run, and again when it was killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings, self.log = settings, log
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()

    @property
    def pid(self) -> int | None:
        """Of the process, None where there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def begin(self, folder: Path, tests: bool) -> None:
        """Train the run in `folder`; `read` tells how it goes."""
        if self.pid is None:
            self._start()
        self._write(json.dumps({"folder": str(folder), "parent": os.getpid(), "tests": tests}))

    def read(self, seconds: float) -> dict[str, Any] | None:
        """The next line; empty where there is none yet, None where the process has ended."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return {}

    def answer(self, prune: bool) -> None:
        """What to do after an epoch."""
        self._write(PRUNE if prune else GO)

    def reap(self) -> int:
        """How the process that has ended did; a negative number is the signal that killed it."""
        assert self._process
        return self._process.wait()

    def close(self) -> None:
        """End the process, which has nothing to do."""
        if self._process is None:
            return
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # it was killed, which `read` tells
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fmexplore.tuning.trainer"],
                cwd=PACKAGE.parent,
                env=child_environment(self.settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the driver, which asks it to save
            )
        self._lines = lines = queue.Queue()

        def follow(stream: IO[str]) -> None:
            for line in stream:
                lines.put(json.loads(line))
            lines.put(None)

        threading.Thread(target=follow, args=(self._process.stdout,), daemon=True).start()


if __name__ == "__main__":
    main()
