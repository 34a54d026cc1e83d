"""Gaussian filtering in feature space, and mean-field inference: the reference of `segalgo.random_fields.dense_crf`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NOTHING = 1e-20  # added to sums of weights before they divide
PAIRS = 1 << 22  # of points whose distances are held at once


class Lattice(NamedTuple):
    """The vertices of the permutohedral lattice that surround N points of d coordinates."""

    corners: np.ndarray
    """(N, d + 1): the vertices of the simplex of each point."""
    weights: np.ndarray
    """(N, d + 1): its barycentric coordinates, which add up to 1."""
    neighbours: np.ndarray
    """(vertices, d + 1, 2): the next vertex on either side along each axis; the number of vertices where none is."""


def _permutohedral_lattice(features: np.ndarray) -> Lattice:
    """Return the lattice of features (d, N), float64, scaled to it.

    Adams, Baek and Davis 2010, section 3.
    """
    d, n = features.shape
    # Onto the plane of d + 1 coordinates whose sum is 0.
    elevated = np.empty((d + 1, n))
    total = np.zeros(n)
    for k in range(d, 0, -1):
        elevated[k] = total - k * features[k - 1]
        total = total + features[k - 1]
    elevated[0] = total
    # The nearest point whose coordinates are multiples of d + 1; its sum may be another multiple.
    v = elevated / (d + 1)
    up, down = np.ceil(v) * (d + 1), np.floor(v) * (d + 1)
    base = np.where(up - elevated < elevated - down, up, down).astype(np.int64)
    excess = base.sum(axis=0) // (d + 1)
    # The order of what remains says in which simplex around it the point lies.
    remainder = elevated - base
    rank = np.zeros((d + 1, n), np.int64)
    for k in range(d):
        for j in range(k + 1, d + 1):
            less = remainder[k] < remainder[j]
            rank[k] += less
            rank[j] += ~less
    rank += excess
    wrap = (rank < 0).astype(np.int64) - (rank > d)
    rank, base = rank + wrap * (d + 1), base + wrap * (d + 1)
    v = (elevated - base) / (d + 1)
    barycentric = np.zeros((n, d + 2))
    points = np.arange(n)
    for k in range(d + 1):
        barycentric[points, d - rank[k]] += v[k]
        barycentric[points, d + 1 - rank[k]] -= v[k]
    barycentric[:, 0] += 1 + barycentric[:, d + 1]
    # Corner r lies r steps beyond the point of remainder 0; d of its coordinates tell it.
    r = np.arange(d + 1)[:, None, None]
    keys = base[:d] + np.where(rank[:d] <= d - r, r, r - d - 1)
    keys = keys.transpose(2, 0, 1).reshape(-1, d)
    vertices, corners = np.unique(keys, axis=0, return_inverse=True)
    return Lattice(corners.reshape(n, d + 1), barycentric[:, : d + 1], _neighbours(vertices))


def _neighbours(vertices: np.ndarray) -> np.ndarray:
    """Return the next vertex on either side of each one along each axis."""
    count, d = vertices.shape
    number = {tuple(key): k for k, key in enumerate(vertices.tolist())}
    found = np.full((count, d + 1, 2), count)
    for axis in range(d + 1):
        for side, step in enumerate((-1, 1)):
            moved = vertices + step
            if axis < d:
                moved[:, axis] -= step * (d + 1)
            found[:, axis, side] = [number.get(tuple(key), count) for key in moved.tolist()]
    return found


def _lattice_filter(values: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return values (C, N), filtered: points give to vertices, these mix with neighbours, points take from them."""
    count, corners = lattice.neighbours.shape[:2]
    rows = np.zeros((len(values), count + 1))  # the last one stands for vertices that are not there
    for r in range(corners):
        for c in range(len(values)):
            rows[c] += np.bincount(lattice.corners[:, r], lattice.weights[:, r] * values[c], count + 1)
    for axis in range(corners):
        before, after = lattice.neighbours[:, axis].T
        rows[:, :count] += 0.5 * (rows[:, before] + rows[:, after])
    taken = sum(lattice.weights[:, r] * rows[:, lattice.corners[:, r]] for r in range(corners))
    return taken / (1 + 2.0 ** -(corners - 1))


def gaussian_feature_filter(values: np.ndarray, features: np.ndarray) -> np.ndarray:
    """See `segalgo.gaussian_feature_filter`, by the lattice; in float64."""
    return _lattice_filter(values, _permutohedral_lattice(features)).astype(values.dtype)


def gaussian_feature_sum(values: np.ndarray, features: np.ndarray) -> np.ndarray:
    """See `segalgo.gaussian_feature_filter`, by summation over all points; in float64."""
    points = values.shape[1]
    output = np.empty(values.shape)
    step = max(PAIRS // max(points, 1), 1)
    for first in range(0, points, step):
        difference = features[:, first : first + step, None] - features[:, None, :]
        weights = np.exp(-0.5 * (difference**2).sum(axis=0))
        output[:, first : first + step] = values.astype(np.float64) @ weights.T
    return output.astype(values.dtype)


def dense_crf(
    unary: np.ndarray,
    features: Sequence[np.ndarray],
    matrices: Sequence[np.ndarray],
    normalization: str,
    iterations: int,
    logits: bool,
) -> np.ndarray:
    """See `segalgo.dense_crf`; in float64."""
    kernels = []
    for coordinates, matrix in zip(features, matrices, strict=True):
        lattice = _permutohedral_lattice(coordinates)
        sums = _lattice_filter(np.ones((1, unary.shape[1])), lattice) + NOTHING
        before, after = {"symmetric": (0.5, 0.5), "before": (1, 0), "after": (0, 1)}[normalization]
        kernels.append((lattice, matrix, sums**-before, sums**-after))
    scores = own = unary.astype(np.float64)
    for _ in range(iterations):
        probabilities = _softmax(scores)
        scores = own
        for lattice, matrix, before, after in kernels:
            scores = scores + matrix @ (after * _lattice_filter(before * probabilities, lattice))
    return (scores if logits else _softmax(scores)).astype(unary.dtype)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=0, initial=-np.inf))
    return powers / powers.sum(axis=0)
