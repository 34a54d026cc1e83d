"""Binarization of an image by a threshold."""

import math
import sys
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_grey, one_of, shown
from segalgo._core.dispatch import wing


def binarize(image: Any, threshold: Any, foreground: str = "above") -> Any:
    """Return the mask of the pixels above a threshold, or of those below it.

    ``mask = image > threshold``, or ``image <= threshold`` with ``foreground="below"``: a pixel equal to the threshold
    is not above it. A scalar threshold is compared by its exact value for all dtypes (with a float image, a Python
    float is rounded to the dtype of the image first, as in NumPy). NaN in image or threshold is neither above nor
    below.

    Parameters
    ----------
    image : array of any shape
        bool, integers, float16, float32 or float64; NumPy or CuPy.
    threshold : scalar, or array of the shape of `image`
        As the ``threshold_*`` functions return it.
    foreground : {"above", "below"}, default "above"
        The side that is True: "above" for bright objects on a dark background, "below" for dark ones.

    Returns
    -------
    mask : bool array of the shape of `image`

    Raises
    ------
    ValueError
        If `threshold` is an array of another shape, or `foreground` is neither "above" nor "below".
    TypeError
        If `image` or `threshold` is not of real numbers.

    Notes
    -----
    One pass over the image. Grade: exact.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.binarize(np.array([10, 20, 30], np.uint8), 20)
    array([False, False,  True])
    >>> segalgo.binarize(np.array([10, 20, 30], np.uint8), 20, foreground="below")
    array([ True,  True, False])
    """
    array = as_array(image, "image")
    pixels = as_grey(array, "image")
    below = one_of(foreground, "foreground", ("above", "below")) == "below"
    if isinstance(threshold, int):
        return _binarize_by_one(pixels, int(threshold), below)
    if isinstance(threshold, str | bytes) or threshold is None:
        raise TypeError(f"threshold={shown(threshold)}: expected real numbers")
    levels = as_array(threshold, "threshold")
    if levels.dtype.kind not in "biuf":
        raise TypeError(f"threshold has dtype {levels.dtype}: expected real numbers")
    if levels.ndim == 0:
        level = levels.item()
        if type(threshold) is float and array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                level = float(array.dtype.type(level))
        return _binarize_by_one(pixels, level, below)
    if levels.shape != pixels.shape:
        raise ValueError(f"threshold has shape {levels.shape}: expected a scalar or {pixels.shape}, the shape of image")
    levels = as_grey(levels, "threshold")
    if levels.dtype not in (pixels.dtype, np.dtype(np.float32), np.dtype(np.float64)):
        common = np.result_type(pixels.dtype, levels.dtype)
        pixels, levels = pixels.astype(common, copy=False), levels.astype(common, copy=False)
    mask = wing("thresholds.binarization", pixels, levels).binarize(pixels.reshape(-1), levels.reshape(-1), below)
    return mask.reshape(pixels.shape)


def _binarize_by_one(pixels: Any, level: float, below: bool) -> Any:
    """Return the mask by one threshold for all pixels, given in full precision."""
    bound = _split_like(level, pixels.dtype)
    if isinstance(bound, bool):
        return array_module(pixels).full(pixels.shape, bound != below and level == level, bool)
    mask = wing("thresholds.binarization", pixels).binarize(pixels.reshape(-1), np.asarray(bound, pixels.dtype), below)
    return mask.reshape(pixels.shape)


def _split_like(level: float, dtype: np.dtype) -> float | bool:
    """Return the largest value of a dtype that is at most `level`: it has the same values above it.

    True if all values of the dtype are above `level`, False if none is.
    """
    if dtype.kind == "f":
        if isinstance(level, int) and abs(level) > sys.float_info.max:
            return np.finfo(dtype).max if level > 0 else dtype.type(-np.inf)
        with np.errstate(over="ignore"):
            nearest = dtype.type(level)
            return np.nextafter(nearest, dtype.type(-np.inf)) if float(nearest) > level else nearest
    limits = np.iinfo(dtype)
    if level >= limits.max:
        return False
    return math.floor(level) if level >= limits.min else True
