"""What a search may vary, with a range or a list each, and how values change a run's configuration.

Knows settings and layer tables; no Optuna, no torch and no file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin

import numpy as np
from pydantic import Field, model_validator

from fmexplore.errors import ConfigError
from fmexplore.models.table import summarize
from fmexplore.schema import Schema
from fmexplore.training.config import RunConfig, TrainConfig, change_settings
from fmexplore.tuning.layer_axes import LAYER_AXES

Value = bool | int | float | str
MOST_POINTS = 100
# Settings that a search must not vary, and what to do instead.
FIXED = {
    "seed": "the best of several seeds is luck: confirm the winner with new ones instead",
    "minutes": "what is reached then depends on what else the machine does: vary epochs",
    "validation": "trials are compared on the same images",
    "validation_share": "trials are compared on the same images",
    "snapshots": "they do not change what is learnt",
    "threads": "they do not change what is learnt",
    "device": "it does not change what is learnt",
}


class Range(Schema):
    """Numbers from `low` to `high`, both included; on a grid, so many `points` of them."""

    low: float
    high: float
    log: bool = False  # evenly in the logarithm
    points: int | None = Field(None, ge=2, le=MOST_POINTS)


class Choice(Schema):
    """A list of values to choose among."""

    values: tuple[Value, ...] = Field(min_length=1, max_length=MOST_POINTS)


Axis = Range | Choice


@dataclass(frozen=True)
class Setting:
    """What can be varied: its kind, and for words and switches what there is to choose among."""

    kind: Literal["int", "float", "choice", "bool"]
    choices: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether a range makes sense."""
        return self.kind in ("int", "float")


@cache
def settings() -> dict[str, Setting]:
    """All that can be varied, by the names of `--set` and those of the layer table."""
    found = {name: Setting("int" if axis.kind is int else "float") for name, axis in LAYER_AXES.items()}
    return _settings_of(TrainConfig) | found


def _settings_of(schema: type[Schema], prefix: str = "") -> dict[str, Setting]:
    found = {}
    for name, field in schema.model_fields.items():
        if not prefix and name in FIXED:
            continue
        kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
        if get_origin(field.annotation) is Literal:
            found[prefix + name] = Setting("choice", get_args(field.annotation))
        elif isinstance(kinds[0], type) and issubclass(kinds[0], Schema):
            found |= _settings_of(kinds[0], f"{name}.")
        elif kinds[0] is bool:
            found[prefix + name] = Setting("bool", ("true", "false"))
        else:
            found[prefix + name] = Setting("int" if kinds[0] is int else "float")
    return found


class Space(Schema):
    """The axes of a search by name; `configure` gives the configuration of a trial."""

    axes: dict[str, Axis] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _each_fits_its_setting(self) -> Self:
        for name, axis in self.axes.items():
            if reason := FIXED.get(name):
                raise ValueError(f"{name} cannot be varied: {reason}.")
            if name not in settings():
                raise ValueError(f"{name} cannot be varied, there is no such setting: choose among {_listed()}.")
            _check_range(name, axis) if isinstance(axis, Range) else _check_choice(name, axis)
        return self

    def configure(self, base: RunConfig, values: Mapping[str, Value]) -> RunConfig:
        """The configuration of a trial with these values.

        Raises ConfigError for a value that is not allowed, or a layer table that cannot be built.
        """
        changes = [f"{name}={json.dumps(value)}" for name, value in values.items() if name not in LAYER_AXES]
        model = base.model
        for name, axis in LAYER_AXES.items():  # in their order: repeated convolutions get the new width too
            if name in values:
                model = axis.change(model, values[name])
        summarize(model)
        return base.replace(
            model=model.model_dump(mode="json"),
            training=change_settings(base.training, changes).model_dump(mode="json"),
        )

    def check(self, base: RunConfig) -> None:
        """Raises ConfigError where an end of a range, or a value of a list, is never allowed, or changes nothing.

        What only some values together make impossible is refused as a trial of its own.
        """
        if base.training.validation != "share":
            raise ConfigError(
                f"validation is {base.training.validation!r}, and trials are compared by validation images that are "
                "none of the test set: choose 'share'."
            )
        if base.training.minutes:
            raise ConfigError("minutes is set, and a trial must not depend on what else the machine does: set epochs.")
        for name, axis in self.axes.items():
            ends = _ends(name, axis) if isinstance(axis, Range) else axis.values
            for value in ends:
                if name in LAYER_AXES:
                    layer_axis = LAYER_AXES[name]
                    if not layer_axis.low <= float(value) <= layer_axis.high:
                        limits = f"{layer_axis.low:g} to {layer_axis.high:g}"
                        raise ConfigError(f"{name} has the value {value:g}: it goes from {limits}.")
                    layer_axis.change(base.model, value)
                else:
                    change_settings(base.training, [f"{name}={json.dumps(value)}"])

    def grid(self) -> dict[str, list[Value]]:
        """The values of each axis on a grid. Raises ConfigError for a range that does not say how many points."""
        return {name: _points(name, axis) for name, axis in self.axes.items()}

    def grid_size(self) -> int:
        """How many trials a grid has."""
        return math.prod(len(values) for values in self.grid().values())

    @property
    def names(self) -> str:
        """Its axes in words."""
        return ", ".join(self.axes)


