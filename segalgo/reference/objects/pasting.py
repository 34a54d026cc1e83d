"""Masks of boxes, pasted into pictures."""

from typing import Any

import numpy as np


def paste_masks(masks: np.ndarray, corners: np.ndarray, height: int, width: int, threshold: Any) -> np.ndarray:
    """See `segalgo.paste_masks`. Masks (N, h, w) with their border, corners (N, 4) of int64: left, top, width, height.

    Each mask is brought to the size of its box by bilinear interpolation, first along the columns and then along the
    rows; what hangs over the picture's edge is left out. With a threshold, a number of the masks' dtype, the answer is
    which cells exceed it.
    """
    pasted = np.zeros((len(masks), height, width), masks.dtype if threshold is None else bool)
    for mask, corner, picture in zip(masks, corners.tolist(), pasted, strict=True):
        left, top, box_width, box_height = corner
        rows = np.arange(max(top, 0), min(top + box_height, height))
        columns = np.arange(max(left, 0), min(left + box_width, width))
        low, high, part = _taps(columns - left, mask.shape[1], box_width, mask.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            along = mask[:, low] * (1 - part) + mask[:, high] * part
            low, high, part = _taps(rows - top, mask.shape[0], box_height, mask.dtype)
            cells = along[low] * (1 - part)[:, None] + along[high] * part[:, None]
        picture[rows[:, None], columns] = cells if threshold is None else cells > masks.dtype.type(threshold)
    return pasted


def _taps(at: np.ndarray, n: int, size: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two of n cells around each of some cells of `size`, and the part of the second."""
    position = np.maximum((at + 0.5) * (n / size) - 0.5, 0)
    low = np.minimum(position.astype(np.int64), n - 1)
    return low, np.minimum(low + 1, n - 1), (position - low).astype(dtype)
