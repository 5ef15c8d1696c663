"""What the analyst does for maps: what images are to a layer, where a map puts them, how far it can be trusted.

Functions of a Task, as those of `images`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fmexplore.analysis.images import data_set, derived_of, network_of
from fmexplore.analysis.task import Task
from fmexplore.embeddings.features import (
    PIXELS,
    Features,
    check_layer,
    gather,
    ids_of_split,
    image_batches,
    layer_values,
)
from fmexplore.embeddings.projection import ProjectionConfig, project
from fmexplore.embeddings.quality import MapQuality, measure_quality, project_over_time
from fmexplore.errors import ConfigError, NoAnswers
from fmexplore.runs.derived import course_name, kept_files, split_config_of
from fmexplore.runs.run import Arrays, Run
from fmexplore.settings import read_settings

MOST_FOLLOWED = 2000  # validation images, as many as snapshots have features of


def layer_features(task: Task, run: Run | None, layer: str, split: str) -> None:
    """Keep what the images of a split are to a layer of the run; without one, `pixels` only."""
    _features(task, run, layer, split, 1.0)


def project_images(task: Task, run: Run | None, layer: str, split: str, config: ProjectionConfig) -> Arrays:
    """A map of the images of a split, as a layer sees them, kept for `Kept.read_projection`.

    `coordinates (n, d) float32`, `index (n,) int32` as `Addresses.names` calls them, `stopped (1,) bool`, and with
    PCA `explained_variance (d,)`. Partial results have the first two. One that was stopped is made again when it is
    asked for again.
    """
    files = kept_files(run, layer, data_set(), read_settings())
    known, ids = files.read_projection(layer, split, config), ids_of_split(data_set(), split, split_config_of(run))
    index = data_set().addresses.names(split, ids)
    if known and np.isin(known["index"], index).all() and not np.any(known.get("stopped", False)):
        return known
    weights = files.digest
    begun = 0.0 if files.read_features(layer, split) else 0.3  # where new features have brought the bar
    features = _features(task, run, layer, split, begun)
    chosen = config.choose(len(index))
    index = index[chosen].astype(np.int32)

    def report(share: float, message: str, positions: np.ndarray | None = None) -> None:
        partial = None if positions is None else {"coordinates": positions, "index": index}
        task.report(begun + (1 - begun) * share, message, partial)

    projected = project(features.points[chosen], config, report)
    arrays = {"coordinates": projected.coordinates, "index": index, "stopped": np.array([projected.stopped])}
    if projected.explained_variance is not None:
        arrays["explained_variance"] = projected.explained_variance * features.variance
    files.write(files.projection_name(layer, split, config), arrays, weights)
    return arrays


def project_snapshots(task: Task, run: Run, config: ProjectionConfig) -> Arrays:
    """Maps of validation images as the run saw them at its snapshots, kept for `Derived.read_course`.

    By the features of its last hidden layer, or by its outputs where the snapshots have no features, as those of
    shipped runs. `coordinates (t, n, d) float32`, `steps (t,)`, `index (n,)`, `movements (t - 1,)` as
    `project_over_time` gives them, `outputs (1,) bool`. Partial results have `coordinates (n, d)` and `index`. Raises
    ConfigError where there are no snapshots.
    """
    derived = derived_of(run)
    if known := derived.read_course(config):
        return known
    weights, snapshots = derived.digest, {}
    for step in run.snapshot_steps():
        arrays, _ = run.read_snapshot(step)
        if np.isfinite(arrays["logits"]).all() and np.isfinite(arrays.get("features", 0)).all():
            snapshots[step] = arrays
    if not snapshots:
        raise ConfigError(
            f"{run.title} has no snapshots: train a network of your own, with validation images and snapshots."
        )
    outputs = not all("features" in arrays for arrays in snapshots.values())
    steps = list(snapshots)
    points = [arrays["logits" if outputs else "features"][:MOST_FOLLOWED] for arrays in snapshots.values()]
    chosen = config.choose(len(points[0]))
    ids = ids_of_split(data_set(), "validation", split_config_of(run))[chosen]
    index = data_set().addresses.names("validation", ids).astype(np.int32)

    def report(share: float, message: str, positions: np.ndarray | None = None) -> None:
        task.report(share, message, None if positions is None else {"coordinates": positions, "index": index})

    maps, movements = project_over_time([each[chosen] for each in points], config, report)
    course = {
        "coordinates": np.stack(maps),
        "steps": np.array(steps[: len(maps)], np.int32),
        "index": index,
        "movements": movements,
        "outputs": np.array([outputs]),
    }
    if len(maps) == len(points):
        derived.write(course_name(config), course, weights)
    return course


def measure_map(
    task: Task, run: Run | None, layer: str, split: str, config: ProjectionConfig, neighbours: int = 12
) -> MapQuality:
    """How well the map that `project_images` gives preserves neighbourhoods."""
    coordinates = project_images(task, run, layer, split, config)["coordinates"]
    points = _features(task, run, layer, split, 1.0).points
    labels = data_set().labels_of(ids_of_split(data_set(), split, split_config_of(run)))
    chosen = config.choose(len(labels))
    return measure_quality(points[chosen], coordinates, labels[chosen], neighbours)


ANALYSES: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (layer_features, project_images, project_snapshots, measure_map)
}


def _features(task: Task, run: Run | None, layer: str, split: str, end: float) -> Features:
    """Those that are kept, else new ones, which are then kept; done, the share of the work is `end`."""
    model = run.config.model if run else None
    images, config = data_set(), split_config_of(run)
    files = kept_files(run, check_layer(model, layer), images, read_settings())
    if known := files.read_features(layer, split):
        return known
    weights, total = files.digest, len(ids_of_split(images, split, config))
    network = network_of(run) if run and layer != PIXELS else None

    def values() -> Iterator[np.ndarray]:
        done = 0
        for batch in image_batches(images, split, config):
            yield layer_values(network, layer, batch)
            done += len(batch)
            task.report(end * done / total, f"Computing the features of {total:,} images")

    features = gather(values())
    if run and not np.isfinite(features.points).all():  # they are float16
        raise NoAnswers.of(run.title, run.id)
    files.write(files.features_name(layer, split), features.to_arrays(), weights)
    return features
