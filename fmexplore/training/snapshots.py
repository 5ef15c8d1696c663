"""Snapshots of a training: at which steps they are taken, and the numbers that they keep. Knows arrays; no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

MOST_WEIGHTS = 64_000_000  # bytes, of all snapshots of a run


def log_spaced(points: int, steps: int) -> set[int]:
    """At most so many of the steps from 1, the last among them, spread evenly in their logarithm."""
    return {round(step) for step in np.geomspace(1, steps, points)} if points > 1 else {steps} if points else set()


def weights_kept(steps: list[int], network: Network) -> set[int] | None:
    """At which of its steps a run keeps its weights, as far as there is room for them; None: at each snapshot.

    They are spread evenly, and the last is one of them. There may be one snapshot more than planned, where a time limit
    moves the end.
    """
    room = _room(sum(value.numel() for value in network.state_dict().values()))
    if room > len(steps):
        return None
    return {steps[-1 - round(place)] for place in np.linspace(0, len(steps) - 1, room)} if steps else set()


def weights_bytes(points: int, values: int) -> int:
    """How much the weights at so many snapshots of a network with so many values take on the disk, at most."""
    return 2 * values * min(points, _room(values))


def _room(values: int) -> int:
    """Of how many snapshots the weights are kept at most."""
    return MOST_WEIGHTS // (2 * max(values, 1))


def half_weights(network: Network) -> dict[str, np.ndarray]:
    """A copy of the network's weights by name, as float16 but for whole numbers, in C order as files need them."""
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    return {n: np.array(half(v) if v.dtype == np.float32 else v, order="C") for n, v in arrays.items()}


def half(values: np.ndarray) -> np.ndarray:
    """Values as float16, those beyond its range as its largest."""
    largest = float(np.finfo(np.float16).max)
    return values.clip(-largest, largest).astype(np.float16)
