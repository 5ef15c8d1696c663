"""Named starting points: `quick`, the papers' eleven systems, and the architectures that the papers cite."""

from dataclasses import dataclass
from functools import cache

from fmexplore.errors import ConfigError
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
    LogitScale,
    MaxPool,
    PixelUnshuffle,
    Residual,
)
from fmexplore.models.table import Model
from fmexplore.training import published
from fmexplore.training.config import Augmentation, RunConfig, TrainConfig


@dataclass(frozen=True)
class Preset:
    """A network and the settings of its training, under a name."""

    id: str
    about: str
    source: str
    model: Model
    training: TrainConfig

    @property
    def config(self) -> RunConfig:
        """The settings of a run with this preset."""
        return RunConfig(preset=self.id, model=self.model, training=self.training)


def staged(stem: int, widths: tuple[int, ...], convs: int = 2, begin: str = "full", residual: bool = False) -> Model:
    """The networks of our own presets: a first convolution, then stages, each of which halves the feature map.

    Args:
        stem: filters of the first convolution.
        widths: filters of the convolutions in each stage.
        convs: how many convolutions a stage has; max pooling follows the first one.
        begin: "full" keeps the map of the first convolution at 28 x 28; "pooled" reduces it to 14 x 14; "folded"
            turns squares of 2 x 2 pixels into channels before. A smaller map is faster and less accurate.
        residual: whether all but the first convolution of a stage form a residual block.
    """

    def norm() -> tuple:
        return BatchNorm(learn_weight=False, momentum=0.4), Activation(function="gelu")

    def stage(filters: int) -> tuple:
        conv = Conv(filters=filters, bias=False)
        more = tuple(layer for _ in range(convs - 1) for layer in (conv, *norm()))
        return conv, MaxPool(), *norm(), *([Residual(layers=more)] if residual else more)

    first = Conv(filters=stem, bias=False)
    return Model(
        layers=(
            *{"full": (first,), "pooled": (first, MaxPool()), "folded": (PixelUnshuffle(factor=2), first)}[begin],
            *norm(),
            *(layer for width in widths for layer in stage(width)),
            *(GlobalMaxPool(), Dense(units=10, bias=False), LogitScale(factor=0.125)),
        ),
        initialization="dirac",
        input_scale="standardized",
    )


# How our own networks learn.
MUON = TrainConfig(
    epochs=1.7,
    batch_size=250,
    optimizer="muon",
    learning_rate=0.1,
    momentum=0.6,
    beta2=0.95,
    rest_learning_rate=0.01,
    schedule="warmup-linear",
    label_smoothing=0.1,
)


def _own() -> list[Preset]:
    flip = Augmentation(flip="alternating")
    source = "fmexplore; after airbench94 by Keller Jordan (arXiv 2404.00498)"
    return [
        Preset(
            "quick",
            "Over 92 % in less than two epochs: a narrow network, Muon, a short schedule",
            source,
            staged(24, (48, 96), begin="pooled"),
            MUON,
        ),
        Preset(
            "solid",
            "Past the best paper's 93.40 % in about a minute",
            source,
            staged(16, (32, 96, 128)),
            MUON.replace(epochs=3.5, augmentation=flip),
        ),
        Preset(
            "best",
            "Our best from scratch: half an hour on two cores",
            source,
            staged(24, (64, 256, 256)),
            MUON.replace(
                epochs=30,
                augmentation=Augmentation(flip="alternating", erasing=0.25, cutmix=0.5),
                validation_share=0.05,
            ),
        ),
    ]


def _conv_block(filters: int, kernel: int = 3, stride: int = 1) -> tuple:
    return Conv(filters=filters, kernel=kernel, stride=stride, bias=False), BatchNorm(), Activation()


def _lenet() -> Model:
    tanh = Activation(function="tanh")
    return Model(
        layers=(
            *(Conv(filters=6, kernel=5), tanh, AvgPool()),
            *(Conv(filters=16, kernel=5, padding="valid"), tanh, AvgPool()),
            *(Flatten(), Dense(units=120), tanh, Dense(units=84), tanh, Dense(units=10)),
        ),
        initialization="glorot",
    )


def _alexnet() -> Model:
    def conv(filters: int, kernel: int = 3) -> tuple:
        return Conv(filters=filters, kernel=kernel), Activation()

    def dense() -> tuple:
        return Dropout(rate=0.5), Dense(units=512), Activation()

    pool = MaxPool(size=3, stride=2)
    return Model(
        layers=(
            *(*conv(48, 5), pool, *conv(128), pool, *conv(192), *conv(192), *conv(128), pool),
            *(Flatten(), *dense(), *dense(), Dense(units=10)),
        ),
        initialization="he",
        input_scale="standardized",
    )


