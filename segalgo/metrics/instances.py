"""Objects of two label maps paired by how much they overlap."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.numbers import as_real_number
from segalgo.metrics.overlaps import overlaps


@dataclass(frozen=True)
class InstanceMatches:
    """Which object was found as which.

    Attributes
    ----------
    pairs : array, (n, 2), int64, or uint64 where a label needs it
        Labels (target, prediction) of the pairs, by target label.
    ious : array, (n,), float64
        Their intersection over union.
    missed : array
        Target labels without a partner.
    spurious : array
        Predicted labels without a partner.
    """

    pairs: np.ndarray
    ious: np.ndarray
    missed: np.ndarray
    spurious: np.ndarray

    def precision(self, empty: float = np.nan) -> float:
        """Return the share of predicted objects that are paired; `empty` where nothing is predicted."""
        return _share(len(self.pairs), len(self.pairs) + len(self.spurious), empty)

    def recall(self, empty: float = np.nan) -> float:
        """Return the share of target objects that are paired; `empty` where there is none."""
        return _share(len(self.pairs), len(self.pairs) + len(self.missed), empty)

    def f1(self, empty: float = np.nan) -> float:
        """Return 2 TP / (2 TP + FP + FN); `empty` where there are no objects at all."""
        return _share(2 * len(self.pairs), 2 * len(self.pairs) + len(self.missed) + len(self.spurious), empty)

    def panoptic_quality(self, empty: float = np.nan) -> float:
        """Return the sum of IoU over TP + FP / 2 + FN / 2: F1 times the mean IoU of pairs."""
        return _share(2 * self.ious.sum(), 2 * len(self.pairs) + len(self.missed) + len(self.spurious), empty)


def match_instances(target: Any, prediction: Any, threshold: float = 0.5) -> InstanceMatches:
    """Pair the objects of two label maps, each with at most one other.

    A pair needs an intersection over union of at least `threshold` (more than 0). Of all ways to pair, one with the
    most pairs is taken, and among these one with the largest sum of IoU; above 0.5 there is only one.

    Parameters
    ----------
    target, prediction : array of integers, any shape, the same for both
        Labels of objects, 0 for ground; NumPy.
    threshold : float, default 0.5
        0 to 1.

    Returns
    -------
    InstanceMatches
        Pairs, their IoU, and what has no partner.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, shapes differ, the threshold is out of range, or one map has negative labels and
        the other labels from 2^63 on.

    Notes
    -----
    Cost: one pass over both maps; an assignment problem where one object has several candidates.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import match_instances
    >>> found = match_instances(np.array([1, 1, 1, 0, 2, 2]), np.array([7, 7, 0, 0, 0, 9]))
    >>> found.pairs.tolist(), found.ious.round(2).tolist()
    ([[1, 7], [2, 9]], [0.67, 0.5])
    """
    threshold = as_real_number(threshold, "threshold")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold}: expected 0 to 1")
    shared = overlaps(target, prediction)
    areas = [shared.areas(side) for side in (0, 1)]
    objects = [np.flatnonzero((area > 0) & (names != 0)) for area, names in zip(areas, shared.labels, strict=True)]
    rows, columns = shared.pairs
    ious = shared.counts / (areas[0][rows] + areas[1][columns] - shared.counts)
    kept = (shared.labels[0][rows] != 0) & (shared.labels[1][columns] != 0) & (ious >= threshold)
    rows, columns, ious = _assigned(rows[kept], columns[kept], ious[kept])
    pairs = _as_pairs(shared.labels[0][rows], shared.labels[1][columns])
    left = [np.setdiff1d(numbers, used) for numbers, used in zip(objects, (rows, columns), strict=True)]
    order = np.argsort(pairs[:, 0])
    return InstanceMatches(pairs[order], ious[order], shared.labels[0][left[0]], shared.labels[1][left[1]])


def _as_pairs(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return labels and others as columns of one dtype that holds all of them."""
    bounds = [int(bound) for side in (labels, others) if side.size for bound in (side.min(), side.max())]
    least, most = min(bounds, default=0), max(bounds, default=0)
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
            return np.column_stack([labels.astype(dtype), others.astype(dtype)])
    raise ValueError(f"target and prediction hold labels {least} and {most}: expected all in int64, or all in uint64")


def _assigned(rows: np.ndarray, columns: np.ndarray, ious: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return candidates of which each row and column has at most one: most of them, then the largest sum."""
    row_names, row = np.unique(rows, return_inverse=True)
    column_names, column = np.unique(columns, return_inverse=True)
    if len(row_names) == len(rows) and len(column_names) == len(columns):
        return rows, columns, ious
    from scipy.optimize import linear_sum_assignment

    gain = np.zeros((len(row_names), len(column_names)))
    # A pair more is worth more than all the IoU that a set of pairs can have.
    gain[row, column] = 1 + ious / (2 * min(gain.shape))
    chosen = np.zeros(gain.shape, bool)
    chosen[linear_sum_assignment(gain, maximize=True)] = True
    kept = chosen[row, column]
    return rows[kept], columns[kept], ious[kept]


def _share(part: float, whole: float, empty: float) -> float:
    return float(part / whole) if whole else float(empty)
