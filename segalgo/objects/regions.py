"""Features of regions: sampled on a grid, and the level of a pyramid that each is taken from."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_contiguous, as_flag, as_integer, as_number, as_pair, as_planes, shown, widened
from segalgo._core.dispatch import wing
from segalgo.layers.sizes import check_output
from segalgo.objects.box_arrays import as_boxes, as_floats

# Regions reach at most this far from cell 0 of the map, so that their samples can be counted.
FARTHEST_CELL = 2**16


def roi_align(
    input: Any,
    boxes: Any,
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Any:
    """Take features of regions: the mean of bilinear samples in every bin of a grid over each region.

    A region is a box times `spatial_scale`, in cells of the map, cut into `output_size` bins of equal size. A bin's
    samples lie in the middles of equal parts of it. A sample at ``(y, x)`` weighs the four cells around; from -1 to 0
    it counts as at 0, beyond the last cell by up to 1 as there, and farther outside as 0.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        Maps of features. NumPy or CuPy; any memory order.
    boxes : array, (K, 5), or sequence of N arrays (L, 4)
        Number of the picture, left, top, right, bottom; or the boxes of each picture, left, top, right, bottom. For
        (C, H, W) also (K, 4).
    output_size : int or (int, int)
        Rows and columns of bins, at least 1.
    spatial_scale : float, default 1.0
        Cells of the map per pixel of the boxes, above 0.
    sampling_ratio : int, default -1
        Samples of a bin along each axis; 0 or less: as many as the bin has cells, rounded up.
    aligned : bool, default False
        Move regions by half a cell, so that pixel and cell centers agree (Detectron2). Without it regions are at least
        one cell wide and high.

    Returns
    -------
    array, (K, C, OH, OW), dtype of `input`
        Regions in the order of `boxes`.

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or an argument not of its type.
    ValueError
        If a shape does not fit, the map has no cells, boxes are not finite or reversed or name a picture that is not
        there, a region reaches farther than 65536 cells, or an argument is out of its range.

    Notes
    -----
    Grade: rounded. Positions and weights are computed in float64 and are the same in every wing; products and sums in
    the dtype of the input (float32 for float16) or float64. Cells of weight 0 are not read, so NaN stays in the regions
    that sample it. Cost: the cells of a region once for each row of bins, and a copy of the map. Scratch: 16 channels
    of a picture for each thread.

    References
    ----------
    .. [1] K. He et al., "Mask R-CNN", ICCV 2017.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.arange(16.0).reshape(1, 4, 4)
    >>> segalgo.roi_align(x, [[0, 0.0, 0.0, 2.0, 2.0]], 2, sampling_ratio=1)
    array([[[[2.5, 3.5],
             [6.5, 7.5]]]])
    """
    x = as_planes(input, "input")
    if 0 in x.shape[2:]:
        raise ValueError(f"input has shape {x.shape}: expected a height and width of at least 1")
    size = as_pair(output_size, "output_size", 1)
    scale = as_number(spatial_scale, "spatial_scale")
    if not 0 < scale < math.inf:
        raise ValueError(f"spatial_scale={scale}: expected a finite number above 0")
    samples = as_integer(sampling_ratio, "sampling_ratio", most=FARTHEST_CELL)
    centered = as_flag(aligned, "aligned")
    corners, pictures = _as_regions(boxes, x.shape[0], np.ndim(input) == 3)
    far = abs(corners) * scale > FARTHEST_CELL
    if far.any():
        k = int(far.any(axis=1).argmax())
        raise ValueError(
            f"boxes[{k}] is {corners[k].tolist()}: expected at most {FARTHEST_CELL} cells from 0, at "
            f"spatial_scale={scale}"
        )
    check_output((len(corners), x.shape[1], *size))
    compute = wing("objects.regions", x, corners, pictures)
    output = compute.roi_align(widened(x), corners, pictures, size, scale, max(samples, 0), centered)
    return output.astype(x.dtype, copy=False)


def _as_regions(boxes: Any, batch: int, single: bool) -> tuple[Any, Any]:
    """Return the boxes of all regions (K, 4) in float64, and the number of each one's picture."""
    if isinstance(boxes, list | tuple) and (not boxes or all(np.ndim(part) == 2 or len(part) == 0 for part in boxes)):
        if len(boxes) != batch:
            raise ValueError(f"boxes has {len(boxes)} parts: expected {batch}, one for each picture of input")
        parts = [as_boxes(part, f"boxes[{n}]").astype(np.float64) for n, part in enumerate(boxes)]
        if not parts:
            return np.empty((0, 4)), np.empty(0, np.int64)
        xp = array_module(parts[0])
        pictures = np.repeat(np.arange(batch, dtype=np.int64), [len(part) for part in parts])
        return as_contiguous(xp.concatenate(parts)), xp.asarray(pictures)
    rows = as_floats(boxes, "boxes")
    width = rows.shape[-1] if rows.ndim == 2 else 0
    if width not in (4, 5) or (width == 4 and not single):
        raise ValueError(
            f"boxes has shape {rows.shape}: expected (K, 5), number of the picture, left, top, right, bottom, or a "
            f"sequence of (L, 4)"
        )
    xp = array_module(rows)
    corners = as_contiguous(as_boxes(rows[:, width - 4 :], "boxes").astype(np.float64))
    if width == 4:
        return corners, xp.zeros(len(rows), np.int64)
    numbers = rows[:, 0]
    known = (numbers >= 0) & (numbers < batch) & (numbers == xp.floor(numbers))
    if not known.all():
        k = int((~known).argmax())
        raise ValueError(f"boxes[{k}] names picture {float(numbers[k])}: expected a whole number from 0 to {batch - 1}")
    return corners, as_contiguous(numbers.astype(np.int64))


