"""Normalization: by stored statistics, over rows, and across neighbouring channels. All in float64, rounded once."""

import numpy as np


def batch_norm(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float
) -> np.ndarray:
    """See `segalgo.batch_norm`. x is (N, C, cells), the rest (C,) float64."""
    mean, var, weight, bias = (vector[:, None] for vector in (mean, var, weight, bias))
    with np.errstate(all="ignore"):  # a variance of -eps or below gives infinity or NaN
        output = (x.astype(np.float64) - mean) * (weight / np.sqrt(var + eps)) + bias
        return output.astype(x.dtype)


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
    """See `segalgo.layer_norm`. x is (rows, cells), weight and bias (cells,) float64; mean and variance of each row."""
    with np.errstate(all="ignore"):
        difference = x - x.mean(axis=1, dtype=np.float64, keepdims=True)
        var = (difference * difference).mean(axis=1, keepdims=True)
        return (difference / np.sqrt(var + eps) * weight + bias).astype(x.dtype)


def group_norm(x: np.ndarray, groups: int, weight: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
    """See `segalgo.group_norm`. x is (N, C, cells), weight and bias (C,) float64; mean and variance of each group."""
    with np.errstate(all="ignore"):
        rows = x.reshape(x.shape[0], groups, x.shape[1] // groups * x.shape[2])
        difference = rows - rows.mean(axis=2, dtype=np.float64, keepdims=True)
        var = (difference * difference).mean(axis=2, keepdims=True)
        normalized = (difference / np.sqrt(var + eps)).reshape(x.shape)
        return (normalized * weight[:, None] + bias[:, None]).astype(x.dtype)


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `segalgo.local_response_norm`. x is (N, C, cells); sums channels c - size//2 to c + (size - 1)//2."""
    channels = x.shape[1]
    with np.errstate(all="ignore"):
        squares = np.square(x, dtype=np.float64)
        total = np.zeros(x.shape)
        for c in range(channels):
            first, last = max(c - size // 2, 0), c + (size - 1) // 2 + 1
            squares[:, first:last].sum(axis=1, out=total[:, c])
        return (x / (k + alpha / size * total) ** beta).astype(x.dtype)
