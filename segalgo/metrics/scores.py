"""Scores of classes, read off a confusion matrix.

With C[i, j] the cells of target i predicted as j, row_i and col_i the sums of row and column i: a score of a class is
**undefined** where its formula reads 0 / 0: the class occurs in neither targets nor predictions (or, for precision, was
never predicted; for recall, never true). All functions follow one rule: an undefined score is `empty`, and a mean is
over the scores that are not nan. So the default ``empty=nan`` leaves such classes out of means; ``empty=0`` counts them
as failures, ``empty=1`` as successes. A mean of nothing is `empty` itself.
"""

from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array
from segalgo._core.numbers import as_score


def pixel_accuracy(matrix: Any, empty: float = np.nan) -> float:
    """Return the share of cells that are predicted right: ``sum_i C_ii / sum C``.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score where no cell was counted.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        If `matrix` is not square, or holds a negative or infinite count or nan.

    Examples
    --------
    >>> from segalgo.metrics import pixel_accuracy
    >>> pixel_accuracy([[3, 1], [0, 4]])
    0.875
    """
    counts = _counts(matrix)
    return float(_ratio(np.trace(counts), counts.sum(), empty))


def class_accuracy(matrix: Any, empty: float = np.nan) -> float:
    """Return the mean recall of the classes, ``mean_i C_ii / row_i``, as papers print it beside pixel accuracy.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The recall of a class that is never true; nan leaves it out of the mean.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import class_accuracy
    >>> class_accuracy([[3, 1], [0, 4]])
    0.875
    """
    return _mean(recall(matrix, empty), empty)


def precision(matrix: Any, empty: float = np.nan) -> np.ndarray:
    """Return each class's precision, ``C_ii / col_i``: of the cells predicted as i, the share that are i.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score of a class that is never predicted.

    Returns
    -------
    array, (K,), float64
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import precision
    >>> precision([[3, 1], [0, 4]])
    array([1. , 0.8])
    """
    counts = _counts(matrix)
    return _ratio(np.diag(counts), counts.sum(axis=0), empty)


def recall(matrix: Any, empty: float = np.nan) -> np.ndarray:
    """Return each class's recall, ``C_ii / row_i``: of the cells that are i, the share predicted as i.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score of a class that is never true.

    Returns
    -------
    array, (K,), float64
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import recall
    >>> recall([[3, 1], [0, 4]])
    array([0.75, 1.  ])
    """
    counts = _counts(matrix)
    return _ratio(np.diag(counts), counts.sum(axis=1), empty)


def iou(matrix: Any, empty: float = np.nan) -> np.ndarray:
    """Return each class's intersection over union (Jaccard index), ``C_ii / (row_i + col_i - C_ii)``.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score of a class that is neither true nor predicted anywhere.

    Returns
    -------
    array, (K,), float64
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import iou
    >>> iou([[3, 1], [0, 4]])
    array([0.75, 0.8 ])
    """
    counts = _counts(matrix)
    both = np.diag(counts)
    return _ratio(both, counts.sum(axis=0) + counts.sum(axis=1) - both, empty)


def mean_iou(matrix: Any, empty: float = np.nan) -> float:
    """Return the mean intersection over union of the classes.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score of an absent class; nan leaves it out of the mean, as the scripts of FCN and Cityscapes do, 0 counts
        it as SegNet's does.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import mean_iou
    >>> mean_iou([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    0.775
    """
    return _mean(iou(matrix, empty), empty)


def frequency_weighted_iou(matrix: Any, empty: float = np.nan) -> float:
    """Return the mean of IoU weighted by how often each class is true: ``sum_i row_i IoU_i / sum C``.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score where no cell was counted. A class that is never true has weight 0 and does not matter.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import frequency_weighted_iou
    >>> frequency_weighted_iou([[3, 1], [0, 4]])
    0.775
    """
    counts = _counts(matrix)
    return float(_ratio(counts.sum(axis=1) @ iou(counts, 0.0), counts.sum(), empty))


def dice(matrix: Any, empty: float = np.nan) -> np.ndarray:
    """Return each class's Dice coefficient, which is its F1 score: ``2 C_ii / (row_i + col_i)``.

    Parameters
    ----------
    matrix : array, (K, K), or ConfusionMatrix
        Counts, rows for targets.
    empty : float, default nan
        The score of an absent class; medical pictures are often scored with 1.

    Returns
    -------
    array, (K,), float64
        0 to 1.

    Raises
    ------
    ValueError
        As `pixel_accuracy`.

    Examples
    --------
    >>> from segalgo.metrics import dice
    >>> dice([[3, 1], [0, 4]]).round(4)
    array([0.8571, 0.8889])
    """
    counts = _counts(matrix)
    return _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1), empty)


def _counts(matrix: Any) -> np.ndarray:
    """Return the matrix as float64, which holds counts up to 2^53 exactly."""
    counts = as_array(matrix.get() if is_cupy(matrix) else matrix, "matrix")
    if counts.dtype.kind not in "biuf":
        raise TypeError(f"matrix has dtype {counts.dtype}: expected counts")
    counts = counts.astype(np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"matrix has shape {counts.shape}: expected (K, K)")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError("matrix holds a negative or infinite count or nan: expected counts of at least 0")
    return counts


def _ratio(part: Any, whole: Any, empty: float) -> Any:
    """Return part / whole, `empty` where whole is 0."""
    empty = as_score(empty, "empty")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, np.divide(part, whole), empty)


def _mean(scores: np.ndarray, empty: float) -> float:
    """Return the mean of the scores that are not nan; `empty` where there is none."""
    empty = as_score(empty, "empty")
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if defined.size else float(empty)
