"""Masks of boxes, pasted into pictures."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_contiguous, as_integer, as_number, as_sequence, shown, widened
from segalgo._core.dispatch import wing
from segalgo.layers.sizes import check_output
from segalgo.objects.box_arrays import as_boxes, as_floats, exact_threshold

# Corners stay below this, so that no sum of a corner and a size passes 64 bits.
FARTHEST_CORNER = 2**31


def paste_masks(
    masks: Any, boxes: Any, size: Sequence[int], threshold: float | None = None, *, padding: int = 1
) -> Any:
    """Paste the mask of each box into a picture of zeros.

    A mask gets a border of `padding` zeros, its box grows in proportion, and is cut to whole pixels (towards zero); the
    mask is brought to the pixels from the first to the last, both included, by bilinear interpolation. What hangs over
    the picture's edge is left out. This is the rule of torchvision.

    Parameters
    ----------
    masks : array, (N, h, w) or (N, 1, h, w), float or integer
        Probabilities, such as those of Mask R-CNN, 28 x 28. NumPy or CuPy. Integers count as float64.
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom in the picture.
    size : (int, int)
        Height and width of the picture.
    threshold : float, optional
        Return which cells exceed it instead of the cells.
    padding : int, default 1
        Zeros around each mask, at least 0.

    Returns
    -------
    array, (N, height, width), dtype of `masks`, or bool with a `threshold`

    Raises
    ------
    TypeError
        If `masks` or `boxes` are not numbers, or an argument not of its type.
    ValueError
        If shapes do not fit, a mask has no cells, boxes are not finite, reversed or farther than 2^31 pixels, or an
        argument is out of its range.

    See Also
    --------
    segalgo.masks.paste_masks_to_rles : straight to run-length codes, without the pictures.

    Notes
    -----
    Grade: exact. Boxes and positions are computed in float64; parts, products and sums in the dtype of the masks
    (float16 in float32), first along the columns, then along the rows, each as ``a * (1 - part) + b * part``. NaN
    exceeds no threshold. Cost: a write of the output; two products a cell of a box.

    References
    ----------
    .. [1] K. He et al., "Mask R-CNN", ICCV 2017.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.paste_masks(np.ones((1, 2, 2)), [[1, 0, 3, 2]], (3, 5), 0.5).astype(int)
    array([[[0, 0, 1, 0, 0],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 0, 0]]])
    """
    padded, corners, (height, width), dtype = pasting_arguments(masks, boxes, size, padding)
    limit = None if threshold is None else threshold_of(threshold, padded.dtype)
    check_output((len(padded), height, width))
    pasted = wing("objects.pasting", padded, corners).paste_masks(padded, corners, height, width, limit)
    return pasted if limit is not None else pasted.astype(dtype, copy=False)


def pasting_arguments(masks: Any, boxes: Any, size: Any, padding: Any) -> tuple[Any, Any, tuple[int, int], Any]:
    """Return masks with their border, (left, top, width, height) of where each is pasted, the size, and the dtype."""
    x = as_floats(masks, "masks")
    if x.ndim == 4 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 3:
        raise ValueError(f"masks has shape {x.shape}: expected (N, h, w) or (N, 1, h, w)")
    if 0 in x.shape[1:]:
        raise ValueError(f"masks has shape {x.shape}: expected a height and width of at least 1")
    corners = as_boxes(boxes, "boxes").astype(np.float64)
    if len(corners) != len(x):
        raise ValueError(f"boxes has shape {corners.shape}: expected ({len(x)}, 4), one for each of masks")
    sides = as_sequence(size, "size", "two integers, height and width")
    if len(sides) != 2:
        raise ValueError(f"size={shown(size)}: expected two integers, height and width")
    height, width = (as_integer(side, "size", 0) for side in sides)
    border = as_integer(padding, "padding", 0, 2**16)
    xp = array_module(x)
    growth = np.array([(n + 2 * border) / n for n in (x.shape[2], x.shape[1])])
    middle, half = (corners[:, 2:] + corners[:, :2]) / 2, (corners[:, 2:] - corners[:, :2]) / 2 * xp.asarray(growth)
    first, last = xp.trunc(middle - half), xp.trunc(middle + half)
    far = ~((abs(first) < FARTHEST_CORNER) & (abs(last) < FARTHEST_CORNER)).all(axis=1)
    if far.any():
        k = int(far.argmax())
        raise ValueError(f"boxes[{k}] is {corners[k].tolist()}: expected less than {FARTHEST_CORNER} pixels from 0")
    places = xp.concatenate([first, last - first + 1], axis=1).astype(np.int64)
    padded = xp.pad(widened(x), ((0, 0), (border, border), (border, border)))
    return as_contiguous(padded), as_contiguous(places), (height, width), x.dtype


def threshold_of(value: Any, dtype: Any) -> float:
    """Return a number of the dtype that its numbers exceed just where they exceed the threshold."""
    threshold = as_number(value, "threshold")
    if not math.isfinite(threshold):
        raise ValueError(f"threshold={threshold}: expected a finite number")
    with np.errstate(over="ignore"):
        return exact_threshold(threshold, dtype)
