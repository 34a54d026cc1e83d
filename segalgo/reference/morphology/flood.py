"""The cells that a seed reaches over cells of similar values."""

from typing import Any

import numpy as np


def flood(image: np.ndarray, seed: int, low: Any, high: Any, offsets: np.ndarray, connectivity: int) -> np.ndarray:
    """See `segalgo.flood`. A stack of cells; connectivity only says that the offsets are those of neighbours."""
    inside = (image >= low) & (image <= high)
    filled = np.zeros(image.shape, bool)
    start = np.unravel_index(seed, image.shape)
    filled[start] = True
    waiting = [tuple(map(int, start))]
    while waiting:
        place = waiting.pop()
        for offset in offsets.tolist():
            near = tuple(at + d for at, d in zip(place, offset, strict=True))
            if all(0 <= at < n for at, n in zip(near, image.shape, strict=True)) and inside[near] and not filled[near]:
                filled[near] = True
                waiting.append(near)
    return filled
