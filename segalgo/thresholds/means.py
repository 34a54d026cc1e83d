"""Thresholds from means: of the two classes (isodata), and of the whole image."""

import math
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_flag
from segalgo._core.dispatch import wing
from segalgo.thresholds import criteria
from segalgo.thresholds.histogram import histogram_of, pixels_of, value_range


def threshold_isodata(
    image: Any = None, nbins: int = 256, return_all: bool = False, *, hist: Any = None, mask: Any = None
) -> Any:
    """Return the threshold of Ridler and Calvard: midway between the means of the two classes.

    A center t with ``t <= (mean up to t + mean above t) / 2 < t + bin width``. If rounding leaves no such center, the
    one with the smallest distance to its middle of means.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    nbins : int, default 256
        Number of bins for a float image; see `segalgo.thresholds`.
    return_all : bool, default False
        Return all such centers, ascending, and not only the lowest.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    threshold : NumPy scalar, or array if `return_all`
        Pixels above it are foreground. An image of one value has this value as its threshold.

    Raises
    ------
    TypeError
        If `image` or `hist` is not an array of real numbers, or an argument has a wrong type.
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if a pixel is NaN, or
        if infinite pixels occur together with others.

    Notes
    -----
    Composed of the histogram of the image and a decision over its bins. One pass over integer images of up to 16 bits,
    two passes over others. Grade: exact; for integer images bit for bit equal to
    ``skimage.filters.threshold_isodata``.

    References
    ----------
    T. W. Ridler and S. Calvard, "Picture thresholding using an iterative selection method", IEEE Transactions on
    Systems, Man and Cybernetics 8(8), 630-632, 1978.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_isodata(np.array([0, 1, 1, 8, 9, 9], np.uint8)))
    4
    """
    every = as_flag(return_all, "return_all")
    counts, centers = histogram_of(image, nbins, hist, mask)
    found = centers if counts.size == 1 else criteria.isodata(counts, centers)
    return found if every else found[0]


def threshold_mean(image: Any = None, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return the mean of the image.

    Sums of integers are exact; floats are summed in float64.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    threshold : NumPy scalar
        float64 for bool and integer images, else of the dtype of the image. If infinities of one sign occur, that
        infinity.

    Raises
    ------
    TypeError
        If `image` or `hist` is not an array of real numbers, or an argument has a wrong type.
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if a pixel is NaN, or
        if there are infinities of both signs.

    Notes
    -----
    Composed of the sum of all pixels (`intensity_sum` of each backend) and a division. One pass. Grade: exact for
    integers, rounded for floats.

    References
    ----------
    C. A. Glasbey, "An analysis of histogram-based thresholding algorithms", CVGIP: Graphical Models and Image
    Processing 55(6), 532-537, 1993.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> float(segalgo.threshold_mean(np.array([1, 2, 6], np.uint8)))
    3.0
    """
    if hist is not None:
        counts, centers = histogram_of(image, 1, hist, mask)
        return np.float64(np.sum(counts * centers, dtype=np.float64) / np.sum(counts, dtype=np.float64))
    pixels, dtype = pixels_of(image, mask)
    mean = wing("thresholds.histogram", pixels).intensity_sum(pixels) / pixels.size
    if not math.isfinite(mean):
        mean = _mean_beyond_range(pixels)
    return (dtype.type if dtype.kind == "f" else np.float64)(mean)


def _mean_beyond_range(pixels: Any) -> float:
    """Return the mean of floats whose sum is not finite: some are NaN or infinite, or the sum overflowed."""
    low, high, nans = value_range(pixels)
    if nans or (low == -np.inf and high == np.inf):
        raise ValueError("image holds NaN, or infinities of both signs: expected numbers that have a mean")
    if not (np.isfinite(low) and np.isfinite(high)):
        return float(low if low == -np.inf else high)
    scaled = array_module(pixels).ldexp(pixels, -64)
    mean = wing("thresholds.histogram", pixels).intensity_sum(scaled) / pixels.size
    return min(max(math.ldexp(mean, 64), float(low)), float(high))
