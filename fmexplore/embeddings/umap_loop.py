"""UMAP (McInnes et al. 2018) from the parts of umap-learn, with exact neighbours and a loop that reports its progress.

umap-learn's approximate search for neighbours takes half a minute to compile in every process, and finds those of
10,000 images no faster. Knows arrays; no settings of a map and no other method.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

EPOCHS = 200
NEGATIVES = 5  # random points that push a point away, for each neighbour that pulls it
WIDTH = 10  # of the positions at first
_lock = threading.Lock()  # two at once can end the process, where numba has only its work queue
_no_values = np.zeros(1, np.float32)
_NO_DENSITIES = (False, _no_values, _no_values, 0, 0, 0, 0, _no_values, _no_values, 0)


def load() -> None:
    """Import umap-learn, which takes seconds: a caller can tell the user before it does."""
    import umap.umap_  # noqa: F401


def build_graph(
    points: np.ndarray, neighbours: np.ndarray, distances: np.ndarray, metric: str, random: np.random.RandomState
) -> "coo_matrix":
    """UMAP's weighted graph: how strongly each two points attract each other.

    Args:
        points: (n, width) float32.
        neighbours: (n, count) int; the nearest other points of each.
        distances: (n, count) float; of these, by `metric`.
        metric: its name in umap-learn.
        random: source of random numbers, used as in umap-learn.

    Returns:
        (n, n) float32, sparse, 0 to 1; without edges so weak that `EPOCHS` epochs never sample them.
    """
    from scipy.sparse import coo_matrix
    from umap.umap_ import fuzzy_simplicial_set

    itself = np.arange(len(points))[:, None]  # which UMAP counts among the neighbours
    neighbours = np.concatenate([itself, neighbours], 1)
    distances = np.concatenate([np.zeros_like(itself, float), distances], 1).astype(np.float32)
    known = {"knn_indices": neighbours, "knn_dists": distances}
    with _lock:
        strengths = fuzzy_simplicial_set(points, neighbours.shape[1], random, metric, **known)[0]
    graph = coo_matrix(strengths)
    graph.data[graph.data < graph.data.max() / EPOCHS] = 0
    graph.eliminate_zeros()
    return graph


def move_points(
    graph: "coo_matrix",
    start: np.ndarray,
    *,
    min_distance: float,
    first_rate: float,
    random: np.random.RandomState,
    report: Callable[[int, np.ndarray], None],
) -> np.ndarray:
    """Optimise the positions of points on a map, as umap-learn's `optimize_layout_euclidean` does.

    Args:
        graph: (n, n) sparse; from `build_graph`.
        start: (n, d) float; the positions to begin with.
        min_distance: 0 to 1; how close points may lie.
        first_rate: the learning rate of the first epoch; it falls linearly to nearly 0.
        random: source of random numbers, used as in umap-learn.
        report: called before each epoch with its number and the positions; an exception from it ends the loop.

    Returns:
        (n, d) float32; the positions at the end.
    """
    from umap.umap_ import find_ab_params, make_epochs_per_sample

    positions = (start - start.min(0)) * (WIDTH / np.ptp(start, 0).max())
    positions = np.ascontiguousarray(positions, np.float32)
    states = _random_states(positions, random)
    every = make_epochs_per_sample(graph.data, EPOCHS)
    edges = positions, positions, graph.row, graph.col, len(positions), every
    curve = find_ab_params(1.0, min_distance)
    negative_every, negative_due, due = every / NEGATIVES, every / NEGATIVES, every.copy()
    run_epoch = compile_epoch()
    for epoch in range(EPOCHS):
        report(epoch, positions)
        rate = first_rate * (1 - max(epoch - 1, 0) / EPOCHS)
        times = rate, negative_every, negative_due, due, epoch
        run_epoch(*edges, *curve, states, 1.0, positions.shape[1], True, *times, *_NO_DENSITIES)
    return positions


def _random_states(positions: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """A state of umap-learn's generator for each point, `(n, 3) int64`."""
    states = random.randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64)
    return states + positions[:, 0].astype(np.float64).view(np.int64)[:, None]


@cache
def compile_epoch() -> Callable[..., None]:
    """One epoch of umap-learn's loop, compiled so that other Python threads can run meanwhile."""
    import numba
    from umap import layouts

    return numba.njit(layouts._optimize_layout_euclidean_single_epoch, fastmath=True, nogil=True)
