"""Coordinates of peaks that keep a distance from each other."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_integer, as_number, as_sequence, is_sequence, shown
from segalgo.labels.label_arrays import as_labels
from segalgo.morphology.erosion import dilate
from segalgo.morphology.footprints import Footprint, as_footprints, as_ordered, footprint_of
from segalgo.morphology.opening import opening


def peak_local_max(
    image: Any,
    min_distance: int = 1,
    threshold_abs: float | None = None,
    threshold_rel: float | None = None,
    exclude_border: bool | int | Sequence[int] = True,
    num_peaks: float = math.inf,
    footprint: Any = None,
    labels: Any = None,
    num_peaks_per_label: float = math.inf,
    p_norm: float = math.inf,
) -> Any:
    """Return the coordinates of peaks, the highest first: cells that are the highest of their neighbourhood.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy; NaN is refused.
    min_distance : int, default 1
        Peaks are at least so many cells apart, and the highest within as many cells around.
    threshold_abs : number, optional
        Peaks are higher than this; by default, than the smallest value.
    threshold_rel : number, optional
        Peaks are higher than this times the largest value.
    exclude_border : bool, int or sequence of int, default True
        No peak lies within so many cells from the border, along all axes or along each; True: `min_distance`.
    num_peaks : int, optional
        Return at most so many.
    footprint : array with as many axes as `image`, optional
        The neighbourhood, instead of `min_distance` around.
    labels : array of integers, shape of `image`, optional
        Peaks of each label from 1 on by itself; 0 is background.
    num_peaks_per_label : int, optional
        At most so many for each label.
    p_norm : float, default inf
        The norm of distances between peaks, 1 to infinity.

    Returns
    -------
    array (count, ndim) of int64
        Peaks of equal height in row order; with `labels`, label by label. Empty where the image is constant.

    Raises
    ------
    TypeError
        If an array has another dtype, or an option the wrong type.
    ValueError
        If `image` has no axis or holds NaN, `labels` has another shape or negative labels, `footprint` does not fit, or
        a number is out of range.

    See Also
    --------
    local_maxima, watershed

    Notes
    -----
    Composed of `dilation` and, on the host, a choice among its peaks from the highest down: each peak removes those
    that are less than `min_distance` away. Grade: exact; the coordinates of `skimage.feature.peak_local_max` (0.26).

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> image = np.array([[0, 0, 0, 0, 0], [0, 5, 0, 9, 0], [0, 0, 0, 0, 0]])
    >>> segalgo.peak_local_max(image).tolist()
    [[1, 3], [1, 1]]
    """
    array = as_ordered(image, "image")
    distance = as_integer(min_distance, "min_distance", 0)
    norm = as_number(p_norm, "p_norm")
    if not norm >= 1:
        raise ValueError(f"p_norm={p_norm!r}: expected a number of at least 1")
    widths = _as_border(exclude_border, distance, array.ndim)
    most, most_each = _as_most(num_peaks, "num_peaks"), _as_most(num_peaks_per_label, "num_peaks_per_label")
    least = None if threshold_abs is None else as_number(threshold_abs, "threshold_abs")
    share = None if threshold_rel is None else as_number(threshold_rel, "threshold_rel")
    if footprint is None:
        steps = itertools.product(range(-distance, distance + 1), repeat=array.ndim)
        around = footprint_of(np.array(list(steps), np.int64).reshape(-1, array.ndim))
    else:
        around = as_footprints(as_array(footprint, "footprint"), array.ndim)[0][0]
    regions = None if labels is None else _as_regions(labels, array)
    if array.size == 0:
        return array_module(array).zeros((0, array.ndim), np.int64)
    threshold = array.min().item() if least is None else least
    if share is not None:
        threshold = max(threshold, share * array.max().item())
    if regions is None:
        mask = _peaks(array, around, threshold, None)
        _clear_border(mask, widths)
        return _highest(array, mask, most, distance, norm)
    _clear_border(regions, widths)
    return _peaks_of_labels(array, regions, around, threshold, (most, most_each), distance, norm)


def _peaks_of_labels(
    array: Any,
    regions: Any,
    around: Footprint,
    threshold: float,
    most: tuple[int | None, int | None],
    distance: int,
    norm: float,
) -> Any:
    """Return the peaks label by label, each as if nothing lay around it."""
    from scipy.ndimage import find_objects

    xp = array_module(array)
    smallest = np.finfo(array.dtype).min if array.dtype.kind == "f" else 0
    if array.dtype.kind == "i":
        smallest = np.iinfo(array.dtype).min
    found = [xp.zeros((0, array.ndim), np.int64)]
    host = regions if xp is np else regions.get()
    for number, box in enumerate(find_objects(host), 1):
        if box is None:
            continue
        inside = regions[box] == number
        part = xp.ascontiguousarray(xp.where(inside, array[box], array.dtype.type(smallest)))
        chosen = _highest(part, _peaks(part, around, threshold, inside), most[1], distance, norm)
        found.append(chosen + xp.asarray([span.start for span in box]))
    places = xp.concatenate(found)
    if most[0] is not None and len(places) > most[0]:
        mask = xp.zeros(array.shape, bool)
        mask[tuple(places.T)] = True
        places = _highest(array, mask, most[0], distance, norm)
    return places


def _peaks(array: Any, around: Footprint, threshold: float, mask: Any) -> Any:
    """Return the cells that are the highest of their neighbourhood and higher than a threshold."""
    if len(around.offsets) == 1 or array.size == 1:
        return array > threshold
    found = array == dilate(array, around, "nearest", None)
    if bool(found.all() if mask is None else found[mask].all()):
        # Where nothing is higher than the rest, only cells of a label that lie alone are peaks.
        found = array_module(array).zeros(array.shape, bool)
        if mask is not None:
            found[mask ^ opening(mask, mode="constant")] = True
    return found & (array > threshold)


def _highest(array: Any, mask: Any, most: int | None, distance: int, norm: float) -> Any:
    """Return the coordinates of the peaks of a mask, the highest first, those removed that are too near to one."""
    xp = array_module(array)
    places = xp.argwhere(mask)
    heights = array[mask]
    order = xp.argsort(-heights if heights.dtype.kind == "f" else ~heights, kind="stable")
    places = places[order]
    if distance > 1 and len(places):
        host = places if xp is np else places.get()
        places = xp.asarray(_apart(host, array.shape, distance, norm, most))
    return places if most is None else places[:most]


def _apart(places: np.ndarray, shape: tuple[int, ...], distance: int, norm: float, most: int | None) -> np.ndarray:
    """Return the places without those less than a distance from an earlier one that stays."""
    reach = distance - 1
    steps = np.abs(np.indices((2 * reach + 1,) * len(shape)) - reach).astype(np.float64)
    largest = steps.max(0)
    if norm < math.inf:
        # Scaled by the largest one, powers stay within range.
        scaled = np.divide(steps, largest, out=np.zeros_like(steps), where=largest > 0)
        largest = largest * (scaled**norm).sum(0) ** (1 / norm)
    near = largest < distance
    taken = np.zeros([n + 2 * reach for n in shape], bool)  # with a margin, so that no box leaves it
    chosen = []
    for number, place in enumerate(places.tolist()):
        if taken[tuple(at + reach for at in place)]:
            continue
        chosen.append(number)
        if most is not None and len(chosen) == most:
            break
        taken[tuple(slice(at, at + 2 * reach + 1) for at in place)] |= near
    return places[chosen]


def _clear_border(array: Any, widths: Sequence[int]) -> None:
    """Set the cells near the border to 0."""
    for axis, width in enumerate(widths):
        if width:
            array[(slice(None),) * axis + (slice(None, width),)] = 0
            array[(slice(None),) * axis + (slice(-width, None),)] = 0


def _as_border(value: Any, distance: int, ndim: int) -> tuple[int, ...]:
    """Return how wide a border has no peaks, along each axis."""
    if isinstance(value, bool | np.bool_):
        return (distance if value else 0,) * ndim
    if not is_sequence(value):
        return (as_integer(value, "exclude_border", 0),) * ndim
    widths = tuple(
        as_integer(n, "exclude_border", 0) for n in as_sequence(value, "exclude_border", "one width an axis")
    )
    if len(widths) != ndim:
        raise ValueError(f"exclude_border={shown(value)}: expected {ndim} widths, one an axis")
    return widths


def _as_most(value: Any, argument: str) -> int | None:
    """Return the largest number of peaks, None for any number."""
    return None if isinstance(value, float) and value == math.inf else as_integer(value, argument, 0)


def _as_regions(labels: Any, image: Any) -> Any:
    """Return a copy of the labels of the image's shape."""
    array = as_labels(labels, "labels", bools=True)
    if array.shape != image.shape:
        raise ValueError(f"labels has shape {array.shape}: expected {image.shape}, the shape of image")
    if array.size and int(array.min()) < 0:
        raise ValueError(f"labels holds the negative label {int(array.min())}: expected labels of at least 0")
    return array.astype(np.int64)
