"""The settings of a training, to and from JSON. Knows no torch and no file; `loop` does what they say."""

from __future__ import annotations

import json
from typing import Literal, Self

from pydantic import Field, model_validator

from fmexplore.data.fashion_mnist import SplitConfig
from fmexplore.errors import ConfigError
from fmexplore.models.table import Model
from fmexplore.schema import Schema


class Augmentation(Schema):
    """Random changes of the training images, different for each image and epoch; 0 and "none" switch one off."""

    flip: Literal["none", "random", "alternating"] = "none"  # alternating: mirrored every other epoch
    shift: int = Field(0, ge=0, le=14)  # pixels, each way
    rotation: float = Field(0, ge=0, le=180)  # degrees, each way
    scale: float = Field(0, ge=0, le=0.9)  # 0.1: between 0.9 and 1.1 times
    brightness: float = Field(0, ge=0, le=1)  # added, each way, where 1 is the whole range
    contrast: float = Field(0, ge=0, le=1)  # 0.2: between 0.8 and 1.2 times
    erasing: float = Field(0, ge=0, le=1)  # probability of a random rectangle (Zhong et al. 2017)
    mixup: float = Field(0, ge=0, le=10)  # alpha: pairs of images are blended (Zhang et al. 2018)
    cutmix: float = Field(0, ge=0, le=1)  # probability that a batch gets rectangles of other images (Yun et al. 2019)
    upside_down: float = Field(0, ge=0, le=1)  # probability that top and bottom change places
    invert: float = Field(0, ge=0, le=1)  # probability of a negative
    shear: float = Field(0, ge=0, le=2)  # pixels a row, each way
    gain: float = Field(0, ge=0, le=1)  # 0.5: between 0.5 times the light and all of it
    gamma: float = Field(0, ge=0, le=10)  # 1: an exponent between 1 and 2
    noise: float = Field(0, ge=0, le=1)  # largest standard deviation, where 1 is the whole range
    blur: float = Field(0, ge=0, le=3)  # largest standard deviation, in pixels
    pixelate: float = Field(0, ge=0, le=14)  # largest side of a square of one grey, in pixels
    gradient: float = Field(0, ge=0, le=1)  # largest share of the light that is lost towards one side
    texture: float = Field(0, ge=0, le=1)  # largest share of the light that is lost in stripes
    jpeg: int = Field(0, ge=0, le=95)  # lowest quality, 1 to 95


class EarlyStopping(Schema):
    """Stop when the metric has not improved for `patience` epochs, and keep the weights of the best epoch."""

    monitor: Literal["loss", "accuracy"] = "loss"
    patience: int = Field(3, ge=1, le=1000)


class TrainConfig(Schema):
    """All settings of a training: data split, optimiser, schedule, regularisation and hardware."""

    epochs: float = Field(10, gt=0, le=1000)  # fractions allowed
    minutes: float | None = Field(None, gt=0, le=10_000)  # a time limit, in place of `epochs`
    batch_size: int = Field(128, ge=2, le=4096)
    seed: int = Field(0, ge=0, lt=2**31)

    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "muon"] = "adam"
    learning_rate: float = Field(0.001, gt=0, le=1e9)
    momentum: float = Field(0.9, ge=0, lt=1)  # SGD and Muon
    nesterov: bool = False  # SGD; Muon always
    beta1: float = Field(0.9, ge=0, lt=1)  # Adam, AdamW, and AdamW beside Muon
    beta2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0, le=1)
    rest_learning_rate: float = Field(0.01, gt=0, le=1e9)  # AdamW's, for all that Muon does not take
    schedule: Literal["constant", "step", "cosine", "one-cycle", "warmup-linear"] = "constant"
    warmup: float = Field(0.2, ge=0, lt=1)  # share of the steps, for one-cycle and warmup-linear

    weight_decay: float = Field(0, ge=0, le=10)  # decoupled in AdamW and Muon, an L2 gradient elsewhere
    l1: float = Field(0, ge=0, le=10)
    label_smoothing: float = Field(0, ge=0, lt=1)
    label_noise: float = Field(0, ge=0, le=1)  # share of the training labels that are drawn anew, in no other split
    weight_average: float = Field(0, ge=0, lt=1)  # share that the average of the weights keeps at each step; 0: none
    augmentation: Augmentation = Augmentation()
    early_stopping: EarlyStopping | None = None

    validation: Literal["share", "none", "test"] = "share"  # none and test exist only because papers did so
    validation_share: float = Field(0.1, ge=0.01, le=0.5)  # of the training images
    snapshots: int = Field(12, ge=0, le=100)  # points of the run, spread evenly in the logarithm of the steps

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int = Field(0, ge=0, le=64)  # 0: chosen by a few timed steps
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @model_validator(mode="after")
    def _early_stopping_needs_validation(self) -> Self:
        if self.early_stopping and self.validation == "none":
            raise ValueError("early_stopping needs validation figures, and validation is 'none': choose 'share'.")
        return self

    @property
    def split_config(self) -> SplitConfig:
        """Which images it learns from and which it validates with."""
        return SplitConfig(self.validation, self.validation_share)

    @property
    def peeks(self) -> bool:
        """Whether the test set is used for validation, as in several papers: its accuracy is then too optimistic."""
        return self.validation == "test"


class Execution(Schema):
    """The hardware settings of a run, chosen once and then kept, so that the training can be repeated exactly."""

    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: int = 1
    images_per_second: float = 0  # as timed


class RunConfig(Schema):
    """All settings of a run: with the same data set, they determine it."""

    format: Literal[1] = 1
    preset: str = Field("custom", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    model: Model
    training: TrainConfig = TrainConfig()


def change_settings(config: TrainConfig, changes: list[str]) -> TrainConfig:
    """Change settings of a training by text, as the option `--set` does.

    >>> changed = change_settings(TrainConfig(), ["epochs=3", "augmentation.flip=random"])
    >>> changed.epochs, changed.augmentation.flip
    (3.0, 'random')

    Args:
        config: the settings to begin with.
        changes: "name=value" each; a dot reaches into augmentation and early stopping.

    Raises:
        ConfigError: there is no such setting, or the value is not allowed.
    """
    values = config.model_dump(mode="json")
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"--set is {change!r}: write it as name=value.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        *outer, last = path.strip().replace("-", "_").split(".")
        inner = values
        for key in outer:
            if not isinstance(inner.get(key) or {}, dict):
                raise ConfigError(f"--set is {change!r}: {key} is one setting and has none inside it.")
            inner[key] = dict(inner.get(key) or {})
            inner = inner[key]
        inner[last] = value
    return TrainConfig.parse(values)
