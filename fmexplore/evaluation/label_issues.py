"""Problems of the data set: labels that are probably wrong, and near-duplicates across splits. Knows arrays only."""

from collections.abc import Callable

import numpy as np

from fmexplore.evaluation.predictions import Predictions

BLOCK = 500


def likely_label_errors(predictions: Predictions) -> np.ndarray:
    """Images whose label is probably wrong, by confident learning (Northcutt, Jiang, Chuang 2021; cleanlab).

    Args:
        predictions: for images that the network was not trained on, or it will have learnt their wrong labels too.

    Returns:
        (k,) int; positions among the predictions, the most doubtful label first.
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


def find_near_duplicates(
    train: np.ndarray, test: np.ndarray, report: Callable[[float], None] = lambda _: None
) -> tuple[np.ndarray, np.ndarray]:
    """For each test image the most similar training image, by the difference of their pixels.

    Args:
        train: (n, 28, 28) uint8.
        test: (m, 28, 28) uint8.
        report: called with the share of the work that is done, 0 to 1.

    Returns:
        The position of the most similar training image, (m,) int64, and its distance, (m,) float32: the root mean
        square of the differences in grey levels, from 0 (an identical image) to 255.
    """
    import torch

    # With pixels from -128 to 127 all sums are whole numbers below 2**24, which float32 holds exactly.
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
