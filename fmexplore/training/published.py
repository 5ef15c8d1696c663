"""The eleven networks of the papers: layers and training as printed, and every setting that the papers leave out.

Softmax and log-softmax are part of the loss here, so every table ends with ten logits. Facts only; trains nothing.
"""

from dataclasses import dataclass, field
from typing import Any

from fmexplore.errors import ConfigError
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool
from fmexplore.models.table import Model
from fmexplore.training.config import Augmentation, EarlyStopping, TrainConfig

CODERED = "Conquering Fashion MNIST with CNNs using Computer Vision (Team CodeRed, Jenat Cici Anil, 2023)"
TEAM4 = (
    "Classification of Standard FASHION MNIST Dataset Using Deep Learning Based Algorithms "
    "(Gayathri Patel, Poornashree Ganapathi Subramanian, CS637 Team 4)"
)
VENKATESH = "Using CNNs to detect fashion images (Ishan Venkatesh, 2025)"
PATEL = "Predict Real Images Classes by Using Fashion MNIST (Keval Patel)"
SHORT = {CODERED: "CodeRed 2023", TEAM4: "CS637 Team 4", VENKATESH: "Venkatesh 2025", PATEL: "Patel"}


@dataclass(frozen=True)
class Alternative:
    """Another value of a setting, tried in order to explain a printed result."""

    training: dict[str, Any] = field(default_factory=dict)  # changed settings of the training
    model: Model | None = None  # another network
    against: bool = False  # whether it contradicts the paper, which prints this setting


@dataclass(frozen=True)
class System:
    """A network that a paper describes, with the settings of its training."""

    id: str
    source: str
    model: Model
    training: TrainConfig
    assumed: dict[str, str]  # what the paper leaves out, and what is put there
    alternatives: dict[str, Alternative] = field(default_factory=dict)  # in words, as after "with"

    @property
    def short(self) -> str:
        """The paper in two words, such as "CodeRed 2023"."""
        return SHORT[self.source]


def _conv(filters: int, padding: str) -> tuple:
    return Conv(filters=filters, padding=padding), Activation(), MaxPool()


def _dense(units: int) -> tuple:
    return Dense(units=units), Activation()


def _keras(*layers) -> Model:
    return Model(layers=layers, initialization="glorot")


# Keras' constants; TensorFlow examples validate on the test set, which these papers followed.
_KERAS = TrainConfig(optimizer="adam", learning_rate=0.001, epsilon=1e-7, validation="test")
_CODERED = _KERAS.replace(batch_size=150, epochs=15)
_VENKATESH = _KERAS.replace(batch_size=32, epochs=20, validation="share", validation_share=0.2)
_TEAM4 = TrainConfig(
    optimizer="adam",
    learning_rate=0.001,
    batch_size=64,
    epochs=25,
    validation_share=0.2,
    early_stopping=EarlyStopping(monitor="loss", patience=3),
)
_VENKATESH_BODY = (*_conv(16, "same"), *_conv(32, "same"), *_conv(64, "same"), Flatten(), *_dense(128))


def _codered_final(convolutions: float, dense: float) -> Model:
    """The network with these dropout rates."""
    return _keras(
        *_conv(32, "valid"),
        Dropout(rate=convolutions),
        *_conv(64, "valid"),
        Dropout(rate=convolutions),
        Conv(filters=128, padding="valid"),
        Activation(),
        Flatten(),
        *_dense(256),
        Dropout(rate=dense),
        *_dense(256),
        Dropout(rate=dense),
        *_dense(512),
        Dense(units=10),
    )