def parse_axes(texts: list[str]) -> Space:
    """The space that `--vary` describes.

    >>> space = parse_axes(["learning_rate=log:0.01:0.3", "filters=16,24,32"])
    >>> space.axes["filters"].values
    (16, 24, 32)

    Args:
        texts: "name=low:high", "name=log:low:high", either with ":points" for a grid, or "name=a,b,c" each.

    Raises:
        ConfigError: an axis that cannot be varied so; the message names it, its value and how to write it.
    """
    axes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not value.strip():
            raise ConfigError(f"--vary is {text!r}: write it as name=low:high, name=log:low:high or name=a,b,c.")
        if name in axes:
            raise ConfigError(f"--vary names {name} twice: give all its values at once.")
        axes[name] = _parse_range(name, value) if ":" in value else {"values": [_read(x) for x in value.split(",")]}
    if not axes:
        raise ConfigError("--vary is missing: name what may vary, for instance --vary learning_rate=log:0.01:0.3.")
    return Space.parse({"axes": axes})


def _parse_range(name: str, text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(":")]
    log = parts[0].lower() == "log"
    numbers = parts[1:] if log else parts
    try:
        low, high, *points = (float(part) for part in numbers)
        if len(points) > 1 or not all(map(math.isfinite, (low, high, *points))):
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"--vary {name} is {text!r}: write a range as low:high or log:low:high, with :points at the end for a grid."
        ) from None
    return {"low": low, "high": high, "log": log} | ({"points": int(points[0])} if points else {})


def _read(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(value, float) and value.is_integer():
        return int(value)  # whole numbers must be some, and equal numbers be written equally
    return value if isinstance(value, bool | int | float) else text.strip()


def _listed() -> str:
    return ", ".join(settings())


def _check_range(name: str, axis: Range) -> None:
    shown, setting = f"{name} is {axis.low:g} to {axis.high:g}", settings()[name]
    if not setting.numeric:
        raise ValueError(f"{shown}, and has no order: list its values, among {', '.join(setting.choices)}.")
    if axis.low > axis.high:
        raise ValueError(f"{shown}, and the low end is above the high one: swap them.")
    if axis.log and axis.low <= 0:
        raise ValueError(f"{shown} in the logarithm, which has none of {axis.low:g}: begin above 0, or leave out log.")
    if setting.kind == "int" and not (axis.low.is_integer() and axis.high.is_integer()):
        raise ValueError(f"{shown}, and takes whole numbers only: round the ends.")


def _check_choice(name: str, axis: Choice) -> None:
    setting = settings()[name]
    if len(set(map(repr, axis.values))) < len(axis.values):
        raise ValueError(f"{name} has a value twice: list each once.")
    for value in axis.values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if setting.numeric and not (number and (setting.kind == "float" or whole)):
            wanted = "numbers" if setting.kind == "float" else "whole numbers"
            raise ValueError(f"{name} has the value {value!r}: it takes {wanted}.")
        if setting.kind == "bool" and not isinstance(value, bool):
            raise ValueError(f"{name} has the value {value!r}: it takes true and false.")
        if setting.kind == "choice" and value not in setting.choices:
            raise ValueError(f"{name} has the value {value!r}: choose among {', '.join(setting.choices)}.")


def _ends(name: str, axis: Range) -> tuple[Value, Value]:
    whole = settings()[name].kind == "int"
    return (int(axis.low), int(axis.high)) if whole else (axis.low, axis.high)


def _points(name: str, axis: Axis) -> list[Value]:
    if isinstance(axis, Choice):
        return list(axis.values)
    if axis.low == axis.high:
        return [_ends(name, axis)[0]]
    if axis.points is None:
        example = f"{'log:' if axis.log else ''}{axis.low:g}:{axis.high:g}:5"
        raise ConfigError(f"{name} is a range, and a grid needs points: write {name}={example} for five, or a list.")
    spaced = np.geomspace if axis.log else np.linspace
    values = spaced(axis.low, axis.high, axis.points).clip(axis.low, axis.high).tolist()
    return list(dict.fromkeys(map(round, values))) if settings()[name].kind == "int" else values
