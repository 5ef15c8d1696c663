"""The training loop, as an iterator that the caller drives. Knows no file, thread, process or page.

All random numbers follow from (seed, epoch) or (seed, step), so a resumed run needs no state of a generator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Literal, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fmexplore.data.fashion_mnist import DataSet, Split
from fmexplore.errors import TrainingDiverged
from fmexplore.evaluation.predictions import Predictions, predict, predict_batches
from fmexplore.models.networks import build, to_input
from fmexplore.models.table import Model, flops, summarize
from fmexplore.training.augment import augment, mix, seeded_generator
from fmexplore.training.config import Augmentation, Execution, TrainConfig
from fmexplore.training.label_noise import redraw_labels
from fmexplore.training.optimizers import Optimizer, rate_factor
from fmexplore.training.progress import Progress, Snapshot
from fmexplore.training.snapshots import half, half_weights, log_spaced, weights_kept
from fmexplore.training.state import TrainState, copy_weights, digest

FEATURE_IMAGES = 2000  # of the validation images, at each snapshot
PROBE_IMAGES, PROBE_EVERY = 256, 2560  # validation within an epoch, for about 3 % of the time
CHECKED_IMAGES = 512  # for which the outputs of kept weights must be finite
REPORT_FLOPS = 15e9  # half a second of a slow laptop: at least two reports a second
REPORT_IMAGES = 2500  # at most, between two reports


class train(Iterator[Progress]):
    """Trains a network, yielding its Progress at least once a step.

    To stop or pause, close it or ask for no more. `state` can be saved between two steps and given to a later `train`.

    Args:
        model: the layer table.
        config: the settings of the training.
        data: the data set; `config` says which part of the training images is for validation.
        execution: device, precision and threads; `choose_execution` finds the fastest.
        resume: what `state.save` gave, to continue from there.
        begin: weights to begin with, in place of random ones.
        tests: whether it looks at the test images once, at the end; a trial of a search does not.

    Raises:
        ConfigError: the layer table cannot be built.
        TrainingDiverged: the loss is no longer finite; `state.result` has the weights to keep, if there are some.
    """

    def __init__(
        self,
        model: Model,
        config: TrainConfig,
        data: DataSet,
        execution: Execution,
        resume: tuple[dict[str, Tensor], dict] | None = None,
        begin: dict[str, Tensor] | None = None,
        tests: bool = True,
    ) -> None:
        self.tests = tests
        self.config, self.data = config, data
        self.execution = execution
        self.device = torch.device(self.execution.device)
        network = build(model, config.seed).to(self.device)
        if begin:
            network.load_state_dict(begin)
        averaged = deepcopy(network).requires_grad_(False) if config.weight_average else None
        training, self.validation = data.divide(config.split_config)
        self.training = redraw_labels(training, config.label_noise, config.seed)
        self.images, self.targets = _on(self.device, self.training)
        self.state = TrainState(network, Optimizer(network, config), to_input(self.images[:CHECKED_IMAGES]), averaged)
        self.steps_per_epoch = _steps_per_epoch(len(self.training), config.batch_size)
        planned = max(1, round(config.epochs * self.steps_per_epoch))
        self.snapshot_steps = log_spaced(config.snapshots, planned)
        self.weights_kept = weights_kept(sorted(self.snapshot_steps), network)
        forward = flops(summarize(model))
        images = min(REPORT_IMAGES, REPORT_FLOPS / (3 * forward))
        self.report_every = max(1, int(images / config.batch_size))
        self.probe_every = max(self.report_every, round(PROBE_EVERY / config.batch_size))
        if resume:
            tensors, scalars = resume
            self.state.load(tensors, {"steps": planned, **scalars})
        else:
            epoch = {"loss": 0.0, "right": 0, "seen": 0}
            self.state.scalars = {"step": 0, "steps": planned, "due": "", "seconds": 0.0, "stopped": False, "waited": 0}
            self.state.scalars |= epoch
            self.state.scalars["window"] = _empty_window()
        self._untrained = not (resume or begin)
        self._order: Tensor | None = None
        self._events = self._run()

    def __next__(self) -> Progress:
        # Not around the whole run: one that is left alone would change the threads of others when it is collected.
        with use_threads(self.execution):
            return next(self._events)

    @property
    def steps(self) -> int:
        """How many steps there will be; with a time limit, an estimate."""
        return self.state.scalars["steps"]

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended the run before its last step."""
        return self.state.scalars["stopped"] and self.state.scalars["step"] < self.steps

    def close(self) -> None:
        """End the run where it stands."""
        self._events.close()

    def measure(self, kept: dict[str, Tensor]) -> Predictions | None:
        """What the weights to keep say of the validation images, for a run that ends before its time.

        None where there are no such images or no such weights.
        """
        if not kept or self.validation is None:
            return None
        self.state.eval_network.load_state_dict(kept)
        with use_threads(self.execution):
            return predict(self.state.eval_network, self.validation)

    @property
    def place(self) -> dict[str, float]:
        """Where it stands: `epoch` and `seconds`."""
        scalars = self.state.scalars
        return {"epoch": scalars["step"] / self.steps_per_epoch, "seconds": scalars["seconds"]}

    def _run(self) -> Generator[Progress, None, None]:
        """Go from phase to phase, until the end."""
        self._clock = time.perf_counter() - self.state.scalars["seconds"]
        if not self._untrained:  # weights that have learnt nothing are no result
            self.state.keep_good()
        self.state.network.train()
        act = {"step": self._learn, "report": self._report, "evaluation": self._evaluate}
        while (phase := self._phase) != "end":
            yield from act[phase]()
        yield from self._finish()

    @property
    def _phase(self) -> Literal["step", "report", "evaluation", "end"]:
        """What comes next: after a step a report, after some reports an evaluation, else a step or the end.

        `scalars["due"]` lets a run that was saved in between resume at that place.
        """
        scalars = self.state.scalars
        return scalars["due"] or ("end" if self._at_end or scalars["stopped"] else "step")

    @property
    def _at_end(self) -> bool:
        return self.state.scalars["step"] >= self.steps

    @property
    def _epoch_ends(self) -> bool:
        return self.state.scalars["step"] % self.steps_per_epoch == 0 or self._at_end

    def _learn(self) -> Iterator[Progress]:
        step = self.state.scalars["step"]
        self.take_step(step)
        self.state.scalars |= {"step": step + 1, "due": "report"}
        yield self._progress("step")

    def _report(self) -> Iterator[Progress]:
        """Report the metrics of the steps since the last report, if those are enough or an evaluation follows."""
        scalars, step = self.state.scalars, self.state.scalars["step"]
        evaluate = self._epoch_ends or step in self.snapshot_steps
        scalars["due"] = "evaluation" if evaluate else ""
        if evaluate or step % self.report_every == 0:
            yield self._close_window(probe=not self._epoch_ends and step % self.probe_every < self.report_every)

    def take_step(self, step: int) -> None:
        """Do training step `step`, from 0, and nothing else: one batch, one update of the weights."""
        config, state = self.config, self.state
        started = time.perf_counter()
        index, images, partners, share = self._draw_batch(step)
        targets = self.targets[index]
        state.network.seed_dropout(config.seed, 3, step)
        with torch.autocast(self.device.type, torch.bfloat16, self.execution.precision == "bf16"):
            logits = state.network(images).float()
            loss = F.cross_entropy(logits, targets, label_smoothing=config.label_smoothing)
            if share < 1:
                other = F.cross_entropy(logits, targets[partners], label_smoothing=config.label_smoothing)
                loss = share * loss + (1 - share) * other
        loss.backward()
        state.optimizer.step(rate_factor(step, self.steps, config))
        if config.weight_average:
            state.average(config.weight_average)
        window = state.scalars["window"]
        window["loss"] += loss.item() * len(index)
        window["right"] += _count_right(logits, targets)
        window["seen"] += len(index)
        window["steps"] += 1
        window["seconds"] += time.perf_counter() - started

    def _draw_batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, float]:
        """The batch of a step.

        Returns:
            The positions of its images, (n,) int64; the input of the network, (n, 1, 28, 28) float32; and, as `mix`
            gives them, the positions within the batch of the images that they are mixed with, (n,) int64, and the
            weight of their own labels, 0 to 1; where it is 1 there is no such image.
        """
        config, (epoch, position) = self.config, divmod(step, self.steps_per_epoch)
        if position == 0 or self._order is None:
            generator = seeded_generator(config.seed, 1, epoch)
            self._order = torch.randperm(len(self.images), generator=generator).to(self.device)
        index = self._order[position * config.batch_size : (position + 1) * config.batch_size]
        if config.augmentation == Augmentation():
            return index, to_input(self.images[index]), index, 1.0
        generator = seeded_generator(config.seed, 2, step)
        images = augment(self.images[index], index, epoch, config.augmentation, generator)
        return index, *mix(images, config.augmentation, generator)

    def _close_window(self, probe: bool) -> Progress:
        """The metrics of the steps since the last report; `probe`: with those of a few validation images."""
        scalars = self.state.scalars
        window, scalars["window"] = scalars["window"], _empty_window()
        if not (math.isfinite(window["loss"]) and self.state.keep_good()):
            self._diverged()
        for key in ("loss", "right", "seen"):
            scalars[key] += window[key]
        metrics = {
            "images_per_second": window["seen"] / max(window["seconds"], 1e-9),
            "train_loss": window["loss"] / window["seen"],
            "train_accuracy": window["right"] / window["seen"],
        }
        if self.config.minutes and not self._at_end:
            self._plan(window, 60 * self.config.minutes)
        if probe and self.validation is not None:
            few = Split(self.validation.images[:PROBE_IMAGES], self.validation.labels[:PROBE_IMAGES])
            found = predict(self.state.eval_network, few, self.execution.precision)
            metrics |= {"validation_loss": found.loss, "validation_accuracy": found.accuracy}
        return self._progress("report", **metrics)

    def _plan(self, window: dict, budget: float) -> None:
        """Fit the number of steps to the seconds that are left of the budget, by the recent pace."""
        scalars, images = self.state.scalars, len(self.training)
        pace = window["seconds"] / window["steps"]
        pace = scalars["pace"] = 0.7 * scalars.get("pace", pace) + 0.3 * pace
        # Evaluations, also those at the end, by the pace of the last one; before it, a third of a training step.
        held_out = len(self.validation) if self.validation is not None else 0
        each = scalars.get("evaluation_pace", pace / self.config.batch_size / 3)
        closing = (len(self.data.test) + held_out) * each * 1.5  # in fp32
        left = budget - (time.perf_counter() - self._clock) - closing
        more = left / (pace + held_out * each * self.config.batch_size / images)
        scalars["steps"] = scalars["step"] + max(1, round(more))

    def _evaluate(self) -> Iterator[Progress]:
        """Validate on all images, then close the epoch and decide whether to stop early."""
        scalars, epoch_ends = self.state.scalars, self._epoch_ends
        seen = max(scalars["seen"], 1)
        metrics: dict = {"train_loss": scalars["loss"] / seen, "train_accuracy": scalars["right"] / seen}
        if self.validation is not None:
            predictions, features = yield from self._validate(self.validation)
            metrics |= _validation_metrics(predictions)
            last = epoch_ends and self._at_end and self.snapshot_steps
            if scalars["step"] in self.snapshot_steps or last:
                metrics["snapshot"] = self._snapshot(predictions, features)
        scalars["due"] = ""
        if epoch_ends:
            scalars |= {"loss": 0.0, "right": 0, "seen": 0}
            self._update_early_stopping(metrics)
        yield self._progress("epoch" if epoch_ends else "snapshot", **metrics)

    def _validate(self, validation: Split) -> Generator[Progress, None, tuple[Predictions, np.ndarray]]:
        started = time.perf_counter()
        found = yield from self._predict(validation, self.execution.precision)
        self.state.scalars["evaluation_pace"] = (time.perf_counter() - started) / len(validation)
        return found

    def _snapshot(self, predictions: Predictions, features: np.ndarray) -> Snapshot:
        step, network = self.state.scalars["step"], self.state.eval_network
        logits, features = half(predictions.logits), half(features)
        kept = half_weights(network) if self.weights_kept is None or step in self.weights_kept else {}
        epoch = step / self.steps_per_epoch
        return Snapshot(step, epoch, digest(network), logits, predictions.labels, features, kept)

    def _predict(self, split: Split, precision: str) -> Generator[Progress, None, tuple[Predictions, np.ndarray]]:
        """As `predictions.predict`, with a Progress for each batch so that the caller can act in between."""
        logits, features = [], []
        for batch, chosen in predict_batches(self.state.eval_network, split.images, FEATURE_IMAGES, precision):
            logits.append(batch)
            features += [] if chosen is None else [chosen]
            yield self._progress("step")
        return Predictions(np.concatenate(logits), split.labels), np.concatenate(features)

    def _update_early_stopping(self, metrics: dict) -> None:
        """Keep the weights of the best epoch so far, and note how many epochs have passed since."""
        stopping, scalars = self.config.early_stopping, self.state.scalars
        if stopping is None:
            return
        value = metrics["validation_loss"] if stopping.monitor == "loss" else -metrics["validation_accuracy"]
        if value < scalars.get("best_value", math.inf):
            scalars |= {"best_value": value, "best_step": scalars["step"], "waited": 0}
            self.state.best = copy_weights(self.state.eval_network)
        else:
            scalars["waited"] += 1
            scalars["stopped"] = scalars["waited"] >= stopping.patience

    def _finish(self) -> Iterator[Progress]:
        """Measure the weights that are kept: the best with early stopping, else the last that are good."""
        if not (kept := self.state.result()):
            self._diverged()
        self.state.eval_network.load_state_dict(kept)
        metrics: dict = {}
        if self.tests:
            test, _ = yield from self._predict(self.data.test, "fp32")
            metrics = {"test_loss": test.loss, "test_accuracy": test.accuracy, "test_predictions": test}
        if self.validation is not None:
            found = (
                metrics["test_predictions"]
                if self.tests and self.config.peeks
                else (yield from self._predict(self.validation, "fp32"))[0]
            )
            metrics |= _validation_metrics(found)
        yield self._progress("end", **metrics)

    def _progress(self, kind, **metrics) -> Progress:
        scalars = self.state.scalars
        if not all(math.isfinite(value) for value in metrics.values() if isinstance(value, float)):
            self._diverged()
        scalars["seconds"] = time.perf_counter() - self._clock
        step = scalars["step"]
        return Progress(kind, step, self.steps, step / self.steps_per_epoch, scalars["seconds"], **metrics)

    def _diverged(self) -> NoReturn:
        kept = self.state.result()
        if kept:
            self.state.eval_network.load_state_dict(kept)
        which = "the weights of the best epoch" if kept is self.state.best else "the last good weights"
        step = self.state.scalars["step"]
        raise TrainingDiverged(
            f"The loss became infinite or not a number at step {step} (epoch {step / self.steps_per_epoch:.2f}); "
            f"{which if kept else 'no weights'} are kept. The learning rate of {self.config.learning_rate:g} is "
            "probably too high: try a tenth of it."
        )


