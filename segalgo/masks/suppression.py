"""Keep the best of masks that overlap."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_number
from segalgo.masks.run_lengths import rle_iou
from segalgo.objects.box_arrays import as_scores


def mask_nms(rles: Sequence[Mapping[str, Any]], scores: Any, iou_threshold: float) -> np.ndarray:
    """Suppress masks that overlap a better one, on their run-length codes.

    As `segalgo.nms` with the IoU of masks: masks are taken by falling score, of equal scores the one of lower index
    first; one is kept unless a kept one overlaps it with an IoU greater than the threshold.

    Parameters
    ----------
    rles : sequence of N codes
        All of one size.
    scores : array, (N,), float or integer
        Any numbers but NaN.
    iou_threshold : float
        0 to 1.

    Returns
    -------
    array, (K,), int64
        Indices of the masks kept, by falling score.

    Raises
    ------
    TypeError, ValueError
        If a code is no code, sizes differ, a score is NaN, their numbers differ, or the threshold is not in 0 ... 1.

    Notes
    -----
    Composed of `rle_iou`. Grade: exact: quotients of whole numbers in float64. Scratch: 8 bytes a pair.

    Examples
    --------
    >>> from segalgo.masks import mask_nms
    >>> left, all_of_it = {"size": [2, 2], "counts": [0, 2, 2]}, {"size": [2, 2], "counts": [0, 4]}
    >>> mask_nms([left, all_of_it], [0.5, 0.9], 0.4)
    array([1])
    """
    if not isinstance(rles, Sequence) or isinstance(rles, str | bytes):
        raise TypeError(f"rles is {type(rles).__name__}: expected a sequence of run-length codes")
    ranks = as_scores(scores, "scores", len(rles))
    threshold = as_number(iou_threshold, "iou_threshold")
    if not 0 <= threshold <= 1:
        raise ValueError(f"iou_threshold={threshold}: expected 0 to 1")
    over = rle_iou(rles, rles) > threshold
    suppressed = np.zeros(len(rles), bool)
    kept = []
    for k in np.argsort(-ranks, kind="stable"):
        if not suppressed[k]:
            kept.append(k)
            suppressed |= over[k]
    return np.array(kept, np.int64)
