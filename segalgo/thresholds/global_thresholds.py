"""Global thresholds: one number, or a few, that split the values of a whole picture.

Every one takes `mask`, the pixels that count, and `hist`, counts that the caller already has. Elements that a
`numpy.ma` array masks do not count. A threshold of integers is int64 (uint64 for uint64 images) whatever their values,
of bool float64; `threshold_li` and `threshold_mean` return float64 for both. A NaN is an error (but
`threshold_li` leaves it out, as scikit-image does). What the functions answer where little can be asked:

================================ ======================= ===================== =============== ================
picture                          otsu, yen, isodata,     li                    mean            multiotsu
                                 triangle, entropy (1)
================================ ======================= ===================== =============== ================
no pixel (or none in the mask)   ValueError              ValueError            ValueError      ValueError
one pixel, or one value          the value               the value             the value       ValueError
two values, integer              low to high - 1 (2)     between the two       between         (low,), 2 classes
two values, float or bool        a center between        between the two       between         center, 2 classes
two neighbouring floats          the lower               the lower             one of them     ValueError
integers 2^28 or more apart      ValueError              ValueError            the mean        ValueError
infinity alone                   the infinity            the infinity          the infinity    ValueError
infinity among finite values     ValueError              of the finite ones    the infinity    ValueError
both infinities                  ValueError              0, or of the finite   ValueError      ValueError
NaN                              ValueError              of the others         ValueError      ValueError
nothing but NaN                  ValueError              NaN                   ValueError      ValueError
16 bits, few levels              a bin per value         a level's means       the mean        a level each
================================ ======================= ===================== =============== ================

(1) `threshold_minimum` answers as these where two peaks remain, and raises RuntimeError for one value or two.
(2) Up to high for the triangle, as in scikit-image.

Local thresholds of a picture without pixels are empty; NaN and infinities are errors there.
"""

import math
import warnings
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.dispatch import wing
from segalgo.thresholds import criteria as decide
from segalgo.thresholds.histogram import histogram_of, pixels_of, positive, value_range
from segalgo.thresholds.multi_otsu import multiotsu


