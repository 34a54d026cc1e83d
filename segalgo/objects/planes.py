"""Label maps and class maps as functions on objects take them: planes of integers, and the values that occur."""

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array


def as_plane(values: Any, argument: str) -> np.ndarray:
    """Return an (H, W) integer array of NumPy; bool as uint8."""
    plane = as_array(values, argument)
    if is_cupy(plane):
        raise TypeError(f"{argument} is a CuPy array: expected NumPy's, fetch it with .get()")
    if plane.dtype.kind not in "iub":
        raise TypeError(f"{argument} has dtype {plane.dtype}: expected integers")
    if plane.ndim != 2:
        raise ValueError(f"{argument} has shape {plane.shape}: expected (H, W)")
    return plane.astype(np.uint8) if plane.dtype == bool else plane


def as_objects(values: Any, argument: str = "labels") -> np.ndarray:
    """Return a plane of object numbers, none negative."""
    plane = as_plane(values, argument)
    if plane.size and plane.min() < 0:
        raise ValueError(f"{argument} holds {plane.min()}: expected object numbers of at least 0")
    return plane


def as_numbers(values: Any, argument: str) -> list[int]:
    """Return a sequence of integers as Python's, exact whatever their size."""
    if isinstance(values, str | bytes):
        raise TypeError(f"{argument}={values!r}: expected integers")
    listed = as_array(
        list(values) if isinstance(values, Iterable) and not hasattr(values, "dtype") else values, argument
    )
    if is_cupy(listed):
        raise TypeError(f"{argument} is a CuPy array: expected NumPy's, fetch it with .get()")
    if listed.ndim != 1 or (listed.size and listed.dtype.kind not in "iub"):
        raise ValueError(f"{argument} has dtype {listed.dtype}, shape {listed.shape}: expected integers, (K,)")
    return [operator.index(number) for number in listed.tolist()] if listed.size else []


def as_integers(numbers: list[int], argument: str) -> np.ndarray:
    """Return integers as int64, or as uint64 where one needs it."""
    low, high = min(numbers, default=0), max(numbers, default=0)
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.array(numbers, dtype)
    raise ValueError(f"{argument} holds {low} and {high}: expected all within int64, or all within uint64")


def rank_values(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that occur, ascending, and the place of every cell's value among them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if not 0 <= low <= high <= max(2**16, values.size):
        present, ranks = np.unique(values, return_inverse=True)
        return present, ranks.reshape(values.shape)
    # Small numbers need no sorting: a table says which occur.
    values = values.astype(np.intp, copy=False)
    occurs = np.bincount(values.reshape(-1), minlength=1) > 0
    present = np.flatnonzero(occurs) if values.size else np.zeros(0, np.int64)
    return present, (np.cumsum(occurs) - 1)[values]
