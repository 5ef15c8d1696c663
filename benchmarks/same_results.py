"""Whether the fast engine learns what plain PyTorch learns: `codered-final`, curves and test accuracies of some seeds.

    .venv/bin/python -m benchmarks.same_results --epochs 5                              # about 10 minutes
    .venv/bin/python -m benchmarks.same_results --epochs 15 --who fp32 bf16 --out result.json

Everyone learns from the same 54,000 images, is evaluated on the 6,000 others after each epoch, and on the test images
at the end. Plain PyTorch starts from the weights that our network starts from, and draws its own order and dropout.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Literal

from benchmarks.peers import PRESET, build_pytorch
from fmexplore.machine import prepare_process

prepare_process()

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from fmexplore.data import fashion_mnist  # noqa: E402
from fmexplore.data.fashion_mnist import Split, SplitConfig  # noqa: E402
from fmexplore.models.networks import build  # noqa: E402
from fmexplore.training.config import Execution  # noqa: E402
from fmexplore.training.loop import train  # noqa: E402
from fmexplore.training.presets import find_preset  # noqa: E402


def train_ours(precision: Literal["fp32", "bf16"], epochs: int, seed: int) -> tuple[list[float], float]:
    """Accuracies on the held-out images after each epoch, and on the test images."""
    config = find_preset(PRESET).config
    training = config.training.replace(epochs=epochs, seed=seed, validation="share", snapshots=0, precision=precision)
    execution = Execution(precision=precision, threads=torch.get_num_threads())
    curve = []
    for progress in train(config.model, training, fashion_mnist.load(), execution):
        if progress.kind == "epoch":
            curve.append(progress.validation_accuracy or 0.0)
        if progress.kind == "end":
            return curve, progress.test_accuracy or 0.0
    raise AssertionError


def train_plainly(epochs: int, seed: int) -> tuple[list[float], float]:
    """The same with a plain loop."""
    config = find_preset(PRESET).config
    images = fashion_mnist.load()
    learnt, held_out = images.divide(SplitConfig("share", config.training.validation_share))
    assert held_out
    model = build_pytorch(config.model_dump(mode="json"))
    ours = list(build(config.model, seed).parameters())
    for mine, other in zip(model.parameters(), ours, strict=True):
        mine.data.copy_(other.data)
    optimizer = torch.optim.Adam(model.parameters(), config.training.learning_rate, eps=config.training.epsilon)
    torch.manual_seed(seed)
    pixels, labels = tensors(learnt)
    curve = []
    for _ in range(epochs):
        model.train()
        for index in torch.randperm(len(labels)).split(config.training.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[index]), labels[index]).backward()
            optimizer.step()
        curve.append(accuracy(model, held_out))
    return curve, accuracy(model, images.test)


def tensors(split: Split) -> tuple[Tensor, Tensor]:
    return torch.tensor(split.images).unsqueeze(1).float().div(255), torch.tensor(split.labels).long()


def accuracy(model: nn.Module, split: Split) -> float:
    model.eval()
    pixels, labels = tensors(split)
    with torch.inference_mode():
        predicted = torch.cat([model(few).argmax(1) for few in pixels.split(500)])
    return float((predicted == labels).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--who", nargs="+", choices=("plain", "fp32", "bf16"), default=("plain", "fp32", "bf16"))
    parser.add_argument("--out", type=Path, help="where the raw results go, as JSON")
    options = parser.parse_args()
    found: dict[str, list[tuple[list[float], float]]] = {who: [] for who in options.who}
    for seed in range(options.seeds):
        for who in options.who:
            result = train_plainly(options.epochs, seed) if who == "plain" else train_ours(who, options.epochs, seed)
            found[who].append(result)
            print(
                f"seed {seed}, {who}: {' '.join(f'{100 * each:.2f}' for each in result[0])}; test {result[1]:.4f}",
                flush=True,
            )
    for who, results in found.items():
        means = " ".join(
            f"{100 * statistics.mean(each):.2f}" for each in zip(*(curve for curve, _ in results), strict=True)
        )
        tests = [100 * test for _, test in results]
        spread = f" ± {statistics.stdev(tests):.2f}" if len(tests) > 1 else ""
        print(f"{who:6} held-out, mean per epoch: {means}; test {statistics.mean(tests):.2f}{spread}")
    if options.out:
        options.out.write_text(json.dumps({"date": time.strftime("%Y-%m-%d"), "preset": PRESET, **found}, indent=1))


if __name__ == "__main__":
    main()