def fpn_levels(
    boxes: Any,
    lowest: int = 2,
    highest: int = 5,
    *,
    canonical_level: int = 4,
    canonical_size: float = 224.0,
    eps: float = 1e-6,
) -> Any:
    """Return the level of a feature pyramid that each box is taken from.

    ``floor(canonical_level + log2(sqrt(area) / canonical_size) + eps)``, at least `lowest` and at most `highest`: a box
    of the canonical size belongs to the canonical level, one of half the size to the level below.

    Parameters
    ----------
    boxes : array, (N, 4), float or integer
        Left, top, right, bottom. NumPy or CuPy.
    lowest, highest : int, default 2 and 5
        Levels that there are; level k has a stride of 2^k pixels.
    canonical_level : int, default 4
    canonical_size : float, default 224.0
        Above 0.
    eps : float, default 1e-6
        What torchvision adds so that sizes at a limit belong to the upper level; finite.

    Returns
    -------
    array, (N,), int64

    Raises
    ------
    TypeError, ValueError
        If `boxes` are no boxes, a level is no integer from -64 to 64 or `highest` below `lowest`, or a number is not
        finite.

    Notes
    -----
    Composed of array operations. Grade: exact: the size, in float64, is compared with the limits between levels, so
    that no logarithm of a wing decides.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Feature pyramid networks for object detection", CVPR 2017, equation 1.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.fpn_levels([[0, 0, 224, 224], [0, 0, 223, 223], [0, 0, 9, 9], [0, 0, 2000, 2000]])
    array([4, 3, 2, 5])
    """
    x = as_boxes(boxes, "boxes").astype(np.float64)
    least, most, middle = (
        as_integer(value, name, -64, 64)
        for value, name in ((lowest, "lowest"), (highest, "highest"), (canonical_level, "canonical_level"))
    )
    if most < least:
        raise ValueError(f"highest={most}: expected at least lowest={least}")
    side, more = as_number(canonical_size, "canonical_size"), as_number(eps, "eps")
    if not 0 < side < math.inf:
        raise ValueError(f"canonical_size={shown(canonical_size)}: expected a finite number above 0")
    if not math.isfinite(more):
        raise ValueError(f"eps={shown(eps)}: expected a finite number")
    xp = array_module(x)
    limits = side * 2.0 ** (np.arange(least + 1, most + 1) - middle - more)
    with np.errstate(over="ignore"):
        size = xp.sqrt((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]))
    limits = xp.asarray(limits) if is_cupy(x) else limits
    return least + xp.searchsorted(limits, size, side="right").astype(np.int64)
