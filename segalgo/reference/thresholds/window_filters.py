"""Gaussian, median, or any function of the window around each pixel.

``sources`` holds for each axis the n + window - 1 rows (columns ...) that windows see, as indices into the picture:
the border rule is in them, and -1 stands for a row of ``cval``.
"""

from collections.abc import Callable, Sequence

import numpy as np


def gaussian_filter(
    image: np.ndarray, weights: Sequence[np.ndarray], sources: Sequence[np.ndarray], cval: float, dtype: np.dtype
) -> np.ndarray:
    """Return the picture weighted along each axis in turn: w[0] * x[i] + sum of w[d] * (x[i - d] + x[i + d]).

    Sums run in float64 from the farthest pair to the nearest, and each axis leaves `dtype`, so that every wing rounds
    alike. weights[axis][d] belongs to distance d; one weight alone leaves the axis as it is.
    """
    image = image.astype(dtype)
    for axis, (weight, source) in enumerate(zip(weights, sources, strict=True)):
        radius, n = weight.size - 1, image.shape[axis]
        if radius == 0:
            continue
        padded = np.moveaxis(_padded(image, axis, source, cval), axis, 0).astype(np.float64)
        total = padded[radius : radius + n] * weight[0]
        for d in range(radius, 0, -1):
            total += (padded[radius - d : radius - d + n] + padded[radius + d : radius + d + n]) * weight[d]
        image = np.moveaxis(total, 0, axis).astype(dtype)
    return np.ascontiguousarray(image)


def median_filter(image: np.ndarray, window: Sequence[int], sources: Sequence[np.ndarray], cval: float) -> np.ndarray:
    """Return the median of each window, in the dtype of the image; windows have an odd number of pixels.

    A zero is positive, whichever of the zeros of a window stands in the middle.
    """
    for axis, source in enumerate(sources):
        image = _padded(image, axis, source, cval)
    windows = np.lib.stride_tricks.sliding_window_view(image, tuple(window))
    values = windows.reshape(*windows.shape[: image.ndim], -1)
    middle = values.shape[-1] // 2
    return np.partition(values, middle, axis=-1)[..., middle] + image.dtype.type(0)


def generic_filter(
    image: np.ndarray,
    function: Callable[[np.ndarray], float],
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
) -> np.ndarray:
    """Return `function` of the flat array of each window; every wing runs this one, for it calls Python."""
    padded = image
    for axis, source in enumerate(sources):
        padded = _padded(padded, axis, source, cval)
    output = np.empty(image.shape, image.dtype)
    for position in np.ndindex(image.shape):
        cells = tuple(slice(i, i + width) for i, width in zip(position, window, strict=True))
        output[position] = function(padded[cells].ravel())
    return output


def _padded(pixels: np.ndarray, axis: int, source: np.ndarray, outside: float) -> np.ndarray:
    """Return the rows (columns ...) along an axis that windows see."""
    padded = pixels.take(source, axis)
    if (source < 0).any():
        padded[(slice(None),) * axis + (source < 0,)] = outside
    return padded
