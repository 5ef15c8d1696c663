"""The settings of a training as people read them: their names, what they can be, and a hint where one is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fmexplore.ui.formatting import num


@dataclass(frozen=True)
class Field:
    """One setting of a training and how it is asked for. `path` reaches into TrainConfig, as in "augmentation.flip"."""

    path: str
    label: str
    help: str = ""  # what the glossary does not say of its label
    choices: Sequence[Any] = ()
    low: float = 0
    high: float = 1
    step: float = 1
    format: str | None = None


MAIN = (
    Field("epochs", "Epochs", "Fractions are allowed.", (), 0.01, 1000, 0.5, "%g"),
    Field("batch_size", "Batch size", "", (), 2, 4096, 1),
    Field(
        "optimizer",
        "Optimiser",
        "Muon trains the convolutions, AdamW all other weights.",
        ("sgd", "adam", "adamw", "rmsprop", "muon"),
    ),
    Field("learning_rate", "Learning rate", "", (), 1e-9, 1e9, 0.001, "%g"),
)
GROUPS: dict[str, tuple[Field, ...]] = {
    "Optimiser": (
        Field("schedule", "Schedule", "", ("constant", "step", "cosine", "one-cycle", "warmup-linear")),
        Field("warmup", "Warm-up", "Share of the run; only for one-cycle and warmup-linear.", (), 0, 0.99, 0.05),
        Field("momentum", "Momentum", "For SGD and Muon.", (), 0, 0.999, 0.05),
        Field("nesterov", "Nesterov momentum", "For SGD.", (False, True)),
        Field(
            "rest_learning_rate",
            "AdamW learning rate",
            "With Muon: for all weights that Muon does not train.",
            (),
            1e-9,
            1e9,
            0.001,
            "%g",
        ),
    ),
    "Against overfitting": (
        Field("weight_decay", "Weight decay (L2)", "", (), 0, 10, 0.0001, "%g"),
        Field("l1", "L1", "", (), 0, 10, 0.00001, "%g"),
        Field(
            "weight_average",
            "Average of weights",
            "Exponential moving average: the share kept at each step. 0: off.",
            (),
            0,
            0.9999,
            0.001,
        ),
        Field("label_smoothing", "Label smoothing", "", (), 0, 0.99, 0.05),
        Field("early_stopping.monitor", "Stop early on", "", ("never", "loss", "accuracy")),
        Field("early_stopping.patience", "Patience", "In epochs.", (), 1, 1000, 1),
    ),
    "Augmentation": (
        Field(
            "augmentation.flip",
            "Mirror",
            "Random: half of the images, by chance. Alternating: each image in every other epoch.",
            ("none", "random", "alternating"),
        ),
        Field("augmentation.shift", "Shift", "At most, in pixels, in each direction.", (), 0, 14, 1),
        Field("augmentation.rotation", "Rotation", "At most, in degrees, in each direction.", (), 0.0, 180.0, 5.0),
        Field("augmentation.scale", "Zoom", "0.1: between 0.9 and 1.1 times.", (), 0, 0.9, 0.05),
        Field("augmentation.brightness", "Brightness", "Largest value that is added or subtracted.", (), 0, 1, 0.05),
        Field("augmentation.contrast", "Contrast", "0.2: between 0.8 and 1.2 times.", (), 0, 1, 0.05),
        Field(
            "augmentation.mixup", "Mixup", "Alpha: the larger, the more evenly two images are blended.", (), 0, 10, 0.1
        ),
        Field("augmentation.cutmix", "CutMix", "Probability that a batch gets pieces of other images.", (), 0, 1, 0.1),
        Field("augmentation.erasing", "Random erasing", "Probability that a rectangle is blacked out.", (), 0, 1, 0.1),
        Field("augmentation.upside_down", "Upside down", "Probability, image by image.", (), 0, 1, 0.1),
        Field("augmentation.invert", "Negative", "Probability, image by image.", (), 0, 1, 0.1),
        Field("augmentation.shear", "Shear", "At most, in pixels a row, in each direction.", (), 0, 2, 0.1),
        Field("augmentation.gain", "Less light", "0.5: between half of the light and all.", (), 0, 1, 0.1),
        Field("augmentation.gamma", "Gamma", "1: an exponent between 1 and 2.", (), 0, 10, 0.5),
        Field("augmentation.noise", "Noise", "Largest standard deviation; 1 is the whole range.", (), 0, 1, 0.05),
        Field("augmentation.blur", "Blur", "Largest standard deviation, in pixels.", (), 0, 3, 0.5),
        Field("augmentation.pixelate", "Pixelate", "Largest side of a square of one grey, in pixels.", (), 0, 14, 1),
        Field("augmentation.gradient", "Light from one side", "Largest share lost at the other side.", (), 0, 1, 0.1),
        Field("augmentation.texture", "Stripes", "Largest share of the light that is lost in them.", (), 0, 1, 0.1),
        Field("augmentation.jpeg", "JPEG", "Lowest quality, 1 to 95; 0 is off.", (), 0, 95, 1),
    ),
    "Validation and seed": (
        Field(
            "validation",
            "Validate on",
            "A share of the training images. The test set and none are offered because papers did so; the "
            "test set peeks.",
            ("share", "none", "test"),
        ),
        Field("validation_share", "Share held out", "Of the 60,000 training images.", (), 0.01, 0.5, 0.05),
        Field(
            "label_noise",
            "Label noise",
            "Share of the training labels that are drawn anew, to see what wrong labels do.",
            (),
            0,
            1,
            0.05,
        ),
        Field("seed", "Seed", "The same seed gives the same run on the same machine.", (), 0, 2**31 - 1, 1),
        Field("snapshots", "Snapshots", "", (), 0, 100, 1),
    ),
    "Machine": (
        Field(
            "precision", "Number precision", "Auto times a few steps and chooses the faster.", ("auto", "fp32", "bf16")
        ),
        Field("threads", "Threads", "0: chosen by timing.", (), 0, 64, 1),
        Field("device", "Device", "Auto uses a GPU if there is one.", ("auto", "cpu", "cuda", "mps")),
    ),
}


LABELS = {
    **{"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "muon": "Muon"},
    **{"step": "in steps", "one-cycle": "one cycle", "warmup-linear": "warm-up, then linear decay"},
    **{"share": "some training images", "test": "the test set (peeks)"},
    **{"fp32": "32 bits", "bf16": "16 bits (bf16)", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
}


NAMES = {
    **{field.path: field.label for fields in (MAIN, *GROUPS.values()) for field in fields},
    **{"minutes": "Minutes", "model.initialization": "Weight initialisation", "model.input_scale": "Input scaling"},
}


def name_setting(path: str) -> str:
    """What people call a setting of TrainConfig, or what `differences` calls a part of a network."""
    return NAMES.get(path) or path.capitalize()


def name_value(path: str, value: Any) -> str:
    """A value of the setting as people read it."""
    if value is None:
        return "never" if path == "early_stopping.monitor" else "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{num(value):g}"
    return LABELS.get(value, value) if isinstance(value, str) and path in NAMES else str(value)
