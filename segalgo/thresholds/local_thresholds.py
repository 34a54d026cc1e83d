"""Local thresholds: one number for each pixel, from the window around it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import one_of
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number
from segalgo.reference.thresholds.window_filters import generic_filter
from segalgo.thresholds.histogram import value_range
from segalgo.thresholds.windows import (
    as_picture,
    as_terms,
    border_sources,
    exponent_of,
    gaussian_weights,
    odd_sizes,
    value_limits,
    varies,
)

BORDERS = ("reflect", "constant", "nearest", "mirror", "wrap")


def threshold_niblack(image: Any, window_size: int | Sequence[int] = 15, k: float = 0.2) -> Any:
    """Return Niblack's threshold: the mean of the window less k standard deviations.

    ``m - k * s``

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    window_size : int or sequence of int
        Odd size of the window along each axis.
    k : float
        Weight of the standard deviation.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    Running sums: the cost does not grow with the window. Sums of 8 and 16-bit images are exact integers, and the
    threshold that of scikit-image, bit for bit, wherever its float64 sums are exact; sums of others are float64, each
    within ``2 * (rows + columns) * eps`` times the sum of absolute values that it ran over.
    Beyond the border the picture is mirrored, its last row not repeated. Scratch: some rows a thread (2-D). Grade:
    exact for integers up to 16 bits, rounded for others.

    References
    ----------
    W. Niblack, *An Introduction to Digital Image Processing*, Prentice-Hall, 1986.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_niblack(np.array([[0, 6, 0]], np.uint8), window_size=(1, 3), k=0).tolist()
    [[4.0, 2.0, 4.0]]
    """
    return _by_window(image, window_size, "niblack", (as_real_number(k, "k"),))


def threshold_sauvola(image: Any, window_size: int | Sequence[int] = 15, k: float = 0.2, r: float | None = None) -> Any:
    """Return Sauvola's threshold: the mean of the window, lowered where contrast is low.

    ``m * (1 + k * (s / r - 1))``

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    window_size : int or sequence of int
        Odd size of the window along each axis.
    k : float
        Weight of the contrast.
    r : float, optional
        The largest standard deviation to expect; by default half the range of the dtype (1 for floats, as if they
        lay between -1 and 1).

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    Running sums: the cost does not grow with the window. Sums of 8 and 16-bit images are exact integers, and the
    threshold that of scikit-image, bit for bit, wherever its float64 sums are exact; sums of others are float64, each
    within ``2 * (rows + columns) * eps`` times the sum of absolute values that it ran over.
    Beyond the border the picture is mirrored, its last row not repeated. Scratch: some rows a thread (2-D). Grade:
    exact for integers up to 16 bits, rounded for others.

    References
    ----------
    J. Sauvola and M. Pietikainen, "Adaptive document image binarization", Pattern Recognition 33(2), 225-236, 2000.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_sauvola(np.full((1, 2), 100, np.uint8), window_size=3, k=0.5).tolist()
    [[50.0, 50.0]]
    """
    weight = as_real_number(k, "k")
    low, high = value_limits(image)
    spread = 0.5 * (high - low) if r is None else as_real_number(r, "r", above=0)
    return _by_window(image, window_size, "sauvola", (weight, spread), lengths=(1,))


def threshold_wolf(image: Any, window_size: int | Sequence[int] = 15, k: float = 0.5) -> Any:
    """Return the threshold of Wolf and Jolion: Sauvola's, with the contrast of the picture itself.

    ``(1 - k) * m + k * lowest + k * (s / max s) * (m - lowest)``, the lowest pixel and the largest deviation taken
    over the whole picture.

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    window_size : int or sequence of int
        Odd size of the window along each axis.
    k : float
        Weight of the contrast.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    Running sums: the cost does not grow with the window. Sums of 8 and 16-bit images are exact integers; those of
    others are float64, each within ``2 * (rows + columns) * eps`` times the sum of absolute values that it ran over.
    Beyond the border the picture is mirrored, its last row not repeated. Scratch: some rows a thread (2-D). Grade:
    exact for integers up to 16 bits, rounded for others. Two passes.

    References
    ----------
    C. Wolf and J.-M. Jolion, "Extraction and recognition of artificial text in multimedia documents", Pattern Analysis
    and Applications 6(4), 309-326, 2004.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_wolf(np.array([[4, 4, 4, 4]], np.uint8), window_size=(1, 3)).tolist()
    [[4.0, 4.0, 4.0, 4.0]]
    """
    weight = as_real_number(k, "k")
    picture = as_picture(image)
    pixels, dtype = picture.pixels, picture.dtype
    window = odd_sizes(window_size, "window_size", pixels.ndim)
    if pixels.size == 0:
        return pixels.astype(dtype)
    lowest = value_range(pixels.reshape(-1))[0]
    terms = as_terms(picture)
    lowest = float(np.ldexp(float(lowest), -terms.exponent))
    if not varies(pixels, window):
        # Each mean is the pixel, and no deviation is left that could be a share of the largest.
        means = terms.values.astype(np.float64) - terms.shift + terms.origin
        return _times_power(((1 - weight) * means + weight * lowest).astype(dtype), terms.exponent)
    sources = [border_sources(n, width, "mirror") for n, width in zip(pixels.shape, window, strict=True)]
    module = wing("thresholds.local_thresholds", pixels)
    sums = (terms.values, window, sources, 0.0, terms.shift, terms.origin)
    return _times_power(module.window_threshold(*sums, "wolf", (weight, lowest), dtype), terms.exponent)


def threshold_bradley(image: Any, window_size: int | Sequence[int] | None = None, t: float = 0.15) -> Any:
    """Return the threshold of Bradley and Roth: the mean of the window, lowered by a share t.

    ``m * (1 - t)``

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    window_size : int or sequence of int, optional
        Odd size of the window along each axis; by default an eighth of the last axis, made odd.
    t : float
        Share by which a pixel must lie below the mean to be dark.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    Running sums: the cost does not grow with the window. Sums of 8 and 16-bit images are exact integers; those of
    others are float64, each within ``2 * (rows + columns) * eps`` times the sum of absolute values that it ran over.
    Beyond the border the picture is mirrored, its last row not repeated. Scratch: some rows a thread (2-D). Grade:
    exact for integers up to 16 bits, rounded for others. (The paper cuts windows
    at the border instead.)

    References
    ----------
    D. Bradley and G. Roth, "Adaptive thresholding using the integral image", Journal of Graphics Tools 12(2), 13-21,
    2007.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_bradley(np.full((2, 2), 100, np.uint8), window_size=3).tolist()
    [[85.0, 85.0], [85.0, 85.0]]
    """
    if window_size is None:
        shape = np.shape(image) if not is_cupy(image) else image.shape
        window_size = shape[-1] // 8 | 1 if shape else 1
    return _by_window(image, window_size, "scaled_mean", (1.0 - as_real_number(t, "t"),))


def threshold_phansalkar(
    image: Any,
    window_size: int | Sequence[int] = 15,
    k: float = 0.25,
    r: float = 0.5,
    p: float = 2.0,
    q: float = 10.0,
) -> Any:
    """Return the threshold of Phansalkar: Sauvola's, raised where the window is dark.

    ``m * (1 + p * exp(-q * m) + k * (s / r - 1))`` with m and s as shares of the largest value of the dtype (floats as
    they are, expected between 0 and 1); the threshold is in the units of the picture.

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    window_size : int or sequence of int
        Odd size of the window along each axis.
    k, r : float
        Weight of the contrast, and the largest standard deviation to expect.
    p, q : float
        Height and steepness of the rise in the dark.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    Running sums: the cost does not grow with the window. Sums of 8 and 16-bit images are exact integers; those of
    others are float64, each within ``2 * (rows + columns) * eps`` times the sum of absolute values that it ran over.
    Beyond the border the picture is mirrored, its last row not repeated. Scratch: some rows a thread (2-D). Grade:
    rounded (exp).

    References
    ----------
    N. Phansalkar, S. More, A. Sabale and M. Joshi, "Adaptive local thresholding for detection of nuclei in diversity
    stained cytology images", International Conference on Communications and Signal Processing, 218-220, 2011.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_phansalkar(np.zeros((1, 2)), window_size=3).tolist()
    [[0.0, 0.0]]
    """
    scale = float(value_limits(image)[1])
    weight, contrast = as_real_number(k, "k"), as_real_number(r, "r", above=0) * scale
    rise, steepness = as_real_number(p, "p"), as_real_number(q, "q")
    parameters = (weight, contrast, rise, steepness, scale)
    return _by_window(image, window_size, "phansalkar", parameters, lengths=(1, 4))


def threshold_local(
    image: Any,
    block_size: int | Sequence[int] = 3,
    method: str = "gaussian",
    offset: float = 0,
    mode: str = "reflect",
    param: Any = None,
    cval: float = 0,
) -> Any:
    """Return the weighted mean, the median, or a function of the window around each pixel, less an offset.

    gaussian: weights of a Gaussian, cut at four sigma, sigma = (block_size - 1) / 6 unless `param` gives it. mean and
    median: of the block. generic: `param`, a function of the flat block.

    Parameters
    ----------
    image : array of any shape
        bool, integers or finite floats; NumPy or CuPy.
    block_size : int or sequence of int
        Odd size of the block along each axis.
    method : {"gaussian", "mean", "median", "generic"}
    offset : float
        Subtracted from each threshold.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap"}
        What lies beyond the border, as in `scipy.ndimage`: the picture mirrored with its last row repeated, `cval`, the
        last row, the picture mirrored, the picture again.
    param : float, sequence of floats, or callable, optional
        Sigma of the Gaussian (for each axis), or the function of "generic".
    cval : float
        The value beyond the border where `mode` is "constant".

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64. Pixels above it are the foreground.

    Raises
    ------
    ValueError
        If a window size is even or not positive, if there are not as many as axes, or if a pixel is NaN or infinite.

    Notes
    -----
    gaussian and median: results of `scipy.ndimage`, bit for bit; the median of 8-bit pictures by a histogram that
    slides along, whose cost hardly grows with the block; others by selection in each block. mean: running sums, more
    exact than those of scipy and equal to rounding. generic: one call of Python a pixel, NumPy only. Grade: exact, mean
    of floats rounded.

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
        threshold = _times_power(filters.gaussian_filter(pixels, weights, sources, outside, dtype), exponent)
    else:
        sources = [border_sources(n, width, mode) for n, width in zip(pixels.shape, window, strict=True)]
        if method == "mean":
            terms = as_terms(picture._replace(pixels=pixels), outside)
            module = wing("thresholds.local_thresholds", pixels)
            outside = float(np.ldexp(outside, -terms.exponent))
            sums = (terms.values, window, sources, outside, terms.shift, terms.origin)
            threshold = _times_power(module.window_threshold(*sums, "mean", (), dtype), terms.exponent)
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
        raise ValueError(f"cval={cval!r}: expected a value that {dtype} holds")
    return value