def _vgg() -> Model:
    def stage(filters: int) -> tuple:
        return *_conv_block(filters), *_conv_block(filters), MaxPool()

    return Model(
        layers=(
            *(*stage(32), *stage(64), *stage(128), Flatten()),
            *(Dense(units=256), Activation(), Dropout(rate=0.5), Dense(units=10)),
        ),
        initialization="he",
        input_scale="standardized",
    )


def _googlenet() -> Model:
    def inception(ones: int, threes: int, fives: int, pooled: int) -> Inception:
        return Inception(
            paths=(
                _conv_block(ones, 1),
                (*_conv_block(threes // 2, 1), *_conv_block(threes)),
                (*_conv_block(fives // 2, 1), *_conv_block(fives, 5)),
                (MaxPool(size=3, stride=1, padding=1), *_conv_block(pooled, 1)),
            )
        )

    return Model(
        layers=(
            *(*_conv_block(32), MaxPool()),
            *(inception(16, 32, 8, 8), inception(32, 48, 16, 16), MaxPool()),
            *(inception(48, 64, 16, 16), inception(64, 96, 32, 32)),
            *(GlobalAvgPool(), Dropout(rate=0.2), Dense(units=10)),
        ),
        initialization="he",
        input_scale="standardized",
    )


def _resnet() -> Model:
    def block(filters: int, stride: int = 1) -> tuple:
        layers = (*_conv_block(filters, stride=stride), Conv(filters=filters, bias=False), BatchNorm())
        shortcut = (Conv(filters=filters, kernel=1, stride=stride, bias=False), BatchNorm()) if stride > 1 else ()
        return Residual(layers=layers, shortcut=shortcut), Activation()

    return Model(
        layers=(
            *(*_conv_block(32), *block(32), *block(32)),
            *(*block(64, 2), *block(64), *block(128, 2), *block(128)),
            *(GlobalAvgPool(), Dense(units=10)),
        ),
        initialization="he",
        input_scale="standardized",
    )


def _densenet() -> Model:
    def pre(filters: int, kernel: int) -> tuple:
        return BatchNorm(), Activation(), Conv(filters=filters, kernel=kernel, bias=False)

    block = DenseBlock(repeat=6, layers=pre(12, 3))
    return Model(
        layers=(
            *(Conv(filters=24, bias=False), block, *pre(48, 1), AvgPool()),
            *(block, *pre(60, 1), AvgPool(), block),
            *(BatchNorm(), Activation(), GlobalAvgPool(), Dense(units=10)),
        ),
        initialization="he",
        input_scale="standardized",
    )


_CITED = (
    ("lenet-5", _lenet, "LeNet-5 of 1998, with its tanh and average pools", "LeCun et al. 1998"),
    ("alexnet", _alexnet, "AlexNet's five convolutions and three dense layers, sized for 28x28", "Krizhevsky 2012"),
    ("vgg", _vgg, "VGG's pairs of 3x3 convolutions, with batch norm, sized for 28x28", "Simonyan, Zisserman 2014"),
    ("googlenet", _googlenet, "GoogLeNet's inception blocks, sized for 28x28", "Szegedy et al. 2014"),
    ("resnet", _resnet, "ResNet's residual blocks, sized for 28x28", "He et al. 2015"),
    ("densenet", _densenet, "DenseNet's dense blocks, sized for 28x28", "Huang et al. 2016"),
)
CITED = tuple(name for name, *_ in _CITED)


def _words(assumed: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in assumed.items())


@cache
def presets() -> dict[str, Preset]:
    """All presets by id, in the order in which pages and commands list them."""
    found = _own()
    found += [
        Preset(s.id, f"As published; assumed: {_words(s.assumed)}", s.source, s.model, s.training)
        for s in published.SYSTEMS
    ]
    cited = TrainConfig(
        epochs=5,
        optimizer="adamw",
        learning_rate=0.002,
        weight_decay=0.01,
        schedule="one-cycle",
        augmentation=Augmentation(flip="random"),
    )
    found += [Preset(name, about, source, build(), cited) for name, build, about, source in _CITED]
    return {preset.id: preset for preset in found}


def find_preset(name: str) -> Preset:
    """The preset with the id `name`.

    >>> from fmexplore.models.table import parameters, summarize
    >>> parameters(summarize(find_preset("codered-base").model))
    565386

    Raises:
        ConfigError: there is none; the message lists the ids there are.
    """
    try:
        return presets()[name]
    except KeyError:
        raise ConfigError(f"There is no preset {name!r}: choose one of {', '.join(presets())}.") from None
