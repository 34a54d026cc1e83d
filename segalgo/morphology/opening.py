"""Openings and closings, and what they remove."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo.morphology.erosion import dilate, erode
from segalgo.morphology.footprints import as_footprints, as_mode, as_ordered


def opening(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return a dilation of an erosion: bright parts stay as far as the footprint fits into them.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint, mode, cval
        As in `erosion`; the dilation looks at the footprint turned around.

    Returns
    -------
    array, shape and dtype of `image`

    Raises
    ------
    TypeError, ValueError
        As `erosion`.

    Notes
    -----
    Composed of `erosion` and `dilation`; the result of `skimage.morphology.opening` (0.26).

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.opening(np.array([0, 5, 0, 7, 8, 9, 0]), np.ones(3))
    array([0, 0, 0, 7, 7, 7, 0])
    """
    return _opening(as_ordered(image, "image"), footprint, mode, cval)


def closing(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return an erosion of a dilation: dark parts stay as far as the footprint fits into them.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint, mode, cval
        As in `erosion`; the erosion looks at the footprint turned around.

    Returns
    -------
    array, shape and dtype of `image`

    Raises
    ------
    TypeError, ValueError
        As `erosion`.

    Notes
    -----
    Composed of `dilation` and `erosion`; the result of `skimage.morphology.closing` (0.26).

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.closing(np.array([9, 5, 9, 2, 1, 0, 9]), np.ones(3))
    array([9, 9, 9, 2, 2, 2, 9])
    """
    return _closing(as_ordered(image, "image"), footprint, mode, cval)


def white_tophat(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return the image less its opening: bright parts that are narrower than the footprint.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint, mode, cval
        As in `erosion`.

    Returns
    -------
    array, shape and dtype of `image`
        At least 0, also where cells beyond the border raise the opening above the image; differences that a signed
        dtype does not hold are its largest value. Of a boolean image the cells that the opening removes.

    Raises
    ------
    TypeError, ValueError
        As `erosion`.

    Notes
    -----
    Composed of `opening` and a difference.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.white_tophat(np.array([0, 5, 0, 7, 8, 9, 0]), np.ones(3))
    array([0, 5, 0, 0, 1, 2, 0])
    """
    array = as_ordered(image, "image")
    return _difference(array, _opening(array, footprint, mode, cval))


def black_tophat(image: Any, footprint: Any = None, *, mode: str = "reflect", cval: float = 0) -> Any:
    """Return the closing of an image less the image: dark parts that are narrower than the footprint.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order; NaN is refused.
    footprint, mode, cval
        As in `erosion`.

    Returns
    -------
    array, shape and dtype of `image`
        As that of `white_tophat`.

    Raises
    ------
    TypeError, ValueError
        As `erosion`.

    Notes
    -----
    Composed of `closing` and a difference.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.black_tophat(np.array([9, 5, 9, 2, 1, 0, 9]), np.ones(3))
    array([0, 4, 0, 0, 1, 2, 0])
    """
    array = as_ordered(image, "image")
    return _difference(_closing(array, footprint, mode, cval), array)


def _opening(array: Any, footprint: Any, mode: str, cval: Any) -> Any:
    parts = as_footprints(footprint, array.ndim)
    mode, fill = as_mode(mode, cval, array.dtype)
    eroded = array
    for part, times in parts:
        for _ in range(times):
            eroded = erode(eroded, part, mode, fill)
    for part, times in parts:
        for _ in range(times):
            eroded = dilate(eroded, part.mirrored, mode, fill)
    return array.copy() if eroded is array else eroded


def _closing(array: Any, footprint: Any, mode: str, cval: Any) -> Any:
    parts = as_footprints(footprint, array.ndim)
    mode, fill = as_mode(mode, cval, array.dtype)
    dilated = array
    for part, times in parts:
        for _ in range(times):
            dilated = dilate(dilated, part, mode, fill)
    for part, times in parts:
        for _ in range(times):
            dilated = erode(dilated, part.mirrored, mode, fill)
    return array.copy() if dilated is array else dilated


def _difference(upper: Any, lower: Any) -> Any:
    """Return upper - lower, at least 0, at most what the dtype holds."""
    xp = array_module(upper)
    if upper.dtype.kind == "b":
        return upper & ~lower
    if upper.dtype.kind == "f":
        # Infinities of one sign, whose difference is NaN, differ by 0.
        with np.errstate(invalid="ignore"):
            return xp.where(upper > lower, upper - lower, upper.dtype.type(0))
    if upper.dtype.kind == "u":
        return upper - xp.minimum(lower, upper)
    unsigned = np.dtype(f"u{upper.itemsize}")
    apart = xp.where(upper > lower, upper.view(unsigned) - lower.view(unsigned), unsigned.type(0))
    return xp.minimum(apart, unsigned.type(np.iinfo(upper.dtype).max)).view(upper.dtype)
