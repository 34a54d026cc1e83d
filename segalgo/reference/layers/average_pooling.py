"""Average-pooling: which cells a window covers, and the mean over them."""

import numpy as np


def pooling_windows(
    size: int, n: int, kernel_size: int, stride: int, padding: int, count_include_pad: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each output cell of one axis, its window in the picture and the number of cells to divide by.

    The window is a pair first, last (exclusive) of int64, shape (2, size): i*s - p to i*s - p + k, cut to the
    picture. The count, float64, is its length, or with `count_include_pad` its length in the padded picture.
    """
    start = np.arange(size, dtype=np.int64) * stride - padding
    stop = np.minimum(start + kernel_size, n + padding)
    window = np.stack([np.clip(start, 0, n), np.clip(stop, 0, n)])
    count = stop - start if count_include_pad else window[1] - window[0]
    return window, np.maximum(count, 1).astype(np.float64)  # an empty window has the sum 0 and the mean 0


def adaptive_windows(n: int, size: int) -> np.ndarray:
    """Return first and last (exclusive) input cell, shape (2, size), of windows that share out n cells.

    Output cell i covers floor(i * n / size) to ceil((i + 1) * n / size).
    """
    i = np.arange(size, dtype=np.int64)
    return np.stack([i * n // max(size, 1), -(-(i + 1) * n // max(size, 1))])


def avg_pool2d(
    x: np.ndarray, rows: np.ndarray, columns: np.ndarray, row_counts: np.ndarray, column_counts: np.ndarray
) -> np.ndarray:
    """See `segalgo.avg_pool2d`. x is (N, C, H, W); returns (N, C, OH, OW).

    out[n, c, i, j] = x[n, c, rows[0, i]:rows[1, i], columns[0, j]:columns[1, j]].sum()
                      / (row_counts[i] * column_counts[j]).
    The sum over a rectangle is the sum along its columns of the sums down its rows.
    """
    down = np.empty((*x.shape[:2], rows.shape[1], x.shape[3]))
    for i, (first, last) in enumerate(rows.T):
        x[:, :, first:last].sum(axis=2, dtype=np.float64, out=down[:, :, i])
    total = np.empty((*down.shape[:3], columns.shape[1]))
    for j, (first, last) in enumerate(columns.T):
        down[..., first:last].sum(axis=3, out=total[..., j])
    return (total / (row_counts[:, None] * column_counts)).astype(x.dtype)
