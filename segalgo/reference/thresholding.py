"""What global thresholds ask of the pixels: their range and their histogram. Images arrive flat."""

import numpy as np


def value_range(image: np.ndarray) -> tuple[np.generic, np.generic, int]:
    """Return the smallest and the largest value, and the number of NaN (which count for neither).

    Where every value is NaN, the smallest is inf and the largest -inf.
    """
    nans = int(np.count_nonzero(image != image))
    if nans:
        image = image[image == image]
    if image.size == 0:
        return image.dtype.type(np.inf), image.dtype.type(-np.inf), nans
    return image.min(), image.max(), nans


def histogram_integers(image: np.ndarray, low: int, size: int) -> np.ndarray:
    """Return counts[k] = how many pixels have the value low + k, int64; every pixel lies in low ... low + size - 1."""
    if image.dtype.itemsize < 8:
        offsets = image.astype(np.int64) - low
    else:
        offsets = image - image.dtype.type(low)
    return np.bincount(offsets, minlength=size).astype(np.int64, copy=False)


def histogram_floats(image: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return counts[k] = how many pixels x have edges[k] <= x < edges[k + 1], int64; the last bin takes its end too.

    The edges ascend strictly, the first is at most the smallest pixel and the last at least the largest.
    """
    bins = np.searchsorted(edges, image, side="right") - 1
    np.minimum(bins, edges.size - 2, out=bins)
    return np.bincount(bins, minlength=edges.size - 1).astype(np.int64, copy=False)


def intensity_sum(image: np.ndarray) -> int | float:
    """Return the sum of all pixels: exact for integers, in float64 for floats, where NaN and infinities count."""
    if image.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            return float(image.sum(dtype=np.float64))
    if image.itemsize < 8:
        return int(image.sum(dtype=np.int64))
    # Halves of 32 bits, whose sums hold in 64.
    return (int((image >> 32).sum(dtype=np.int64)) << 32) + int((image & 0xFFFFFFFF).sum(dtype=np.uint64))


def sorted_numbers(image: np.ndarray) -> np.ndarray:
    """Return the pixels of a float image that are not NaN, ascending."""
    values = np.sort(image, axis=None)
    return values[: np.searchsorted(values, np.nan)]
