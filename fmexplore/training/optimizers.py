"""The optimisers and learning-rate schedules of a TrainConfig. Knows no data and no training loop."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from fmexplore.training.config import TrainConfig


class Optimizer:
    """The optimiser of a network; with Muon, it is Muon for the filters of convolutions and AdamW for the rest."""

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        self.config = config
        self.weights = [p for p in network.parameters() if p.requires_grad]
        self.filters = [p for p in self.weights if p.ndim == 4] if config.optimizer == "muon" else []
        chosen = {id(p) for p in self.filters}
        rest = [p for p in self.weights if id(p) not in chosen]
        # torch's Muon takes matrices: views of the filters, which `networks.build` lays out as channels_last. A column
        # order of their own is fine: orthogonalisation does not depend on it.
        self.matrices = [nn.Parameter(p.detach().permute(0, 2, 3, 1).view(len(p), -1)) for p in self.filters]
        self.parts: list[torch.optim.Optimizer] = []
        if self.filters:
            self.parts.append(
                torch.optim.Muon(
                    self.matrices,
                    lr=config.learning_rate,
                    momentum=config.momentum,
                    nesterov=True,
                    ns_steps=3,
                    weight_decay=config.weight_decay,
                )
            )
        if rest:
            self.parts.append(_plain(rest, config))
        self.base_rates = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, factor: float) -> None:
        """Update the weights, with every learning rate multiplied by `factor`, then clear the gradients."""
        if self.config.l1:
            for weight in self.weights:
                if weight.ndim > 1 and weight.grad is not None:
                    weight.grad.add_(weight.detach().sign(), alpha=self.config.l1)
        for matrix, filters in zip(self.matrices, self.filters, strict=True):
            assert filters.grad is not None  # every layer of a table takes part
            matrix.grad = filters.grad.permute(0, 2, 3, 1).flatten(1)
            # As in airbench: each layer's filters keep the norm sqrt(count) (Jordan, arXiv 2404.00498).
            matrix.data.mul_(len(matrix) ** 0.5 / (matrix.data.norm() + 1e-7))
        for part, rates in zip(self.parts, self.base_rates, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            part.step()
            part.zero_grad(set_to_none=True)
        for weight in self.weights:
            weight.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """The state of the optimiser by name, such as its moving averages, for `load`."""
        return {
            f"{number}.{index}.{key}": value
            for number, part in enumerate(self.parts)
            for index, values in part.state_dict()["state"].items()
            for key, value in values.items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore the state that `tensors` gave."""
        for number, part in enumerate(self.parts):
            state: dict[int, dict[str, Any]] = {}
            weights = [weight for group in part.param_groups for weight in group["params"]]
            for name, value in tensors.items():
                owner, index, key = name.split(".", 2)
                if int(owner) == number:
                    weight = weights[int(index)]
                    # Fused steps walk through memory: moments must lie in it as their weights do.
                    value = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
                    state.setdefault(int(index), {})[key] = value
            part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})


def _plain(weights: list[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    decayed = [p for p in weights if p.ndim > 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate, betas = config.learning_rate, (config.beta1, config.beta2)
    match config.optimizer:
        case "sgd":
            nesterov = config.nesterov and config.momentum > 0
            return torch.optim.SGD(groups, rate, config.momentum, nesterov=nesterov, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(groups, rate, eps=config.epsilon)
        case "adam":
            return torch.optim.Adam(groups, rate, betas, config.epsilon, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, rate, betas, config.epsilon, fused=True)
    return torch.optim.AdamW(groups, config.rest_learning_rate, betas, config.epsilon, fused=True)


def rate_factor(step: int, steps: int, config: TrainConfig) -> float:
    """The learning rate at a step, as a share of its maximum, by the schedule of `config`.

    Args:
        step: number of the step, from 0.
        steps: how many there are.
        config: names the schedule and the share of the steps for the warm-up.

    Returns:
        0 to 1.
    """
    done = (step + 0.5) / steps
    match config.schedule:
        case "constant":
            return 1.0
        case "step":
            return 0.1 ** ((done >= 0.5) + (done >= 0.75))
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        case _:
            if done < config.warmup:
                return done / config.warmup
            left = (done - config.warmup) / (1 - config.warmup)
            return 1 - left if config.schedule == "warmup-linear" else 0.5 * (1 + math.cos(math.pi * left))
