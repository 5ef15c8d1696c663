"""What the analyst can do: functions of a Task and picklable arguments that return arrays or keep derived files.

Each imports torch only when it runs. Those that a person waits for with a finger on the mouse are in QUICK: they never
wait behind the others.
"""

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fmexplore import data
from fmexplore.config import TrainConfig
from fmexplore.data import DataSet
from fmexplore.derived import Derived, course_name, kept_files
from fmexplore.embedding import Axes, NeighbourIndex, encode_all
from fmexplore.errors import ConfigError
from fmexplore.evaluation import Predictions, predict_batches, time_predictions
from fmexplore.features import PIXELS, Features, check_layer, gather, image_batches, layer_values, locate_images
from fmexplore.maps import Trust, project_over_time, trust
from fmexplore.projection import ProjectionConfig, project
from fmexplore.run import Arrays, Run
from fmexplore.settings import read_settings
from fmexplore.storage import write_bytes

if TYPE_CHECKING:
    from fmexplore.networks import Network

TWINS = "twins.safetensors"


class Task(Protocol):
    """What an analysis sees of whoever asked for it."""

    def report(self, share: float, message: str = "", partial: Arrays | None = None) -> None:
        """Say how far it is, 0 to 1, and show what there is already. Waits while it is paused.

        Raises Cancelled when nobody wants it any more, and with `partial` Stopped, when that is enough.
        """


class Silent:
    """A task that nobody follows."""

    def report(self, share: float, message: str = "", partial: Arrays | None = None) -> None:
        pass


class Cancelled(Exception):
    """Nobody wants the result any more."""


def warm(task: Task) -> None:
    """Import and load what the first question would wait for."""
    for module in ("captum.attr", "fmexplore.interpret"):
        import_module(module)
    _data()
    del task


def predict_split(task: Task, run: Run, split: str) -> None:
    """Keep the predictions of a run's weights for a split."""
    images, weights = _select(run, split), run.weights_digest  # before they are read: the run may learn meanwhile
    logits = []
    for batch, _ in predict_batches(_network(run), images.images):
        logits.append(batch)
        task.report(sum(map(len, logits)) / len(images), f"Asking the network about {len(images):,} images")
    _derived(run).write_predictions(split, Predictions(np.concatenate(logits), images.labels), weights)


def time_network(task: Task, run: Run) -> None:
    """Keep how long the run's network takes here, for `Derived.read_latency`."""
    weights, network = run.weights_digest, _network(run)
    latency = time_predictions(network, _data().test.images, lambda share: task.report(share, f"Timing {run.title}"))
    _derived(run).write_latency(latency, weights)


