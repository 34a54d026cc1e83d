"""Anchors, and boxes as a network writes them: relative to anchors."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import (
    as_array,
    as_contiguous,
    as_flag,
    as_number,
    as_pair,
    as_sequence,
    is_sequence,
    one_of,
    shown,
)
from segalgo._core.dispatch import wing
from segalgo.layers.sizes import check_output
from segalgo.objects.box_arrays import as_boxes, as_floats, of_one_dtype

# A box grows by at most this factor over its anchor: 1000 pixels over cells of 16.
GROWTH_CLIP = math.log(1000 / 16)


def anchors(
    feature_size: int | Sequence[int],
    stride: int | Sequence[int],
    sizes: float | Sequence[float],
    aspect_ratios: float | Sequence[float] = (0.5, 1.0, 2.0),
    *,
    rounded: bool = True,
    offset: float = 0.0,
    order: str = "ratio",
    dtype: Any = "float32",
) -> np.ndarray:
    """Return the anchors of one level of a feature pyramid: boxes of every size and shape at every cell.

    An anchor of size s and ratio r is ``s * sqrt(r)`` high and ``s / sqrt(r)`` wide, around the point
    ``((j + offset) * stride, (i + offset) * stride)`` of cell (i, j). Anchors come row by row, cell by cell, and within
    a cell in the stated order.

    Parameters
    ----------
    feature_size : int or (int, int)
        Rows and columns of cells; 0 is allowed.
    stride : int or (int, int)
        Pixels between cells, down and along, at least 1.
    sizes : float or sequence of float
        Square roots of areas, in pixels, above 0.
    aspect_ratios : float or sequence of float, default (0.5, 1.0, 2.0)
        Height over width, above 0.
    rounded : bool, default True
        Round the anchor around (0, 0) to whole pixels, halves to even, as torchvision does; Detectron2 does not.
    offset : float, default 0.0
        Where in a cell its anchors have their middle: 0.0 at its corner (torchvision), 0.5 in its middle.
    order : {"ratio", "size"}, default "ratio"
        Within a cell: all sizes of the first ratio first (torchvision), or all ratios of the first size (Detectron2).
    dtype : dtype, default float32
        float32 or float64.

    Returns
    -------
    array, (rows * columns * A, 4)
        Left, top, right, bottom; a NumPy array.

    Raises
    ------
    TypeError, ValueError
        If a size, stride or ratio is not a number in its range, or `order` or `dtype` is unknown.

    Notes
    -----
    Composed of array operations; computed in `dtype`.

    References
    ----------
    .. [1] S. Ren et al., "Faster R-CNN: Towards real-time object detection with region proposal networks", NIPS 2015.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.anchors((1, 2), 4, 32, 0.5).tolist()
    [[-23.0, -11.0, 23.0, 11.0], [-19.0, -11.0, 27.0, 11.0]]
    """
    rows, columns = as_pair(feature_size, "feature_size", 0)
    down, along = as_pair(stride, "stride", 1)
    one_of(order, "order", ("ratio", "size"))
    rounds = as_flag(rounded, "rounded")
    shift = as_number(offset, "offset")
    if not math.isfinite(shift):
        raise ValueError(f"offset={shift}: expected a finite number")
    number = np.dtype(one_of(getattr(np.dtype(dtype), "name", None), "dtype", ("float32", "float64"))).type
    sides = np.array(_positive(sizes, "sizes"), number)
    roots = np.sqrt(np.array(_positive(aspect_ratios, "aspect_ratios"), number))
    check_output((rows, columns, len(sides) * len(roots), 4))
    heights, widths = roots[:, None] * sides, (1 / roots)[:, None] * sides
    if order == "size":
        heights, widths = heights.T, widths.T
    base = np.stack([-widths, -heights, widths, heights], axis=-1).reshape(-1, 4) / number(2)
    base = np.round(base) if rounds else base
    top, left = ((np.arange(n) * step + shift * step).astype(number) for n, step in ((rows, down), (columns, along)))
    corners = np.stack(np.broadcast_arrays(left, top[:, None], left, top[:, None]), axis=-1)
    return (corners[:, :, None, :] + base).reshape(-1, 4)


def encode_boxes(boxes: Any, anchors: Any, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)) -> Any:
    """Write boxes relative to anchors: what a network learns to predict.

    With centers c and sizes s of boxes and anchors, along x and y: ``weight * (c - c_anchor) / s_anchor`` and
    ``weight * log(s / s_anchor)``, in the order dx, dy, dw, dh.

    Parameters
    ----------
    boxes, anchors : arrays, (N, 4), float or integer
        Left, top, right, bottom, each with a width and a height above 0.
    weights : four floats, default (1, 1, 1, 1)
        Of dx, dy, dw, dh, above 0; (10, 10, 5, 5) in the second stage of Faster R-CNN.

    Returns
    -------
    array, (N, 4)
        In the wider of the two dtypes; integers count as float64.

    Raises
    ------
    TypeError, ValueError
        If `boxes` or `anchors` are no boxes with an area, their numbers differ, or `weights` do not fit.

    Notes
    -----
    Grade: rounded; computed in the dtype of the result (float16 in float32).

    Examples
    --------
    >>> import segalgo
    >>> segalgo.encode_boxes([[0.0, 0.0, 4.0, 4.0]], [[1.0, 0.0, 5.0, 4.0]])
    array([[-0.25,  0.  ,  0.  ,  0.  ]])
    """
    x, y = as_boxes(boxes, "boxes"), as_boxes(anchors, "anchors")
    if len(x) != len(y):
        raise ValueError(f"anchors has shape {y.shape}: expected {x.shape}, one for each of boxes")
    for array, argument in ((x, "boxes"), (y, "anchors")):
        good = (array[:, 2] > array[:, 0]) & (array[:, 3] > array[:, 1])
        if not good.all():
            k = int((~good).argmax())
            raise ValueError(f"{argument}[{k}] is {array[k].tolist()}: expected a width and a height above 0")
    dtype = np.result_type(x.dtype, y.dtype)
    x, y = of_one_dtype(x, y)
    factors = _weights(weights).astype(x.dtype)
    return wing("objects.boxes", x, y).encode_boxes(x, y, factors).astype(dtype, copy=False)


def decode_boxes(
    deltas: Any, anchors: Any, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0), clip: float = GROWTH_CLIP
) -> Any:
    """Return the boxes that deltas relative to anchors stand for: undo `encode_boxes`.

    Center ``d / weight * s_anchor + c_anchor``, size ``exp(min(d / weight, clip)) * s_anchor``.

    Parameters
    ----------
    deltas : array, (N, 4) or (N, K, 4), float or integer
        dx, dy, dw, dh; K boxes an anchor, such as one a class.
    anchors : array, (N, 4), float or integer
        Left, top, right, bottom.
    weights : four floats, default (1, 1, 1, 1)
        What `encode_boxes` has multiplied with, above 0.
    clip : float, default log(1000 / 16)
        Largest logarithm of a growth, as in Detectron and torchvision.

    Returns
    -------
    array, shape of `deltas`
        Left, top, right, bottom, in the wider of the two dtypes; integers count as float64.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, a delta is NaN or infinite, `anchors` are no boxes, or `weights` or `clip` do not fit.

    Notes
    -----
    Grade: rounded; computed in the dtype of the result (float16 in float32).

    Examples
    --------
    >>> import segalgo
    >>> segalgo.decode_boxes([[-0.25, 0.0, 0.0, 0.0]], [[1.0, 0.0, 5.0, 4.0]])
    array([[0., 0., 4., 4.]])
    """
    d, y = as_floats(deltas, "deltas"), as_boxes(anchors, "anchors")
    if d.shape == (0,):
        d = d.reshape(0, 4)
    if d.ndim not in (2, 3) or d.shape[-1] != 4 or len(d) != len(y):
        raise ValueError(f"deltas has shape {d.shape}: expected ({len(y)}, 4) or ({len(y)}, K, 4)")
    finite = (abs(d) < math.inf).reshape(len(d), math.prod(d.shape[1:])).all(axis=1)
    if not finite.all():
        k = int((~finite).argmax())
        raise ValueError(f"deltas[{k}] is {shown(d[k].tolist())}: expected finite numbers")
    most = as_number(clip, "clip")
    if math.isnan(most):
        raise ValueError("clip=nan: expected a number")
    dtype = np.result_type(d.dtype, y.dtype)
    d, y = of_one_dtype(d, y)
    factors = _weights(weights).astype(d.dtype)
    of_classes = d if d.ndim == 3 else as_contiguous(d[:, None])
    boxes = wing("objects.boxes", of_classes, y).decode_boxes(of_classes, y, factors, most)
    return boxes.reshape(d.shape).astype(dtype, copy=False)


def _positive(values: Any, argument: str) -> list[float]:
    """Return one number or several, each finite and above 0."""
    given = as_sequence(values, argument, "a sequence of numbers") if is_sequence(values) else [values]
    numbers = [as_number(value, argument) for value in given]
    if not numbers or not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"{argument}={shown(values)}: expected finite numbers above 0")
    return numbers


def _weights(weights: Any) -> np.ndarray:
    numbers = _positive(weights, "weights")
    if len(numbers) != 4:
        raise ValueError(f"weights={shown(weights)}: expected four numbers, of dx, dy, dw, dh")
    return as_array(numbers, "weights")
