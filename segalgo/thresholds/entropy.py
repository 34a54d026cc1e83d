"""Thresholds from the entropy of the two classes, and from their correlation."""

from typing import Any

import numpy as np

from segalgo.thresholds import criteria
from segalgo.thresholds.histogram import histogram_of


def threshold_yen(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Yen's threshold: the one that maximizes the correlation of the two classes.

    Maximizes ``-log(sum p1**2) - log(sum p2**2)``, where p1, p2 are the probabilities of the bins within each class;
    the first of equal maxima.

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
    ``skimage.filters.threshold_yen``.

    References
    ----------
    J.-C. Yen, F.-J. Chang and S. Chang, "A new criterion for automatic multilevel thresholding", IEEE Transactions on
    Image Processing 4(3), 370-378, 1995.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_yen(np.arange(256)))
    127
    """
    counts, centers = histogram_of(image, nbins, hist, mask)
    return centers[0] if counts.size == 1 else criteria.yen(counts, centers)


def threshold_entropy(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Kapur's threshold: the one that maximizes the sum of the entropies of the two classes.

    Maximizes ``H(pixels up to t) + H(pixels above t)``, where H is the entropy of the histogram of a class; the first
    of equal maxima.

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
    up to 16 bits, two passes over others. Grade: exact.

    References
    ----------
    J. N. Kapur, P. K. Sahoo and A. K. C. Wong, "A new method for gray-level picture thresholding using the entropy of
    the histogram", Computer Vision, Graphics, and Image Processing 29(3), 273-285, 1985.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> int(segalgo.threshold_entropy(np.array([1, 2, 3, 4, 91, 92, 93, 94])))
    4
    """
    counts, centers = histogram_of(image, nbins, hist, mask)
    return centers[0] if counts.size == 1 else criteria.entropy(counts, centers)
