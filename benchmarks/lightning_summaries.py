"""Prints networks with Lightning and fastai in several ways, as the stored set on which the claim checker is tried.

Needs both beside this project's requirements: `pip install pytorch-lightning==2.6.6 fastai==2.8.12`.

    python -m benchmarks.lightning_summaries tests/checker/lightning_summaries.json.gz
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from benchmarks.summary_networks import draw

NETWORKS = 24
WAYS = ({"max_depth": 1}, {"max_depth": 2}, {"max_depth": -1}, {"max_depth": -1, "example": True})


def print_lightning(model: nn.Module, example: torch.Tensor, way: dict) -> str:
    """What Lightning prints before a training."""
    import pytorch_lightning as lightning  # pyrefly: ignore
    from pytorch_lightning.utilities.model_summary import ModelSummary  # pyrefly: ignore

    class Wrapped(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss = model, nn.CrossEntropyLoss()
            self.example_input_array = example if way.get("example") else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

    return str(ModelSummary(Wrapped(), max_depth=way["max_depth"]))


def print_fastai(model: nn.Module, example: torch.Tensor, frozen: bool) -> str:
    """What `Learner.summary` gives."""
    import fastai.callback.hook  # pyrefly: ignore  # noqa: F401  gives learners their summary
    from fastai.basics import DataLoaders, Learner  # pyrefly: ignore

    pairs = [(example[0], torch.tensor(0))] * 8
    learner = Learner(DataLoaders.from_dsets(pairs, pairs, bs=4, device="cpu"), model, nn.CrossEntropyLoss())
    if frozen:
        for parameter in list(model.parameters())[:2]:
            parameter.requires_grad_(False)
    return str(learner.summary())


def texts() -> Iterator[dict]:
    """For each network and way to print it, what was printed."""
    for seed in range(NETWORKS):
        for way in WAYS:
            model, size, kind = draw(seed)
            example = torch.zeros(2, *size, dtype=kind)
            yield {"by": "Lightning", "network": seed, "way": way, "text": print_lightning(model, example, way)}
        for frozen in (False, True):
            model, size, kind = draw(seed)
            text = print_fastai(model, torch.zeros(2, *size, dtype=kind), frozen)
            yield {"by": "fastai", "network": seed, "way": {"frozen": frozen}, "text": text}


def main(target: Path) -> None:
    """Write the set."""
    import fastai  # pyrefly: ignore
    import pytorch_lightning as lightning  # pyrefly: ignore

    torch.set_num_threads(1)
    versions = {"lightning": lightning.__version__, "fastai": fastai.__version__}
    content = json.dumps({**versions, "texts": list(texts())}, ensure_ascii=False, separators=(",", ":"))
    target.write_bytes(gzip.compress(content.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
