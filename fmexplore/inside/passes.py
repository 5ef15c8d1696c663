"""Forward passes that keep what every step gives, or go on from the middle. Knows modules and tensors; no run, no path.

A pass follows the layer table. Where the torch module pools before an activation, the values are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fmexplore.inside.graph import IMAGE, Graph, Step, graph_of
from fmexplore.models.networks import DEVIATION, MEAN, Network, to_input
from fmexplore.models.table import Model


@dataclass(frozen=True)
class Trace:
    """What every step of a network gives for one image, and the tensors that it is computed with."""

    graph: Graph
    values: dict[str, np.ndarray]  # by step: (channels, height, width) or (values,) float32
    tensors: dict[str, np.ndarray]  # the state of the torch module, by name

    @property
    def usable(self) -> bool:
        """Whether all values are numbers."""
        return all(bool(np.isfinite(each).all()) for each in self.values.values())


class Passes:
    """A network whose steps are run one by one, without hooks, so that several threads can do so at once."""

    def __init__(self, model: Model, network: Network) -> None:
        self.graph, self.network = graph_of(model), network.eval()
        self._modules = dict(network.named_modules())

    def complete(self, known: dict[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
        """The outputs of the steps `wanted`, for a batch of images.

        Args:
            known: outputs of some steps by their names, each (n, ...) float32; `image` suffices.
            wanted: names of steps; what they need is computed from `known` where that has it.

        Raises:
            ConfigError: there is no such step.
        """
        wanted = [self.graph[name].name for name in wanted]
        values = dict(known)
        left = self.graph.needed(wanted, known)
        last = {source: name for name in left for source in self.graph[name].sources}
        for name in left:
            step = self.graph[name]
            values[name] = self._apply(step, [values[source] for source in step.sources])
            for source in step.sources:  # a batch of all maps would take much memory
                if last[source] == name and source not in wanted:
                    values.pop(source, None)
        return {name: values[name] for name in wanted}

    def logits(self, known: dict[str, Tensor]) -> Tensor:
        """The logits `(n, 10)` that follow from `known`."""
        return self.complete(known, [self.graph.logits])[self.graph.logits]

    def trace(self, image: np.ndarray) -> Trace:
        """What every step gives for an image `(28, 28)`: uint8, or float from 0 to 1."""
        with torch.inference_mode():
            values = self.complete({IMAGE: as_input(image[None])}, self.graph.steps)
        tensors = {name: value.detach().numpy() for name, value in self.network.state_dict().items()}
        return Trace(self.graph, {name: np.ascontiguousarray(each[0]) for name, each in values.items()}, tensors)

    def _apply(self, step: Step, inputs: list[Tensor]) -> Tensor:
        match step.kind:
            case "scaled":
                return (inputs[0] - MEAN) / DEVIATION
            case "softmax":
                return inputs[0].softmax(1)
            case "residual":
                return inputs[0] + inputs[1]
            case "inception" | "dense_block" | "concatenation":
                return torch.cat(inputs, 1)
        return self._modules[step.module](inputs[0])


def as_input(images: np.ndarray) -> Tensor:
    """Images `(n, 28, 28)`, uint8 or float from 0 to 1, as a network takes them: `(n, 1, 28, 28) float32`."""
    if images.dtype == np.uint8:
        return to_input(torch.from_numpy(images.copy()))  # as those of a data set are read-only
    return to_input(torch.from_numpy(255 * images.astype(np.float32)))
