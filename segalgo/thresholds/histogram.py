"""The histogram that global thresholds are decided over: from a picture, or from counts that the caller has."""

from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_array_and_mask, as_grey, as_integer
from segalgo._core.dispatch import wing

# The most bins: 2 GiB of counts.
MOST_BINS = 2**28


def histogram_of(image: Any, nbins: int, hist: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and the centers of their bins, from the first to the last bin that is not empty.

    An image of one value has one bin, and that value is its center. Centers have one dtype whatever the values: that of
    a float image, float64 for bool, uint64 for uint64 and int64 for other integers.
    """
    if hist is not None:
        if mask is not None:
            raise ValueError("mask is given with hist: expected it with an image only")
        return given_histogram(hist)
    pixels, dtype = pixels_of(image, mask)
    if dtype.kind == "f":
        counts, centers = _float_histogram(pixels, dtype, positive(nbins, "nbins", MOST_BINS))
    elif dtype.kind == "b":
        counts, centers = _bool_histogram(pixels, positive(nbins, "nbins", MOST_BINS))
    else:
        counts, centers = integer_histogram(pixels)
    return counts, centers


def pixels_of(image: Any, mask: Any) -> tuple[Any, np.dtype]:
    """Return the chosen pixels, flat, in a dtype that kernels know, and the dtype of the image."""
    if image is None:
        raise ValueError("image and hist are both None: expected one of them")
    array, chosen = as_array_and_mask(image, "image", mask)
    pixels = as_grey(array, "image")
    if chosen is not None:
        if chosen.dtype.kind != "b" or chosen.shape != array.shape:
            raise ValueError(
                f"mask has dtype {chosen.dtype} and shape {chosen.shape}: expected bool and {array.shape}, "
                "the shape of image"
            )
        pixels = pixels[chosen]
    if pixels.size == 0:
        raise ValueError(f"image has shape {array.shape} and no pixel to count: expected at least one")
    return pixels.reshape(-1), array.dtype.newbyteorder("=")


def positive(value: Any, argument: str, most: int = 2**63 - 1) -> int:
    """Return the value as an integer from 1 to `most`."""
    return as_integer(value, argument, 1, most)


def given_histogram(hist: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the caller's counts and centers without the empty bins at both ends."""
    pair = isinstance(hist, tuple | list) and len(hist) == 2 and not np.isscalar(hist[0])
    counts, centers = hist if pair else (hist, None)
    counts = _on_host(as_array(counts, "hist"))
    if counts.ndim != 1 or counts.dtype.kind not in "buif":
        raise ValueError(f"hist has shape {counts.shape} and dtype {counts.dtype}: expected counts in one dimension")
    centers = np.arange(counts.size) if centers is None else _on_host(as_array(centers, "hist"))
    if centers.shape != counts.shape:
        raise ValueError(f"hist has {counts.size} counts and centers of shape {centers.shape}: expected as many")
    if not (np.all(np.isfinite(counts) & (counts >= 0)) and counts.sum(dtype=np.float64) < 2.0**63):
        raise ValueError("hist holds a negative or infinite count, or 2**63 pixels: expected counts of pixels")
    if centers.dtype.kind not in "iuf" or not np.all(np.isfinite(centers)):
        raise ValueError(f"hist has centers of dtype {centers.dtype}: expected finite integers or floats")
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        raise ValueError("hist counts no pixel: expected at least one")
    inside = slice(filled[0], filled[-1] + 1)
    return counts[inside], centers[inside]


def _on_host(array: Any) -> np.ndarray:
    return array.get() if is_cupy(array) else array


def integer_histogram(pixels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of an integer image, a bin for each value from the smallest to the largest."""
    module = wing("thresholds.histogram", pixels)
    limits = np.iinfo(pixels.dtype)
    if pixels.dtype.itemsize <= 2 and (pixels.dtype.itemsize == 1 or pixels.size > 2**14):
        low, high = int(limits.min), int(limits.max)
    else:
        low, high = (int(end) for end in value_range(pixels)[:2])
    if high - low >= MOST_BINS:
        raise ValueError(
            f"image has integers from {low} to {high}: expected a span below {MOST_BINS}, a bin for each value; "
            "convert it to float to count it in nbins bins"
        )
    counts = module.histogram_integers(pixels, low, high - low + 1)
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    dtype = np.uint64 if pixels.dtype == np.uint64 else np.int64
    return counts[first : last + 1], np.arange(last - first + 1).astype(dtype) + dtype(low + first)


def _bool_histogram(pixels: Any, nbins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of a bool image, which scikit-image bins as the floats 0 and 1."""
    values = wing("thresholds.histogram", pixels).histogram_integers(pixels, 0, 256)[:2]
    if np.count_nonzero(values) == 1:
        return values[values > 0], np.flatnonzero(values).astype(np.float64)
    counts = np.zeros(nbins, np.int64)
    counts[0], counts[-1] = values[0], values[-1]
    if nbins == 1:
        counts[0] = values.sum()
    return counts, _centers(np.linspace(0, 1, nbins + 1))


def _float_histogram(pixels: Any, dtype: np.dtype, nbins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centers of a float image, in nbins even bins from its smallest to its largest value."""
    low, high, nans = value_range(pixels)
    if nans:
        raise ValueError(f"image holds {nans} NaN: expected none; leave them out with mask=~numpy.isnan(image)")
    if low == high:
        return np.ones(1, np.int64), np.full(1, low, dtype)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"image has values from {low} to {high}: expected finite ones, or one value alone")
    edges = even_edges(dtype.type(low), dtype.type(high), nbins)
    counts = wing("thresholds.histogram", pixels).histogram_floats(pixels, edges.astype(pixels.dtype))
    return counts, _centers(edges)


def value_range(pixels: Any) -> tuple[np.generic, np.generic, int]:
    """Return the smallest and the largest value of flat pixels and the number of NaN; a zero is positive.

    Without that rule the sign of a zero would depend on the order in which a wing meets the pixels.
    """
    low, high, nans = wing("thresholds.histogram", pixels).value_range(pixels)
    return (low + 0.0, high + 0.0, nans) if pixels.dtype.kind == "f" else (low, high, nans)


def even_edges(low: np.floating, high: np.floating, nbins: int) -> np.ndarray:
    """Return the edges of nbins even bins between two finite values, as `numpy.histogram` sets them.

    Edges that the dtype cannot tell apart are one, so there may be fewer bins; none lies above the last. A range that
    the dtype cannot hold, for which NumPy has no edges, has four times the edges of a quarter of it.
    """
    dtype = low.dtype
    if nbins >= 2 ** (np.finfo(dtype).nmant + 1):  # the dtype cannot count that far
        low, high = np.float64(low), np.float64(high)
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(high - low)
    scale = dtype.type(4 if overflows else 1)
    low, high = low / scale, high / scale
    # Where the distance of edges is subnormal or not exact, edges before the last one may lie beyond it.
    return np.unique(np.linspace(low, high, nbins + 1, dtype=dtype).clip(max=dtype.type(high))) * scale


def _centers(edges: np.ndarray) -> np.ndarray:
    """Return the center of each bin, which lies below the bin's upper edge: the lower edge where rounding hides it."""
    with np.errstate(over="ignore"):
        centers = (edges[:-1] + edges[1:]) / 2
    overflows = ~np.isfinite(centers)
    centers[overflows] = edges[:-1][overflows] / 2 + edges[1:][overflows] / 2
    return np.where(centers < edges[1:], centers, edges[:-1])
