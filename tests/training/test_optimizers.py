"""Optimisers and schedules as a TrainConfig names them."""

import math

import pytest
import torch
from torch import nn

from fmexplore.models.layers import BatchNorm, Conv, Dense, Flatten, MaxPool
from fmexplore.models.networks import Network, build
from fmexplore.models.table import Model
from fmexplore.training.config import TrainConfig
from fmexplore.training.optimizers import Optimizer, rate_factor
from fmexplore.training.presets import presets

KINDS = ("sgd", "adam", "adamw", "rmsprop", "muon")
SCHEDULES = ("constant", "step", "cosine", "one-cycle", "warmup-linear")
MODEL = Model(layers=(Conv(filters=4), BatchNorm(), Conv(filters=8), MaxPool(size=7), Flatten(), Dense(units=10)))


def quadratic(network: nn.Module) -> torch.Tensor:
    return sum(((p - 0.3) ** 2).sum() for p in network.parameters() if p.requires_grad)  # pyrefly: ignore


def step(network: nn.Module, optimizer: Optimizer, factor: float = 1.0) -> None:
    quadratic(network).backward()
    optimizer.step(factor)


def still(network: nn.Module, optimizer: Optimizer) -> None:
    """A step whose gradients are zero: what moves then is regularisation."""
    (0 * quadratic(network)).backward()
    optimizer.step(1.0)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def start(seed: int = 0, model: Model = MODEL, **settings: object) -> tuple[Network, Optimizer]:
    network = build(model, seed)
    return network, Optimizer(network, TrainConfig.parse({"learning_rate": 0.01, **settings}))


@pytest.mark.parametrize("kind", [*KINDS[:4], "nesterov"])
def test_every_optimizer_lowers_a_quadratic_loss(kind):
    network, optimizer = start(optimizer="sgd", nesterov=True) if kind == "nesterov" else start(optimizer=kind)
    before = quadratic(network).item()
    for _ in range(50):
        step(network, optimizer)
    assert quadratic(network).item() < 0.7 * before


def test_muon_turns_the_filters_towards_their_target_and_keeps_their_norm():
    network, optimizer = start(optimizer="muon", learning_rate=0.05)
    target = build(MODEL, 1).layers[2].weight.detach()

    def likeness() -> float:
        return torch.cosine_similarity(network.layers[2].weight.flatten(), target.flatten(), dim=0).item()

    before = likeness()
    for _ in range(60):
        (quadratic(network) * 0 - (network.layers[2].weight * target).sum()).backward()
        optimizer.step(1.0)
    assert likeness() > before + 0.5
    assert network.layers[2].weight.norm().item() == pytest.approx(math.sqrt(8), rel=0.2)


@pytest.mark.parametrize("name", ["quick", "resnet", "googlenet"])
def test_muon_takes_all_filters_and_only_those_and_shares_their_storage(name):
    network, optimizer = start(model=presets()[name].model, optimizer="muon")
    filters = [p for p in network.parameters() if p.ndim == 4]
    assert len(optimizer.filters) == len(filters)
    assert all(a is b for a, b in zip(optimizer.filters, filters, strict=True))
    for matrix, weight in zip(optimizer.matrices, filters, strict=True):
        assert matrix.shape == (len(weight), weight[0].numel())
        assert matrix.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr()
    taken = [p for part in optimizer.parts[1:] for group in part.param_groups for p in group["params"]]
    assert len(taken) == len([p for p in network.parameters() if p.requires_grad and p.ndim != 4])


def test_filters_that_cannot_share_their_storage_are_refused_instead_of_never_learning():
    with pytest.raises(RuntimeError, match="view"):
        Optimizer(nn.Conv2d(4, 8, 3), TrainConfig(optimizer="muon"))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_state_gives_the_same_next_steps_exactly(kind):
    network, optimizer = start(optimizer=kind, weight_decay=0.01)
    for _ in range(3):
        step(network, optimizer, 0.5)
    saved = {name: value.clone() for name, value in optimizer.tensors().items()}
    other, resumed = start(1, optimizer=kind, weight_decay=0.01)
    other.load_state_dict(network.state_dict())
    resumed.load(saved)
    for _ in range(2):
        step(network, optimizer)
        step(other, resumed)
        assert same(weights(network), weights(other))


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_without_the_saved_state_the_next_step_differs(kind):
    network, optimizer = start(optimizer=kind)
    for _ in range(3):
        step(network, optimizer, 0.5)
    other, fresh = start(1, optimizer=kind)
    other.load_state_dict(network.state_dict())
    step(network, optimizer)
    step(other, fresh)
    assert not same(weights(network), weights(other))


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_before_the_first_step_can_be_saved_and_loaded(kind):
    network, optimizer = start(optimizer=kind)
    other, resumed = start(optimizer=kind)
    resumed.load(optimizer.tensors())
    step(network, optimizer)
    step(other, resumed)
    assert same(weights(network), weights(other))