def _validation_metrics(found: Predictions) -> dict:
    """Of the validation images."""
    return {"validation_loss": found.loss, "validation_accuracy": found.accuracy, "predictions": found}


def _empty_window() -> dict:
    """Sums over the steps since the last report."""
    return {"loss": 0.0, "right": 0, "seen": 0, "steps": 0, "seconds": 0.0}


@contextmanager
def use_threads(execution: Execution) -> Iterator[None]:
    """Within this context torch uses as many threads as `execution` says; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(execution.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _steps_per_epoch(images: int, batch_size: int) -> int:
    # A last batch of one image is left out: batch norm cannot learn from it.
    return max(1, images // batch_size + (images % batch_size > 1))


def _on(device: torch.device, split: Split) -> tuple[Tensor, Tensor]:
    """Images `(n, 28, 28) uint8` and what to learn of them: labels `(n,) int64` or probabilities `(n, 10) float32`."""
    targets = torch.tensor(split.labels).long() if split.targets is None else torch.tensor(split.targets)
    return torch.tensor(split.images, device=device), targets.to(device)


def _count_right(logits: Tensor, targets: Tensor) -> int:
    predicted = logits.argmax(1)
    if targets.dim() == 1:
        return int((predicted == targets).sum())
    return int((targets.gather(1, predicted[:, None])[:, 0] >= targets.amax(1)).sum())
