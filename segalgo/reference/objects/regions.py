"""Features of regions, sampled on a grid."""

import math

import numpy as np


def roi_align(
    x: np.ndarray,
    boxes: np.ndarray,
    pictures: np.ndarray,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> np.ndarray:
    """See `segalgo.roi_align`. x is (N, C, H, W), boxes (K, 4) of float64, pictures (K,) of int64.

    The samples of a bin lie on a grid, and the weights of bilinear interpolation are products of one of the row and one
    of the column. So the mean over a bin is a matrix of row weights, times the map, times a matrix of column weights.
    """
    output = np.zeros((len(boxes), x.shape[1], *output_size), x.dtype)
    for k, (box, n) in enumerate(zip(boxes.tolist(), pictures.tolist(), strict=True)):
        left, top, right, bottom = box
        rows = axis_weights(top, bottom, output_size[0], x.shape[2], spatial_scale, sampling_ratio, aligned)
        columns = axis_weights(left, right, output_size[1], x.shape[3], spatial_scale, sampling_ratio, aligned)
        for p, row_weights in enumerate(rows.astype(x.dtype)):
            near = np.flatnonzero(row_weights)
            down = np.tensordot(row_weights[near], x[n][:, near], (0, 1))
            for q, column_weights in enumerate(columns.astype(x.dtype)):
                used = np.flatnonzero(column_weights)
                output[k, :, p, q] = down[:, used] @ column_weights[used]
    return output


def axis_weights(
    first: float, last: float, bins: int, n: int, spatial_scale: float, sampling_ratio: int, aligned: bool
) -> np.ndarray:
    """Return how much each of n cells counts in each bin along one axis, (bins, n) of float64.

    The region from `first` to `last`, in picture coordinates, is cut into bins of equal size; each has `sampling_ratio`
    samples in the middles of equal parts, or as many as the bin has cells, rounded up. A sample between cells counts in
    both; one from -1 to 0 in cell 0, one beyond n - 1 up to n in cell n - 1, and one outside in none.
    """
    half = 0.5 if aligned else 0.0
    start = first * spatial_scale - half
    size = last * spatial_scale - half - start
    size = size if aligned else max(size, 1.0)
    samples = sampling_ratio if sampling_ratio > 0 else math.ceil(size / bins)
    weights = np.zeros((bins, n))
    for p in range(bins):
        for i in range(samples):
            at = start + p * (size / bins) + (i + 0.5) * (size / bins) / samples
            if not -1.0 <= at <= n:
                continue
            at = max(at, 0.0)
            low = min(int(at), n - 1)
            part = at - low if low < n - 1 else 0.0
            weights[p, low] += (1.0 - part) / samples
            if part > 0:
                weights[p, low + 1] += part / samples
    return weights
