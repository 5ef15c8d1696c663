"""The state of a training from which it can be resumed. Knows tensors; no data and no file."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call

from fmexplore.models.networks import Network
from fmexplore.training.optimizers import Optimizer

FEW = 4  # images for which outputs are checked at each report; at the end they are checked for all


@dataclass
class TrainState:
    """The state of a training: weights, optimiser and counters. `loop.train` changes it; save it between two steps.

    Good weights are finite, and so are their outputs for `checked`, (n, 1, 28, 28) float32 images.
    """

    network: Network
    optimizer: Optimizer
    checked: Tensor
    averaged: Network | None = None  # the same network with averaged weights
    scalars: dict = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch, with early stopping
    good: dict[str, Tensor] = field(default_factory=dict)  # those of the last report that had good ones

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
        """The weights to store if the run ended now: with early stopping the best, else the last good ones.

        Empty where there are none.
        """
        candidates = (self.best, self.eval_network.state_dict(), self.good)
        return next((each for each in candidates if each and self._are_good(each, self.checked)), {})

    def save(self, checked: int = FEW) -> tuple[dict[str, Tensor], dict]:
        """The state as tensors by name, and as scalars that JSON can hold; outputs are checked for so many images."""
        tensors = {f"weights.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"optimizer.{k}": v for k, v in self.optimizer.tensors().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        if self.averaged:
            tensors |= {f"average.{k}": v for k, v in self.averaged.state_dict().items()}
        if not self._are_good(self.eval_network.state_dict(), self.checked[:checked]):  # it is about to be noticed
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
        """Copy the weights if they are good; whether they are."""
        good = self.averaged is None or are_finite(self.network.state_dict())
        good = good and self._are_good(self.eval_network.state_dict(), self.checked[:FEW])
        if good:
            self.good = copy_weights(self.eval_network)
        return good

    def _are_good(self, weights: dict[str, Tensor], images: Tensor) -> bool:
        """Whether the probabilities for `images` are numbers: finite weights can have infinite outputs."""
        network = self.eval_network
        was_training = network.training
        network.eval()
        with torch.inference_mode():
            outputs = functional_call(network, weights, (images,))
        network.train(was_training)
        below = outputs - outputs.amax(1, keepdim=True)
        return are_finite(weights) and bool(below.isfinite().all())


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
