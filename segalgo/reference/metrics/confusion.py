"""Pairs of labels counted: the reference of `segalgo.metrics.confusion_matrix`."""

from typing import Any

import numpy as np


def confusion_matrix(target: Any, prediction: Any, num_classes: int, ignore_index: int | None) -> tuple[Any, int]:
    """Return C with C[i, j] the number of cells of target i and prediction j, and how many labels are no class.

    A cell of target `ignore_index` counts nowhere. A pair of classes is one number i * num_classes + j, so a histogram
    of these numbers is the matrix.
    """
    counted = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    valid = (target >= 0) & (target < num_classes) & (prediction >= 0) & (prediction < num_classes)
    pairs = target[counted & valid].astype(np.int64) * num_classes + prediction[counted & valid].astype(np.int64)
    matrix = np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    return matrix, int((counted & ~valid).sum())
