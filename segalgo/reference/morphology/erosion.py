"""The least and the largest value of each cell's neighbourhood, offset by offset."""

import itertools
from typing import Any

import numpy as np


def erosion(image: np.ndarray, low: tuple[int, ...], high: tuple[int, ...], offsets: np.ndarray | None) -> np.ndarray:
    """See `segalgo.erosion`. The offsets are those from low to high along each axis where none are given."""
    largest = np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    return _extreme(image, low, high, offsets, np.minimum, largest)


def dilation(image: np.ndarray, low: tuple[int, ...], high: tuple[int, ...], offsets: np.ndarray | None) -> np.ndarray:
    """See `segalgo.dilation`. The offsets are those from low to high along each axis where none are given."""
    smallest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
    return _extreme(image, low, high, offsets, np.maximum, smallest)


def _extreme(
    image: np.ndarray,
    low: tuple[int, ...],
    high: tuple[int, ...],
    offsets: np.ndarray | None,
    chosen: np.ufunc,
    nothing: Any,
) -> np.ndarray:
    """Return the chosen of two values over all offsets; cells beyond the border count as nothing."""
    if offsets is None:
        offsets = np.array(list(itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))))
    result = np.full_like(image, nothing)
    for offset in offsets.tolist():
        spans = list(zip(offset, image.shape, strict=True))
        here = tuple(slice(max(0, -d), max(0, min(n, n - d))) for d, n in spans)
        there = tuple(slice(max(0, d), max(0, min(n, n + d))) for d, n in spans)
        result[here] = chosen(result[here], image[there])
    return result
