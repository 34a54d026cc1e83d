"""Watershed as a minimum spanning forest, by Kruskal's algorithm."""

import numpy as np


def watershed_forest(image: np.ndarray, markers: np.ndarray, offsets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """See `segalgo.watershed`. Edges in ascending order; one is taken unless it closes a loop or joins two markers.

    Cells are ranked by (altitude, position). An edge is ordered by the rank of its higher cell, then of its lower one.
    """
    flat = image.reshape(-1)
    rank = np.empty(flat.size, np.int64)
    rank[np.lexsort((np.arange(flat.size), flat))] = np.arange(flat.size)
    first, second = _edges(mask, offsets)
    higher = np.maximum(rank[first], rank[second])
    lower = np.minimum(rank[first], rank[second])
    parent = list(range(flat.size))
    labels = markers.reshape(-1).copy()
    for edge in np.lexsort((lower, higher)):
        a, b = _root(parent, int(first[edge])), _root(parent, int(second[edge]))
        if a == b or (labels[a] and labels[b]):
            continue
        if labels[b]:
            a, b = b, a
        parent[b] = a  # the root of a tree with a marker is that marker
    roots = np.array([_root(parent, cell) for cell in range(flat.size)], np.int64)
    return np.where(mask, labels[roots].reshape(image.shape), 0).astype(markers.dtype)


def _edges(mask: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of both ends of every pair of neighbours inside the mask, each pair once."""
    places = np.arange(mask.size).reshape(mask.shape)
    ends: list[list[np.ndarray]] = [[np.zeros(0, np.int64)], [np.zeros(0, np.int64)]]
    for offset in map(tuple, offsets):
        if offset < (0,) * mask.ndim or any(abs(d) >= n for d, n in zip(offset, mask.shape, strict=True)):
            continue
        spans = list(zip(offset, mask.shape, strict=True))
        here = tuple(slice(max(0, -d), min(n, n - d)) for d, n in spans)
        there = tuple(slice(max(0, d), min(n, n + d)) for d, n in spans)
        inside = mask[here] & mask[there]
        ends[0].append(places[here][inside])
        ends[1].append(places[there][inside])
    return np.concatenate(ends[0]), np.concatenate(ends[1])


def _root(parent: list[int], cell: int) -> int:
    """Return the root of the tree that holds a cell, and shorten the way to it."""
    root = cell
    while parent[root] != root:
        root = parent[root]
    while parent[cell] != root:
        parent[cell], cell = root, parent[cell]
    return root
