"""What callers hand in as an array, taken as NumPy or CuPy numbers, or refused where something would be lost."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy

# Pillow's modes whose numbers are the picture; in the others they are palette entries or another color space.
PLAIN_MODES = ("1", "L", "LA", "I", "F", "RGB", "RGBA")
# Beyond this a float64 no longer tells neighbouring integers apart.
LARGEST_EXACT = 2**53
DEEPEST_LIST = 64


def as_array(value: Any, argument: str) -> Any:
    """Return a NumPy or CuPy array of numbers.

    Anything else goes through `numpy.asarray` or DLPack: lists, pandas, xarray and Dask objects, Pillow images, PyTorch
    tensors on the processor. What carries more than its numbers (masked elements, units, gradients, a palette) is
    refused with a TypeError, so that nothing is dropped in silence.
    """
    if is_cupy(value):
        return value
    if type(value) is np.ndarray:
        return _of_numbers(value, value, argument)
    _refuse_what_would_be_lost(value, argument)
    return _of_numbers(_converted(value, argument), value, argument)


def as_array_and_mask(value: Any, argument: str, mask: Any = None) -> tuple[Any, Any]:
    """Return the numbers of an array and the mask of elements to use (True: used), or None where all are.

    For functions with a parameter ``mask``: the elements that a `numpy.ma` array masks out are left out as well.
    """
    if not isinstance(value, np.ma.MaskedArray):
        return as_array(value, argument), None if mask is None else as_array(mask, "mask")
    array = as_array(np.ma.getdata(value), argument)
    chosen = None if mask is None else as_array(mask, "mask")
    if not np.ma.is_masked(value):
        return array, chosen
    unmasked = ~np.ma.getmaskarray(value)
    if chosen is None:
        return array, unmasked
    if chosen.shape != array.shape:
        raise ValueError(f"mask has shape {chosen.shape}: expected that of {argument}, {array.shape}")
    return array, (chosen != 0) & unmasked


def as_contiguous(array: Any) -> Any:
    """Return the array C-contiguous, aligned and in native byte order; itself where it is so already."""
    if is_contiguous(array) and array.ndim:
        return array
    if is_cupy(array):
        import cupy

        contiguous = cupy.ascontiguousarray(array)
    else:
        contiguous = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return contiguous if is_contiguous(contiguous) else contiguous.copy()


def is_contiguous(array: Any) -> bool:
    """Return whether kernels can read and write the array in place: C-contiguous, aligned, in native byte order."""
    aligned = array.data.ptr % array.dtype.itemsize == 0 if is_cupy(array) else array.flags.aligned
    return bool(array.flags.c_contiguous and aligned and array.dtype.isnative)


def _of_numbers(array: np.ndarray, value: Any, argument: str) -> np.ndarray:
    if array.dtype == object or array.dtype.kind in "USVMmT":
        raise TypeError(
            f"{argument} of type {type(value).__name__} and dtype {array.dtype}: expected an array of numbers"
        )
    return array


def _converted(value: Any, argument: str) -> np.ndarray:
    came = f"{argument} of type {type(value).__name__}"
    try:
        array = np.asarray(value)
        if array.dtype == object and array.ndim == 0 and hasattr(value, "__dlpack__"):
            array = np.from_dlpack(value)
    except ValueError as error:
        if isinstance(value, list | tuple):
            raise ValueError(f"{came} is no array, its rows differ in length or depth: {error}") from None
        raise TypeError(f"{came} cannot be read as an array: {error}") from None
    except OverflowError as error:
        raise ValueError(f"{came} holds numbers outside every dtype: {error}") from None
    except (TypeError, RuntimeError, BufferError, AttributeError, NotImplementedError) as error:
        # PyTorch and others say here why (another device, a gradient, a dtype that NumPy lacks).
        raise TypeError(f"{came} cannot be read as a NumPy array without loss: {error}") from None
    if isinstance(value, list | tuple):
        return _exact_integers(array, value, argument)
    return array


def _exact_integers(array: np.ndarray, value: Any, argument: str) -> np.ndarray:
    """Return the array of a list; integers that NumPy would round to float64 or keep as objects keep their values."""
    if array.dtype == np.float64:
        with np.errstate(invalid="ignore"):
            if not (np.abs(array) >= LARGEST_EXACT).any():
                return array
    elif array.dtype != object:
        return array
    objects = np.asarray(value, object)
    try:
        least, most = (operator.index(bound(objects.reshape(-1))) for bound in (min, max))
        for number in objects.reshape(-1):
            operator.index(number)
    except (TypeError, ValueError):
        return array
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
            return objects.astype(dtype)
    raise ValueError(f"{argument} holds integers from {least} to {most}: no integer dtype holds them all")


def _refuse_what_would_be_lost(value: Any, argument: str) -> None:
    came = f"{argument} of type {type(value).__name__}"
    for part in _parts(value):
        if isinstance(part, np.ma.MaskedArray) and (part is not value or np.ma.is_masked(part)):
            raise TypeError(
                f"{came} has masked elements: expected an array without; "
                f"fill them with `numpy.ma.filled(array, value)`, or use a function that has a parameter mask"
            )
        if _has_unit(part):
            raise TypeError(
                f"{came} has a unit: expected plain numbers; pass its `value` or `magnitude` in the unit that you mean"
            )
    if type(value).__module__.partition(".")[0] == "PIL":
        mode = getattr(value, "mode", "")
        if not (mode in PLAIN_MODES or mode.startswith("I;16")):
            raise TypeError(
                f"{came} is a Pillow image of mode {mode!r}, whose numbers are not the colors seen: expected one of "
                f"mode {', '.join(PLAIN_MODES)}; use `image.convert('RGB')` for colors, `numpy.asarray(image)` "
                f"for the numbers"
            )


def _parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield an object and what it wraps: the elements of lists, the data of an xarray object, the chunks of Dask."""
    yield value
    if isinstance(value, list | tuple):
        if depth < DEEPEST_LIST:
            for element in value:
                if not isinstance(element, int | float):
                    yield from _parts(element, depth + 1)
        return
    library = type(value).__module__.partition(".")[0]
    if library == "xarray" and hasattr(value, "variable"):
        yield from _parts(value.variable.data, depth + 1)
    elif library == "dask" and isinstance(getattr(value, "_meta", None), np.ma.MaskedArray):
        yield value._meta


def _has_unit(value: Any) -> bool:
    """Return whether this is a quantity of astropy, pint, unyt or their kind: its type defines `unit` or `units`."""
    if isinstance(value, int | float | np.generic) or type(value) is np.ndarray:
        return False
    return any(hasattr(type(value), name) for name in ("unit", "units"))
