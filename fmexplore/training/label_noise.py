"""Wrong labels on purpose: a share of the training labels is drawn anew. Knows splits; no training and no file."""

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES, Split

STREAM = 4  # beside those of the order of the images, of augmentation and of dropout


def redraw_labels(training: Split, share: float, seed: int) -> Split:
    """The same images, with a share of the labels drawn anew from all ten classes: one in ten stays right by chance.

    Args:
        training: the images to learn from, and no others.
        share: of the labels, 0 to 1.
        seed: of the training; the same one draws the same labels.
    """
    count = round(share * len(training))
    if not count:
        return training
    rng = np.random.default_rng([seed, STREAM])
    chosen = rng.permutation(len(training))[:count]
    labels = training.labels.copy()
    labels[chosen] = rng.integers(0, len(CLASS_NAMES), count)
    if training.targets is None:
        return Split(training.images, labels)
    targets = training.targets.copy()
    targets[chosen] = np.eye(len(CLASS_NAMES), dtype=np.float32)[labels[chosen]]
    return Split(training.images, labels, targets)
