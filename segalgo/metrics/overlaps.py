"""How many cells two label maps share, label by label: the ground of instance, panoptic and partition scores."""

from typing import Any, NamedTuple

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels, ranked

# Up to this many labels pairs are counted in a dense table: 32 MiB.
DENSE = 2048


class Overlaps(NamedTuple):
    """The pairs of labels that share cells: labels[0][pairs[0][k]] and labels[1][pairs[1][k]] share counts[k]."""

    labels: tuple[np.ndarray, np.ndarray]
    pairs: tuple[np.ndarray, np.ndarray]
    counts: np.ndarray

    def areas(self, side: int) -> np.ndarray:
        """Return the cells of each label of one side."""
        return np.bincount(self.pairs[side], self.counts, len(self.labels[side])).astype(np.int64)


def overlaps(target: Any, prediction: Any) -> Overlaps:
    """Return the overlaps of two label maps of one shape; a label 0 is listed on both sides, present or not."""
    maps = []
    for value, argument in ((target, "target"), (prediction, "prediction")):
        if not isinstance(as_array(value, argument), np.ndarray):
            raise TypeError(f"{argument} is {type(value).__name__}: expected a NumPy array")
        labels = as_labels(value, argument, bools=True)
        maps.append(labels.view(np.uint8) if labels.dtype == bool else labels)
    if maps[0].shape != maps[1].shape:
        raise ValueError(f"prediction has shape {maps[1].shape}: expected that of target, {maps[0].shape}")
    (ranks, names), (other_ranks, other_names) = (_dense(labels) for labels in maps)
    most = max(len(names), len(other_names))
    if most <= DENSE:
        table, _ = wing("metrics.confusion", ranks).confusion_matrix(ranks, other_ranks, most, None)
        rows, columns = np.nonzero(table)
        return Overlaps((names, other_names), (rows, columns), table[rows, columns])
    from scipy.sparse import coo_array

    ones = np.ones(ranks.size, np.int64)
    table = coo_array((ones, (ranks.ravel(), other_ranks.ravel())), (len(names), len(other_names))).tocsr().tocoo()
    return Overlaps((names, other_names), (table.row, table.col), table.data)


def _dense(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as small numbers, and the labels that they stand for; small labels stand for themselves."""
    if labels.size == 0:
        return labels, np.zeros(1, labels.dtype)
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < DENSE:
        return labels, np.arange(high + 1).astype(labels.dtype)
    return ranked(labels)
