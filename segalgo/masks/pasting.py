"""Masks of boxes to run-length codes of whole pictures."""

from collections.abc import Sequence
from typing import Any

from segalgo._core.arrays import is_cupy
from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import MOST_CELLS
from segalgo.objects.pasting import pasting_arguments, threshold_of


def paste_masks_to_rles(
    masks: Any, boxes: Any, size: Sequence[int], threshold: float = 0.5, *, padding: int = 1
) -> list[dict[str, Any]]:
    """Encode masks of boxes as they would be pasted into a picture, without making the picture.

    Equal to `mask_to_rle` of each of ``segalgo.paste_masks(masks, boxes, size, threshold)``.

    Parameters
    ----------
    masks : array, (N, h, w) or (N, 1, h, w), float or integer
        Probabilities, such as those of Mask R-CNN; NumPy.
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom in the picture.
    size : (int, int)
        Height and width of the picture, fewer than 2^32 cells.
    threshold : float, default 0.5
        Cells that exceed it belong to the object.
    padding : int, default 1
        Zeros around each mask, at least 0.

    Returns
    -------
    list of N dict
        ``{"size": [height, width], "counts": bytes}``.

    Raises
    ------
    TypeError, ValueError
        As `segalgo.paste_masks`; and if `masks` are no NumPy arrays or the picture has 2^32 cells or more.

    Notes
    -----
    Grade: exact. Cost: two products a cell of a box, masks in parallel. Scratch: a column of a box, and the counts.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import decompress_rle, paste_masks_to_rles
    >>> decompress_rle(paste_masks_to_rles(np.ones((1, 2, 2)), [[1, 0, 3, 2]], (3, 5))[0])
    {'size': [3, 5], 'counts': [4, 1, 1, 3, 1, 1, 4]}
    """
    padded, corners, (height, width), _ = pasting_arguments(masks, boxes, size, padding)
    limit = threshold_of(threshold, padded.dtype)
    if is_cupy(padded) or is_cupy(corners):
        raise TypeError("masks or boxes are CuPy arrays: expected NumPy arrays, codes live in the host's memory")
    if height * width > MOST_CELLS:
        raise ValueError(f"size={(height, width)}: expected at most {MOST_CELLS} cells")
    found = host_wing("masks.pasted_runs").paste_masks_to_counts(padded, corners, height, width, limit)
    texts = host_wing("masks.run_lengths").counts_to_texts(*found)
    return [{"size": [height, width], "counts": text} for text in texts]
