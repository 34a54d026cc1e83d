"""The least and the largest value of each cell's neighbourhood."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import widened
from segalgo._core.dispatch import wing
from segalgo.morphology.footprints import (
    Footprint,
    as_footprints,
    as_mode,
    as_ordered,
    continued,
    footprint_of,
    largest_of,
    smallest_of,
)


def erosion(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return the least value of each cell's neighbourhood.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint : array with as many axes as `image`, or sequence of (array, int), optional
        The neighbourhood: its cells that are not 0, around its centre, which of an even size is the cell before the
        middle. By default the cell and its neighbours along each axis. A sequence is applied part by part, each as
        often as its number says.
    mode : str, default "reflect"
        What lies beyond the border: "reflect", "nearest", "mirror", "wrap", "constant" (`cval`) as in `scipy.ndimage`;
        "max", "min": the largest or smallest value of the dtype; "ignore": nothing.
    cval : number, default 0
        The value beyond the border with ``mode="constant"``.

    Returns
    -------
    array, shape and dtype of `image`
        With ``mode="ignore"`` a cell whose neighbourhood lies outside altogether gets the largest value of the dtype.
        Of zeros of both signs either may be the least.

    Raises
    ------
    TypeError
        If an array has another dtype, or `cval` is no number.
    ValueError
        If `image` has no axis or holds NaN, `footprint` has another number of axes or no cell, `mode` is unknown, or
        `cval` is no value of the dtype.

    See Also
    --------
    dilation, opening, closing

    Notes
    -----
    Grade: exact; the result of `skimage.morphology.erosion` (0.26). Footprints that fill a box are computed along the
    last two axes at once and then along each other axis, by minima over runs of 1, 2, 4 ... cells: the logarithm of the
    side. Any other footprint is cut into runs along the last axis [1]_: a minimum for each run and one for each
    length. A disk or a diamond of radius r takes some 4 r minima instead of 3 r**2 or 2 r**2. Scratch: some 100 KiB for
    each thread, more for very large footprints; a copy of the image where the mode and an unsymmetric footprint need
    cells beyond the border.

    References
    ----------
    .. [1] E. Urbach, M. Wilkinson, "Efficient 2-D grayscale morphological transformations with arbitrary flat
       structuring elements", IEEE Transactions on Image Processing 17(1), 2008.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.erosion(np.array([0, 0, 7, 8, 9, 0]), np.ones(3))
    array([0, 0, 0, 7, 0, 0])
    """
    array = as_ordered(image, "image")
    mode, fill = as_mode(mode, cval, array.dtype)
    for part, times in as_footprints(footprint, array.ndim):
        for _ in range(times):
            array = erode(array, part, mode, fill)
    return array.copy() if array is image else array


def dilation(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return the largest value of each cell's neighbourhood.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint : array with as many axes as `image`, or sequence of (array, int), optional
        As in `erosion`, and not turned around: both look at the same cells.
    mode, cval
        As in `erosion`.

    Returns
    -------
    array, shape and dtype of `image`
        With ``mode="ignore"`` a cell whose neighbourhood lies outside altogether gets the smallest value of the dtype.

    Raises
    ------
    TypeError, ValueError
        As `erosion`.

    See Also
    --------
    erosion, opening, closing

    Notes
    -----
    Grade: exact; the result of `skimage.morphology.dilation` (0.26). Cost and scratch as those of `erosion`.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.dilation(np.array([0, 0, 7, 8, 9, 0]), np.ones(3))
    array([0, 7, 8, 9, 9, 9])
    """
    array = as_ordered(image, "image")
    mode, fill = as_mode(mode, cval, array.dtype)
    for part, times in as_footprints(footprint, array.ndim):
        for _ in range(times):
            array = dilate(array, part, mode, fill)
    return array.copy() if array is image else array


def erode(array: Any, footprint: Footprint, mode: str, cval: Any) -> Any:
    """Return one erosion of a checked array."""
    return _filtered(array, footprint, mode, cval, False)


def dilate(array: Any, footprint: Footprint, mode: str, cval: Any) -> Any:
    """Return one dilation of a checked array."""
    return _filtered(array, footprint, mode, cval, True)


def _filtered(array: Any, footprint: Footprint, mode: str, cval: Any, largest: bool) -> Any:
    """Return the extreme value of each neighbourhood: without cells beyond the border where these add nothing."""
    if array.size == 0:
        return array.copy()
    nothing = smallest_of(array.dtype) if largest else largest_of(array.dtype)
    neutral = ("ignore", "min" if largest else "max")
    inside: tuple[slice, ...] = ()
    if mode not in neutral and not (mode in ("reflect", "nearest", "mirror") and footprint.shrinks_outwards):
        array, inside = continued(array, footprint, mode, cval)
    near = (np.abs(footprint.offsets) < np.array(array.shape)).all(1)
    if not near.any():
        return array_module(array).full(array.shape, nothing, array.dtype)[inside].copy()
    if not near.all():
        footprint = footprint_of(footprint.offsets[near])
    cells = array.view(np.uint8) if array.dtype.kind == "b" else widened(array)
    offsets = None if footprint.is_box else footprint.offsets
    compute = wing("morphology.erosion", cells)
    body = compute.dilation if largest else compute.erosion
    result = body(cells, footprint.low, footprint.high, offsets)
    if array.dtype.kind == "b":
        # Where no cell is inside, the kernels leave the largest value of uint8.
        result = result.view(bool) if largest or not footprint.offsets.any(1).all() else result != 0
    else:
        result = result.astype(array.dtype, copy=False)
    return result[inside].copy() if inside else result
