"""Peaks and valleys: plateaus that are higher or lower than what surrounds them."""

import math
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_flag, as_number
from segalgo.labels.labeling import as_connectivity
from segalgo.morphology.footprints import as_ordered
from segalgo.morphology.reconstruction import as_spread, reconstructed, turned


def local_maxima(
    image: Any,
    footprint: Any = None,
    connectivity: int | None = None,
    indices: bool = False,
    allow_borders: bool = True,
) -> Any:
    """Return where an image has its local maxima: connected cells of one value without a higher neighbour.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy; NaN is refused.
    footprint : array with as many axes as `image` and odd sizes, optional
        The neighbours of a cell.
    connectivity : int, optional
        Without a footprint: along how many axes neighbours differ at most, or how many there are; all that touch by
        default.
    indices : bool, default False
        Return a tuple of coordinates, an array an axis, instead of a mask.
    allow_borders : bool, default True
        Whether maxima may touch the border.

    Returns
    -------
    array of bool, shape of `image`, or tuple of arrays of int64
        A constant image has no maxima.

    Raises
    ------
    TypeError
        If `image` has another dtype, or an option the wrong type.
    ValueError
        If `image` has no axis or holds NaN, or `footprint` or `connectivity` does not fit.

    See Also
    --------
    h_maxima, peak_local_max

    Notes
    -----
    Composed of `reconstruction`: what reconstructing from the image, lowered by the least step that its dtype knows,
    does not reach. Grade: exact; the result of `skimage.morphology.local_maxima` (0.26).

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.local_maxima(np.array([1, 3, 3, 2, 5, 5, 4])).astype(int)
    array([0, 1, 1, 0, 1, 1, 0])
    """
    return _extrema(as_ordered(image, "image"), footprint, connectivity, indices, allow_borders)


def local_minima(
    image: Any,
    footprint: Any = None,
    connectivity: int | None = None,
    indices: bool = False,
    allow_borders: bool = True,
) -> Any:
    """Return where an image has its local minima: connected cells of one value without a lower neighbour.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy; NaN is refused.
    footprint, connectivity, indices, allow_borders
        As in `local_maxima`.

    Returns
    -------
    array of bool, shape of `image`, or tuple of arrays of int64
        A constant image has no minima.

    Raises
    ------
    TypeError, ValueError
        As `local_maxima`.

    Notes
    -----
    Composed of `reconstruction`, as `local_maxima` of the image in opposite order.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.local_minima(np.array([1, 3, 3, 2, 5, 5, 4])).astype(int)
    array([1, 0, 0, 1, 0, 0, 1])
    """
    return _extrema(turned(as_ordered(image, "image")), footprint, connectivity, indices, allow_borders)


def h_maxima(image: Any, h: float, footprint: Any = None) -> Any:
    """Return the maxima of an image that rise at least `h` above the pass to a higher one.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy; NaN and infinities are refused.
    h : number
        The height, above 0.
    footprint : array with as many axes as `image` and odd sizes, optional
        The neighbours of a cell; by default all that touch it.

    Returns
    -------
    array of bool, shape of `image`
        True in the cells of these maxima that are within less than `h` of their top; nowhere if `h` is larger than
        the difference of the largest and the smallest value.

    Raises
    ------
    TypeError
        If `image` has another dtype, or `h` is no number.
    ValueError
        If `image` has no axis, holds NaN or infinities, `h` is not above 0, or `footprint` does not fit.

    See Also
    --------
    local_maxima, reconstruction

    Notes
    -----
    Composed of `reconstruction`: where the image is at least `h` above what the image less `h` reconstructs. Grade:
    exact; the cells of `skimage.morphology.h_maxima` (0.26). Floats are lowered by some units in the last place more,
    so that their rounding does not hide a maximum. Integers are compared as integers, whatever `h`.

    References
    ----------
    .. [1] P. Soille, "Morphological Image Analysis", 2nd edition, Springer 2003, chapter 6.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.h_maxima(np.array([0, 3, 2, 4, 0, 9]), 2).astype(int)
    array([0, 0, 0, 1, 0, 1])
    """
    return _high(as_ordered(image, "image"), h, footprint)


