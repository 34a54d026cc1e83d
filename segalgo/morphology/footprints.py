"""Flat footprints, and what an image is continued with beyond its border."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_contiguous, as_integer, as_number, one_of, shown, with_few_axes

MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "max", "min", "ignore")
# What `numpy.pad` calls the modes of `scipy.ndimage`.
PAD_MODES = {"reflect": "symmetric", "nearest": "edge", "mirror": "reflect", "wrap": "wrap"}


class Footprint(NamedTuple):
    """The cells that an operation looks at, as offsets from the cell that it computes."""

    offsets: np.ndarray
    """(count, ndim) int64, in row order."""
    low: tuple[int, ...]
    """The least offset along each axis."""
    high: tuple[int, ...]
    """The largest offset along each axis."""

    @property
    def is_box(self) -> bool:
        """Whether the offsets are all those from `low` to `high`."""
        return len(self.offsets) == math.prod(b - a + 1 for a, b in zip(self.low, self.high, strict=True))

    @property
    def mirrored(self) -> "Footprint":
        """The footprint turned around its centre."""
        return footprint_of(-self.offsets[::-1])

    @property
    def shrinks_outwards(self) -> bool:
        """Whether with an offset all those belong to it that are nowhere longer, with any signs.

        A cell beyond the border that repeats a cell inside, never farther away along any axis, then adds nothing.
        """
        held = set(map(tuple, self.offsets.tolist()))
        for offset in held:
            for axis, d in enumerate(offset):
                nearer = (*offset[:axis], abs(d) - 1, *offset[axis + 1 :])
                turned = (*offset[:axis], -d, *offset[axis + 1 :])
                if turned not in held or (d and nearer not in held):
                    return False
        return True


def footprint_of(offsets: np.ndarray) -> Footprint:
    """Return the footprint of offsets, of which there is at least one."""
    return Footprint(offsets, tuple(map(int, offsets.min(0))), tuple(map(int, offsets.max(0))))


def as_footprints(footprint: Any, ndim: int) -> list[tuple[Footprint, int]]:
    """Return footprints and how often each is applied; the centre of an even size is the cell before its middle."""
    if footprint is None:
        cross = [np.zeros(ndim, np.int64)]
        for axis in range(ndim):
            for d in (-1, 1):
                cross.append(np.eye(ndim, dtype=np.int64)[axis] * d)
        offsets = np.array(cross)
        return [(footprint_of(offsets[np.lexsort(offsets.T[::-1])]), 1)]
    if _is_sequence_of_pairs(footprint):
        return [
            (_as_footprint(part, ndim), as_integer(times, "footprint's number of times", 0))
            for part, times in footprint
        ]
    return [(_as_footprint(footprint, ndim), 1)]


def _is_sequence_of_pairs(footprint: Any) -> bool:
    """Return whether this is a sequence of (footprint, number of times)."""
    if not isinstance(footprint, Sequence) or isinstance(footprint, str) or not footprint:
        return False
    return all(
        isinstance(part, list | tuple) and len(part) == 2 and getattr(part[0], "ndim", 0) > 0 for part in footprint
    )


def _as_footprint(value: Any, ndim: int) -> Footprint:
    array = as_array(value, "footprint")
    if array_module(array) is not np:
        array = array.get()  # footprints are small, and the host decides how to compute with them
    if array.dtype.kind not in "biuf":
        raise TypeError(f"footprint has dtype {array.dtype}: expected bool or numbers")
    if array.ndim != ndim:
        raise ValueError(f"footprint has shape {array.shape}: expected {ndim} axes, as image")
    offsets = np.argwhere(array != 0).astype(np.int64)
    if len(offsets) == 0:
        raise ValueError("footprint has no cell that is not 0: expected at least one")
    return footprint_of(offsets - (np.array(array.shape) - 1) // 2)


def as_ordered(value: Any, argument: str) -> Any:
    """Return an image of at least one axis whose values have an order, contiguous; float16 stays what it is."""
    array = with_few_axes(as_array(value, argument), argument)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected bool, integers or floats of at most 64 bits")
    if array.ndim == 0:
        raise ValueError(f"{argument} has shape (): expected at least one axis")
    # NaN wins in a minimum, so one pass without a temporary array finds it.
    if array.dtype.kind == "f" and array.size and bool(array_module(array).isnan(array.min())):
        raise ValueError(f"{argument} holds NaN: expected values that have an order")
    return as_contiguous(array)


def largest_of(dtype: np.dtype) -> Any:
    """Return the largest value of a dtype."""
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


def smallest_of(dtype: np.dtype) -> Any:
    """Return the smallest value of a dtype."""
    if dtype.kind == "b":
        return False
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def continued(image: Any, footprint: Footprint, mode: str, cval: Any) -> tuple[Any, tuple[slice, ...]]:
    """Return the image with a margin as wide as the footprint reaches, and where in it the image lies."""
    xp = array_module(image)
    margin = [(max(0, -a), max(0, b)) for a, b in zip(footprint.low, footprint.high, strict=True)]
    if mode in PAD_MODES:
        padded = xp.pad(image, margin, mode=PAD_MODES[mode])
    else:
        fill = {"max": largest_of, "min": smallest_of}.get(mode, lambda dtype: cval)(image.dtype)
        padded = xp.pad(image, margin, mode="constant", constant_values=fill)
    return padded, tuple(slice(before, before + n) for (before, _), n in zip(margin, image.shape, strict=True))


def as_mode(mode: Any, cval: Any, dtype: np.dtype) -> tuple[str, Any]:
    """Return how the image is continued, and the value of ``mode="constant"`` in the dtype of the image."""
    one_of(mode, "mode", MODES)
    number = as_number(int(cval) if isinstance(cval, bool | np.bool_) else cval, "cval")
    if mode != "constant":
        return mode, None
    if dtype.kind == "f":
        if math.isnan(number):
            raise ValueError(f"cval={shown(cval)}: expected a number that has an order")
        return mode, dtype.type(number)
    whole = int(number) if math.isfinite(number) else None
    if whole is None or whole != cval or not int(smallest_of(dtype)) <= whole <= int(largest_of(dtype)):
        raise ValueError(f"cval={shown(cval)}: expected a value of dtype {dtype}")
    return mode, dtype.type(whole)
