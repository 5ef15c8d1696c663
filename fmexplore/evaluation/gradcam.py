"""Why a network says what it says. Knows modules and tensors; never a run, a path or a screen."""

import numpy as np
import torch
from torch import nn

from fmexplore.models.networks import Network, to_input

SMALLEST_MAP = 5  # on a smaller one a heat map shows no place


def grad_cam(network: Network, image: np.ndarray, classes: list[int]) -> np.ndarray | None:
    """Where in an image a network sees each class: heat `(len(classes), 28, 28) float32`, 0 to 1.

    Grad-CAM (Selvaraju et al. 2017) on the last feature map of at least 5 x 5; each class is scaled to its own
    maximum, and all zero where nothing speaks for it. `image` is `(28, 28) uint8`. None for a network without such
    a map. Leaves the network in evaluation mode.
    """
    from captum.attr import LayerAttribution, LayerGradCam

    network.eval()
    # A copy of the input for each class: one pass instead of several.
    inputs = to_input(torch.tensor(np.repeat(image[None], len(classes), axis=0)))
    layer = _last_map(network, inputs[:1])
    if layer is None:
        return None
    heat = LayerGradCam(network, layer).attribute(inputs, torch.tensor(classes), relu_attributions=True)
    assert isinstance(heat, torch.Tensor)  # several only for layers with several outputs
    heat = LayerAttribution.interpolate(heat, image.shape, "bilinear")[:, 0].detach()
    largest = heat.amax((1, 2), keepdim=True)
    return (heat / largest.where(largest > 0, torch.ones_like(largest))).numpy()


def _last_map(network: Network, inputs: torch.Tensor) -> nn.Module | None:
    """The layer whose output is the last map large enough, among those that have convolutions behind them."""
    found: list[nn.Module] = []
    convolved = False

    def look(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal convolved
        convolved |= any(isinstance(module, nn.Conv2d) for module in layer.modules())
        if convolved and output.ndim == 4 and min(output.shape[2:]) >= SMALLEST_MAP:
            found.append(layer)

    hooks = [layer.register_forward_hook(look) for layer in network.layers]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found[-1] if found else None
