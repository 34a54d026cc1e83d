"""Checks that doors share: each raises an error that names the argument, what came and what was expected."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.array_input import as_array as as_array
from segalgo._core.array_input import as_array_and_mask as as_array_and_mask
from segalgo._core.array_input import as_contiguous as as_contiguous
from segalgo._core.array_input import is_contiguous as is_contiguous

REAL = ("float16", "float32", "float64")
# Sizes, strides, paddings and dilations stay below this, so that no product of two of them passes 2**63.
LARGEST_ARGUMENT = 2**31 - 1
LONGEST_SHOWN = 200
# Axes of arrays whose cells have neighbours: a cell has up to 3**8 - 1 of them, and tables of them stay small.
MOST_AXES = 8


def as_planes(value: Any, argument: str, dtypes: Sequence[str] = REAL) -> Any:
    """Return a tensor (N, C, H, W) of one of the dtypes, contiguous; (C, H, W) gains a leading axis of one."""
    array = as_array(value, argument)
    if array.ndim not in (3, 4):
        raise ValueError(f"{argument} has shape {array.shape}: expected (N, C, H, W) or (C, H, W)")
    if array.dtype.name not in dtypes:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(dtypes)}")
    array = as_contiguous(array)
    return array if array.ndim == 4 else array[None]


def as_real(value: Any, argument: str, least_rank: int = 0) -> Any:
    """Return a float tensor of any rank from `least_rank`, contiguous."""
    array = as_array(value, argument)
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    if array.ndim < least_rank:
        raise ValueError(f"{argument} has shape {array.shape}: expected at least {least_rank} axes")
    return as_contiguous(array.reshape(1)).reshape(()) if array.ndim == 0 else as_contiguous(array)


def as_double(value: Any, argument: str, shape: tuple[int, ...]) -> Any:
    """Return a float tensor of the given shape as contiguous float64."""
    array = as_array(value, argument)
    if array.dtype.name not in REAL:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    if array.shape != shape:
        raise ValueError(f"{argument} has shape {array.shape}: expected {shape}")
    return as_contiguous(array.astype(np.float64, copy=False))


def widened(array: Any) -> Any:
    """Return float16 of any byte order as float32, which holds every value of it; any other array as it is."""
    # A dtype of another byte order is not equal to numpy.float16.
    return array.astype(np.float32) if (array.dtype.kind, array.dtype.itemsize) == ("f", 2) else array


def as_grey(value: Any, argument: str) -> Any:
    """Return a picture of real numbers, contiguous, in a dtype that kernels know: bool as uint8, float16 as float32."""
    array = as_array(value, argument)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected bool, integers or float16 to float64")
    array = as_contiguous(array) if array.ndim else as_contiguous(array).reshape(())
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return widened(array)


def shown(value: Any) -> str:
    """Return the value as error messages show it: its `repr`, shortened; its type where it has none to show."""
    try:
        text = repr(value)
    except Exception:  # integers of thousands of digits, broken objects
        return f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def as_integer(value: Any, argument: str, least: int | None = None, most: int = LARGEST_ARGUMENT) -> int:
    """Return an integer from `least`, or else from minus `most`, to `most`; True and False are none."""
    if isinstance(value, bool):
        raise TypeError(f"{argument}={value!r}: expected an integer")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}={shown(value)}: expected an integer") from None
    least = -most if least is None else least
    if number < least:
        raise ValueError(f"{argument}={shown(number)}: expected at least {least}")
    if number > most:
        raise ValueError(f"{argument}={shown(number)}: expected at most {most}")
    return number


def as_number(value: Any, argument: str) -> float:
    """Return a real number as a float; NaN and infinities are numbers."""
    numeric = hasattr(value, "__float__") or hasattr(value, "__index__")
    if not numeric or isinstance(value, str | bytes | bytearray | bool):
        raise TypeError(f"{argument}={shown(value)}: expected a number")
    if getattr(value, "shape", ()) != () or getattr(getattr(value, "dtype", None), "kind", "f") not in "iuf":
        raise TypeError(f"{argument}={shown(value)}: expected a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{argument}={shown(value)}: expected a number within the range of float64") from None
    except (TypeError, ValueError):
        raise TypeError(f"{argument}={shown(value)}: expected a number") from None


def as_flag(value: Any, argument: str) -> bool:
    """Return True or False; 0 and 1 count as them."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, int | np.integer) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{argument}={shown(value)}: expected True or False")


def as_sequence(value: Any, argument: str, expected: str) -> tuple[Any, ...]:
    """Return the elements of a list, a tuple or an array of one axis."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return tuple(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return tuple(value)
    raise TypeError(f"{argument}={shown(value)}: expected {expected}")


def is_sequence(value: Any) -> bool:
    """Return whether the value has elements of its own: a list, a tuple, a string, an array of at least one axis."""
    return isinstance(value, Sequence) or getattr(value, "ndim", 0) > 0


def as_pair(value: int | Sequence[int], argument: str, least: int) -> tuple[int, int]:
    """Return two integers, both at least `least`; one integer counts for both axes."""
    if not is_sequence(value):
        return (as_integer(value, argument, least),) * 2
    elements = as_sequence(value, argument, "an integer or a pair of integers")
    if len(elements) not in (1, 2):
        raise ValueError(f"{argument}={shown(value)}: expected an integer or a pair of integers, each at least {least}")
    try:
        pair = tuple(as_integer(element, argument, least) for element in elements)
    except (TypeError, ValueError) as error:
        limit = "" if isinstance(error, TypeError) else f", each from {least} to {LARGEST_ARGUMENT}"
        raise type(error)(f"{argument}={shown(value)}: expected an integer or a pair of integers{limit}") from None
    return pair * 2 if len(pair) == 1 else pair


def one_of(value: Any, argument: str, choices: Sequence[Any]) -> Any:
    """Return the value if it is one of the choices."""
    if getattr(value, "ndim", 0) > 0 or value not in choices:  # an array cannot be compared with a word
        raise ValueError(f"{argument}={shown(value)}: expected one of {', '.join(map(repr, choices))}")
    return value


def with_few_axes(array: Any, argument: str) -> Any:
    """Return the array if it has at most `MOST_AXES` axes."""
    if array.ndim > MOST_AXES:
        raise ValueError(f"{argument} has {array.ndim} axes: expected at most {MOST_AXES}")
    return array
