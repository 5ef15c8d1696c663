"""What lies in a run folder as JSON: what people say of the run, what it was taught, its reports. Knows no folder."""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fmexplore.errors import ConfigError
from fmexplore.runs.status import Epoch, Loss, Rate, Seconds
from fmexplore.schema import Schema, Share

PHOTO_FILE, LESSON_FILE, LABEL_FILE = "photo.json", "lesson.json", "label.json"
HARDENING_FILE = "hardening.json"
MAX_NAME, MAX_NOTE, MAX_TAG, MAX_TAGS = 80, 2000, 24, 12
MOST_STEPS, MOST_IMAGES = 10**12, 10**6


def _check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not tag.strip() or tag != tag.strip() or "," in tag or not tag.isprintable():
            raise ValueError(f"The tag {tag!r} should have letters, no comma and no blank at its ends: change it.")
    once: dict[str, str] = {}
    for tag in tags:
        once.setdefault(tag.casefold(), tag)
    return tuple(once.values())


class Label(Schema):
    """What people say of a run: the only file besides control files that the app writes while a worker runs."""

    name: str = Field("", max_length=MAX_NAME)
    starred: bool = False
    note: str = Field("", max_length=MAX_NOTE)
    tags: Annotated[
        tuple[Annotated[str, Field(max_length=MAX_TAG)], ...], Field(max_length=MAX_TAGS), AfterValidator(_check_tags)
    ] = ()

    def has_tags(self, wanted: Iterable[str]) -> bool:
        """Whether it has all these tags, however they are capitalised."""
        return {tag.casefold() for tag in wanted} <= {tag.casefold() for tag in self.tags}


class Lesson(Schema):
    """What a run was taught from photos, and what it made of them before and after."""

    parent: str = Field(max_length=200)  # the title of the run that it is a copy of
    photos: int = Field(ge=0, le=10**6)
    clothes: int = Field(ge=0, le=10**6)  # those of them that show one of the ten classes
    right_before: int = Field(ge=0, le=10**6)  # of the clothes, as the parent predicts them
    right_after: int = Field(ge=0, le=10**6)
    test_before: Share | None = None  # the parent's accuracy on the test images


class Hardening(Schema):
    """What a run was trained against: the training is that of its parent, with the change among its augmentations."""

    parent: str = Field(max_length=200)  # the id of the run
    change: str = Field(max_length=40)  # a name of `robustness.changes`


Counts = Annotated[list[Annotated[int, Field(ge=0, le=MOST_IMAGES)]], Field(min_length=10, max_length=10)]


class Report(Schema):
    """One line of metrics.jsonl, as `tasks.metrics_line` writes it."""

    kind: Literal["report", "epoch", "snapshot", "end"]
    step: int = Field(ge=0, le=MOST_STEPS)
    steps: int = Field(ge=1, le=MOST_STEPS)
    epoch: Epoch
    seconds: Seconds
    images_per_second: Rate | None = None
    train_loss: Loss | None = None
    train_accuracy: Share | None = None
    validation_loss: Loss | None = None
    validation_accuracy: Share | None = None
    test_loss: Loss | None = None
    test_accuracy: Share | None = None
    confusion: Annotated[list[Counts], Field(min_length=10, max_length=10)] | None = None


def read_report(line: bytes) -> dict:
    """A line of metrics.jsonl, without the figures that are null or impossible, as none has to be there.

    Raises ValueError, RecursionError or ConfigError for a line that is no report.
    """
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("it is no object")
    try:
        return Report.parse(values).model_dump(exclude_none=True)
    except ConfigError:
        return {name: value for name, value in values.items() if value is not None and _is_allowed(name, value)}


def _is_allowed(name: str, value: object) -> bool:
    """Whether a report may have that value; raises ConfigError where it needs another one."""
    least = {"kind": "report", "step": 0, "steps": 1, "epoch": 0, "seconds": 0}
    try:
        Report.parse({**least, name: value})
    except ConfigError:
        if name in least:
            raise
        return False
    return True
