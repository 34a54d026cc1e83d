"""Areas of boxes, how far they overlap, and boxes cut to a picture."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_contiguous, as_flag, as_integer, as_sequence
from segalgo._core.dispatch import wing
from segalgo.objects.box_arrays import as_boxes, of_one_dtype


def box_area(boxes: Any, *, plus_one: bool = False) -> Any:
    """Return the area of every box.

    ``(right - left) * (bottom - top)``, in the dtype of the boxes.

    Parameters
    ----------
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom, as torchvision writes boxes. Integers are computed in float64.
    plus_one : bool, default False
        Widths and heights are ``right - left + 1``, as where boxes name their last column and row (Fast R-CNN).

    Returns
    -------
    array, (N,)

    Raises
    ------
    TypeError, ValueError
        If `boxes` are no boxes of finite numbers with left <= right and top <= bottom, or `plus_one` is no flag.

    Notes
    -----
    Composed of array operations. Grade: exact.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.box_area([[0.0, 0.0, 2.0, 3.0]])
    array([6.])
    """
    x = as_boxes(boxes, "boxes")
    one = x.dtype.type(as_flag(plus_one, "plus_one"))
    with np.errstate(over="ignore"):
        return (x[:, 2] - x[:, 0] + one) * (x[:, 3] - x[:, 1] + one)


def box_iou(boxes: Any, others: Any, is_crowd: Any = None, *, plus_one: bool = False) -> Any:
    """Return the intersection over union of each box with each other.

    With width and height of the intersection at least 0, ``common = width * height`` and
    ``iou = common / ((area + other area) - common)``; 0 where ``common`` is 0, so also for two boxes without area.
    Where an other is a crowd, ``common / area``: a crowd may hold many objects.

    Parameters
    ----------
    boxes, others : arrays, (D, 4) and (G, 4), float or integer
        Left, top, right, bottom. NumPy or CuPy.
    is_crowd : array of bool, (G,), optional
        Which of the others are crowds; none by default.
    plus_one : bool, default False
        Widths and heights are ``right - left + 1``, as in Fast R-CNN.

    Returns
    -------
    array, (D, G)
        In the wider of the two dtypes; integers count as float64.

    Raises
    ------
    TypeError, ValueError
        If `boxes` or `others` are no boxes of finite numbers with left <= right and top <= bottom, or `is_crowd` does
        not fit.

    See Also
    --------
    segalgo.masks.rle_iou : the same of masks, from their run-length codes.

    Notes
    -----
    Grade: exact. Computed in the dtype of the result (float16 in float32) in the order above: the same bits in every
    wing. Areas beyond the dtype are infinite, and overlaps of two of them NaN. Cost: one write of the result.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.box_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 2.0, 1.0]]).round(3)
    array([[0.333, 0.5  ]])
    """
    x, y = as_boxes(boxes, "boxes"), as_boxes(others, "others")
    dtype = np.result_type(x.dtype, y.dtype)
    one = as_flag(plus_one, "plus_one")
    xp = array_module(y)
    crowd = xp.zeros(len(y), bool) if is_crowd is None else as_array(is_crowd, "is_crowd")
    if crowd.dtype != np.bool_ and not (crowd.dtype.kind in "iu" and bool(((crowd == 0) | (crowd == 1)).all())):
        raise TypeError(f"is_crowd has dtype {crowd.dtype}: expected bool, or 0 and 1")
    if crowd.shape != (len(y),):
        raise ValueError(f"is_crowd has shape {crowd.shape}: expected ({len(y)},), one for each of others")
    x, y = of_one_dtype(x, y)
    iou = wing("objects.boxes", x, y, crowd).box_iou(x, y, as_contiguous(crowd.astype(bool)), one)
    return iou.astype(dtype, copy=False)


def clip_boxes(boxes: Any, size: Any) -> Any:
    """Cut boxes to a picture.

    Left and right are moved to 0 ... width, top and bottom to 0 ... height. A box outside becomes one without area.

    Parameters
    ----------
    boxes : array, (..., 4), float or integer
        Left, top, right, bottom. NumPy or CuPy; infinities are moved to the border.
    size : (int, int)
        Height and width of the picture.

    Returns
    -------
    array, shape of `boxes`
        In their dtype.

    Raises
    ------
    TypeError, ValueError
        If `boxes` are no boxes, one is NaN or reversed, or `size` is not two integers of at least 0.

    Notes
    -----
    Composed of array operations. Grade: exact.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.clip_boxes([[-2.0, 1.0, 9.0, 30.0]], (20, 8))
    array([[ 0.,  1.,  8., 20.]])
    """
    given = as_array(boxes, "boxes")
    if given.shape != (0,) and (given.ndim < 2 or given.shape[-1] != 4):
        raise ValueError(f"boxes has shape {given.shape}: expected (..., 4), boxes of left, top, right, bottom")
    sides = as_sequence(size, "size", "two integers, height and width")
    if len(sides) != 2:
        raise ValueError(f"size={size!r}: expected two integers, height and width")
    height, width = (as_integer(side, "size", 0) for side in sides)
    shape = (0, 4) if given.shape == (0,) else given.shape
    flat = as_boxes(given.reshape(-1, 4), "boxes", finite=False)
    xp = array_module(flat)
    most = xp.asarray([width, height, width, height]).astype(flat.dtype if given.dtype.kind == "f" else given.dtype)
    clipped = xp.clip(flat if given.dtype.kind == "f" else given.reshape(-1, 4), 0, most)
    return clipped.reshape(shape)
