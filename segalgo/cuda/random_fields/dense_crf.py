"""Gaussian filtering in feature space, and mean-field inference: launch code of `segalgo.random_fields.dense_crf`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of
from segalgo.cuda.layers.activation import softmax

TOPIC = "random_fields.dense_crf"
THREADS = 128
NOTHING = 1e-20  # added to sums of weights before they divide


class Lattice(NamedTuple):
    """The permutohedral lattice of N points of d coordinates, on the device."""

    dims: int
    vertices: int
    corners: Any
    """(N * (d + 1),) int32: the vertices of each point."""
    weights: Any
    """(N * (d + 1),) float64: its barycentric coordinates."""
    order: Any
    """(N * (d + 1),) int64: the corners, sorted by vertex, those of a vertex by point."""
    first: Any
    """(vertices + 1,) int64: where those of each vertex begin."""
    neighbours: Any
    """(vertices * (d + 1) * 2,) int32."""


def _permutohedral_lattice(features: Any) -> Lattice:
    """Return the lattice of features (d, N), scaled. One thread a point, then one a neighbour of a vertex."""
    device, (dims, points) = device_of(features), features.shape
    xp = device.xp
    count = points * (dims + 1)
    keys, weights = xp.empty((count, dims), np.int32), xp.empty(count, np.float64)
    arguments = (features, keys, weights, np.int64(points), np.int32(dims))
    device.launch(TOPIC, "lattice_points", blocks_for(points, THREADS), (THREADS,), arguments)
    order = xp.lexsort(xp.ascontiguousarray(keys.T))  # stable; the last coordinate is the first to decide
    ordered = keys[order]
    new = xp.ones(count, bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    corners = xp.empty(count, np.int32)
    corners[order] = (xp.cumsum(new) - 1).astype(np.int32)
    starts = xp.flatnonzero(new)
    vertices = int(starts.shape[0])
    first = xp.concatenate([starts, xp.full(1, count, starts.dtype)]).astype(np.int64)
    unique = xp.ascontiguousarray(ordered[starts])
    neighbours = xp.empty(vertices * (dims + 1) * 2, np.int32)
    grid = blocks_for(vertices * (dims + 1) * 2, THREADS)
    arguments = (unique, neighbours, np.int64(vertices), np.int32(dims))
    device.launch(TOPIC, "lattice_neighbours", grid, (THREADS,), arguments)
    return Lattice(dims, vertices, corners, weights, order, first, neighbours)


def _lattice_filter(values: Any, lattice: Lattice, before: Any = None, after: Any = None) -> Any:
    """Return values (C, N), filtered; `before` and `after` are factors of each point. One thread a number."""
    device, name, xp = device_of(values), c_name(values.dtype), device_of(values).xp
    channels, points = values.shape
    corners = lattice.dims + 1
    source = (lattice.order // corners).astype(np.int32)
    given, taken = lattice.weights[lattice.order], lattice.weights / (1 + 2.0**-lattice.dims)
    if before is not None:
        given = given * before[source]
    if after is not None:
        taken = taken * xp.repeat(after, corners)
    given, taken = given.astype(values.dtype), taken.astype(values.dtype)
    rows, other = (xp.empty((channels, lattice.vertices + 1), values.dtype) for _ in range(2))
    grid = blocks_for(rows.size, THREADS)
    sizes = (np.int64(channels), np.int64(points), np.int64(lattice.vertices))
    arguments = (values, lattice.first, source, given, rows, *sizes)
    device.launch(TOPIC, f"lattice_splat<{name}>", grid, (THREADS,), arguments)
    for axis in range(corners):
        numbers = (np.int64(channels), np.int64(lattice.vertices), np.int32(lattice.dims), np.int32(axis))
        device.launch(TOPIC, f"lattice_blur<{name}>", grid, (THREADS,), (rows, lattice.neighbours, other, *numbers))
        rows, other = other, rows
    output = xp.empty(values.shape, values.dtype)
    arguments = (rows, lattice.corners, taken, output, *sizes, np.int32(lattice.dims))
    device.launch(TOPIC, f"lattice_slice<{name}>", blocks_for(values.size, THREADS), (THREADS,), arguments)
    return output


def gaussian_feature_filter(values: Any, features: Any) -> Any:
    """See `segalgo.gaussian_feature_filter`, by the lattice."""
    return _lattice_filter(values, _permutohedral_lattice(features))


def gaussian_feature_sum(values: Any, features: Any) -> Any:
    """See `segalgo.gaussian_feature_filter`, by summation over all points. One thread a number."""
    device = device_of(values)
    output = device.xp.empty(values.shape, values.dtype)
    arguments = (values, features, output, *map(np.int64, values.shape), np.int32(len(features)))
    kernel = f"gaussian_sum<{c_name(values.dtype)}>"
    device.launch(TOPIC, kernel, blocks_for(values.size, THREADS), (THREADS,), arguments)
    return output


def dense_crf(
    unary: Any,
    features: Sequence[Any],
    matrices: Sequence[np.ndarray],
    normalization: str,
    iterations: int,
    logits: bool,
) -> Any:
    """See `segalgo.dense_crf`. One thread a number of each array."""
    device, xp = device_of(unary), device_of(unary).xp
    name, sizes = c_name(unary.dtype), tuple(map(np.int64, unary.shape))
    kernels = []
    for coordinates, matrix in zip(features, matrices, strict=True):
        lattice = _permutohedral_lattice(coordinates)
        inverse = 1 / (_lattice_filter(xp.ones((1, unary.shape[1])), lattice)[0] + NOTHING)
        root = xp.sqrt(inverse)
        factors = {"symmetric": (root, root), "before": (inverse, None), "after": (None, inverse)}[normalization]
        kernels.append((lattice, xp.asarray(matrix.astype(unary.dtype)), *factors))
    scores = unary.copy()
    for _ in range(iterations):
        probabilities, scores = softmax(scores[None])[0], unary.copy()
        for lattice, matrix, before, after in kernels:
            messages = _lattice_filter(probabilities, lattice, before, after)
            grid = blocks_for(scores.size, THREADS)
            device.launch(TOPIC, f"crf_hear<{name}>", grid, (THREADS,), (messages, matrix, scores, *sizes))
    return scores if logits else softmax(scores[None])[0]
