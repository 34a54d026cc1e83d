"""Scores that compare two partitions of an image, independent of the names of their labels."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.numbers import as_real_number, as_score
from segalgo.metrics.overlaps import Overlaps, overlaps


def adapted_rand_error(
    target: Any, prediction: Any, ignore_labels: Sequence[int] = (0,), alpha: float = 0.5, empty: float = np.nan
) -> tuple[float, float, float]:
    """Return the adapted Rand error of connectomics, with its precision and recall.

    Over pairs of cells: precision is the share of pairs that are together in the target among which are together in
    the prediction too; recall the other way round; the error is 1 minus their weighted harmonic mean. Names and
    weights are those of `skimage.metrics.adapted_rand_error`, whose results these are.

    Parameters
    ----------
    target, prediction : array of integers, any shape, the same for both
        Labels; NumPy.
    ignore_labels : sequence of int, default (0,)
        Target labels whose cells do not count.
    alpha : float, default 0.5
        Weight of precision, 0 to 1.
    empty : float, default nan
        A value whose formula reads 0 / 0, as where no two cells are together.

    Returns
    -------
    tuple of float
        (error, precision, recall).

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, shapes differ, or `alpha` is out of range.

    References
    ----------
    Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms for connectomics, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import adapted_rand_error
    >>> adapted_rand_error(np.array([1, 1, 2, 2]), np.array([1, 1, 1, 2]))
    (0.6, 0.5, 0.3333333333333333)
    """
    alpha, empty = as_real_number(alpha, "alpha"), as_score(empty, "empty")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha={alpha}: expected 0 to 1")
    rows, columns, counts = _counted(overlaps(target, prediction), ignore_labels)
    # Sums of squares less the cells themselves, exact as long as a picture has fewer than 2^31 cells.
    sizes = (counts, np.bincount(rows, counts), np.bincount(columns, counts))
    together, true, found = (int((c * c).sum() - c.sum()) for c in (size.astype(np.int64) for size in sizes))
    weighted = alpha * true + (1 - alpha) * found
    ratios = [part / whole if whole else empty for part, whole in ((together, true), (together, found))]
    return (1 - together / weighted if weighted else empty), ratios[0], ratios[1]


def variation_of_information(
    target: Any, prediction: Any, ignore_labels: Sequence[int] = (), empty: float = np.nan
) -> tuple[float, float]:
    """Return the variation of information in its two parts, in bits.

    The first is the entropy of the prediction given the target, large where objects are split; the second that of the
    target given the prediction, large where objects are merged. Their sum is a distance between partitions. As
    `skimage.metrics.variation_of_information`.

    Parameters
    ----------
    target, prediction : array of integers, any shape, the same for both
        Labels; NumPy.
    ignore_labels : sequence of int, default ()
        Target labels whose cells do not count.
    empty : float, default nan
        Both parts where no cell counts.

    Returns
    -------
    tuple of float
        (splits, merges), each at least 0.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, or shapes differ.

    References
    ----------
    Meila, Comparing clusterings: an information based distance, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import variation_of_information
    >>> variation_of_information(np.array([1, 1, 1, 1]), np.array([1, 1, 2, 2]))
    (1.0, 0.0)
    """
    rows, columns, counts = _counted(overlaps(target, prediction), ignore_labels)
    total = counts.sum()
    if not total:
        return empty, empty
    true, found = np.bincount(rows, counts)[rows], np.bincount(columns, counts)[columns]
    share = counts / total
    splits, merges = (float((share * np.log2(area / counts)).sum()) for area in (true, found))
    return splits, merges


def _as_ignored(ignore_labels: Any) -> set[int]:
    """Return the labels to ignore, exact whatever their size."""
    try:
        return {operator.index(label) for label in ignore_labels}
    except TypeError:
        raise TypeError(f"ignore_labels={ignore_labels!r}: expected a sequence of integers") from None


def _counted(found: Overlaps, ignore_labels: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs, as numbers and counts, whose target label is not ignored."""
    names, (rows, columns) = found.labels[0], found.pairs
    ignored = _as_ignored(ignore_labels)
    kept = np.array([int(name) not in ignored for name in names], bool)[rows] if ignored else slice(None)
    return rows[kept], columns[kept], found.counts[kept]
