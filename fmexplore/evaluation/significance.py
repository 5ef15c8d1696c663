"""What several trainings have apart, and whether one network is better than another. Knows configurations and arrays,
never a run folder or a screen.

The test is about networks on the same images; what another seed of the same training would give, only several seeds
tell (`seed_groups`, `spreads`).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Any

import numpy as np

from fmexplore.evaluation.confusion import Disagreement, compare
from fmexplore.models.layers import Layer, describe
from fmexplore.models.table import Model
from fmexplore.training.config import RunConfig

LEVEL = 0.05  # below which a p value says that a difference is more than luck
MOST_LAYERS = 8  # that are said one by one, where two tables differ
WIDTHS = {"conv": "filters", "dense": "units", "residual": "", "inception": "", "dense_block": ""}  # layers that learn
Z = statistics.NormalDist().inv_cdf(0.975)


# --- what differs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One thing in which configurations differ, and what each has there; None where it has no such thing."""

    name: str  # "preset", "model.input_scale", "layer 3", "network", or a setting as in "augmentation.flip"
    values: tuple[Any, ...]


def config_differences(configs: Sequence[RunConfig]) -> list[Difference]:
    """Preset, network and settings of the training in which not all are alike; the seed comes last."""
    found = [Difference("preset", tuple(config.preset for config in configs))]
    found += layer_differences([config.model for config in configs])
    for name in ("initialization", "input_scale"):
        found.append(Difference(f"model.{name}", tuple(getattr(config.model, name) for config in configs)))
    settings = [_flatten(config.training.model_dump(mode="json")) for config in configs]
    names = sorted(dict.fromkeys(name for each in settings for name in each), key="seed".__eq__)
    found += [Difference(name, tuple(each.get(name) for each in settings)) for name in names]
    return [each for each in found if any(value != each.values[0] for value in each.values)]


def layer_differences(models: Sequence[Model]) -> list[Difference]:
    """Where the layer tables differ: layer by layer if there are two tables and it takes few lines, else in a line."""
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


# --- is the difference real ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """A network against a reference on the same images; the first of the disagreement is the reference."""

    disagreement: Disagreement
    images: int
    p_value: float  # where several are tested, after Holm's correction

    @property
    def counts(self) -> tuple[int, int]:
        """Images that only the reference and only the other one gets right: all that the test looks at."""
        return len(self.disagreement.first_right), len(self.disagreement.second_right)

    @property
    def real(self) -> bool:
        """Whether the difference is more than luck."""
        return self.p_value < LEVEL

    @property
    def gain(self) -> float:
        """How much more of the images the other one gets right, as a fraction."""
        only_reference, only_other = self.counts
        return (only_other - only_reference) / self.images

    @property
    def margin(self) -> float:
        """Half of the 95 % interval of the gain, for paired images (Agresti 2013, section 11.1)."""
        decided = sum(self.counts) / self.images
        return Z * math.sqrt(max(0.0, decided - self.gain**2) / self.images)

    def sentence(self, reference: str, other: str) -> str:
        """What it means, with the names that the two go by."""
        only_reference, only_other = self.counts
        if only_reference == only_other:
            return "They are right equally often."
        better = other if only_other > only_reference else reference
        if self.real:
            return f"The difference is real: {better} is better ({say_p(self.p_value)})."
        return f"This difference is what luck gives ({say_p(self.p_value)})."


def judge(labels: np.ndarray, reference: np.ndarray, others: Sequence[np.ndarray]) -> list[Verdict]:
    """A verdict on each of `others` against `reference`: predicted classes `(n,)` of the same images."""
    found = [compare(labels, reference, other) for other in others]
    p_values = correct_holm([each.p_value for each in found])
    return [Verdict(each, len(labels), p_value) for each, p_value in zip(found, p_values, strict=True)]


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """The p values as if there had been one test only: with each more, one is likelier to err by luck (Holm 1979)."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def say_p(p_value: float) -> str:
    """As in "p = 0.023"."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


# --- seeds, gap, curves ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """Accuracies of the same training with several seeds."""

    members: tuple[int, ...]  # positions among the runs
    mean: float
    deviation: float  # of the sample

    @property
    def count(self) -> int:
        return len(self.members)


def spreads(configs: Sequence[RunConfig], accuracies: Sequence[float | None]) -> list[Spread]:
    """How far seeds alone drive accuracies apart, for each training that is there with at least two seeds."""
    found = []
    for group in seed_groups(configs):
        members = tuple(place for place in group if accuracies[place] is not None)
        if len(members) > 1:
            values = [accuracy for place in members if (accuracy := accuracies[place]) is not None]
            found.append(Spread(members, statistics.fmean(values), statistics.stdev(values)))
    return found


def seed_groups(configs: Sequence[RunConfig]) -> list[tuple[int, ...]]:
    """Positions of trainings that differ in nothing but their seed; the name of the preset does not count."""
    groups: dict[tuple, dict[int, int]] = {}
    for place, config in enumerate(configs):
        key = config.model, config.training.replace(seed=0)
        groups.setdefault(key, {}).setdefault(config.training.seed, place)  # a repetition is no other seed
    return [tuple(seeds.values()) for seeds in groups.values() if len(seeds) > 1]


def generalisation_gap(training: tuple[float, int], validation: tuple[float, int]) -> tuple[float, float]:
    """How much more a network gets right of what it learnt from, and half of the 95 % interval, as fractions.

    Each is an accuracy and the number of images that it was measured on.
    """
    variance = sum(accuracy * (1 - accuracy) / count for accuracy, count in (training, validation))
    return training[0] - validation[0], Z * math.sqrt(variance)


def first_reaching(curves: Sequence[Sequence[Sequence[float]]]) -> tuple[float, list[float]]:
    """The highest level, in steps of 0.001, that every curve of (x, y) points reaches, and where each first does."""
    level = math.floor(1000 * min(max(y for _, y in curve) for curve in curves)) / 1000
    return level, [next(x for x, y in curve if y >= level) for curve in curves]
