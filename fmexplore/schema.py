"""The base class of all configuration objects: frozen, validated, to and from JSON.

Of the fields of its subclasses it knows only how layers are nested, so that a message can number them.
"""

import re
import reprlib
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fmexplore.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]  # of a whole: 0.25 is a quarter


class Schema(BaseModel):
    """A frozen configuration object; `parse` makes one from JSON values, `model_dump(mode="json")` gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Validate values.

        Args:
            values: a dict as JSON gives it, or a configuration object.

        Raises:
            ConfigError: a value is not allowed; the message names the field, its value and what would be allowed.
        """
        if isinstance(values, BaseModel):
            values = values.model_dump(mode="json")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(error)) from None

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed. Raises ConfigError, as `parse` does."""
        return self.parse({**self.model_dump(mode="json"), **changes})


def _explain(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    where, path = _place(list(first["loc"]))
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"].startswith("union_tag"):
        path, kind = [*path, "kind"], first["ctx"].get("tag")
        if kind is not None:
            return f"{where}kind is {kind!r}: it should be one of {first['ctx']['expected_tags']}."
    reasons = [_reason(first["msg"])]
    if path and str(path[-1]).startswith("literal["):  # a choice of words or a number: say both
        path.pop()
        reasons += [_reason(other["msg"]) for other in others if other["loc"][:-1] == first["loc"][:-1]]
    field = ".".join(str(part) for part in path) or "the value"
    if first["type"] in ("missing", "union_tag_not_found"):
        return f"{where}{field} is missing: give it a value."
    if first["type"] == "extra_forbidden":
        return f"{where}{field} is not a setting that exists: remove it or check its spelling."
    return f"{where}{field} is {reprlib.repr(first['input'])}: it {', or it '.join(reasons)}."


def _place(path: list[int | str]) -> tuple[str, list[int | str]]:
    """ "Layer 3.2.1, " and ["kernel"], of model.layers.2.residual.shortcut.0.conv.kernel."""
    if len(path) > 1 and path[0] == "model":
        path = path[1:]
    numbers: list[int] = []
    while match := re.match(r"(layers|shortcut|paths\.\d+)\.(\d+)(\.|$)", ".".join(map(str, path))):
        branch = {"layers": 1, "shortcut": 2}.get(match[1]) or int(match[1].partition(".")[2]) + 1
        numbers += [branch, int(match[2]) + 1] if numbers else [int(match[2]) + 1]
        path = path[match[0].rstrip(".").count(".") + 2 :]  # also past the kind that follows
    return (f"Layer {'.'.join(map(str, numbers))}, " if numbers else ""), path


def _reason(message: str) -> str:
    return re.sub(r"^(Input|String|Tuple|List) | after validation", "", message)
