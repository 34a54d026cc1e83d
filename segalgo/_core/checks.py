"""Checks that doors share: each raises an error that names the argument, what came and what was expected."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.array_input import as_array as as_array
from segalgo._core.array_input import as_array_and_mask as as_array_and_mask
from segalgo._core.array_input import as_contiguous as as_contiguous
from segalgo._core.array_input import is_contiguous as is_contiguous

REAL = ("float16", "float32", "float64")


def as_planes(value: Any, argument: str) -> Any:
    """Return a float tensor (N, C, H, W), contiguous; (C, H, W) gains a leading axis of one."""
    array = as_array(value, argument)
    if array.ndim not in (3, 4):
        raise ValueError(f"{argument} has shape {array.shape}: expected (N, C, H, W) or (C, H, W)")
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    array = as_contiguous(array)
    return array if array.ndim == 4 else array[None]


def as_real(value: Any, argument: str, least_rank: int = 0) -> Any:
    """Return a float tensor of any rank from `least_rank`, contiguous."""
    array = as_array(value, argument)
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    if array.ndim < least_rank:
        raise ValueError(f"{argument} has shape {array.shape}: expected at least {least_rank} axes")
    return array if array.ndim == 0 else as_contiguous(array)


def as_double(value: Any, argument: str, shape: tuple[int, ...]) -> Any:
    """Return a float tensor of the given shape as contiguous float64."""
    array = as_array(value, argument)
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    if array.shape != shape:
        raise ValueError(f"{argument} has shape {array.shape}: expected {shape}")
    return as_contiguous(array.astype(np.float64, copy=False))


def widened(array: Any) -> Any:
    """Return float16 as float32, which holds every value of it exactly; any other array as it is."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def as_grey(value: Any, argument: str) -> Any:
    """Return a picture of real numbers, contiguous, in a dtype that kernels know: bool as uint8, float16 as float32."""
    array = as_array(value, argument)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected bool, integers or float16 to float64")
    array = as_contiguous(array) if array.ndim else as_contiguous(array).reshape(())
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return widened(array)


def as_pair(value: int | Sequence[int], argument: str, least: int) -> tuple[int, int]:
    """Return two integers, both at least `least`; one integer counts for both axes."""
    try:
        pair = tuple(map(operator.index, value)) if isinstance(value, Sequence) else (operator.index(value),) * 2
    except TypeError:
        raise TypeError(f"{argument}={value!r}: expected an integer or a pair of integers") from None
    if len(pair) == 1:
        pair = pair * 2
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(f"{argument}={value!r}: expected an integer or a pair of integers, each at least {least}")
    return pair


def one_of(value: Any, argument: str, choices: Sequence[Any]) -> Any:
    """Return the value if it is one of the choices."""
    if value not in choices:
        raise ValueError(f"{argument}={value!r}: expected one of {', '.join(map(repr, choices))}")
    return value
