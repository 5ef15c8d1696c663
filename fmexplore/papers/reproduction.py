"""Repeats the papers' trainings: which there are, what each gave, and the JSON file that stores it.

There is one file for each system, written after each training, so that nothing is lost if the work is interrupted.
Imports torch only where it trains; knows nothing of claims.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from pydantic import Field

from fmexplore.data.fashion_mnist import DataSet
from fmexplore.errors import ConfigError, RunBroken
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.machine import cores, processor, versions
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dropout, Flatten, Layer, MaxPool
from fmexplore.schema import Schema
from fmexplore.settings import SHIPPED
from fmexplore.storage import read_cached, read_json, write_json
from fmexplore.training import published
from fmexplore.training.config import Augmentation, EarlyStopping, RunConfig
from fmexplore.training.presets import CITED, find_preset

if TYPE_CHECKING:
    from fmexplore.training.progress import Progress

FOLDER = SHIPPED / "papers"
PUBLISHED, HONEST = "published", "honest"
ONE_SEED = ("patel-final", "venkatesh-optimised", *CITED)  # an epoch costs too much for three
HONESTLY = ("codered-base", "codered-final", "patel-basic", "patel-cnn-32")  # trained again without peeking
REMEDIES = "codered-base"  # the network that the remedies are tried on
NOISE = "label noise"  # beside the remedies, for comparison
HELD_OUT = ("validation_accuracy", "validation_loss")
SEEN_IMAGES = 10_000  # training images that are evaluated after each epoch


@dataclass(frozen=True)
class Variant:
    """A system as published, or with one thing changed."""

    about: str
    config: RunConfig
    seeds: int = 3  # how many trainings are wanted


class Epoch(Schema):
    """The metrics after one epoch: accuracies from 0 to 1, losses in nats.

    Training metrics are the mean over the epoch's batches with dropout active, as frameworks print them. `seen` metrics
    are those of training images in evaluation mode. Validation metrics are None where the test set was used for that.
    """

    train_accuracy: float
    train_loss: float
    seen_accuracy: float
    seen_loss: float
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    test_accuracy: float
    test_loss: float


class Training(Schema):
    """One training with one seed."""

    seed: int
    date: str
    command: str
    device: str
    processor: str
    cores: int
    others: float  # cores that other processes used meanwhile
    threads: int
    precision: str
    versions: dict[str, str]
    seconds: float  # of training and validation, without the evaluations that only this project does
    epochs: tuple[Epoch, ...]
    kept: int  # the epoch, from 0, whose weights were kept
    confusion: tuple[tuple[int, ...], ...]  # the confusion matrix of those weights on the test images

    @property
    def result(self) -> Epoch:
        """The metrics of the weights that were kept."""
        return self.epochs[self.kept]


def least_disturbed(trainings: Sequence[Training]) -> Training:
    """The training during which other processes used the least computing time: its duration is the most reliable."""
    return min(trainings, key=lambda each: each.others)


class Trainings(Schema):
    """The trainings of a variant, one for each seed."""

    config: RunConfig
    trainings: tuple[Training, ...] = ()


class ChangedImages(Schema):
    """How many of the same test images a network is right about, unchanged and under each change of them."""

    config: RunConfig  # with the seed
    date: str
    command: str
    versions: dict[str, str]
    changes: int  # the version of the changes
    test_accuracy: float  # of all test images, unchanged, 0 to 1
    images: int  # the first ones of the test images
    right: dict[str, tuple[int, ...]]  # by change, for each severity from 1; "clean" has one


class Reproduction(Schema):
    """The trainings of a system, by the name of their variant, and what one of them makes of changed images."""

    system: str
    variants: dict[str, Trainings] = Field(default_factory=dict)
    robustness: ChangedImages | None = None


Find = Callable[[str], Reproduction]  # the trainings of a system, by its id


def systems() -> tuple[str, ...]:
    """The ids of all that is reproduced: the papers' systems and the architectures that they cite."""
    return (*(system.id for system in published.SYSTEMS), *CITED)


