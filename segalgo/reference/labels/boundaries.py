"""Where regions of different labels meet."""

import itertools

import numpy as np


def find_boundaries(labels: np.ndarray, connectivity: int, mode: str, background: int) -> np.ndarray:
    """See `segalgo.find_boundaries`. labels is signed or unsigned."""
    if mode == "subpixel":
        return _boundaries_between_cells(labels)
    boundaries = np.zeros(labels.shape, bool)
    for here, there in _neighbours(labels.shape, connectivity):
        boundaries[here] |= labels[here] != labels[there]
    if mode == "inner":
        boundaries &= labels != background
    elif mode == "outer":
        # Inside objects only those cells stay that see two labels, background not counting as the smaller one.
        behind = labels == background
        largest, smallest = labels.copy(), np.where(behind, np.iinfo(labels.dtype).max, labels)
        start = smallest.copy()
        for here, there in _neighbours(labels.shape, labels.ndim):
            largest[here] = np.maximum(largest[here], labels[there])
            smallest[here] = np.minimum(smallest[here], start[there])
        boundaries &= behind | (largest != smallest)
    return boundaries


def _neighbours(shape: tuple[int, ...], connectivity: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return for each neighbour offset the cells that have this neighbour, and the neighbours."""
    return [
        (
            tuple(slice(max(0, -d), min(n, n - d)) for n, d in zip(shape, offset, strict=True)),
            tuple(slice(max(0, d), min(n, n + d)) for n, d in zip(shape, offset, strict=True)),
        )
        for offset in itertools.product((-1, 0, 1), repeat=len(shape))
        if 0 < np.count_nonzero(offset) <= connectivity
    ]


def _boundaries_between_cells(labels: np.ndarray) -> np.ndarray:
    """Return the image of 2 n - 1 cells an axis: a cell between pixels is set if these differ."""
    boundaries = np.zeros([2 * n - 1 for n in labels.shape], bool)
    for between in itertools.product((0, 1), repeat=labels.ndim):
        cells = boundaries[tuple(slice(b, None, 2) for b in between)]
        first = labels[tuple(slice(0, n - b) for n, b in zip(labels.shape, between, strict=True))]
        for corner in itertools.product(*(range(b + 1) for b in between)):
            spans = zip(labels.shape, between, corner, strict=True)
            cells |= labels[tuple(slice(c, n - b + c) for n, b, c in spans)] != first
    return boundaries
