"""Boxes and scores as they arrive, checked."""

import math
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import REAL, as_array, as_contiguous, widened


def as_boxes(value: Any, argument: str, *, ordered: bool = True, finite: bool = True) -> Any:
    """Return boxes (N, 4) of floats, contiguous: finite, and with `ordered` no right before its left.

    Integers become float64. An empty list is no boxes.
    """
    array = as_floats(value, argument)
    if array.shape == (0,):
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{argument} has shape {array.shape}: expected (N, 4), boxes of left, top, right, bottom")
    xp = array_module(array)
    good = xp.isfinite(array) if finite else ~xp.isnan(array)
    if not good.all():
        k = int(xp.argmin(good.all(axis=1)))
        expected = "finite numbers" if finite else "numbers other than NaN"
        raise ValueError(f"{argument}[{k}] is {array[k].tolist()}: expected {expected}")
    if ordered:
        right_way = (array[:, 2] >= array[:, 0]) & (array[:, 3] >= array[:, 1])
        if not right_way.all():
            k = int(xp.argmin(right_way))
            raise ValueError(
                f"{argument}[{k}] is {array[k].tolist()}: expected left <= right and top <= bottom, in the order "
                f"left, top, right, bottom"
            )
    return as_contiguous(array)


def as_floats(value: Any, argument: str) -> Any:
    """Return an array of floats; integers become float64."""
    array = as_array(value, argument)
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected integers or one of {', '.join(REAL)}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def as_scores(value: Any, argument: str, count: int) -> Any:
    """Return scores (N,) of floats without NaN, contiguous; float16 as float32."""
    array = as_floats(value, argument)
    if array.shape != (count,):
        raise ValueError(f"{argument} has shape {array.shape}: expected ({count},), one for each box")
    xp = array_module(array)
    missing = xp.isnan(array)
    if missing.any():
        raise ValueError(f"{argument}[{int(missing.argmax())}] is nan: expected numbers")
    return as_contiguous(widened(array))


def of_one_dtype(*arrays: Any) -> tuple[Any, ...]:
    """Return float arrays in the widest of their dtypes, at least float32."""
    dtype = np.result_type(np.float32, *(array.dtype for array in arrays))
    return tuple(as_contiguous(array.astype(dtype, copy=False)) for array in arrays)


def exact_threshold(threshold: float, dtype: Any, equal: bool = False) -> float:
    """Return a number of the dtype that its numbers exceed where they exceed (`equal`: or reach) the threshold."""
    number = np.dtype(dtype).type
    near = number(threshold)
    if float(near) > threshold or (equal and float(near) == threshold):
        near = np.nextafter(near, number(-math.inf))
    return float(near)
