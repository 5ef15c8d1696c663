"""What the analyst does with images: functions of a Task and picklable arguments, which return arrays or keep files.

Each imports torch only when it runs. Those that a person waits for with a finger on the mouse are in QUICK: they never
wait behind the others.
"""

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from fmexplore.analysis.task import Task
from fmexplore.data import fashion_mnist
from fmexplore.data.fashion_mnist import DataSet
from fmexplore.embeddings.neighbours import Axes, NeighbourIndex, encode_all
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.evaluation.latency import time_predictions
from fmexplore.evaluation.predictions import Predictions, predict_batches
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Arrays, Run
from fmexplore.settings import read_settings
from fmexplore.storage import write_bytes

if TYPE_CHECKING:
    from fmexplore.models.networks import Network

NEAR_DUPLICATES = "twins.safetensors"


def warm(task: Task) -> None:
    """Import and load what the first question would wait for."""
    for module in ("captum.attr", "fmexplore.evaluation.gradcam", "fmexplore.inside.passes"):
        import_module(module)
    data_set()
    del task


def predict_split(task: Task, run: Run, split: str) -> None:
    """Keep the predictions of a run's weights for a split."""
    images, weights = select_split(run, split), run.weights_digest  # before they are read: the run may learn meanwhile
    logits = []
    for batch, _ in predict_batches(network_of(run), images.images):
        logits.append(batch)
        task.report(sum(map(len, logits)) / len(images), f"Running the network on {len(images):,} images")
    derived_of(run).write_predictions(split, Predictions(np.concatenate(logits), images.labels), weights)


def time_network(task: Task, run: Run) -> None:
    """Keep how long the run's network takes here, for `Derived.read_latency`."""
    weights, network = run.weights_digest, network_of(run)
    latency = time_predictions(network, data_set().test.images, lambda share: task.report(share, f"Timing {run.title}"))
    derived_of(run).write_latency(latency, weights)


def predict_images(task: Task, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(n, 10)` and features `(n, width)` of a few images `(n, 28, 28) uint8`."""
    del task
    batches = list(predict_batches(network_of(run), images, len(images)))
    features = [each for _, each in batches if each is not None]
    logits = np.concatenate([each for each, _ in batches])
    if not Predictions(logits, np.zeros(len(logits), np.uint8)).usable:
        raise NoAnswers.of(run.title, run.id)
    return logits, np.concatenate(features)


def require_answers(task: Task, run: Run) -> None:
    """Raises NoAnswers, RunBroken where the run's network cannot be used."""
    del task
    network_of(run)


def explain(task: Task, run: Run, image: np.ndarray, classes: list[int]) -> np.ndarray | None:
    """Grad-CAM heat `(k, 28, 28)` of an image `(28, 28) uint8` for k classes, as `gradcam.grad_cam` gives it."""
    from fmexplore.evaluation.gradcam import grad_cam

    del task
    return grad_cam(deepcopy(network_of(run)), image, classes)  # it gets hooks, which the other thread must not call


def index_images(task: Task, run: Run) -> None:
    """Keep the index of all images in the run's feature space, and its predictions for the images it learnt from."""
    images, weights = data_set(), run.weights_digest
    network, total = network_of(run), len(images.train) + len(images.test)
    logits: list[np.ndarray] = []

    def features() -> Iterator[np.ndarray]:
        for part in (images.train, images.test):
            for batch, its_features in predict_batches(network, part.images, len(part)):
                logits.append(batch)
                task.report(sum(map(len, logits)) / total, f"Computing the features of {total:,} images")
                assert its_features is not None
                if not np.isfinite(its_features).all():
                    raise NoAnswers.of(run.title, run.id)
                yield its_features

    axes: Axes | None = None
    codes = []
    for axes, code in encode_all(features()):  # noqa: B007 the last axes are those of all
        codes.append(code)
    assert axes is not None
    places = np.concatenate(codes)
    derived = derived_of(run)
    located = images.locate("train", run.config.training.split_config)
    assert located is not None
    seen = located.numbers
    derived.write_predictions("train", Predictions(np.concatenate(logits)[seen], images.train.labels[seen]), weights)
    index = NeighbourIndex(axes, places[: len(images.train)], places[len(images.train) :])
    derived.write("index", index.to_arrays(), weights)


def find_label_errors(task: Task, run: Run, predictions: Predictions) -> np.ndarray:
    """Positions of the likely label errors, as `label_issues.likely_label_errors` gives them."""
    from fmexplore.evaluation.label_issues import likely_label_errors

    del task, run
    return likely_label_errors(predictions)


def pair_near_duplicates(task: Task) -> Arrays:
    """For each test image the nearest training image, `numbers` and `distances`; kept, as it takes seconds."""
    from safetensors.numpy import save as pack

    from fmexplore.evaluation.label_issues import find_near_duplicates

    images = data_set()
    numbers, distances = find_near_duplicates(
        images.train.images,
        images.test.images,
        lambda share: task.report(share, "Comparing every test image with every training image"),
    )
    arrays = {"numbers": numbers.astype(np.int32), "distances": distances.astype(np.float32)}
    write_bytes(read_settings().cache / NEAR_DUPLICATES, pack(arrays))
    return arrays


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(warm, predict_split, time_network, predict_images, require_answers, explain, index_images),
        *(find_label_errors, pair_near_duplicates),
    )
}
QUICK = {"warm", "predict_split", "predict_images", "require_answers", "explain", "find_label_errors"}
_lock = threading.Lock()


def network_of(run: Run) -> "Network":
    """The run's network with its weights, ready to predict; the last eight are kept.

    Raises RunBroken, and NoAnswers where its outputs are infinite or not numbers, though its weights may be finite.
    """
    with _lock:  # two threads must not build the same one
        return _build(run, run.weights_digest)


@lru_cache(maxsize=8)
def _build(run: Run, digest: str) -> "Network":
    """The network with the weights of that digest."""
    from fmexplore.jobs.tasks import to_tensors
    from fmexplore.models.networks import build

    del digest  # is in the key
    network = build(run.config.model)
    network.load_state_dict(to_tensors(run.read_weights()))
    network.eval()
    logits = np.concatenate([each for each, _ in predict_batches(network, _probes())])
    if not Predictions(logits, np.zeros(len(logits), np.uint8)).usable:
        raise NoAnswers.of(run.title, run.id)
    return network


def _probes() -> np.ndarray:
    """A few images `(n, 28, 28) uint8` that need no data set: black, white, and noise of three strengths."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 28, 28)) // np.array([1, 2, 4])[:, None, None]
    return np.concatenate([np.zeros((1, 28, 28)), np.full((1, 28, 28), 255), noise]).astype(np.uint8)


@lru_cache(maxsize=1)
def data_set() -> DataSet:
    """Fashion-MNIST, read once. Raises DataError."""
    return fashion_mnist.load()


def derived_of(run: Run) -> Derived:
    """What is kept of a run, at the place that the environment says."""
    return Derived(run, read_settings())


def select_split(run: Run, split: str) -> fashion_mnist.Split:
    """The images and labels of one of the run's splits. Raises ConfigError where it has no validation images."""
    images = data_set().select(split, run.config.training.split_config)
    if images is None:
        raise ConfigError(f"{run.title} was trained without validation images: choose the test images.")
    return images
