"""Keep the best of boxes that overlap, and the best of scores."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_contiguous, as_flag, as_integer, as_number
from segalgo._core.dispatch import wing
from segalgo.objects.box_arrays import as_boxes, as_floats, as_scores, exact_threshold, of_one_dtype


def nms(boxes: Any, scores: Any, iou_threshold: float, *, plus_one: bool = False, suppress_equal: bool = False) -> Any:
    """Suppress boxes that overlap a better one: greedy non-maximum suppression.

    Boxes are taken by falling score, of equal scores the one of lower index first. A box is kept unless a kept one
    overlaps it with an IoU greater than the threshold; boxes that share no area never suppress each other.

    Parameters
    ----------
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom. NumPy or CuPy.
    scores : array, (N,), float or integer
        Any numbers but NaN: probabilities or logits.
    iou_threshold : float
        0 to 1.
    plus_one : bool, default False
        Widths and heights are ``right - left + 1``, as in Fast R-CNN.
    suppress_equal : bool, default False
        Suppress where the IoU equals the threshold too, as in Fast R-CNN.

    Returns
    -------
    array, (K,), int64
        Indices of the boxes kept, by falling score.

    Raises
    ------
    TypeError, ValueError
        If `boxes` are no boxes of finite numbers with left <= right and top <= bottom, a score is NaN, their numbers
        differ, or the threshold is not in 0 ... 1.

    See Also
    --------
    batched_nms : among boxes of one class only.

    Notes
    -----
    Grade: exact: the same indices in every wing and for any number of threads. IoUs are those of `box_iou`, computed in
    the dtype of the boxes (float16 in float32), and compared with the threshold as it stands in float64. Cost: a search
    among the kept boxes around, in a tree, for each box; near n log n where boxes are small beside the picture.

    References
    ----------
    .. [1] R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation", CVPR
       2014.

    Examples
    --------
    >>> import segalgo
    >>> boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 1.0, 4.0, 5.0], [8.0, 8.0, 9.0, 9.0]]
    >>> segalgo.nms(boxes, [0.8, 0.9, 0.1], 0.5)
    array([1, 2])
    """
    x = as_boxes(boxes, "boxes")
    groups = array_module(x).zeros(len(x), np.int64)
    return _suppress(x, scores, groups, iou_threshold, plus_one, suppress_equal)


def batched_nms(
    boxes: Any, scores: Any, idxs: Any, iou_threshold: float, *, plus_one: bool = False, suppress_equal: bool = False
) -> Any:
    """Suppress boxes that overlap a better one of their own class (or picture, or level).

    As `nms` for each class alone; boxes of different classes never suppress each other. No coordinates are moved, as
    torchvision does for few boxes, so borderline overlaps do not depend on the class.

    Parameters
    ----------
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom. NumPy or CuPy.
    scores : array, (N,), float or integer
        Any numbers but NaN.
    idxs : array, (N,), integer
        The class of each box; any integers.
    iou_threshold : float
        0 to 1.
    plus_one, suppress_equal : bool, default False
        As in `nms`.

    Returns
    -------
    array, (K,), int64
        Indices of the boxes kept, of all classes, by falling score, of equal scores the lower index first.

    Raises
    ------
    TypeError, ValueError
        As `nms`; and if `idxs` are not integers, one for each box.

    Notes
    -----
    Grade: exact. Cost: as `nms`; classes in parallel.

    Examples
    --------
    >>> import segalgo
    >>> boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 1.0, 4.0, 5.0], [0.0, 0.0, 4.0, 4.0]]
    >>> segalgo.batched_nms(boxes, [0.8, 0.9, 0.1], [1, 1, 2], 0.5)
    array([1, 2])
    """
    x = as_boxes(boxes, "boxes")
    classes = as_array(idxs, "idxs")
    if classes.shape != (len(x),):
        raise ValueError(f"idxs has shape {classes.shape}: expected ({len(x)},), one for each box")
    if classes.size and classes.dtype.kind not in "iu":
        raise TypeError(f"idxs has dtype {classes.dtype}: expected integers")
    groups = array_module(classes).unique(classes, return_inverse=True)[1]
    groups = as_contiguous(groups.reshape(len(x)).astype(np.int64))
    return _suppress(x, scores, groups, iou_threshold, plus_one, suppress_equal)


def _suppress(boxes: Any, scores: Any, groups: Any, iou_threshold: Any, plus_one: Any, suppress_equal: Any) -> Any:
    ranks = as_scores(scores, "scores", len(boxes))
    threshold = as_number(iou_threshold, "iou_threshold")
    if not 0 <= threshold <= 1:
        raise ValueError(f"iou_threshold={threshold}: expected 0 to 1")
    one, equal = as_flag(plus_one, "plus_one"), as_flag(suppress_equal, "suppress_equal")
    (boxes,) = of_one_dtype(boxes)
    limit = max(exact_threshold(threshold, boxes.dtype, equal), 0.0)  # boxes that share nothing have an IoU of 0
    return wing("objects.suppression", boxes, ranks, groups).nms(boxes, ranks, groups, limit, one)


def topk(input: Any, k: int) -> tuple[Any, Any]:
    """Return the k largest of scores and where they are, in a stated order.

    By falling value; of equal values the lower index first. All of them where there are fewer than k.

    Parameters
    ----------
    input : array, (N,), float or integer
        Any numbers but NaN. NumPy or CuPy.
    k : int
        At least 0.

    Returns
    -------
    values : array, (min(k, N),), dtype of `input`
    indices : array, (min(k, N),), int64

    Raises
    ------
    TypeError, ValueError
        If `input` has not one axis or holds NaN, or `k` is not an integer of at least 0.

    Notes
    -----
    Composed of array operations. Grade: exact. Cost: one partition, and a sort of k.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.topk([3.0, 5.0, 3.0, 9.0], 3)
    (array([9., 5., 3.]), array([3, 1, 0]))
    """
    given = as_array(input, "input")
    if given.ndim != 1:
        raise ValueError(f"input has shape {given.shape}: expected (N,)")
    count = min(as_integer(k, "k", 0), given.size)
    xp = array_module(given)
    given = given.astype(given.dtype.newbyteorder("="), copy=False)
    if given.dtype.kind in "iu":
        ranks = ~given  # turns the order round without an overflow
    else:
        ranks = -as_floats(given, "input")
        missing = xp.isnan(ranks)
        if missing.any():
            raise ValueError(f"input[{int(missing.argmax())}] is nan: expected numbers")
    if count == 0:
        return given[:0], xp.empty(0, np.int64)
    limit = xp.partition(ranks, count - 1)[count - 1]
    before = xp.flatnonzero(ranks < limit)
    chosen = xp.concatenate([before, xp.flatnonzero(ranks == limit)[: count - len(before)]])
    indices = chosen[xp.argsort(ranks[chosen], kind="stable")].astype(np.int64)
    return given[indices], indices
