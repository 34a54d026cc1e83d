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
