"""What images are to a network: pixels, or the output of one of its layers, as points `(n, width) float16`.

Streams batches, so that only what is kept is in memory. Arrays and modules; knows no run or path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import DataSet, SplitConfig
from fmexplore.embeddings.neighbours import principal_axes
from fmexplore.errors import ConfigError
from fmexplore.evaluation.predictions import BATCH
from fmexplore.models.table import Model, layer_choices

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

SPLITS = ("test", "validation", "train", "all")
PIXELS, LAST = "pixels", "last"  # besides the numbers of the table
WIDEST = 128  # values per image: 70,000 of them are 18 MB
REDUCED = 64
FIT_IMAGES, FIT_VALUES = 10_000, 2**23


@dataclass(frozen=True)
class Features:
    """Points `(n, width) float16` of images, and the axes that wider ones were reduced to, to reduce others too."""

    points: np.ndarray
    mean: np.ndarray | None = None  # (values,)
    components: np.ndarray | None = None  # (width, values)
    variance: float = 1.0  # share of the variance of the values that the points keep

    def reduce(self, values: np.ndarray) -> np.ndarray:
        """The same for other images: `(n, values)` as `layer_values` gives them, to `(n, width) float16`."""
        if self.mean is None or self.components is None:
            return _half(values)
        return _half((values - self.mean) @ self.components.T)

    def to_arrays(self) -> dict[str, np.ndarray]:
        axes = {"mean": self.mean, "components": self.components}
        known = {name: value for name, value in axes.items() if value is not None}
        return {"points": self.points, "variance": np.array([self.variance]), **known}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Features:
        """What `to_arrays` gave. Raises KeyError for other arrays."""
        return cls(arrays["points"], arrays.get("mean"), arrays.get("components"), float(arrays["variance"][0]))


def ids_of_split(data: DataSet, split: str, config: SplitConfig) -> np.ndarray:
    """The ids `(n,)` of the images of a split, ascending: `test`, `validation` or `train` as the data set locates them,
    or `all`.

    Raises:
        ConfigError: it is another split, or there are no validation images.
    """
    if split == "all":
        return np.arange(len(data.addresses))
    if split not in SPLITS:
        raise ConfigError(f"split is {split!r}: choose one of {', '.join(SPLITS)}.")
    if (found := data.locate(split, config)) is None:
        raise ConfigError("The run was trained without validation images: choose the test images.")
    return data.addresses.ids(*found)


def image_batches(data: DataSet, split: str, config: SplitConfig) -> Iterator[np.ndarray]:
    """The images of a split, in batches `(n, 28, 28) uint8`, in the order of their ids."""
    ids = ids_of_split(data, split, config)
    for start in range(0, len(ids), BATCH):
        yield data.images_of(ids[start : start + BATCH])


def check_layer(model: Model | None, layer: str) -> str:
    """`layer` itself, where the network has it. Raises ConfigError saying which there are; None has only pixels."""
    there = [PIXELS]
    if model is not None:
        there += [LAST, *(number for number, _, _ in layer_choices(model))]
    if layer not in there:
        raise ConfigError(f"layer is {layer!r}: choose one of {', '.join(there)}.")
    return layer


def layer_values(network: Network | None, layer: str, images: np.ndarray) -> np.ndarray:
    """Values `(n, values) float32` of a batch of images `(n, 28, 28) uint8`: of pixels from 0 to 1, or of a layer.

    A feature map of more than 128 values is averaged over each channel.
    """
    if network is None or layer == PIXELS:
        return images.reshape(len(images), -1).astype(np.float32) / 255
    import torch

    from fmexplore.models.networks import to_input

    device, was_training = next(network.parameters()).device, network.training
    network.eval()
    with torch.inference_mode():
        x = to_input(torch.tensor(images, device=device))
        output = network.logits_and_features(x)[1] if layer == LAST else network.output_of(int(layer), x)
        if output.dim() == 4 and output[0].numel() > WIDEST:
            output = output.mean((2, 3))
        values = output.flatten(1).float().cpu().numpy()
    network.train(was_training)
    return values


def gather(batches: Iterable[np.ndarray]) -> Features:
    """Features of all images, from the values `(n, values)` of batches of them, in order.

    More than 128 values are reduced to 64 by PCA, fitted to the first 10,000 images, or fewer where they are wide.
    """
    waiting: list[np.ndarray] = []
    axes: Features | None = None
    points: list[np.ndarray] = []
    for values in batches:
        if axes is None:
            waiting.append(values)
            if sum(map(len, waiting)) < min(FIT_IMAGES, FIT_VALUES // values.shape[1]):
                continue
            axes, values, waiting = _fit(waiting), np.concatenate(waiting), []
        points.append(axes.reduce(values))
    if waiting:
        axes = _fit(waiting)
        points.append(axes.reduce(np.concatenate(waiting)))
    assert axes is not None, "no image"
    return Features(np.concatenate(points), axes.mean, axes.components, axes.variance)


def _fit(waiting: list[np.ndarray]) -> Features:
    width = waiting[0].shape[1]
    empty = np.zeros((0, width), np.float16)
    if width <= WIDEST:
        return Features(empty)
    mean, components, shares = principal_axes(np.concatenate(waiting), REDUCED)
    return Features(empty, mean, components, float(shares.sum()))


def _half(values: np.ndarray) -> np.ndarray:
    most = np.finfo(np.float16).max
    return values.clip(-most, most).astype(np.float16)
