"""The base of every configuration object: frozen, validated, JSON in and out. Knows no field of any of them."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from fmexplore.errors import ConfigError


class Schema(BaseModel):
    """A frozen configuration object; `parse` reads it from JSON values, `model_dump(mode="json")` writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Any) -> Self:
        """The object that `values` (a dict from JSON, or one of these objects) describes.

        Raises ConfigError naming the field, its value and what would be allowed.
        """
        if isinstance(values, BaseModel):
            values = values.model_dump(mode="json")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(error)) from None

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again. Raises ConfigError."""
        return self.parse({**self.model_dump(mode="json"), **changes})


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = list(first["loc"])
    where = ""
    if path and path[0] == "model":
        path.pop(0)
    if len(path) > 1 and path[0] == "layers" and isinstance(path[1], int):
        where, path = f"Layer {path[1] + 1}, ", path[2:]
    field = ".".join(str(part) for part in path) or "the value"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] == "missing":
        return f"{where}{field} is missing: give it a value."
    if first["type"] == "extra_forbidden":
        return f"{where}{field} is not a setting that exists: remove it or check its spelling."
    return f"{where}{field} is {first['input']!r}: it {reason}."
