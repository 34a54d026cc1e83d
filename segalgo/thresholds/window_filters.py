"""The local threshold by a filter: Gaussian, mean, median or any function of the block around each pixel."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_number, one_of, shown
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number
from segalgo.reference.thresholds.window_filters import generic_filter
from segalgo.thresholds.windows import (
    as_picture,
    as_terms,
    border_sources,
    exponent_of,
    gaussian_weights,
    odd_sizes,
    times_power,
)

BORDERS = ("reflect", "constant", "nearest", "mirror", "wrap")


def threshold_local(
    image: Any,
    block_size: int | Sequence[int] = 3,
    method: str = "gaussian",
    offset: float = 0,
    mode: str = "reflect",
    param: Any = None,
    cval: float = 0,
) -> Any:
    """Return the weighted mean, the median, or a function of the window around each pixel, minus an offset.

    "gaussian": the mean weighted by a Gaussian, cut at four sigma; sigma is `param`, or (block_size - 1) / 6. "mean"
    and "median": those of the block. "generic": `param`, a function of the flat block.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    block_size : int or sequence of int, default 3
        Odd size of the block along each axis.
    method : {"gaussian", "mean", "median", "generic"}, default "gaussian"
        See above.
    offset : float, default 0
        Subtracted from each threshold.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap"}, default "reflect"
        Values beyond the border, as in `scipy.ndimage`: the image mirrored with its last row repeated, `cval`, the last
        row, the image mirrored without repeating its last row, the image repeated.
    param : float, sequence of floats, or callable, optional
        Sigma of the Gaussian (for each axis), or the function of "generic".
    cval : float, default 0
        The value beyond the border for mode "constant"; checked for that mode only.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument has a wrong type.
    ValueError
        If a block size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if `method`, `mode`, `offset`, `param` or `cval` has a value that is not allowed.

    Notes
    -----
    Composed of a filter (`gaussian_filter`, `window_threshold` or `median_filter` of each backend) and the subtraction
    of the offset. "gaussian" and "median" are bit for bit equal to `scipy.ndimage`; medians of 8-bit images use sliding
    histograms, whose cost hardly grows with the block, others a selection in each block. "mean" uses running sums and
    equals SciPy to rounding. "generic" calls Python once for each pixel, NumPy arrays only. Grade: exact; means of
    floats are rounded.

    References
    ----------
    R. C. Gonzalez and R. E. Woods, *Digital Image Processing*, 2nd edition, Prentice-Hall, 600-612, 2002.
    T. S. Huang, G. J. Yang and G. Y. Tang, "A fast two-dimensional median filtering algorithm", IEEE Transactions on
    Acoustics, Speech, and Signal Processing 27(1), 13-18, 1979.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_local(np.array([[0, 6, 0]], np.uint8), (1, 3), "mean").tolist()
    [[2.0, 2.0, 2.0]]
    """
    one_of(method, "method", ("gaussian", "mean", "median", "generic"))
    one_of(mode, "mode", BORDERS)
    picture = as_picture(image)
    pixels, dtype = picture.values, picture.dtype
    window = odd_sizes(block_size, "block_size", pixels.ndim)
    below = as_real_number(offset, "offset")
    as_number(cval, "cval")  # of a wrong type in any mode; its value is used in one mode only
    outside = _border_value(cval, dtype) if mode == "constant" else 0.0
    if pixels.size == 0:
        return pixels.astype(dtype)
    if mode == "constant" and pixels.dtype.kind != "f":
        pixels = pixels.astype(np.float64)
    filters = wing("thresholds.window_filters", pixels)
    if method == "gaussian":
        weights = gaussian_weights([(width - 1) / 6 for width in window] if param is None else param, pixels.ndim)
        sources = [border_sources(n, 2 * w.size - 1, mode) for n, w in zip(pixels.shape, weights, strict=True)]
        exponent = exponent_of(picture, outside)
        if exponent:
            pixels, outside = array_module(pixels).ldexp(pixels, -exponent), float(np.ldexp(outside, -exponent))
        threshold = times_power(filters.gaussian_filter(pixels, weights, sources, outside, dtype), exponent)
    else:
        sources = [border_sources(n, width, mode) for n, width in zip(pixels.shape, window, strict=True)]
        if method == "mean":
            terms = as_terms(picture._replace(pixels=pixels), outside)
            module = wing("thresholds.local_thresholds", pixels)
            outside = float(np.ldexp(outside, -terms.exponent))
            sums = (terms.values, window, sources, outside, terms.shift, terms.origin)
            threshold = times_power(module.window_threshold(*sums, "mean", (), dtype), terms.exponent)
        elif method == "median":
            threshold = filters.median_filter(pixels, window, sources, outside).astype(dtype, copy=False)
        else:
            threshold = _generic(pixels.astype(dtype), param, window, sources, outside)
    with np.errstate(over="ignore"):
        return threshold - dtype.type(below) if below else threshold


def _border_value(cval: Any, dtype: np.dtype) -> float:
    """Return the value beyond the border, finite in the dtype of the thresholds."""
    value = as_real_number(cval, "cval")
    if abs(value) > np.finfo(dtype).max:
        raise ValueError(f"cval={shown(cval)}: expected a value that {dtype} holds")
    return value


def _generic(
    pixels: Any,
    function: Callable[[np.ndarray], float],
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
) -> np.ndarray:
    if not callable(function):
        raise TypeError(f"param={shown(function)}: expected a function of the flat block where method is 'generic'")
    if is_cupy(pixels):
        raise TypeError("method='generic' calls Python for each pixel: expected a NumPy image")
    return generic_filter(pixels, function, window, sources, cval)
