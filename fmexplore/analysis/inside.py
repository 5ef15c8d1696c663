"""What the analyst does inside a network: maps, sums, channels, attributions and cues.

Functions of a Task, as those of `images`. `moment` is the step of a snapshot that has weights, 0 the finished network.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fmexplore.analysis.images import derived_of, network_of, select_split
from fmexplore.analysis.task import Task
from fmexplore.data.fashion_mnist import Split
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.inside.ablation import RANKED_ON, Ranking, Without, measure_without, rank_channels
from fmexplore.inside.attributions import Attribution, Method, Occluder, Target, attribute
from fmexplore.inside.channels import MOST_EXCITED, Responses, find_responses, kernels_of, patches_of
from fmexplore.inside.checks import Checks, check_attribution
from fmexplore.inside.cues import Cues, find_cues, ranked_layer
from fmexplore.inside.sums import Sum, sum_behind
from fmexplore.runs.run import Arrays, Run

if TYPE_CHECKING:
    from fmexplore.inside.passes import Passes, Trace

VERSION = 1  # of what is kept; raise it whenever the same run begins to give something else


def trace_image(task: Task, run: Run, image: np.ndarray, moment: int = 0) -> Arrays:
    """What every step of the network gives for an image `(28, 28)`, uint8 or float from 0 to 1, by its name.

    Feature maps `(channels, height, width)` and vectors `(values,)`, float32, in the order of `graph.Graph.steps`.
    """
    del task
    return _trace(run, image, moment).values


def explain_value(
    task: Task, run: Run, image: np.ndarray, layer: str, channel: int, y: int = 0, x: int = 0, moment: int = 0
) -> Sum:
    """The sum behind a value, as `sums.sum_behind` gives it. Raises ConfigError where there is no such value."""
    del task
    return sum_behind(_trace(run, image, moment), layer, channel, y, x)


def read_kernels(task: Task, run: Run, layer: str, moment: int = 0) -> np.ndarray:
    """The kernels of a convolution, `(filters, channels, kernel, kernel) float32`; empty for other layers."""
    del task
    return kernels_of(passes_of(run, moment), layer)


def respond_channels(task: Task, run: Run, layer: str, split: str) -> Responses:
    """The images of a split, of the first 10,000, that excite each channel of a layer most; kept."""
    passes, derived, weights = passes_of(run), derived_of(run), run.weights_digest
    passes.graph[layer].require(0, 0, 0)
    if known := _read_responses(run, layer, split):
        return known
    images = _first(select_split(run, split), MOST_EXCITED)
    _require_answers(run, images)
    message = f"Looking at what {len(images):,} images do to the channels of layer {layer}"
    found = find_responses(passes, layer, images, lambda share: task.report(share, message))
    derived.write(_responses_name(layer, split), found.to_arrays(), weights)
    return found


def cut_patches(task: Task, run: Run, layer: str, split: str, channels: tuple[int, ...]) -> np.ndarray:
    """What some channels of a layer saw where they were excited most.

    Raises ConfigError before `respond_channels` has been asked, and where there are no such channels.

    Returns:
        (channels, 9, height, width) uint8; fewer than 9 where there are not so many images.
    """
    del task
    if (found := _read_responses(run, layer, split)) is None:
        raise ConfigError(f"What excites the channels of layer {layer} is not known yet: ask for that first.")
    images = select_split(run, split).images
    return patches_of(passes_of(run), layer, found, images, channels)


def switch_off(task: Task, run: Run, layer: str, channel: int) -> Without:
    """How the network classifies the validation images without one channel of a layer."""
    message = f"Switching off channel {channel} of layer {layer}"
    images = _validation(run)
    _require_answers(run, images)
    [found] = measure_without(passes_of(run), layer, [channel], images, lambda share: task.report(share, message))
    return found


def rank_for_class(task: Task, run: Run, layer: str, label: int) -> Ranking:
    """The channels of a layer by how much they matter to a class; the first 20 measured on 1,000 validation images.

    Kept.
    """
    derived, weights, name = derived_of(run), run.weights_digest, f"ranking-{layer}-{label}-{VERSION}"
    passes = passes_of(run)
    with suppress(KeyError):
        return Ranking.from_arrays(derived.read(name) or {})
    message = f"Measuring the channels of layer {layer}"
    images = _first(_validation(run), RANKED_ON)
    _require_answers(run, images)
    found = rank_channels(passes, layer, label, images, report=lambda share: task.report(share, message))
    derived.write(name, found.to_arrays(), weights)
    return found


def attribute_image(
    task: Task,
    run: Run,
    image: np.ndarray,
    method: Method,
    label: int,
    against: int | None = None,
    patch: int = 5,
    stride: int = 1,
    fill: Any = "mean",
) -> Attribution | None:
    """Which pixels of an image `(28, 28) uint8` speak for a class, or for it against another, by one method.

    None for Grad-CAM of a network without maps that are large enough.
    """
    target, occluder, message = Target(label, against), Occluder(patch, stride, fill), f"Computing {method}"
    return attribute(network_of(run), image, target, method, occluder, lambda share: task.report(share, message))


def check_image(
    task: Task,
    run: Run,
    image: np.ndarray,
    found: Attribution,
    patch: int = 5,
    stride: int = 1,
    fill: Any = "mean",
) -> Checks:
    """Whether an attribution that `attribute_image` gave can be believed: scrambled weights, and deletion."""
    occluder, message = Occluder(patch, stride, fill), f"Checking {found.method}"
    return check_attribution(network_of(run), image, found, occluder, report=lambda share: task.report(share, message))


def find_class_cues(task: Task, run: Run, label: int, against: int | None = None) -> Cues:
    """What the recognised validation images of a class have in common for the network, or against another class.

    Kept.
    """
    target, passes = Target(label, against), passes_of(run)
    derived, weights = derived_of(run), run.weights_digest
    name = f"cues-{label}-{'all' if against is None else against}-{VERSION}"
    with suppress(KeyError):
        return Cues.from_arrays(target, ranked_layer(passes.graph), derived.read(name) or {})
    images = _validation(run)
    _require_answers(run, images)
    found = find_cues(passes, target, images, report=lambda share: task.report(share, "Looking for cues"))
    derived.write(name, found.to_arrays(), weights)
    return found


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(trace_image, explain_value, read_kernels, respond_channels, cut_patches, switch_off, rank_for_class),
        *(attribute_image, check_image, find_class_cues),
    )
}
QUICK = {"trace_image", "explain_value", "read_kernels", "cut_patches"}


def passes_of(run: Run, moment: int = 0) -> "Passes":
    """The run's network, finished or as it was at a snapshot, ready for passes; the last ones are kept.

    Raises RunBroken, NoAnswers, ConfigError where the snapshot has no weights.
    """
    if not moment:
        return _passes(network_of(run), run.config.model)
    return _passes_at(run, moment)


def _passes(network: Any, model: Any) -> "Passes":
    from fmexplore.inside.passes import Passes

    return Passes(model, network)


@lru_cache(maxsize=16)
def _passes_at(run: Run, moment: int) -> "Passes":
    from fmexplore.jobs.tasks import to_tensors
    from fmexplore.models.networks import build

    network = build(run.config.model)
    network.load_state_dict(to_tensors(run.read_snapshot_weights(moment)))
    return _passes(network, run.config.model)


def _trace(run: Run, image: np.ndarray, moment: int) -> "Trace":
    if image.shape != (28, 28):
        raise ConfigError(f"image has the shape {image.shape}: give one of 28 x 28 pixels.")
    digest = f"{moment}" if moment else run.weights_digest
    return _trace_known(run, moment, digest, image.dtype.str, np.ascontiguousarray(image).tobytes())


@lru_cache(maxsize=8)
def _trace_known(run: Run, moment: int, digest: str, kind: str, pixels: bytes) -> "Trace":
    """Kept, as who looks at the maps of an image points at many of their values."""
    del digest  # is in the key
    trace = passes_of(run, moment).trace(np.frombuffer(pixels, kind).reshape(28, 28))
    if not trace.usable:
        raise NoAnswers.of(run.title, run.id)
    return trace


def _responses_name(layer: str, split: str) -> str:
    return f"responses-{layer}-{split}-{VERSION}"


def _read_responses(run: Run, layer: str, split: str) -> Responses | None:
    try:
        return Responses(**(derived_of(run).read(_responses_name(layer, split)) or {}))
    except TypeError:  # none, or of another format
        return None


def _validation(run: Run) -> Split:
    """Those of the run; on test images a choice of channels or classes would peek. Raises ConfigError without any."""
    if run.config.training.validation == "none":
        raise ConfigError(
            f"{run.title} was trained without validation images, on which this is measured: train it again with some."
        )
    return select_split(run, "validation")


def _require_answers(run: Run, split: Split) -> None:
    """Raises NoAnswers where what the network says of the first image is not numbers."""
    if not passes_of(run).trace(split.images[0]).usable:
        raise NoAnswers.of(run.title, run.id)


def _first(split: Split, count: int) -> Split:
    return split if len(split) <= count else split.take(np.arange(count))
