"""Li's threshold, of minimum cross entropy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import shown
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number, is_scalar
from segalgo.thresholds import criteria as decide
from segalgo.thresholds.histogram import histogram_of, integer_histogram, pixels_of, value_range


def threshold_li(
    image: Any = None,
    *,
    tolerance: float | None = None,
    initial_guess: float | Callable[[Any], float] | None = None,
    iter_callback: Callable[[float], Any] | None = None,
    hist: Any = None,
    mask: Any = None,
) -> Any:
    """Return Li's threshold: the one that minimizes the cross entropy between the image and its mask.

    Iterates ``t = (m1 - m2) / (log(m1) - log(m2))``, starting at the mean of the image, where m1 is the mean of the
    pixels up to t and m2 the mean of those above; all values are differences from the smallest. NaN and infinities are
    left out.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    tolerance : float, optional
        The iteration ends at a step of at most this size. Default: half the smallest difference of two values
        (integers: 0.5).
    initial_guess : float or callable, optional
        Initial threshold: a value in the range of the image, or a function of the flat array of differences from the
        smallest value that returns one. The mean by default. An image of several modes has several fixed points.
    iter_callback : callable, optional
        Called with the threshold of each iteration.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    threshold : NumPy scalar
        Pixels above it are foreground. An image of one value has this value as its threshold, an image of infinities of
        both signs 0, an image of NaN NaN.

    Raises
    ------
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if `tolerance` is
        negative, or if `initial_guess` is outside the range of the image.
    TypeError
        If `image` or `hist` is not an array of real numbers, or another argument has a wrong type.

    Notes
    -----
    Composed of the histogram of an integer image and the iteration over its bins, or of one pass over a float image for
    each step (`split_sums` of each backend). If `tolerance` is not given, float images may have to be sorted once to
    find the smallest difference of two values. Grade: exact for integers (bit for bit equal to
    ``skimage.filters.threshold_li``), rounded for floats.

    References
    ----------
    C. H. Li and C. K. Lee, "Minimum cross entropy thresholding", Pattern Recognition 26(4), 617-625, 1993.
    C. H. Li and P. K. S. Tam, "An iterative algorithm for minimum cross entropy thresholding", Pattern Recognition
    Letters 19(8), 771-776, 1998.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> float(round(segalgo.threshold_li(np.array([0, 1, 1, 8, 9, 9], np.uint8)), 3))
    3.119
    """
    if iter_callback is not None and not callable(iter_callback):
        raise TypeError(f"iter_callback={shown(iter_callback)}: expected a function of one number, or None")
    if hist is not None:
        counts, centers = histogram_of(image, 1, hist, mask)
        if counts.size == 1:
            return centers[0] if centers.dtype.kind == "f" else np.float64(centers[0])
        guess = _li_guess(initial_guess, centers[0], centers[-1], lambda: np.repeat(centers - centers[0], counts))
        return _li_over(counts, centers, centers.dtype, guess, tolerance, iter_callback)
    pixels, dtype = pixels_of(image, mask)
    if dtype.kind == "f":
        return _li_of_floats(pixels, dtype, tolerance, initial_guess, iter_callback)
    counts, centers = integer_histogram(pixels)
    if counts.size == 1:
        return np.float64(centers[0])
    guess = _li_guess(initial_guess, centers[0], centers[-1], lambda: _from_smallest(pixels, dtype, centers))
    return _li_over(counts, centers, dtype, guess, tolerance, iter_callback)


def _li_of_floats(pixels: Any, dtype: np.dtype, tolerance: float | None, initial_guess: Any, notify: Any) -> Any:
    """Run Li's iteration over the finite pixels of a float image, a pass over them for each step."""
    low, high, nans = value_range(pixels)
    if nans == pixels.size:
        return dtype.type(np.nan)
    if low == high:
        return dtype.type(low)
    if nans or not (np.isfinite(low) and np.isfinite(high)):
        pixels = pixels[abs(pixels) < np.inf]
        if pixels.size == 0:
            return dtype.type(0)
        low, high, _ = value_range(pixels)
        if low == high:
            return dtype.type(low)
    pixels, exponent = _in_range(pixels, low, high)
    module = wing("thresholds.histogram", pixels)
    low, high = _scaled(low, -exponent), _scaled(high, -exponent)
    spread = high - low
    guess = _guess_of_floats(initial_guess, pixels, dtype, low, high, exponent)
    if guess is None:
        guess = module.intensity_sum(pixels) / pixels.size - low
    tolerance = _scaled(_tolerance_of(tolerance), -exponent)
    if tolerance == 0:
        # Where a sample of the pixels already has a gap below the rounding error, the others need not be sorted.
        gap = module.smallest_gap(pixels[:: max(pixels.size // 65536, 1)])
        if gap > spread * float(np.finfo(dtype).eps):
            gap = module.smallest_gap(pixels)
        tolerance = gap / 2
    # A mean may be rounded to an end of the range; between them, both classes have pixels.
    largest = np.nextafter(spread, 0.0)

    def split_means(t: float) -> tuple[int, float, float]:
        below, lower, upper = module.split_sums(pixels, low, float(min(max(t, 0.0), largest)))
        return below, lower / below, upper / (pixels.size - below)

    def value_at(t: float) -> float:
        return _scaled(min(max(t + low, low), high), exponent)

    report = None if notify is None else lambda t: notify(value_at(t))
    threshold = dtype.type(value_at(decide.li(split_means, guess, tolerance, report)))
    # Rounded to the largest value, it would not split the picture.
    return min(threshold, np.nextafter(dtype.type(_scaled(high, exponent)), dtype.type(-np.inf)))


def _in_range(pixels: Any, low: Any, high: Any) -> tuple[Any, int]:
    """Return the pixels times 2**-exponent, so that their differences and sums neither overflow nor underflow."""
    exponent = int(np.frexp(max(abs(float(low)), abs(float(high))))[1])
    limit = 100 if pixels.dtype == np.float32 else 800
    if -limit <= exponent <= limit:
        return pixels, 0
    return array_module(pixels).ldexp(pixels, -exponent), exponent


def _scaled(value: Any, exponent: int) -> float:
    """Return value * 2**exponent, inf where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(float(value), exponent))


def _guess_of_floats(guess: Any, pixels: Any, dtype: np.dtype, low: float, high: float, exponent: int) -> float | None:
    """Return the first threshold, counted from the smallest value, of pixels that were multiplied by 2**-exponent."""
    if callable(guess) and (exponent or high - low > np.finfo(dtype).max):
        raise ValueError(
            "initial_guess is a function, for an image whose differences from its smallest value "
            f"{dtype} does not hold: expected a number or None"
        )
    if exponent and guess is not None:
        guess = _scaled(as_real_number(guess, "initial_guess"), -exponent)
    return _li_guess(guess, low, high, lambda: pixels.astype(dtype, copy=False) - dtype.type(low))


def _tolerance_of(tolerance: float | None) -> float:
    """Return the tolerance, 0 where it is to be found."""
    return 0.0 if tolerance is None else as_real_number(tolerance, "tolerance", least=0)


def _li_guess(guess: Any, low: np.generic, high: np.generic, values: Callable[[], Any]) -> float | None:
    """Return the guess counted from the smallest value, None for the mean."""
    if guess is None:
        return None
    if callable(guess):
        start = guess(values())
    elif is_scalar(guess):
        start = as_real_number(guess, "initial_guess") - float(low)
        if isinstance(low, np.integer):
            start = float(int(start))  # scikit-image counts in the image's dtype
    else:
        raise TypeError(f"initial_guess of type {type(guess).__name__}: expected a number, or a function of an array")
    if not 0 < start < float(high) - float(low) and not (callable(guess) and start == 0):
        raise ValueError(
            f"initial_guess: the initial guess for threshold_li must be within the range of the image. Got {start} "
            f"above the smallest value, for an image from {low} to {high}"
        )
    return start


def _from_smallest(pixels: Any, dtype: np.dtype, centers: np.ndarray) -> Any:
    """Return the pixels, flat, counted from the smallest, in the image's dtype where that holds them."""
    if centers[-1] - centers[0] <= np.iinfo(pixels.dtype).max:
        return pixels - pixels.dtype.type(centers[0])
    return pixels.astype(np.int64) - centers[0]


def _li_over(
    counts: np.ndarray, centers: np.ndarray, dtype: np.dtype, guess: float | None, tolerance: float | None, notify: Any
) -> Any:
    """Run Li's iteration over ascending values and their counts."""
    levels, low = (centers - centers[0]).astype(np.float64), centers[0]
    integer = dtype.kind != "f"
    tolerance = _tolerance_of(tolerance) or (0.5 if integer else float(np.diff(levels).min() / 2))
    if guess is None:
        guess = float(np.sum(counts * levels, dtype=np.float64) / np.sum(counts, dtype=np.float64))
    # scikit-image's weights are float32.
    weights = counts.astype(np.float32).astype(np.float64)
    report = None if notify is None else lambda t: notify(t + low)
    threshold = decide.li(decide.histogram_means(levels, weights), guess, tolerance, report)
    return (np.float64 if integer else dtype.type)(threshold + low)
