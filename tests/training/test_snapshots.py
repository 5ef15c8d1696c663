"""Which snapshots of a training keep their weights, and what of them is kept."""

import numpy as np
import pytest
import torch

from fmexplore.models.networks import build
from fmexplore.training import snapshots
from fmexplore.training.execution import Execution
from fmexplore.training.loop import train
from fmexplore.training.snapshots import half_weights, weights_kept

STEPS = [1, 3, 9, 27, 81]


@pytest.mark.parametrize(
    ("room", "kept"),
    [(6, None), (5, {*STEPS}), (3, {1, 9, 81}), (2, {1, 81}), (1, {81}), (0, set())],
)
def test_as_many_snapshots_keep_their_weights_as_there_is_room_for(tiny, monkeypatch, room, kept):
    network = build(tiny.model)
    values = sum(value.numel() for value in network.state_dict().values())
    monkeypatch.setattr(snapshots, "MOST_WEIGHTS", 2 * values * room + 1)
    assert weights_kept(STEPS, network) == kept
    assert weights_kept([], network) in (None, set())


def test_weights_are_halved_and_counters_are_not(tiny):
    network = build(tiny.model)
    network.register_buffer("count", torch.tensor(70_000))
    with torch.no_grad():
        network.layers[0].weight[0, 0, 0, 0] = 1e6
    found = half_weights(network)
    assert found["count"] == 70_000
    assert found["layers.0.weight"].dtype == np.float16
    assert found["layers.0.weight"][0, 0, 0, 0] == 65504
    assert all(value.flags.c_contiguous for value in found.values())
    with torch.no_grad():
        network.layers[0].weight.zero_()
    assert found["layers.0.weight"].any(), "a copy"


def test_a_training_gives_the_weights_of_each_moment(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(snapshots=3, epochs=0.5), drawn, Execution(threads=1))
    for progress in run:
        if snapshot := progress.snapshot:
            state = run.state.network.state_dict()
            assert snapshot.weights.keys() == state.keys()
            assert all(np.array_equal(snapshot.weights[n], v.numpy().astype(np.float16)) for n, v in state.items())
