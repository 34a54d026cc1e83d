"""Otsu's criterion for several classes, by dynamic programming over a histogram; shared by every wing.

A class of bins a ... b is worth H(a, b) = S**2 / P, with P the sum of its probabilities and S that of bin times
probability; thresholds maximise the sum over classes (Liao, Chen and Chung, 2001). The best k classes of the first
bins extend the best k - 1 classes of fewer, so the work grows with classes * bins**2, not with bins**classes.
"""

import numpy as np

# Up to here the answer is that of scikit-image's search in float32, bit for bit; above it, that of float64.
MOST_EXACT_BINS = 1024


def multiotsu(probability: np.ndarray, classes: int) -> np.ndarray:
    """Return the last bins of all classes but one, ascending. More than `classes` bins hold pixels."""
    filled = np.flatnonzero(probability)
    if filled.size > MOST_EXACT_BINS:
        return filled[_by_halving(probability[filled].astype(np.float64), filled, classes)]
    # Bins without pixels change no class, so the first threshold of several alike is a bin with pixels; but for bin 1:
    # see _worths.
    bins = np.union1d(filled, [1])
    return bins[_first_of_the_best(_worths(probability, bins), classes)]


def _worths(probability: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return H[a, b] in float32, rounded step by step as scikit-image does, -inf below the diagonal.

    Two habits of it are kept, because answers follow: bin 0 counts as bin 1 in S, and the class of bin 0 alone is
    worth nothing.
    """
    zeroth = np.cumsum(probability, dtype=np.float32)
    moments = np.arange(probability.size).astype(np.float32) * probability
    moments[0] = probability[0]
    first = np.cumsum(moments, dtype=np.float32)
    zeroth, first = zeroth[bins], first[bins]
    p = zeroth - np.concatenate([[np.float32(0)], zeroth[:-1]])[:, None]
    s = first - np.concatenate([[np.float32(0)], first[:-1]])[:, None]
    worths = np.divide(s * s, p, out=np.zeros_like(p), where=p > 0)
    worths[0, 0] = 0
    worths[np.tri(bins.size, k=-1, dtype=bool)] = -np.inf
    return worths


def _first_of_the_best(worths: np.ndarray, classes: int) -> np.ndarray:
    """Return the thresholds whose float32 sum of worths is the largest, the first in lexicographic order of several.

    A float32 sum is no sum of parts that dynamic programming could extend, so that finds the best float64 sum, and
    then all thresholds within the rounding error of it are tried.
    """
    n = worths.shape[0]
    exact = worths.astype(np.float64)
    # tail[k][a]: the best k classes of the bins a ... n - 1; -inf where there are fewer bins.
    tail = [np.full(n + 1, -np.inf), np.append(exact[:, -1], -np.inf)]
    for _ in range(classes - 1):
        tail.append(np.append((exact + tail[-1][1:]).max(axis=1), -np.inf))
    best = tail[classes][0]
    least = best * (1 - 2 * classes * 2.0**-24)
    chosen = np.empty((1, 0), np.intp)
    start, worth = np.zeros(1, np.intp), np.zeros(1)
    for remaining in range(classes - 1, 0, -1):
        bound = worth[:, None] + exact[start] + tail[remaining][1:]
        rows, ends = np.nonzero(bound >= least)
        chosen = np.column_stack([chosen[rows], ends])
        worth = worth[rows] + exact[start[rows], ends]
        start = ends + 1
    total = worths[0, chosen[:, 0]] + worths[chosen[:, -1] + 1, n - 1]
    for k in range(classes - 2):
        total += worths[chosen[:, k] + 1, chosen[:, k + 1]]
    return chosen[np.argmax(total)]


def _by_halving(probability: np.ndarray, bins: np.ndarray, classes: int) -> np.ndarray:
    """Return the thresholds with the best float64 sum of worths, the first of equal ones for each last class.

    The best start of the last class never falls as bins are added, so each row's search lies between the starts of
    its neighbours: classes * bins * log(bins) steps.
    """
    zeroth = np.concatenate([[0.0], np.cumsum(probability)])
    first = np.concatenate([[0.0], np.cumsum(probability * bins)])

    def worth(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (first[b + 1] - first[a]) ** 2 / (zeroth[b + 1] - zeroth[a])

    n = probability.size
    best = worth(np.zeros(n, np.intp), np.arange(n))
    starts = []
    for k in range(1, classes):
        best, start = _extend(np.concatenate([[-np.inf], best[:-1]]), worth, k)
        starts.append(start)
    thresholds, end = [], n - 1
    for start in reversed(starts):
        end = start[end] - 1
        thresholds.append(end)
    return np.array(thresholds[::-1])


def _extend(before: np.ndarray, worth: object, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return max over a of before[a] + worth(a, b) for each b, and the first such a; rows b below `least` are void."""
    n = before.size
    best, start = np.full(n, -np.inf), np.zeros(n, np.intp)
    step = 1 << (n - 1).bit_length()
    while step:
        rows = np.arange(step - 1, n, 2 * step)
        rows = rows[rows >= least]
        low = np.where(rows - step >= least, start[rows - step], least)
        after = rows + step
        high = np.where(after < n, start[np.minimum(after, n - 1)], n - 1)
        high = np.minimum(high, rows)
        lengths = high - low + 1
        heads = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(rows.size), lengths)
        a = np.arange(lengths.sum()) - heads[owner] + low[owner]
        value = before[a] + worth(a, rows[owner])
        if rows.size:
            best[rows] = np.maximum.reduceat(value, heads)
            start[rows] = np.minimum.reduceat(np.where(value == best[rows][owner], a, n), heads)
        step //= 2
    return best, start
