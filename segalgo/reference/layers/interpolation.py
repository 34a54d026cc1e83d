"""Interpolation and padding: which input cells each output cell reads, and the values it gets.

Both work axis by axis. The functions of one axis (`nearest_indices`, `linear_taps`, `pad_indices`) are shared by all
wings, which then only fetch and weigh: a coordinate that rounds up in one wing rounds up in all.
"""

import numpy as np


def nearest_indices(n: int, size: int, step: float | None, exact: bool) -> np.ndarray:
    """Return the input cell of each output cell along one axis, int64.

    "nearest" takes floor(j * step), or j and j // 2 where size is n and 2 * n; "nearest-exact" the cell whose middle
    is nearest, floor((j + 0.5) * step). The step, n / size if None, is rounded to float32 and so are the products,
    whatever the dtype of the picture, as in PyTorch.
    """
    scale = np.float32(n) / np.float32(size) if step is None else np.float32(step)
    j = np.arange(size, dtype=np.int64)
    if not exact and size in (n, 2 * n):
        return j // (size // n)
    position = (j + 0.5 * exact).astype(np.float32) * scale
    return np.minimum(np.floor(position).astype(np.int64), n - 1)


def linear_taps(
    n: int, size: int, step: float | None, align_corners: bool, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two input cells (2, size) of each output cell along one axis, and their weights in `dtype`.

    With aligned corners the position of output cell j is j * (n - 1) / (size - 1), else (j + 0.5) * step - 0.5, cut
    at 0, with step n / size if None. Its cells are the floor of the position and the next, cut at n - 1; the weight
    of the second is what the floor took off.
    """
    real = np.dtype(dtype).type
    j = np.arange(size).astype(real)
    if align_corners:
        position = j * (real(n - 1) / real(size - 1) if size > 1 else real(0))
    else:
        scale = real(n) / real(size) if step is None else real(step)
        position = np.maximum(scale * (j + real(0.5)) - real(0.5), real(0))
    if n == size:  # PyTorch's rule, whatever the step: every cell is itself
        position = j
    cell = np.minimum(np.floor(position).astype(np.int64), n - 1)
    weight = np.clip(position - cell.astype(real), real(0), real(1))
    return np.stack([cell, np.minimum(cell + 1, n - 1)]), np.stack([real(1) - weight, weight])


def filter_taps(
    n: int, size: int, step: float | None, align_corners: bool, cubic: bool, antialias: bool, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows (2, size) of the input cells of each output cell along one axis, and their weights in `dtype`.

    A window is its first cell and the number of cells; the weights (size, most cells) are followed by zeros. The filter
    is a triangle of half-width 1, or Keys' cubic convolution of half-width 2 with a = -0.75 (antialiased -0.5, as in
    PyTorch). With `antialias` the filter is as wide as a step where that is larger than a cell, cells outside the
    picture are left out and the weights divided by their sum; else cells outside count as the nearest inside.
    """
    corners = (n - 1) / (size - 1) if size > 1 else 0.0
    scale = corners if align_corners else n / size if step is None else float(step)
    j = np.arange(size, dtype=np.float64)
    half = 2.0 if cubic else 1.0
    a = -0.5 if antialias else -0.75
    if antialias and n == size:  # PyTorch's rule, whatever the step: every cell is itself
        return np.stack([j, np.ones(size)]).astype(np.int64), np.ones((size, 1), dtype)
    if antialias:
        wide = max(scale, 1.0)
        middle = scale * (j + 0.5)
        first = np.maximum(np.trunc(middle - half * wide + 0.5), 0).astype(np.int64)
        last = np.minimum(np.trunc(middle + half * wide + 0.5), n).astype(np.int64)
        cells = first[:, None] + np.arange(max(int((last - first).max()), 1))
        weights = _filter((cells + 0.5 - middle[:, None]) / wide, cubic, a)
        weights = np.where(cells < last[:, None], weights, 0.0)
        return np.stack([first, last - first]), (weights / weights.sum(axis=1, keepdims=True)).astype(dtype)
    position = scale * j if align_corners else scale * (j + 0.5) - 0.5
    cell = np.floor(position).astype(np.int64)
    taps = cell[:, None] + np.arange(1 - int(half), 1 + int(half))
    weights = _filter(taps - position[:, None], cubic, a)
    clipped = np.clip(taps, 0, n - 1)
    first, last = clipped[:, 0], clipped[:, -1] + 1
    gathered = np.zeros((size, int((last - first).max())))
    np.add.at(gathered, (np.arange(size)[:, None], clipped - first[:, None]), weights)
    return np.stack([first, last - first]), gathered.astype(dtype)


def _filter(distance: np.ndarray, cubic: bool, a: float) -> np.ndarray:
    """Return the triangle, or Keys' cubic convolution, at these distances from its middle."""
    x = np.abs(distance)
    if not cubic:
        return np.maximum(1.0 - x, 0.0)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def pad_indices(n: int, before: int, after: int, mode: str) -> np.ndarray:
    """Return the input cell of each output cell along one axis, int64, -1 for the constant.

    Output cell j is input cell j - before. Outside 0 to n - 1: "constant" has none, "replicate" takes the nearest,
    "reflect" mirrors at the first and the last cell, "circular" repeats what negative amounts have left.
    """
    j = np.arange(n + before + after, dtype=np.int64) - before
    if mode == "constant":
        return np.where((j >= 0) & (j < n), j, -1)
    if mode == "replicate":
        return np.clip(j, 0, n - 1)
    if mode == "reflect":
        return n - 1 - np.abs(n - 1 - np.abs(j))
    first, beyond = max(-before, 0), n - max(-after, 0)
    return first + (j - first) % max(beyond - first, 1)


def pad(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, value: float) -> np.ndarray:
    """See `segalgo.pad`. x is (N, C, H, W); returns (N, C, OH, OW).

    out[n, c, i, j] = x[n, c, rows[i], columns[j]], or `value` where rows[i] or columns[j] is -1.
    """
    output = np.full((*x.shape[:2], rows.size, columns.size), value, x.dtype)
    i, j = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    if i.size and j.size:
        output[:, :, i[:, None], j] = x[:, :, rows[i][:, None], columns[j]]
    return output


def interpolate_nearest(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """See `segalgo.interpolate`. x is (N, C, H, W); out[n, c, i, j] = x[n, c, rows[i], columns[j]]."""
    return x[:, :, rows[:, None], columns]


def interpolate_bilinear(
    x: np.ndarray, rows: np.ndarray, row_weights: np.ndarray, columns: np.ndarray, column_weights: np.ndarray
) -> np.ndarray:
    """See `segalgo.interpolate`. x is (N, C, H, W); rows, columns and their weights are (2, OH) and (2, OW).

    out[n, c, i, j] = sum over a, b in {0, 1} of row_weights[a, i] * column_weights[b, j] * x[n, c, rows[a, i],
    columns[b, j]]: along the columns first, then between the two rows, in the dtype of x.
    """
    along = x[..., columns[0]] * column_weights[0] + x[..., columns[1]] * column_weights[1]
    top, bottom = along[:, :, rows[0]], along[:, :, rows[1]]
    return top * row_weights[0][:, None] + bottom * row_weights[1][:, None]


def interpolate_filtered(
    x: np.ndarray, rows: np.ndarray, row_weights: np.ndarray, columns: np.ndarray, column_weights: np.ndarray
) -> np.ndarray:
    """See `segalgo.interpolate`. x is (N, C, H, W); rows and columns are windows as `filter_taps` returns them.

    out[n, c, i, j] = sum over a of row_weights[i, a] * (sum over b of column_weights[j, b]
    * x[n, c, rows[0, i] + a, columns[0, j] + b]): along the columns first, in order, in the dtype of x.
    """
    along = _weighed(x, columns, column_weights)
    return _weighed(along.swapaxes(2, 3), rows, row_weights).swapaxes(2, 3)


def _weighed(x: np.ndarray, windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sums of windows along the last axis."""
    output = np.zeros((*x.shape[:3], windows.shape[1]), x.dtype)
    with np.errstate(all="ignore"):
        for k in range(weights.shape[1]):
            j = np.flatnonzero(windows[1] > k)
            output[..., j] += x[..., windows[0, j] + k] * weights[j, k]
    return output
