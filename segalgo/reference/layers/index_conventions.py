"""Conversions between indices within a plane and over the whole tensor."""

import numpy as np


def plane_to_tensor_indices(
    indices: np.ndarray, plane_size: tuple[int, int], column_major: bool
) -> tuple[np.ndarray, int]:
    """See `segalgo.plane_to_tensor_indices`. indices is (planes, count); returns the same shape and a fault.

    The fault is the flat position of the first index outside its plane, -1 where there is none.
    """
    height, width = plane_size
    first = np.arange(indices.shape[0])[:, None] * (height * width)
    fault = _first_outside(indices, height * width)
    if column_major:
        row, column = np.divmod(indices, width)
        return first + column * height + row, fault
    return first + indices, fault


def tensor_to_plane_indices(
    indices: np.ndarray, plane_size: tuple[int, int], column_major: bool
) -> tuple[np.ndarray, int]:
    """See `segalgo.tensor_to_plane_indices`. indices is (planes, count); returns the same shape and a fault."""
    height, width = plane_size
    first = np.arange(indices.shape[0])[:, None] * (height * width)
    within = indices - first
    fault = _first_outside(np.where(indices < first, -1, within), height * width)
    if column_major:
        column, row = np.divmod(within, height)
        return row * width + column, fault
    return within, fault


def _first_outside(indices: np.ndarray, size: int) -> int:
    outside = np.flatnonzero((indices < 0) | (indices >= size))
    return int(outside[0]) if outside.size else -1
