"""Regions above a low threshold that reach a high one."""

from typing import Any

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, with_few_axes
from segalgo._core.dispatch import wing
from segalgo.thresholds.binarization import binarize


def apply_hysteresis_threshold(image: Any, low: Any, high: Any) -> Any:
    """Return the regions above a low threshold that hold a pixel above a high one.

    Composed of two calls of `binarize` and a flood: components of ``image > min(low, high)``, neighbours sharing a
    face, that hold a pixel of ``image > high``.

    Parameters
    ----------
    image : array of any shape
        bool, integers, float16, float32 or float64; NumPy or CuPy. A NaN is above nothing.
    low, high : scalar, or array of the shape of `image`

    Returns
    -------
    mask : bool array of the shape of `image`

    Raises
    ------
    ValueError
        If `low` or `high` is an array of another shape, or `image` has more than 8 axes.
    TypeError
        If `image`, `low` or `high` holds no real numbers.

    Notes
    -----
    A flood from the high pixels: the cost grows with the regions taken, and up to 8 bytes of scratch for each of their
    pixels. Grade: exact, and the mask of ``skimage.filters.apply_hysteresis_threshold``.

    References
    ----------
    J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern Analysis and Machine
    Intelligence 8(6), 679-698, 1986.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.apply_hysteresis_threshold(np.array([1, 2, 3, 2, 1, 2, 1, 3, 2]), 1.5, 2.5).astype(int)
    array([0, 1, 1, 1, 0, 0, 0, 1, 1])
    """
    image = as_array(image, "image")
    levels = [as_array(level, name) for level, name in ((low, "low"), (high, "high"))]
    for level, name in zip(levels, ("low", "high"), strict=True):
        if level.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {level.dtype}: expected real numbers")
        if level.shape not in ((), image.shape):
            raise ValueError(f"{name} has shape {level.shape}: expected a scalar or the shape of image")
    lower = array_module(levels[0] if levels[0].ndim else levels[1]).minimum(*levels)
    above_low = with_few_axes(binarize(image, lower), "image")
    return wing("thresholds.hysteresis", above_low).hysteresis(above_low, binarize(image, high))
