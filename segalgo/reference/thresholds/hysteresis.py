"""Regions above a low threshold that reach a high one."""

import numpy as np


def hysteresis(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the components of `low` (neighbours share a face) that hold a pixel of `high`; both are bool masks.

    Each pixel points at a pixel of its component, at first itself. Two neighbours make the larger of what they point
    at point at the smaller, then pointers are followed to their ends; once nothing changes, a component points at its
    first pixel.
    """
    cells = np.arange(low.size).reshape(low.shape)
    pairs = [np.empty((2, 0), np.intp)]
    for axis in range(low.ndim):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        both = low[before] & low[after]
        pairs.append(np.stack([cells[before][both], cells[after][both]]))
    a, b = np.concatenate(pairs, axis=1)
    first = cells.reshape(-1).copy()
    while True:
        smaller, larger = np.minimum(first[a], first[b]), np.maximum(first[a], first[b])
        if np.array_equal(smaller, larger):
            break
        np.minimum.at(first, larger, smaller)
        while not np.array_equal(first, first[first]):
            first = first[first]
    reached = np.zeros(low.size, bool)
    reached[first[(high & low).reshape(-1)]] = True
    return low & reached[first].reshape(low.shape)
