"""Activation functions. The smooth ones are computed in float64 and rounded once."""

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none of its own


def relu(x: np.ndarray) -> np.ndarray:
    """See `segalgo.relu`."""
    return np.where((x > 0) | np.isnan(x), x, x.dtype.type(0))


def leaky_relu(x: np.ndarray, negative_slope: float) -> np.ndarray:
    """See `segalgo.leaky_relu`."""
    with np.errstate(all="ignore"):
        return np.where(x > 0, x, x * x.dtype.type(negative_slope))


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """See `segalgo.prelu`. x is (N, C, cells), weight (C,) of its dtype."""
    with np.errstate(all="ignore"):
        return np.where(x > 0, x, x * weight[:, None])


def relu6(x: np.ndarray) -> np.ndarray:
    """See `segalgo.relu6`."""
    zero, six = x.dtype.type(0), x.dtype.type(6)
    return np.where(x <= 0, zero, np.where(x > 6, six, x))


def hardsigmoid(x: np.ndarray) -> np.ndarray:
    """See `segalgo.hardsigmoid`: (x + 3) / 6 from -3 to 3."""
    zero, one, three, six = map(x.dtype.type, (0, 1, 3, 6))
    with np.errstate(all="ignore"):
        return np.where(x <= -3, zero, np.where(x >= 3, one, (x + three) / six))


def hardswish(x: np.ndarray) -> np.ndarray:
    """See `segalgo.hardswish`: x (x + 3) / 6 from -3 to 3."""
    zero, three, six = map(x.dtype.type, (0, 3, 6))
    with np.errstate(all="ignore"):
        return np.where(x <= -3, zero, np.where(x >= 3, x, x * (x + three) / six))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """See `segalgo.sigmoid`. With e = exp(-|x|), which never overflows: 1 / (1 + e), or e / (1 + e) below 0."""
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x.astype(np.float64)))
        return (np.where(x < 0, e, 1.0) / (1.0 + e)).astype(x.dtype)


def gelu(x: np.ndarray, tanh: bool) -> np.ndarray:
    """See `segalgo.gelu`: 0.5 x (1 + erf(x / sqrt(2)))."""
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        inner = np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)) if tanh else erf(wide / np.sqrt(2))
        return (0.5 * wide * (1 + inner)).astype(x.dtype)


def softmax(x: np.ndarray) -> np.ndarray:
    """See `segalgo.softmax`. x is (outer, n, inner); along the middle axis exp(x - max) / sum(exp(x - max))."""
    with np.errstate(all="ignore"):
        e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        return (e / e.sum(axis=1, keepdims=True)).astype(x.dtype)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """See `segalgo.log_softmax`. x is (outer, n, inner); along the middle axis x - max - log(sum(exp(x - max)))."""
    with np.errstate(all="ignore"):
        shifted = x.astype(np.float64) - x.max(axis=1, keepdims=True)
        return (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(x.dtype)