def h_minima(image: Any, h: float, footprint: Any = None) -> Any:
    """Return the minima of an image that lie at least `h` below the pass to a lower one.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy; NaN and infinities are refused.
    h : number
        The depth, above 0.
    footprint : array with as many axes as `image` and odd sizes, optional
        The neighbours of a cell; by default all that touch it.

    Returns
    -------
    array of bool, shape of `image`

    Raises
    ------
    TypeError, ValueError
        As `h_maxima`.

    Notes
    -----
    Composed of `reconstruction`, as `h_maxima` of the image in opposite order.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.h_minima(np.array([9, 6, 7, 5, 9, 0]), 2).astype(int)
    array([0, 0, 0, 1, 0, 1])
    """
    return _high(turned(as_ordered(image, "image")), h, footprint)


def _extrema(array: Any, footprint: Any, connectivity: Any, indices: Any, allow_borders: Any) -> Any:
    """Return the maxima of a checked array."""
    xp = array_module(array)
    as_coordinates, borders = as_flag(indices, "indices"), as_flag(allow_borders, "allow_borders")
    offsets = as_spread(footprint, None, array.ndim)
    if footprint is None:
        offsets = offsets[np.count_nonzero(offsets, axis=1) <= as_connectivity(connectivity, array.ndim)]
    if array.size == 0:
        found = xp.zeros(array.shape, bool)
    else:
        least = array.min()
        if array.dtype.kind == "f":
            lowered = xp.maximum(xp.nextafter(array, array.dtype.type(-np.inf)), least)
        elif array.dtype.kind == "b":
            lowered = xp.full_like(array, least)
        else:
            lowered = xp.where(array > least, array - array.dtype.type(1), least)
        # A cell is no maximum if a neighbour that it leads to is higher: values spread against the offsets.
        found = array > reconstructed(lowered, array, -offsets)
        if not borders:
            found &= ~_at_border(found, -offsets)
    return xp.nonzero(found) if as_coordinates else found


def _at_border(found: Any, offsets: np.ndarray) -> Any:
    """Return the cells found that touch the border, or are connected with such."""
    border = found.copy()
    border[tuple(slice(1, -1) for _ in range(found.ndim))] = False
    return reconstructed(border, found, offsets)


def _high(array: Any, h: Any, footprint: Any) -> Any:
    """Return the maxima of at least a height in a checked array."""
    xp = array_module(array)
    height = as_number(h, "h")
    if not height > 0:
        raise ValueError(f"h={h!r}: expected a number above 0")
    offsets = as_spread(footprint, None, array.ndim)
    if array.size == 0:
        return xp.zeros(array.shape, bool)
    least, most = array.min().item(), array.max().item()
    if not math.isfinite(least) or not math.isfinite(most):
        raise ValueError("image holds infinities: expected finite values")
    if height > most - least:
        return xp.zeros(array.shape, bool)
    if array.dtype.kind == "f":
        slack = 2 * np.finfo(array.dtype).resolution * xp.abs(array)
        lowered = array - array.dtype.type(height) - slack
        return array - reconstructed(lowered, array, offsets) >= array.dtype.type(height)
    # Integers differ by whole numbers, so a height between two of them counts as the larger one. A difference is taken
    # in unsigned numbers, which hold it.
    whole = max(math.ceil(height), 1)
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    kind, unsigned = array.dtype.type, np.dtype(f"u{array.itemsize}")
    # The difference may wrap where it is not chosen.
    less = (array.view(unsigned) - unsigned.type(whole)).view(array.dtype)
    lowered = xp.where(array > kind(least + whole), less, kind(least))
    rebuilt = reconstructed(lowered, array, offsets)
    return array.view(unsigned) - rebuilt.view(unsigned) >= unsigned.type(whole)
