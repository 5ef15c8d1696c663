"""Images to doubt: labels that a network contradicts, and pictures that lie in two splits. Array functions."""

from collections.abc import Callable

import numpy as np

from fmexplore.evaluation.predictions import Predictions

BLOCK = 500


def suspect_labels(predictions: Predictions) -> np.ndarray:
    """Positions of images whose label is probably wrong, the least believable first.

    Confident learning (Northcutt, Jiang, Chuang 2021) as cleanlab does it. The predictions should be of images that
    the network has not learnt from.
    """
    from cleanlab.filter import find_label_issues

    if len(np.unique(predictions.labels)) < 2:
        return np.zeros(0, int)
    return find_label_issues(
        predictions.labels.astype(int),
        predictions.probabilities.astype(float),
        return_indices_ranked_by="self_confidence",
        n_jobs=1,  # it forks otherwise
    ).astype(int)


def find_twins(
    train: np.ndarray, test: np.ndarray, report: Callable[[float], None] = lambda _: None
) -> tuple[np.ndarray, np.ndarray]:
    """For each image of `test` the nearest one of `train`, both `(n, 28, 28) uint8`.

    Its number `(n,)`, and `(n,)` how far they are apart: the root of the mean squared difference of their pixels, in
    grey levels from 0 (the same picture) to 255. `report` is called with the share done.
    """
    import torch

    # From -128 to 127 all sums are whole numbers below 2**24: exact, also between a copy and a picture just like it.
    known = torch.tensor(train).flatten(1).float() - 128
    squares = known.square().sum(1)
    numbers, distances = [], []
    for start in range(0, len(test), BLOCK):
        asked = torch.tensor(test[start : start + BLOCK]).flatten(1).float() - 128
        number = (squares - 2 * asked @ known.T).argmin(1)
        numbers.append(number.numpy())
        distances.append((asked - known[number]).square().mean(1).sqrt().numpy())
        report(min(1.0, (start + BLOCK) / len(test)))
    return np.concatenate(numbers), np.concatenate(distances)
