"""Passes step by step: the values of torch's own pass, in the shapes of the table, also from the middle on."""

import numpy as np
import pytest
import torch

from fmexplore.errors import ConfigError
from fmexplore.inside.graph import IMAGE, SOFTMAX
from fmexplore.inside.passes import Passes, as_input
from fmexplore.models.layers import LAYER_KINDS
from fmexplore.models.networks import build
from fmexplore.models.table import summarize, walk
from fmexplore.training.presets import presets
from tests.inside.networks import TABLES, passes_of, shake

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("name", presets())
def test_a_trace_of_any_preset_has_its_layers_in_their_shapes_and_ends_in_its_logits(name):
    model = presets()[name].model
    network = shake(build(model, seed=2)).eval()
    trace = Passes(model, network).trace(IMAGES[0])
    with torch.no_grad():
        wanted = network(as_input(IMAGES[:1]))[0]
    assert np.allclose(trace.values[trace.graph.logits], wanted, atol=1e-4)
    assert np.allclose(trace.values[SOFTMAX], wanted.softmax(0), atol=1e-5)
    assert {n: each.shape for n, each in trace.values.items()} == {n: s.shape for n, s in trace.graph.steps.items()}
    numbers = {row.number: row.output for row in walk(summarize(model))}
    assert numbers.items() <= {n: s.shape for n, s in trace.graph.steps.items()}.items()
    assert trace.usable


def test_the_tables_here_have_layers_of_every_kind():
    kinds = {step.kind for layers in TABLES.values() for step in passes_of(layers).graph.steps.values()}
    assert kinds == {*LAYER_KINDS, "image", "scaled", "softmax", "concatenation"}


@pytest.mark.parametrize("name", TABLES)
def test_a_pass_can_go_on_after_any_step(name):
    passes = passes_of(TABLES[name])
    graph, inputs = passes.graph, as_input(IMAGES)
    with torch.no_grad():
        values = passes.complete({IMAGE: inputs}, graph.steps)
        wanted = passes.network(inputs)
        assert torch.allclose(values[graph.logits], wanted, atol=1e-4)
        for step in list(graph.steps)[:-1]:
            known = {each: values[each] for each in {step, *graph.beside(step)}}
            assert torch.allclose(passes.logits(known), wanted, atol=1e-4)
            alone = passes.complete({IMAGE: inputs}, [step])
            assert alone.keys() == {step}
            assert torch.equal(alone[step], values[step])


def test_a_block_is_opened_and_its_layers_come_before_it():
    steps = passes_of(TABLES["dense block"]).graph.steps
    inside = [["2.1.1", "2.1.2", "2.1.3"], ["2.2", "2.2.1", "2.2.2", "2.2.3"], ["2.3", "2.3.1", "2.3.2", "2.3.3"]]
    assert list(steps)[2:15] == ["1", *(name for repeat in inside for name in repeat), "2"]
    assert steps["2.3"].sources == ("1", "2.1.3", "2.2.3")
    assert steps["2"].sources == ("1", "2.1.3", "2.2.3", "2.3.3")
    assert [steps[name].depth for name in ("2", "2.2", "2.2.1")] == [0, 0, 1]
    assert steps["2.2"].text == "concatenation"


def test_pixels_may_also_be_given_as_the_network_takes_them():
    passes = passes_of(TABLES["plain"])
    whole, scaled = passes.trace(IMAGES[0]), passes.trace(IMAGES[0] / 255)
    assert all(np.allclose(whole.values[name], scaled.values[name], atol=1e-5) for name in whole.values)


def test_a_layer_that_does_not_exist_or_has_no_maps_is_told_with_those_there_are():
    graph = passes_of(TABLES["plain"]).graph
    with pytest.raises(ConfigError, match=r"layer is '8': choose one of image, scaled, 1, .*7, softmax"):
        graph["8"]
    with pytest.raises(ConfigError, match=r"layer is '7' \(dense 10\), which has no maps but 10 values: .* 1, 2, 3, 4"):
        graph.require_maps("7")
    assert graph.require_maps("5").shape == (4, 10, 10)
    with pytest.raises(ConfigError, match="no layer of this network has maps"):
        passes_of(TABLES["dense only"]).graph.require_maps("1")