def plan(system: str) -> dict[str, Variant]:
    """The variants of a system that are to be trained, by name. Raises ConfigError for an unknown system."""
    if system not in systems():
        raise ConfigError(f"There is no system {system!r}: choose one of {', '.join(systems())}.")
    config = find_preset(system).config
    config = config.replace(training=config.training.replace(precision="fp32", snapshots=0))
    seeds = 1 if system in ONE_SEED else 3
    found = {PUBLISHED: Variant("as published", config, seeds)}
    if system in HONESTLY:
        honest = config.replace(training=config.training.replace(validation="share", validation_share=0.1))
        found[HONEST] = Variant("with a tenth of the training images for validation", honest, seeds)
        if system == REMEDIES:
            found |= remedy_variants(honest)
    for name, other in published.find_system(system).alternatives.items() if system not in CITED else ():
        changed = config.replace(training=config.training.replace(**other.training), model=other.model or config.model)
        found[name] = Variant(name, changed, 1)
    return found


def remedy_variants(base: RunConfig) -> dict[str, Variant]:
    """The base network with one remedy against overfitting each, by the name of the remedy; with noisy labels last."""

    def network(*layers: Layer) -> RunConfig:
        return base.replace(model=base.model.replace(layers=layers))

    def training(**changes: object) -> RunConfig:
        return base.replace(training=base.training.replace(**changes))

    layers = base.model.layers
    dense = next(number for number, layer in enumerate(layers) if isinstance(layer, Flatten))
    pools = [number for number, layer in enumerate(layers) if isinstance(layer, MaxPool)]
    hidden = [number for number, layer in enumerate(layers) if isinstance(layer, Activation) and number > dense]
    rates = dict.fromkeys(pools, 0.25) | dict.fromkeys(hidden, 0.3)
    dropped: list[Layer] = []
    normed: list[Layer] = []
    for number, layer in enumerate(layers):
        dropped += [layer, Dropout(rate=rates[number])] if number in rates else [layer]
        normed += [layer, BatchNorm()] if isinstance(layer, Conv) else [layer]
    return {
        "dropout": Variant("dropout, 0.25 after each pool and 0.3 after each dense layer", network(*dropped)),
        "batch norm": Variant("batch norm after each convolution", network(*normed)),
        "augmentation": Variant(
            "mirrored and shifted by up to 2 pixels", training(augmentation=Augmentation(flip="random", shift=2))
        ),
        "early stopping": Variant(
            "stopped when validation loss has not fallen for 3 epochs",
            training(early_stopping=EarlyStopping(monitor="loss", patience=3)),
        ),
        "weight decay": Variant("an L2 penalty of 0.0001", training(weight_decay=1e-4)),
        NOISE: Variant("no remedy: a fifth of the labels drawn anew", training(label_noise=0.2)),
    }


def read_reproduction(system: str, folder: Path | None = None) -> Reproduction:
    """The stored trainings of a system; empty where there are none. Raises RunBroken for a damaged file."""
    path = (folder or FOLDER) / f"{system}.json"
    return read_cached(path, _parse) if path.exists() else Reproduction(system=system)


def _parse(path: Path) -> Reproduction:
    try:
        return Reproduction.parse(read_json(path))
    except ConfigError as error:
        raise RunBroken(f"{path} is damaged ({error}): delete it, and reproduce the system again.") from None


def missing(system: str, seeds: int | None = None, folder: Path | None = None) -> list[tuple[str, RunConfig]]:
    """The trainings of a system that are not stored yet, the lowest seeds first.

    Args:
        system: its id.
        seeds: how many trainings each variant should have; as many as `plan` says where it is None.
        folder: where trainings are stored; those of another configuration count as missing.

    Returns:
        The name of the variant and the configuration, with its seed, of each training.
    """
    stored, wanted = read_reproduction(system, folder).variants, []
    for name, variant in plan(system).items():
        known = stored.get(name)
        done = {each.seed for each in known.trainings} if known and known.config == variant.config else set()
        for seed in range(seeds or variant.seeds):
            if seed not in done:
                wanted.append((name, variant.config.replace(training=variant.config.training.replace(seed=seed))))
    return sorted(wanted, key=lambda each: each[1].training.seed)