def test_a_factor_of_zero_moves_nothing_and_half_a_factor_moves_half():
    moves = {}
    for factor in (0.0, 0.5, 1.0):
        network, optimizer = start(optimizer="sgd", momentum=0)
        before = weights(network)
        step(network, optimizer, factor)
        moves[factor] = weights(network)["layers.5.weight"] - before["layers.5.weight"]
    assert moves[0.0].count_nonzero() == 0
    assert torch.allclose(moves[0.5] * 2, moves[1.0], atol=1e-6)


def test_gradients_are_forgotten_after_a_step():
    network, optimizer = start(optimizer="muon")
    step(network, optimizer)
    assert all(p.grad is None for p in [*network.parameters(), *optimizer.matrices])


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw", "rmsprop"])
def test_weight_decay_pulls_weights_but_neither_biases_nor_batch_norm(kind):
    network, optimizer = start(optimizer=kind, weight_decay=0.5)
    before = weights(network)
    for _ in range(3):
        still(network, optimizer)
    for name, now in weights(network).items():
        if now.ndim > 1:
            assert now.norm() < before[name].norm()
        else:
            assert torch.equal(now, before[name])


def test_l1_pulls_weights_to_zero_and_no_biases():
    network, optimizer = start(optimizer="sgd", momentum=0, learning_rate=0.1, l1=0.02)
    before = weights(network)
    largest = max(value.abs().max().item() for value in before.values() if value.ndim > 1)
    for _ in range(math.ceil(largest / 0.002)):
        still(network, optimizer)
    for name, now in weights(network).items():
        if now.ndim > 1:
            assert now.abs().max() <= 0.002 + 1e-6
        else:
            assert torch.equal(now, before[name])


def test_parameters_that_are_not_trained_stay():
    model = Model(layers=(Conv(filters=4), BatchNorm(learn_weight=False), Flatten(), Dense(units=10)))
    network, optimizer = start(model=model, optimizer="adamw", weight_decay=0.5)
    step(network, optimizer)
    assert torch.equal(network.layers[1].weight, torch.ones(4))


# Schedules.


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_factor_is_always_between_zero_and_one(schedule):
    for warmup in (0, 0.2, 0.99):
        config = TrainConfig(schedule=schedule, warmup=warmup)
        for steps in (1, 2, 7, 100):
            assert all(0 <= rate_factor(step, steps, config) <= 1 for step in range(steps))


@pytest.mark.parametrize(
    ("schedule", "first", "middle", "last"),
    [
        ("constant", 1, 1, 1),
        ("step", 1, 0.1, 0.01),
        ("cosine", 1, 0.5, 0),
        ("one-cycle", 0, 0.5 * (1 + math.cos(math.pi * 0.3 / 0.8)), 0),
        ("warmup-linear", 0, 0.5 / 0.8, 0),
    ],
)
def test_the_start_the_middle_and_the_end_of_a_schedule(schedule, first, middle, last):
    config = TrainConfig(schedule=schedule, warmup=0.2)
    found = [rate_factor(step, 10_000, config) for step in (0, 5000, 9999)]
    assert found == pytest.approx([first, middle, last], abs=1e-3)


@pytest.mark.parametrize("schedule", ["one-cycle", "warmup-linear"])
def test_a_warmup_rises_to_its_end_and_then_falls(schedule):
    config = TrainConfig(schedule=schedule, warmup=0.3)
    factors = [rate_factor(step, 1000, config) for step in range(1000)]
    assert factors[:300] == sorted(factors[:300])
    assert factors[300:] == sorted(factors[300:], reverse=True)
    assert max(factors) == pytest.approx(1, abs=0.005)


def test_a_step_schedule_drops_at_half_and_at_three_quarters():
    config = TrainConfig(schedule="step")
    factors = [rate_factor(step, 100, config) for step in range(100)]
    assert factors == pytest.approx([1] * 50 + [0.1] * 25 + [0.01] * 25)
