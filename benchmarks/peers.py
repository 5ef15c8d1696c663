"""`codered-final` trained by others: a plain PyTorch loop and Keras, as tutorials write them, on images in a folder."""

import json
import os
from pathlib import Path

from benchmarks.apart import Watch

PRESET = "codered-final"
WARM_UP = 30  # steps


def train_pytorch(folder: Path) -> dict:
    """As a tutorial writes it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset, Subset

    images, labels, table = read(folder)
    training = table["training"]

    class Clothes(Dataset):
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.from_numpy(images[index]).unsqueeze(0).float().div(255), int(labels[index])

    model = build_pytorch(table)
    optimizer = torch.optim.Adam(model.parameters(), training["learning_rate"], eps=training["epsilon"])
    criterion = nn.CrossEntropyLoss()

    def train_epoch(dataset: Dataset) -> None:
        model.train()
        running_loss = 0.0
        for inputs, targets in DataLoader(dataset, training["batch_size"], shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()

    train_epoch(Subset(Clothes(), range(WARM_UP * training["batch_size"])))
    watch = Watch()
    train_epoch(Clothes())
    return {
        **watch.result(len(labels)),
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": f"torch {torch.__version__}, fp32, {torch.get_num_threads()} threads",
    }


def build_pytorch(table: dict):
    """The layer table as a tutorial writes it."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for layer in table["model"]["layers"]:
        match layer["kind"]:
            case "conv":
                layers.append(nn.LazyConv2d(layer["filters"], layer["kernel"]))
            case "activation":
                layers.append(nn.ReLU())
            case "max_pool":
                layers.append(nn.MaxPool2d(layer["size"]))
            case "dropout":
                layers.append(nn.Dropout(layer["rate"]))
            case "flatten":
                layers.append(nn.Flatten())
            case "dense":
                layers.append(nn.LazyLinear(layer["units"]))
    model = nn.Sequential(*layers)
    model(torch.zeros(1, 1, 28, 28))
    return model


def train_keras(folder: Path) -> dict:
    """`fit` on a float32 array; runs in the interpreter of --keras-python."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # pyrefly: ignore [missing-import] only the other interpreter has them
    import tensorflow  # pyrefly: ignore [missing-import]

    images, labels, table = read(folder)
    training = table["training"]
    layers: list = [keras.Input((28, 28, 1))]
    for layer in table["model"]["layers"]:
        match layer["kind"]:
            case "conv":
                layers.append(keras.layers.Conv2D(layer["filters"], layer["kernel"]))
            case "activation":
                layers.append(keras.layers.ReLU())
            case "max_pool":
                layers.append(keras.layers.MaxPooling2D(layer["size"]))
            case "dropout":
                layers.append(keras.layers.Dropout(layer["rate"]))
            case "flatten":
                layers.append(keras.layers.Flatten())
            case "dense":
                layers.append(keras.layers.Dense(layer["units"]))
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(training["learning_rate"], epsilon=training["epsilon"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    inputs, batch = images[..., None].astype("float32") / 255, training["batch_size"]
    model.fit(inputs[: WARM_UP * batch], labels[: WARM_UP * batch], batch_size=batch, verbose=0)
    watch = Watch()
    model.fit(inputs, labels, batch_size=batch, verbose=0)
    return {
        **watch.result(len(labels)),
        "parameters": model.count_params(),
        "versions": f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}, fp32",
    }


def read(folder: Path) -> tuple:
    import numpy as np

    return np.load(folder / "images.npy"), np.load(folder / "labels.npy"), json.loads((folder / "run.json").read_text())


def write(folder: Path, count: int) -> None:
    """The first `count` training images and the preset, for the processes of a round to read."""
    import numpy as np

    from fmexplore.data.fashion_mnist import load
    from fmexplore.training.presets import find_preset

    split = load().train
    np.save(folder / "images.npy", split.images[:count])
    np.save(folder / "labels.npy", split.labels[:count])
    (folder / "run.json").write_text(find_preset(PRESET).config.model_dump_json())
