"""A threshold for each pixel from the mean and the standard deviation of the window around it.

``sources`` holds for each axis the n + window - 1 rows (columns ...) that windows see, as indices into the picture:
the border rule is in them, and -1 stands for a row of ``cval``.
"""

from collections.abc import Sequence

import numpy as np


def window_threshold(
    image: np.ndarray,
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
    shift: float,
    origin: float,
    rule: str,
    parameters: Sequence[float],
    dtype: np.dtype,
) -> np.ndarray:
    """Return the threshold that `rule` makes of the mean m and the standard deviation s of each window.

    mean: m. scaled_mean: m * q. niblack: m - k * s. sauvola: m * (1 + k * (s / r - 1)).
    wolf: (1 - k) * m + k * lowest + k * (s / max s) * (m - lowest).
    phansalkar: m * (1 + p * exp(-q * m / scale) + k * (s / r - 1)).

    Sums of integers are exact. Means of floats are means of pixels minus `shift`, a value near them all if any is,
    plus `origin`. Deviations of floats are merged from differences within each window, so that values elsewhere in the
    image cost no digits. cval is used for float images alone.
    """
    exact = image.dtype.kind != "f"
    if not exact and rule in _RULES:
        m, variance = _window_moments(image.astype(np.float64), window, sources, cval)
        return _apply(rule, m + (origin - shift), np.sqrt(variance), parameters, dtype)
    pixels = image.astype(np.int64) if exact else image.astype(np.float64) - shift
    outside = 0 if exact else cval - shift
    count = float(np.prod(window))
    difference = _window_sum(pixels, window, sources, outside) / count
    m = difference + origin
    if rule == "mean":
        return m.astype(dtype, copy=False)
    if rule == "scaled_mean":
        return (m * parameters[0]).astype(dtype, copy=False)
    squares = _window_sum(pixels * pixels, window, sources, outside * outside) / count
    # Rounding can leave a constant window a variance just below zero.
    s = np.sqrt(np.maximum(squares - difference * difference, 0.0))
    return _apply(rule, m, s, parameters, dtype)


def _apply(rule: str, m: np.ndarray, s: np.ndarray, parameters: Sequence[float], dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return _RULES[rule](m, s, *parameters).astype(dtype, copy=False)


def _niblack(m: np.ndarray, s: np.ndarray, k: float) -> np.ndarray:
    return m - k * s


def _sauvola(m: np.ndarray, s: np.ndarray, k: float, r: float) -> np.ndarray:
    return m * (1 + k * (s / r - 1))


def _wolf(m: np.ndarray, s: np.ndarray, k: float, lowest: float) -> np.ndarray:
    largest = s.max() or 1.0
    return (1 - k) * m + k * lowest + k * (s / largest) * (m - lowest)


def _phansalkar(m: np.ndarray, s: np.ndarray, k: float, r: float, p: float, q: float, scale: float) -> np.ndarray:
    return m * (1 + p * np.exp(-q * (m / scale)) + k * (s / r - 1))


_RULES = {"niblack": _niblack, "sauvola": _sauvola, "wolf": _wolf, "phansalkar": _phansalkar}


def _window_moments(
    pixels: np.ndarray, window: Sequence[int], sources: Sequence[np.ndarray], outside: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of each window, merged along one axis after the other.

    Of w parts of equal size with means m_q and variances v_q, the mean is that of the m_q, and the variance the mean of
    the v_q plus the variance of the m_q. Means are taken as differences from the first part.
    """
    mean, variance = pixels, np.zeros_like(pixels)
    for axis, (width, source) in enumerate(zip(window, sources, strict=True)):
        means, variances = _padded(mean, axis, source, outside), _padded(variance, axis, source, 0.0)
        n = pixels.shape[axis]
        parts = [np.arange(q, q + n) for q in range(width)]
        first = means.take(parts[0], axis)
        offset = sum(means.take(part, axis) - first for part in parts) / width
        variance = (
            sum(variances.take(part, axis) + (means.take(part, axis) - first - offset) ** 2 for part in parts) / width
        )
        mean = first + offset
    return mean, variance


def _window_sum(pixels: np.ndarray, window: Sequence[int], sources: Sequence[np.ndarray], outside: float) -> np.ndarray:
    """Return the sum of each window, one axis after the other, each as a difference of running sums."""
    for axis, (width, source) in enumerate(zip(window, sources, strict=True)):
        running = np.cumsum(_padded(pixels, axis, source, outside), axis=axis)
        running = np.concatenate([np.zeros_like(running.take([0], axis)), running], axis=axis)
        n = pixels.shape[axis]
        ends, starts = np.arange(width, width + n), np.arange(n)
        pixels = running.take(ends, axis) - running.take(starts, axis)
        outside = outside * width
    return pixels


def _padded(pixels: np.ndarray, axis: int, source: np.ndarray, outside: float) -> np.ndarray:
    """Return the rows (columns ...) along an axis that windows see."""
    padded = pixels.take(source, axis)
    if (source < 0).any():
        padded[(slice(None),) * axis + (source < 0,)] = outside
    return padded
