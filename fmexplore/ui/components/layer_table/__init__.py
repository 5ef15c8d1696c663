"""The layer table, edited in place: a row a layer, with its shape, parameters and FLOPs beside it."""

from collections.abc import Callable, Sequence
from typing import Any

from fmexplore.models.layers import LAYER_KINDS
from fmexplore.models.table import LayerInfo, Model, walk
from fmexplore.ui.components import register, sent
from fmexplore.ui.formatting import num

_component = register("layer_table", "<div class='layers'></div>")


def layer_table(
    model: Model,
    rows: Sequence[LayerInfo],
    error: str,
    key: str,
    on_edit: Callable[[list[dict]], None],
) -> None:
    """Show `model` with what is known of its rows; `on_edit` gets the layers as JSON after each edit."""

    def edited() -> None:
        if (layers := sent(key, "layers")) is not None:
            on_edit(layers)

    _component(
        key=key,
        data={
            "layers": [layer.model_dump(mode="json") for layer in model.layers],
            "rows": {row.number: _row(row) for row in walk(list(rows))},
            "kinds": _kinds(),
            "error": error,
        },
        on_layers_change=edited,
    )


def _row(row: LayerInfo) -> dict[str, str]:
    return {
        "output": " × ".join(map(str, row.output)),
        "parameters": f"{num(row.parameters):,}" if row.parameters else "",
        "flops": f"{num(row.flops / 1e6):.2f}" if row.flops else "",
    }


def _kinds() -> dict[str, dict]:
    """Each kind of layer: its fields with their limits, from the schema, and a first example."""
    example = {
        "residual": {"layers": [{"kind": "conv"}], "shortcut": []},
        "inception": {"paths": [[{"kind": "conv", "kernel": 1}], [{"kind": "conv"}]]},
        "dense_block": {"layers": [{"kind": "conv", "filters": 12}]},
    }
    kinds = {}
    for kind, layer in LAYER_KINDS.items():
        properties = layer.model_json_schema()["properties"] if kind not in example else {}
        if kind == "dense_block":
            properties = {"repeat": {"type": "integer", "minimum": 1, "maximum": 32, "default": 4}}
        fields = [_field(name, schema) for name, schema in properties.items() if name != "kind"]
        first = layer.model_validate(example.get(kind, {})).model_dump(mode="json")
        kinds[kind] = {"fields": fields, "first": first}
    return kinds


def _field(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    options = schema.get("anyOf", [schema])
    choices = [value for option in options for value in option.get("enum", [])]
    numbers = next((option for option in options if option.get("type") in ("integer", "number")), None)
    if choices and numbers:  # padding: a word or a few pixels
        choices += list(range(6))
    field: dict[str, Any] = {"name": name, "label": name.replace("_", " ")}
    if choices:
        return {**field, "type": "choice", "choices": choices}
    if schema.get("type") == "boolean":
        return {**field, "type": "boolean"}
    assert numbers is not None
    return {
        **field,
        "type": "number",
        "minimum": numbers.get("minimum", 0),
        "maximum": numbers.get("maximum", numbers.get("exclusiveMaximum", 100)),
        "step": 1 if numbers["type"] == "integer" else "any",
        "optional": any(option.get("type") == "null" for option in options),
    }
