"""Max-pooling with indices, and its inverse."""

import numpy as np


def max_pool2d(
    x: np.ndarray,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    output_size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """See `segalgo.max_pool2d`. x is (N, C, H, W); returns values and indices, both (N, C, OH, OW).

    out[n, c, i, j] = max over (u, v) of x[n, c, i*sh - ph + u*dh, j*sw - pw + v*dw]. One pass per kernel cell (u, v)
    compares that cell of all windows at once, in row order, so the first maximum stays.
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), (oh, ow) = kernel_size, stride, padding, dilation, output_size
    height, width = x.shape[2:]
    values = np.zeros((*x.shape[:2], oh, ow), x.dtype)
    indices = np.full(values.shape, -1, np.int64)
    for u in range(kh):
        for v in range(kw):
            # Windows whose cell (u, v) lies in the picture; the rest of the cells are padding and never win.
            rows = np.arange(oh) * sh - ph + u * dh
            columns = np.arange(ow) * sw - pw + v * dw
            i = np.flatnonzero((rows >= 0) & (rows < height))
            j = np.flatnonzero((columns >= 0) & (columns < width))
            if not (i.size and j.size):
                continue
            window = np.s_[:, :, i[0] : i[-1] + 1, j[0] : j[-1] + 1]
            cell = x[:, :, rows[i[0]] : rows[i[-1]] + 1 : sh, columns[j[0]] : columns[j[-1]] + 1 : sw]
            best, index = values[window], indices[window]
            # PyTorch's rule: a larger value wins, every NaN wins, and the first cell wins over nothing (index -1).
            wins = (cell > best) | np.isnan(cell) | (index < 0)
            values[window] = np.where(wins, cell, best)
            indices[window] = np.where(wins, rows[i][:, None] * width + columns[j], index)
    return values, indices


def max_unpool2d(
    x: np.ndarray, indices: np.ndarray, output_size: tuple[int, int], unique: bool
) -> tuple[np.ndarray, int]:
    """See `segalgo.max_unpool2d`. x and indices are (N, C, H, W); returns the output (N, C, OH, OW) and a fault.

    out[n, c].flat[indices[n, c, i, j]] = x[n, c, i, j], zero elsewhere; among equal indices of a plane the last in
    row order stays. The fault is the flat position of the first index outside its plane or, if `unique` is asked
    for and all lie inside, of the first index that repeats an earlier one; -1 where there is none.
    """
    oh, ow = output_size
    planes = x.shape[0] * x.shape[1]
    output = np.zeros((*x.shape[:2], oh, ow), x.dtype)
    outside = (indices < 0) | (indices >= oh * ow)
    if outside.any():
        return output, int(np.flatnonzero(outside)[0])
    per_plane = indices.size // max(planes, 1)
    targets = (np.arange(planes)[:, None] * (oh * ow) + indices.reshape(planes, per_plane)).ravel()
    if unique:
        _, first = np.unique(targets, return_index=True)
        if first.size < targets.size:
            repeats = np.ones(targets.size, bool)
            repeats[first] = False
            return output, int(np.flatnonzero(repeats)[0])
    # The last occurrence of each target: the first one of the reversed list.
    targets, last = np.unique(targets[::-1], return_index=True)
    output.reshape(-1)[targets] = x.reshape(-1)[x.size - 1 - last]
    return output, -1
