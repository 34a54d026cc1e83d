"""Thresholds decided over a histogram: plain NumPy, shared by every wing, so that wings cannot disagree.

Each takes ``counts`` and the ``centers`` of their bins, first and last bin not empty, at least two bins. Counts are
float32 and sums run in the order of scikit-image, so that ties between bins fall the same way.
"""

import numpy as np


def otsu(counts: np.ndarray, centers: np.ndarray) -> np.generic:
    """Return the center that maximises the variance between the two classes: w1 * w2 * (mean1 - mean2)**2."""
    below = np.cumsum(counts)
    above = np.cumsum(counts[::-1])[::-1]
    intensity = counts * centers
    mean_below = np.cumsum(intensity) / below
    mean_above = (np.cumsum(intensity[::-1]) / above[::-1])[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return centers[np.argmax(between)]
