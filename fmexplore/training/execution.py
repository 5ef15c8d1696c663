"""Which device, precision and number of threads train a network fastest on this machine. Knows no file."""

import math
import time

import numpy as np
import torch

from fmexplore.data.fashion_mnist import DataSet, Split
from fmexplore.errors import ConfigError
from fmexplore.machine import cores
from fmexplore.models.table import Model
from fmexplore.training.config import Execution, TrainConfig
from fmexplore.training.loop import train, use_threads


def choose_execution(model: Model, config: TrainConfig) -> Execution:
    """The device, precision and number of threads for a training.

    What `config` leaves open is chosen by timing a few steps on random images, which takes about a second. Of two
    choices, bf16 (where the CPU supports it) and all cores are preferred unless the other is 10 % faster.

    Raises:
        ConfigError: this machine does not have the device that `config` asks for.
    """
    device = find_device(config.device)
    if device != "cpu":
        precision = config.precision if config.precision != "auto" else ("bf16" if device == "cuda" else "fp32")
        return Execution(device=device, precision=precision, threads=config.threads or cores())
    most = config.threads or cores()
    if config.precision == "auto":
        bf16, fp32 = (Execution(precision=precision, threads=most) for precision in ("bf16", "fp32"))
        best = _race(model, config, *((bf16, fp32) if _has_bf16() else (fp32,)))
    else:
        best = _race(model, config, Execution(precision=config.precision, threads=most))
    return best if config.threads or most == 1 else _race(model, config, best, best.replace(threads=1))


def _race(model: Model, config: TrainConfig, *candidates: Execution) -> Execution:
    """Time a few steps of each in turn; the first wins unless another is a tenth faster. With its images per second.

    The shortest step counts, as what else the machine does can only make a step longer.
    """
    rng = np.random.default_rng(0)
    count = config.batch_size * 2
    drawn = Split(rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8))
    config = config.replace(validation="none", early_stopping=None, epochs=1000)
    runs = [train(model, config, DataSet(drawn, drawn), candidate) for candidate in candidates]
    best = [math.inf] * len(runs)
    started = time.perf_counter()
    for round_ in range(8):
        if round_ >= 2 and time.perf_counter() - started > 0.3 * len(runs):
            break
        for position, run in enumerate(runs):
            with use_threads(candidates[position]):
                run.state.network.train()
                before = run.state.scalars["window"]["seconds"]
                run.take_step(round_)
                best[position] = min(best[position], run.state.scalars["window"]["seconds"] - before)
    rates = [config.batch_size / seconds for seconds in best]
    fastest = max(range(len(rates)), key=rates.__getitem__)
    winner = fastest if rates[fastest] > 1.1 * rates[0] else 0
    return candidates[winner].replace(images_per_second=rates[winner])


def find_device(wanted: str) -> str:
    """The device to use, where `wanted` is "auto" the fastest. Raises ConfigError where this machine has none such."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[wanted]:
        raise ConfigError(f"device is {wanted!r}, which this machine does not have: choose 'auto' or 'cpu'.")
    return wanted


def _has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; elsewhere it is slower than fp32."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
