"""The command `inside`: its arrays are the network's, and what cannot be written is told with what can."""

import numpy as np
import pytest
import torch

from fmexplore.inside.fields import receptive_field
from fmexplore.inside.graph import graph_of
from fmexplore.models.networks import build, to_input
from tests.kinds import assert_strict

pytestmark = pytest.mark.usefixtures("drawn_folder")


@pytest.fixture
def run(store, tiny):
    run = store.create(tiny, state="finished", ended=1.0)
    run.write_weights({n: v.numpy().copy(order="C") for n, v in build(tiny.model, 3).state_dict().items()})
    return run


def test_the_arrays_are_the_image_the_maps_the_kernels_and_what_each_value_sees(call, run, drawn, tmp_path):
    path = tmp_path / "inside.npz"
    code, out, _ = call("inside", run.id, "--image", 5, "--layer", 4, "--out", path, "--json")
    wanted = {"file": str(path), "layer": "4", "kind": "conv", "maps": [16, 7, 7], "kernels": [16, 8, 3, 3], "label": 5}
    assert (code, assert_strict(out)) == (0, wanted)
    found, network = np.load(path), build(run.config.model, 3).eval()
    image = drawn.test.images[5]
    with torch.no_grad():
        maps = network.output_of(4, to_input(torch.tensor(image[None])))[0]
    assert np.array_equal(found["image"], image)
    assert np.allclose(found["maps"], maps, atol=1e-5)
    assert np.array_equal(found["kernels"], network.layers[3].weight.detach().numpy())
    box = receptive_field(graph_of(run.config.model), "4", 0, 2, 6).box
    assert tuple(found["receptive_field"][2, 6]) == box
    assert set(found.files) == {"image", "maps", "kernels", "receptive_field"}


def test_a_layer_without_kernels_says_so_and_a_split_is_counted_by_itself(call, run, drawn, tmp_path):
    path = tmp_path / "inside.npz"
    code, out, _ = call("inside", run.id, "--image", 63, "--layer", 2, "--split", "validation", "--out", path)
    label = "layer 2 (relu) makes 8 x 28 x 28 of validation image 63"
    assert (code, label in out, "relu has no kernels: that array is empty." in out) == (0, True, True)
    found = np.load(path)
    assert found["kernels"].size == 0
    assert np.array_equal(found["image"], drawn.select("validation", run.config.training.split_config).images[63])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--layer": "99"}, "layer is '99': choose one of image, 1, 2, 3, 4, 5, 6, softmax."),
        ({"--layer": "6"}, "layer is '6' (dense 10), which has no maps but 10 values: choose one of 1, 2, 3, 4."),
        ({"--image": "160"}, "--image is 160: choose 0 to 159 of the test images."),
        ({"--image": "-1"}, "--image is -1: choose 0 to 159 of the test images."),
        ({"--split": "all"}, "--split is 'all': choose test, validation or train."),
        ({"--out": "maps.npy"}, "--out is 'maps.npy': give it the ending .npz."),
    ],
)
def test_what_cannot_be_written_is_told_with_what_can(call, run, tmp_path, changed, said):
    options = {"--image": "0", "--layer": "1", "--out": str(tmp_path / "x.npz"), **changed}
    code, out, error = call("inside", run.id, *(each for pair in options.items() for each in pair))
    assert (code, out, error) == (2, "", said + "\n")
    assert not list(tmp_path.glob("*.npz"))
