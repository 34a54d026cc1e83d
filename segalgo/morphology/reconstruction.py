"""Reconstruction of an image from a lower or a higher one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_integer, as_sequence, one_of, widened
from segalgo._core.dispatch import wing
from segalgo.morphology.footprints import as_ordered

METHODS = ("dilation", "erosion")


def reconstruction(
    seed: Any,
    mask: Any,
    method: str = "dilation",
    footprint: Any = None,
    offset: Sequence[int] | None = None,
) -> Any:
    """Return the image to which dilations of a seed lead that never rise above a mask.

    With ``method="erosion"``: erosions that never sink below it.

    Parameters
    ----------
    seed : array of bool, integers or floats, any number of axes
        Where the reconstruction begins, nowhere above `mask` (``"erosion"``: nowhere below). NumPy or CuPy.
    mask : array, shape of `seed`
        What no value may pass.
    method : {"dilation", "erosion"}, default "dilation"
        Whether values rise or sink.
    footprint : array with as many axes as `seed`, optional
        The cells to which a value spreads: those that are not 0, around the centre. By default all that touch it.
    offset : sequence of int, optional
        The centre of the footprint; by default the middle of its odd sizes.

    Returns
    -------
    array, shape of `seed`
        In the dtype that holds the values of both arrays.

    Raises
    ------
    TypeError
        If an array has another dtype, or no integer dtype holds the values of both.
    ValueError
        If shapes differ, an array holds NaN, the seed is on the wrong side of the mask, `method` is unknown, or
        `footprint` or `offset` does not fit.

    See Also
    --------
    h_maxima, local_maxima

    Notes
    -----
    Grade: exact: only one image is stable and reached from the seed, whatever the order of work. The values of
    `skimage.morphology.reconstruction` (0.26), which returns floats. The processor sweeps over the image twice and
    gives the rest to a queue [1]_, in bands of lines; the GPU scans along the axes until nothing changes. Scratch: 32
    bytes for each cell that waits in the queue; on the GPU the image once.

    References
    ----------
    .. [1] L. Vincent, "Morphological grayscale reconstruction in image analysis: applications and efficient
       algorithms", IEEE Transactions on Image Processing 2(2), 1993.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> mask = np.array([1, 3, 3, 2, 5, 4])
    >>> segalgo.reconstruction(np.array([0, 3, 0, 0, 0, 0]), mask)
    array([1, 3, 3, 2, 2, 2])
    """
    one_of(method, "method", METHODS)
    start, limit = as_ordered(seed, "seed"), as_ordered(mask, "mask")
    if limit.shape != start.shape:
        raise ValueError(f"mask has shape {limit.shape}: expected {start.shape}, the shape of seed")
    dtype = np.result_type(start.dtype, limit.dtype)
    if dtype.kind == "f" and "f" not in (start.dtype.kind, limit.dtype.kind):
        raise TypeError(f"seed has dtype {start.dtype} and mask {limit.dtype}: expected one integer dtype for both")
    offsets = as_spread(footprint, offset, start.ndim)
    start, limit = start.astype(dtype, copy=False), limit.astype(dtype, copy=False)
    wrong = start > limit if method == "dilation" else start < limit
    if bool(wrong.any()):
        side = "above" if method == "dilation" else "below"
        raise ValueError(f"seed is {side} mask somewhere: expected a seed that is nowhere {side} it")
    return reconstructed(start, limit, offsets, method)


def reconstructed(seed: Any, mask: Any, offsets: np.ndarray, method: str = "dilation") -> Any:
    """Return the reconstruction of checked arrays of one dtype."""
    dtype = seed.dtype
    if method == "erosion":
        seed, mask = turned(seed), turned(mask)
    if dtype.kind == "b":
        seed, mask = seed.view(np.uint8), mask.view(np.uint8)
    seed, mask = widened(seed), widened(mask)
    compute = wing("morphology.reconstruction", seed, mask)
    result = compute.reconstruction(seed, mask, offsets)
    result = result.view(bool) if dtype.kind == "b" else result.astype(dtype, copy=False)
    return turned(result) if method == "erosion" else result


def turned(array: Any) -> Any:
    """Return values in the opposite order: the complement of integers, the negative of floats."""
    return -array if array.dtype.kind == "f" else ~array


def as_spread(footprint: Any, offset: Any, ndim: int) -> np.ndarray:
    """Return the offsets (count, ndim) to which a value spreads, without the centre, in row order."""
    if footprint is None:
        chosen = np.ones((3,) * ndim, bool)
    else:
        array = as_array(footprint, "footprint")
        chosen = np.asarray(array if array_module(array) is np else array.get()) != 0
        if chosen.ndim != ndim or chosen.size == 0:
            raise ValueError(f"footprint has shape {chosen.shape}: expected {ndim} axes, as the image")
    if offset is None:
        if any(n % 2 == 0 for n in chosen.shape):
            raise ValueError(f"footprint has shape {chosen.shape}: expected odd sizes, or an offset")
        centre = [n // 2 for n in chosen.shape]
    else:
        given = as_sequence(offset, "offset", "one integer an axis")
        centre = [as_integer(d, "offset") for d in given]
        if len(centre) != ndim or not all(0 <= d < n for d, n in zip(centre, chosen.shape, strict=True)):
            raise ValueError(f"offset={offset!r}: expected a cell of the footprint, of shape {chosen.shape}")
    offsets = np.argwhere(chosen) - np.array(centre)
    return np.ascontiguousarray(offsets[offsets.any(1)], np.int64)
