"""In which settings and layers trainings differ. Knows configurations and layer tables; no run folder and no page."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Any

from fmexplore.models.layers import Layer, describe
from fmexplore.models.table import Model
from fmexplore.training.config import RunConfig

MOST_LAYERS = 8  # that are listed one by one, where two tables differ
WIDTHS = {"conv": "filters", "dense": "units", "residual": "", "inception": "", "dense_block": ""}  # layers that learn


# Settings that act with some values of another one only.
DEPENDENT = {
    "momentum": ("optimizer", {"sgd", "muon"}),
    "nesterov": ("optimizer", {"sgd"}),
    **dict.fromkeys(("beta1", "beta2"), ("optimizer", {"adam", "adamw", "muon"})),
    "epsilon": ("optimizer", {"adam", "adamw", "muon", "rmsprop"}),
    "rest_learning_rate": ("optimizer", {"muon"}),
    "warmup": ("schedule", {"one-cycle", "warmup-linear"}),
    "validation_share": ("validation", {"share"}),
}
AUTOMATIC = {"precision": "auto", "threads": 0, "device": "auto"}  # what leaves the choice to the machine


@dataclass(frozen=True)
class Difference:
    """One setting or layer in which configurations differ, and its value in each; None where one has no such thing."""

    name: str  # "preset", "model.input_scale", "layer 3", "network", or a setting as in "augmentation.flip"
    values: tuple[Any, ...]

    @property
    def chosen(self) -> bool:
        """Whether somebody chose it: it is neither a consequence of another difference nor left to the machine."""
        if self.name in DEPENDENT:
            return len({value for value in self.values if value is not None}) > 1
        return AUTOMATIC.get(self.name) not in self.values if self.name in AUTOMATIC else self.name != "preset"


def config_differences(configs: Sequence[RunConfig]) -> list[Difference]:
    """The preset, layers and training settings in which not all configurations are equal; the seed comes last.

    A setting that does not act, as the momentum of Adam, has no value.
    """
    found = [Difference("preset", tuple(config.preset for config in configs))]
    found += layer_differences([config.model for config in configs])
    for name in ("initialization", "input_scale"):
        found.append(Difference(f"model.{name}", tuple(getattr(config.model, name) for config in configs)))
    settings = [_acting(_flatten(config.training.model_dump(mode="json"))) for config in configs]
    names = sorted(dict.fromkeys(name for each in settings for name in each), key="seed".__eq__)
    found += [Difference(name, tuple(each.get(name) for each in settings)) for name in names]
    return [each for each in found if any(value != each.values[0] for value in each.values)]


def layer_differences(models: Sequence[Model]) -> list[Difference]:
    """Where layer tables differ: layer by layer if two tables differ in at most 8, else as a line for each table."""
    tables = list(dict.fromkeys(model.layers for model in models))
    if len(tables) == 1:
        return []
    if len(tables) == 2 and len(rows := _align(*tables)) <= MOST_LAYERS:
        return [Difference(name, tuple(pair[tables.index(model.layers)] for model in models)) for name, pair in rows]
    texts = {table: _outline(table) for table in tables}
    if len(set(texts.values())) < len(tables):  # apart only in what an outline leaves out
        texts = {table: f"{text}, variant {number}" for number, (table, text) in enumerate(texts.items(), 1)}
    return [Difference("network", tuple(texts[model.layers] for model in models))]


def _outline(table: tuple[Layer, ...]) -> str:
    """A layer table in a few words, as in "21 layers: conv 24-48-96, dense 10"; those without weights only count."""
    parts = []
    for kind, group in groupby((layer for layer in table if layer.kind in WIDTHS), key=lambda layer: layer.kind):
        layers = list(group)
        widths = [str(getattr(layer, WIDTHS[kind]) if WIDTHS[kind] else "") for layer in layers]
        many = f"{len(layers)} x " if len(layers) > 1 else ""
        plain = "".join(widths) and len(layers) <= MOST_LAYERS
        parts.append(f"{kind} {'-'.join(widths)}" if plain else many + kind.replace("_", " "))
    return f"{len(table)} layers: {', '.join(parts)}"


def _flatten(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flatten(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return {name: value for name, value in flat.items() if value is not None}


def _acting(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that have no effect."""
    idle = {name for name, (other, values) in DEPENDENT.items() if settings.get(other) not in values}
    return {name: value for name, value in settings.items() if name not in idle}


def _align(first: tuple[Layer, ...], second: tuple[Layer, ...]) -> list[tuple[str, tuple[str | None, str | None]]]:
    """The layers that two tables have apart, by their number in the longer one."""
    rows = []
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        number = start if len(first) >= len(second) else other_start
        for place, (one, other) in enumerate(zip_longest(first[start:end], second[other_start:other_end]), number + 1):
            rows.append((f"layer {place}", _tell_apart(one, other)))
    return rows


def _tell_apart(first: Layer | None, second: Layer | None) -> tuple[str | None, str | None]:
    texts = [describe(layer) if layer else None for layer in (first, second)]
    if first and second and texts[0] == texts[1]:  # they differ in what is too little to be in their descriptions
        values = [_flatten(layer.model_dump(mode="json")) for layer in (first, second)]
        names = [name for name in values[0] | values[1] if values[0].get(name) != values[1].get(name)]
        texts = [f"{texts[0]}: " + ", ".join(f"{name} {_brief(each.get(name))}" for name in names) for each in values]
    return texts[0], texts[1]


def _brief(value: Any) -> str:
    """A setting of a layer; of layers within it, what they are."""
    if not isinstance(value, list):
        return str(value)
    inner = [_brief(each) if isinstance(each, list) else str(each.get("kind", each)) for each in value]
    return f"({', '.join(inner)})"


def seed_groups(configs: Sequence[RunConfig]) -> list[tuple[int, ...]]:
    """Groups of trainings that differ only in their seed, as positions among `configs`; at least two each.

    The name of the preset does not count, and of trainings with the same seed only the first is taken.
    """
    groups: dict[tuple, dict[int, int]] = {}
    for place, config in enumerate(configs):
        key = config.model, config.training.replace(seed=0)
        groups.setdefault(key, {}).setdefault(config.training.seed, place)  # a repetition is no other seed
    return [tuple(seeds.values()) for seeds in groups.values() if len(seeds) > 1]
