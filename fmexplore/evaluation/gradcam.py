"""Which parts of an image a network's prediction rests on. Knows modules and tensors; no run, path or page."""

import numpy as np
import torch
from torch import nn

from fmexplore.models.networks import Network, to_input

SMALLEST_MAP = 5  # height and width; a heat map of a smaller one shows no place


def grad_cam(network: Network, image: np.ndarray, classes: list[int], against: int | None = None) -> np.ndarray | None:
    """Heat maps of the regions of an image that speak for each class, by Grad-CAM (Selvaraju et al. 2017).

    It is computed on the last feature map of at least 5 x 5. Leaves the network in evaluation mode.

    Args:
        network: the network to explain.
        image: (28, 28) uint8.
        classes: k labels, 0 to 9.
        against: another label: what speaks for each class rather than for that one, by the difference of their logits.

    Returns:
        (k, 28, 28) float32, 0 to 1: each class scaled to its own maximum, all 0 where nothing speaks for it. None for
        a network without a feature map of that size.
    """
    from captum.attr import LayerAttribution, LayerGradCam

    network.eval()
    # A copy of the input for each class: one pass instead of several.
    inputs = to_input(torch.tensor(np.repeat(image[None], len(classes), axis=0)))
    layer = _last_map(network, inputs[:1])
    if layer is None:
        return None

    def score(images: torch.Tensor) -> torch.Tensor:
        logits = network(images)
        return logits if against is None else logits - logits[:, against : against + 1]

    heat = LayerGradCam(score, layer).attribute(inputs, torch.tensor(classes), relu_attributions=True)
    assert isinstance(heat, torch.Tensor)  # several only for layers with several outputs
    heat = LayerAttribution.interpolate(heat, image.shape, "bilinear")[:, 0].detach()
    largest = heat.amax((1, 2), keepdim=True)
    return (heat / largest.where(largest > 0, torch.ones_like(largest))).numpy()


def _last_map(network: Network, inputs: torch.Tensor) -> nn.Module | None:
    """The layer whose output is the last map large enough, among those that have convolutions behind them."""
    found: list[nn.Module] = []
    convolved = False

    def record(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal convolved
        convolved |= any(isinstance(module, nn.Conv2d) for module in layer.modules())
        if convolved and output.ndim == 4 and min(output.shape[2:]) >= SMALLEST_MAP:
            found.append(layer)

    hooks = [layer.register_forward_hook(record) for layer in network.layers]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found[-1] if found else None
