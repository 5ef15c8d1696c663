"""Receptive fields against a brute-force search: a pixel is changed, and all values that move are those that see it."""

import numpy as np
import pytest
import torch

from fmexplore.inside.fields import Field, cut_out, field_boxes, receptive_field
from fmexplore.inside.graph import IMAGE, Graph
from fmexplore.models.layers import Conv, Dense, Flatten, GlobalAvgPool, MaxPool
from fmexplore.models.table import Model
from fmexplore.training.presets import presets
from tests.inside.networks import TABLES, passes_of


def moved_by_pixel(passes) -> dict[str, np.ndarray]:
    """By step `(784, ...) bool`: which values change when a pixel becomes bright.

    With positive weights, larger in each later channel, brighter pixels make everything brighter and win every pooling.
    """
    with torch.no_grad():
        for module in passes.network.modules():
            for parameter in module.parameters(recurse=False):
                parameter.copy_(torch.rand(parameter.shape) * 0.5 + 0.5)
                parameter.div_(parameter[0].numel() if parameter.dim() > 1 else 1)
            if hasattr(module, "running_mean"):
                module.running_mean.fill_(-0.1)
    passes.network.double()
    dark = torch.full((1, 1, 28, 28), 0.05, dtype=torch.double)
    bright = dark.repeat(784, 1, 1, 1)
    bright.view(784, 784).fill_diagonal_(1.0)
    with torch.no_grad():
        before, after = (passes.complete({IMAGE: each}, passes.graph.steps) for each in (dark, bright))
    return {name: ((after[name] - before[name]).abs() > 1e-12).numpy() for name in before}  # more than rounding


@pytest.mark.parametrize("name", sorted(TABLES.keys() - {"wide"}))  # which has no kind of its own
def test_the_field_of_a_value_has_the_pixels_that_move_it_at_its_borders_and_none_beyond(name):
    torch.manual_seed(0)
    passes, rng = passes_of(TABLES[name], scale="unit"), np.random.default_rng(0)
    moved = moved_by_pixel(passes)
    for step in passes.graph.steps.values():
        values = [tuple(int(rng.integers(n)) for n in (step.channels, *step.size)) for _ in range(12)]
        corners = [(0, 0, 0), (step.channels - 1, step.size[0] - 1, step.size[1] - 1)]
        for channel, y, x in {*values, *corners}:
            sees = moved[step.name][(slice(None), channel, y, x)[: 1 + len(step.shape)]].reshape(28, 28)
            rows, columns = np.flatnonzero(sees.any(1)), np.flatnonzero(sees.any(0))
            wanted = (0, 0, 0, 0) if not len(rows) else (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
            found = receptive_field(passes.graph, step.name, channel, y, x)
            assert found.box == wanted, (step, channel, y, x)
            assert not len(rows) or (found.reach[0] <= found.box[0] and found.reach[3] >= found.box[3])


@pytest.mark.parametrize("name", presets())
def test_every_value_of_every_preset_sees_a_part_of_the_image_and_its_logits_nearly_all(name):
    graph = Graph(presets()[name].model)
    for step in graph.steps.values():
        top, left, bottom, right = receptive_field(graph, step.name, step.channels - 1, *(n - 1 for n in step.size)).box
        assert 0 <= top < bottom <= 28
        assert 0 <= left < right <= 28
    top, left, bottom, right = receptive_field(graph, graph.logits, 0).box
    assert (top, left) == (0, 0)
    assert min(bottom, right) >= 24  # valid pooling leaves a rest at the border


def test_two_convolutions_with_a_stride_between_by_hand():
    graph = Graph(Model(layers=(Conv(stride=2), Conv(padding="valid"), MaxPool(), GlobalAvgPool(), Dense(units=10))))
    # A 3x3 window of a 3x3 window at steps of 2: 7 pixels, beginning at 2y - 1; two of those in the pool: 9 pixels.
    assert receptive_field(graph, "2", 0, 3, 0) == Field((5, 0, 12, 6), (5, -1, 12, 6))
    assert receptive_field(graph, "3", 0, 1, 2).box == (3, 7, 12, 16)
    assert receptive_field(graph, "5", 0).box == (0, 0, 28, 28)
    assert receptive_field(graph, "2", 0, 3, 0).padded
    assert not receptive_field(graph, "2", 0, 3, 3).padded


def test_a_value_behind_a_flatten_sees_what_its_place_in_the_map_saw():
    graph = Graph(Model(layers=(MaxPool(size=9), Flatten(), Dense(units=10))))
    assert receptive_field(graph, "2", 5).box == (9, 18, 18, 27)
    assert receptive_field(graph, "3", 5).box == (0, 0, 27, 27)  # the last row and column are in no window


def test_the_boxes_of_all_places_are_those_of_each():
    graph = Graph(Model(layers=(Conv(kernel=5, stride=3), Flatten(), Dense(units=10))))
    boxes = field_boxes(graph, "1")
    assert (boxes.shape, boxes.dtype) == ((10, 10, 4), np.int16)
    assert tuple(boxes[4, 0]) == receptive_field(graph, "1", 0, 4, 0).box == (10, 0, 15, 3)
    assert field_boxes(graph, "3").tolist() == [[[0, 0, 28, 28]]]  # the last window reaches beyond the image


def test_what_is_cut_out_of_an_image_has_one_size_everywhere():
    graph = Graph(Model(layers=(Conv(), Conv(), Flatten(), Dense(units=10))))
    image = np.arange(784).reshape(28, 28) + 1
    inner = cut_out(image, receptive_field(graph, "2", 0, 10, 12))
    assert np.array_equal(inner, image[8:13, 10:15])
    corner = cut_out(image, receptive_field(graph, "2", 0, 0, 27))
    assert corner.shape == (5, 5)
    assert np.array_equal(corner[2:, :3], image[:3, 25:])
    assert not corner[:2].any()
    assert not corner[:, 3:].any()
    assert cut_out(image, receptive_field(graph, "4", 0)) is image
