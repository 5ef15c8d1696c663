"""The command `inside`: what one layer makes of one image, as arrays in an npz file."""

import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fmexplore.analysis.task import NullProgress
from fmexplore.cli.terminal import AsJson, RunName, print_json
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.inside.fields import field_boxes
from fmexplore.inside.graph import graph_of
from fmexplore.machine import prepare_process
from fmexplore.runs.derived import SPLITS
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings
from fmexplore.storage import write_bytes

commands = typer.Typer()


@commands.command()
def inside(
    run: RunName,
    image: Annotated[int, typer.Option(metavar="N", help="The number of an image in the split, from 0.")],
    layer: Annotated[str, typer.Option(metavar="L", help="A number of the layer table, as 3, or 3.1.2 in a block.")],
    out: Annotated[Path, typer.Option(metavar="FILE.npz", help="The file to write.")],
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    as_json: AsJson = False,
) -> None:
    """Write what one layer makes of one image: image, maps, kernels and receptive_field in an npz file."""
    if split not in SPLITS:
        raise ConfigError(f"--split is {split!r}: choose test, validation or train.")
    if out.suffix != ".npz":
        raise ConfigError(f"--out is {str(out)!r}: give it the ending .npz.")
    found = RunStore(read_settings()).find(run)
    graph = graph_of(found.config.model)
    step = graph.require_maps(layer)
    images = fashion_mnist.load().select(split, found.config.training.split_config)
    if images is None:
        raise ConfigError(f"{found.title} was trained without validation images: choose the test images.")
    if not 0 <= image < len(images):
        raise ConfigError(f"--image is {image}: choose 0 to {len(images) - 1} of the {split} images.")
    prepare_process(trains=False)
    from fmexplore.analysis.inside import read_kernels, trace_image

    pixels = images.images[image]
    maps = trace_image(NullProgress(), found, pixels)[layer]
    kernels = read_kernels(NullProgress(), found, layer)
    buffer = io.BytesIO()
    np.savez(buffer, image=pixels, maps=maps, kernels=kernels, receptive_field=field_boxes(graph, layer))
    write_bytes(out, buffer.getvalue())
    values = {"file": str(out), "layer": layer, "kind": step.kind, "maps": list(maps.shape)}
    values |= {"kernels": list(kernels.shape) if kernels.size else None, "label": int(images.labels[image])}
    if as_json:
        print_json(values)
        return
    shape = " x ".join(map(str, maps.shape))
    without = "" if kernels.size else f" {step.text} has no kernels: that array is empty."
    name = CLASS_NAMES[images.labels[image]]
    print(f"{out}: layer {layer} ({step.text}) makes {shape} of {split} image {image} ({name}).{without}", flush=True)
