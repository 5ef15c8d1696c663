"""The image that goes through a network, and what every layer makes of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fmexplore.inside.graph import Graph, graph_of
from fmexplore.inside.sums import Sum
from fmexplore.runs.run import Arrays, Run
from fmexplore.ui import shared, widgets

MOST_KEPT = 16  # of images' maps, some MB each for large networks


@dataclass(frozen=True, eq=False)
class Seen:
    """An image `(28, 28) uint8` before a run at a moment: the step of a snapshot, 0 the end.

    `key` names the image, `label` is its true class, None where nobody has said it, `describe` says of its logits what
    it is and is taken for, and `note` what else is to know.
    """

    run: Run
    image: np.ndarray
    key: tuple
    label: int | None
    moment: int
    describe: Callable[[np.ndarray], str]
    note: str = ""

    @property
    def graph(self) -> Graph:
        return graph_of(self.run.config.model)

    def ask_values(self) -> Arrays:
        """What every step gives, by its name. Raises FMExploreError."""
        key = *shared.folder_and_weights(self.run), self.key, self.moment
        if (known := _traces().get(key)) is None:
            question = shared.analyst().ask("trace_image", run=self.run, image=self.image, moment=self.moment)
            known = _traces().put(key, widgets.await_answer(question, "Running the network"))
        return known

    def ask_sum(self, layer: str, channel: int, y: int, x: int) -> Sum:
        """How a value comes about. Raises FMExploreError."""
        place = {"layer": layer, "channel": channel, "y": y, "x": x, "moment": self.moment}
        question = shared.analyst().ask("explain_value", run=self.run, image=self.image, **place)
        return widgets.await_answer(question, "Adding up")


@shared.keep(1)
def _traces() -> shared.Recent[tuple, Arrays]:
    return shared.Recent(MOST_KEPT)
