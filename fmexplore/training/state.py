"""The state of a training from which it can be resumed. Knows tensors; no data and no file."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field

from torch import Tensor

from fmexplore.models.networks import Network
from fmexplore.training.optimizers import Optimizer


@dataclass
class TrainState:
    """The state of a training: weights, optimiser and counters. `loop.train` changes it; save it between two steps."""

    network: Network
    optimizer: Optimizer
    averaged: Network | None = None  # the same network with averaged weights
    scalars: dict = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch, with early stopping
    good: dict[str, Tensor] = field(default_factory=dict)  # the last finite ones

    @property
    def eval_network(self) -> Network:
        """The network that is evaluated and stored: the averaged one, where weights are averaged."""
        return self.averaged or self.network

    def average(self, share: float) -> None:
        """Update the exponential moving average of the weights; `share` is that of the old average, 0 to 1."""
        assert self.averaged is not None
        count = self.scalars["step"] + 1
        share = min(share, count / (count + 9))  # the first weights are soon forgotten
        for mean, now in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            mean.lerp_(now, 1 - share) if mean.is_floating_point() else mean.copy_(now)

    def result(self) -> dict[str, Tensor]:
        """The weights to store if the run ended now: with early stopping the best, else the last finite ones."""
        weights = self.eval_network.state_dict()
        return self.best or (weights if are_finite(weights) else self.good)

    def save(self) -> tuple[dict[str, Tensor], dict]:
        """The state as tensors by name, and as scalars that JSON can hold."""
        tensors = {f"weights.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"optimizer.{k}": v for k, v in self.optimizer.tensors().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        if self.averaged:
            tensors |= {f"average.{k}": v for k, v in self.averaged.state_dict().items()}
        if not are_finite(self.network.state_dict()):  # it is about to be noticed
            tensors |= {f"good.{k}": v for k, v in self.good.items()}
        return tensors, copy.deepcopy(self.scalars)

    def load(self, tensors: dict[str, Tensor], scalars: dict) -> None:
        """Restore the state that `save` gave."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}, "best": {}, "good": {}, "average": {}}
        for name, value in tensors.items():
            part, key = name.split(".", 1)
            parts[part][key] = value
        self.network.load_state_dict(parts["weights"])
        self.optimizer.load(parts["optimizer"])
        self.best, self.good = parts["best"], parts["good"]
        if self.averaged:
            self.averaged.load_state_dict(parts["average"])
        self.scalars = copy.deepcopy(scalars)

    def keep_good(self) -> bool:
        """Copy the weights if all of them are finite; whether they are."""
        finite = are_finite(self.network.state_dict())
        if finite:
            self.good = copy_weights(self.eval_network)
        return finite


def are_finite(weights: dict[str, Tensor]) -> bool:
    """Whether no weight is infinite or not a number."""
    return all(bool(value.isfinite().all()) for value in weights.values())


def copy_weights(network: Network) -> dict[str, Tensor]:
    """A copy of the network's weights by name."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def digest(network: Network) -> str:
    """The SHA-256 of the network's weights, as hexadecimal digits."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