def threshold_otsu(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Otsu's threshold: the one that maximises the variance between the two classes.

    ``w1 * w2 * (mean1 - mean2)**2`` over the pixels up to the threshold and those above it; the first of equal ones.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin: pixels above it are the foreground. An image of one value gives this value.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact; integer images as with
    ``skimage.filters.threshold_otsu``, bit for bit.
    A picture whose last axis has 3 or 4 cells is taken as grey, with a warning.

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
    return centers[0] if counts.size == 1 else decide.otsu(counts, centers)


def threshold_yen(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Yen's threshold: the one that maximises the maximum correlation criterion.

    ``log((P * (1 - P))**2 / (sum of p**2 up to t * sum of p**2 above t))``, P the share of pixels up to t; the first of
    equal ones.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin: pixels above it are the foreground. An image of one value gives this value.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact; integer images as with
    ``skimage.filters.threshold_yen``, bit for bit.

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
    return centers[0] if counts.size == 1 else decide.yen(counts, centers)


def threshold_entropy(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Kapur's threshold: the one that maximises the sum of the entropies of the two classes.

    ``H(pixels up to t) + H(pixels above t)``, H the entropy of a class's own histogram; the first of equal ones.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin: pixels above it are the foreground. An image of one value gives this value.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact.

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
    return centers[0] if counts.size == 1 else decide.entropy(counts, centers)


def threshold_triangle(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return the threshold of the triangle method: the bin farthest below a line over the histogram.

    The line runs from the peak to the far end of the longer tail, and the bin lies between them; the first of equal
    ones, seen from that end.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin: pixels above it are the foreground. An image of one value gives this value.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact; integer images as with
    ``skimage.filters.threshold_triangle``, bit for bit.

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
    return centers[0] if counts.size == 1 else decide.triangle(counts, centers)


def threshold_isodata(
    image: Any = None, nbins: int = 256, return_all: bool = False, *, hist: Any = None, mask: Any = None
) -> Any:
    """Return the threshold of Ridler and Calvard: midway between the means of the two classes.

    A center t with ``t <= (mean up to t + mean above t) / 2 < t + bin width``; where rounding leaves none, the center
    nearest to its own middle of means.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    return_all : bool
        Return all of them, ascending, rather than the lowest.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar, or array if `return_all`
        Pixels above it are the foreground. An image of one value gives this value.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact; integer images as with
    ``skimage.filters.threshold_isodata``, bit for bit.

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
    counts, centers = histogram_of(image, nbins, hist, mask)
    found = centers if counts.size == 1 else decide.isodata(counts, centers)
    return found if return_all else found[0]


def threshold_minimum(
    image: Any = None, nbins: int = 256, max_num_iter: int = 10000, *, hist: Any = None, mask: Any = None
) -> np.generic:
    """Return the valley between the two peaks that are left of the histogram after smoothing.

    Running means of three bins until fewer than three peaks are left; then the lowest bin between them, the first of
    equal ones.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    max_num_iter : int
        The most smoothing steps.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        The center of a bin: pixels above it are the foreground.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.
    RuntimeError
        If one peak is left, or more than two after the last step.

    Notes
    -----
    One pass over integer images of up to 16 bits, two over others. Grade: exact; integer images as with
    ``skimage.filters.threshold_minimum``, bit for bit.

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
    return decide.minimum(smooth, decide.peaks(smooth), centers, steps)


def threshold_mean(image: Any = None, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return the mean of the picture.

    Sums of integers are exact; floats are added in float64.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    threshold : NumPy scalar
        float64 for bool and integer images, else of the image's dtype.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if there are infinities of both
        signs. One infinity is the mean.

    Notes
    -----
    One pass. Grade: exact for integers, rounded for floats.

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
    """Return the mean of floats whose sum is no finite number: some are NaN or infinite, or the sum overflowed."""
    low, high, nans = value_range(pixels)
    if nans or (low == -np.inf and high == np.inf):
        raise ValueError("image holds NaN, or infinities of both signs: expected numbers that have a mean")
    if not (np.isfinite(low) and np.isfinite(high)):
        return float(low if low == -np.inf else high)
    halves = array_module(pixels).ldexp(pixels, -64)
    mean = wing("thresholds.histogram", pixels).intensity_sum(halves) / pixels.size
    return min(max(math.ldexp(mean, 64), float(low)), float(high))


def threshold_multiotsu(
    image: Any = None, classes: int = 3, nbins: int = 256, *, hist: Any = None, mask: Any = None
) -> np.ndarray:
    """Return the thresholds that maximise the variance between several classes.

    Otsu's criterion for `classes` classes; the first of equal ones in lexicographic order.

    Parameters
    ----------
    image : array of any shape, optional
        bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given.
    classes : int
        How many classes, at least 2.
    nbins : int
        Bins of a float (or bool) image's histogram, from its smallest to its largest value. Integer images have one
        bin per value.
    hist : array, or pair of arrays, optional
        Counts that the caller already has, or counts and the centers of their bins (else 0, 1, 2 ...).
    mask : bool array of the shape of `image`, optional
        The pixels that count; all by default.

    Returns
    -------
    thresholds : array of classes - 1 NumPy scalars, ascending
        Centers of bins, for ``numpy.digitize(image, thresholds, right=True)``.

    Raises
    ------
    ValueError
        If there is neither image nor histogram or no pixel in it, if a pixel is NaN, or if infinities meet other
        values.
        Also if fewer values than classes are in it.

    Notes
    -----
    Dynamic programming: ``classes * bins**2`` steps, and ``classes * bins * log(bins)`` for pictures of more than 1024
    values. Grade: exact; up to 1024 values the answer is that of ``skimage.filters.threshold_multiotsu`` (whose search
    takes ``bins**(classes - 1)`` steps in float32), bit for bit; above it, the optimum in float64.

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
        raise ValueError(
            f"image has only {values} different values in its bins: expected at least {classes} for {classes} classes; "
            "a float image may show more with more nbins"
        )
    if values == classes:
        return centers[np.flatnonzero(counts)[:-1]]
    share = counts if hist is not None else counts / counts.sum()
    return centers[multiotsu(share.astype(np.float32), classes)]


def _beside(counts: np.ndarray, like: Any) -> Any:
    """Return the counts on the device of another array."""
    if is_cupy(like):
        import cupy

        return cupy.asarray(counts)
    return counts


def _warn_of_color(image: Any, name: str) -> None:
    shape = np.shape(image)
    if len(shape) > 2 and shape[-1] in (3, 4):
        warnings.warn(
            f"{name} takes an image of shape {shape} as grayscale, though it looks like a color picture", stacklevel=3
        )
