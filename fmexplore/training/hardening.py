"""Which augmentation prepares a network for which change of its images. Knows names of changes and settings only."""

from typing import Any

from fmexplore.training.config import Augmentation, TrainConfig

# By the name of a change: the setting of the augmentation, and what it is set to against the change.
REMEDIES: dict[str, tuple[str, Any]] = {
    "offset": ("brightness", 0.2),
    "contrast": ("contrast", 0.7),
    "rotation": ("rotation", 30),
    "shift": ("shift", 4),
    "scale": ("scale", 0.4),
    "occlude": ("erasing", 0.5),
    "mirror": ("flip", "random"),
    "upside-down": ("upside_down", 0.5),
    "invert": ("invert", 0.5),
    "shear": ("shear", 0.5),
    "gain": ("gain", 0.8),
    "gamma": ("gamma", 2),
    "noise": ("noise", 0.25),
    "blur": ("blur", 2),
    "pixelate": ("pixelate", 4),
    "gradient": ("gradient", 1),
    "texture": ("texture", 0.9),
    "jpeg": ("jpeg", 4),
}


def train_against(training: TrainConfig, change: str) -> TrainConfig:
    """The same training with that change, one of `REMEDIES`, among its augmentations.

    >>> train_against(TrainConfig(), "rotation").augmentation.rotation
    30.0
    """
    name, value = REMEDIES[change]
    return training.replace(augmentation=training.augmentation.replace(**{name: value}))


def trained_against(training: TrainConfig) -> frozenset[str]:
    """The changes that a training has among its augmentations, to whatever extent."""
    off = Augmentation()
    now = training.augmentation
    return frozenset(change for change, (name, _) in REMEDIES.items() if getattr(now, name) != getattr(off, name))
