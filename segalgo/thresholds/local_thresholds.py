"""Local thresholds from the mean and the standard deviation of the window around each pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number
from segalgo.thresholds.histogram import value_range
from segalgo.thresholds.windows import (
    as_picture,
    as_terms,
    border_sources,
    odd_sizes,
    times_power,
    value_limits,
    varies,
)


def threshold_niblack(image: Any, window_size: int | Sequence[int] = 15, k: float = 0.2) -> Any:
    """Return Niblack's threshold: the mean of the window minus k standard deviations.

    ``m - k * s``, where m is the mean and s the standard deviation of the window.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    window_size : int or sequence of int, default 15
        Odd size of the window along each axis; see `segalgo.thresholds`.
    k : float
        Weight of the standard deviation.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument is not a number.
    ValueError
        If a window size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if another argument is not finite.

    Notes
    -----
    Composed of the mean and the standard deviation of each window, and the formula above. The sums of windows are
    running sums, so the cost does not grow with the window. For 8 and 16-bit images they are exact integers, and
    the result is that of scikit-image, bit for bit, wherever its float64 sums are exact.
    Scratch: some rows a thread (2-D). Grade: exact for integers of up to 16 bits, rounded for others.

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

    ``m * (1 + k * (s / r - 1))``, where m is the mean and s the standard deviation of the window.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    window_size : int or sequence of int, default 15
        Odd size of the window along each axis; see `segalgo.thresholds`.
    k : float
        Weight of the contrast.
    r : float, optional
        The largest standard deviation to expect; by default half the range of the dtype (1 for floats, as if they
        lay between -1 and 1).

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument is not a number.
    ValueError
        If a window size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if another argument is not finite.

    Notes
    -----
    Composed of the mean and the standard deviation of each window, and the formula above. The sums of windows are
    running sums, so the cost does not grow with the window. For 8 and 16-bit images they are exact integers, and
    the result is that of scikit-image, bit for bit, wherever its float64 sums are exact.
    Scratch: some rows a thread (2-D). Grade: exact for integers of up to 16 bits, rounded for others.

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
    """Return the threshold of Wolf and Jolion: Sauvola's, with the largest deviation of the image as reference.

    ``(1 - k) * m + k * lowest + k * (s / max s) * (m - lowest)``, where m is the mean and s the standard deviation of
    the window, and the lowest pixel and the largest deviation are those of the whole image.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    window_size : int or sequence of int, default 15
        Odd size of the window along each axis; see `segalgo.thresholds`.
    k : float
        Weight of the contrast.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument is not a number.
    ValueError
        If a window size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if another argument is not finite.

    Notes
    -----
    Composed of the mean and the standard deviation of each window, and the formula above. The sums of windows are
    running sums, so the cost does not grow with the window. For 8 and 16-bit images they are exact integers. Two
    passes: the largest deviation first.
    Scratch: some rows a thread (2-D). Grade: exact for integers of up to 16 bits, rounded for others.

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
        # Every window is constant: its mean is the pixel, and the term with the deviation is 0.
        means = terms.values.astype(np.float64) - terms.shift + terms.origin
        return times_power(((1 - weight) * means + weight * lowest).astype(dtype), terms.exponent)
    sources = [border_sources(n, width, "mirror") for n, width in zip(pixels.shape, window, strict=True)]
    module = wing("thresholds.local_thresholds", pixels)
    sums = (terms.values, window, sources, 0.0, terms.shift, terms.origin)
    return times_power(module.window_threshold(*sums, "wolf", (weight, lowest), dtype), terms.exponent)


def threshold_bradley(image: Any, window_size: int | Sequence[int] | None = None, t: float = 0.15) -> Any:
    """Return the threshold of Bradley and Roth: the mean of the window, lowered by a fraction t.

    ``m * (1 - t)``, where m is the mean of the window.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    window_size : int or sequence of int, optional
        Odd size of the window along each axis; by default an eighth of the last axis, made odd.
    t : float
        Fraction by which a pixel must be below the mean to be dark.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument is not a number.
    ValueError
        If a window size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if another argument is not finite.

    Notes
    -----
    Composed of the mean of each window, and the formula above. The sums of windows are
    running sums, so the cost does not grow with the window. For 8 and 16-bit images they are exact integers. (The
    paper cuts windows at the border instead.)
    Scratch: some rows a thread (2-D). Grade: exact for integers of up to 16 bits, rounded for others.

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
        shape = as_array(image, "image").shape
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
    """Return the threshold of Phansalkar: Sauvola's, raised in dark windows.

    ``m * (1 + p * exp(-q * m) + k * (s / r - 1))`` where the mean m and the standard deviation s of the
    window are divided by the largest value of the dtype (floats are expected between 0 and 1 and used as they are). The
    threshold has the units of the image.

    Parameters
    ----------
    image : array of any shape
        The image; see `segalgo.thresholds`.
    window_size : int or sequence of int, default 15
        Odd size of the window along each axis; see `segalgo.thresholds`.
    k, r : float
        Weight of the contrast, and the largest standard deviation to expect.
    p, q : float
        Height and steepness of the rise in the dark.

    Returns
    -------
    threshold : array of the shape of `image`
        float32 for float16 and float32 images, else float64; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or another argument is not a number.
    ValueError
        If a window size is even, not positive or too large, if the sizes are not as many as the axes, if a pixel is NaN
        or infinite, or if another argument is not finite.

    Notes
    -----
    Composed of the mean and the standard deviation of each window, and the formula above. The sums of windows are
    running sums, so the cost does not grow with the window. For 8 and 16-bit images they are exact integers.
    Scratch: some rows a thread (2-D). Grade: rounded (exp).

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


def _by_window(
    image: Any, window_size: Any, rule: str, parameters: Sequence[float], lengths: Sequence[int] = ()
) -> Any:
    """Return the threshold of a rule over windows of an image that is mirrored beyond its border.

    `lengths` lists the parameters that have the unit of a pixel, which are scaled together with the image.
    """
    picture = as_picture(image)
    pixels, dtype = picture.pixels, picture.dtype
    window = odd_sizes(window_size, "window_size", pixels.ndim)
    if pixels.size == 0:
        return pixels.astype(dtype)
    terms = as_terms(picture)
    # Bounded from below, so that a division by a scaled contrast does not overflow.
    with np.errstate(over="ignore", under="ignore"):
        parameters = [
            max(float(np.ldexp(value, -terms.exponent)), 2.0**-1000) if k in lengths else value
            for k, value in enumerate(parameters)
        ]
    sources = [border_sources(n, width, "mirror") for n, width in zip(pixels.shape, window, strict=True)]
    module = wing("thresholds.local_thresholds", pixels)
    sums = (terms.values, window, sources, 0.0, terms.shift, terms.origin)
    return times_power(module.window_threshold(*sums, rule, parameters, dtype), terms.exponent)