def keep_training(system: str, variant: str, training: Training, folder: Path | None = None) -> None:
    """Store a training; it replaces one with the same seed, and all of an older configuration."""
    before, config = read_reproduction(system, folder), plan(system)[variant].config
    known = before.variants.get(variant)
    others = (
        [each for each in known.trainings if each.seed != training.seed] if known and known.config == config else []
    )
    trainings = Trainings(config=config, trainings=tuple(sorted([*others, training], key=lambda each: each.seed)))
    order = [*plan(system)]
    variants = {**before.variants, variant: trainings}
    variants = {name: variants[name] for name in order if name in variants}
    write_json((folder or FOLDER) / f"{system}.json", before.replace(variants=variants).model_dump(mode="json"))


def keep_robustness(system: str, found: ChangedImages, folder: Path | None = None) -> None:
    """Store the answers beside the system's trainings, which stay as they are."""
    stored = read_reproduction(system, folder).replace(robustness=found.model_dump(mode="json"))
    write_json((folder or FOLDER) / f"{system}.json", stored.model_dump(mode="json"))


def train_again(
    config: RunConfig, images: DataSet, command: str, listen: Callable[["Progress"], None] = lambda _: None
) -> Training:
    """Train a network, evaluating it on the test images after each epoch; the training does not depend on that.

    Args:
        config: the network and the settings of its training.
        images: the data set.
        command: the command that repeats it, which is stored with the result.
        listen: called with each Progress.

    Raises:
        ConfigError: the network cannot be built, or this machine lacks the device.
        TrainingDiverged: the loss is no longer finite.
    """
    from fmexplore.evaluation.predictions import predict
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train, use_threads

    execution = choose_execution(config.model, config.training)
    trainer = train(config.model, config.training, images, execution)
    seen = trainer.training.take(np.linspace(0, len(trainer.training) - 1, SEEN_IMAGES).astype(int))
    evaluating, epochs, watch = 0.0, list[Epoch](), _Watch()
    for progress in trainer:
        listen(progress)
        if progress.kind == "epoch":
            started = time.perf_counter()
            with use_threads(execution):
                known, test = (predict(trainer.state.eval_network, split) for split in (seen, images.test))
            evaluating += time.perf_counter() - started
            # Where the test set serves for validation, its metrics are those of the test.
            held_out = {} if config.training.peeks else {name: getattr(progress, name) for name in HELD_OUT}
            metrics = {"train_accuracy": progress.train_accuracy, "train_loss": progress.train_loss, **held_out}
            metrics |= {"seen_accuracy": known.accuracy, "seen_loss": known.loss}
            metrics |= {"test_accuracy": test.accuracy, "test_loss": test.loss}
            epochs.append(Epoch.parse({name: value and round(value, 6) for name, value in metrics.items()}))
    end = progress.test_predictions
    assert end is not None  # the last Progress has them
    return Training(
        seed=config.training.seed,
        date=str(date.today()),
        command=command,
        device=execution.device,
        processor=processor(),
        cores=cores(),
        others=watch.others(),
        threads=execution.threads,
        precision=execution.precision,
        versions=versions(),
        seconds=round(progress.seconds - evaluating, 1),
        epochs=tuple(epochs),
        kept=_kept(epochs, config.training.early_stopping),
        confusion=tuple(map(tuple, confusion_matrix(end.labels, end.predicted).tolist())),
    )


class _Watch:
    """Measures how many cores other processes use from its creation on."""

    def __init__(self) -> None:
        self._before = self._now()

    def others(self) -> float:
        seconds, busy, own = (after - before for after, before in zip(self._now(), self._before, strict=True))
        return round(max(busy - own, 0) / max(seconds, 1e-3), 2)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return time.monotonic(), sum(machine) - machine.idle - getattr(machine, "iowait", 0), own.user + own.system


def _kept(epochs: list[Epoch], stopping: EarlyStopping | None) -> int:
    """Early stopping goes back to the best epoch."""
    if stopping is None:
        return len(epochs) - 1
    if stopping.monitor == "loss":
        return min(range(len(epochs)), key=lambda number: epochs[number].validation_loss or 0)
    return max(range(len(epochs)), key=lambda number: epochs[number].validation_accuracy or 0)
