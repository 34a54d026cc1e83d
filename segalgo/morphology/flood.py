"""Cells that are connected with a seed over cells of similar values."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import (
    as_array,
    as_contiguous,
    as_integer,
    as_number,
    as_sequence,
    is_sequence,
    shown,
    widened,
    with_few_axes,
)
from segalgo._core.dispatch import wing
from segalgo.labels.labeling import as_connectivity
from segalgo.morphology.footprints import largest_of, smallest_of
from segalgo.morphology.reconstruction import as_spread


def flood(
    image: Any,
    seed_point: int | Sequence[int],
    *,
    footprint: Any = None,
    connectivity: int | None = None,
    tolerance: float | None = None,
) -> Any:
    """Return the cells that a seed reaches over cells whose values differ from its own by at most a tolerance.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order.
    seed_point : int or sequence of int
        The cell where the flood begins; negative numbers count from the end.
    footprint : array with as many axes as `image` and odd sizes, optional
        The cells to which the flood goes from a cell.
    connectivity : int, optional
        Without a footprint: along how many axes neighbours differ at most, or how many there are; all that touch by
        default.
    tolerance : number, optional
        The largest difference, its sign left out; by default values must be equal.

    Returns
    -------
    array of bool, shape of `image`
        The seed is always part of it.

    Raises
    ------
    TypeError
        If `image` has another dtype, or an option the wrong type.
    ValueError
        If `image` has no axis, the seed lies outside or is NaN, `tolerance` is NaN, or `footprint` or `connectivity`
        does not fit.

    See Also
    --------
    flood_fill, label

    Notes
    -----
    Grade: exact; the cells of `skimage.segmentation.flood` (0.26). Differences are those of the numbers as they are:
    they neither wrap nor round. The processor fills runs of lines, on one thread; the GPU scans along the axes until
    nothing changes. Scratch: 24 bytes for each run that waits; on the GPU 3 bytes a cell.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.flood(np.array([1, 2, 2, 3, 9, 2]), 1, tolerance=1).astype(int)
    array([1, 1, 1, 1, 0, 0])
    """
    return _flooded(_as_image(image), seed_point, footprint, connectivity, tolerance)


def flood_fill(
    image: Any,
    seed_point: int | Sequence[int],
    new_value: float,
    *,
    footprint: Any = None,
    connectivity: int | None = None,
    tolerance: float | None = None,
) -> Any:
    """Return an image with the cells that a seed reaches set to a new value.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order.
    seed_point, footprint, connectivity, tolerance
        As in `flood`.
    new_value : number
        A value of the dtype of `image`.

    Returns
    -------
    array, shape and dtype of `image`

    Raises
    ------
    TypeError
        As `flood`, and if `new_value` is no number.
    ValueError
        As `flood`, and if `new_value` is no value of the dtype.

    Notes
    -----
    Composed of `flood` and a copy.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.flood_fill(np.array([1, 2, 2, 3, 9, 2]), 1, 7)
    array([1, 7, 7, 3, 9, 2])
    """
    array = _as_image(image)
    value = _as_value(new_value, array.dtype)
    filled = _flooded(array, seed_point, footprint, connectivity, tolerance)
    result = array.copy()
    array_module(array).putmask(result, filled, value)
    return result


def _as_image(image: Any) -> Any:
    array = with_few_axes(as_array(image, "image"), "image")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"image has dtype {array.dtype}: expected bool, integers or floats of at most 64 bits")
    if array.ndim == 0:
        raise ValueError("image has shape (): expected at least one axis")
    return as_contiguous(array)


def _flooded(array: Any, seed_point: Any, footprint: Any, connectivity: Any, tolerance: Any) -> Any:
    """Return the cells that a seed reaches in a checked image."""
    offsets = as_spread(footprint, None, array.ndim)
    reach = 0
    if footprint is None:
        reach = as_connectivity(connectivity, array.ndim)
        offsets = np.ascontiguousarray(offsets[np.count_nonzero(offsets, axis=1) <= reach])
    slack = 0.0 if tolerance is None else abs(as_number(tolerance, "tolerance"))
    if math.isnan(slack):
        raise ValueError(f"tolerance={shown(tolerance)}: expected a number")
    if array.size == 0:
        return array_module(array).zeros(array.shape, bool)
    seed = _as_place(seed_point, array.shape)
    cells = array.view(np.uint8) if array.dtype.kind == "b" else widened(array)
    value = cells.reshape(-1)[seed].item()
    if value != value:
        raise ValueError(f"seed_point={shown(seed_point)} is NaN in image: expected a value that has an order")
    low, high = _range(value, slack, cells.dtype)
    return wing("morphology.flood", cells).flood(cells, seed, low, high, offsets, reach)


def _range(value: Any, slack: float, dtype: np.dtype) -> tuple[Any, Any]:
    """Return the least and the largest value of a dtype that differ from a value by at most the slack."""
    if dtype.kind != "f":
        least, most = int(smallest_of(dtype)), int(largest_of(dtype))
        whole = most - least if slack >= most - least else math.floor(slack)
        return max(value - whole, least), min(value + whole, most)
    if math.isinf(value):
        return (-math.inf, math.inf) if slack == math.inf else (value, value)
    low, high = dtype.type(value - slack), dtype.type(value + slack)
    # Rounded to the dtype they may lie beyond the range.
    if float(low) < value - slack:
        low = np.nextafter(low, dtype.type(math.inf))
    if float(high) > value + slack:
        high = np.nextafter(high, dtype.type(-math.inf))
    return low.item(), high.item()


def _as_place(seed_point: Any, shape: tuple[int, ...]) -> int:
    """Return the flat index of a cell."""
    given = as_sequence(seed_point, "seed_point", "one integer an axis") if is_sequence(seed_point) else (seed_point,)
    place = [as_integer(at, "seed_point") for at in given]
    if len(place) != len(shape) or not all(-n <= at < n for at, n in zip(place, shape, strict=True)):
        raise ValueError(f"seed_point={shown(seed_point)}: expected a cell of an image of shape {shape}")
    flat = 0
    for at, n in zip(place, shape, strict=True):
        flat = flat * n + at % n
    return flat


def _as_value(value: Any, dtype: np.dtype) -> Any:
    """Return a value of the dtype that is the number given; floats are rounded to it."""
    number = as_number(int(value) if isinstance(value, bool | np.bool_) else value, "new_value")
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(number)
    whole = int(value) if math.isfinite(number) else None
    if whole is None or whole != value or not int(smallest_of(dtype)) <= whole <= int(largest_of(dtype)):
        raise ValueError(f"new_value={shown(value)}: expected a value of dtype {dtype}")
    return dtype.type(whole)
