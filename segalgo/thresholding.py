"""Global thresholds: one number, or a few, that split the values of a whole picture."""

from typing import Any

import numpy as np

from segalgo._checks import as_array, as_grey
from segalgo._dispatch import is_cupy, wing
from segalgo.reference import histogram_thresholds as decide

MOST_BINS = 2**28


def threshold_otsu(image: Any = None, nbins: int = 256, *, hist: Any = None, mask: Any = None) -> np.generic:
    """Return Otsu's threshold: the one that maximises the variance between the two classes.

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
    One pass over integer images of up to 16 bits, two over others. Grade: exact, and for integer images equal to
    ``skimage.filters.threshold_otsu``.

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
    counts, centers = _histogram(image, nbins, hist, mask)
    return centers[0] if counts.size == 1 else decide.otsu(counts, centers)


def _histogram(image: Any, nbins: int, hist: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 counts and the centers of their bins, from the first to the last bin that is not empty.

    An image of one value has one bin, and that value, in the image's dtype, is its center.
    """
    if hist is not None:
        if mask is not None:
            raise ValueError("mask is given with hist: expected it with an image only")
        return _given_histogram(hist)
    if image is None:
        raise ValueError("image and hist are both None: expected one of them")
    pixels, dtype = _pixels(image, mask)
    if dtype.kind == "f":
        counts, centers = _float_histogram(pixels, dtype, _count_of(nbins, "nbins"))
    elif dtype.kind == "b":
        counts, centers = _bool_histogram(pixels, _count_of(nbins, "nbins"))
    else:
        counts, centers = _integer_histogram(pixels)
        if counts.size == 1:
            centers = centers.astype(dtype)
    return counts.astype(np.float32), centers


def _pixels(image: Any, mask: Any) -> tuple[Any, np.dtype]:
    """Return the chosen pixels, flat, in a dtype that kernels know, and the dtype of the image."""
    array = as_array(image, "image")
    pixels = as_grey(array, "image")
    if mask is not None:
        chosen = as_array(mask, "mask")
        if chosen.dtype.kind != "b" or chosen.shape != array.shape:
            raise ValueError(
                f"mask has dtype {chosen.dtype} and shape {chosen.shape}: expected bool and {array.shape}, "
                "the shape of image"
            )
        pixels = pixels[chosen]
    if pixels.size == 0:
        raise ValueError(f"image has shape {array.shape} and no pixel to count: expected at least one")
    return pixels.reshape(-1), array.dtype.newbyteorder("=")


def _count_of(value: Any, argument: str) -> int:
    try:
        number = int(value.__index__())
    except AttributeError:
        raise TypeError(f"{argument}={value!r}: expected an integer") from None
    if number < 1:
        raise ValueError(f"{argument}={number}: expected at least 1")
    return number


def _given_histogram(hist: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the caller's counts and centers without the empty bins at both ends."""
    pair = isinstance(hist, tuple | list) and len(hist) == 2 and np.ndim(hist[0]) == 1
    counts, centers = hist if pair else (hist, None)
    counts = _on_host(as_array(counts, "hist"))
    if counts.ndim != 1 or counts.dtype.kind not in "buif":
        raise ValueError(f"hist has shape {counts.shape} and dtype {counts.dtype}: expected counts in one dimension")
    centers = np.arange(counts.size) if centers is None else _on_host(as_array(centers, "hist"))
    if centers.shape != counts.shape:
        raise ValueError(f"hist has {counts.size} counts and centers of shape {centers.shape}: expected as many")
    if not np.all(np.isfinite(counts) & (counts >= 0)):
        raise ValueError("hist holds a negative or infinite count: expected counts of pixels")
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        raise ValueError("hist counts no pixel: expected at least one")
    inside = slice(filled[0], filled[-1] + 1)
    return counts[inside].astype(np.float32, copy=False), centers[inside]


def _on_host(array: Any) -> np.ndarray:
    return array.get() if is_cupy(array) else array


def _integer_histogram(pixels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of an integer image, a bin for each value from the smallest to the largest."""
    module = wing("thresholding", pixels)
    limits = np.iinfo(pixels.dtype)
    if pixels.dtype.itemsize <= 2 and (pixels.dtype.itemsize == 1 or pixels.size > 2**14):
        low, high = int(limits.min), int(limits.max)
    else:
        low, high = (int(end) for end in module.value_range(pixels)[:2])
    if high - low >= MOST_BINS:
        raise ValueError(
            f"image has integers from {low} to {high}: expected a span below {MOST_BINS}, a bin for each value; "
            "convert it to float to count it in nbins bins"
        )
    counts = module.histogram_integers(pixels, low, high - low + 1)
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    dtype = np.int64 if low + last <= np.iinfo(np.int64).max else np.uint64
    return counts[first : last + 1], np.arange(last - first + 1).astype(dtype) + dtype(low + first)


def _bool_histogram(pixels: Any, nbins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of a bool image, which scikit-image bins as the floats 0 and 1."""
    values = wing("thresholding", pixels).histogram_integers(pixels, 0, 256)[:2]
    if np.count_nonzero(values) == 1:
        return values[values > 0], np.flatnonzero(values).astype(bool)
    counts = np.zeros(nbins, np.int64)
    counts[0], counts[-1] = values[0], values[-1]
    if nbins == 1:
        counts[0] = values.sum()
    return counts, _centers(np.linspace(0, 1, nbins + 1))


def _float_histogram(pixels: Any, dtype: np.dtype, nbins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of a float image, in nbins even bins from its smallest to its largest value."""
    module = wing("thresholding", pixels)
    low, high, nans = module.value_range(pixels)
    if nans:
        raise ValueError(f"image holds {nans} NaN: expected none; leave them out with mask=~numpy.isnan(image)")
    if low == high:
        return np.ones(1, np.int64), np.full(1, low, dtype)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"image has values from {low} to {high}: expected finite ones, or one value alone")
    low, high = dtype.type(low), dtype.type(high)
    with np.errstate(over="ignore"):
        if not np.isfinite(high - low):
            raise ValueError(f"image has values from {low} to {high}: expected a range that {dtype} holds")
    # The edges as numpy.histogram sets them; edges that the dtype cannot tell apart are one.
    edges = np.unique(np.linspace(low, high, nbins + 1, dtype=dtype))
    counts = module.histogram_floats(pixels, edges.astype(pixels.dtype))
    return counts, _centers(edges)


def _centers(edges: np.ndarray) -> np.ndarray:
    return (edges[:-1] + edges[1:]) / 2.0
