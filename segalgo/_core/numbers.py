"""Checks of numbers that doors take: each raises an error that names the argument."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import shown


def as_real_number(value: Any, argument: str, *, least: float = -math.inf, above: float = -math.inf) -> float:
    """Return a finite real number as a Python float, at least `least` and larger than `above`."""
    array = np.asarray(value) if is_scalar(value) else None
    # A Python integer of more than 64 bits has no dtype of numbers.
    if (array is None or array.dtype.kind not in "biuf") and not isinstance(value, int):
        raise TypeError(f"{argument}={shown(value)}: expected a real number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number >= least and number > above):
        bound = f" above {above}" if above > -math.inf else f" of at least {least}" if least > -math.inf else ""
        raise ValueError(f"{argument}={shown(value)}: expected a finite number{bound}")
    return number


def as_score(value: Any, argument: str) -> float:
    """Return a real number that stands in for a score that is not defined; nan and infinities are allowed."""
    array = np.asarray(value) if is_scalar(value) else None
    if array is None or array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}={value!r}: expected a real number or nan")
    return float(value)


def is_scalar(value: Any) -> bool:
    """Return whether a value is one number, if it is one at all: an array without axes, or nothing to iterate over."""
    return getattr(value, "ndim", None) == 0 or not isinstance(value, Iterable)


def is_sequence(value: Any) -> bool:
    """Return whether a value is a sequence of numbers, one for each axis, and not one number for all of them."""
    sequence = isinstance(value, Sequence) or getattr(value, "ndim", 0) > 0
    return sequence and not isinstance(value, str | bytes)
