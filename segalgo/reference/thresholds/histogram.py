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
        with np.errstate(invalid="ignore", over="ignore"):
            return float(image.sum(dtype=np.float64))
    if image.itemsize < 8:
        return int(image.sum(dtype=np.int64))
    # Halves of 32 bits, whose sums hold in 64.
    return (int((image >> 32).sum(dtype=np.int64)) << 32) + int((image & 0xFFFFFFFF).sum(dtype=np.uint64))


def split_sums(image: np.ndarray, low: float, threshold: float) -> tuple[int, float, float]:
    """Return how many pixels x have x - low <= threshold, the sum of x - low over these, and over the others.

    All pixels are finite floats; differences and sums in float64.
    """
    values = image.astype(np.float64) - low
    above = values > threshold
    return image.size - int(np.count_nonzero(above)), float(values[~above].sum()), float(values[above].sum())


def smallest_gap(image: np.ndarray) -> float:
    """Return the smallest difference of two different pixels of a float image, in float64; inf where there is none."""
    gaps = np.diff(np.unique(image).astype(np.float64))
    return float(gaps.min()) if gaps.size else np.inf


def smooth_histogram(counts: np.ndarray, max_num_iter: int) -> np.ndarray:
    """Return float32 counts after means of three bins, as often as leaves fewer than three peaks, or as allowed.

    An end counts twice. Each sum is the one before it plus what enters less what leaves, in float64.
    """
    smooth = counts.astype(np.float32)
    change = np.empty(smooth.size)
    for _ in range(max_num_iter):
        padded = np.concatenate([smooth[:1], smooth, smooth[-1:]]).astype(np.float64)
        change[0] = padded[0] + padded[1] + padded[2]
        change[1:] = padded[3:] - padded[:-3]
        smooth = (np.add.accumulate(change) / 3.0).astype(np.float32)
        if _count_peaks(smooth) < 3:
            break
    return smooth


def _count_peaks(x: np.ndarray) -> int:
    """Count the falls that follow a rise, or the start; level stretches do not count."""
    steps = np.diff(x)
    falls = steps[steps != 0] < 0
    return int(np.count_nonzero(falls[1:] & ~falls[:-1])) + int(falls[:1].sum())
