"""Decisions of global thresholds over a histogram, in NumPy; shared by all backends, so that their results agree.

Each takes ``counts`` and the ``centers`` of their bins; the first and the last bin hold pixels, and there are at least
two bins. Counts become float32, and sums run in the order of scikit-image, so that ties between bins fall the same
way; where that arithmetic divides by zero, the bin loses or wins as it does there.
"""

from collections.abc import Callable

import numpy as np


def _in_range(centers: np.ndarray) -> np.ndarray:
    """Return float centers shifted and times a power of two where products of them would overflow or lose all bits.

    Criteria that compare means choose the same bin at any scale and origin. Other centers stay as they are.
    """
    if centers.dtype.kind != "f":
        return centers
    centers = centers.astype(np.result_type(centers, np.float32), copy=False)
    most = float(np.max(np.abs(centers)))
    exponent, limit = int(np.frexp(most)[1]), 20 if centers.dtype == np.float32 else 200
    if not -limit <= exponent <= limit:
        centers = np.ldexp(centers, -exponent)
    if np.max(np.abs(centers)) > 1024 * (centers[-1] - centers[0]):
        centers = centers - centers[0]
        centers = np.ldexp(centers, -int(np.frexp(float(centers[-1]))[1]))
    return centers


def otsu(counts: np.ndarray, centers: np.ndarray) -> np.generic:
    """Return the center that maximises the variance between the two classes: w1 * w2 * (mean1 - mean2)**2."""
    levels, counts = _in_range(centers), counts.astype(np.float32, copy=False)
    below = np.cumsum(counts)
    above = np.cumsum(counts[::-1])[::-1]
    intensity = counts * levels
    mean_below = np.cumsum(intensity) / below
    mean_above = (np.cumsum(intensity[::-1]) / above[::-1])[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return centers[np.argmax(between)]


def yen(counts: np.ndarray, centers: np.ndarray) -> np.generic:
    """Return the center that maximises Yen's correlation: log of (P1 * (1 - P1))**2 / (sum p1**2 * sum p2**2)."""
    counts = counts.astype(np.float32, copy=False)
    probability = counts / counts.sum()
    below = np.cumsum(probability)[:-1]
    squares_below = np.cumsum(probability**2)[:-1]
    squares_above = np.cumsum(probability[::-1] ** 2)[::-1][1:]
    with np.errstate(all="ignore"):
        criterion = np.log(((squares_below * squares_above) ** -1) * (below * (1.0 - below)) ** 2)
    return centers[np.argmax(criterion)]


def entropy(counts: np.ndarray, centers: np.ndarray) -> np.generic:
    """Return the center that maximises Kapur's sum of the entropies of the two classes.

    With P the share below and h the entropy terms -p * log(p) summed below, of H in all:
    log(P) + h / P + log(1 - P) + (H - h) / (1 - P).
    """
    counts = counts.astype(np.float64)
    total = counts.sum()
    share = np.cumsum(counts)[:-1]
    probability = counts / total
    terms = -probability * np.log(probability, out=np.zeros_like(probability), where=counts > 0)
    below = np.cumsum(terms)[:-1]
    above = np.cumsum(terms[::-1])[::-1][1:]
    first, second = share / total, (total - share) / total
    return centers[np.argmax(np.log(first) + below / first + np.log(second) + above / second)]


def isodata(counts: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the centers t with t <= (mean up to t + mean above t) / 2 < t + bin width, ascending.

    Where rounding leaves none, the one center that is nearest to its middle of means.
    """
    levels, counts = _in_range(centers), counts.astype(np.float32, copy=False)
    below = np.cumsum(counts)
    above = below[-1] - below
    intensity = np.cumsum(counts * levels)
    with np.errstate(all="ignore"):
        lower = intensity[:-1] / below[:-1]
        higher = (intensity[-1] - intensity[:-1]) / above[:-1]
        distance = (lower + higher) / 2.0 - levels[:-1]
    fixed = centers[:-1][(distance >= 0) & (distance < levels[1] - levels[0])]
    if fixed.size:
        return fixed
    return centers[[np.argmin(np.where(np.isfinite(distance), abs(distance), np.inf))]]


def triangle(counts: np.ndarray, centers: np.ndarray) -> np.generic:
    """Return the center farthest below the line from the peak of the histogram to the end of its longer tail."""
    peak, last = int(np.argmax(counts)), counts.size - 1
    flipped = peak < last - peak
    if flipped:
        counts, peak = counts[::-1], last - peak
    height, width = counts[peak], peak
    norm = np.sqrt(height**2 + width**2)
    steps = np.arange(width)
    # The distance from the line, without what is the same for every bin.
    level = int(np.argmax(height / norm * steps - width / norm * counts[steps]))
    return centers[last - level if flipped else level]


def minimum(smooth: np.ndarray, peaks: np.ndarray, centers: np.ndarray, max_num_iter: int) -> np.generic:
    """Return the center of the valley between the two peaks of a smoothed histogram."""
    if peaks.size > 2:
        raise RuntimeError(f"more than two maxima in histogram after max_num_iter={max_num_iter} smoothing steps")
    if peaks.size < 2:
        raise RuntimeError("Unable to find two maxima in histogram")
    return centers[peaks[0] + np.argmin(smooth[peaks[0] : peaks[1] + 1])]


def peaks(x: np.ndarray) -> np.ndarray:
    """Return where a rise (or the start) ends and a fall begins: the last position of each plateau that is a peak."""
    falls = x[1:] < x[:-1]
    turns = np.flatnonzero(x[1:] != x[:-1])
    falling = falls[turns]
    falling[1:] &= ~falls[turns[:-1]]
    return turns[falling]


def li(
    split_means: Callable[[float], tuple[int, float, float]],
    guess: float,
    tolerance: float,
    notify: Callable[[float], object] | None = None,
) -> float:
    """Return the fixed point of Li's iteration t = (m1 - m2) / (log m1 - log m2), m1 and m2 the means beside t.

    Values count from 0. ``split_means(t)`` returns how many values (or bins) are up to t, and both means; `notify` is
    called with each t. The iteration ends when t moves by no more than the tolerance, when the lower mean is 0, or when
    it returns to an earlier split.
    """
    t, seen = guess, set()
    if notify is not None:
        notify(t)
    previous, split = -2 * tolerance, -1
    while abs(t - previous) > tolerance:
        last, (split, lower, upper) = split, split_means(t)
        if split in seen and split != last:
            break
        seen.add(split)
        previous = t
        if lower == 0:
            break
        t = (lower - upper) / (np.log(lower) - np.log(upper))
        if notify is not None:
            notify(t)
    return t


def histogram_means(levels: np.ndarray, weights: np.ndarray) -> Callable[[float], tuple[int, float, float]]:
    """Return the function of t that `li` asks, over ascending levels and their weights."""
    sums = weights * levels

    def split_means(t: float) -> tuple[int, float, float]:
        split = int(np.searchsorted(levels, t, side="right"))
        below, above = sums[:split].sum() / weights[:split].sum(), sums[split:].sum() / weights[split:].sum()
        return split, below, above

    return split_means
