"""Distance of every cell to the nearest cell of another value, axis by axis."""

import numpy as np


def distance_transform(
    labels: np.ndarray,
    weights: tuple[float, ...],
    metric: str,
    integral: bool,
    limit: float,
    scale: float,
    root: bool,
    dtype: str,
    indices: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """See `segalgo.distance_transform`.

    Distances are separable: along one axis D'(p) = min over q of D(q) + w (p - q)**2, where q counts with 0 if its
    label differs from that of p. The last axis comes first, so that the smaller q is the smaller index.
    """
    places = np.arange(labels.size, dtype=np.int64).reshape(labels.shape)
    best = np.where(labels == 0, 0.0, np.inf)
    nearest = np.where(labels == 0, places, -1)
    for axis in reversed(range(labels.ndim)):
        if labels.size:
            arrays = (np.moveaxis(array, axis, 0) for array in (labels, places, best, nearest))
            found = _along_first_axis(*arrays, weights[axis], metric)
            best, nearest = (np.moveaxis(array, 0, axis) for array in found)
        far = best > limit
        best, nearest = np.where(far, np.inf, best), np.where(far, -1, nearest)
    distances = np.sqrt(best) if root else best
    return _as_dtype(distances * scale, dtype), np.ascontiguousarray(nearest) if indices else None


def _along_first_axis(
    labels: np.ndarray, places: np.ndarray, before: np.ndarray, sources: np.ndarray, weight: float, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances after one more axis, and the cells they lead to; at equal distance the smaller q wins."""
    length = len(labels)
    best, nearest = before.copy(), sources.copy()
    for d in range(1, length):
        step = weight * d * d if metric == "euclidean" else weight * d
        if step > best.max():
            break
        low, high = slice(0, length - d), slice(d, length)
        for here, there, wins_ties in ((high, low, True), (low, high, False)):
            other = labels[there] != labels[here]
            start = np.where(other, 0.0, before[there])
            cost = np.maximum(start, step) if metric == "chessboard" else start + step
            better = (cost <= best[here]) & (cost < np.inf) if wins_ties else cost < best[here]
            best[here] = np.where(better, cost, best[here])
            nearest[here] = np.where(better, np.where(other, places[there], sources[there]), nearest[here])
    return best, nearest


def _as_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values in the dtype; what is infinitely far is the largest integer."""
    if dtype != "int64":
        return np.ascontiguousarray(values, dtype)
    finite = values < np.inf
    return np.where(finite, np.where(finite, values, 0).astype(np.int64), np.iinfo(np.int64).max)