SYSTEMS = (
    System(
        "codered-base",
        CODERED,
        _keras(*_conv(32, "valid"), *_conv(64, "valid"), Flatten(), *_dense(256), *_dense(512), Dense(units=10)),
        _CODERED,
        {"learning rate": "0.001", "pixels": "divided by 255"},
        {"30 epochs": Alternative({"epochs": 30}, against=True)},
    ),
    System(
        "codered-final",
        CODERED,
        _codered_final(0.25, 0.3),
        _CODERED,
        {"learning rate": "0.001", "dropout rates": "0.25, 0.25, 0.3 and 0.3", "pixels": "divided by 255"},
        {"dropout rates of 0.2": Alternative(model=_codered_final(0.2, 0.2))},
    ),
    System(
        "team4-cnn",
        TEAM4,
        Model(
            layers=(
                *(Conv(filters=32), BatchNorm(), Activation(), MaxPool(), Dropout(rate=0.25)),
                *(Conv(filters=64), BatchNorm(), Activation(), MaxPool(), Dropout(rate=0.25)),
                *(Flatten(), Dense(units=10)),
            )
        ),
        _TEAM4,
        {
            "kernels": "3 x 3",
            "padding": "same",
            "batch norm": "after each convolution",
            "dropout rates": "0.25",
            "batch size": "64",
            "patience": "3",
            "pixels": "divided by 255",
        },
    ),
    System(
        "team4-ann",
        TEAM4,
        Model(
            layers=(
                Flatten(),
                *_dense(128),
                Dropout(rate=0.25),
                *_dense(64),
                Dropout(rate=0.25),
                Dense(units=10),
            )
        ),
        _TEAM4.replace(learning_rate=0.003),
        {"second dropout rate": "0.25", "batch size": "64", "patience": "3", "pixels": "divided by 255"},
        {
            "a batch size of 256": Alternative({"batch_size": 256}),
            "a patience of 25": Alternative({"early_stopping": EarlyStopping(monitor="loss", patience=25)}),
        },
    ),
    System(
        "venkatesh-initial",
        VENKATESH,
        _keras(*_VENKATESH_BODY, Dense(units=10)),
        _VENKATESH,
        {"batch size": "32"},
    ),
    System(
        "venkatesh-optimised",
        VENKATESH,
        _keras(*_VENKATESH_BODY, Dropout(rate=0.5), Dense(units=10)),
        _VENKATESH.replace(
            epochs=25,
            early_stopping=EarlyStopping(monitor="accuracy", patience=3),
            augmentation=Augmentation(flip="random", rotation=36, scale=0.1),
        ),
        {
            "batch size": "32",
            "dropout rates": "0.5",
            "augmentation": "mirrored, turned by up to a tenth of a turn, zoomed by up to 0.1",
            "patience": "3",
        },
        {"a dropout rate of 0.2": Alternative(model=_keras(*_VENKATESH_BODY, Dropout(rate=0.2), Dense(units=10)))},
    ),
    System(
        "patel-basic",
        PATEL,
        _keras(Flatten(), *_dense(128), Dense(units=10)),
        _KERAS.replace(batch_size=32, epochs=10),
        {"hidden units": "128", "epochs": "10", "batch size": "32", "learning rate": "0.001"},
    ),
    System(
        "patel-cnn-32",
        PATEL,
        _keras(*_conv(32, "valid"), Flatten(), *_dense(128), Dense(units=10)),
        _KERAS.replace(batch_size=32, epochs=10),
        {"hidden units": "128", "batch size": "32", "learning rate": "0.001", "padding": "valid"},
    ),
    System(
        "patel-cnn-64",
        PATEL,
        _keras(*_conv(64, "valid"), Flatten(), *_dense(128), Dense(units=10)),
        _KERAS.replace(batch_size=32, epochs=10),
        {"hidden units": "128", "epochs": "10", "batch size": "32", "learning rate": "0.001", "padding": "valid"},
    ),
    System(
        "patel-cnn-128",
        PATEL,
        _keras(
            *_conv(64, "valid"),
            Dropout(rate=0.25),
            Conv(filters=128, padding="valid"),
            Activation(),
            Flatten(),
            Dropout(rate=0.4),
            *_dense(128),
            Dropout(rate=0.3),
            Dense(units=10),
        ),
        _KERAS.replace(batch_size=100, epochs=20),
        {
            "hidden units": "128",
            "epochs": "20",
            "learning rate": "0.001",
            "padding": "valid",
            "first filters": "64",
            "dropouts": "after the pool, at the flatten, after the dense layer",
        },
    ),
    System(
        "patel-final",
        PATEL,
        _keras(
            *_conv(32, "same"),
            *_conv(64, "same"),
            Dropout(rate=0.3),
            Flatten(),
            *_dense(128),
            Dropout(rate=0.3),
            Dense(units=10),
        ),
        _KERAS.replace(batch_size=100, epochs=100),
        {"learning rate": "0.001", "dropouts": "two of 0.3: after the second pool and after the dense layer"},
    ),
)


def find_system(name: str) -> System:
    """The system with the id `name`. Raises ConfigError, listing the ids there are, where there is none."""
    for system in SYSTEMS:
        if system.id == name:
            return system
    raise ConfigError(f"There is no system {name!r}: choose one of {', '.join(system.id for system in SYSTEMS)}.")
