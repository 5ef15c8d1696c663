"""Small networks with layers of every kind, and weights for which every value depends on all that it can."""

import torch

from fmexplore.inside.passes import Passes
from fmexplore.models.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    DenseBlock,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Inception,
    Layer,
    LogitScale,
    MaxPool,
    PixelUnshuffle,
    Residual,
)
from fmexplore.models.networks import Network, build
from fmexplore.models.table import Model

END = (Flatten(), Dense(units=10))
TABLES: dict[str, tuple[Layer, ...]] = {
    "plain": (Conv(filters=3), BatchNorm(), Activation(), MaxPool(), Conv(filters=4, kernel=5, padding="valid"), *END),
    "strided": (Conv(filters=2, kernel=3, stride=3, padding=2), Conv(filters=2, kernel=1, stride=2, padding=1), *END),
    "pooled": (
        *(MaxPool(size=3, stride=2, padding=1), Conv(filters=3, padding="valid"), AvgPool(size=2, stride=3, padding=1)),
        *(Activation(function="elu"), Flatten(), Dropout(), Dense(units=12), Activation(function="gelu")),
        *(BatchNorm(), Flatten(), Dense(units=10, bias=False), LogitScale()),
    ),
    "folded": (
        *(PixelUnshuffle(factor=2), BatchNorm(), MaxPool(size=3), PixelUnshuffle(factor=2), Conv(filters=2), *END),
    ),
    "residual": (
        MaxPool(),
        Residual(layers=(Conv(filters=1), Activation(function="leaky_relu"), Conv(filters=1, kernel=5))),
        Residual(
            layers=(Conv(filters=3, stride=2), BatchNorm(), MaxPool(size=3, stride=1, padding=1)),
            shortcut=(Conv(filters=3, kernel=1, stride=2), Residual(layers=(Conv(filters=3),))),
        ),
        *(GlobalAvgPool(), Dense(units=10)),
    ),
    "inception": (
        PixelUnshuffle(factor=2),
        Inception(paths=((Conv(filters=2),), (), (MaxPool(size=3, stride=1, padding=1), Conv(filters=1, kernel=1)))),
        *(AvgPool(), GlobalMaxPool(), Dense(units=10)),
    ),
    "dense block": (
        *(
            Conv(filters=2, kernel=2, stride=2, padding=0),
            DenseBlock(repeat=3, layers=(BatchNorm(), Activation(), Conv(filters=1))),
        ),
        *(MaxPool(size=7), Flatten(), Activation(function="tanh"), Dense(units=10)),
    ),
    "dense only": (Flatten(), Dense(units=6), Activation(), Dense(units=10)),
    "one by one": (Conv(filters=4, kernel=28, padding="valid"), Activation(), Conv(filters=10, kernel=1), Flatten()),
    "wide": (MaxPool(size=4), Conv(filters=512), Activation(), GlobalAvgPool(), Dense(units=10)),
}


def passes_of(layers: tuple[Layer, ...], seed: int = 0, scale: str = "standardized") -> Passes:
    """A network with random weights and random statistics in its batch norms."""
    model = Model.parse({"layers": [layer.model_dump() for layer in layers], "input_scale": scale})
    return Passes(model, shake(build(model, seed), seed))


def shake(network: Network, seed: int = 0) -> Network:
    """Give batch norms random statistics, as a training does."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            for tensor, low in ((module.running_mean, -0.5), (module.running_var, 0.3), (module.bias.data, -0.5)):
                tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
    return network
