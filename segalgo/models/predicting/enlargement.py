"""Enlarge the scores of a reduced picture to the size of the picture."""

from typing import Any

import numpy as np

from segalgo.layers.interpolation import interpolate


def enlarge(scores: Any, reduction: int, shape: tuple[int, int]) -> Any:
    """Return scores (K, H, W) of a picture of this height and width, from (K, ceil(H / r), ceil(W / r)).

    Bilinear with half-pixel centres: a score belongs to the middle of its r x r pixels.
    """
    if reduction == 1:
        return scores
    size = tuple(reduction * n for n in scores.shape[1:])
    return interpolate(scores[None], size, mode="bilinear")[0, :, : shape[0], : shape[1]]


def enlarged_argmax(scores: Any, reduction: int, shape: tuple[int, int]) -> Any:
    """Return the class of the largest enlarged score, the first of equal ones, int32; enlarged class by class."""
    best = enlarge(scores[:1], reduction, shape)[0].copy()
    labels = np.zeros_like(best, np.int32)  # on the scores' device
    for k in range(1, scores.shape[0]):
        score = enlarge(scores[k : k + 1], reduction, shape)[0]
        larger = score > best
        best[larger] = score[larger]
        labels[larger] = k
    return labels
