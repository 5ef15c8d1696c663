"""The state of one piece of work, as a file in its folder, and the requests to stop or pause it.

Written by the queue before a worker starts and after it has ended, and by the worker in between; never by two at once.
"""

import os
import time
from pathlib import Path
from typing import Annotated, Literal

import psutil
from pydantic import Field

from fmexplore.schema import Schema, Share
from fmexplore.storage import read_cached, read_json, write_bytes, write_json
from fmexplore.training.config import Execution

State = Literal["queued", "running", "paused", "stopped", "finished", "failed", "interrupted"]
ACTIVE = ("queued", "running")
RESUMABLE = ("paused", "stopped", "interrupted", "failed")
LOCAL_OWNER = "local"
FILE = "status.json"
# Tasks that also learn from images which are not kept, and the command that brings those.
BROUGHT_BY = {"distill": "distill RUN…", "train-photos": "train-photos FOLDER"}
TEACH_AGAIN = "The photos that it learns from are not kept: bring them to the page Predict and teach a copy again."
STARTING_SECONDS = 60  # within which a new worker writes its pid


Loss = Annotated[float, Field(ge=0, le=1e39)]  # no float32 is larger
Epoch = Annotated[float, Field(ge=0, le=1e6)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Rate = Annotated[float, Field(ge=0, le=1e9)]  # images in a second


class Result(Schema):
    """What a training has reached; accuracies are fractions."""

    validation_accuracy: Share | None = None
    validation_loss: Loss | None = None
    test_accuracy: Share | None = None
    test_loss: Loss | None = None
    epoch: Epoch = 0
    seconds: Seconds = 0
    images_per_second: Rate | None = None
    measured: bool = False  # whether the figures are of the weights that are kept, and not of an earlier evaluation


class Status(Schema):
    """One piece of work: which task, whose, how it stands. Times are seconds since 1970."""

    state: State = "queued"
    task: str = "train"
    arguments: dict = Field(default_factory=dict)
    study: str = ""  # of whose trials it is one; that study's driver alone works on it
    owner: str = LOCAL_OWNER
    address: str = ""  # stands for where the owner came from, as long as the same server runs; empty if unknown
    created: float = Field(default_factory=time.time)
    queued: float = Field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    pid: int | None = None
    process_started: float | None = None  # a pid alone may be used again
    progress: float | None = None  # 0 to 1
    message: str = ""  # what is happening, in words
    error: str = ""
    diverged: bool = False  # it would do so again
    lost: bool = False  # it came without the state that it could go on from
    execution: Execution | None = None
    result: Result = Result()

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE

    @property
    def anew(self) -> bool:
        """Whether it begins with random weights, not with those of a trained network."""
        return self.task == "train"

    @property
    def resumable(self) -> bool:
        """Whether it could go on from its last saved state."""
        return self.state in RESUMABLE and not self.diverged and not self.lost and not self.study

    @property
    def reached(self) -> Result:
        """What its weights reach, for lists: while it trains, by the last evaluation; None where nobody has measured.

        A run that was killed keeps weights that are newer than its last evaluation.
        """
        if self.standing in (*ACTIVE, "finished") or self.result.measured:
            return self.result
        unknown = ("validation_accuracy", "validation_loss", "test_accuracy", "test_loss")
        return self.result.replace(**dict.fromkeys(unknown))

    @property
    def standing(self) -> State:
        """Its state; a run whose process was killed is interrupted, also where nobody has noted it."""
        return "interrupted" if self.state == "running" and not self.alive else self.state

    @property
    def alive(self) -> bool:
        """Whether the process that works on it still runs, or is just starting; one that nobody reaps has ended."""
        if self.pid is None:
            return self.state == "running" and time.time() - (self.started or 0) < STARTING_SECONDS
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - (self.process_started or 0)) < 2
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def read_status(folder: Path) -> Status:
    """The status of the work in `folder`. Raises RunBroken for a missing or damaged file, ConfigError if foreign."""
    return read_cached(folder / FILE, _parse)


def _parse(path: Path) -> Status:
    return Status.parse(read_json(path))


def write_status(folder: Path, status: Status) -> Status:
    """Store and return it. Raises StorageError, RunNotFound where the folder is gone."""
    write_json(folder / FILE, status.model_dump(mode="json"), within=folder)
    return status


def own_process() -> dict:
    """The fields of a Status that say which process works on it."""
    return {"pid": os.getpid(), "process_started": psutil.Process().create_time()}


def request(folder: Path, what: Literal["STOP", "PAUSE"]) -> None:
    """Ask the worker of `folder` to stop or to pause."""
    write_bytes(folder / what, b"", within=folder)


def read_request(folder: Path) -> Literal["STOP", "PAUSE"] | None:
    """What was requested of the worker of `folder`; a stop counts more than a pause."""
    for what in ("STOP", "PAUSE"):
        if (folder / what).exists():
            return what
    return None


def clear_requests(folder: Path) -> None:
    """Remove the requests, once they are carried out or out of date."""
    for what in ("STOP", "PAUSE"):
        (folder / what).unlink(missing_ok=True)
