"""Checks that the doors of pooling and of its indices share."""

from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, as_pair, is_sequence


def as_stride(value: Any, kernel: tuple[int, int]) -> tuple[int, int]:
    """Return the stride of a pooling: that of the kernel where none is given, or, as PyTorch has it, an empty one."""
    empty = is_sequence(value) and not isinstance(value, str | bytes) and len(value) == 0
    return kernel if value is None or empty else as_pair(value, "stride", 1)


def as_indices(value: Any, argument: str) -> Any:
    """Return an array of integers as contiguous int64; one beyond its range is an error."""
    indices = as_array(value, argument)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{argument} has dtype {indices.dtype}: expected integers")
    if indices.dtype == np.uint64 and bool((indices > np.uint64(np.iinfo(np.int64).max)).any()):
        raise ValueError(f"{argument} holds a number above 2**63 - 1: expected places in a plane")
    indices = indices.astype(np.int64, copy=False)
    return as_contiguous(indices) if indices.ndim else indices
