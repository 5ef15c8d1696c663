"""The steps of a forward pass and what each of them reads. Knows layer tables; no torch, no weights and no image.

Steps are those of the layer table, in its order and under its numbers: blocks are opened into their layers, each of
which comes before the step that joins them. So every value can be followed back to the pixels, step by step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fmexplore.errors import ConfigError
from fmexplore.models.layers import Block, Layer, describe
from fmexplore.models.shapes import Shape
from fmexplore.models.table import CLASSES, IMAGE_SHAPE, LayerInfo, Model, summarize

IMAGE, SCALED, SOFTMAX = "image", "scaled", "softmax"  # the steps before and after the layers


@dataclass(frozen=True)
class Step:
    """One step of a forward pass."""

    name: str  # "7" or "7.2.1" as in the layer table, "image", "scaled", "softmax"; "3.2": what repeat 2 of 3 gets
    kind: str  # as in `models.layers`, or "image", "scaled", "concatenation", "softmax"
    shape: Shape  # (channels, height, width), or (values,)
    sources: tuple[str, ...]  # the steps that it reads
    layer: Layer | None = None
    module: str = ""  # its name in the torch module

    @property
    def has_maps(self) -> bool:
        """Whether it gives feature maps, and not a vector."""
        return len(self.shape) == 3

    @property
    def channels(self) -> int:
        """How many maps, or values, it gives."""
        return self.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its maps; 1 and 1 of a vector, each value of which is a channel of its own."""
        return (self.shape[1], self.shape[2]) if self.has_maps else (1, 1)

    @property
    def text(self) -> str:
        """The step in a few words."""
        return describe(self.layer) if self.layer else self.kind

    @property
    def depth(self) -> int:
        """In how many blocks it lies."""
        return self.name.count(".") // 2

    def require(self, channel: int, y: int, x: int) -> None:
        """Raises ConfigError unless there is such a value; those of a vector are at 0, 0."""
        for name, value, count in zip(("channel", "y", "x"), (channel, y, x), (self.channels, *self.size), strict=True):
            if not 0 <= value < count:
                raise ConfigError(f"{name} is {value}, and layer {self.name} ({self.text}) has 0 to {count - 1}.")


class Graph:
    """All steps of a network, each after those that it reads. Raises ConfigError as `summarize` does."""

    def __init__(self, model: Model) -> None:
        self.steps: dict[str, Step] = {}
        source = self._add(Step(IMAGE, "image", IMAGE_SHAPE, ()))
        if model.input_scale == "standardized":
            source = self._add(Step(SCALED, "scaled", IMAGE_SHAPE, (source,)))
        self.logits = self._add_chain(summarize(model), source, "layers.")
        self._add(Step(SOFTMAX, "softmax", (CLASSES,), (self.logits,)))

    def __getitem__(self, name: str) -> Step:
        """The step of that name. Raises ConfigError with the names that there are."""
        if name not in self.steps:
            raise ConfigError(f"layer is {name!r}: choose one of {', '.join(self.steps)}.")
        return self.steps[name]

    @property
    def mapped(self) -> list[str]:
        """The names of the steps with maps, but for the image itself."""
        return [name for name, step in self.steps.items() if step.has_maps and name not in (IMAGE, SCALED)]

    def require_maps(self, name: str) -> Step:
        """The step of that name, if it has maps. Raises ConfigError with the names of those that have some."""
        step = self[name]
        if not step.has_maps:
            there = f"choose one of {', '.join(self.mapped)}" if self.mapped else "no layer of this network has maps"
            raise ConfigError(
                f"layer is {name!r} ({step.text}), which has no maps but {step.channels} values: {there}."
            )
        return step

    def needed(self, wanted: Iterable[str], known: Iterable[str]) -> list[str]:
        """The steps to compute, in order, for all of `wanted`, where those of `known` need not be."""
        found: set[str] = set(wanted) - set(known)
        for name in reversed(self.steps):
            if name in found:
                found |= {source for source in self.steps[name].sources if source not in known}
        return [name for name in self.steps if name in found]

    def after(self, name: str) -> set[str]:
        """The steps that depend on the step of that name."""
        found = {name}
        for step in self.steps.values():
            if found.intersection(step.sources):
                found.add(step.name)
        return found - {name}

    def beside(self, name: str) -> set[str]:
        """What the steps after that one read besides it: enough, with its output, to go on from there."""
        after = self.after(name)
        return {source for each in after for source in self.steps[each].sources} - after - {name}

    def _add(self, step: Step) -> str:
        self.steps[step.name] = step
        return step.name

    def _add_chain(self, rows: Sequence[LayerInfo], source: str, module: str) -> str:
        """The name of its last step; of its source, where there are no layers."""
        for index, row in enumerate(rows):
            name = f"{module}{index}"
            sources = self._add_block(row, row.layer, source, name) if isinstance(row.layer, Block) else (source,)
            source = self._add(Step(row.number, row.layer.kind, row.output, sources, row.layer, name))
        return source

    def _add_block(self, row: LayerInfo, block: Block, source: str, module: str) -> tuple[str, ...]:
        """Add the layers of a block, and say what it joins."""
        rest, ends, begins = list(row.children), [], source
        for position, (key, chain) in enumerate(block.branches(), start=1):
            inner, rest = rest[: len(chain)], rest[len(chain) :]
            ends.append(self._add_chain(inner, begins, f"{module}.{key}."))
            if block.kind == "dense_block" and rest:
                joined = (source, *ends)
                channels = sum(self.steps[each].channels for each in joined)
                shape = (channels, *self.steps[source].shape[1:])
                begins = self._add(Step(f"{row.number}.{position + 1}", "concatenation", shape, joined))
        return (source, *ends) if block.kind == "dense_block" else tuple(ends)


@lru_cache(maxsize=64)
def graph_of(model: Model) -> Graph:
    """The graph of a layer table; the last ones are kept."""
    return Graph(model)
