"""What windows over a picture need before a wing starts: sizes, border rules, weights of a Gaussian."""

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_grey
from segalgo._core.dispatch import wing


def as_pixels(image: Any) -> tuple[Any, np.dtype]:
    """Return the picture with at least one axis, as a wing takes it, and the dtype of its thresholds.

    Integers of 8 and 16 bits stay, wider ones become float64; floats must be finite.
    """
    array = as_array(image, "image")
    if array.ndim == 0:
        raise ValueError("image has shape (): expected at least one axis")
    pixels = as_grey(array, "image")
    if pixels.dtype.kind == "f" and pixels.size:
        low, high, nans = wing("thresholds.histogram", pixels).value_range(pixels.reshape(-1))
        if nans:
            raise ValueError(f"image holds {nans} NaN: expected none, for a NaN has no place in a window's sum")
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"image has values from {low} to {high}: expected finite ones")
    elif pixels.dtype.itemsize > 2:
        pixels = pixels.astype(np.float64, copy=False)
    return pixels, np.dtype(np.float32 if pixels.dtype == np.float32 else np.float64)


def value_limits(image: Any) -> tuple[float, float]:
    """Return the ends of an image's dtype: 0 and 1 for bool, -1 and 1 for floats, as scikit-image has them."""
    dtype = as_array(image, "image").dtype
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return (0, 1) if dtype.kind == "b" else (-1, 1)


def odd_sizes(value: Any, argument: str, ndim: int) -> tuple[int, ...]:
    """Return one odd window size for each axis; one integer counts for all."""
    try:
        sizes = tuple(map(operator.index, value)) if isinstance(value, Iterable) else (operator.index(value),) * ndim
    except TypeError:
        raise TypeError(f"{argument}={value!r}: expected an odd integer, or one for each axis") from None
    if len(sizes) != ndim:
        raise ValueError(f"{argument}={value!r}: expected {ndim} sizes, one for each axis of image")
    if any(size < 1 or size % 2 == 0 for size in sizes):
        raise ValueError(f"{argument}={value!r}: expected odd sizes of at least 1")
    return sizes


def border_sources(n: int, window: int, mode: str) -> np.ndarray:
    """Return which of n rows the n + window - 1 rows under the windows are; -1 for none of them ("constant")."""
    at = np.arange(-(window // 2), n + window // 2)
    if n == 0:
        return at[:0]
    if mode == "constant":
        return np.where((at >= 0) & (at < n), at, -1)
    if mode == "nearest":
        return at.clip(0, n - 1)
    if mode == "wrap":
        return at % n
    if mode == "mirror":
        at = at % max(2 * n - 2, 1)
        return np.minimum(at, 2 * n - 2 - at)
    at = at % (2 * n)
    return np.minimum(at, 2 * n - 1 - at)


def gaussian_weights(sigma: Any, ndim: int) -> list[np.ndarray]:
    """Return for each axis the weights of the distances 0, 1 ... up to four sigma; they and their mirror sum to 1."""
    sigmas = [float(s) for s in sigma] if isinstance(sigma, Iterable) else [float(sigma)] * ndim
    if len(sigmas) != ndim or not all(0 <= s < np.inf for s in sigmas):
        raise ValueError(f"param={sigma!r}: expected a sigma of at least 0, or {ndim} of them, one for each axis")
    weights = []
    for s in sigmas:
        radius = int(4.0 * s + 0.5) if s > 1e-15 else 0
        bell = np.exp(-0.5 / (s * s if radius else 1.0) * np.arange(-radius, radius + 1) ** 2)
        weights.append((bell / bell.sum())[radius:])
    return weights