def _by_window(
    image: Any, window_size: Any, rule: str, parameters: Sequence[float], lengths: Sequence[int] = ()
) -> Any:
    """Return the threshold of a rule over windows of a picture that is mirrored beyond its border.

    `lengths` tells which of the parameters are grey values.
    """
    picture = as_picture(image)
    pixels, dtype = picture.pixels, picture.dtype
    window = odd_sizes(window_size, "window_size", pixels.ndim)
    if pixels.size == 0:
        return pixels.astype(dtype)
    terms = as_terms(picture)
    # A contrast that is divided by is never brought so near to zero that the quotient overflows.
    with np.errstate(over="ignore", under="ignore"):
        parameters = [
            max(float(np.ldexp(value, -terms.exponent)), 2.0**-1000) if k in lengths else value
            for k, value in enumerate(parameters)
        ]
    sources = [border_sources(n, width, "mirror") for n, width in zip(pixels.shape, window, strict=True)]
    module = wing("thresholds.local_thresholds", pixels)
    sums = (terms.values, window, sources, 0.0, terms.shift, terms.origin)
    return _times_power(module.window_threshold(*sums, rule, parameters, dtype), terms.exponent)


def _times_power(threshold: Any, exponent: int) -> Any:
    """Return threshold * 2**exponent, which may be infinite."""
    if not exponent:
        return threshold
    with np.errstate(over="ignore", under="ignore"):
        return array_module(threshold).ldexp(threshold, exponent)


def _generic(
    pixels: Any,
    function: Callable[[np.ndarray], float],
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
) -> np.ndarray:
    if not callable(function):
        raise TypeError(f"param={function!r}: expected a function of the flat block where method is 'generic'")
    if is_cupy(pixels):
        raise TypeError("method='generic' calls Python for each pixel: expected a NumPy image")
    return generic_filter(pixels, function, window, sources, cval)
