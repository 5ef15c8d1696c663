"""The named tasks that a worker can do: functions of a Job and JSON arguments that return the state they end in."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from fmexplore.data import download, fashion_mnist
from fmexplore.data.fashion_mnist import DataSet, Split
from fmexplore.errors import ConfigError, StorageError, TrainingDiverged
from fmexplore.evaluation.confusion import confusion_matrix
from fmexplore.jobs.estimates import keep_execution, known_execution, learn_from_run, update_speed
from fmexplore.jobs.job import Job
from fmexplore.models.table import flops, summarize
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Arrays, Run
from fmexplore.runs.status import BROUGHT_BY, TEACH_AGAIN, Result, State
from fmexplore.settings import Settings
from fmexplore.training.presets import find_preset

if TYPE_CHECKING:
    from torch import Tensor

    from fmexplore.training.loop import train
    from fmexplore.training.progress import Progress

SAVE_SECONDS = 60
END_STATES: dict[str, State] = {"STOP": "stopped", "PAUSE": "paused", "GONE": "interrupted"}
METRICS = (
    *("images_per_second", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy"),
)


def train_run(
    job: Job,
    listen: Callable[["Progress"], None] = lambda _: None,
    extra: Split | None = None,
    begin: Arrays | None = None,
    tests: bool = True,
) -> State:
    """Train the run in the job's folder, from its saved state if it has one, and keep all that it yields.

    It also learns from `extra` images, and begins with the weights `begin` if there are some. Without `tests` it does
    not look at the test images.
    """
    job.update(message="Starting: loading torch and the data set")
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train

    run = Run(job.folder)
    config, images = run.config, replace(fashion_mnist.load(), extra=extra)
    resume = _read_resume(run)
    execution = job.status.execution or known_execution(job.settings, config)
    if execution is None:
        job.update(message="Starting: choosing precision and threads")
        execution = choose_execution(config.model, config.training)
        keep_execution(job.settings, config, execution)
    job.update(execution=execution)
    tensors = to_tensors(begin) if begin else None
    trainer = train(config.model, config.training, images, execution, resume, tensors, tests)
    run.keep_metrics(trainer.state.scalars["step"], trainer.state.scalars["due"])
    job.update(message="")
    try:
        return _follow(job, run, trainer, listen)
    except TrainingDiverged:
        _end_early(job, run, trainer, job.status.result)
        run.forget_resume()
        job.update(diverged=True)
        raise


def train_with_extra(job: Job, extra: Split | None = None, **arguments: Any) -> State:
    """`train_run` for the tasks of `BROUGHT_BY`. Raises ConfigError without the images, naming the command."""
    if extra is None:
        command = BROUGHT_BY[job.status.task]
        raise ConfigError(f"This run learns from images that are not kept: resume it with `{command} --resume`.")
    return train_run(job, extra=extra, **arguments)


def teach(
    job: Job,
    parent: Run | None = None,
    extra: Split | None = None,
    photos: int = 0,
    report: Callable[[float], None] = lambda _: None,
) -> State:
    """Fine-tune a copy of `parent` on `extra` images, which are variants of so many photos.

    It learns among them from images that the parent learnt from, and keeps what the parent knows of photos. Raises
    ConfigError without the images: they are nowhere but in the process that has the photos.
    """
    if parent is None or extra is None:
        raise ConfigError(TEACH_AGAIN)
    from fmexplore.photos.cutouts import REHEARSED
    from fmexplore.training.execution import choose_execution
    from fmexplore.training.loop import train

    run, images = Run(job.folder), fashion_mnist.load()
    config = run.config
    learnt = images.select("train", config.training.split_config)
    assert learnt is not None  # every run learns from some
    rehearsed = learnt.take(np.random.default_rng(0).choice(len(learnt), min(REHEARSED, len(learnt)), replace=False))
    training = config.training.replace(validation="none")  # what is rehearsed has been divided already
    execution = choose_execution(config.model, training)
    data = DataSet(rehearsed, images.test, extra)
    trainer = train(config.model, training, data, execution, begin=to_tensors(parent.read_weights()))
    state: State = "finished"
    for progress in trainer:
        report(progress.step / progress.steps)
        if progress.kind != "end" and job.read_request():
            trainer.close()
            state = "stopped"  # also where it should pause: it could not be resumed
            break
    if not (weights := trainer.state.result()):
        raise ConfigError("It has learnt nothing that can be used: teach a copy of another run.")
    run.write_weights(to_arrays(weights))
    if parent.photo_fit.photos:
        run.write_photo_fit(parent.photo_fit.replace(photos=parent.photo_fit.photos + photos))
    place = {"epoch": progress.epoch, "seconds": progress.seconds}
    job.update(
        result=Result(test_accuracy=progress.test_accuracy, test_loss=progress.test_loss, **place, measured=True)
    )
    return state


def _follow(job: Job, run: Run, trainer: "train", listen: Callable[["Progress"], None]) -> State:
    saved = time.monotonic()
    result = job.status.result
    for progress in trainer:
        listen(progress)
        if progress.kind != "step":
            run.append_metrics(metrics_line(progress))
            result = _result(progress, result)
        if progress.snapshot:
            run.write_snapshot(progress.snapshot)
        if progress.kind == "end":
            break
        over = job.settings.max_minutes is not None and progress.seconds > 60 * job.settings.max_minutes
        request = "STOP" if over else job.read_request()
        if request or progress.snapshot or time.monotonic() - saved > SAVE_SECONDS:
            result = result.replace(measured=False)  # before it is true
            job.update(result=result, progress=progress.step / progress.steps)
            state = trainer.state
            tensors, scalars = state.save(len(state.checked)) if request else state.save()
            run.write_resume(to_arrays(tensors), scalars)
            saved = time.monotonic()
        if request:
            trainer.close()
            _end_early(job, run, trainer, result, keep=request == "STOP")
            if over:
                job.update(message=f"Stopped at this server's limit of {job.settings.max_minutes:g} minutes per run.")
            return END_STATES[request]
    weights = run.write_weights(to_arrays(trainer.state.result()))
    job.update(result=result, progress=1.0)
    with suppress(StorageError):  # they can be computed again
        _keep_predictions(job, run, progress, weights)
        if not trainer.stopped_early and trainer.data.extra is None:
            learn_from_run(job.settings, run.config, result.seconds, result.epoch)
    run.forget_resume()  # the last thing: whatever ends the worker before, the run goes on from there
    return "finished"


def _end_early(job: Job, run: Run, trainer: "train", before: Result, keep: bool = True) -> None:
    """Keep the weights, if any can be used, and what they reach, which is what lists show.

    With `keep` off, those of the saved state are kept already.
    """
    weights = trainer.state.result()
    found = trainer.measure(weights)
    if found and not found.usable:
        weights, found = {}, None
    if keep and weights:
        run.write_weights(to_arrays(weights))
    elif keep:
        run.forget_weights()
    reached = {"validation_accuracy": found and found.accuracy, "validation_loss": found and found.loss}
    job.update(result=before.replace(**reached, **trainer.place, measured=True))


def _keep_predictions(job: Job, run: Run, end: "Progress", weights: str) -> None:
    """Keep the predictions of the last evaluation, by weights of that digest, so that no page computes them again."""
    derived = Derived(run, job.settings)
    for split, predictions in (("test", end.test_predictions), ("validation", end.predictions)):
        if predictions:
            derived.write_predictions(split, predictions, weights)


def measure_speed(job: Job) -> State:
    """`time_machine` as a task."""
    job.update(message="Measuring this machine")
    time_machine(job.settings)
    return "finished"


def time_machine(settings: Settings) -> None:
    """Time a few steps of a network that computes and of one that mostly starts steps, for estimates."""
    from fmexplore.training.execution import choose_execution

    images = fashion_mnist.load()
    worker_mb = psutil.Process().memory_info().rss / 1e6
    seconds, work, bf16 = [], [], False
    for name in ("quick", "team4-ann", "codered-final"):
        config = find_preset(name).config
        chosen = choose_execution(config.model, config.training)
        bf16 = chosen.precision == "bf16"  # the last one counts: it computes
        keep_execution(settings, config, chosen)
        batch = config.training.batch_size
        seconds.append(batch / chosen.images_per_second)
        work.append(3 * flops(summarize(config.model)) * batch)
    del images
    # From the last two: two steps, two unknowns; a machine so fast that overhead is all still gets a positive rate.
    # The first is what people train first, so that its estimate should be good.
    rate = (work[2] - work[1]) / max(seconds[2] - seconds[1], 1e-4)
    overhead = max(seconds[1] - work[1] / rate, 0.0)
    update_speed(settings, flops_per_second=rate, step_seconds=overhead, worker_mb=worker_mb, bf16=bf16)


def fetch_data(job: Job) -> State:
    """Bring the data set to where `fashion_mnist` finds it."""
    last = 0.0

    def report(share: float, text: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.3:
            last = time.monotonic()
            job.update(progress=share, message=text)

    download.fetch(report=report)
    return "finished"


TASKS: dict[str, Callable[..., State]] = {
    "train": train_run,
    **dict.fromkeys(BROUGHT_BY, train_with_extra),
    "teach": teach,
    "measure": measure_speed,
    "fetch": fetch_data,
}


def to_arrays(tensors: dict[str, "Tensor"]) -> Arrays:
    """Tensors as arrays of their own, in C order, as files need them."""
    return {name: value.detach().cpu().numpy().copy(order="C") for name, value in tensors.items()}


def to_tensors(arrays: Arrays) -> dict[str, "Tensor"]:
    """What `to_arrays` made arrays of."""
    import torch

    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def _read_resume(run: Run) -> tuple[dict[str, "Tensor"], dict] | None:
    saved = run.read_resume()
    return saved and (to_tensors(saved[0]), saved[1])


def metrics_line(progress: "Progress") -> dict:
    """What metrics.jsonl keeps of a report; with all validation images, their confusion matrix too."""
    line = {
        "kind": progress.kind,
        "step": progress.step,
        "steps": progress.steps,
        "epoch": round(progress.epoch, 4),
        "seconds": round(progress.seconds, 2),
    }
    line |= {name: round(value, 5) for name in METRICS if (value := getattr(progress, name)) is not None}
    if predictions := progress.predictions:
        line["confusion"] = confusion_matrix(predictions.labels, predictions.predicted).tolist()
    return line


def _result(progress: "Progress", before: Result) -> Result:
    found = {name: getattr(progress, name) for name in METRICS if name in Result.model_fields}
    if progress.kind == "report":  # a few validation images are no result
        found = {"images_per_second": progress.images_per_second}
    known = {name: value for name, value in found.items() if value is not None}
    place = {"epoch": progress.epoch, "seconds": progress.seconds}
    return before.replace(**place, **known, measured=progress.kind == "end")
