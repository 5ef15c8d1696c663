"""How long a network's predictions take on this machine. Knows modules and arrays; no run and no path."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.evaluation.predictions import BATCH, predict_batches

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

SINGLES, WARM_UP = 60, 5  # images timed one by one, and how many before them do not count
MOST_SECONDS = 20  # that timing may take; fewer images then


@dataclass(frozen=True)
class Latency:
    """Measured seconds for one image, `(n,)`, and for a batch of BATCH images, `(m,)`."""

    one: np.ndarray
    batches: np.ndarray

    def of_one(self) -> tuple[float, float, float]:
        """Seconds for one image: the median, the lower and the upper quartile."""
        return _quartiles(self.one)

    def of_many(self, images: int) -> tuple[float, float, float]:
        """Seconds for `images` images in batches: the median, the lower and the upper quartile."""
        return _quartiles(self.batches * images / BATCH)


def _quartiles(seconds: np.ndarray) -> tuple[float, float, float]:
    """The median, the lower and the upper quartile."""
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    return float(middle), float(low), float(high)


def time_predictions(network: Network, images: np.ndarray, report: Callable[[float], None]) -> Latency:
    """How long predictions take on this machine, for single images and for batches.

    Args:
        network: the network to time; if slow, on fewer images, so that it takes 25 seconds at most.
        images: (n, 28, 28) uint8.
        report: called with the share of the work that is done, 0 to 1.
    """
    alone, together = [], []
    for turn in range(SINGLES + WARM_UP):
        alone.append(_time(network, images[turn % len(images)][None]))
        report(0.2 * turn / SINGLES if turn < SINGLES else 0.2)
        if turn >= WARM_UP and sum(alone) > MOST_SECONDS / 4:
            break
    for start in range(0, len(images) - BATCH + 1, BATCH):
        together.append(_time(network, images[start : start + BATCH]))
        report(0.2 + 0.8 * (start + BATCH) / len(images))
        if sum(together) > MOST_SECONDS:
            break
    return Latency(np.array(alone[WARM_UP:]), np.array(together or [_time(network, images)]))


def _time(network: Network, images: np.ndarray) -> float:
    begin = time.perf_counter()
    for _ in predict_batches(network, images):
        pass
    return time.perf_counter() - begin
