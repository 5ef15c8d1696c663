"""Features of images: their pixels, or the output of one layer of a network, as points `(n, width) float16`.

Works in batches, so that only the result is in memory. Knows arrays and modules; no run and no path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import DataSet, SplitConfig
from fmexplore.embeddings.neighbours import FIT_IMAGES, fit_to_first, principal_axes
from fmexplore.errors import ConfigError
from fmexplore.evaluation.predictions import BATCH
from fmexplore.models.table import Model, layer_choices

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

SPLITS = ("test", "validation", "train", "all")
PIXELS, LAST = "pixels", "last"  # besides the numbers of the table
WIDEST = 128  # values per image: 70,000 of them are 18 MB
REDUCED = 64
FIT_VALUES = 2**23  # that the axes are fitted to, at most


@dataclass(frozen=True)
class Features:
    """Features of n images, and the principal axes that they were reduced to, where they had more than 128 values."""

    points: np.ndarray  # (n, width) float16
    mean: np.ndarray | None = None  # (values,)
    components: np.ndarray | None = None  # (width, values)
    variance: float = 1.0  # share of the variance of the values that the points keep

    def reduce(self, values: np.ndarray) -> np.ndarray:
        """Features `(m, width) float16` of other images, from their `layer_values` `(m, values)`, on the same axes."""
        if self.mean is None or self.components is None:
            return _half(values)
        return _half((values - self.mean) @ self.components.T)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name, as they are stored."""
        axes = {"mean": self.mean, "components": self.components}
        known = {name: value for name, value in axes.items() if value is not None}
        return {"points": self.points, "variance": np.array([self.variance]), **known}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Features:
        """The features whose `to_arrays` gave these arrays. Raises KeyError where one is missing."""
        return cls(arrays["points"], arrays.get("mean"), arrays.get("components"), float(arrays["variance"][0]))


def ids_of_split(data: DataSet, split: str, config: SplitConfig) -> np.ndarray:
    """The ids of the images of a split.

    Args:
        data: the data set.
        split: "test", "validation", "train" or "all".
        config: how training images are divided into those for training and for validation.

    Returns:
        (n,) int, ascending; test images follow the training images.

    Raises:
        ConfigError: there is no such split, or there are no validation images.
    """
    if split == "all":
        return np.arange(len(data.addresses))
    if split not in SPLITS:
        raise ConfigError(f"split is {split!r}: choose one of {', '.join(SPLITS)}.")
    if (found := data.locate(split, config)) is None:
        raise ConfigError("The run was trained without validation images: choose the test images.")
    return data.addresses.ids(*found)


def image_batches(data: DataSet, split: str, config: SplitConfig) -> Iterator[np.ndarray]:
    """The images of a split in batches `(batch, 28, 28) uint8`, in the order of their ids."""
    ids = ids_of_split(data, split, config)
    for start in range(0, len(ids), BATCH):
        yield data.images_of(ids[start : start + BATCH])


def check_layer(model: Model | None, layer: str) -> str:
    """`layer` itself, if the network has it; without a network there are only "pixels".

    Raises:
        ConfigError: there is no such layer; the message lists those there are.
    """
    there = [PIXELS]
    if model is not None:
        there += [LAST, *(number for number, _, _ in layer_choices(model))]
    if layer not in there:
        raise ConfigError(f"layer is {layer!r}: choose one of {', '.join(there)}.")
    return layer


def layer_values(network: Network | None, layer: str, images: np.ndarray) -> np.ndarray:
    """The output of a layer for a batch of images, or their pixels.

    Args:
        network: the network; None for pixels. Afterwards in the mode (training or evaluation) in which it came.
        layer: "pixels", "last" for the input of the last dense layer, or the number of a layer.
        images: (n, 28, 28) uint8.

    Returns:
        (n, values) float32; pixels from 0 to 1. Of a feature map with more than 128 values, the means of its channels.
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
    """Features of all images; more than 128 values an image are reduced to 64 by PCA.

    Args:
        batches: the `layer_values` of successive batches, each (batch, values) float32; at least one image. The PCA is
            fitted to the first 10,000 images, or fewer where there are many values.
    """
    axes: Features | None = None
    points: list[np.ndarray] = []
    for axes, values in fit_to_first(batches, _fit, lambda each: min(FIT_IMAGES, FIT_VALUES // each.shape[1])):
        points.append(axes.reduce(values))
    assert axes is not None, "no image"
    return Features(np.concatenate(points), axes.mean, axes.components, axes.variance)


def _fit(values: np.ndarray) -> Features:
    """Features of no image, with the axes that values `(n, width)` are to be reduced to, if they are wide."""
    width = values.shape[1]
    empty = np.zeros((0, width), np.float16)
    if width <= WIDEST:
        return Features(empty)
    mean, components, shares = principal_axes(values, REDUCED)
    return Features(empty, mean, components, float(shares.sum()))


def _half(values: np.ndarray) -> np.ndarray:
    most = np.finfo(np.float16).max
    return values.clip(-most, most).astype(np.float16)
