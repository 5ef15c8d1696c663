"""Runs of every kind that there can be on a disk, those that went wrong among them, for tests of pages and commands.

Small and made by hand, as a worker, a kill or an earlier version would have left them.
"""

import json
import re
from collections.abc import Callable

import numpy as np
import torch

from fmexplore.data.fashion_mnist import DataSet
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.evaluation.predictions import predict
from fmexplore.models import networks
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import RunStore
from fmexplore.training.config import RunConfig
from fmexplore.training.progress import Snapshot

STEPS = (20, 40, 60)
NO_ANSWERS = ("diverged", "overflowing", "not numbers")  # kinds of run whose network says nothing
NO_NETWORK = (*NO_ANSWERS, "empty", "broken")


def make_kinds(store: RunStore, config: RunConfig, data: DataSet) -> dict[str, Run]:
    """One run of each kind, by its kind."""
    made: dict[str, Run] = {}
    for seed, (kind, finish) in enumerate(KINDS.items()):
        run = store.create(config.replace(training=config.training.replace(seed=seed)), name=kind)
        finish(run, data, seed)
        made[kind] = run
    return made


def _network(run: Run, seed: int) -> networks.Network:
    return networks.build(run.config.model, seed).eval()


def _arrays(network: networks.Network) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(value.numpy()) for name, value in network.state_dict().items()}


def _learn(run: Run, data: DataSet, seed: int, **status: object) -> None:
    """Reports, snapshots and weights, and the result that those weights reach."""
    network = _network(run, seed)
    validation = data.select("validation", run.config.training.split_config)
    assert validation is not None
    found, tested = predict(network, validation), predict(network, data.test)
    confusion = confusion_matrix(found.labels, found.predicted).tolist()
    figures = {"validation_loss": found.loss, "validation_accuracy": found.accuracy}
    for step in STEPS:
        place = {"step": step, "steps": STEPS[-1], "epoch": step / 20, "seconds": step / 20}
        trained = {"train_loss": 2.0 - step / 100, "train_accuracy": 0.2, "images_per_second": 1000.0}
        run.append_metrics({"kind": "report", **place, **trained, **figures})
        run.append_metrics({"kind": "epoch", **place, **trained, **figures, "confusion": confusion})
        features = np.zeros((len(found), 16), np.float16)
        features[:, :10] = found.logits + step / 100
        run.write_snapshot(Snapshot(step, step / 20, "", found.logits.astype(np.float16), found.labels, features))
    run.write_weights(_arrays(network))
    result = {**figures, "epoch": 3, "seconds": 3, "images_per_second": 1000.0, "measured": True}
    if status.get("state", "finished") == "finished":
        result |= {"test_accuracy": tested.accuracy, "test_loss": tested.loss}
    write_status(run.path, run.status.replace(**{"state": "finished", "result": result, "ended": 1e9, **status}))


def _stop(run: Run, data: DataSet, seed: int) -> None:
    _learn(run, data, seed, state="stopped")
    saved = {f"weights.{name}": value for name, value in _arrays(_network(run, seed)).items()}
    run.write_resume(saved, {"step": 40, "steps": 60, "due": "", "seconds": 2.0, "stopped": False, "waited": 0})


def _distill(run: Run, data: DataSet, seed: int) -> None:
    _learn(run, data, seed, task="distill")


def _teach(run: Run, data: DataSet, seed: int) -> None:
    """As `tasks.teach` leaves it: no reports."""
    network = _network(run, seed)
    tested = predict(network, data.test)
    run.write_weights(_arrays(network))
    result = {"test_accuracy": tested.accuracy, "test_loss": tested.loss, "seconds": 100}
    write_status(run.path, run.status.replace(state="finished", task="teach", result=result, ended=1e9))


def _diverge(run: Run, data: DataSet, seed: int) -> None:
    """Before its first report: nothing is kept."""
    _fail(run)


def _overflow(run: Run, data: DataSet, seed: int) -> None:
    """Finite weights with infinite outputs, and figures of an epoch before: as earlier versions kept them."""
    _learn(run, data, seed)
    network = _network(run, seed)
    for value in list(network.parameters())[-4:]:
        value.data.fill_(3e38)
    run.write_weights(_arrays(network))
    _fail(run, validation_accuracy=0.43, epoch=2)


def _lose_numbers(run: Run, data: DataSet, seed: int) -> None:
    """Weights and a snapshot that are not numbers."""
    _learn(run, data, seed)
    network = _network(run, seed)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    run.write_weights(_arrays(network))
    snapshot, _ = run.read_snapshot(STEPS[-1])
    logits = np.full_like(snapshot["logits"], np.nan)
    run.write_snapshot(Snapshot(STEPS[-1], 3.0, "", logits, snapshot["labels"], np.full((len(logits), 16), np.inf)))
    _fail(run, validation_accuracy=0.43, epoch=2)


def _fail(run: Run, **result: float) -> None:
    error = "The loss became infinite or not a number at step 3."
    write_status(run.path, run.status.replace(state="failed", diverged=True, error=error, ended=1e9, result=result))


def _never_begin(run: Run, data: DataSet, seed: int) -> None:
    write_status(run.path, run.status.replace(state="stopped", ended=1e9))


def _break(run: Run, data: DataSet, seed: int) -> None:
    _learn(run, data, seed)
    for name in ("config.json", "status.json", "model.safetensors", "metrics.jsonl"):
        (run.path / name).write_bytes(b'{"broken')
    run.snapshot_path(STEPS[0]).write_bytes(b"broken")


KINDS: dict[str, Callable[[Run, DataSet, int], None]] = {
    "healthy": _learn,
    "stopped": _stop,
    "taught": _teach,
    "distilled": _distill,
    "diverged": _diverge,
    "overflowing": _overflow,
    "not numbers": _lose_numbers,
    "empty": _never_begin,
    "broken": _break,
}


def assert_strict(text: str) -> object:
    """The values of a text of JSON; what only Python takes for JSON is an error."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON: {text[:200]}")

    return json.loads(text, parse_constant=refuse)


def assert_no_nan(text: str) -> None:
    """No figure in the text is infinite or not a number."""
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE), text
