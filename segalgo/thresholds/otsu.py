"""Otsu's thresholds, for two classes and for several."""

import warnings
from typing import Any

import numpy as np

from segalgo.thresholds import criteria
from segalgo.thresholds.histogram import histogram_of, positive
from segalgo.thresholds.multi_otsu import multiotsu


def threshold_otsu(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Otsu's threshold: the one that maximizes the variance between the two classes.

    Maximizes ``w1 * w2 * (mean1 - mean2)**2``, where w1, w2 are the numbers of pixels up to the threshold and above it,
    and mean1, mean2 their means; the first of equal maxima.

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
    ``skimage.filters.threshold_otsu``. An image whose last axis
    has length 3 or 4 is taken as grayscale, with a warning.

    References
    ----------
    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man and
    Cybernetics 9(1), 62-66, 1979.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_otsu(np.array([[8, 9, 9], [1, 2, 2]], np.uint8)))
    2
    """
    _warn_of_color(image, "threshold_otsu")
    counts, centers = histogram_of(image, nbins, hist, mask)
    return centers[0] if counts.size == 1 else criteria.otsu(counts, centers)


def threshold_multiotsu(
    image: Any = None, classes: int = 3, nbins: int = 256, *, hist: Any = None, mask: Any = None
) -> np.ndarray:
    """Return the thresholds that maximize the variance between several classes.

    Otsu's criterion for `classes` classes; the first of equal maxima in lexicographic order.

    Parameters
    ----------
    image : array of any shape, optional
        The image; see `segalgo.thresholds`.
    classes : int, default 3
        Number of classes, at least 2.
    nbins : int, default 256
        Number of bins for a float image; see `segalgo.thresholds`.
    hist : array, or pair of arrays, optional
        A histogram instead of an image; see `segalgo.thresholds`.
    mask : bool array of the shape of `image`, optional
        The pixels to use; see `segalgo.thresholds`.

    Returns
    -------
    thresholds : array of classes - 1 numbers, ascending
        Centers of bins, for ``numpy.digitize(image, thresholds, right=True)``.

    Raises
    ------
    TypeError
        If `image` or `hist` is not an array of real numbers, or an argument has a wrong type.
    ValueError
        If neither `image` nor `hist` is given or they hold no pixel, if `mask` has another shape, if a pixel is NaN, or
        if infinite pixels occur together with others. Also if the image
        has fewer different values (in its bins) than classes, or `classes` is less than 2.

    Notes
    -----
    Composed of the histogram of the image and dynamic programming over its bins: ``classes * bins**2`` steps, and
    ``classes * bins * log(bins)`` for images of more than 1024 values. Grade: exact. Up to 1024 values the result is
    that of ``skimage.filters.threshold_multiotsu`` (a search of ``bins**(classes - 1)`` steps in float32), bit for bit;
    for more values it is the optimum in float64.

    References
    ----------
    P.-S. Liao, T.-S. Chen and P.-C. Chung, "A fast algorithm for multilevel thresholding", Journal of Information
    Science and Engineering 17(5), 713-727, 2001.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.threshold_multiotsu(np.array([1, 2, 2, 50, 51, 51, 90, 91, 91], np.uint8)).tolist()
    [2, 51]
    """
    _warn_of_color(image, "threshold_multiotsu")
    if positive(classes, "classes") < 2:
        raise ValueError(f"classes={classes}: expected at least 2")
    counts, centers = histogram_of(image, nbins, hist, mask)
    values = np.count_nonzero(counts)
    if values < classes:
        source = "image" if hist is None else "hist"
        raise ValueError(
            f"{source} has only {values} different values in its bins: expected at least {classes} for {classes} "
            "classes; a float image may have more with a larger nbins"
        )
    if values == classes:
        return centers[np.flatnonzero(counts)[:-1]]
    share = counts if hist is not None else counts / counts.sum()
    return centers[multiotsu(share.astype(np.float32), classes)]


def _warn_of_color(image: Any, name: str) -> None:
    shape = getattr(image, "shape", ())
    if len(shape) > 2 and shape[-1] in (3, 4):
        warnings.warn(
            f"{name} takes an image of shape {shape} as grayscale, though it looks like a color image", stacklevel=3
        )
