"""Thresholds from the shape of the histogram: the triangle method, and the minimum between two maxima."""

from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.dispatch import wing
from segalgo.thresholds import criteria
from segalgo.thresholds.histogram import histogram_of, positive


def threshold_triangle(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return the threshold of the triangle method: the bin farthest below a line over the histogram.

    The line runs from the peak of the histogram to the end of its longer tail. The threshold is the bin between the two
    with the largest distance to the line; of equal ones the nearest to the end of the tail.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    nbins : int, default 256
        Number of bins for a float image; see `segalgo.thresholds`.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin; pixels above it are foreground. An image of one value has this value as its threshold.

    Raises
    ------
    TypeError
        If `image` or `hist` is not an array of real numbers, or an argument has a wrong type.
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if a pixel is NaN, or
        if infinite pixels occur together with others.

    Notes
    -----
    Composed of the histogram of the image and a decision over its bins. One pass over integer images of
    up to 16 bits, two passes over others. Grade: exact; for integer images bit for bit equal to
    ``skimage.filters.threshold_triangle``.

    References
    ----------
    G. W. Zack, W. E. Rogers and S. A. Latt, "Automatic measurement of sister chromatid exchange frequency", Journal of
    Histochemistry and Cytochemistry 25(7), 741-753, 1977.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_triangle(np.repeat([0, 1, 2, 3, 4, 9], [1, 1, 2, 3, 20, 1])))
    5
    """
    counts, centers = histogram_of(image, nbins, hist, mask)
    return centers[0] if counts.size == 1 else criteria.triangle(counts, centers)


def threshold_minimum(
    image: Any = None, nbins: int = 256, max_num_iter: int = 10000, *, hist: Any = None, mask: Any = None
) -> np.generic:
    """Return the minimum between the two maxima of the smoothed histogram.

    The histogram is smoothed by running means of three bins until it has fewer than three maxima; the threshold is the
    lowest bin between the two that are left, the first of equal ones.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    nbins : int, default 256
        Number of bins for a float image; see `segalgo.thresholds`.
    max_num_iter : int, default 10000
        Largest number of smoothing steps.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin; pixels above it are foreground.

    Raises
    ------
    TypeError
        If `image` or `hist` is not an array of real numbers, or an argument has a wrong type.
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if a pixel is NaN, or
        if infinite pixels occur together with others.
    RuntimeError
        If one maximum is left, or more than two after the last step.

    Notes
    -----
    Composed of the histogram of the image, its smoothing (`smooth_histogram` of each backend) and a decision over its
    bins. One pass over integer images of up to 16 bits, two passes over others. Grade: exact; for integer images bit
    for bit equal to ``skimage.filters.threshold_minimum``.

    References
    ----------
    J. M. S. Prewitt and M. L. Mendelsohn, "The analysis of cell images", Annals of the New York Academy of Sciences
    128(3), 1035-1053, 1966.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_minimum(np.repeat([0, 1, 2, 3, 4, 5, 6], [1, 9, 3, 1, 4, 8, 2])))
    3
    """
    steps = positive(max_num_iter, "max_num_iter")
    counts, centers = histogram_of(image, nbins, hist, mask)
    if counts.size == 1:
        raise RuntimeError("Unable to find two maxima in histogram: it has one bin")
    like = image if hist is None and is_cupy(image) else counts
    smooth = wing("thresholds.histogram", like).smooth_histogram(_beside(counts, like), steps)
    return criteria.minimum(smooth, criteria.peaks(smooth), centers, steps)


def _beside(counts: np.ndarray, like: Any) -> Any:
    """Return the counts on the device of another array."""
    if is_cupy(like):
        import cupy

        return cupy.asarray(counts)
    return counts