def look_at(task: Task, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(n, 10)` and features `(n, width)` of a few images `(n, 28, 28) uint8`."""
    del task
    batches = list(predict_batches(_network(run), images, len(images)))
    features = [each for _, each in batches if each is not None]
    return np.concatenate([logits for logits, _ in batches]), np.concatenate(features)


def explain(task: Task, run: Run, image: np.ndarray, classes: list[int]) -> np.ndarray | None:
    """Grad-CAM heat of an image for some classes, as `interpret.grad_cam` gives it."""
    from fmexplore.interpret import grad_cam

    del task
    return grad_cam(deepcopy(_network(run)), image, classes)  # it gets hooks, which the other thread must not call


def index_images(task: Task, run: Run) -> None:
    """Keep the index of all images in the run's feature space, and its predictions for the images it learnt from."""
    images, weights = _data(), run.weights_digest
    network, total = _network(run), len(images.train) + len(images.test)
    logits: list[np.ndarray] = []

    def features() -> Iterator[np.ndarray]:
        for part in (images.train, images.test):
            for batch, its_features in predict_batches(network, part.images, len(part)):
                logits.append(batch)
                task.report(sum(map(len, logits)) / total, f"Placing {total:,} images in its feature space")
                assert its_features is not None
                yield its_features

    axes: Axes | None = None
    codes = []
    for axes, code in encode_all(features()):  # noqa: B007 the last axes are those of all
        codes.append(code)
    assert axes is not None
    places = np.concatenate(codes)
    derived = _derived(run)
    located = images.locate("train", run.config.training.validation, run.config.training.validation_share)
    assert located is not None
    seen = located[1]
    derived.write_predictions("train", Predictions(np.concatenate(logits)[seen], images.train.labels[seen]), weights)
    index = NeighbourIndex(axes, places[: len(images.train)], places[len(images.train) :])
    derived.write("index", index.to_arrays(), weights)


def layer_features(task: Task, run: Run | None, layer: str, split: str) -> None:
    """Keep what the images of a split are to a layer of the run; without one, `pixels` only."""
    _features(task, run, layer, split, 1.0)


def project_images(task: Task, run: Run | None, layer: str, split: str, config: ProjectionConfig) -> Arrays:
    """A map of the images of a split, as a layer sees them, kept for `Kept.read_projection`.

    `coordinates (n, d) float32`, `index (n,) int32` as `features.locate_images` counts, `stopped (1,) bool`, and with
    PCA `explained_variance (d,)`. Partial results have the first two. One that was stopped is made again when it is
    asked for again.
    """
    files = kept_files(run, layer, read_settings())
    known, (index, _) = files.read_projection(layer, split, config), locate_images(_data(), split, *_validation(run))
    if known and np.isin(known["index"], index).all() and not np.any(known.get("stopped", False)):
        return known
    weights = files.digest
    begun = 0.0 if files.read_features(layer, split) else 0.3  # where new features have brought the bar
    features = _features(task, run, layer, split, begun)
    chosen = config.choose(len(index))
    index = index[chosen].astype(np.int32)

    def tell(share: float, message: str, positions: np.ndarray | None = None) -> None:
        partial = None if positions is None else {"coordinates": positions, "index": index}
        task.report(begun + (1 - begun) * share, message, partial)

    projected = project(features.points[chosen], config, tell)
    arrays = {"coordinates": projected.coordinates, "index": index, "stopped": np.array([projected.stopped])}
    if projected.explained_variance is not None:
        arrays["explained_variance"] = projected.explained_variance * features.variance
    files.write(files.projection_name(layer, split, config), arrays, weights)
    return arrays


def project_snapshots(task: Task, run: Run, config: ProjectionConfig) -> Arrays:
    """Maps of validation images as the run's last layer saw them at its snapshots, kept for `Derived.read_course`.

    `coordinates (t, n, d) float32`, `steps (t,)`, `index (n,)`, `movements (t - 1,)` as `maps.project_over_time` gives
    them. Partial results have `coordinates (n, d)` and `index`. Raises ConfigError where there are no features.
    """
    derived = _derived(run)
    if known := derived.read_course(config):
        return known
    weights, steps, points = derived.digest, [], []
    for step in run.snapshot_steps():
        arrays, _ = run.read_snapshot(step)
        if "features" in arrays:
            steps.append(step)
            points.append(arrays["features"])
    if not points:
        raise ConfigError(
            f"The snapshots of {run.title} have no features: train a network of your own, with validation."
        )
    chosen = config.choose(len(points[0]))
    index = locate_images(_data(), "validation", *_validation(run))[0][chosen].astype(np.int32)

    def tell(share: float, message: str, positions: np.ndarray | None = None) -> None:
        task.report(share, message, None if positions is None else {"coordinates": positions, "index": index})

    maps, movements = project_over_time([each[chosen] for each in points], config, tell)
    course = {
        "coordinates": np.stack(maps),
        "steps": np.array(steps[: len(maps)], np.int32),
        "index": index,
        "movements": movements,
    }
    if len(maps) == len(points):
        derived.write(course_name(config), course, weights)
    return course


def trust_map(
    task: Task, run: Run | None, layer: str, split: str, config: ProjectionConfig, neighbours: int = 12
) -> Trust:
    """How far the map that `project_images` gives can be trusted."""
    coordinates = project_images(task, run, layer, split, config)["coordinates"]
    points = _features(task, run, layer, split, 1.0).points
    _, labels = locate_images(_data(), split, *_validation(run))
    chosen = config.choose(len(labels))
    return trust(points[chosen], coordinates, labels[chosen], neighbours)


def doubt_labels(task: Task, run: Run, predictions: Predictions) -> np.ndarray:
    """Positions of the images with suspect labels, as `suspects.suspect_labels` gives them."""
    from fmexplore.suspects import suspect_labels

    del task, run
    return suspect_labels(predictions)


def pair_twins(task: Task) -> Arrays:
    """For each test image the nearest training image, `numbers` and `distances`; kept, as it takes seconds."""
    from safetensors.numpy import save as pack

    from fmexplore.suspects import find_twins

    images = _data()
    numbers, distances = find_twins(
        images.train.images,
        images.test.images,
        lambda share: task.report(share, "Comparing every test image with every training image"),
    )
    arrays = {"numbers": numbers.astype(np.int32), "distances": distances.astype(np.float32)}
    write_bytes(read_settings().cache / TWINS, pack(arrays))
    return arrays


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(warm, predict_split, time_network, look_at, explain, index_images, doubt_labels, pair_twins),
        *(layer_features, project_images, project_snapshots, trust_map),
    )
}
QUICK = {"warm", "predict_split", "look_at", "explain", "doubt_labels"}
_lock = threading.Lock()


def _network(run: Run) -> "Network":
    with _lock:  # two threads must not build the same one
        return _build(run, run.weights_digest)


@lru_cache(maxsize=8)
def _build(run: Run, digest: str) -> "Network":
    """The network with the weights of that digest."""
    import torch

    from fmexplore.networks import build

    del digest  # is in the key
    network = build(run.config.model)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in run.read_weights().items()})
    return network.eval()


@lru_cache(maxsize=1)
def _data() -> DataSet:
    return data.load()


def _derived(run: Run) -> Derived:
    return Derived(run, read_settings())


def _features(task: Task, run: Run | None, layer: str, split: str, end: float) -> Features:
    """Those that are kept, else new ones, which are then kept; done, the share of the work is `end`."""
    model = run.config.model if run else None
    files = kept_files(run, check_layer(model, layer), read_settings())
    if known := files.read_features(layer, split):
        return known
    images, validation, weights = _data(), _validation(run), files.digest
    total = len(locate_images(images, split, *validation)[0])
    network = _network(run) if run and layer != PIXELS else None

    def values() -> Iterator[np.ndarray]:
        done = 0
        for batch in image_batches(images, split, *validation):
            yield layer_values(network, layer, batch)
            done += len(batch)
            task.report(end * done / total, f"Looking at {total:,} images")

    features = gather(values())
    files.write(files.features_name(layer, split), features.to_arrays(), weights)
    return features


def _validation(run: Run | None) -> tuple[str, float]:
    """Which images are for validation; without a run, those that are by default."""
    training = run.config.training if run else TrainConfig()
    return training.validation, training.validation_share


def _select(run: Run, split: str) -> data.Split:
    training = run.config.training
    images = _data().select(split, training.validation, training.validation_share)
    if images is None:
        raise ConfigError(f"{run.title} was trained without validation images: choose the test images.")
    return images
